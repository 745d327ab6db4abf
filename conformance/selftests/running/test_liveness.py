"""Clocks, silence, death and endless work: the suite distinguishes them, never blocks, and gives up in bounded time.

Spec: :rule:`suite.deadline.each`, :rule:`suite.liveness.three`, :rule:`suite.liveness.bounded` and
:rule:`suite.process.no-block`.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from gritstone_conformance.attachment.breaker import Breaker
from gritstone_conformance.attachment.conversation import Request
from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Ok
from gritstone_conformance.running.plan_runner import execute
from selftests.fakes.liar import LIARS
from selftests.fakes.scripts import HONEST, PATIENT, Brisk, start_script, within
from selftests.fakes.subject import FakeSubject, fake_book
from selftests.paths import LIAR, PLANTED
from selftests.running.together import groups_of, together

HURRIED = Brisk(deadline_scale=0.1)
"""ping 0.5 s, and grace of twice that."""

PING: Request = ("ping", {})


@pytest.mark.rule("suite.deadline.each")
@pytest.mark.parametrize("size", [0, 100, 16 << 20])
def test_every_operation_has_a_deadline(size: int) -> None:
    for op in (*REPLY_SHAPES, "grit.zork", "zork"):
        assert 0 < Deadlines(AttachSettings()).deadline_s(op, size) <= 60, op
        assert math.isclose(
            Deadlines(PATIENT).deadline_s(op, size), 0.2 * Deadlines(AttachSettings()).deadline_s(op, size)
        ), op


@pytest.mark.rule("suite.deadline.each")
@pytest.mark.parametrize("step", [10.0**6, -(10.0**6)], ids=["forward", "back"])
def test_changed_clock_makes_no_reply_late(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    subject = Launcher.for_command([sys.executable, str(HONEST)], PATIENT).start()
    leaps = count(1)
    monkeypatch.setattr(time, "time", lambda: 10.0**9 + step * next(leaps))
    answers = subject.ask_each([PING] * 3)
    monkeypatch.undo()
    subject.close()
    assert answers == [Ok({})] * 3
    assert subject.faults == []


ENDS = {
    "late": "time.sleep(0.9)",
    "hung:spinning": "while True: pass",
    "hung:blocked": "time.sleep(600)",
    "hung:partial": "sys.stdout.write('{\"seq'); sys.stdout.flush(); time.sleep(600)",
    "dead:exit-0": "sys.exit(0)",
    "dead:exit-9": "sys.exit(9)",
    "dead:signal-KILL": "os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.rule("suite.liveness.three")
@pytest.mark.parametrize("cause", ENDS)
def test_late_hung_and_dead_are_distinguished(tmp_path: Path, cause: str) -> None:
    subject = start_script(tmp_path, f"if op == 'ping':\n    {ENDS[cause]}\n", HURRIED)
    (answer,) = subject.ask_each([PING])
    assert isinstance(answer, SubjectFault), answer
    assert answer.cause == cause
    subject.kill()


@pytest.mark.rule("suite.liveness.three")
def test_slow_writer_is_not_advised_to_flush(tmp_path: Path) -> None:
    slowly = "for letter in line: sys.stdout.write(letter); sys.stdout.flush(); time.sleep(0.05)"
    body = f"if op == 'ping':\n    line = json.dumps({{'seq': request['seq'], 'ok': {{}}}}) + '\\n'\n    {slowly}\n"
    subject = start_script(tmp_path, body, HURRIED)
    (answer,) = subject.ask_each([PING])
    assert isinstance(answer, SubjectFault), answer
    assert (answer.cause, answer.rule) == ("hung:partial", None)
    assert "it writes slowly: " in answer.detail
    subject.kill()


ENDLESS: dict[str, tuple[str, tuple[str, ...]]] = {
    "reads-no-more": ("time.sleep(600)", ("hung:blocked",)),
    "closes-input": ("os.close(0); time.sleep(600)", ("hung:blocked",)),
    "one-endless-line": ("while True: sys.stdout.write('x' * (1 << 20))", ("protocol:frame.limit",)),
    "lines-without-end": (
        "while True: sys.stdout.write('{}\\n' * (1 << 16))",
        ("protocol:reply.order", "protocol:reply.one-answer"),
    ),
    "log-without-end": ("while True: sys.stderr.write('log ' * (1 << 16))", ("hung:spinning", "hung:blocked")),
}


@pytest.mark.rule("suite.process.no-block")
@pytest.mark.parametrize("name", ENDLESS)
def test_neither_traffic_nor_silence_blocks_the_suite(tmp_path: Path, name: str) -> None:
    body, causes = ENDLESS[name]
    subject = start_script(tmp_path, f"if count == 1:\n    {body}\n", HURRIED)
    big: Request = ("grit.id", {"format": "framed-sha256", "bytes": "A" * (1 << 20)})
    answers = within(5, lambda: subject.ask_each([PING, *[big] * 6]))
    assert [getattr(answer, "cause", None) in causes for answer in answers] == [True], answers
    assert len(subject.log()) <= 64 << 10
    subject.kill()


HUNG, LATE = SubjectFault("hung:blocked", "no reply"), SubjectFault("late", "after 6 s")
Feed = Callable[[Breaker], None]
"""One request to an implementation, as it is reported to the breaker."""


def hangs(breaker: Breaker) -> None:
    breaker.note_silence("grit.get", HUNG)


def is_late(breaker: Breaker) -> None:
    breaker.note_silence("grit.get", LATE)


def hangs_everywhere(breaker: Breaker) -> None:
    breaker.note_reply("ping")
    breaker.note_silence(f"grit.{len(breaker.given_up)}", HUNG)


def dies(breaker: Breaker) -> None:
    breaker.note_hello(good=True)
    breaker.note_reply("ping")
    breaker.note_death(f"grit.{breaker.restarts}", SubjectFault("dead:exit-3", "stderr is empty"))
    breaker.note_restart()


def never_says_hello(breaker: Breaker) -> None:
    breaker.note_hello(good=False)


@pytest.mark.rule("suite.liveness.bounded")
@pytest.mark.parametrize(("feed", "most"), [(hangs, 3), (hangs_everywhere, 6), (dies, 103), (never_says_hello, 2)])
def test_breaker_opens_and_reports_the_reason(feed: Feed, most: int) -> None:
    breaker = Breaker()
    for number in range(most):
        assert breaker.reason is None, number
        feed(breaker)
    assert breaker.reason


@pytest.mark.rule("suite.liveness.others")
@pytest.mark.parametrize(("fault", "most"), [(HUNG, 3), (LATE, 10)])
def test_operation_that_keeps_breaking_is_given_up_alone(fault: SubjectFault, most: int) -> None:
    breaker = Breaker()
    for number in range(most):
        assert breaker.unsent("grit.get") is None, number
        breaker.note_reply("ping")
        breaker.note_silence("grit.get", fault)
    assert breaker.reason is None
    assert breaker.unsent("ping") is None
    unsent = breaker.unsent("grit.get")
    assert unsent is not None
    assert (unsent.cause, unsent.sent) == (fault.cause, False)
    assert unsent.detail == (
        f"not sent: {most} requests of grit.get broke, and 0 were answered; the last: {fault.detail}"
    )


@pytest.mark.rule("suite.liveness.others")
def test_operation_that_breaks_after_another_was_given_up_is_given_up_at_once() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.note_silence("grit.get", HUNG)
        breaker.note_reply("ping")
    for op in ("grit.has", "grit.cas", "grit.put"):
        for _ in range(20):
            breaker.note_reply("ping")
        breaker.note_silence(op, HUNG)
    assert breaker.given_up == {"grit.get", "grit.has", "grit.cas", "grit.put"}
    assert breaker.reason is None


@pytest.mark.rule("suite.liveness.bounded")
def test_occasional_failures_do_not_open_the_breaker() -> None:
    breaker = Breaker()
    for _ in range(50):
        for _ in range(20):
            breaker.note_reply("grit.get")
        breaker.note_silence("grit.get", HUNG)
    assert breaker.reason is None


@pytest.mark.rule("suite.liveness.bounded")
def test_abandoned_implementation_is_not_restarted(tmp_path: Path) -> None:
    subject = start_script(
        tmp_path, "if op.startswith('no.reply'):\n    time.sleep(600)\n", Brisk(deadline_scale=0.1, grace=0.0)
    )
    for number in range(10):
        subject.ask_each([PING, (f"no.reply.{number}", {})])
    assert subject.given_up is not None
    assert re.search(r"the last: hung:\w+: no reply to no\.reply\.5 in ", subject.given_up), subject.given_up
    with pytest.raises(SubjectFault, match=r"no\.reply\.5 broke after no\.reply\.0, ") as caught:
        subject.spawn()
    assert caught.value.cause == "not-run"


@pytest.mark.rule("suite.liveness.bounded")
def test_implementation_with_one_hello_is_started_only_twice(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    script = tmp_path / "adapter.py"
    script.write_text(
        "import os, runpy, sys\n"
        f"with open({str(starts)!r}, 'a') as file:\n    file.write('.')\n"
        f"if os.path.getsize({str(starts)!r}) > 1:\n    sys.exit(3)\n"
        f"runpy.run_path({str(HONEST)!r}, run_name='__main__')\n"
    )
    subject = Launcher.for_command([sys.executable, str(script)], AttachSettings(hellos=1)).start()
    subject.kill()
    assert isinstance(subject.ask_each([PING])[0], SubjectFault)
    assert subject.given_up
    with pytest.raises(SubjectFault) as caught:
        subject.spawn()
    assert (caught.value.cause, starts.read_text()) == ("not-run", "..")
    assert isinstance(subject.ask_each([PING])[0], SubjectFault)
    assert starts.read_text() == ".."


CASES = [
    Case(
        f"harness/many/ask-{number}",
        ("harness.frame.line",),
        Requires(),
        (CaseStep("grit.get", {"store": "s", "id": f"{number:064x}"}, {"refused": "missing"}),),
    )
    for number in range(400)
]


@pytest.mark.rule("suite.liveness.bounded")
def test_few_of_many_cases_are_sent_to_a_hanging_process() -> None:
    subject = FakeSubject(lambda op, args: SubjectFault("hung:blocked", "no reply"))
    result = execute(make_plan(CASES, (), (), Selection(), 1), subject, fake_book(), QUIET, lambda _: None)
    assert len(subject.faults) <= 4
    assert [outcome.cause for outcome in result.outcomes].count("not-run") >= len(CASES) - 4


QUIET = RunSettings(saves=False)
USUAL_S = {"late": 6.0, "hung": 5.0 * 3 + 2.0 + 1.0, "hello": 10.0 * 3 + 2.0 + 1.0}
"""Seconds that a fault takes at the usual deadlines; the planted ``slow`` would need 6 s for each answer."""


def command_of(name: str) -> list[str]:
    if name not in LIARS:
        return [sys.executable, str(PLANTED / f"{name}.py"), *(["0.6"] if name == "slow" else [])]
    adapter = "always_refuse" if name in ("segv-in-reject", "class-bad", "two-answers") else "honest"
    liar = [sys.executable, str(LIAR), name]
    return [*liar, "--", sys.executable, str(PLANTED / f"{adapter}.py")]


def faults_of_a_run(name: str) -> list[SubjectFault]:
    """Run cases on a planted implementation or a liar; return its faults, in bounded time.

    Many cases run on those that are awaited, few on those that restart for each case, and two on the one that computes
    until its deadline.
    """
    started = time.monotonic()
    faults = faults_at(name, CASES if name in ("hang", "slow") else CASES[:2] if name == "spins" else CASES[:8])
    assert time.monotonic() - started < 120, name
    return faults


def faults_at(name: str, cases: Sequence[Case]) -> list[SubjectFault]:
    launcher = Launcher.for_command(command_of(name), AttachSettings() if name == "huge-line" else HURRIED)
    try:
        subject = launcher.start()
    except SubjectFault as fault:
        return [fault, fault]  # hello is sent twice
    result = execute(make_plan(cases, (), (), Selection(), 1), subject, fake_book(), QUIET, lambda _: None)
    assert len(result.outcomes) == len(cases)
    return subject.faults


CAUSES = {
    "echo": "protocol:reply.one-answer",
    "unsupported": "protocol:hello.honest",
    "hang": "hung:blocked",
    "dies_on_3rd": "dead:exit-3",
    "slow": "late",
    "null": None,
    "always_ok": None,
    "always_refuse": None,
}
IN_A_WINDOW = {"swallow": "protocol:reply.order"}
"""The causes that differ while several requests are in flight: the next reply arrives instead."""
IN_OTHER_ANSWERS = ("pads",)
"""Liars whose lie is in answers that these requests do not ask for; the zoo runs them with others."""
IN_RESTARTS = ("other-hello", "ignores-term", "exits-3-at-bye", "lingers")
"""Liars whose lie shows when a process ends or another one starts."""


WAITED_FOR = ("blocks", "closes-stdin", "half-line", "hang", "no-flush", "slow", "spins", "swallow")
"""Those that take the longest, and need the least processor time meanwhile."""
OTHERS = [name for name in (*CAUSES, *LIARS) if name not in WAITED_FOR]


@pytest.mark.rule("suite.liveness.bounded", slow=True)
@pytest.mark.parametrize("names", [WAITED_FOR, *groups_of(13, OTHERS)], ids="+".join)
def test_each_planted_implementation_and_liar_is_reported(names: tuple[str, ...]) -> None:
    found = together(faults_of_a_run, names)
    assert {name: waits for name, faults in found.items() if (waits := usual_wait_s(name, faults)) >= 120} == {}
    expected = {name: cause for name in names if (cause := expected_cause(name)) is not None}
    assert {name: found[name][0].cause if found[name] else None for name in expected} == expected


def usual_wait_s(name: str, faults: Sequence[SubjectFault]) -> float:
    """Return the seconds that the suite would have waited for the faults at the usual deadlines."""
    waits = [fault.cause.partition(":")[0] for fault in faults if is_wait(fault)]
    return sum(USUAL_S["hello" if name == "no-flush" else wait] for wait in waits)


def is_wait(fault: SubjectFault) -> bool:
    return fault.cause == "late" or fault.cause.startswith("hung:")


def expected_cause(name: str) -> str | None:
    """Return the first cause that a run must find, or None if only another kind of case shows the lie."""
    if name in (*IN_RESTARTS, *IN_OTHER_ANSWERS):
        return None
    return CAUSES[name] if name in CAUSES else IN_A_WINDOW.get(name, LIARS[name].cause)
