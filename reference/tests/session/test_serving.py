"""Asks: the session requests the model and the tools, and nothing that was acknowledged is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session import Answer, Chat, SessionRefused, Sessions, Turn

from .conversing import ADD, NONCE, TOOLS, Clock, module, scripted


@pytest.fixture
def store() -> Store:
    return Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)


@pytest.fixture(params=["external", "module"])
def sessions(request: pytest.FixtureRequest, store: Store) -> Iterator[Sessions]:
    with Sessions(store, guest=module() if request.param == "module" else None, clock_s=Clock()) as found:
        yield found


def texts(answers: Iterator[Answer]) -> list[tuple[str, str]]:
    return [(answer.action, answer.text) for answer in answers]


def test_ask_is_answered_with_the_help_of_a_tool(sessions: Sessions) -> None:
    chat = sessions.open(system="Be brief.", tools=TOOLS)
    ask = chat.ask("sum?", corr="c1")
    seen: list[Turn] = []

    def model(turn: Turn) -> Any:
        seen.append(turn)
        return ADD if len(seen) == 1 else "3.5"

    assert list(sessions.serve(model=model, tools=TOOLS)) == [Answer(chat.session, ask, "final", "3.5", 4, "c1")]
    assert [one["content"] for one in seen[1].messages] == [seen[0].messages[0]["content"], "sum?", "", "3.5"]
    assert list(sessions.serve(model=model, tools=TOOLS)) == []
    chat.archive()


def test_ask_and_run_lead_to_the_same_conversation(sessions: Sessions) -> None:
    by_run, by_ask = sessions.open(tools=TOOLS), sessions.open(tools=TOOLS)
    by_run.run("sum?", model=scripted(ADD, "3.5"), tools=TOOLS)
    by_ask.ask("sum?")
    assert texts(sessions.serve(model=scripted(ADD, "3.5"), tools=TOOLS)) == [("final", "3.5")]
    contents = [[one["content"] for one in chat.prepare("next").messages] for chat in (by_run, by_ask)]
    assert contents[0] == contents[1]


def test_asks_of_several_sessions_are_served_together(sessions: Sessions) -> None:
    chats = [sessions.open() for _ in range(3)]
    for number, chat in enumerate(chats):
        chat.ask(f"q{number}")
    found = {one.session: one.text for one in sessions.serve(model=lambda turn: turn.messages[-1]["content"].upper())}
    assert found == {chat.session: f"Q{number}" for number, chat in enumerate(chats)}


def test_failing_tools_and_unknown_tools_are_results(sessions: Sessions) -> None:
    chat = sessions.open(tools=TOOLS)
    chat.ask("look")
    calls = [{"tool": "lookup", "input": {"word": "x"}}, {"tool": "add", "input": {"a": 1}}]
    seen: list[Turn] = []

    def model(turn: Turn) -> Any:
        seen.append(turn)
        return {"action": "call_tools", "calls": calls} if len(seen) == 1 else "done"

    assert texts(sessions.serve(model=model, tools=TOOLS[1:])) == [("final", "done")]
    results = [(one["content"], one["ok"]) for one in seen[1].messages if one["role"] == "tool"]
    assert results == [("KeyError: 'x'", False), ("there is no function for the tool add", False)]


def test_error_of_the_model_leaves_the_effect_open(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            list(sessions.serve(model=scripted(TimeoutError("later"))))
    with pytest.raises(Rejected) as refused:
        chat.archive()
    assert refused.value.code == "busy"
    assert texts(sessions.serve(model=scripted("a"))) == [("final", "a")]


def test_final_error_of_the_model_fails_the_ask(sessions: Sessions) -> None:
    class FinalError(Exception):
        is_final = True

    chat = sessions.open()
    chat.ask("q")
    assert texts(sessions.serve(model=scripted(FinalError("no \ud800")))) == [("failed", "FinalError: no ?")]
    assert chat.run("q", model=scripted("a")) == "a"


def test_model_without_a_usable_response_fails_the_ask(sessions: Sessions) -> None:
    chat = sessions.open(config={"max_rounds": 2})
    chat.ask("q")
    unusable = [{"action": "call_tool", "tool": "absent", "input": {}}, {"action": "unknown"}, {"action": "retry"}]
    assert texts(sessions.serve(model=scripted(*unusable))) == [("failed", "exhausted/rounds")]


def test_answer_is_yielded_until_it_is_acknowledged(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q")
    first = next(sessions.serve(model=scripted("a")))
    second = sessions.serve(model=scripted())
    assert next(second) == first
    assert list(second) == []


def test_abandoned_ask_calls_nothing(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q")
    with pytest.raises(SessionRefused, match="rejected/phase"):
        chat.ask("r")
    chat.abandon()
    assert texts(sessions.serve(model=scripted())) == [("abandoned", "")]


def test_later_requests_keep_an_answer(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q")
    next(sessions.serve(model=scripted("a")))
    assert chat.run("r", model=scripted("b")) == "b"
    chat.ask("s")
    assert texts(sessions.serve(model=scripted("c"))) == [("final", "a"), ("final", "c")]


def test_ask_that_is_abandoned_while_another_is_served_calls_nothing(sessions: Sessions) -> None:
    first, second = sorted((sessions.open() for _ in range(2)), key=lambda chat: chat.session)
    first.ask("q")
    second.ask("q")

    def model(turn: Turn) -> str:
        second.abandon()
        return "a"

    assert sorted(texts(sessions.serve(model=model))) == [("abandoned", ""), ("final", "a")]


def test_ask_can_be_abandoned_while_it_is_served(sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q")

    def model(turn: Turn) -> str:
        chat.abandon()
        return "late"

    assert texts(sessions.serve(model=model)) == [("abandoned", "")]
    assert chat.prepare("r").messages == [{"content": "r", "role": "user"}]


def test_heads_are_the_same_in_every_run() -> None:
    heads = set()
    for _ in range(2):
        store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)
        with Sessions(store, clock_s=Clock()) as sessions:
            chat: Chat = sessions.open(nonce=NONCE, tools=TOOLS)
            chat.ask("sum?")
            list(sessions.serve(model=scripted(ADD, "3.5"), tools=TOOLS))
        with store.snapshot() as snapshot:
            heads.add(snapshot.target(f"heads/{chat.session.hex()}"))
    assert len(heads) == 1
