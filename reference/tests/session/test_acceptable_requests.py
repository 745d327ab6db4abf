"""A conversation that a session accepted can always be continued: the services accept every request for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session import Calls, Sessions, Tool, Turn, providers
from gritstone.session.json_text import spell
from gritstone.session.providers import EmptyPrompt

from .conversing import ADD, TOOLS, Clock, scripted
from .services import PROVIDERS, Service
from .serving_http import scripted_server
from .strictness import check_blocks, check_chat

BLANKS = ["", " ", "\n", "\t \r\n", "\u00a0", "\u2003\u3000", "\u200b", "\ufeff", "\x00", "\u2028"]


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    with Sessions(Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True), clock_s=Clock()) as found:
        yield found


@pytest.fixture(params=PROVIDERS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with scripted_server() as server:
        found = Service(request.param, server)
        yield found
        found.client.close()


def test_blank_reply_of_another_model_does_not_end_a_conversation(service: Service, sessions: Sessions) -> None:
    for blank in BLANKS:
        chat = sessions.open(system=blank)
        chat.run("a", model=scripted(blank))
        chat.run(blank, model=scripted("ends with a blank "))
        service.server.replies += [service.reply("b"), service.reply("c ")]
        assert chat.run("b", model=service.model) == "b"
        chat.ask("c")
        assert [one.text for one in sessions.serve(model=service.model)] == ["c "]


def test_blank_prompt_is_not_sent_and_leaves_nothing_open(service: Service, sessions: Sessions) -> None:
    for blank in BLANKS:
        chat = sessions.open()
        chat.ask(blank)
        (answer,) = sessions.serve(model=service.model)
        assert (answer.action, answer.text) == ("failed", "EmptyPrompt: the prompt has no text")
        chat.archive()
        chat.restore()
        root = chat.state()["root"]
        with pytest.raises(EmptyPrompt):
            chat.run(blank, model=service.model)
        assert chat.state()["root"] == root
    assert service.server.requests == []


@pytest.mark.parametrize("blank", BLANKS[:2], ids=ascii)
@pytest.mark.parametrize("fails", [False, True])
def test_blank_result_of_a_tool_is_acceptable(service: Service, sessions: Sessions, blank: str, fails: bool) -> None:
    chat = sessions.open(tools=TOOLS)
    chat.commit(chat.prepare("q"), ADD)
    chat.result("1.0", blank, ok=not fails)
    service.server.replies += [service.reply("x")]
    assert chat.resume(model=service.model, tools=TOOLS) == "x"


def test_abandoned_calls_are_acceptable_also_without_tools(service: Service, sessions: Sessions) -> None:
    chat = sessions.open(tools=TOOLS)
    chat.commit(chat.prepare("q"), ADD)
    chat.abandon()
    chat.configure(tools=[])
    service.server.replies += [service.reply("x")]
    assert chat.run("r", model=service.model) == "x"


def test_json_is_mentioned_if_it_is_required(service: Service, sessions: Sessions) -> None:
    chat = sessions.open()
    chat.ask("q", force_json=True)
    service.server.replies += [service.reply("{}")]
    assert [one.text for one in sessions.serve(model=service.model)] == ["{}"]


def test_thinking_is_left_out_behind_results(sessions: Sessions) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with scripted_server() as server:
        service = Service("blocks", server, thinking=thinking)
        server.replies += [service.reply(None, [("add", {"a": 1})]), service.reply("x"), service.reply("y")]
        chat = sessions.open(tools=TOOLS)
        assert [chat.run(one, model=service.model, tools=TOOLS) for one in "qr"] == ["x", "y"]
        service.client.close()
    assert [one.get("thinking") for one in server.requests] == [thinking, None, thinking]


def test_tool_without_docstring_and_with_lists_is_acceptable(service: Service, sessions: Sessions) -> None:
    def tags(words: list[str], pairs: list[tuple[int, str]], bare: list = [], other: tuple = ()) -> int:  # type: ignore[type-arg]  # noqa: B006
        return len(words) + len(pairs) + len(bare) + len(other)

    tools = [Tool(tags)]
    row = {"action": "call_tool", "tool": "tags", "input": {"words": ["a"], "pairs": [[1, "b"]]}}
    chat = sessions.open(tools=tools)
    service.server.replies += [service.reply(None, [("tags", row["input"])]), service.reply("x"), service.reply("y")]
    assert chat.run("q", model=service.model, tools=tools) == "x"
    called = chat.commit(chat.prepare("r"), row)  # by hand: the session knows the types only
    assert isinstance(called, Calls)
    chat.result(called.calls[0], 2)
    assert service.model(chat.prepare()) == "y"


TEXTS = st.sampled_from(["q", "ends in a blank ", "é😀", *BLANKS])
CALL = st.fixed_dictionaries({"id": st.sampled_from(["1.0", "1.1", "2.0"]), "input": st.just({}), "tool": st.just("t")})
RESULT = st.builds(
    lambda call, text, ok: {"call": call, "content": text, "ok": ok, "role": "tool", "tool": "t"},
    st.sampled_from(["1.0", "1.1", "2.0"]),
    TEXTS,
    st.booleans(),
)
MESSAGE = st.one_of(
    st.builds(lambda role, text: {"content": text, "role": role}, st.sampled_from(["user", "assistant"]), TEXTS),
    st.builds(
        lambda calls: {"calls": calls, "content": "", "role": "assistant"},
        st.lists(CALL, min_size=1, max_size=3, unique_by=lambda call: call["id"]),
    ),
    RESULT,
)


@given(st.lists(MESSAGE, max_size=8), st.lists(TEXTS, max_size=2), TEXTS, st.booleans(), st.booleans())
def test_every_history_is_acceptable_whatever_was_erased_from_it(
    history: list[Any], system: list[str], prompt: str, force_json: bool, continues: bool
) -> None:
    messages = [*({"content": text, "role": "system"} for text in system), *history]
    if not continues:
        messages.append({"content": prompt, "role": "user"})
    kind = "continue" if continues else "user"
    data = spell({"force_json": force_json, "kind": kind, "messages": messages, "tools": []})
    turn = Turn(bytes(32), b"", data, messages, [], force_json)
    if prompt in BLANKS and not continues:
        for request in (providers.chat_request, providers.blocks_request):
            with pytest.raises(EmptyPrompt):
                request(turn)
        return
    assert check_chat(providers.chat_request(turn)) is None
    assert check_blocks(providers.blocks_request(turn)) is None
