"""Failures: isolation, counts, delays, marks, receipts, healing."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import InternalError
from gritstone.grit import Change


def mark(stage: Any, actor: bytes) -> Any:
    target = stage.refs().get(f"failed/{actor.hex()}")
    return None if target is None else stage.entries(target)


def receipts(stage: Any, to: bytes) -> list[Any]:
    at = stage.entries(stage.head(stage.runtime.agent).outbox).get(to)
    found = []
    while at is not None:
        message = stage.load(at)
        if message.headers.get("mt") == "receipt":
            found.append(message)
        at = message.previous
    return found


def test_failing_message_is_isolated_and_the_earlier_one_is_read(stage: Any) -> None:
    stage.start(max_attempts=1)
    (a,) = stage.born("a")
    stage.tell(a, b"A\3log\0\1x")
    poison = stage.tell(a, b"F")
    stage.tell(a, b"A\3log\0\1y")
    report = stage.run()
    assert report.parked == [(a, "failed")]
    assert stage.data(a, "log") == b"x"
    assert mark(stage, a) == {stage.runtime.agent: poison}
    assert receipts(stage, a) == []


@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4])
def test_failures_are_counted_per_message(stage: Any, failing: int) -> None:
    stage.start(max_attempts=3, base_ms=0)
    (a,) = stage.born("a")
    stage.tell(a, b"T" + bytes([failing]))
    assert bool(stage.run().parked) == (failing >= 3)


def test_failures_delay_retries_on_the_suite_clock(stage: Any) -> None:
    runtime = stage.start(max_attempts=6, base_ms=10, cap_ms=35)
    (a,) = stage.born("a")
    stage.tell(a, b"T\4W\4done\0\0")
    now = 0
    assert stage.run().cause == "waiting"
    for delay in (10, 20, 35, 35):
        assert runtime.set_time(now + delay - 1) == 0
        assert stage.run().steps == 0
        now += delay
        assert runtime.set_time(now) == 1
        assert stage.run().cause == ("rest" if now == 100 else "waiting")
    assert stage.data(a, "done") == b""


def test_other_mail_does_not_change_the_failure_count(stage: Any) -> None:
    runtime = stage.start(max_attempts=3, base_ms=10, cap_ms=10)
    a, b = stage.born("a", "b")
    stage.tell(a, b"T\2W\4done\0\0")
    stage.run()
    stage.tell(b, b"S\0q\0\1", **{"00": a, "01": stage.program(b"W\5other\0\0")})
    stage.run()
    assert stage.data(a, "other") == b""
    for now in (10, 20):
        runtime.set_time(now)
        stage.run()
    assert stage.data(a, "done") == b""


def test_sender_of_a_failed_message_gets_a_receipt(stage: Any) -> None:
    stage.start(max_attempts=1)
    a, b = stage.born("a", "b")
    stage.tell(a, b"S\0q\0\1", **{"00": b, "01": stage.program(b"F")})
    stage.run()
    ((sender, poison),) = mark(stage, b).items()
    assert sender == a
    (receipt,) = receipts(stage, a)
    assert dict(receipt.headers) == {"mt": "receipt", "reply": poison.hex(), "class": "failed"}
    assert stage.load(receipt.content).data == b""
    assert stage.entries(stage.head(a).inbox)[stage.runtime.agent]


def test_failed_receipt_sends_no_receipt(stage: Any) -> None:
    stage.start(max_attempts=1)
    handler = stage.tree(receipt=stage.program(b"F"))
    a, b = stage.born("a", "b", on=handler)
    stage.tell(a, b"S\0q\0\1", **{"00": b, "01": stage.program(b"F")})
    report = stage.run()
    assert {actor for actor, _ in report.parked} == {a, b}
    assert len(receipts(stage, a)) == 1
    assert receipts(stage, b) == receipts(stage, stage.runtime.agent) == []


def test_update_removes_the_mark_of_an_actor(any_stage: Any) -> None:
    stage = any_stage
    stage.start(max_attempts=1)
    (a,) = stage.born("a")
    node = stage.blob(b"external:absent")
    stage.inject(a, stage.tree(wit=node), "update")
    stage.run()
    poison = stage.tell(a, b"W\1k\0\1v")
    assert stage.run().parked == [(a, "unresolved")]
    stage.inject(a, stage.tree(wit=stage.blob(b"external:puppet/1")), "update")
    assert stage.run().parked == [(a, "unresolved")]  # it is queued behind the message that failed
    refused = stage.inject(a, stage.blob(b"no tree"), "update", signal=True)
    assert stage.run().parked == [(a, "unresolved")]
    assert stage.entries(stage.head(a).inbox)[stage.runtime.agent] == refused
    assert poison
    stage.wait(stage.runtime.stop(drain=True))
    stage.start(max_attempts=1)
    assert stage.run().parked == [(a, "unknown")]
    stage.inject(a, stage.tree(wit=stage.blob(b"external:puppet/1")), "update", signal=True)
    assert stage.run().parked == []
    assert mark(stage, a) is None


def test_update_sent_by_another_actor_lets_a_marked_actor_retry(stage: Any) -> None:
    stage.start(max_attempts=1)
    a, b = stage.born("a", "b")
    stage.inject(a, stage.tree(wit=stage.blob(b"external:absent")), "update")
    stage.run()
    stage.tell(a, b"W\1k\0\1v")
    assert stage.run().parked == [(a, "unresolved")]
    update = stage.tree(wit=stage.blob(b"external:puppet/1"))
    stage.tell(b, b"S\0q\6update\1", **{"00": a, "01": update})
    assert stage.run().parked == []
    assert stage.data(a, "k") == b"v"


def test_mark_ends_the_delays_of_other_messages(stage: Any) -> None:
    runtime = stage.start(max_attempts=2, base_ms=10, cap_ms=10)
    a, b, c = stage.born("a", "b", "c")
    stage.tell(b, b"S\0q\0\1", **{"00": a, "01": stage.program(b"F")})
    assert stage.run().cause == "waiting"
    runtime.set_time(5)
    stage.tell(a, b"T\1W\4done\0\0")
    assert stage.run().cause == "waiting"  # until 15
    runtime.set_time(10)
    assert stage.run().parked == [(a, "failed")]
    stage.tell(c, b"S\0q\6update\1", **{"00": a, "01": stage.tree(k=stage.blob(b""))})
    assert stage.run().parked == []  # both were retried, and failed for the first time again
    assert runtime.set_time(15) == 0
    assert runtime.set_time(20) == 2


def test_failing_genesis_marks_the_actor(stage: Any) -> None:
    runtime = stage.start(max_attempts=1)
    bad = stage.core("a", program=stage.blob(b"F"))
    message = stage.inject(bad, bad, "genesis")
    assert stage.run().parked == [(bad, "failed")]
    assert stage.head(bad) is None
    assert mark(stage, bad) == {runtime.agent: message}
    name = f"failed/{bad.hex()}"
    stage.store.update_references([Change(name, stage.refs()[name], None)])
    stage.start(max_attempts=1)
    assert stage.run().parked == [(bad, "failed")]


@pytest.mark.parametrize("kind", range(1, 15))
def test_illegal_steps_count_as_failures(stage: Any, kind: int) -> None:
    stage.start(max_attempts=2, base_ms=0)
    a, b = stage.born("a", "b")
    stage.tell(a, b"S\0q\0\1S\0q\0\1", **{"00": b, "01": stage.program(b"")})
    stage.run()
    heads = stage.refs()
    stage.tell(a, b"X" + bytes([kind]))
    assert stage.run().parked == [(a, "illegal-step")]
    assert stage.refs()[f"heads/{a.hex()}"] == heads[f"heads/{a.hex()}"]


def test_failing_update_does_not_mark_the_actor(stage: Any) -> None:
    stage.start(max_attempts=2, base_ms=0)
    (a,) = stage.born("a")
    message = stage.inject(a, stage.program(b"F", wit_update=stage.blob(b"external:puppet/1")), "update")
    assert stage.run().parked == []
    assert stage.entries(stage.head(a).inbox)[stage.runtime.agent] == message
    assert stage.core_of(a) == stage.entries(a)


def test_failing_code_does_not_stop_other_actors(stage: Any) -> None:
    class Broken:
        def step(self, run: Any) -> Any:
            raise ZeroDivisionError

        def query(self, question: Any) -> Any:
            raise ZeroDivisionError

    from gritstone.wit import PUPPETS, External, Laws

    stage.laws = Laws(External({**PUPPETS, "broken": Broken()}))
    stage.start(max_attempts=1)
    bad = stage.core("bad", b"external:broken")
    stage.inject(bad, bad, "genesis")
    (a,) = stage.born("a")
    assert stage.head(a)
    assert stage.runtime.parked() == [(bad, "failed")]
    assert not isinstance(ZeroDivisionError(), InternalError)
