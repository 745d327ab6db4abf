"""Worlds: restarts, copies, forks, rollbacks, two runtimes, keys and lists."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from gritstone.errors import Refusal
from gritstone.grit import FORMATS, Change, MemoryEngine, ObjectId, Store, export_bundle
from gritstone.grit.importing import import_bundle
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.image.cores import Facts
from gritstone.image.record import decode_record, encode_record
from gritstone.image.requests import Request, past_world, rollback, shown_actors
from gritstone.image.worlds import World, fold, world_root
from gritstone.wit.workspace import Workspace

from .stage import Program, Stage


def roots(stage: Stage) -> list[str]:
    """Return the roots of all worlds."""
    stage.engine.sync()
    return [root_at(stage, seq) for seq in range(stage.engine.seq + 1)]


def root_at(stage: Stage, seq: int | None = None) -> str:
    return world_root(past_world(stage.engine, seq), stage.store.format).hex()


def copy_of(stage: Stage, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return an image in another store that begins from a bundle of this one."""
    with stage.store.snapshot() as snapshot:
        data = b"".join(export_bundle(snapshot, None))
    store = Store.open(MemoryEngine(), stage.store.format)
    import_bundle(store, io.BytesIO(data))
    return Stage(loop, stage.store.format, store)


def crowd(stage: Stage) -> tuple[ObjectId, list[ObjectId]]:
    """Create an actor that posts, and actors that log what they read."""
    log = Program()
    log.data += b"A" + bytes([3]) + b"log" + b"\x00\x01."
    names = ["a", "b", "c"]
    code = {"x": Program().add("n", 1), "y": Program().fail()}
    actors = [stage.born(name=name, code=code, entry={"x": "*", "y": "*"}) for name in names]
    poster = stage.born(name="poster", caps={"send.*.*": stage.agent}, code={"failed": Program().add("f", 1)})
    return poster, actors


def mail(stage: Stage, poster: ObjectId, actors: list[ObjectId]) -> None:
    """Send posts from two actors in several operations."""
    program = Program()
    for actor in actors:
        program.send(actor, "p", "x", stage.text("1")).send(actor, "p", "y", stage.text("2"))
    assert stage.run_program(poster, program).failure is None
    stage.wait(stage.runtime.inject(actors[1], stage.text("3"), [("mt", "x")]))
    assert stage.run_program(poster, Program().send(actors[0], "p", "x", stage.text("4"))).failure is None


def test_restart_runs_posts_in_the_same_order(stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
    poster, actors = crowd(stage)
    mail(stage, poster, actors)
    other = copy_of(stage, loop)
    assert root_at(other) == root_at(stage)
    stage.rest()
    other.rest()
    assert roots(other) == roots(stage)
    assert stage.value(poster, "f") == b"3"


def test_start_moves_no_reference(stage: Stage) -> None:
    poster, actors = crowd(stage)
    mail(stage, poster, actors)
    before = stage.store.list_references()
    stage.wait(stage.runtime.stop(drain=True))
    stage.open()
    assert stage.store.list_references() == before


def test_worlds_are_those_of_their_time(stage: Stage) -> None:
    taken = []
    poster, actors = crowd(stage)
    for step in (lambda: mail(stage, poster, actors), stage.rest, lambda: stage.clock(5)):
        step()
        taken.append((stage.engine.seq, root_at(stage)))
    assert stage.ask(actors[2], "image.destroy", stage.blob(b"")).failure is None
    assert [root_at(stage, seq) for seq, _ in taken] == [root for _, root in taken]
    with pytest.raises(Refusal) as refused:
        past_world(stage.engine, stage.engine.seq + 1)
    assert (refused.value.kind, refused.value.code) == ("missing", "world")


def test_fold_of_records_gives_the_references(stage: Stage) -> None:
    poster, actors = crowd(stage)
    mail(stage, poster, actors)
    stage.rest()
    assert stage.ask(actors[2], "image.destroy", stage.blob(b"")).failure is None
    texts = [stage.record_text(seq) for seq in range(stage.engine.seq + 1)]
    records = [decode_record(text.encode()) for text in texts]
    assert [encode_record(record) for record in records] == texts
    world = fold(text.encode() for text in texts)
    newest = past_world(stage.engine, None)
    for actor in (stage.agent, stage.engine.kernel):
        world.heads[actor] = newest.heads[actor]
    assert world.references() == newest.references()
    assert len(newest.gone) == 1


def fork(stage: Stage, seq: int, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return a fork at a world."""
    past = dict(past_world(stage.engine, seq).references())
    other = copy_of(stage, loop)
    now = {name: target for name, target in other.store.list_references()[0] if name.startswith(("heads/", "gone/"))}
    changes = [Change(name, now.get(name), past.get(name)) for name in sorted(now.keys() | past.keys())]
    other.store.update_references(changes)
    return Stage(loop, stage.store.format, other.store)


def test_fork_goes_on_as_the_image_did(stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
    poster, actors = crowd(stage)
    at = stage.engine.seq
    mail(stage, poster, actors)
    stage.rest()
    assert stage.ask(actors[2], "image.destroy", stage.blob(b"")).failure is None
    other = fork(stage, at, loop)
    assert root_at(other) == root_at(stage, at)
    mail(other, poster, actors)
    other.rest()
    assert other.ask(actors[2], "image.destroy", other.blob(b"")).failure is None
    assert roots(other) == roots(stage)


def test_rollback_returns_cores_and_destroys_later_actors(stage: Stage) -> None:
    owner = stage.born(caps={"spawn": stage.agent}, n="1")
    at = stage.engine.seq
    child = stage.core(owner=owner, name="child")
    program = Program().add("n", 1).send(child, "j", "genesis", child)
    program.send(0xF0, "j", "image.timer", stage.text("7 tick"))
    assert stage.run_program(owner, program).failure is None
    found = stage.wait(stage.runtime.durably(lambda: rollback(stage.engine, at)))
    assert found.failure is None
    assert stage.value(owner, "n") == b"1"
    assert stage.engine.ledger.actors[owner].timers is not None
    assert child not in stage.engine.ledger.actors
    again = stage.wait(stage.runtime.durably(lambda: rollback(stage.engine, at)))
    assert again.seq == found.seq + 1
    assert "root" not in stage.record_text(again.seq)


def test_key_of_a_request_is_answered_from_the_record(stage: Stage) -> None:
    actor = stage.born()
    messages = [Request(actor, [("mt", "run")], stage.program(Program().add("n", 1)))]
    first = stage.request(messages, "k")
    assert stage.request(messages, "k") == first
    assert stage.request(messages, "l").seq == first.seq + 1
    stage.open()
    assert stage.request(messages, "k") == first
    assert stage.value(actor, "n") == b"2"
    with pytest.raises(Refusal) as refused:
        stage.request(messages, "")
    assert (refused.value.kind, refused.value.code) == ("invalid", "key")


def test_key_is_forgotten_after_a_thousand_records(stage: Stage) -> None:
    actor = stage.born()
    messages = [Request(actor, [("mt", "run")], stage.program(Program().add("n", 1)))]
    first = stage.request(messages, "k")
    for _ in range(999):
        stage.clock(0)
    assert stage.request(messages, "k") == first
    stage.clock(0)
    assert stage.request(messages, "k").seq == first.seq + 1_001


def test_list_hides_actors_of_other_owners(stage: Stage) -> None:
    owners = [stage.born(name=name) for name in ("a", "b")]
    child = stage.born(owner=owners[0], name="child")
    shown, more = shown_actors(stage.engine, child, None, 10)
    assert not more
    assert {one.actor for one in shown if one.facts is not None} == {owners[0], child}
    assert [one.actor for one in shown] == sorted([*owners, child])
    (first,), more = shown_actors(stage.engine, None, None, 1)
    assert more
    assert shown_actors(stage.engine, None, first.actor, 10)[0][0].actor != first.actor


def test_two_runtimes_work_in_turns(stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
    poster, actors = crowd(stage)
    other = Stage(loop, stage.store.format, stage.store)
    add = stage.program(Program().add("n", 1))
    for number in range(20):
        one = (stage, other)[number % 2]
        assert one.ask(poster, "run", add).failure is None
    mail(other, poster, actors)
    assert stage.engine.seq < other.engine.seq
    stage.clock(3)
    assert stage.rest() == 11
    assert other.value(poster, "n") == b"20"
    other.runtime.refresh()
    assert roots(other) == roots(stage)


def test_requests_that_wait_share_updates(stage: Stage) -> None:
    actor = stage.born(quota={"fuel": 10_000})
    messages = [Request(actor, [("mt", "run")], stage.program(Program().add("n", 1)))]

    async def together() -> list[int]:
        from gritstone.image.requests import request

        serving = asyncio.ensure_future(stage.runtime.serve())
        await asyncio.sleep(0)
        asks = [stage.runtime.durably(lambda: request(stage.engine, stage.keys, messages, None)) for _ in range(32)]
        found = await asyncio.gather(*asks)
        await stage.runtime.stop(drain=True)
        await serving
        return [one.seq for one in found]

    first = stage.engine.seq + 1
    assert stage.wait(together()) == list(range(first, first + 32))
    assert stage.value(actor, "n") == b"32"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_durable_image_is_the_same_after_a_restart(name: str, tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    def opened(*, create: bool) -> Stage:
        return Stage(loop, FORMATS[name], Store.open(LmdbEngine(tmp_path / "s", create=create), FORMATS[name]))

    stage = opened(create=True)
    poster, actors = crowd(stage)
    mail(stage, poster, actors)
    before = roots(stage)
    stage.store.close()
    stage = opened(create=False)
    assert roots(stage) == before
    stage.rest()
    assert stage.value(poster, "f") == b"3"
    stage.store.close()


def test_world_is_a_value() -> None:
    world = World({b"\x02" * 32: b"\x01" * 32}, {b"\x03" * 32: b"\x01" * 32})
    assert [name[:5] for name, _ in world.references()] == ["gone/", "heads"]


def test_image_starts_and_posts_keep_their_order_with_erased_records(
    stage: Stage, loop: asyncio.AbstractEventLoop
) -> None:
    poster, actors = crowd(stage)
    first = stage.engine.seq
    mail(stage, poster, actors)
    newest = past_world(stage.engine, None)
    kernel, agent = stage.engine.kernel_position(), stage.engine.base.position(stage.agent)
    assert agent is not None
    erased = [entry.kernel.core["op"] for entry in stage.engine.journal.back(kernel, agent, stage.engine.seq)][1:3]
    for record in erased:
        stage.store.erase(record)
    other = Stage(loop, stage.store.format, stage.store)
    assert past_world(other.engine, None).references() == newest.references()
    assert past_world(other.engine, first - 1).heads == past_world(stage.engine, first - 1).heads
    with pytest.raises(Refusal) as refused:
        past_world(other.engine, other.engine.seq - 2)
    assert (refused.value.kind, refused.value.code) == ("missing", "erased")
    other.rest()
    assert other.value(poster, "f") == b"3"
    assert [other.value(actor, "n") for actor in actors] == [b"2", b"2", b"1"]


def test_erased_timer_counts_and_never_fires(stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
    actor = stage.born(quota={"timers": 1}, code={"tick": Program().add("n", 1)})
    timer = Program().send(0xF0, "j", "image.timer", stage.text("7 tick"))
    assert stage.run_program(actor, timer).failure is None
    position = stage.engine.base.position(actor)
    assert position is not None
    (target,) = Facts(Workspace(stage.engine.world.objects), position.core).part("timers").values()
    stage.store.erase(target)
    other = Stage(loop, stage.store.format, stage.store)
    assert str(other.run_program(actor, timer).failure) == "exhausted/timers"
    other.clock(100)
    assert other.rest() == 0
    assert other.value(actor, "n") is None
