"""Each planted adapter behaves as documented, and the subject reports its cause."""

from __future__ import annotations

import sys

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Ok, Refused, Unsupported, WrongShape
from selftests.paths import PLANTED

GET = ("grit.get", {"store": "s", "id": "0f" * 32})


def launcher(name: str, *words: str, scale: float = 0.2) -> Launcher:
    return Launcher.for_command(
        [sys.executable, str(PLANTED / f"{name}.py"), *words], AttachSettings(deadline_scale=scale)
    )


@pytest.mark.parametrize(
    ("name", "profiles", "answer"),
    [
        ("null", (), Unsupported("grit.get")),
        ("unsupported", ("grit",), Unsupported("grit.get")),
        ("always_refuse", ("grit",), Refused("invalid")),
        ("always_ok", ("grit",), WrongShape({}, "", "an object with the members bytes", {})),
    ],
)
def test_adapter_sends_one_answer_to_every_request(name: str, profiles: tuple[str, ...], answer: object) -> None:
    subject = launcher(name).start()
    assert subject.claims.profiles == profiles
    assert subject.ask_many([GET, ("ping", {}), GET]) == [answer, Ok({}), answer]
    subject.close()
    honest = {"unsupported": ["harness.hello.honest"] * 2}
    assert [fault.rule for fault in subject.faults] == honest.get(name, [])


def test_echo_fails_at_hello() -> None:
    with pytest.raises(SubjectFault) as caught:
        launcher("echo").start()
    assert caught.value.rule == "harness.reply.one-answer"


@pytest.mark.rule("suite.deadline.each")
def test_hang_adapter_blocks_after_hello() -> None:
    subject = launcher("hang", scale=0.05).start()
    answers = subject.ask_each([GET, GET])
    assert [getattr(answer, "cause", answer) for answer in answers] == ["hung:blocked"]
    subject.kill()


def test_adapter_exits_at_third_request_of_each_process() -> None:
    subject = launcher("dies_on_3rd").start()
    for _ in range(2):
        answers = subject.ask_each([GET, GET, GET])
        assert answers[0] == Refused("invalid")
        assert [getattr(answer, "cause", answer) for answer in answers[1:]] == ["dead:exit-3"]
    subject.kill()


@pytest.mark.rule("suite.liveness.three")
def test_slow_adapter_is_late() -> None:
    subject = launcher("slow", "1.5").start()
    assert [getattr(answer, "cause", answer) for answer in subject.ask_each([GET])] == ["late"]
    subject.close()
    assert [fault.cause for fault in subject.faults] == ["late"]
