"""Residency while a runtime serves, with other runtimes on the store, and in one update with runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gritstone.errors import Exhausted, Missing, Rejected
from gritstone.grit.engine import Batch, Table
from gritstone.grit.formats import FORMATS
from gritstone.grit.limits import Limits as StoreLimits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.runtime import Config, Runtime
from gritstone.runtime.actors import Actor
from gritstone.session import SESSIONS, Residency
from gritstone.session.usage import Limits
from gritstone.wit.laws import External, Laws
from gritstone.wit.position import Position
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.workspace import Workspace

HELLO = b'{"kind":"user","prompt":"hello"}'


@pytest.fixture
def store() -> Store:
    return Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)


def residency(store: Store, **limits: int) -> Residency:
    runtime = Runtime(store, Laws(External(PUPPETS), SESSIONS), Config("test"))
    return Residency(runtime, Limits(**limits))


@contextlib.asynccontextmanager
async def serving(found: Residency) -> AsyncIterator[None]:
    """Serve the runtime while the block runs."""
    task = asyncio.create_task(found.runtime.serve())
    await asyncio.sleep(0)
    yield
    await found.runtime.stop(drain=True)
    await task


def objects(store: Store, found: Residency) -> tuple[Workspace, ObjectId]:
    """Return a workspace, and the id of an empty blob of the store."""
    workspace = Workspace(found.runtime.machine.world.objects)
    blob = workspace.put(Blob({}, b""))
    workspace.keep(store)
    return workspace, blob


def references(store: Store, prefix: str = "") -> dict[str, ObjectId]:
    with store.snapshot() as snapshot:
        return dict(snapshot.references(prefix))


async def acknowledge(found: Residency) -> None:
    for sender, message in found.runtime.mail():
        with contextlib.suppress(Rejected):
            await found.runtime.acknowledge(sender, message)


def test_operations_join_the_commits_of_a_runtime_that_serves(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store, max_live=3, lease_ms=1)
        _, blob = objects(store, found)
        async with serving(found):
            opened = await asyncio.gather(
                *(found.prepare(None, HELLO, 1_000 + number, bytes([number]) * 32) for number in range(3))
            )
            names = [one.session for one in opened]
            await acknowledge(found)
            sent = [found.send(name, [("at", "2000"), ("mt", "abandon")], blob, 2_000) for name in names]
            await asyncio.gather(*sent)
            await asyncio.sleep(0.05)
            await acknowledge(found)
            steps = await asyncio.gather(*(found.archive(name, 9_000) for name in names))
            again = await asyncio.gather(*(found.restore(name, 9_001) for name in names))
            assert steps == again
            assert sorted(found.live()) == sorted(names)
            archived = list(await asyncio.gather(found.archive(names[0], 9_003), found.close(names[1], 9_003)))
            assert archived == steps[:2]
        assert set(references(store, "archived/")) == {f"archived/{names[0].hex()}"}
        assert set(references(store, "closed/")) == {f"closed/{names[1].hex()}"}
        assert f"heads/{names[2].hex()}" in references(store)

    asyncio.run(scenario())


def test_archive_and_restore_in_one_commit_leave_the_head(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store)
        session = (await found.prepare(None, HELLO, 1_000, bytes(32))).session
        found.limits = Limits(lease_ms=1)
        await acknowledge(found)
        async with serving(found):
            both = asyncio.gather(found.archive(session, 2_000), found.restore(session, 2_001))
            before, after = await both
            assert before == after
        assert references(store)[f"heads/{session.hex()}"] == before
        assert not references(store, "archived/")

    asyncio.run(scenario())


def test_two_openings_of_one_core_make_one_session(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store)
        results = await asyncio.gather(
            *(found.prepare(None, HELLO, 1_000, bytes(32)) for _ in range(3)), return_exceptions=True
        )
        assert sorted(getattr(one, "code", "") for one in results) == ["", "live", "live"]

    asyncio.run(scenario())


def test_change_of_another_process_is_noticed(store: Store) -> None:
    async def scenario() -> None:
        one, other = residency(store, lease_ms=1), residency(store, lease_ms=1)
        session = (await one.prepare(None, HELLO, 1_000, bytes(32))).session
        await acknowledge(one)
        other.runtime.refresh()
        await other.archive(session, 5_000)
        with pytest.raises(Missing) as refused:  # it has not read the store again, and its update fails
            await one.archive(session, 5_000)
        assert refused.value.code == "archived"
        one.runtime.refresh()
        await one.restore(session, 6_000)
        assert one.live() == [session]
        assert other.live() == []

    asyncio.run(scenario())


def test_open_is_made_again_if_the_store_changed_meanwhile(store: Store) -> None:
    async def scenario() -> None:
        one, other = residency(store), residency(store)
        await other.prepare(None, HELLO, 1, bytes(32))
        found = await one.prepare(None, HELLO, 2, b"1" * 32)
        assert found.session in one.live()
        assert len(references(store, "heads/")) == 3

    asyncio.run(scenario())


def test_full_store_refuses_an_open_and_stays_usable() -> None:
    async def scenario() -> None:
        store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True, limits=StoreLimits(refs=3))
        found = residency(store, lease_ms=1)
        session = (await found.prepare(None, HELLO, 1_000, bytes(32))).session
        before = references(store)
        with pytest.raises(Exhausted):
            await found.prepare(None, HELLO, 1_000, b"1" * 32)
        assert references(store) == before
        await acknowledge(found)
        await found.archive(session, 5_000)
        await found.restore(session, 5_001)

    asyncio.run(scenario())


def test_damaged_session_does_not_disturb_others(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store, max_live=2, lease_ms=1)
        broken = (await found.prepare(None, HELLO, 1_000, bytes(32))).session
        whole = (await found.prepare(None, HELLO, 1_001, b"1" * 32)).session
        await acknowledge(found)
        head = references(store)[f"heads/{broken.hex()}"]

        def damage(batch: Batch) -> None:
            batch.delete(Table.OBJECTS, head)

        store.update(damage)
        found.runtime.forget()
        assert found.live() == [whole]
        await found.archive(whole, 9_000)
        with pytest.raises(Missing):
            await found.archive(broken, 9_000)

    asyncio.run(scenario())


def test_operator_who_sets_two_references_gets_the_first_refusal(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store)
        session = (await found.prepare(None, HELLO, 1_000, bytes(32))).session
        agent = found.runtime.agent
        for space, expected in (("archived", "archived"), ("moved", "moved"), ("gone", "gone"), ("closed", "closed")):
            store.update_references([Change(f"{space}/{session.hex()}", None, agent)])
            found.runtime.refresh()
            with pytest.raises((Missing, Rejected)) as refused:
                await found.prepare(session, HELLO, 2_000)
            assert refused.value.code == expected

    asyncio.run(scenario())


def test_core_without_a_tree_is_not_hosted(store: Store) -> None:
    async def scenario() -> None:
        found = residency(store)
        workspace, blob = objects(store, found)
        core = workspace.put(Tree({"session": blob, "wit": blob}))
        workspace.keep(store)
        with pytest.raises(Rejected) as refused:
            await found.open(core, 1)
        assert refused.value.code == "host"

    asyncio.run(scenario())


def test_heads_of_other_actors_are_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        found = residency(store)
        session = (await found.prepare(None, HELLO, 1_000, bytes(32))).session
        world = found.runtime.machine.world
        read: list[ObjectId] = []
        original = world.readable_position

        def reads(actor: Actor) -> Position | None:
            read.append(actor.actor_id)
            return original(actor)

        monkeypatch.setattr(world, "readable_position", reads)
        assert found.live() == found.live() == [session]
        assert read.count(session) <= 1
        _, blob = objects(store, found)
        await found.send(session, [("at", "2000"), ("mt", "abandon")], blob, 2_000)
        await found.runtime.run()
        read.clear()
        assert found.live() == found.live() == [session]
        assert read == [session], "the head is another one"
        world.forget()
        assert found.live() == [session]
        assert read == [session] * 2, "what was removed may be part of a core"

    asyncio.run(scenario())
