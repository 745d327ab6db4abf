"""Models behind the published clients, against a local server with scripted replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session import SessionRefused, Sessions, Turn, providers
from gritstone.session.json_text import parse, spell
from gritstone.session.providers import (
    EmptyReply,
    MalformedReply,
    ModelRefused,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StoppedEarly,
    Unreachable,
)

from .conversing import TOOLS, Clock
from .services import PROVIDERS, REPLIES, Service, blocks_reply, chat_reply
from .serving_http import scripted_server

LARGEST = 4 << 20  # bytes of a response
CALLS = [("add", {"a": 1, "b": 2.5}), ("lookup", {"word": "é\n😀"})]


@pytest.fixture(params=PROVIDERS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with scripted_server() as server:
        found = Service(request.param, server)
        yield found
        found.client.close()


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    with Sessions(Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True), clock_s=Clock()) as found:
        yield found


def test_chat_request_has_roles_and_calls(sessions: Sessions) -> None:
    with scripted_server() as server:
        service = Service("chat", server)
        server.replies += [chat_reply("first", CALLS), chat_reply("3.5")]
        sessions.open(system="Be brief.", config={"tool_text": False}, tools=TOOLS).run(
            "sum? é", model=service.model, tools=TOOLS
        )
        service.client.close()
    first, second = server.requests
    assert first["model"] == "m"
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "sum? é"},
    ]
    assert first["tools"][0] == {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"default": 0, "type": "number"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
    }
    assert second["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1_0",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a":1,"b":2.5}'},
                },
                {
                    "id": "call_1_1",
                    "type": "function",
                    "function": {"name": "lookup", "arguments": '{"word":"é\\n😀"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_1_0", "content": "3.5"},
        {"role": "tool", "tool_call_id": "call_1_1", "content": "error: KeyError: 'é\\n😀'"},
    ]


def test_blocks_request_has_turns_of_two_roles(sessions: Sessions) -> None:
    with scripted_server() as server:
        service = Service("blocks", server)
        server.replies += [blocks_reply("first", CALLS), blocks_reply("3.5"), blocks_reply("bye")]
        chat = sessions.open(system="Be brief.", config={"tool_text": False}, tools=TOOLS)
        chat.run("sum? é", model=service.model, tools=TOOLS)
        chat.run("thanks", model=service.model, tools=TOOLS)
        service.client.close()
    first, second, third = server.requests
    assert (first["system"], first["max_tokens"]) == ("Be brief.", 100)
    assert first["tools"][1]["input_schema"]["properties"]["tags"] == {
        "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
        "default": None,
    }
    assert second["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "sum? é"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1_0", "name": "add", "input": {"a": 1, "b": 2.5}},
                {"type": "tool_use", "id": "call_1_1", "name": "lookup", "input": {"word": "é\n😀"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1_0", "content": "3.5"},
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1_1",
                    "content": "KeyError: 'é\\n😀'",
                    "is_error": True,
                },
            ],
        },
    ]
    assert [one["role"] for one in third["messages"]] == ["user", "assistant", "user", "assistant", "user"]


ERRORS: list[tuple[Any, type[Exception]]] = [
    ((429, {"retry-after": "7"}, {"error": {"message": "slow"}}), RateLimited),
    ((500, {}, {"error": {"message": "oops"}}), ServerFailed),
    ((529, {}, b"overloaded"), ServerFailed),
    ((401, {}, {"error": {"message": "key"}}), RequestRejected),
    (b'{"choices": [', MalformedReply),
    (b'"text"', MalformedReply),
    (b"{}", MalformedReply),
    ((200, {"content-type": "text/html"}, b"<html>"), MalformedReply),
    (b'{"choices": [{}], "content": [1]}', MalformedReply),
    (b'{"choices": [{"message": {"content": 7}}], "content": [{"type": "text", "text": 7}]}', MalformedReply),
    (None, Unreachable),
    ((200, {"content-length": "100"}, b"{"), Unreachable),
]


@pytest.mark.parametrize(("reply", "expected"), ERRORS, ids=[str(index) for index in range(len(ERRORS))])
def test_failures_of_the_service_lose_nothing(
    service: Service, sessions: Sessions, reply: Any, expected: type[Exception]
) -> None:
    chat = sessions.open(tools=TOOLS)
    root = chat.state()["root"]
    service.server.replies += [reply, service.reply(None, CALLS[:1]), reply, service.reply("3.5")]
    with pytest.raises(expected) as first:
        chat.run("sum?", model=service.model, tools=TOOLS)
    assert chat.state()["root"] == root
    if isinstance(first.value, RateLimited):
        assert (first.value.status, first.value.retry_after_s) == (429, 7.0)
    with pytest.raises(expected):
        chat.run("sum?", model=service.model, tools=TOOLS)
    assert chat.resume(model=service.model, tools=TOOLS) == "3.5"
    assert service.server.requests[0] == service.server.requests[1]
    assert service.server.requests[2] == service.server.requests[3]


def test_failures_of_the_service_leave_an_ask_open(service: Service, sessions: Sessions) -> None:
    sessions.open().ask("q")
    service.server.replies += [(500, {}, b""), None, service.reply("a")]
    for expected in (ServerFailed, Unreachable):
        with pytest.raises(expected):
            list(sessions.serve(model=service.model))
    assert [one.text for one in sessions.serve(model=service.model)] == ["a"]


@pytest.mark.parametrize("reason", ["length", "max_tokens", "pause_turn", "something_new"])
def test_unfinished_responses_are_not_committed(service: Service, sessions: Sessions, reason: str) -> None:
    field = "finish_reason" if service.name == "chat" else "stop_reason"
    chat = sessions.open()
    service.server.replies += [service.reply("half a", **{field: reason})] * 2
    with pytest.raises(StoppedEarly) as stopped:
        chat.run("q", model=service.model)
    assert (stopped.value.reason, stopped.value.text) == (reason, "half a")
    chat.ask("q")
    (answer,) = sessions.serve(model=service.model)
    assert (answer.action, answer.text) == ("failed", f"StoppedEarly: the model stopped early: {reason}")


def test_refusals_are_typed(service: Service, sessions: Sessions) -> None:
    chat = sessions.open()
    if service.name == "chat":
        service.server.replies += [chat_reply(None, message={"refusal": "I cannot."})]
        service.server.replies += [chat_reply("so f", finish_reason="content_filter")]
        texts = ["I cannot.", "so f"]
    else:
        service.server.replies += [blocks_reply("I cannot.", stop_reason="refusal")]
        service.server.replies += [blocks_reply(None, stop_reason="refusal")]
        texts = ["I cannot.", ""]
    for text in texts:
        with pytest.raises(ModelRefused) as refused:
            chat.run("q", model=service.model)
        assert refused.value.text == text


def test_replies_without_text_and_calls_are_no_response(service: Service, sessions: Sessions) -> None:
    chat = sessions.open()
    root = chat.state()["root"]
    texts = ["", None, " ", "\n\t", "\u2003\u200b\ufeff"]
    for text in texts:
        service.server.replies += [service.reply(text)]
        with pytest.raises(EmptyReply):
            chat.run("q", model=service.model)
    assert chat.state()["root"] == root
    chat.ask("q")
    service.server.replies += [service.reply(" ")]
    (answer,) = sessions.serve(model=service.model)
    assert (answer.action, answer.text) == ("failed", "EmptyReply: the reply has no text and no call")
    service.server.replies += [service.reply("x")]
    assert chat.run("q", model=service.model) == "x"
    chat.archive()


def test_text_next_to_calls_may_be_blank(service: Service, sessions: Sessions) -> None:
    service.server.replies += [service.reply(" ", CALLS), service.reply("x")]
    assert sessions.open(tools=TOOLS).run("q", model=service.model, tools=TOOLS) == "x"


def test_older_call_of_a_function_is_read(sessions: Sessions) -> None:
    with scripted_server() as server:
        service = Service("chat", server)
        call = {"name": "add", "arguments": '{"a": 1, "b": 2.5}'}
        server.replies += [chat_reply(None, message={"function_call": call}, finish_reason="function_call")]
        server.replies += [chat_reply("3.5"), chat_reply("", finish_reason="function_call")]
        chat = sessions.open(tools=TOOLS)
        assert chat.run("q", model=service.model, tools=TOOLS) == "3.5"
        assert [one["role"] for one in server.requests[1]["messages"][1:]] == ["user", "assistant", "tool"]
        with pytest.raises(MalformedReply, match="no calls"):
            chat.run("q", model=service.model, tools=TOOLS)
        service.client.close()


def test_several_choices_are_malformed() -> None:
    reply = chat_reply("a")
    with pytest.raises(MalformedReply, match="2 objects"):
        providers.chat_response({**reply, "choices": reply["choices"] * 2})


def test_largest_texts_pass(service: Service, sessions: Sessions) -> None:
    chat = sessions.open()
    prompt, text = "é" * (1 << 19), "ü" * (LARGEST // 2)
    service.server.replies += [service.reply(text), service.reply("x" * (LARGEST + 1)), service.reply("x")]
    assert chat.run(prompt, model=service.model) == text
    with pytest.raises(SessionRefused, match="exhausted/size"):
        chat.run("next", model=service.model)
    assert chat.run("next", model=service.model) == "x"


UNUSABLE = [
    '{"a": ',
    "[1]",
    '{"a": 1, "a": 2}',
    '"\\ud800"',
    '{"a":' * 40 + "1" + "}" * 40,
    '{"a": NaN}',
    '{"a": %s}' % ("1" * 33),
]


@pytest.mark.parametrize("given", UNUSABLE, ids=[str(index) for index in range(len(UNUSABLE))])
def test_arguments_that_are_no_object_are_requested_again(sessions: Sessions, given: str) -> None:
    with scripted_server() as server:
        service = Service("chat", server)
        server.replies += [chat_reply(None, [("add", given)]), chat_reply("done")]
        assert sessions.open(tools=TOOLS).run("q", model=service.model) == "done"
        service.client.close()
    assert server.requests[0] == server.requests[1]


def test_more_calls_than_a_round_can_have_are_requested_again(service: Service, sessions: Sessions) -> None:
    calls = CALLS[:1] * 17
    service.server.replies += [service.reply(None, calls), service.reply(None, calls[1:]), service.reply("done")]
    assert sessions.open(tools=TOOLS).run("q", model=service.model, tools=TOOLS) == "done"
    assert service.server.requests[0] == service.server.requests[1]
    assert json.dumps(service.server.requests[2]).count("3.5") == 16


def test_calls_that_do_not_fit_the_tools_are_requested_again(service: Service, sessions: Sessions) -> None:
    for call in (("absent", {}), ("add", {"a": "x"}), ("add", {})):
        service.server.replies += [service.reply(None, [call])]
    service.server.replies += [service.reply("done")]
    assert sessions.open(tools=TOOLS).run("q", model=service.model, tools=TOOLS) == "done"


def test_numbers_beyond_a_float_are_sent_back_as_they_were(sessions: Sessions) -> None:
    row = {"action": "call_tool", "tool": "add", "input": {"a": parse(b"1e999"), "b": parse(b"2.50")}}
    chat = sessions.open(tools=TOOLS)
    chat.commit(chat.prepare("q"), row)
    chat.result("1.0", "x")
    turn = chat.prepare()
    body = providers.chat_request(turn)
    assert body["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"a":1e999,"b":2.50}'
    body = providers.blocks_request(turn)
    assert body["messages"][1]["content"][0]["input"] == {"arguments": '{"a":1e999,"b":2.50}'}


@pytest.mark.parametrize("name", PROVIDERS)
def test_unpaired_surrogates_are_malformed(sessions: Sessions, name: str) -> None:
    turn = sessions.open().prepare("q")
    with pytest.raises(MalformedReply, match="surrogate"):
        respond(name)(REPLIES[name]("a\ud800"))
    replies: list[Any] = [[], "x", {"choices": [], "content": None}, REPLIES[name](None, **_ended_for_calls(name))]
    for reply in replies:
        with pytest.raises(MalformedReply):
            respond(name)(reply)
    assert turn.messages == [{"content": "q", "role": "user"}]


def respond(name: str) -> Callable[[object], Any]:
    return providers.chat_response if name == "chat" else providers.blocks_response


def _ended_for_calls(name: str) -> dict[str, str]:
    return {"finish_reason": "tool_calls"} if name == "chat" else {"stop_reason": "tool_use"}


def test_parts_of_pairs_that_were_erased_are_replaced() -> None:
    call = {"id": "1.0", "input": {}, "tool": "add"}
    result = {"call": "9.0", "content": "x", "ok": True, "role": "tool", "tool": "add"}
    listed: list[Any] = [
        {"content": "q", "role": "user"},
        {"calls": [call, {**call, "id": "1.1"}], "content": "", "role": "assistant"},
        result,
        {**result, "call": "1.1"},
        {"content": "r", "role": "user"},
    ]
    data = spell({"force_json": True, "messages": listed, "tools": []})
    turn = Turn(bytes(32), b"", data, listed, [], force_json=True)
    body = providers.chat_request(turn, model="m")
    assert body["messages"][0] == {"role": "system", "content": "Answer with JSON only."}
    assert [one.get("tool_call_id") for one in body["messages"][1:]] == [None, None, "call_1_1", "call_1_0", None]
    assert body["messages"][4]["content"] == "error: (erased)"
    assert body["response_format"] == {"type": "json_object"}
    assert [len(one["content"]) for one in providers.blocks_request(turn)["messages"]] == [1, 2, 3]


def test_other_exceptions_pass_through(sessions: Sessions) -> None:
    def create(**_: Any) -> None:
        raise KeyError("a fault of the caller")

    for model in (providers.chat(create), providers.blocks(create)):
        with pytest.raises(KeyError):
            sessions.open().run("q", model=model)


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert providers.chat_response(chat_reply(None, message={"content": parts})) == "ab"
