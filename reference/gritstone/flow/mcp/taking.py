"""Tools of a server as tools of a host.

A tool becomes an asynchronous function. It may be called in any event loop and thread: the call is carried out in the
loop of the client. A host therefore needs no knowledge of the protocol, and its policy applies to these tools as to
all others.

What a server returns is data. In particular, an object with the member ``$ref`` is a map and never a ref.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from anyio.from_thread import start_blocking_portal
from mcp import Client, InputRequiredRoundsExceededError, MCPError
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent
from mcp.types import Tool as Described
from pydantic import ValidationError

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.limits import MOST_VALUE_BYTES
from gritstone.flow.mcp.errors import BadResult, CallRejected, Disconnected, McpFailed, NotOffered, TimedOut, ToolFailed
from gritstone.flow.values import ID, Value, encode_value, names_of_refs

__all__ = ["RemoteTool", "connect", "tools_of"]

RemoteTool: TypeAlias = Callable[..., Awaitable[Value]]
"""An asynchronous function with the arguments of the tool, by name."""

_R = TypeVar("_R")
_MOST_TOOLS: Final = 1_024
_MOST_PAGES: Final = 100
_TIMEOUT_S: Final = 60.0


@contextmanager
def connect(
    server: Any, *, names: Mapping[str, str] | None = None, timeout_s: float = _TIMEOUT_S
) -> Iterator[dict[str, RemoteTool]]:
    """Connect to a server, and yield its tools until the end of the block.

    The connection has a thread of its own, so programs without an event loop can use it.

    Args:
        server: what ``mcp.Client`` accepts: a URL, ``StdioServerParameters``, a transport, or a server in this process.
        names: see ``tools_of``.
        timeout_s: the longest time of one call in seconds.

    Raises:
        NotOffered: see ``tools_of``.
        Disconnected: the server cannot be started or reached, or did not accept the connection.
    """
    with start_blocking_portal() as portal:
        client = Client(server, read_timeout_seconds=timeout_s)
        context = portal.wrap_async_context_manager(client)
        try:
            context.__enter__()
        except (MCPError, OSError, ExceptionGroup) as error:
            raise Disconnected(f"there is no connection to the server: {_text_of(error)}") from error
        try:
            yield portal.call(partial(tools_of, client, names=names, timeout_s=timeout_s))
        finally:
            context.__exit__(None, None, None)


def _text_of(error: Exception) -> str:
    """Return the text of an error, or those of all errors in a group."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(map(_text_of, error.exceptions))
    return str(error)


async def tools_of(
    client: Client, *, names: Mapping[str, str] | None = None, timeout_s: float = _TIMEOUT_S
) -> dict[str, RemoteTool]:
    """Return the tools of a server as functions, by name.

    Args:
        client: connected. The functions work until it is closed, and only while its event loop runs.
        names: the name in flows and the name on the server of each tool to use. None for all tools, by their own names.
        timeout_s: the longest time of one call in seconds.

    Raises:
        NotOffered: the server has no tool of this name; or a name is not that of a tool of a flow; or there are more
            than 1,024 tools.
        McpFailed: the server did not list its tools.
    """
    offered = {tool.name: tool for tool in await _listed(client)}
    wanted = {name: name for name in offered} if names is None else dict(names)
    for name, remote in wanted.items():
        if remote not in offered:
            raise NotOffered(f"the server has no tool {remote!r}; it has {sorted(offered)}")
        if ID.fullmatch(name) is None:
            raise NotOffered(f"{name!r} cannot be the name of a tool of a flow; pass names={{...: {remote!r}}}")
    loop = asyncio.get_running_loop()
    return {name: _function(name, offered[remote], client, loop, timeout_s) for name, remote in wanted.items()}


async def _listed(client: Client) -> list[Described]:
    tools: list[Described] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await _sent("tools/list", partial(client.list_tools, cursor=cursor))
        tools += page.tools
        cursor = page.next_cursor
        if len(tools) > _MOST_TOOLS:
            break
        if cursor is None:
            return tools
    raise NotOffered(f"the server lists more than {_MOST_TOOLS} tools, or more than {_MOST_PAGES} pages of them")


def _function(
    name: str, tool: Described, client: Client, loop: asyncio.AbstractEventLoop, timeout_s: float
) -> RemoteTool:
    async def remote(**arguments: Value) -> Value:
        if names_of_refs(arguments):
            raise CallRejected(f"{name}: a ref is not sent to a server; write a function that sends its payload")
        call = partial(client.call_tool, tool.name, arguments, read_timeout_seconds=timeout_s)
        return _value_of(name, await _carried_out(name, call, loop))

    remote.__name__ = remote.__qualname__ = name
    remote.__doc__ = tool.description
    return remote


async def _carried_out(
    name: str, call: Callable[[], Coroutine[Any, Any, CallToolResult]], loop: asyncio.AbstractEventLoop
) -> CallToolResult:
    """Make a call in the loop of the client, from any loop."""
    if asyncio.get_running_loop() is loop:
        return await _sent(name, call)
    work: Coroutine[Any, Any, CallToolResult] = _sent(name, call)
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:
        work.close()
        raise Disconnected(f"{name}: the client is closed") from error
    return await asyncio.wrap_future(future)


async def _sent(name: str, call: Callable[[], Coroutine[Any, Any, _R]]) -> _R:
    """Return the reply of the server; every failure becomes one of this package."""
    try:
        return await call()
    except MCPError as error:
        raise _failure(name, error) from error
    except InputRequiredRoundsExceededError as error:
        raise CallRejected(f"{name}: {error}") from error
    except ValidationError as error:
        raise BadResult(f"{name}: the reply is not of the protocol: {error}") from error
    except RuntimeError as error:
        raise Disconnected(f"{name}: {error}") from error


def _failure(name: str, error: MCPError) -> McpFailed:
    kinds: Mapping[int, type[McpFailed]] = {REQUEST_TIMEOUT: TimedOut, CONNECTION_CLOSED: Disconnected}
    return kinds.get(error.code, CallRejected)(f"{name}: {error}")


def _value_of(name: str, result: CallToolResult) -> Value:
    """Return the value of a result: its structured content, or else its text, or the list of its texts."""
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if result.is_error:
        raise ToolFailed("\n".join(texts))
    value: Value = result.structured_content
    if value is None:
        if len(texts) != len(result.content):
            raise BadResult(f"{name}: the result has other content than text")
        value = texts[0] if len(texts) == 1 else texts
    try:
        encode_value(value, MOST_VALUE_BYTES)
    except (Malformed, Exhausted) as error:
        raise BadResult(f"{name}: the result is not a value of a flow: {error}") from error
    return value
