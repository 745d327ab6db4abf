"""Servers of the Model Context Protocol that offer functions and flows, by the official SDK, in one process."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from mcp import Client
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult

from gritstone.errors import Rejected
from gritstone.flow import Defects, Host, Policy, Program, Ref, branch, call, end, wait
from gritstone.flow.calls import Call
from gritstone.flow.mcp import connect, flow_server, tool_server
from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store

MODES = ["auto", "legacy"]
PROGRAM = Program(
    "refund",
    start="gate",
    desc="Refund an order.",
    nodes={
        "gate": branch("$input.amount <= 100", then="pay", otherwise="no"),
        "pay": call("refund", {"order": "$input.order", "to": "$input.customer"}, guards=["gate.then"], next="paid"),
        "paid": end(output={"receipt": "$out.pay"}),
        "no": end("failure", output="too much"),
    },
)
WAITING = Program("waiting", start="w", nodes={"w": wait("go", next="e"), "e": end(output="$out.w")})
POLICY = Policy.allow(
    {"refund": {"params": ["order", "to"], "refs": ["to"], "guarded": True}, "add": ["a", "b"]}, events=["go"]
)
ARGUMENTS = {"order": "A-1", "amount": 40, "customer": "ada@example.org"}


def refund(call: Call, order: str, to: Ref) -> str:
    return f"{order} to {call.secret(to).decode()}"


@pytest.fixture
def host() -> Iterator[Host]:
    store = Store.open(MemoryEngine(), CBOR_BLAKE3)
    with Host(store, tools={"refund": refund}, policy=POLICY) as found:
        yield found


def asked(server: Server[Any], name: str, arguments: Mapping[str, Any], mode: Any = "auto") -> CallToolResult:
    """Call a tool of a server with a client of the SDK."""

    async def main() -> CallToolResult:
        async with Client(server, mode=mode) as client:
            return await client.call_tool(name, dict(arguments))

    return asyncio.run(main())


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    return str(getattr(block, "text", ""))


def shop(host: Host, **more: Any) -> Server[Any]:
    return flow_server("shop", host, {"refund": PROGRAM, "waiting": WAITING}, sealed=["customer"], **more)


@pytest.mark.parametrize("mode", MODES)
def test_a_call_runs_a_flow(host: Host, mode: Any) -> None:
    result = asked(shop(host), "refund", ARGUMENTS, mode)
    assert not result.is_error
    flow = result.structured_content.pop("flow")
    assert result.structured_content == {"status": "succeeded", "output": {"receipt": "A-1 to ada@example.org"}}
    assert host.flow(flow).replay().differs is None


def test_a_flow_that_fails_is_an_error_with_its_report(host: Host) -> None:
    result = asked(shop(host), "refund", {**ARGUMENTS, "amount": 500})
    assert result.is_error
    assert result.structured_content["output"] == "too much"
    assert json.loads(text_of(result)) == result.structured_content


def test_the_list_has_the_inputs_that_a_program_reads(host: Host) -> None:
    async def main() -> list[Any]:
        async with Client(shop(host)) as client:
            return [(one.name, one.description, one.input_schema) for one in (await client.list_tools()).tools]

    properties: dict[str, Any] = {"amount": {}, "customer": {}, "order": {}}
    status = {"type": "object", "properties": {"flow": {"type": "string"}}, "required": ["flow"]}
    assert asyncio.run(main()) == [
        ("refund", "Refund an order.", {"type": "object", "properties": properties}),
        ("waiting", None, {"type": "object", "properties": {}}),
        ("flow_status", "Return the status of a flow.", status),
    ]


def test_personal_data_is_in_no_document(host: Host) -> None:
    flow = host.flow(asked(shop(host), "refund", ARGUMENTS).structured_content["flow"])
    assert flow.erase("customer")


def test_a_ref_of_the_client_is_data(host: Host) -> None:
    arguments = {**ARGUMENTS, "order": {"$ref": "customer"}}
    result = asked(shop(host), "refund", arguments)
    assert result.structured_content["output"]["receipt"] == "{'$ref': 'customer'} to ada@example.org"


@pytest.mark.parametrize(
    "arguments",
    [
        {**ARGUMENTS, "amount": 1.5},
        {**ARGUMENTS, "amount": 1 << 63},
        {**ARGUMENTS, "customer": 5},
        {**ARGUMENTS, "order": "x" * 65_536},
    ],
)
def test_arguments_that_are_not_values_are_refused(host: Host, arguments: dict[str, Any]) -> None:
    result = asked(shop(host), "refund", arguments)
    assert result.is_error
    assert len(text_of(result)) < 4_200
    assert host.flows() == []


def test_a_program_with_defects_is_not_served(host: Host) -> None:
    unguarded = Program("bad", start="p", nodes={"p": call("refund", {}, next="e"), "e": end()})
    with pytest.raises(Defects, match="unguarded"):
        flow_server("shop", host, {"bad": unguarded})


def test_a_host_without_a_policy_serves_nothing() -> None:
    with Host(Store.open(MemoryEngine(), CBOR_BLAKE3)) as host, pytest.raises(Rejected):
        flow_server("shop", host, {"refund": PROGRAM})


def test_equal_calls_with_one_name_are_one_flow(host: Host) -> None:
    server = flow_server("shop", host, {"waiting": WAITING}, name_of=lambda tool, _: tool, timeout_s=0.01)
    flows = {asked(server, "waiting", {}).structured_content["flow"] for _ in range(3)}
    assert len(flows) == 1


def test_a_flow_that_goes_on_has_a_status_later(host: Host) -> None:
    server = shop(host, timeout_s=0.01)
    started = asked(server, "waiting", {}).structured_content
    host.run()
    assert asked(server, "flow_status", started).is_error  # one argument too many
    status = asked(server, "flow_status", {"flow": started["flow"]}).structured_content
    assert status == {"flow": started["flow"], "status": "suspended"}
    assert host.flow(started["flow"]).deliver("go", 7)
    host.flow(started["flow"]).result()
    status = asked(server, "flow_status", {"flow": started["flow"]}).structured_content
    assert status == {"flow": started["flow"], "status": "succeeded", "output": 7}


@pytest.mark.parametrize("flow", ["", "zz", "00" * 32])
def test_the_status_of_an_unknown_flow_is_an_error(host: Host, flow: str) -> None:
    assert asked(shop(host), "flow_status", {"flow": flow}).is_error


# --- functions ---------------------------------------------------------------------------------------------


def add(a: int, b: int = 1) -> int:
    """Add two integers.

    The rest is not shown.
    """
    return a + b


async def greet(name: str) -> str:
    return f"Hello, {name}."


def fail() -> None:
    raise ValueError("no " + "x" * 10_000)


def wrong() -> float:
    return 1.5


FUNCTIONS = tool_server("functions", {"add": add, "greet": greet, "fail": fail, "wrong": wrong})


@pytest.mark.parametrize("mode", MODES)
def test_functions_are_tools(mode: Any) -> None:
    assert asked(FUNCTIONS, "add", {"a": 2}, mode).structured_content == {"result": 3}
    assert text_of(asked(FUNCTIONS, "greet", {"name": "Ada"}, mode)) == "Hello, Ada."


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("fail", {}, "ValueError: no x"),
        ("wrong", {}, "Malformed"),
        ("add", {}, "TypeError"),
        ("add", {"a": 1, "c": 2}, "TypeError"),
        ("absent", {}, "absent"),
    ],
)
def test_what_fails_is_an_error_with_a_short_text(name: str, arguments: dict[str, Any], text: str) -> None:
    result = asked(FUNCTIONS, name, arguments)
    assert result.is_error
    assert text in text_of(result)
    assert len(text_of(result)) <= 4_096


def test_a_function_is_described_by_its_signature() -> None:
    async def main() -> Any:
        async with Client(FUNCTIONS) as client:
            return (await client.list_tools()).tools[0]

    described = asyncio.run(main())
    assert described.description == "Add two integers."
    integer = {"type": "integer"}
    expected = {
        "type": "object",
        "properties": {"a": integer, "b": {**integer, "default": 1}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert described.input_schema == expected


class Cents(int):
    def __str__(self) -> str:
        return f"{int(self) / 100:.2f}"


class Amount:
    async def __call__(self, n: int) -> int:
        return Cents(n)


def exits(n: int) -> int:
    raise SystemExit(n)


async def is_interrupted(n: int) -> int:
    raise GeneratorExit


async def is_cancelled(n: int) -> int:
    raise asyncio.CancelledError


def stops(n: int) -> int:
    raise StopIteration(n)


def data(n: int) -> Any:
    return {"$ref": n}


def looks_like_ref(n: int) -> Any:
    return [{"$ref": "customer"}, {"$ref": {"$ref": "x"}}, {"result": 1}]


ANY = tool_server(
    "any",
    {
        "partial": functools.partial(greet),
        "wrapped": lambda name: greet(name + "!"),
        "object": Amount(),
        "cents": lambda n: {"price": Cents(n)},
        "exits": exits,
        "interrupted": is_interrupted,
        "cancelled": is_cancelled,
        "stops": stops,
        "data": data,
        "list": looks_like_ref,
    },
)


def test_functions_of_every_kind_are_tools() -> None:
    assert text_of(asked(ANY, "partial", {"name": "Ada"})) == "Hello, Ada."
    assert text_of(asked(ANY, "wrapped", {"name": "Ada"})) == "Hello, Ada!."
    assert asked(ANY, "object", {"n": 1250}).structured_content == {"result": 1250}
    assert asked(ANY, "cents", {"n": 1250}).structured_content == {"price": 1250}
    assert text_of(asked(ANY, "cents", {"n": 1250})) == '{"price": 1250}'


def test_a_result_with_the_member_ref_is_data() -> None:
    assert asked(ANY, "data", {"n": 5}).structured_content == {"$ref": 5}
    assert asked(ANY, "list", {"n": 5}).structured_content == {"result": looks_like_ref(5)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("exits", "SystemExit: 7"),
        ("interrupted", "GeneratorExit"),
        ("cancelled", "CancelledError"),
        ("stops", "RuntimeError: coroutine raised StopIteration"),
    ],
)
def test_every_exception_of_a_function_is_a_result(name: str, text: str) -> None:
    async def main() -> list[CallToolResult]:
        async with Client(ANY) as client:
            return [await client.call_tool(tool, {"n": 7}) for tool in (name, "data")]

    failed, other = asyncio.run(main())
    assert failed.is_error
    assert text_of(failed).startswith(text)
    assert other.structured_content == {"$ref": 7}


@pytest.mark.parametrize("value", [{"$ref": "customer"}, {"$ref": 5}, [{"$ref": "x"}], {"a": {"$ref": None}}])
def test_a_flow_whose_output_has_the_member_ref_succeeds(value: Any) -> None:
    program = Program("one", start="a", nodes={"a": call("t", {}, next="e"), "e": end(output="$out.a")})
    store = Store.open(MemoryEngine(), CBOR_BLAKE3)
    with Host(store, tools={"t": lambda: value}, policy=Policy.allow({"t": []})) as host:
        result = asked(flow_server("any", host, {"one": program}), "one", {})
    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["status"] == "succeeded"
    assert result.structured_content["output"] == value
    assert json.loads(text_of(result)) == result.structured_content


def test_a_flow_calls_the_tools_of_a_server_under_its_policy() -> None:
    program = Program(
        "sum",
        start="one",
        nodes={
            "one": call("add", {"a": "$input.a", "b": 2}, next="gate"),
            "gate": branch("$out.one.result == 3", then="bad", otherwise="e"),
            "bad": call("fail", {}, next="e"),
            "e": end(output="$out.one"),
        },
    )
    policy = Policy.allow({"add": {"params": ["a", "b"], "when": "$args.a < 10"}, "fail": []})
    store = Store.open(MemoryEngine(), CBOR_BLAKE3)
    with connect(FUNCTIONS) as tools, Host(store, tools=tools, policy=policy) as host:
        outcome = host.start(program, input={"a": 5}).result()
        assert (outcome.status, outcome.output) == ("succeeded", {"result": 7})
        failed = host.start(program, input={"a": 1}).result()
        assert failed.failure == {"class": "tool", "node": "bad", "why": "tool_failed"}
        assert host.start(program, input={"a": 10}).result().failure["class"] == "denied"  # type: ignore[index]


def test_a_slow_function_does_not_stop_the_others() -> None:
    is_greeted = threading.Event()

    def slow() -> str:
        return f"greeted: {is_greeted.wait(60)}"

    async def main() -> list[str]:
        async with Client(tool_server("slow", {"slow": slow, "greet": greet})) as client:
            order: list[str] = []

            async def ask(name: str, arguments: dict[str, Any]) -> None:
                order.append(text_of(await client.call_tool(name, arguments)))
                is_greeted.set()

            await asyncio.gather(ask("slow", {}), ask("greet", {"name": "Ada"}))
            return order

    assert asyncio.run(main()) == ["Hello, Ada.", "greeted: True"]
