"""Queries of a step."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gritstone.errors import Missing, Refusal, Rejected
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.queries import ask_position, read_asked_step
from gritstone.wit.workspace import Workspace


def ask(bench: Any, step: bytes, name: str, args: bytes = b"") -> Any:
    workspace = Workspace(bench.objects)
    position = read_asked_step(workspace, step)
    found = drive(ask_position(bench.laws, workspace, position, name, args), time.sleep, Deadline(time.monotonic, 0))
    return None if found is None else workspace.load(found)


def test_puppet_answers_its_queries(bench: Any) -> None:
    actor, head = bench.born("a", d=bench.nested({"x": 1}))
    assert ask(bench, head, "echo", b"\0hi").data == b"\0hi"
    assert dict(ask(bench, head, "step").headers) == {"ct": "s"}
    assert ask(bench, head, "step").data == head.hex().encode()
    assert ask(bench, head, "get", b"d/x").data == b"1"
    assert ask(bench, head, "get", b"d/y") is None
    assert ask(bench, head, "get", b"d/x/z") is None
    assert set(ask(bench, head, "get").entries) == {"d", "name", "wit", "wit_query"}
    assert ask(bench, head, "nothing") is None
    assert ask(bench, head, "") is None
    assert actor


@pytest.mark.parametrize(
    ("name", "args"), [("fail", b""), ("get", b"a//b"), ("get", b"/"), ("get", b".."), ("get", b"e")]
)
def test_failing_queries_are_failures(bench: Any, name: str, args: bytes) -> None:
    erased = bench.blob(b"secret")
    _, head = bench.born("a", e=erased)
    bench.store.erase(erased)
    with pytest.raises(Rejected) as caught:
        ask(bench, head, name, args)
    assert caught.value.code == "failed"


def test_unanswerable_queries_are_rejected(bench: Any) -> None:
    actor, head = bench.born("a")
    for step, kind, code in ((b"z" * 32, Missing, None), (actor, Rejected, None)):
        with pytest.raises(kind) as caught:
            ask(bench, step, "wut")
        assert caught.value.code == code
    node = bench.blob(b"external:puppet/1")
    bare = bench.tree(wit=node)
    step = bench.step(bare, None, [(bench.outside, bench.message(bare))])
    with pytest.raises(Rejected) as caught:
        ask(bench, step, "wut")
    assert caught.value.code == "unresolved"
    assert head


class Fake:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def step(self, run: Any) -> Any:
        raise NotImplementedError

    def query(self, question: Any) -> Any:
        yield from ()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_invalid_answers_are_failures(bench: Any) -> None:
    _, head = bench.born("a", wit_query=bench.blob(b"external:fake"))
    message = bench.message(bench.blob(b"x"))
    for answer in (b"z" * 32, b"short", message, ValueError("x"), head):
        bench.register("fake", Fake(answer))
        with pytest.raises(Refusal) as caught:
            ask(bench, head, "x")
        assert caught.value.code == "failed"
