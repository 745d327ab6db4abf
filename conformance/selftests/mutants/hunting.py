"""Hunting a mutant: the cases of the rule that it breaks are put to it until one fails by the name of that rule.

Nothing is shrunk or saved, so a hunt takes as long as the first failure needs. The case that a mutant's entry calls
``by`` is played first; it saves time and decides nothing, for all the others follow where it does not find the fault.
``play_gate`` is the long way: every case of the gate, whatever fails.

A fault of the wire is judged as in a run: by the watch of its rule, after the process has ended. Where ``hello`` itself
was at fault no case can fail, for none is asked: there the rule that the fault names is the one that was found.
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
from selftests.mutants.mutate import Mutant, told

__all__ = ["Found", "hunt", "opener", "play_gate"]

_PATIENCE: Final = (1.0, 0.2, 0.05)
"""Scale of the deadlines; of a liar, or of who is found by waiting (hello 2 s, grace of twice that); of who is both."""
_LISTENS_S: Final = 20.0
"""How long a mutant may take until it listens."""
_MATERIAL: Final = 40
"""Vectors that are put to a liar at once, where any line may hold the lie."""
_LINES: Final = 10 * _MATERIAL
"""Vectors after which a liar has had its chance."""


@dataclass(slots=True)
class Found:
    """What a hunt came to.

    Attributes:
        failed: the rules by whose name cases failed.
        played: the names of the cases that were played.
    """

    failed: set[str] = field(default_factory=set)
    played: list[str] = field(default_factory=list)


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


def hunt(command: Sequence[str], mutant: Mutant, home: Path) -> Found:
    """Put the cases of a mutant's rule to it until one fails by the name of the rule.

    Args:
        command: starts it.
        mutant: what is hunted.
        home: an empty directory.

    Returns:
        What failed, and what was played.
    """
    with _attached(command, mutant, home) as launcher:
        return _hunt(launcher, mutant, home)


def _hunt(launcher: Launcher, mutant: Mutant, home: Path) -> Found:
    found = Found()
    try:
        subject = _start(launcher)
    except SubjectFault as fault:
        found.failed |= _watched([fault])
        return found
    observed = ObservedSubject(subject, Ledger())
    try:
        for item in _quarry(mutant, subject.claims):
            found.played.append(item.name)
            outcome = _play(item, observed, home)
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


def play_gate(command: Sequence[str], mutant: Mutant, home: Path) -> Found:
    """Play the whole gate on a mutant, as a run does, and return what failed and what was executed."""
    with _attached(command, mutant, home) as launcher:
        return _play_gate(launcher, home)


def _play_gate(launcher: Launcher, home: Path) -> Found:
    try:
        subject = _start(launcher)
    except SubjectFault as fault:
        return Found(_watched([fault]))
    settings = RunSettings(shrink_s=0.0, home=home, saves=False)
    outcomes = execute(_plan(), subject, _data().book, settings, lambda _: None).outcomes
    failed = {outcome.rule or "" for outcome in outcomes if outcome.verdict == "fail"}
    return Found(failed, [outcome.case for outcome in outcomes if outcome.was_executed])


def _start(launcher: Launcher) -> Subject:
    """Start or connect; who listens may need a while before it does."""
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
    """Say how to attach a mutant: by starting it, or, where the fault is in how it listens, at its socket."""
    attach_settings = AttachSettings(deadline_scale=_PATIENCE[bool(mutant.proxy) + mutant.waits])
    with told(mutant):
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
    """Say how to start a mutant: the reference is forked where it has a fault, all else is started as a run does."""
    plain = Command.parse(command)
    if can_fork(mutant) and not mutant.is_of_suite:
        return Forking(plain.argv, mutant=mutant, plain=plain)
    return plain


def _quarry(mutant: Mutant, claims: Claims) -> list[Planned]:
    claimed = (item for item in _about().get(mutant.violates, ()) if _is_claimed(item, claims))
    return sorted(claimed, key=lambda item: (item.name != mutant.by, *_rank(item, mutant.violates)))


def _watched(faults: Sequence[SubjectFault]) -> set[str]:
    """Return the rules whose watches these faults fail."""
    return {fault.rule for fault in faults if fault.rule in WATCHED}


def _look_at_lines(subject: ObservedSubject) -> None:
    """Ask for what a run asks for anyhow until a line is at fault: vectors, and a second process."""
    vectors = [item for item in _plan().of_kind("vector") if _is_claimed(item, subject.claims)]
    for start in range(0, _LINES, _MATERIAL):
        list(run_vectors(vectors[start : start + _MATERIAL], subject))
        if _watched(subject.subject.faults):
            return
    subject.refresh()
    subject.ask_each([("ping", {})])


def _rank(item: Planned, rule: str) -> tuple[bool, bool, int, str]:
    """Put vectors first, then properties that are about the rule, then those about few others besides."""
    return isinstance(item.source, Property), item.rules[0] != rule, len(item.rules), item.name


def _is_claimed(item: Planned, claims: Claims) -> bool:
    if isinstance(item.source, Property) and item.source.search_only:
        return False
    missing = item.requires.missing_from(claims.formats, claims.features, claims.profiles)
    return missing is None and item.profile in (*claims.profiles, "harness")


def _play(item: Planned, subject: ObservedSubject, home: Path) -> Outcome:
    recorder = OutcomeBuilder(_data().book)
    if isinstance(item.source, Property):
        return recorder.tested(item, run_property(item.source, subject, RunSettings(shrink_s=0.0, home=home)))
    (played,) = run_vectors([item], subject)
    return recorder.played(played)
