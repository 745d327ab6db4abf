"""Run the model as an implementation in this process, and compare its replies with the vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from gritstone_conformance.bridges.sandbox import RefusedError, SandboxBridge
from gritstone_conformance.cases import Case
from gritstone_conformance.judge import compare, substitute
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.planning.suite import load_data
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in

__all__ = ["Asked", "Forms", "Played", "is_played", "play_vector", "played", "recorded_replies"]

_SLOW: Final = {"grit/depth/arrays"}
"""Vectors that take the model more than a second; other vectors have replies of the same shapes."""

_SANDBOX: Final = ("sandbox/export/grit-", "sandbox/fork/grit-", "sandbox/keep/grit-", "sandbox/snapshot/grit-")
"""Vectors of ``sandbox`` that the model answers, through the bridge; the interpreter predicts the others."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a vector with its right reply.

    Attributes:
        case: the name of the vector.
        op: the operation.
        expect: what the vector expects.
        reply: the reply.
        bindings: the values of the names in the expectation.
    """

    case: str
    op: str
    expect: Mapping[str, Json]
    reply: Reply
    bindings: dict[str, Json]


@dataclass(slots=True)
class Forms:
    """Right replies of vectors, one for each combination of operation, expected shape and reply shape.

    Attributes:
        kept: the first reply of each combination.
    """

    kept: list[Asked] = field(default_factory=list)
    _seen: set[object] = field(default_factory=set)

    def note(self, asked: Asked) -> None:
        """Keep a right reply if it is the first of its combination."""
        kind = asked.op, repr(_form(asked.expect)), type(asked.reply), repr(_form(getattr(asked.reply, "value", 0)))
        if kind not in self._seen:
            self._seen.add(kind)
            self.kept.append(asked)


def is_played(case: Case) -> bool:
    """Return whether the model answers a vector, in less than about a second."""
    return case.name.startswith(_SANDBOX) if case.profile == "sandbox" else case.name not in _SLOW


class _BridgedModel:
    """The model as a sandbox."""

    def __init__(self) -> None:
        self._operations = SandboxBridge(GuestHost()).operations()

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Answer one request."""
        try:
            return Ok(self._operations[op](args))
        except RefusedError as refused:
            return Refused(refused.kind)


def play_vector(case: Case, note: Callable[[Asked], None] | None = None) -> str | None:
    """Run a vector on the model; returns the first difference, or None.

    Args:
        case: the vector.
        note: is called with each right reply.

    Spec: :rule:`suite.mutant.oracle`.
    """
    for asked in _play(case):
        difference = compare(asked.expect, asked.reply, asked.bindings)
        if difference is not None:
            return f"{asked.op}: {difference.signature}"
        if note is not None:
            note(asked)
    return None


@dataclass(frozen=True, slots=True)
class Played:
    """The answers of the model to every vector that it answers.

    Attributes:
        wrong: the first difference of each vector, or None, by its name.
        forms: right replies.
    """

    wrong: Mapping[str, str | None]
    forms: Forms


@cache
def played() -> Played:
    """Run every vector on the model, once per process."""
    forms = Forms()
    cases = filter(is_played, load_data().vectors.cases())
    return Played({case.name: play_vector(case, forms.note) for case in cases}, forms)


def recorded_replies() -> list[Asked]:
    """Return right replies of the vectors, one for each combination of operation, expected shape and reply shape."""
    return played().forms.kept


def _play(case: Case) -> Iterator[Asked]:
    """Yield each step with the reply of the model; the caller must bind the names before it takes the next step."""
    places, bindings = TemporaryPaths(), dict[str, Json]()
    host = _BridgedModel() if case.profile == "sandbox" else ImageHost()
    try:
        for step in case.steps:
            places.provide(names_in(step.args), bindings)
            reply = host.ask(step.op, substitute(step.args, bindings))
            yield Asked(case.name, step.op, step.expect, reply, bindings)
    finally:
        places.remove()


def _form(value: Json) -> Json:
    """Return the shape of a value: members, the first two items of lists, and types of scalars."""
    if isinstance(value, dict):
        return {key: _form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_form(item) for item in value[:2]]
    return type(value).__name__
