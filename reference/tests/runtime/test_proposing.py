"""What may be chosen, by the definition of the specification."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Rejected


def listed(stage: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return [(actor, proposal.mailbox) for actor, proposal in stage.runtime.ready()]


def choose(stage: Any, actor: bytes, mailbox: dict[bytes, bytes]) -> Any:
    return stage.wait(stage.runtime.choose(listed(stage).index((actor, mailbox))))


def test_choices_list_each_of_the_four_sorts(stage: Any) -> None:
    runtime = stage.start()
    agent = runtime.agent
    a, b = stage.born("a", "b")
    stage.tell(b, b"S\0q\0\1S\0q\0\1", **{"00": a, "01": stage.program(b"")})
    stage.run()
    stage.tell(b, b"S\0q\0\1S\0q\0\1S\0q\6update\1", **{"00": a, "01": stage.program(b"")})
    choose(stage, b, listed(stage)[0][1])
    first = stage.tell(a, b"")
    second = stage.tell(a, b"")
    tip = stage.entries(stage.head(b).outbox)[a]
    update = stage.load(tip)
    theirs = [stage.load(update.previous).previous, update.previous]
    expected = [
        *({agent: first}, {agent: second}, {b: theirs[0]}, {b: theirs[1]}),
        {agent: second, b: theirs[1]},
    ]
    keys = sorted(b"".join(key + value for key, value in sorted(one.items())) for one in expected)
    found = listed(stage)
    assert [actor for actor, _ in found] == [a] * 5
    assert [b"".join(key + value for key, value in one.items()) for _, one in found] == keys
    choose(stage, a, {b: theirs[1]})
    assert (a, {b: tip}) in listed(stage)
    choose(stage, a, {agent: second})
    assert listed(stage) == [(a, {b: tip})]


def test_choose_without_choices_is_rejected(stage: Any) -> None:
    stage.start()
    with pytest.raises(Rejected):
        stage.wait(stage.runtime.choose(0))
    a = stage.core("a")
    message = stage.tell(a, b"")
    assert listed(stage) == []
    assert message


def test_choose_wraps_numbers_beyond_the_choices(stage: Any) -> None:
    stage.start()
    a = stage.core("a")
    stage.inject(a, a)
    assert stage.wait(stage.runtime.choose(7)) == stage.refs()[f"heads/{a.hex()}"]


def test_choices_omit_declined_and_delayed_messages(stage: Any) -> None:
    runtime = stage.start(base_ms=10)
    agent = runtime.agent
    (a,) = stage.born("a")
    held = stage.tell(a, b"L\1k")
    assert choose(stage, a, {agent: held}) is None
    assert listed(stage) == []
    bad = stage.tell(a, b"F")
    assert listed(stage) == [(a, {agent: held}), (a, {agent: bad})] or len(listed(stage)) == 2
    signal = stage.tell(a, b"F", signal=True)
    last = stage.tell(a, b"W\1k\0\0")
    assert choose(stage, a, {agent: last}) is None  # both at once: isolated now
    assert listed(stage) == [(a, {agent: signal})]
    assert choose(stage, a, {agent: signal}) is None
    assert listed(stage) == []  # delayed
    update = stage.inject(a, stage.tree(x=stage.blob(b"y")), "update", signal=True)
    assert listed(stage) == [(a, {agent: update})]
    assert choose(stage, a, {agent: update})
    assert runtime.set_time(10) == 1
    assert listed(stage) == []
