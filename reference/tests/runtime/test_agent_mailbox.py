"""The outside: injections, mail, acknowledgements, effects."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Exhausted, Invalid, Missing, Rejected
from gritstone.grit import Message, Tree


def test_injection_sends_a_message(any_stage: Any) -> None:
    runtime = any_stage.start()
    (a,) = any_stage.born("a")
    tip = any_stage.entries(any_stage.head(runtime.agent).outbox)[a]
    content = any_stage.blob(b"x")
    queued = any_stage.inject(a, content, "m")
    assert any_stage.load(queued) == Message(tip, {"mt": "m"}, content)
    signal = any_stage.inject(a, content, "m", signal=True)
    assert any_stage.load(signal) == Message(None, {"mt": "m"}, content)
    steps = len(any_stage.steps(runtime.agent))
    assert any_stage.inject(a, content, "m", signal=True) == signal
    assert len(any_stage.steps(runtime.agent)) == steps
    any_stage.inject(a, content, "n")
    with pytest.raises(Rejected):
        any_stage.inject(a, content, "m", signal=True)


def test_injection_rejects_invalid_messages(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    steps = len(stage.steps(runtime.agent))
    blob, message = stage.blob(b"x"), stage.put(Message(None, {}, stage.blob(b"x")))
    hollow = stage.put(Tree({"x": b"z" * 32}))
    cases: list[tuple[bytes, bytes, list[tuple[str, str]], type[Exception]]] = [
        (b"z" * 32, blob, [], Missing),
        (blob, blob, [], Rejected),
        (a, b"z" * 32, [], Missing),
        (a, message, [], Rejected),
        (a, hollow, [], Missing),
        (hollow, blob, [], Missing),
        (a, blob, [("mt", "receipt")], Rejected),
        (a, blob, [("a", "1"), ("a", "1")], Invalid),
        (a, blob, [("a b", "1")], Invalid),
        (a, blob, [("a", "\n")], Invalid),
    ]
    for to, content, headers, kind in cases:
        with pytest.raises(kind):
            stage.wait(runtime.inject(to, content, headers))
    assert len(stage.steps(runtime.agent)) == steps
    gone = stage.blob(b"secret")
    stage.store.erase(gone)
    assert stage.inject(a, gone)


def test_acknowledged_mail_is_not_listed(any_stage: Any) -> None:
    runtime = any_stage.start()
    a, b = any_stage.born("a", "b")
    for actor in (a, b):
        any_stage.tell(actor, b"S\xf1q\3one\xf2S\xf1q\3two\xf2")
    any_stage.run()
    listed = runtime.mail()
    assert [sender for sender, _ in listed] == sorted([a, a, b, b])
    first, second = (message for sender, message in listed if sender == a)
    assert any_stage.load(second).previous == first
    any_stage.wait(runtime.acknowledge(a, first))
    assert runtime.mail() == [one for one in listed if one != (a, first)]
    steps = len(any_stage.steps(runtime.agent))
    any_stage.wait(runtime.acknowledge(a, first))
    assert len(any_stage.steps(runtime.agent)) == steps
    for sender, message, kind in ((a, b"z" * 32, Rejected), (b"z" * 32, first, Missing)):
        with pytest.raises(kind):
            any_stage.wait(runtime.acknowledge(sender, message))
    any_stage.wait(runtime.stop(drain=False))
    again = any_stage.start()
    assert again.mail() == [one for one in listed if one != (a, first)]
    any_stage.wait(again.acknowledge(a, second))
    assert [sender for sender, _ in again.mail()] == [b, b]


def test_effects_are_listed_and_answered(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    content = stage.blob(b"ask")
    program = b"S\xf1q\x08effect.x\0S\xf1q\4mail\0S\xf1q\x08effect.y\xf2S\xf1q\7effect.\0"
    stage.tell(a, program, **{"00": content})
    stage.run()
    open_ = runtime.effects()
    assert [(one.kind, one.request) for one in open_] == [("x", b"ask"), ("y", None)]
    x, y = ((one.sender, one.message) for one in open_)
    stage.wait(runtime.resolve(y, {"failed": "no"}))
    assert [one.kind for one in runtime.effects()] == ["x"]
    assert a not in stage.entries(stage.head(runtime.agent).inbox)
    with pytest.raises(Missing):
        stage.wait(runtime.resolve(y, {"ok": b""}))
    stage.wait(runtime.resolve(x, {"ok": b"yes"}))
    assert stage.entries(stage.head(runtime.agent).inbox)[a] == x[1]
    reply = stage.load(stage.entries(stage.head(runtime.agent).outbox)[a])
    assert dict(reply.headers) == {"mt": "effect.ok", "reply": x[1].hex()}
    assert stage.load(reply.content).data == b"yes"
    refusal = stage.load(reply.previous)
    assert dict(refusal.headers) == {"mt": "effect.failed", "reply": y[1].hex()}
    assert dict(stage.load(refusal.content).headers) == {"ct": "s"}
    stage.start()
    assert [one.kind for one in stage.runtime.effects()] == ["y"]  # answered out of order: open again


def test_cursor_passes_answered_effects(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    stage.tell(a, b"S\xf1q\x08effect.x\xf2S\xf1q\x08effect.y\xf2")
    stage.run()
    x, y = ((one.sender, one.message) for one in runtime.effects())
    stage.wait(runtime.resolve(y, {"ok": b""}))
    stage.wait(runtime.resolve(x, {"ok": b""}))
    assert stage.entries(stage.head(runtime.agent).inbox)[a] == y[1]
    assert runtime.mail() == []


def test_injection_checks_the_present_closure(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    loose = stage.tree(y=stage.blob(b"loose"))
    assert stage.wait(runtime.inject(a, loose))
    stage.run()
    loose = stage.tree(z=stage.blob(b"looser"))
    stage.store.prune()
    runtime.forget()
    with pytest.raises(Missing):
        stage.inject(a, loose)
    with pytest.raises(Missing):
        stage.inject(a, stage.tree(y=b"z" * 32))


def test_injection_rejects_trees_nested_too_deep(stage: Any) -> None:
    stage.start()
    (a,) = stage.born("a")
    limit = stage.store.limits.tree_depth
    tree = stage.tree(x=stage.blob(b""))
    for _ in range(limit - 1):
        tree = stage.tree(x=tree)
    assert stage.inject(a, tree)
    with pytest.raises(Exhausted):
        stage.inject(a, stage.tree(x=tree))
