"""Tools of a server of the Model Context Protocol as tools of a host, by the official SDK, in one process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolRequestParams, CallToolResult, ImageContent, ListToolsResult, TextContent, Tool

from gritstone.flow.calls import bind, failure_reply
from gritstone.flow.mcp import (
    BadResult,
    CallRejected,
    Disconnected,
    NotOffered,
    TimedOut,
    ToolFailed,
    connect,
    tools_of,
)
from gritstone.flow.mcp.taking import RemoteTool
from gritstone.flow.values import Ref

MODES = ["auto", "legacy"]


def text_of(text: str, **more: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], **more)


RESULTS = {
    "text": text_of("plain"),
    "texts": CallToolResult(content=[TextContent(type="text", text=one) for one in ("a", "b")]),
    "nothing": CallToolResult(content=[]),
    "map": text_of("{}", structured_content={"a": [1, True, None, "x"]}),
    "error": text_of("no such order", is_error=True),
    "fraction": text_of("1.5", structured_content={"degrees": 1.5}),
    "image": CallToolResult(content=[ImageContent(type="image", data="AA==", mime_type="image/png")]),
    "fitting": text_of("x" * 65_533),
    "long": text_of("x" * 65_534),
    "deep": text_of("", structured_content={"a": [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}),
    "ref": text_of("", structured_content={"$ref": "customer"}),
    "surrogate": text_of("", structured_content={"a": "\ud800"}),
}


def scripted(results: dict[str, CallToolResult] = RESULTS, page: int = 5, delay_s: float = 0) -> Server[Any]:
    """Return a server with scripted results, whose list of tools has several pages."""
    names = sorted(results)

    async def list_tools(_context: Any, params: Any) -> ListToolsResult:
        at = int(params.cursor) if params and params.cursor else 0
        tools = [Tool(name=one, description=f"Return {one}.", input_schema={"type": "object"}) for one in names]
        following = str(at + page) if at + page < len(names) else None
        return ListToolsResult(tools=tools[at : at + page], next_cursor=following)

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        await asyncio.sleep(delay_s)
        if params.name == "protocol":
            raise MCPError(-32602, "unknown tool")
        return results[params.name]

    return Server("scripted", on_list_tools=list_tools, on_call_tool=call_tool)


def typed() -> MCPServer:
    """Return a server that the SDK makes of functions."""
    server = MCPServer("typed")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two integers."""
        return a + b

    @server.tool(name="say-hello")
    async def hello(name: str) -> str:
        return f"Hello, {name}."

    return server


@pytest.fixture
def tools() -> Iterator[dict[str, RemoteTool]]:
    with connect(scripted()) as found:
        yield found


def run(tool: RemoteTool, **arguments: Any) -> Any:
    """Call a tool from another event loop than that of the client."""

    async def call() -> Any:
        return await tool(**arguments)

    return asyncio.run(call())


def test_connect_lists_the_tools_of_all_pages(tools: dict[str, RemoteTool]) -> None:
    assert sorted(tools) == sorted(RESULTS)
    assert tools["map"].__doc__ == "Return map."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", "plain"),
        ("texts", ["a", "b"]),
        ("nothing", []),
        ("map", {"a": [1, True, None, "x"]}),
        ("fitting", "x" * 65_533),
        ("ref", {"$ref": "customer"}),
    ],
)
def test_a_result_becomes_a_value(tools: dict[str, RemoteTool], name: str, expected: Any) -> None:
    value = run(tools[name])
    assert value == expected
    assert not isinstance(value, Ref)


@pytest.mark.parametrize("name", ["fraction", "image", "long", "deep", "surrogate"])
def test_a_result_that_is_not_a_value_is_refused(tools: dict[str, RemoteTool], name: str) -> None:
    with pytest.raises(BadResult) as caught:
        run(tools[name])
    assert failure_reply(caught.value).members["error"] == {"class": "bad_result", "retry": False}


def test_an_error_of_the_tool_has_its_text(tools: dict[str, RemoteTool]) -> None:
    with pytest.raises(ToolFailed, match="no such order") as caught:
        run(tools["error"])
    assert failure_reply(caught.value).members["error"] == {"class": "tool_failed", "retry": False}


def test_a_ref_is_not_sent_to_a_server(tools: dict[str, RemoteTool]) -> None:
    with pytest.raises(CallRejected, match="ref"):
        run(tools["text"], to=[Ref("customer")])


def test_a_late_answer_is_a_timeout_that_may_be_retried() -> None:
    with connect(scripted(delay_s=30), timeout_s=0.05) as tools, pytest.raises(TimedOut) as caught:
        run(tools["text"])
    assert failure_reply(caught.value).members["error"] == {"class": "timed_out", "retry": True}


def test_a_closed_client_is_a_failure_that_may_be_retried() -> None:
    with connect(scripted()) as tools:
        pass
    with pytest.raises(Disconnected) as caught:
        run(tools["text"])
    assert caught.value.retry is True


STDIO = """
import asyncio
from mcp.server.stdio import stdio_server
from gritstone.flow.mcp import tool_server

server = tool_server("s", {"add": lambda a, b: a + b})

async def main():
    async with stdio_server() as (reads, writes):
        await server.run(reads, writes, server.create_initialization_options())

asyncio.run(main())
"""


def process(program: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-c", program])


def test_a_server_is_a_process() -> None:
    before = set(psutil.Process().children())
    with connect(process(STDIO)) as tools:
        assert run(tools["add"], a=1, b=2) == {"result": 3}
        (child,) = set(psutil.Process().children()) - before
        child.kill()
        with pytest.raises(Disconnected):
            run(tools["add"], a=1, b=2)
    assert not child.is_running()


@pytest.mark.parametrize(
    "server",
    [process("raise SystemExit(3)"), StdioServerParameters(command="/absent/command"), "http://127.0.0.1:9/mcp"],
)
def test_a_server_that_cannot_be_reached_is_disconnected(server: Any) -> None:
    with pytest.raises(Disconnected, match="there is no connection"), connect(server):
        pass


def test_an_error_of_the_protocol_is_a_rejected_call() -> None:
    with connect(scripted({"protocol": RESULTS["text"]})) as tools, pytest.raises(CallRejected, match="unknown tool"):
        run(tools["protocol"])


def test_names_select_and_rename_tools() -> None:
    with connect(typed(), names={"greet": "say-hello"}) as tools:
        assert run(tools["greet"], name="Ada") == {"result": "Hello, Ada."}
        assert list(tools) == ["greet"]


@pytest.mark.parametrize("names", [None, {"a": "absent"}, {"A": "add"}, {"": "add"}])
def test_names_that_do_not_fit_are_refused(names: dict[str, str] | None) -> None:
    with pytest.raises(NotOffered), connect(typed(), names=names):
        pass


def test_an_endless_list_of_tools_is_refused() -> None:
    async def list_tools(_context: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[], next_cursor="again")

    with pytest.raises(NotOffered, match="pages"), connect(Server("endless", on_list_tools=list_tools)):
        pass


def test_too_many_tools_are_refused() -> None:
    many = {f"t{number}": RESULTS["text"] for number in range(1_025)}
    with pytest.raises(NotOffered, match="1024"), connect(scripted(many, page=200)):
        pass


@pytest.mark.parametrize("mode", MODES)
def test_tools_of_a_client_work_in_its_own_loop(mode: Any) -> None:
    async def main() -> Any:
        async with Client(typed(), mode=mode) as client:
            tools = await tools_of(client, names={"add": "add"})
            return await tools["add"](a=1, b=2)

    assert asyncio.run(main()) == {"result": 3}


def test_many_calls_run_at_the_same_time(tools: dict[str, RemoteTool]) -> None:
    async def main() -> list[Any]:
        return list(await asyncio.gather(*(tools["text"]() for _ in range(200))))

    assert asyncio.run(main()) == ["plain"] * 200


def test_a_host_calls_these_functions_as_coroutines(tools: dict[str, RemoteTool]) -> None:
    assert bind(tools["text"]).is_coroutine_function
