"""Two runtimes on one store: what one decides on heads or marks that the other has changed is discarded."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.grit import Change, Mailbox, Message, Tree
from gritstone.runtime.states import Event, State

PUPPET = b"external:puppet/1"
NAP = b"Z\0\x28"  # 40 ms


def mark_of(stage: Any, actor: bytes) -> Any:
    target = stage.refs().get(f"failed/{actor.hex()}")
    return None if target is None else stage.entries(target)


def begin(stage: Any, **given: Any) -> tuple[Any, Any]:
    """Start two runtimes; the first one is that of the stage."""
    first = stage.start(suite_clock=False, max_attempts=1, **given)
    second = stage.start(suite_clock=False, max_attempts=1, **given)
    stage.runtime = first
    return first, second


def run_beside(stage: Any, meanwhile: Any) -> Any:
    """Run the first runtime to rest; what happens meanwhile is hidden from it until it commits."""

    async def run_both() -> Any:
        import asyncio

        running = asyncio.ensure_future(stage.runtime.run(None))
        await asyncio.sleep(0.01)
        await meanwhile()
        return await running

    return stage.wait(run_both())


def test_mark_is_not_set_if_the_head_moved(stage: Any) -> None:
    first, second = begin(stage)
    (a,) = stage.born("a")
    second.refresh()
    fails, late = stage.program(NAP + b"F"), stage.program(b"A\3log\0\1l")
    stage.inject(a, fails)
    head = stage.refs()[f"heads/{first.agent.hex()}"]
    second.refresh()

    async def overtake() -> None:
        await second.inject(a, late, signal=True)
        await second.run()

    assert run_beside(stage, overtake).parked == []
    assert mark_of(stage, a) is None
    assert stage.data(a, "log") == b"l"
    assert stage.head(first.agent).previous == head  # one injection since, and no receipt


def test_step_is_not_adopted_if_a_mark_was_set(stage: Any) -> None:
    _, second = begin(stage)
    (a,) = stage.born("a")
    sleeps, fails = stage.program(NAP + b"A\3log\0\1z"), stage.program(b"F")
    stage.inject(a, sleeps)
    second.refresh()
    head = stage.refs()[f"heads/{a.hex()}"]

    async def mark() -> None:
        await second.inject(a, fails, signal=True)
        assert (await second.run()).parked == [(a, "failed")]

    assert run_beside(stage, mark).parked == [(a, "unknown")]
    assert stage.refs()[f"heads/{a.hex()}"] == head


def test_discarded_mark_is_retried_with_the_same_attempt(stage: Any) -> None:
    """The commit that sets the mark is refused for another head; the message is then run with attempt 2 of 2 again."""
    first = stage.start(suite_clock=False, max_attempts=2, base_ms=0)
    a, b = stage.born("a", "b")
    other = stage.start(suite_clock=False, max_attempts=2, base_ms=0)
    stage.runtime = first
    bad = stage.tell(a, b"T\2")  # fails at the attempts 1 and 2, and would not at 3

    async def interfere() -> None:
        await other.inject(b, stage.program(b""))

    before = len(stage.steps(a))
    machine = first.machine
    machine.work(100)  # both failures and the mark are in the batch, which expects the agent's head of its last commit
    assert machine.world.actor(a).mark is not None
    stage.wait(interfere())
    machine.world.batch.move_head(first.agent, *2 * (machine.world.actor(first.agent).head,))
    report = stage.run()
    assert report.parked == [(a, "failed")]
    assert mark_of(stage, a) == {first.agent: bad}
    assert len(stage.steps(a)) == before


def test_foreign_mark_has_an_unknown_failure(stage: Any) -> None:
    first = stage.start(suite_clock=False, max_attempts=1)
    (a,) = stage.born("a")
    bad = stage.tell(a, b"F")
    first.machine.work(100)
    box = stage.put(Mailbox({first.agent: bad}))
    stage.store.update_references([Change(f"failed/{a.hex()}", None, box)])
    assert stage.run().parked == [(a, "unknown")]


def test_discarded_update_keeps_the_mark(stage: Any) -> None:
    first = stage.start(suite_clock=False, max_attempts=1)
    (a,) = stage.born("a", on=stage.tree(job=stage.program(b"F")))
    stage.inject(a, stage.blob(b""), "job")
    assert stage.run().parked == [(a, "failed")]
    stage.inject(a, stage.tree(on=stage.tree(job=stage.program(b""))), "update", signal=True)
    first.machine.work(1)
    assert first.machine.world.actor(a).mark is None
    head, mark = (stage.refs()[f"{space}/{a.hex()}"] for space in ("heads", "failed"))
    stage.store.update_references([Change(f"failed/{a.hex()}", mark, None)])  # the commit is refused for it
    assert stage.run().parked == []
    assert stage.refs()[f"heads/{a.hex()}"] != head


def test_mark_removed_during_an_update_is_respected(stage: Any) -> None:
    """The run goes on, is found to be stale, and is made again."""
    first = stage.start(suite_clock=False, max_attempts=1)
    a, b = stage.born("a", "b")
    stage.tell(a, b"F")
    stage.run()
    mark = stage.refs()[f"failed/{a.hex()}"]
    update = stage.put(Tree({"program": stage.blob(NAP + b"A\3log\0\1u"), "wit_update": stage.blob(PUPPET, ct="s")}))
    stage.inject(a, update, "update", signal=True)
    stage.tell(b, b"")
    stage.run(1)  # the step of b; the update sleeps
    assert first.machine.world.actor(a).state is State.RUNNING
    stage.store.update_references([Change(f"failed/{a.hex()}", mark, None)])
    first.refresh()
    assert first.machine.world.actor(a).state is State.RUNNING
    assert stage.run().parked == []
    assert stage.data(a, "log") == b"u"


def test_delay_that_ends_during_a_run_is_respected(stage: Any) -> None:
    first = stage.start(suite_clock=False, max_attempts=2, base_ms=5, cap_ms=5)
    a, b = stage.born("a", "b")
    stage.tell(a, b"T\1A\3log\0\1x")
    stage.tell(b, b"S\0q\0\1", **{"00": a, "01": stage.program(NAP + b"A\3log\0\1z")})
    seen = set()
    actor, happen = first.machine.world.actor(a), type(first.machine.world.actor(a)).happen

    def watch(self: Any, event: Event) -> None:
        seen.add((self.state, event))
        happen(self, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(actor), "happen", watch)
        stage.run()
    assert (State.RUNNING, Event.DELAY_OVER) in seen
    assert sorted(stage.data(a, "log")) == sorted(b"xz")


def refuse_the_commit(stage: Any, actor: bytes) -> None:
    """Mark an actor behind the back of the runtime, whose batch expects that it has no mark."""
    box = stage.put(Mailbox({actor: stage.put(Message(None, {}, stage.blob(b"")))}))
    stage.store.update_references([Change(f"failed/{actor.hex()}", None, box)])


def test_run_that_queried_a_discarded_step_is_stale(stage: Any) -> None:
    """The step that answered was in a commit that was refused, so no chain has it."""
    first = stage.start(suite_clock=False, max_attempts=1)
    x, a = stage.born("x", "a")
    stage.blob(b"v")  # the store has the answer, whatever its origin
    stage.tell(x, b"W\1k\0\1v")
    stage.tell(a, b"Q\0\3get\1\3got" + NAP, **{"00": x, "01": stage.blob(b"k")})
    first.machine.work(100)  # x has made its step, and a has asked it; nothing is committed
    refuse_the_commit(stage, x)
    stage.run()
    assert "k" not in stage.core_of(x)
    assert "got" not in stage.core_of(a)


def test_run_covering_a_discarded_message_is_stale(stage: Any) -> None:
    """Also if another process has stored an object of the same id."""
    first = stage.start(suite_clock=False, max_attempts=1)
    x, a = stage.born("x", "a")
    says = stage.program(NAP + b"W\1k\0\1v")
    stage.tell(x, b"S\0q\0\1", **{"00": a, "01": says})
    first.machine.work(100)
    stage.put(Message(None, {}, says))
    refuse_the_commit(stage, x)
    stage.run()
    assert "k" not in stage.core_of(a)
    assert len(stage.steps(a)) == 1


def test_collection_sees_commits_of_another_runtime(any_stage: Any) -> None:
    """Also where the collecting runtime has not looked since: it looks within its update."""
    stage = any_stage
    first = stage.start(max_attempts=1)
    (creator,) = stage.born("creator")
    child, free = stage.core("child"), stage.core("free")
    for one in (child, free):
        stage.tell(creator, b"S\0q\7genesis\0", **{"00": one})
    stage.run()
    stage.tell(creator, b"R\0R\1", **{"00": child, "01": free})
    stage.run()
    stage.start(max_attempts=1)
    stage.tell(creator, b"S\0q\0\1", **{"00": child, "01": stage.program(b"L\1k")})
    stage.run()
    assert stage.wait(first.collect()) == [free]
    assert f"heads/{child.hex()}" in stage.refs()
    assert stage.wait(stage.runtime.collect()) == []


def test_step_with_a_pruned_closure_is_not_adopted(any_stage: Any, stage_on: Any) -> None:
    """A prune that does not know the run, and a client that stores the tree again without its leaf."""
    stage = any_stage
    stage.start(suite_clock=False, max_attempts=1)
    x, a = stage.born("x", "a")
    stage.tell(x, b"W\6t/leaf\0\4leaf")
    stage.run()
    tree = stage.core_of(x)["t"]
    data = stage.store.get(tree)
    stage.tell(a, b"Q\0\3get\1\3got" + NAP, **{"00": x, "01": stage.blob(b"t")})

    async def remove() -> None:
        other = stage_on(stage.store).start(suite_clock=False, max_attempts=1)
        await other.inject(x, stage.program(b"D\1t"), [("mt", "cleanup")])
        other.machine.work(1)
        await other.stop(drain=False)
        stage.store.prune()
        stage.store.put(data)

    report = run_beside(stage, remove)
    assert report.parked == []
    assert "got" not in stage.core_of(a)
    assert stage.bundle()


def test_failure_caused_by_a_prune_is_retried(any_stage: Any) -> None:
    """Its failure is not counted, since what it had read was removed by another process while it ran."""
    stage = any_stage
    first = stage.start(suite_clock=False, max_attempts=1)
    (a,) = stage.born("a")
    stage.tell(a, NAP + b"A\3log\0\1z")
    first.machine.work(1)
    (running,) = first.machine.in_progress
    stage.blob(b"unreachable")
    stage.store.prune(first.pins())
    first.machine.world.reload()
    first.machine.expire(running)  # any failure
    assert stage.run().parked == []
    assert stage.data(a, "log") == b"z"
