"""Conversations for programs: whole turns, refusals, archive, and a session that moves to another store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session import Call, Calls, Final, SessionRefused, Sessions, Tool, Turn


def add(a: float, b: float = 0) -> float:
    """Add two numbers.

    More text that the model does not see.
    """
    return a + b


def lookup(word: str, deep: dict[str, int] | None = None, tags: list[str] | None = None) -> Any:
    """Look a word up."""
    raise KeyError(word)


class Clock:
    """A clock that the test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=sorted(FORMATS))
def store(request: pytest.FixtureRequest) -> Store:
    return Store.open(MemoryEngine(), FORMATS[request.param], create=True)


@pytest.fixture
def sessions(store: Store) -> Iterator[Sessions]:
    with Sessions(store, clock_s=Clock()) as found:
        yield found


def scripted(*responses: Any) -> Any:
    """Return a model that gives these responses, one after the other."""
    waiting = list(responses)
    return lambda turn: waiting.pop(0)


def test_tool_is_described_by_its_signature() -> None:
    tool = Tool(lookup)
    assert (tool.name, tool.description) == ("lookup", "Look a word up.")
    assert [(one["name"], one["required"], one["type"]) for one in tool.params] == [
        ("word", True, "string"),
        ("deep", False, "any"),
        ("tags", False, "any"),
    ]
    assert [one["type"] for one in Tool(add).params] == ["number", "number"]


def test_turn_changes_nothing_until_it_is_committed(sessions: Sessions) -> None:
    chat = sessions.open(system="Be brief.")
    first, second = chat.prepare("hello"), chat.prepare("hello")
    assert first == second
    assert first.messages == [{"content": "Be brief.", "role": "system"}, {"content": "hello", "role": "user"}]
    assert chat.commit(first, "hi") == Final("hi")
    assert chat.commit(second, "hi") == Final("hi")  # a repetition of the same commit
    assert chat.state()["count"] == 1
    with pytest.raises(SessionRefused) as refused:
        chat.commit(first, "other")
    assert (refused.value.kind, refused.value.code) == ("rejected", "conflict")


def test_run_calls_tools_and_reports_their_errors(sessions: Sessions) -> None:
    tools = [Tool(add), Tool(lookup)]
    chat = sessions.open(tools=tools)
    seen: list[Turn] = []

    def model(turn: Turn) -> Any:
        seen.append(turn)
        if len(seen) == 1:
            calls = [{"tool": "add", "input": {"a": 1, "b": 2.5}}, {"tool": "lookup", "input": {"word": "x"}}]
            return {"action": "call_tools", "calls": calls}
        return {"action": "retry", "error": "busy"} if len(seen) == 2 else "3.5"

    assert chat.run("sum?", model=model, tools=tools) == "3.5"
    results = [(one["content"], one["ok"]) for one in seen[1].messages if one["role"] == "tool"]
    assert results == [("3.5", True), ("KeyError: 'x'", False)]
    assert seen[1] == seen[2]
    assert chat.state()["phase"] == "idle"


def test_calls_are_made_one_by_one_and_given_up(sessions: Sessions) -> None:
    chat = sessions.open(tools=[Tool(add)])
    outcome = chat.commit(chat.prepare("sum?"), {"action": "call_tool", "tool": "add", "input": {"a": 1}})
    assert outcome == Calls([Call("1.0", "add", {"a": 1})])
    with pytest.raises(SessionRefused, match="rejected/phase"):
        chat.prepare("again")
    with pytest.raises(SessionRefused, match="missing/call"):
        chat.result("9.0", "x")
    chat.abandon()
    with pytest.raises(SessionRefused, match="rejected/phase"):
        chat.abandon()
    assert chat.prepare("again").messages[-1]["content"] == "again"


def test_model_that_never_ends_is_stopped(sessions: Sessions) -> None:
    chat = sessions.open()
    with pytest.raises(SessionRefused, match="exhausted/rounds"):
        chat.run("q", model=lambda turn: {"action": "retry"})
    with pytest.raises(SessionRefused, match="malformed/response"):
        chat.run("q", model=scripted({"action": "unknown"}))
    assert chat.run("q", model=scripted("a")) == "a"


def test_configure_replaces_tools(sessions: Sessions) -> None:
    chat = sessions.open(tools=[Tool(add)])
    chat.configure(tools=[], config={"system_prompt": "New."})
    turn = chat.prepare("x")
    assert (turn.tools, turn.messages[0]["content"]) == ([], "New.")
    with pytest.raises(SessionRefused, match="malformed/request"):
        chat.configure()


def test_invalid_session_is_not_opened(sessions: Sessions) -> None:
    with pytest.raises(Rejected):
        sessions.open(config={"keep": 0})
    assert sessions.live() == []


def test_idle_session_is_archived_and_restored(store: Store) -> None:
    clock = Clock()
    with Sessions(store, idle_s=60, clock_s=clock) as sessions:
        chat = sessions.open()
        chat.run("q", model=scripted("a"))
        clock.now_s = 61.0
        assert sessions.sweep() == []
        clock.now_s = 61.1
        assert sessions.sweep() == [chat.session] == sessions.archived()
        with pytest.raises(Missing):
            chat.prepare("q")
        chat.restore()
        assert sessions.live() == [chat.session]
        assert [one["content"] for one in chat.prepare("r").messages] == ["q", "a", "r"]


def test_least_used_session_makes_room(store: Store) -> None:
    clock = Clock()
    with Sessions(store, max_live=2, clock_s=clock) as sessions:
        chats = []
        for number in range(3):
            clock.now_s = float(number)
            chats.append(sessions.open())
        assert sessions.archived() == [chats[0].session]
        chats[1].prepare("keeps it live")
        chats[0].restore()
        assert sessions.archived() == [chats[2].session]


@pytest.mark.parametrize("is_fresh", [False, True])
def test_session_moves_to_another_store_and_back(store: Store, tmp_path: Path, *, is_fresh: bool) -> None:
    other = Store.open(MemoryEngine(), store.format, create=True)
    with Sessions(store, clock_s=Clock()) as here, Sessions(other, clock_s=Clock()) as there:
        if not is_fresh:
            there.open().run("x", model=scripted("y"))
        chat = here.open()
        chat.run("q1", model=scripted("a1"))
        chat.archive()
        chat.export(tmp_path / "chat.grit")
        with pytest.raises(Rejected):
            chat.restore()
        moved = there.load(tmp_path / "chat.grit")
        moved.restore()
        assert moved.run("q2", model=scripted("a2")) == "a2"
        moved.archive()
        moved.export(tmp_path / "back.grit")
        (step,) = [target for _, target in _refs(store, "moved/")]
        store.update_references([_gone(chat.session, step)])
        back = here.load(tmp_path / "back.grit")
        back.restore()
        assert [one["content"] for one in back.prepare("q3").messages] == ["q1", "a1", "q2", "a2", "q3"]


def _refs(store: Store, prefix: str) -> list[tuple[str, bytes]]:
    with store.snapshot() as snapshot:
        return list(snapshot.references(prefix))


def _gone(session: bytes, step: bytes) -> Any:
    from gritstone.grit.references import Change

    return Change(f"moved/{session.hex()}", step, None)


def test_sessions_continue_after_a_restart(tmp_path: Path) -> None:
    texts, session = [], b""
    for number in range(3):
        store = Store.open(LmdbEngine(tmp_path, create=number == 0), FORMATS["cbor-blake3"], create=number == 0)
        with Sessions(store, clock_s=Clock()) as sessions:
            chat = sessions.open(nonce=bytes(32)) if number == 0 else sessions.chat(session)
            session = chat.session
            chat.run(f"q{number}", model=scripted(f"a{number}"))
            texts = [one["content"] for one in chat.prepare("next").messages]
        store.close()
    assert texts == ["q0", "a0", "q1", "a1", "q2", "a2", "next"]


def test_closed_session_is_final(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.close()
    chat.close()
    with pytest.raises(Rejected):
        chat.prepare("x")
    with pytest.raises(Rejected):
        chat.restore()
