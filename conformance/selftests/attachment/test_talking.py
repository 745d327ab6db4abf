"""The conversation about lines, silence and ends, tested in this process: no adapter is started and no test sleeps.

Spec: :rule:`suite.process.no-block`, :rule:`suite.process.group-killed`, :rule:`suite.liveness.three` and
:rule:`suite.liveness.bounded`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from gritstone_conformance.attachment.conversation import Answer, Conversation, Request
from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.liveness import Liveness
from gritstone_conformance.attachment.process import Command, Process
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.stream import Ends, LineStream
from gritstone_conformance.errors import SubjectFault
from selftests.fakes.scripts import within

PING: Request = ("ping", {})
ANSWERED_LATE = AttachSettings(deadline_scale=1e-4, grace=1e6)
"""ping 0.5 ms, and more than five minutes of grace."""


class Pipes:
    """A channel whose other side is held by this process; it starts no process.

    Attributes:
        ends: the suite's side.
        reads, writes, logs, ends_it: the other side; closing the last one is the end of the process.
        killed: whether the suite has ended it.
    """

    attached = False
    strays = 0
    pid = None

    def __init__(self) -> None:
        (self.reads, write), (read, self.writes), (log, self.logs), (end, self.ends_it) = (os.pipe() for _ in range(4))
        self.ends = Ends(read, write, log, end)
        self.killed = False

    def close(self) -> None:
        """Close every open pipe; the other side may have closed some of its own."""
        for number in (self.ends.read, self.ends.write, self.ends.log, self.ends.exit, self.reads, self.writes):
            assert number is not None
            os.close(number)
        for number in (self.logs, self.ends_it):
            with contextlib.suppress(OSError):
                os.close(number)

    def wait_exit(self, seconds: float) -> bool:
        return self.killed

    def end_input(self) -> None:
        """Do nothing: no test reads further input."""

    def kill(self) -> str:
        self.killed = True
        return "closed"

    def outside(self) -> set[int]:
        return set()

    def kill_from_thread(self) -> None:
        self.killed = True

    def end(self, patience_s: float) -> str:
        return self.kill()


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close()


def talk(pipes: Pipes, attach_settings: AttachSettings | None = None) -> Conversation:
    attach_settings = attach_settings or AttachSettings()
    return Conversation(pipes, attach_settings, Deadlines(attach_settings), count(1))


@contextlib.contextmanager
def answering(pipes: Pipes, pause_s: float = 0.0) -> Iterator[None]:
    """Answer each line in a thread, after a pause."""
    over = threading.Event()

    def answer() -> None:
        with open(pipes.reads, "rb", closefd=False) as lines:
            for line in lines:
                over.wait(pause_s)
                if over.is_set():
                    return
                os.write(pipes.writes, json.dumps({"seq": json.loads(line)["seq"], "ok": {}}).encode() + b"\n")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        os.set_blocking(pipes.ends.write, True)
        os.write(pipes.ends.write, b'{"seq":0}\n')
        thread.join()


@pytest.mark.rule("suite.process.no-block")
def test_send_does_not_block_if_the_child_reads_nothing(pipes: Pipes) -> None:
    stream = LineStream(pipes.ends)
    assert not any(os.get_blocking(number) for number in (pipes.ends.read, pipes.ends.write, pipes.ends.log or 0))
    stream.send(b"x" * (1 << 20))
    stream.wait(0)
    stream.send(b"x" * (1 << 20))
    assert not stream.deaf


@pytest.mark.rule("suite.process.no-block")
def test_log_is_read_while_waiting_for_a_reply(pipes: Pipes) -> None:
    stream = LineStream(pipes.ends)
    os.write(pipes.logs, b"log")
    stream.wait(0)
    assert stream.log.read() == b"log"


@pytest.mark.rule("suite.process.no-block")
def test_line_beyond_the_limit_is_ended(pipes: Pipes) -> None:
    os.write(pipes.writes, b"x" * 5000)
    (answer,) = talk(pipes, AttachSettings(deadline_scale=0.01, frame_bytes=4096)).exchange([PING])
    assert isinstance(answer, SubjectFault)
    assert (answer.cause, answer.rule) == ("protocol:frame.limit", "harness.frame.limit")
    assert pipes.killed


@pytest.mark.rule("suite.process.group-killed")
def test_end_is_detected_while_another_process_holds_the_pipe(pipes: Pipes) -> None:
    stream = LineStream(pipes.ends)
    os.write(pipes.writes, b"last words\n")
    os.close(pipes.ends_it)
    stream.wait(0)
    assert stream.exited
    assert stream.eof, "the suite waits for the process that holds the pipe"
    assert list(stream.lines) == [b"last words"]


@pytest.mark.rule("suite.process.group-killed")
def test_whole_process_group_is_killed(tmp_path: Path) -> None:
    asked, says = tmp_path / "asked", tmp_path / "says"
    os.mkfifo(asked)
    os.mkfifo(says)
    process = Process(Command(("sh", "-c", f"cat <'{asked}' >'{says}' & wait")))
    heir = within(60, lambda: (os.open(asked, os.O_WRONLY), os.open(says, os.O_RDONLY)))
    assert process.kill() == "signal-KILL"
    with contextlib.suppress(BrokenPipeError):
        os.write(heir[0], b"alive")
    os.close(heir[0])
    assert within(60, lambda: os.read(heir[1], 5)) == b"", "a process of the group is alive"
    os.close(heir[1])


@pytest.mark.rule("suite.liveness.three")
@pytest.mark.parametrize(
    ("busy_s", "output", "cause"),
    [
        (0.5, b"", "hung:spinning"),
        (1.0, b'{"seq', "hung:spinning"),
        (0.49, b'{"seq', "hung:partial"),
        (0.49, b"", "hung:blocked"),
    ],
)
def test_cause_of_silence_depends_on_the_activity_meanwhile(
    pipes: Pipes, busy_s: float, output: bytes, cause: str
) -> None:
    stream = LineStream(pipes.ends)
    os.write(pipes.writes, output)
    stream.wait(0)
    fault = Liveness(pipes, stream, AttachSettings()).silence("ping", 1.5, busy_s, 1.0)
    assert fault.cause == cause
    assert pipes.killed


@pytest.mark.rule("suite.liveness.three")
def test_reply_after_its_deadline_is_late(pipes: Pipes) -> None:
    with answering(pipes, 0.05):
        (answer,) = talk(pipes, ANSWERED_LATE).exchange([PING])
    assert isinstance(answer, SubjectFault)
    assert answer.cause == "late"
    assert not pipes.killed


@pytest.mark.rule("suite.liveness.bounded")
@pytest.mark.parametrize(("enough", "received"), [(1, 1), (3, 3), (9, 5)])
def test_listener_that_returns_true_gets_no_more_answers(pipes: Pipes, enough: int, received: int) -> None:
    answers: list[Answer] = []

    def hear(request: Request, answer: Answer) -> bool:
        answers.append(answer)
        return len(answers) < enough

    with answering(pipes):
        assert talk(pipes).exchange([PING] * 5, hear) == answers
    assert (len(answers), pipes.killed) == (received, enough == received)
