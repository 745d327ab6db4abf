"""Conversations for programs: whole turns, refusals, archive, and a session that moves to another store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import Blob
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.optional import turn_off, turn_on
from gritstone.session import Call, Calls, Final, SessionRefused, Sessions, Tool, Turn

from .conversing import ADD, NONCE, TOOLS, Clock, add, lookup, module, scripted

KINDS = "null, a boolean, a number, a text, a list or a dictionary"


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.fixture(params=sorted(FORMATS))
def store(request: pytest.FixtureRequest) -> Store:
    return Store.open(MemoryEngine(), FORMATS[request.param], create=True)


@pytest.fixture(params=["external", "module"])
def sessions(request: pytest.FixtureRequest, store: Store) -> Iterator[Sessions]:
    with Sessions(store, guest=module() if request.param == "module" else None, clock_s=Clock()) as found:
        yield found


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


def test_each_request_is_one_update(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = sessions.open(tools=[Tool(add)])
    updates: list[int] = []
    plain = sessions.store.update

    def update(*given: Any, **named: Any) -> Any:
        updates.append(1)
        return plain(*given, **named)

    monkeypatch.setattr(sessions.store, "update", update)
    requests: list[Callable[[], object]] = [
        lambda: chat.commit(chat.prepare("sum?"), ADD),
        lambda: chat.result("1.0", 3),
        lambda: chat.commit(chat.prepare(), "3"),
        lambda: chat.configure(config={"keep": 2}),
        lambda: chat.ask("again?"),
        chat.abandon,
    ]
    for request in requests:
        updates.clear()
        request()
        assert len(updates) == 1


@pytest.mark.parametrize("is_faster", [False, True], ids=["plain", "faster"])
def test_a_message_that_is_made_again_stays_erased(store: Store, *, is_faster: bool) -> None:
    """A change makes the blob of a message that was erased before, so the store does not have it."""
    if is_faster:
        turn_on()
    with Sessions(store, clock_s=Clock()) as sessions:
        chat = sessions.open(nonce=NONCE)
        chat.commit(chat.prepare("first"), "same")
        encoded = store.format.encode(Blob({"ct": "s", "role": "assistant"}, b"same"), store.limits)
        store.erase(store.format.object_id(encoded))
        sessions._connection.runtime.forget()
        chat.commit(chat.prepare("second"), "same")
        turn = chat.prepare("third")
    turn_off()
    assert [one["content"] for one in turn.messages] == ["first", "second", "third"]
    with Sessions(store, clock_s=Clock()) as sessions:
        assert sessions.chat(chat.session).prepare("third") == turn


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
        chat.run("q", model=scripted(*[{"action": "unknown"}] * 4))
    assert chat.run("q", model=scripted({"action": "unknown"}, "a")) == "a"


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
        back = here.load(tmp_path / "back.grit")
        back.restore()
        assert [one["content"] for one in back.prepare("q3").messages] == ["q1", "a1", "q2", "a2", "q3"]


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


def test_tools_that_no_session_accepts_are_refused() -> None:
    def long() -> None: ...

    long.__doc__ = "x" * 1025
    for tool in (lambda _: None, lambda *words: None, lambda a, /: None, long):
        with pytest.raises(ValueError, match=r"in a tool|by name|docstring"):
            Tool(tool, name="tool")
    with pytest.raises(ValueError, match="'Add' in a tool"):
        Tool(add, name="Add")


def test_function_of_any_names_is_no_tool() -> None:
    def of_anything(**words: int) -> None: ...

    with pytest.raises(ValueError, match="no name of its own"):
        Tool(of_anything)


def watched(*responses: Any) -> tuple[Callable[[Turn], Any], list[Turn]]:
    """Return a scripted model, and the turns that it receives."""
    seen: list[Turn] = []
    respond = scripted(*responses)

    def model(turn: Turn) -> Any:
        seen.append(turn)
        return respond(turn)

    return model, seen


def test_arguments_that_do_not_fit_do_not_reach_the_function(sessions: Sessions) -> None:
    reached: list[Any] = []

    def note(words: list[str], at: date | None = None) -> str:
        reached.append((words, at))
        return "noted"

    tools = [Tool(note)]
    calls = [{"words": [1]}, {"words": ["a"], "at": "soon"}, {"words": ["a"], "at": "2026-01-02"}]
    row = {"action": "call_tools", "calls": [{"tool": "note", "input": one} for one in calls]}
    model, seen = watched(row, "done")
    assert sessions.open(tools=tools).run("q", model=model, tools=tools) == "done"
    assert reached == [(["a"], date(2026, 1, 2))]
    first, second, third = [one["content"] for one in seen[1].messages if one["role"] == "tool"]
    assert (third, seen[0].schemas["note"]) == ("noted", tools[0].schema)
    assert first == "ValueError: the arguments of note do not fit: words.0: Input should be a valid string"
    assert second.startswith("ValueError: the arguments of note do not fit: at: ")


def test_schemas_of_other_functions_are_not_sent(sessions: Sessions) -> None:
    chat = sessions.open(tools=[Tool(lookup, name="add")])
    model, seen = watched("done")
    chat.run("q", model=model, tools=[Tool(add)])
    assert seen[0].schemas == {}


def test_numbers_of_calls_keep_their_spelling(sessions: Sessions) -> None:
    chat = sessions.open(tools=TOOLS)
    row = {"action": "call_tool", "tool": "add", "input": {"a": 1e300, "b": 10**30}}
    assert chat.commit(chat.prepare("sum?"), row) == Calls([Call("1.0", "add", {"a": 1e300, "b": 10**30})])
    with pytest.raises(ValueError, match="inf is not a number of JSON: expected a finite number"):
        chat.result("1.0", float("inf"))
    with pytest.raises(TypeError):
        chat.result("1.0", {1: 2})
    chat.result("1.0", [1, None, True, {"a": 0.1}])
    assert chat.prepare().messages[-1]["content"] == '[1,null,true,{"a":0.1}]'


def test_interrupted_turn_is_resumed(sessions: Sessions) -> None:
    chat = sessions.open(tools=TOOLS)
    calls = [{"tool": "add", "input": {"a": 1}}, {"tool": "lookup", "input": {"word": "x"}}]
    outcome = chat.commit(chat.prepare("sum?"), {"action": "call_tools", "calls": calls})
    assert isinstance(outcome, Calls)
    chat.result(outcome.calls[0], 7)
    assert chat.open_calls() == outcome.calls[1:]
    with pytest.raises(OSError, match="lost"):
        chat.resume(model=scripted(OSError("lost")), tools=TOOLS)
    assert chat.state()["phase"] == "ready"
    assert chat.open_calls() == []
    seen: list[Turn] = []
    assert chat.resume(model=lambda turn: seen.append(turn) or "8", tools=TOOLS) == "8"  # type: ignore[func-returns-value]
    assert [one["content"] for one in seen[0].messages if one["role"] == "tool"] == ["7", "KeyError: 'x'"]
    with pytest.raises(SessionRefused, match="rejected/phase"):
        chat.resume(model=scripted("x"))


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (object(), f"TypeError: object cannot be written as JSON: expected {KINDS}"),
        ({"a": [1, {2}]}, f"TypeError: set cannot be written as JSON at a[1]: expected {KINDS}"),
        ({"a": {"b": float("nan")}}, "ValueError: nan is not a number of JSON at a.b: expected a finite number"),
        ([10**40], "ValueError: an integer is too long at [0]: expected at most 32 characters"),
        (["\ud800"], "ValueError: a text has an unpaired surrogate at [0]: expected Unicode scalar values"),
        (
            nested(33),
            f"ValueError: the value is nested too deeply at {'[0]' * 32}: expected at most 32 lists and objects",
        ),
        ({"a": {1: 2}}, "TypeError: a member of an object has a name that is not a text but int at a: expected a text"),
        ("x" * (4 << 20), None),
        ("x" * 4194305, "ValueError: the value has 4194305 bytes: expected at most 4194304"),
    ],
    ids=["no-json", "set", "nan", "digits", "surrogate", "deep", "name", "largest", "too-large"],
)
def test_results_that_cannot_be_stored_are_reported_to_the_model(
    sessions: Sessions, value: object, content: str | None
) -> None:
    def give() -> object:
        """Return the value."""
        return value

    tools = [Tool(give)]
    seen: list[Turn] = []

    def model(turn: Turn) -> Any:
        seen.append(turn)
        return {"action": "call_tool", "tool": "give", "input": {}} if len(seen) == 1 else "done"

    assert sessions.open(tools=tools).run("go", model=model, tools=tools) == "done"
    assert seen[1].messages[-1]["content"] == (value if content is None else content)


def test_unpaired_surrogates_are_refused(sessions: Sessions) -> None:
    chat = sessions.open()
    with pytest.raises(SessionRefused, match="malformed/request"):
        chat.prepare("\ud800")
    with pytest.raises(SessionRefused, match="malformed/utf8"):
        chat.commit(chat.prepare("q"), "\ud800")


def test_session_with_a_module_moves_between_stores(store: Store, tmp_path: Path) -> None:
    other = Store.open(MemoryEngine(), store.format, create=True)
    with Sessions(store, guest=module(), clock_s=Clock()) as here, Sessions(other, clock_s=Clock()) as there:
        chat = here.open(nonce=NONCE, tools=TOOLS)
        assert chat.run("sum?", model=scripted(ADD, "3.5"), tools=TOOLS) == "3.5"
        chat.archive()
        for _ in range(2):
            chat.export(tmp_path / "chat.grit")
            assert there.load(tmp_path / "chat.grit").session == chat.session
        there.chat(chat.session).restore()
        with pytest.raises(Rejected) as refused:
            there.load(tmp_path / "chat.grit")
        assert refused.value.code == "conflict"
        assert there.chat(chat.session).run("q", model=scripted("a")) == "a"


def test_live_session_is_not_exported(sessions: Sessions, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="not archived"):
        sessions.open().export(tmp_path / "chat.grit")
    assert list(tmp_path.iterdir()) == []
    chat = sessions.open()
    chat.archive()
    with pytest.raises(OSError, match="No such file"):
        chat.export(tmp_path / "absent" / "chat.grit")
    assert chat.session in sessions.archived()
