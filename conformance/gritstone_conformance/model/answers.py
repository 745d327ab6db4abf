"""Answers that a query may have had: those of the steps of its target.

Spec: "Queries" in ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.law import Foreign
from gritstone_conformance.model.puppet import REFUSED, Question
from gritstone_conformance.model.queries import answer_query
from gritstone_conformance.model.refusals import Refusal

__all__ = ["Answers", "QueryAnswers"]

_MOST_RUNS: Final = 4096


@dataclass(slots=True)
class Answers:
    """The possible answers in one history, remembered by question."""

    history: History
    _known: dict[tuple[bytes, str, bytes], list[bytes | None] | None] = field(default_factory=dict)

    def to(self, question: Question) -> list[bytes | None] | None:
        """Return the different answers that steps of the target give, or None where any answer is believed."""
        key = question.actor, question.name, question.args
        if key not in self._known:
            self._known[key] = self._ask(question)
        return self._known[key]

    def _ask(self, question: Question) -> list[bytes | None] | None:
        chain = self.history.chains.get(question.actor)
        if self.history.is_open(question.actor):
            return None
        found: dict[bytes | None, None] = {}
        shelf = self.history.shelf
        before, shelf.erased = shelf.erased, set()
        try:
            for step in reversed(chain.ids if chain is not None else ()):
                try:
                    found.setdefault(answer_query(shelf, step, question.name, question.args))
                except Refusal:
                    found.setdefault(REFUSED)
                shelf.trim()
            found.setdefault(REFUSED)
            return None if shelf.erased else list(found)
        except Foreign:
            return None
        finally:
            shelf.erased = before


@dataclass(slots=True)
class QueryAnswers:
    """One way after the other in which the queries of a transition may have been answered.

    Attributes:
        answers: the possible answers.
        guess: what the step has at a path: tried first, and believed where any answer is.
        anywhere: whether the step may have been made in another store; then any answer is believed.
        believed: whether any answer had to be believed.
        spent: whether there are more ways than anybody tries.
    """

    answers: Answers
    guess: Callable[[tuple[str, ...]], bytes | None]
    anywhere: bool = False
    believed: bool = False
    spent: bool = False
    _taken: list[int] = field(default_factory=list)
    _widths: list[int] = field(default_factory=list)

    def runs(self) -> Iterator[None]:
        """Yield once for each way; the transition is run in between."""
        for _ in range(_MOST_RUNS):
            self._widths = []
            yield
            while self._widths and self._taken[len(self._widths) - 1] + 1 >= self._widths[-1]:
                self._widths.pop()
            if not self._widths:
                return
            del self._taken[len(self._widths) :]
            self._taken[-1] += 1
        self.spent = True

    def ask(self, question: Question) -> bytes | None:
        """Answer a query in the present way."""
        likely = self.guess(question.path)
        possible = None if self.anywhere else self.answers.to(question)
        if possible is None:
            self.believed = True
            possible = [likely, None, REFUSED]
        elif likely in possible:
            possible = [likely, *(each for each in possible if each != likely)]
        at = len(self._widths)
        self._widths.append(len(possible))
        if at == len(self._taken):
            self._taken.append(0)
        return possible[self._taken[at]]
