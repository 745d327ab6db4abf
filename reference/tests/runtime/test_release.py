"""Release and cut: the agent drops entries and begins its chain again, and nothing is lost or delivered twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import Store
from gritstone.grit.objects import Message, ObjectId
from gritstone.grit.references import Change

from .conftest import Stage


def boxes(stage: Stage) -> tuple[dict[ObjectId, ObjectId], dict[ObjectId, ObjectId]]:
    """Return inbox and outbox of the agent."""
    head = stage.head(stage.runtime.agent)
    return stage.entries(head.inbox), stage.entries(head.outbox)


def release(stage: Stage, *actors: ObjectId) -> list[ObjectId]:
    found: list[ObjectId] = stage.wait(stage.runtime.release(list(actors)))
    return found


def tell_the_agent(stage: Stage, actor: ObjectId, program: bytes) -> None:
    content = {"program": stage.blob(program), "00": stage.runtime.agent, "01": stage.blob(b"hi")}
    stage.inject(actor, stage.tree(**content))


def log(stage: Stage, actor: ObjectId) -> bytes | None:
    return stage.data(actor, "k")


def test_release_drops_the_entry_of_the_outbox(any_stage: Stage) -> None:
    any_stage.start()
    a, b = any_stage.born("a", "b")
    assert release(any_stage, a) == [a]
    assert set(boxes(any_stage)[1]) == {b}
    assert release(any_stage, a) == []
    assert release(any_stage, a, b) == [b]
    assert any_stage.head(any_stage.runtime.agent).outbox is None


def test_message_after_a_release_follows_the_read_message(stage: Stage) -> None:
    stage.start()
    (a,) = stage.born("a")
    first = stage.tell(a, b"W\1k\0\1x")
    stage.run()
    release(stage, a)
    again = stage.tell(a, b"W\1k\0\1x")
    message = stage.load(again)
    assert isinstance(message, Message)
    assert message.previous == first
    before = stage.head(a)
    stage.run()
    assert stage.head(a).previous is not None
    assert stage.head(a) != before
    assert stage.entries(stage.head(a).inbox)[stage.runtime.agent] == again


def test_released_signal_that_was_read_makes_no_step(stage: Stage) -> None:
    stage.start()
    (a,) = stage.born("a")
    signal = stage.tell(a, b"W\1k\0\1x", signal=True)
    stage.run()
    release(stage, a)
    before = stage.refs()
    assert stage.tell(a, b"W\1k\0\1x", signal=True) == signal
    assert stage.refs() == before


def test_release_refuses_unread_mail_to_the_actor(stage: Stage) -> None:
    stage.start()
    (a,) = stage.born("a")
    stage.tell(a, b"W\1k\0\1x")
    before = stage.refs()
    with pytest.raises(Rejected) as refused:
        release(stage, a)
    assert refused.value.code == "busy"
    assert stage.refs() == before


def test_release_refuses_unacknowledged_mail(stage: Stage) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    tell_the_agent(stage, a, b"S\0q\0\1")
    stage.run()
    ((_, message),) = runtime.mail()
    with pytest.raises(Rejected) as refused:
        release(stage, a)
    assert refused.value.code == "busy"
    stage.wait(runtime.acknowledge(a, message))
    assert release(stage, a) == [a]
    inbox, outbox = boxes(stage)
    assert inbox[a] == message, "only this entry says that the mail was acknowledged"
    assert a not in outbox
    assert runtime.mail() == []
    assert stage.wait(runtime.collect()) == [a]
    assert release(stage, a) == [a]
    assert a not in boxes(stage)[0]


def test_release_refuses_the_agent(stage: Stage) -> None:
    runtime = stage.start()
    with pytest.raises(Rejected) as refused:
        release(stage, runtime.agent)
    assert refused.value.code is None


def test_release_withdraws_mail_to_an_actor_that_is_away(stage: Stage) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    read = stage.tell(a, b"W\1k\0\1x")
    stage.run()
    head = stage.refs()[f"heads/{a.hex()}"]
    stage.store.update_references(
        [Change(f"heads/{a.hex()}", head, None), Change(f"moved/{a.hex()}", None, head)],
    )
    runtime.refresh()
    stage.tell(a, b"W\1k\0\1y")
    assert release(stage, a) == [a]
    assert a not in boxes(stage)[1]
    assert stage.load(stage.tell(a, b"W\1k\0\1z")).previous == read


def test_release_by_a_second_runtime_is_seen_by_the_first(stage: Stage, stage_on: Callable[[Store], Stage]) -> None:
    stage.start()
    (a,) = stage.born("a")
    first = stage.tell(a, b"W\1k\0\1x")
    stage.run()
    other = stage_on(stage.store)
    other.start()
    release(other, a)
    second = stage.tell(a, b"W\1k\0\1y")
    assert stage.load(second).previous == first
    stage.run()
    assert stage.entries(stage.head(a).inbox)[stage.runtime.agent] == second


def test_step_after_a_cut_has_no_previous(any_stage: Stage) -> None:
    runtime = any_stage.start()
    (a,) = any_stage.born("a")
    any_stage.tell(a, b"W\1k\0\1x")
    old = any_stage.refs()[f"heads/{runtime.agent.hex()}"]
    step = any_stage.wait(runtime.cut())
    head = any_stage.head(runtime.agent)
    assert any_stage.refs()[f"heads/{runtime.agent.hex()}"] == step
    assert head.previous is None
    note = any_stage.load(boxes(any_stage)[0][runtime.agent])
    assert note.previous is None
    assert note.headers == {"mt": "cleanup", "cut": old.hex()}
    assert any_stage.wait(runtime.cut()) == step
    any_stage.run()
    assert log(any_stage, a) is not None
    assert any_stage.store.prune() > 0
    with pytest.raises(Missing):
        any_stage.store.get(old)
    any_stage.tell(a, b"W\1k\0\1y")
    any_stage.run()


def test_cut_keeps_unread_mail(stage: Stage) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    tell_the_agent(stage, a, b"S\0q\10effect.x\1")
    stage.run()
    offered = runtime.effects()
    assert len(offered) == 1
    echo = stage.inject(runtime.agent, stage.blob(b"to the outside"))
    with pytest.raises(Rejected) as refused:
        stage.wait(runtime.cut())
    assert refused.value.code == "busy"
    stage.wait(runtime.acknowledge(runtime.agent, echo))
    stage.wait(runtime.cut())
    assert len(runtime.mail()) == 1
    assert runtime.effects() == offered


def test_cuts_with_equal_boxes_are_different_steps(stage: Stage) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    release(stage, a)
    first = stage.wait(runtime.cut())
    stage.tell(a, b"W\1k\0\1x")
    stage.run()
    release(stage, a)
    second = stage.wait(runtime.cut())
    assert first != second
    assert boxes(stage)[1] == {}


def test_many_short_lived_actors_leave_little_data(stage: Stage) -> None:
    runtime = stage.start()
    for number in range(3):
        actors = stage.born(*[f"{number}-{each}" for each in range(40)])
        for actor in actors:
            tell_the_agent(stage, actor, b"S\0q\0\1")
        stage.run()
        for sender, message in runtime.mail():
            stage.wait(runtime.acknowledge(sender, message))
        release(stage, *actors)
        assert stage.wait(runtime.collect()) == sorted(actors)
        release(stage, *actors)
        stage.wait(runtime.cut())
        stage.store.prune(runtime.pins())
        runtime.forget()
        assert boxes(stage)[1] == {}
        assert set(boxes(stage)[0]) == {runtime.agent}
        assert set(runtime.machine.world.actors) == {runtime.agent}
        with stage.store.snapshot() as snapshot:
            reached = snapshot.closure([target for _, target in snapshot.references()])
        assert len(list(reached)) < 12
