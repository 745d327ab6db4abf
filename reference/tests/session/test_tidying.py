"""The agent of conversations stays small: entries of archived sessions are dropped, and notices are acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.outcomes import agent_position
from gritstone.session import Sessions
from gritstone.session.tidying import away_entries, unread_notices
from gritstone.wit.workspace import Workspace

from .conversing import Clock, scripted

MANY = 100
BOUND = 33  # what is kept until the next request tidies up


@pytest.fixture
def store() -> Store:
    return Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)


@pytest.fixture
def sessions(store: Store) -> Iterator[Sessions]:
    with Sessions(store, clock_s=Clock(), max_live=2) as found:
        yield found


def nonce(number: int) -> bytes:
    return number.to_bytes(32, "big")


def content(sessions: Sessions, data: bytes) -> ObjectId:
    workspace = Workspace(sessions._connection.world.objects)
    blob = workspace.put(Blob({}, data))
    workspace.keep(sessions.store)
    return blob


def inject(sessions: Sessions, to: ObjectId, data: bytes) -> ObjectId:
    runtime = sessions._connection.runtime
    return sessions._connection.wait(runtime.inject(to, content(sessions, data)))


def test_archived_sessions_and_notices_do_not_accumulate(sessions: Sessions) -> None:
    world = sessions._connection.world
    for number in range(MANY):
        sessions.open(nonce=nonce(number))
        position = agent_position(world)
        assert len(position.outbox) <= BOUND + 4  # two live ones, one that is opened, and the agent itself
        assert len(position.inbox) <= BOUND + 4
        assert len(unread_notices(world)) <= BOUND
    assert len(sessions.archived()) == MANY - 2


def test_released_session_is_restored_with_its_conversation(sessions: Sessions) -> None:
    chat = sessions.open(nonce=nonce(0))
    assert chat.run("hello", model=scripted("hi")) == "hi"
    for number in range(1, MANY):
        sessions.open(nonce=nonce(number))
    assert chat.session not in agent_position(sessions._connection.world).outbox
    chat.restore()
    assert list(sessions.serve(model=scripted())) == []
    assert chat.run("again", model=scripted("yes")) == "yes"
    assert chat.state()["count"] == 2


def test_unread_mail_keeps_an_entry(sessions: Sessions) -> None:
    first = sessions.open(nonce=nonce(0))
    first.archive()
    mail = inject(sessions, first.session, b"wait")
    for number in range(1, MANY):
        sessions.open(nonce=nonce(number))
    assert agent_position(sessions._connection.world).outbox[first.session] == mail
    assert first.session in away_entries(sessions._connection.world)


def test_other_mail_of_the_agent_to_itself_stays_unread(sessions: Sessions) -> None:
    mail = inject(sessions, sessions._connection.runtime.agent, b"note")
    for number in range(MANY):
        sessions.open(nonce=nonce(number))
    listed = dict(sessions._connection.runtime.mail()[:1])
    assert list(listed.values()) == [mail]


def test_notices_of_an_earlier_process_are_acknowledged(store: Store) -> None:
    with Sessions(store, clock_s=Clock(), max_live=1) as earlier:
        earlier._connection.tidy = lambda: None  # type: ignore[method-assign]
        for number in range(MANY):
            earlier.open(nonce=nonce(number))
        assert len(unread_notices(earlier._connection.world)) == MANY - 1
    with Sessions(store, clock_s=Clock()) as later:
        assert list(later.serve(model=scripted())) == []
        assert unread_notices(later._connection.world) == []
        assert len(away_entries(later._connection.world)) == 0
