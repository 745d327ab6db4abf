"""The subject: deadlines, restarts, the breaker and pipelining; the child cannot block the suite."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from gritstone_conformance.attachment.conversation import Answer, Request
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.protocol import parse_reply
from gritstone_conformance.attachment.seqs import seq_number
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import DataError, SubjectFault, UsageError
from gritstone_conformance.replies import Ok, Refused, Trouble, Unsupported, WrongShape
from selftests.fakes.scripts import HONEST, PATIENT, Brisk, start_script

USUAL = AttachSettings()
ID_ARGS = {"format": "framed-sha256", "bytes": "YmxvYiAxMQBjdABzAABoZWxsbw"}
ID_OF_BLOB = {"id": "22878b77b2c12fc26f873116451d3c9d5092ccf77441cf80ad761422b28aa759"}


def start_honest(attach_settings: AttachSettings = USUAL) -> Subject:
    return Launcher.for_command([sys.executable, str(HONEST)], attach_settings).start()


def causes(answers: list[Answer]) -> list[str]:
    return [answer.cause if isinstance(answer, SubjectFault) else type(answer).__name__ for answer in answers]


def test_hello_claims_and_answers() -> None:
    subject = start_honest()
    assert (subject.claims.name, subject.claims.formats, subject.claims.profiles) == ("honest", ("framed-sha256",), ())
    assert subject.claims.limits["window"] == 64
    assert subject.ask("ping", {}) == Ok({})
    assert subject.ask("grit.id", ID_ARGS) == Ok(ID_OF_BLOB)
    assert subject.ask("no.such", {"a": [1]}) == Unsupported("no.such")
    assert isinstance(subject.ask("ping", {"a": 1}), Trouble)
    subject.close()
    assert subject.faults == []


def test_replies_arrive_in_order_over_many_windows() -> None:
    subject = start_honest()
    requests: list[Request] = [(f"no.such-{number}", {}) for number in range(500)]
    assert subject.ask_many(requests) == [Unsupported(op) for op, _ in requests]
    subject.close()
    assert subject.faults == []


def test_large_requests_do_not_deadlock() -> None:
    subject = start_honest()
    big = {"format": "framed-sha256", "bytes": "A" * (4 << 20)}
    replies = subject.ask_many([("grit.id", big)] * 6)
    assert len(replies) == 6
    assert len(set(map(repr, replies))) == 1
    with pytest.raises(DataError, match="bytes, frame_bytes is"):
        subject.ask("grit.id", {**big, "bytes": "A" * (17 << 20)})
    assert subject.ask("ping", {}) == Ok({})
    subject.close()
    assert subject.faults == []


@pytest.mark.rule("suite.process.no-block")
def test_child_never_waits_for_the_suite_to_read(tmp_path: Path) -> None:
    body = """
        if count:
            sys.stderr.write('log ' * 100_000)
        reply['x'] = {'padding': 'x' * 200_000}
    """
    subject = start_script(tmp_path, body)
    assert subject.ask_each([("ping", {})] * 40) == [Ok({})] * 40
    assert len(subject.log()) == 64 << 10
    subject.close()
    assert subject.faults == []


@pytest.mark.rule("suite.process.no-block")
def test_child_that_stops_reading_cannot_block_the_suite(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if count == 1:\n    time.sleep(600)\n")
    big = {"format": "framed-sha256", "bytes": "A" * (8 << 20)}
    started = time.monotonic()
    answers = subject.ask_each([("ping", {}), *[("grit.id", big)] * 8])
    assert causes(answers) == ["hung:blocked"]
    assert time.monotonic() - started < 20
    subject.kill()


def test_ok_of_another_shape_is_an_answer(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'grit.id':\n    reply['ok'] = {'ids': []}\n")
    reply = subject.ask("grit.id", ID_ARGS)
    assert reply == WrongShape({"ids": []}, "", "an object with the members id", {"ids": []})
    subject.close()
    assert subject.faults == []


def test_late_reply_is_reported_and_the_process_continues(tmp_path: Path) -> None:
    body = "if op == 'grit.id':\n    time.sleep(0.8)\nreply['x'] = {'pid': os.getpid()}\n"
    subject = start_script(tmp_path, body, Brisk(deadline_scale=0.1))
    with pytest.raises(SubjectFault) as caught:
        subject.ask("grit.id", ID_ARGS)
    assert caught.value.cause == "late"
    assert ID_OF_BLOB["id"] in caught.value.detail
    assert causes(subject.ask_each([("ping", {}), ("grit.id", ID_ARGS), ("ping", {})])) == ["Ok", "late", "Ok"]
    subject.close()
    assert (causes(list(subject.faults)), subject.restarts) == (["late", "late"], 0)


def test_only_the_oldest_unanswered_request_is_timed(tmp_path: Path) -> None:
    """Eight requests of 0.3 s each take 2.4 s together; none of them exceeds its deadline of 1 s."""
    subject = start_script(tmp_path, "if op == 'ping':\n    time.sleep(0.3)\n")
    assert subject.ask_many([("ping", {})] * 8) == [Ok({})] * 8
    subject.close()
    assert subject.faults == []


def test_clock_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = start_honest()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert subject.ask("ping", {}) == Ok({})
    subject.close()
    assert subject.faults == []


def test_without_deadline_nothing_is_late(tmp_path: Path) -> None:
    subject = start_script(
        tmp_path, "if op == 'ping':\n    time.sleep(0.5)\n", AttachSettings(deadline_scale=None, max_rss_bytes=None)
    )
    assert subject.ask("ping", {}) == Ok({})
    subject.close()
    assert subject.faults == []


@pytest.mark.rule("suite.crash.isolated")
def test_death_fails_one_request_and_the_rest_can_be_resent(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'die.now':\n    sys.exit('out of cheese')\n")
    requests: list[Request] = [(f"no.such-{number}" if number != 37 else "die.now", {}) for number in range(100)]
    answers: list[Answer] = []
    while len(answers) < len(requests):
        answers += subject.ask_each(requests[len(answers) :])
    assert [type(answer).__name__ for answer in answers].count("Unsupported") == 99
    fault = answers[37]
    assert isinstance(fault, SubjectFault)
    assert (fault.cause, fault.request, fault.rule) == ("dead:exit-1", 37, None)
    assert "out of cheese" in fault.detail
    subject.close()
    assert (len(subject.faults), subject.restarts) == (1, 1)


def test_death_between_requests_is_detected(tmp_path: Path) -> None:
    body = """
        if op == 'ping':
            print(json.dumps(reply), flush=True)
            os._exit(5)
    """
    subject = start_script(tmp_path, body)
    assert subject.ask("ping", {}) == Ok({})
    time.sleep(0.2)
    assert causes(subject.ask_each([("no.such", {})])) == ["dead:exit-5"]
    assert subject.ask("no.such", {}) == Unsupported("no.such")
    subject.close()


@pytest.mark.rule("suite.liveness.three")
def test_closed_output_of_a_living_process_is_detected(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'ping':\n    os.close(1)\n    time.sleep(600)\n")
    assert causes(subject.ask_each([("ping", {})])) == ["dead:closed"]
    subject.kill()


def test_control_characters_of_the_child_are_escaped(tmp_path: Path) -> None:
    body = """
        if op == 'ping':
            sys.stderr.write('\\x1b[2J\\x07\\u202egnp.exe\\n')
            sys.exit(2)
    """
    subject = start_script(tmp_path, body)
    answers = subject.ask_each([("ping", {})])
    assert causes(answers) == ["dead:exit-2"]
    assert isinstance(answers[0], SubjectFault)
    assert answers[0].detail == r"stderr: \x1b[2J\x07\u202egnp.exe"


def test_excess_memory_is_a_cause(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("resident size cannot be read here")
    body = "if op == 'ping':\n    held = bytearray(b'x') * (192 << 20)\n    time.sleep(600)\n"
    subject = start_script(tmp_path, body, AttachSettings(deadline_scale=2.0, max_rss_bytes=128 << 20))
    assert causes(subject.ask_each([("ping", {})])) == ["memory"]
    subject.kill()


def test_peak_memory_can_be_read_and_reset(tmp_path: Path) -> None:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the peak cannot be reset here")
    subject = start_script(tmp_path, "if op == 'ping':\n    held = bytearray(b'x') * (64 << 20)\n    del held\n")
    assert subject.reset_peak_rss()
    before = subject.peak_rss_bytes()
    subject.ask("ping", {})
    after = subject.peak_rss_bytes()
    assert before is not None
    assert after is not None
    assert after - before > 48 << 20
    assert subject.reset_peak_rss()
    assert (subject.peak_rss_bytes() or 0) < after - (32 << 20)
    subject.close()


def test_kill_is_not_a_restart_and_a_new_process_follows(tmp_path: Path) -> None:
    subject = start_script(
        tmp_path,
        "if op == 'no.pid':\n    reply = {'seq': request['seq'], 'unsupported': {'feature': str(os.getpid())}}\n",
    )
    first = subject.ask("no.pid", {})
    subject.kill()
    second = subject.ask("no.pid", {})
    assert first != second
    subject.close()
    assert (subject.faults, subject.restarts) == ([], 0)


def test_bye_sent_by_a_case_is_not_a_restart() -> None:
    subject = start_honest()
    assert subject.ask("bye", {}) == Ok({})
    assert subject.ask("ping", {}) == Ok({})
    subject.close()
    assert (subject.faults, subject.restarts) == ([], 0)


def test_end_of_input_ends_the_process() -> None:
    subject = start_honest()
    assert subject.end_input() is None
    subject.close()
    assert subject.faults == []


def test_processes_of_one_run_share_faults_but_not_seqs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    subject = start_honest(AttachSettings(trace=trace))
    other = subject.spawn()
    other.ask("ping", {})
    other.close()
    subject.close()
    lines = trace.read_bytes().splitlines()
    asked = [parse_seq(line[2:]) for line in lines if line.startswith(b"> ")]
    # hello, hello of the other, its ping and bye, bye
    assert asked == [seq_number(1, index) for index in (0, 1 << 32, (1 << 32) + 1, (1 << 32) + 2, 1)]
    answered = [parse_reply(line[2:])[0] for line in lines if line.startswith(b"< ")]
    assert answered == asked
    assert other.faults is subject.faults


def parse_seq(line: bytes) -> int:
    return int(json.loads(line)["seq"])


@pytest.mark.rule("suite.liveness.others")
def test_operation_that_hangs_is_not_sent_after_three_hangs(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'no.reply':\n    time.sleep(600)\n", Brisk(deadline_scale=0.05))
    answers = [subject.ask_each([("ping", {}), ("no.reply", {}), ("ping", {})])[-1] for _ in range(6)]
    assert set(causes(answers)) == {"hung:blocked"}
    assert [answer.sent for answer in answers if isinstance(answer, SubjectFault)] == [True] * 3 + [False] * 3
    assert len(subject.faults) == 3
    assert subject.given_up is None
    assert subject.ask_many([("ping", {})] * 30) == [Ok({})] * 30
    subject.close()


def test_breaker_opens_after_three_hangs_if_only_hello_worked(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op != 'hello':\n    time.sleep(600)\n", Brisk(deadline_scale=0.05))
    found = causes([subject.ask_each([(op, {})])[-1] for op in ("ping", "grit.zork", "ping", "ping")])
    assert found == ["hung:blocked"] * 3 + ["not-run"]
    assert subject.given_up is not None
    assert subject.given_up.startswith("3 consecutive requests hung, and only hello was ever answered; the last: hung")


@pytest.mark.rule("suite.liveness.others")
def test_operation_is_not_sent_after_ten_late_replies(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'ping':\n    time.sleep(0.2)\n", Brisk(deadline_scale=0.02, grace=20.0))
    assert causes(subject.ask_each([("ping", {})] * 12)) == ["late"] * 10
    (unsent,) = subject.ask_each([("ping", {})])
    assert isinstance(unsent, SubjectFault)
    assert (unsent.cause, unsent.sent) == ("late", False)
    assert not isinstance(subject.ask("grit.id", ID_ARGS), SubjectFault)
    assert (len(subject.faults), subject.restarts) == (10, 0)
    subject.close()


def test_operation_is_not_sent_after_a_hundred_restarts(tmp_path: Path) -> None:
    script = tmp_path / "adapter"
    hello = '{"protocol":1,"implementation":{"name":"sh","version":"1","language":"sh"},"spec":["0.6"],"formats":["a"],'
    hello += '"profiles":[],"features":[],"limits":{"window":1,"frame_bytes":4194304}}'
    script.write_text(
        "#!/bin/sh\nread -r line\nseq=${line#*:}\nseq=${seq%%,*}\n"
        f'printf \'{{"seq":%s,"ok":%s}}\\n\' "$seq" \'{hello}\'\nread -r line\nexit 1\n'
    )
    script.chmod(0o755)
    subject = Launcher.for_command([str(script)], PATIENT).start()
    answers = [subject.ask_each([("ping", {})])[0] for _ in range(103)]
    assert set(causes(answers)) == {"dead:exit-1"}
    assert [answer.sent for answer in answers if isinstance(answer, SubjectFault)] == [True] * 101 + [False] * 2
    assert subject.restarts == 100


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        (["true"], "dead:exit-0"),
        (["false"], "dead:exit-1"),
        (["cat"], "protocol:reply.one-answer"),
        (["echo", "hello"], "protocol:frame.stdout-clean"),
        (["sh", "-c", "kill -SEGV $$"], "dead:signal-SEGV"),
        (["sleep", "600"], "hung:blocked"),
    ],
)
def test_command_that_is_not_an_adapter_is_reported(command: list[str], cause: str) -> None:
    started = time.monotonic()
    with pytest.raises(SubjectFault) as caught:
        Launcher.for_command(command, AttachSettings(deadline_scale=0.05)).start()
    assert caught.value.cause == cause
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("command", ["", "'unbalanced", "/no/such/program", "/etc/passwd"])
def test_command_that_cannot_start_is_a_usage_error(command: str) -> None:
    with pytest.raises(UsageError):
        Launcher.for_command(command).start()


def test_rejected_hello_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SubjectFault) as caught:
        start_script(tmp_path, "reply = {'seq': request['seq'], 'refused': {'class': 'rejected'}}\n")
    assert (caught.value.cause, caught.value.detail) == ("adapter", "hello was refused: rejected")


def test_hurried_run_shortens_deadlines_after_a_hang(tmp_path: Path) -> None:
    subject = start_script(tmp_path, "if op == 'no.reply':\n    time.sleep(600)\n", Brisk(deadline_scale=0.15))
    took = []
    for shortened in (False, True):
        subject.ask("ping", {})
        subject.deadlines.shortened = shortened
        started = time.monotonic()
        assert causes(subject.ask_each([("no.reply", {}), ("ping", {})])) == ["hung:blocked"]
        took.append(time.monotonic() - started)
    assert took[1] < took[0] - 0.5  # 0.25 s plus grace; the first run took 0.75 s plus grace
    assert subject.deadlines.deadline_s("ping", 10) == pytest.approx(0.75)
    subject.kill()


def test_subject_can_be_used_by_successive_threads() -> None:
    subject = start_honest()
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(subject.ask("ping", {})))
    thread.start()
    thread.join()
    assert seen == [Ok({})]
    subject.close()


def test_refusals_are_replies() -> None:
    planted = HONEST.with_name("always_refuse.py")
    subject = Launcher.for_command([sys.executable, str(planted)], PATIENT).start()
    assert subject.ask("grit.get", {"store": "s", "id": "00" * 32}) == Refused("invalid")
    subject.close()
    assert subject.faults == []
