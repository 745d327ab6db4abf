"""A server of the Model Context Protocol, by which a model works in an image as one principal.

::

    server = image_server("world", Desk(image, alice))

``gritstone image serve DIR ALICE`` serves it on standard input and output. Needs the official SDK:
``pip install gritstone[mcp]``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import anyio
from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, TextContent
from mcp.types import Tool as Described

from gritstone.image.desk import Desk
from gritstone.image.tools import Json, call_tool, desk_tools
from gritstone.image.views import Outcome

__all__ = ["image_server", "serve_stdio"]

_MOST_ERROR: Final = 4_096  # characters


def image_server(name: str, desk: Desk) -> Server[Any]:
    """Return a server with the tools run, read, list, log, install and spawn, as the principal of a desk.

    An operation that fails, a denial and an error have a result that is an error, with class and code.
    """
    tools = desk_tools(desk)
    listed = [
        Described(
            name=name_of_tool,
            description=tool.description,
            input_schema={"type": "object", "properties": tool.properties, "required": list(tool.required)},
        )
        for name_of_tool, tool in tools.items()
    ]
    one_at_a_time = anyio.Lock()

    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        try:
            async with one_at_a_time:
                return _result(await to_thread.run_sync(call_tool, tools, params.name, params.arguments or {}))
        except Exception as error:  # noqa: BLE001 - the error of a tool is a result that the client reads
            return _error(_words(error))

    return Server(name, on_list_tools=list_tools, on_call_tool=call)


def _words(error: Exception) -> str:
    kind, code = getattr(error, "kind", None), getattr(error, "code", None)
    return f"{type(error).__name__}: {error}" if kind is None else f"{kind}/{code or 'refused'}: {error}"


def _result(value: Any) -> CallToolResult:
    """Return a value as structured content; an operation that failed is an error."""
    if isinstance(value, Outcome):
        shown: Json = {"seq": value.seq, "failed": value.failed}
        return CallToolResult(content=_block(shown), structured_content=shown, is_error=value.failed is not None)
    structured = value if isinstance(value, dict) else {"result": value}
    return CallToolResult(content=_block(structured), structured_content=structured)


def _block(value: Json) -> list[ContentBlock]:
    return [TextContent(type="text", text=json.dumps(value, ensure_ascii=False))]


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text[:_MOST_ERROR])], is_error=True)


def serve_stdio(name: str, desk: Desk) -> None:
    """Serve a desk on standard input and output, until the input ends."""

    async def main() -> None:
        server = image_server(name, desk)
        async with stdio_server() as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())

    print(f"gritstone image: serving {name}", file=sys.stderr)
    anyio.run(main)
