"""Cases on a mutant: which reach it, and which notice it."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target as Attached
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Plan, Planned, Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.plan_runner import execute, run_item

from .mutants import Mutant, Result
from .targets import Target

__all__ = ["Bench", "Reach", "Reached", "Work", "in_parallel", "planned", "read_reach", "write_reach"]

_SETTINGS: Final = RunSettings(shrink_s=0.0, shrink_all_s=0.0, shrink_tries=0, saves=False)
_ATTACH: Final = AttachSettings(deadline_scale=0.5)
_BATCH: Final = 25
"""So many cases are run in one process to record what they reach; unless the target marks cases, they count as one."""
_MOST_FOUND: Final = 20
"""After so many failures and errors of other topics no more are looked for."""


_LEAST_S: Final = 0.001
"""No case counts as shorter."""


class _Enough(BaseException):
    """Ends a run: what was looked for is found. No Exception, so that the run lets it pass."""


@cache
def _matches(rule: str, glob: str) -> bool:
    return fnmatchcase(rule, glob)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def planned(names: str = "*") -> dict[str, Planned]:
    """Return the cases that a gate runs and whose names match, by their names."""
    plan = plan_run(load_data(), Selection(), 1)
    return {item.name: item for item in plan.items if item.kind != "watch" and fnmatchcase(item.name, names)}


@dataclass(frozen=True, slots=True)
class Reached:
    """What cases reach.

    Attributes:
        cases: their names; several if only what they reach together is known.
        seconds: how long each takes on the implementation itself.
        places: what they reach, as a bit mask.
    """

    cases: Sequence[str]
    seconds: Sequence[float]
    places: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What all cases reach."""

    rows: Sequence[Reached]

    def cases(self, places: int) -> list[str]:
        """Return the cases that reach one of some places."""
        return [name for row in self.rows if row.places & places for name in row.cases]

    def seconds(self) -> dict[str, float]:
        """Return how long each case takes."""
        return {name: seconds for row in self.rows for name, seconds in zip(row.cases, row.seconds, strict=True)}


@dataclass(frozen=True, slots=True)
class Work:
    """A mutant to be judged.

    Attributes:
        mutant: the mutant.
        cases: the cases that are run on it, by their names.
    """

    mutant: Mutant
    cases: Sequence[str]


@dataclass(frozen=True, slots=True)
class Bench:
    """An implementation with its mutants built in.

    Attributes:
        target: the implementation.
        folder: the build.
        mutants: all of them.
        topics: file -> globs of the rules that its code carries out.
        items: the cases, by their names.
        seconds: how long each case takes on the implementation itself, as far as that is known.
        limit_s: a mutant gets no further case once those before took so long.
        until: the time of the monotonic clock from which on no mutant is begun.
    """

    target: Target
    folder: Path
    mutants: Sequence[Mutant]
    topics: Mapping[str, Sequence[str]]
    items: Mapping[str, Planned]
    seconds: Mapping[str, float] = field(default_factory=dict)
    limit_s: float = math.inf
    until: float = math.inf

    def play(
        self, items: Sequence[Planned], mutant: Mutant | None, reached: Path | None, notify: Callable[[Outcome], None]
    ) -> None:
        """Run cases in their order, in one process; ``notify`` may end that by ``_Enough``."""
        if not items:
            return
        with _environment(self.target.switched_on(mutant, reached)):
            attached = Attached("stdio", tuple(self.target.command(self.folder)))
            try:
                subject = Subject(attached.opener(), _ATTACH)
            except SubjectFault as fault:
                item = items[0]
                notify(Outcome(item.name, item.digest, item.kind, item.rules, "MUST", "error", detail=str(fault)))
                return
            try:
                execute(Plan(tuple(items), 1, Selection()), subject, load_data().book, _SETTINGS, notify)
            except _Enough:
                subject.close()

    def reach(self, names: Sequence[str]) -> list[Reached]:
        """Run cases in one process; return what those that pass reach: each of them, or all together."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "reached")
            items = [self.items[name] for name in names]
            if self.target.marks_cases:
                return self._reached_by_each(items, path)
            outcomes: list[Outcome] = []
            self.play(items, None, path, outcomes.append)
            passed = [outcome for outcome in outcomes if outcome.verdict == "pass"]
            reached = self.target.reached(path) if passed else 0
            return [Reached([each.case for each in passed], [each.seconds for each in passed], reached)]

    def _reached_by_each(self, items: Sequence[Planned], path: Path) -> list[Reached]:
        found: list[Reached] = []
        recorder = OutcomeBuilder(load_data().book)
        with _environment(self.target.switched_on(None, path)):
            attached = Attached("stdio", tuple(self.target.command(self.folder)))
            subject = ObservedSubject(Subject(attached.opener(), _ATTACH), Ledger())
            self.target.reached(path)
            for item in items:
                outcome = run_item(item, subject, recorder, _SETTINGS)
                reached = self.target.reached(path)
                if outcome.verdict == "pass":
                    found.append(Reached([outcome.case], [outcome.seconds], reached))
            subject.close()
        return found

    def batches(self) -> list[list[str]]:
        """Return the cases that are run together to record what they reach: short ones of the same folder."""
        folders: dict[str, list[str]] = {}
        for name, item in sorted(self.items.items()):
            is_joined = self.target.marks_cases or item.kind in ("vector", "property")
            folders.setdefault(name.rpartition("/")[0] if is_joined else name, []).append(name)
        return [names[start : start + _BATCH] for names in folders.values() for start in range(0, len(names), _BATCH)]

    def of_topic(self, file: str) -> list[str]:
        """Return the cases that judge a rule of a file's topic, by their names."""
        return [name for name, item in self.items.items() if self._is_topic(file, item.rules)]

    def _is_topic(self, file: str, rules: Sequence[str]) -> bool:
        return any(_matches(rule, glob) for rule in rules for glob in self.topics.get(file, ()))

    def judge(self, work: Work) -> Result | None:
        """Run cases on a mutant until one fails under a rule of its topic; None if the time was over before.

        The cases whose rules belong to the topic come first, then the others.
        After those of the topic any failure is enough.
        """
        mutant = work.mutant
        if time.monotonic() > self.until:
            return None
        if not work.cases:
            return Result(mutant.name, mutant.file, "not-reached")
        ranked = self.ranked(work.cases)
        own = [self.items[name] for name in ranked if self._is_topic(mutant.file, self.items[name].rules)]
        rest = [self.items[name] for name in ranked if not self._is_topic(mutant.file, self.items[name].rules)]
        found, spent = list[Outcome](), list[float]()

        def note(outcome: Outcome, *, any_rule: bool) -> None:
            spent.append(outcome.seconds)
            if outcome.verdict in ("fail", "error"):
                found.append(outcome)
                is_enough = any_rule or self._is_topic(mutant.file, [outcome.rule or ""])
                if len(found) > _MOST_FOUND or (outcome.verdict == "fail" and is_enough):
                    raise _Enough
            if sum(spent) > self.limit_s:
                raise _Enough

        self.play(own, mutant, None, partial(note, any_rule=False))
        if not found and sum(spent) <= self.limit_s:
            self.play(rest, mutant, None, partial(note, any_rule=True))
        return self._result(mutant, found)

    def ranked(self, names: Sequence[str]) -> list[str]:
        """Return cases in the order in which they run: short ones of each folder first.

        Cases of one folder often notice the same faults, so the n-th of a folder counts as n times as long.
        """
        turns: Counter[str] = Counter()
        ranks: dict[str, tuple[float, bool]] = {}
        for name in sorted(names, key=lambda name: (self.seconds.get(name, 0.0), self.items[name].kind != "vector")):
            folder = name.rpartition("/")[0]
            turns[folder] += 1
            is_vector = self.items[name].kind == "vector"
            ranks[name] = (max(self.seconds.get(name, 0.0), _LEAST_S) * turns[folder], not is_vector)
        return sorted(ranks, key=lambda name: ranks[name])

    def _result(self, mutant: Mutant, found: Sequence[Outcome]) -> Result:
        failed = [outcome for outcome in found if outcome.verdict == "fail"]
        right = [outcome for outcome in failed if self._is_topic(mutant.file, [outcome.rule or ""])]
        verdict = "right-topic" if right else "other-topic" if failed else "error" if found else "survived"
        decided = next(iter([*right, *failed, *found]), None)
        case, rule = (None, None) if decided is None else (decided.case, decided.rule)
        return Result(mutant.name, mutant.file, verdict, case, rule)


_shared: list[Bench] = []
"""The bench of the worker processes, which are forked: cases hold functions that cannot be sent."""


def in_parallel(bench: Bench, method: Callable[[Bench, Any], Any], tasks: Sequence[Any], jobs: int) -> Iterator[Any]:
    """Yield what a method of the bench returns for each task, in order, from several processes."""
    _shared[:] = [bench]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(partial(_call, method.__name__), tasks)


def _call(method: str, task: Any) -> Any:
    return getattr(_shared[0], method)(task)


def read_reach(path: Path) -> Reach:
    """Return what cases reach, from a file that ``write_reach`` wrote."""
    with path.open() as lines:
        return Reach(
            [Reached(cases, times, int(bits, 16)) for line in lines for cases, times, bits in json.loads(line)]
        )


def write_reach(bench: Bench, path: Path, jobs: int) -> None:
    """Write a line for each batch of cases: their names, their seconds, and the bit mask of what they reach.

    The batches are recorded in order, so an unfinished file is continued after its last whole line.
    """
    unfinished = path.with_suffix(".part")
    known = unfinished.read_text().splitlines(keepends=True) if unfinished.exists() else []
    known = [line for line in known if line.endswith("\n")]
    with unfinished.open("w") as out:
        out.writelines(known)
        for rows in in_parallel(bench, Bench.reach, bench.batches()[len(known) :], jobs):
            out.write(json.dumps([(row.cases, row.seconds, f"{row.places:x}") for row in rows]) + "\n")
            out.flush()
    unfinished.rename(path)
