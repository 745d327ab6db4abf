"""The transition: whose code makes the step, and what its failures are."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Exhausted, InternalError, Missing, Rejected
from gritstone.grit import Blob, Mailbox, Step
from gritstone.wit import failure


class Fake:
    """Code that does what a test sets."""

    def __init__(self, do: Any) -> None:
        self.do = do

    def step(self, run: Any) -> Any:
        yield from ()
        return self.do(run)

    def query(self, question: Any) -> Any:
        raise NotImplementedError


def simple(run: Any) -> bytes:
    (sender, messages), *_ = run.proposal.covered
    previous = None if run.last is None else run.last.step_id
    inbox = {} if run.last is None else dict(run.last.inbox)
    box = run.workspace.put(Mailbox({**inbox, sender: messages[-1]}))
    step: bytes = run.workspace.put(Step(previous, run.actor, box, None, run.core_id))
    return step


def born(bench: Any, do: Any) -> tuple[bytes, bytes]:
    bench.register("fake", Fake(simple))
    made: tuple[bytes, bytes] = bench.born("a", b"external:fake")
    bench.register("fake", Fake(do))
    return made


def tell(bench: Any, actor: bytes, head: bytes, **headers: str) -> Any:
    message = bench.message(bench.blob(b"hi"), bench.position(head, actor).inbox[bench.outside], **headers)
    return bench.step(actor, head, [(bench.outside, message)])


def raiser(error: BaseException) -> Any:
    def do(run: Any) -> bytes:
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ValueError("x"), Rejected, "failed"),
        (RecursionError(), Rejected, "failed"),
        (failure("failed", "x"), Rejected, "failed"),
        (failure("failed", "x", detail="trap"), Rejected, "failed:trap"),
        (failure("exhausted", "x"), Exhausted, "exhausted"),
        (Rejected("x", rule="r.r.r"), Rejected, "failed"),
        (Exhausted("x", rule="r.r.r"), Exhausted, "exhausted"),
        (Missing("x", rule="r.r.r"), Missing, None),
    ],
)
def test_exceptions_of_code_become_failures(
    bench: Any, error: Exception, kind: type[Exception], code: str | None
) -> None:
    actor, head = born(bench, raiser(error))
    with pytest.raises(kind) as caught:
        tell(bench, actor, head)
    assert getattr(caught.value, "code", None) == code


def test_internal_errors_are_not_failures(bench: Any) -> None:
    actor, head = born(bench, raiser(InternalError("ours")))
    with pytest.raises(InternalError):
        tell(bench, actor, head)


def test_code_that_declines_makes_no_step(bench: Any) -> None:
    actor, head = born(bench, lambda run: run.last.step_id)
    assert tell(bench, actor, head) is None
    bench.register("fake", Fake(lambda run: None))
    with pytest.raises(Rejected) as caught:
        tell(bench, actor, head)
    assert caught.value.code == "failed"


def test_transition_that_makes_an_object_too_long_is_exhausted(bench: Any) -> None:
    actor, head = born(bench, lambda run: run.workspace.put(Blob({}, bytes(1_048_577))))
    with pytest.raises(Exhausted) as caught:
        tell(bench, actor, head)
    assert caught.value.code == "exhausted"


def test_control_messages_run_no_code(bench: Any) -> None:
    actor, head = born(bench, raiser(ValueError("ran")))
    update = tell(bench, actor, head, mt="update")
    assert bench.position(update, actor).step.core == actor
    previous = bench.position(head, actor).inbox[bench.outside]
    again = bench.step(actor, head, [(bench.outside, bench.message(actor, previous, mt="genesis"))])
    assert bench.position(again, actor).step.core == actor
    with pytest.raises(Rejected):
        tell(bench, actor, head, mt="cleanup")


def test_message_runs_the_code_of_the_previous_core(bench: Any) -> None:
    actor, head = bench.born("a")
    node = bench.blob(b"external:puppet-stamp/1")
    plain = bench.position(head, actor).core["wit"]
    stamped = bench.tell(actor, head, b"P\3wit\0", **{"00": node})
    assert "stamp" not in bench.position(stamped, actor).core
    back = bench.tell(actor, stamped, b"P\3wit\0", **{"00": plain})
    assert bench.objects.load(bench.position(back, actor).core["stamp"]).data == b"."
    once = bench.tell(actor, back, b"")
    assert bench.objects.load(bench.position(once, actor).core["stamp"]).data == b"."


def test_step_of_a_cleanup_has_no_previous(bench: Any) -> None:
    actor, head = bench.born("a")
    previous = bench.position(head, actor).inbox[bench.outside]
    message = bench.message(bench.program(b"W\1k\0\1v"), previous, mt="cleanup")
    step = bench.position(bench.step(actor, head, [(bench.outside, message)]), actor)
    assert step.step.previous is None
    assert "k" in step.core


def test_attempt_numbers_are_passed_to_code(bench: Any) -> None:
    actor, head = bench.born("a")
    for attempt in (1, 2):
        with pytest.raises(Rejected):
            bench.tell(actor, head, b"T\2", attempt)
    assert bench.tell(actor, head, b"T\2", 3)
