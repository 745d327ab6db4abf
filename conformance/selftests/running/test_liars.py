"""Each liar is detected at its first lie, under its own name, in bounded time."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from gritstone_conformance.attachment.conversation import Request
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import SubjectFault
from selftests.fakes.liar import LIARS
from selftests.paths import LIAR, PLANTED
from selftests.running.together import groups_of, together

PATIENT = AttachSettings(deadline_scale=0.2)
"""hello 2 s, ping 1 s, and grace of twice that: room for two interpreters to start on a busy machine."""

HURRIED = AttachSettings(deadline_scale=0.05)
"""For a liar whose hello never comes, however long one waits."""

BLOB = "YmxvYiAxMQBjdABzAABoZWxsbw"
ID = {"format": "framed-sha256", "bytes": BLOB}
SEEN_ON_THE_WIRE = sorted(name for name, liar in LIARS.items() if liar.cause is not None)


def launcher(liar: str, adapter: str) -> Launcher:
    planted = str(PLANTED / f"{adapter}.py")
    return Launcher.for_command(
        [sys.executable, str(LIAR), liar, "--", sys.executable, planted],
        HURRIED if liar == "no-flush" else PATIENT,
    )


def talk(subject: Subject) -> None:
    """Send requests of every kind until one answer is wrong."""
    rounds: tuple[list[Request], ...] = (
        [("ping", {})],
        [("grit.id", ID)],
        [("ping", {}), ("grit.id", ID), ("grit.nothing", {"n": 1}), ("ping", {})] * 4,
        [("ping", {})],
    )
    for requests in rounds:
        subject.ask_each(requests)
        if subject.faults:
            return


def faults_of(liar: str) -> list[SubjectFault]:
    """Return every fault of a run against the liar, at least up to the first, in bounded time."""
    started = time.monotonic()
    faults = _faults_of(liar)
    assert time.monotonic() - started < 30, liar
    return faults


def _faults_of(liar: str) -> list[SubjectFault]:
    refuses = liar in ("segv-in-reject", "class-bad", "two-answers")
    try:
        subject = launcher(liar, "always_refuse" if refuses else "honest").start()
    except SubjectFault as fault:
        return [fault]
    try:
        talk(subject)
        if not subject.faults:
            subject.kill()
            subject.ask("ping", {})
    finally:
        subject.close()
    return subject.faults


@pytest.mark.rule("suite.liveness.three", "suite.liveness.bounded", slow=True)
@pytest.mark.parametrize("names", groups_of(11, SEEN_ON_THE_WIRE), ids="+".join)
def test_each_liar_is_reported_by_name(names: tuple[str, ...]) -> None:
    first = {name: faults[:1] for name, faults in together(faults_of, names).items()}
    reported = {name: [(fault.cause, fault.rule) for fault in faults] for name, faults in first.items()}
    assert reported == {name: [(LIARS[name].cause, LIARS[name].rule)] for name in names}, first


def test_every_line_of_an_honest_adapter_passes() -> None:
    subject = Launcher.for_command([sys.executable, str(PLANTED / "honest.py")], PATIENT).start()
    talk(subject)
    subject.kill()
    subject.ask("ping", {})
    subject.close()
    assert subject.faults == []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.rule("suite.process.group-killed")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("name", ["grandchild", "lingers"])
def test_no_process_of_a_liar_is_left(name: str) -> None:
    subject = launcher(name, "honest").start()
    for _ in range(2):
        subject.ask_each([("ping", {})])
    subject.close()
    assert subject.faults[0].cause == LIARS[name].cause, "the suite waited for the process that holds the pipe"
    heirs = [int(pid) for pid in re.findall(r"grandchild (\d+)", subject.faults[0].detail)]
    assert heirs, "the liar started no process"
    try:
        until = time.monotonic() + 5
        while any(is_alive(pid) for pid in heirs) and time.monotonic() < until:
            time.sleep(0.02)
        assert not any(is_alive(pid) for pid in heirs)
    finally:
        for pid in filter(is_alive, heirs):
            os.kill(pid, signal.SIGKILL)
