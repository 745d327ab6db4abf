"""Detection of a mutant: the cases of the rule that it violates are run on it until one fails under that rule.

Nothing is shrunk or saved, so this takes as long as the first failure needs. The case that the mutant's entry names in
``by`` runs first. That only saves time: if it does not detect the mutant, all other cases follow. ``run_gate`` runs
every case of the gate, whatever fails.

A fault in the lines of the protocol is judged as in a run: by the watch of its rule, after the process has ended. If
``hello`` itself is at fault, no case is run; then the rule that the fault names is the one that was found.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.claims import covered_profiles
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.planning.plan import Plan, Planned, Selection, Watch
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.planning.watches import WATCHED
from gritstone_conformance.replies import Claims
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.running.property_runner import run_property
from gritstone_conformance.running.vector_runner import run_vectors
from gritstone_conformance.trial import Property
from selftests.mutants.forked import Forking, can_fork
from selftests.mutants.mutate import Mutant, edits_in_environment

__all__ = ["Found", "detect", "opener", "run_gate"]

_PATIENCE: Final = (1.0, 0.2, 0.05)
"""Scale of the deadlines: in general; of a liar, or a mutant that is detected by a timeout (hello 2 s, grace of twice
that); of a mutant that is both."""
_LISTENS_S: Final = 20.0
"""How long a mutant may take until it listens."""
_MATERIAL: Final = 40
"""Vectors that are sent to a liar at once, because any line may contain the fault."""
_LINES: Final = 10 * _MATERIAL
"""Vectors after which a liar that was not detected is a survivor."""


@dataclass(slots=True)
class Found:
    """The result of running cases on a mutant.

    Attributes:
        failed: the rules under which cases failed.
        cases: the names of the cases that were run.
    """

    failed: set[str] = field(default_factory=set)
    cases: list[str] = field(default_factory=list)


@cache
def _data() -> SuiteData:
    return load_data()


@cache
def _plan() -> Plan:
    return plan_run(_data(), Selection(), 1)


@cache
def _about() -> dict[str, list[Planned]]:
    """Return the cases of each rule."""
    about: dict[str, list[Planned]] = {}
    for item in _plan().items:
        for rule in () if isinstance(item.source, Watch) else item.rules:
            about.setdefault(rule, []).append(item)
    return about


def detect(command: Sequence[str], mutant: Mutant, home: Path) -> Found:
    """Run the cases of a mutant's rule on it until one fails under that rule.

    Args:
        command: starts it.
        mutant: the mutant.
        home: an empty directory.

    Returns:
        What failed, and what was run.
    """
    with _attached(command, mutant, home) as launcher:
        return _detect(launcher, mutant, home)


def _detect(launcher: Launcher, mutant: Mutant, home: Path) -> Found:
    found = Found()
    try:
        subject = _start(launcher)
    except SubjectFault as fault:
        found.failed |= _watched([fault])
        return found
    observed = ObservedSubject(subject, Ledger())
    try:
        for item in _cases_of(mutant, subject.claims):
            found.cases.append(item.name)
            outcome = _run(item, observed, home)
            found.failed |= {outcome.rule or ""} if outcome.verdict == "fail" else set()
            if mutant.violates in found.failed | _watched(subject.faults):
                break
        else:
            if mutant.violates in WATCHED:
                _look_at_lines(observed)
    finally:
        observed.close()
    found.failed |= _watched(subject.faults)
    return found


def run_gate(command: Sequence[str], mutant: Mutant, home: Path) -> Found:
    """Run the whole gate on a mutant, as ``verify`` does, and return what failed and what was executed."""
    with _attached(command, mutant, home) as launcher:
        return _run_gate(launcher, home)


def _run_gate(launcher: Launcher, home: Path) -> Found:
    try:
        subject = _start(launcher)
    except SubjectFault as fault:
        return Found(_watched([fault]))
    settings = RunSettings(shrink_s=0.0, home=home, saves=False)
    outcomes = execute(_plan(), subject, _data().book, settings, lambda _: None).outcomes
    failed = {outcome.rule or "" for outcome in outcomes if outcome.verdict == "fail"}
    return Found(failed, [outcome.case for outcome in outcomes if outcome.was_executed])


def _start(launcher: Launcher) -> Subject:
    """Start or connect; an adapter that listens may need some time before it does."""
    until = time.monotonic() + _LISTENS_S
    while True:
        try:
            return launcher.start()
        except UsageError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@contextmanager
def _attached(command: Sequence[str], mutant: Mutant, home: Path) -> Iterator[Launcher]:
    """Yield how to attach a mutant: by its command, or, if the fault is in how it listens, at its socket."""
    attach_settings = AttachSettings(deadline_scale=_PATIENCE[bool(mutant.proxy) + mutant.waits])
    with edits_in_environment(mutant):
        if not mutant.listens:
            yield Launcher(opener(command, mutant), attach_settings)
            return
        path = home / "socket"
        server = subprocess.Popen([*command, "--listen", f"unix:{path}"])
        try:
            yield Launcher.for_address(f"unix:{path}", attach_settings)
        finally:
            server.kill()
            server.wait()


def opener(command: Sequence[str], mutant: Mutant) -> Command:
    """Return how to start a mutant: a fault of the reference is forked, all others are started as in a run."""
    plain = Command.parse(command)
    if can_fork(mutant) and not mutant.is_of_suite:
        return Forking(plain.argv, mutant=mutant, plain=plain)
    return plain


def _cases_of(mutant: Mutant, claims: Claims) -> list[Planned]:
    claimed = (item for item in _about().get(mutant.violates, ()) if _is_claimed(item, claims))
    return sorted(claimed, key=lambda item: (item.name != mutant.by, *_rank(item, mutant.violates)))


def _watched(faults: Sequence[SubjectFault]) -> set[str]:
    """Return the rules whose watches these faults fail."""
    return {fault.rule for fault in faults if fault.rule in WATCHED}


def _look_at_lines(subject: ObservedSubject) -> None:
    """Send what a run sends in any case until a line is at fault: vectors, and requests to a second process."""
    vectors = [item for item in _plan().of_kind("vector") if _is_claimed(item, subject.claims)]
    for start in range(0, _LINES, _MATERIAL):
        list(run_vectors(vectors[start : start + _MATERIAL], subject))
        if _watched(subject.subject.faults):
            return
    subject.refresh()
    subject.ask_each([("ping", {})])


def _rank(item: Planned, rule: str) -> tuple[bool, bool, int, str]:
    """Order vectors first, then properties whose first rule it is, then those with few other rules."""
    return isinstance(item.source, Property), item.rules[0] != rule, len(item.rules), item.name


def _is_claimed(item: Planned, claims: Claims) -> bool:
    if isinstance(item.source, Property) and not item.source.is_run("gate", claims.formats):
        return False
    missing = item.requires.missing_from(claims.formats, claims.features, claims.profiles)
    return missing is None and item.profile in (*covered_profiles(claims.profiles, claims.features), "harness")


def _run(item: Planned, subject: ObservedSubject, home: Path) -> Outcome:
    recorder = OutcomeBuilder(_data().book)
    if isinstance(item.source, Property):
        return recorder.of_property(item, run_property(item.source, subject, RunSettings(shrink_s=0.0, home=home)))
    (run,) = run_vectors([item], subject)
    return recorder.of_vector(run)
