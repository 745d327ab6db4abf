"""A unit: one shard, searched for a time on the implementation of the machine that runs it.

A unit runs only on the implementation of the campaign: the same files, byte for byte, and the same reply to ``hello``.
Counterexamples are shrunk where they were found and transferred with the result, up to a limit.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.folders import fresh_folder, remove_folder
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Conclusion
from gritstone_conformance.running.verification import verify

__all__ = ["Identity", "Unit", "UnitResult", "identify", "run_unit"]

_MOST_FOUND: Final = 64  # files of one part
_MOST_FOUND_BYTES: Final = 8 << 20  # of all of them


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an implementation.

    Attributes:
        digest: SHA-256 (hex) over the files that the command names, the program first.
        hello: its reply to ``hello``, as JSON with sorted keys.
    """

    digest: str
    hello: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The work of one worker.

    Attributes:
        command: starts the implementation.
        identity: which one it has to be.
        selection: the cases; its shard is the unit's number, and how many there are.
        settings: how to run; the seed is that of the whole campaign.
        attach_settings: what the implementation is held to.
    """

    command: tuple[str, ...]
    identity: Identity
    selection: Selection
    settings: RunSettings
    attach_settings: AttachSettings


@dataclass(frozen=True, slots=True)
class UnitResult:
    """The result of a unit.

    Attributes:
        index: the number of the unit.
        worker: the worker that ran it.
        refused: the reason why this worker must not run it, or None.
        report: the sealed part; empty if it was refused.
        found: names and bytes of the counterexample files.
    """

    index: int
    worker: str
    refused: str | None = None
    report: bytes = b""
    found: tuple[tuple[str, bytes], ...] = ()


class _Silent:
    """Reports nothing; a :class:`~gritstone_conformance.running.verification.Listener`."""

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Do nothing."""

    def notice(self, outcome: Outcome) -> None:
        """Do nothing."""

    def progress(self, case: str, seconds: float, tries: int) -> None:
        """Do nothing."""

    def end(self, conclusion: Conclusion) -> None:
        """Do nothing."""


def identify(command: Sequence[str], attach_settings: AttachSettings) -> Identity:
    """Return the identity of the implementation that a command starts on this machine.

    Raises:
        UsageError: the command cannot be started.
        SubjectFault: it does not reply to ``hello``.
    """
    program = shutil.which(command[0]) or command[0]
    files = [word for word in (program, *command[1:]) if Path(word).is_file()]
    digest = hashlib.sha256(b"".join(hashlib.sha256(Path(file).read_bytes()).digest() for file in files))
    subject = Subject(Target("stdio", tuple(command)).opener(), attach_settings)
    try:
        return Identity(digest.hexdigest(), json.dumps(subject.claims.raw, sort_keys=True))
    finally:
        subject.close()


def run_unit(unit: Unit, worker: str) -> UnitResult:
    """Run a unit on this machine if the implementation is the required one."""
    index = unit.selection.shard[0]
    refused = _difference(unit)
    if refused is not None:
        return UnitResult(index, worker, refused)
    home = fresh_folder()
    try:
        report = Path(home) / "part.jsonl"
        settings = replace(unit.settings, home=Path(home))
        context = RunContext(Target("stdio", unit.command), unit.selection, settings, unit.attach_settings, report)
        with warnings.catch_warnings():  # the worker uses random numbers in another thread
            warnings.simplefilter("ignore")
            verify(context, lambda _data, _plan: _Silent())
        return UnitResult(index, worker, None, report.read_bytes(), _found(Path(home)))
    finally:
        remove_folder(home)


def _difference(unit: Unit) -> str | None:
    """Return the difference between the implementation of this machine and the required one, or None."""
    try:
        here = identify(unit.command, unit.attach_settings)
    except (UsageError, SubjectFault) as problem:
        return f"the implementation does not start there: {problem}"
    if here.digest != unit.identity.digest:
        return f"its files differ: digest {here.digest[:16]}, expected {unit.identity.digest[:16]}"
    return None if here.hello == unit.identity.hello else "its reply to hello differs"


def _found(home: Path) -> tuple[tuple[str, bytes], ...]:
    """Return the counterexample files, up to the limit of their size."""
    kept: list[tuple[str, bytes]] = []
    room = _MOST_FOUND_BYTES
    for path in sorted((home / "found").glob("*.json"))[:_MOST_FOUND]:
        data = path.read_bytes()
        if len(data) <= room:
            kept.append((path.name, data))
            room -= len(data)
    return tuple(kept)
