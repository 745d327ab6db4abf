"""A server of the Model Context Protocol, by which a model works in an image as one principal.

::

    server = image_server("world", Desk(image, alice))

``gritstone image serve DIR ALICE`` serves it on standard input and output. Needs the official SDK:
``pip install gritstone[mcp]``.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, TextContent
from mcp.types import Tool as Described

from gritstone.image.desk import Desk
from gritstone.image.views import Outcome

__all__ = ["image_server", "serve_stdio"]

Json: TypeAlias = dict[str, Any]

_MOST_ERROR: Final = 4_096  # characters
_TEXT: Final[Json] = {"type": "string"}
_PROGRAM: Final = {
    "type": "string",
    "description": "One operation a line. State: add PATH NUMBER; count PATH + or -; write PATH DATA; "
    "append PATH DATA; put PATH REF; delete PATH; expect PATH DATA; read REF PATH PATH. "
    "Messages: send REF join|save|post TYPE REF; reply REF; timer MS TYPE; emit EVENT REF. "
    "Ends: fail REASON; spin UNITS. DATA is a JSON string. REF is self, sender, content, core, empty, "
    'a JSON string, or @name. Example: add stock -1\\nsend @shop join sell "200"',
}
_ACTOR: Final = {"type": "string", "description": "The name of an actor; without it, the principal."}


@dataclass(frozen=True, slots=True)
class _Offer:
    """One tool of the server.

    Attributes:
        run: is called with the arguments by name.
        properties: the JSON schemas of the arguments.
        required: the arguments that are not optional.
        description: a text for the model.
    """

    run: Callable[..., Any]
    properties: Json
    required: tuple[str, ...]
    description: str


def _offers(desk: Desk) -> Mapping[str, _Offer]:
    texts: Json = {"type": "object", "additionalProperties": _TEXT}
    lists = {"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}}
    return {
        "run": _Offer(
            desk.run,
            {"program": _PROGRAM, "key": {"type": "string", "description": "Repeat a request with its key."}},
            ("program",),
            "Run a program as the principal: one operation, which commits as a whole or changes nothing.",
        ),
        "read": _Offer(
            desk.read,
            {"path": {"type": "string", "description": "Names joined by /."}, "actor": _ACTOR},
            ("path",),
            "Return the text at a path of the state of an actor, or null.",
        ),
        "list": _Offer(desk.list, {}, (), "List your actors with their rights, the types they handle and timers."),
        "log": _Offer(
            desk.log,
            {"after": {"type": "integer", "description": "The number of an operation; begin with -1."}},
            (),
            "List operations in which your actors took part, failed ones too. Continue after the returned seq.",
        ),
        "install": _Offer(
            desk.install,
            {"mt": {"type": "string", "description": "The type of message."}, "program": _PROGRAM, "actor": _ACTOR},
            ("mt", "program"),
            "Install a program in one of your actors; the next operation runs it.",
        ),
        "spawn": _Offer(
            desk.spawn,
            {"name": _TEXT, "code": texts, "may": {"type": "array", "items": _TEXT}, "admit": lists},
            ("name", "code"),
            "Create an actor: programs by type, capabilities out of your own, names of the senders it admits by type.",
        ),
    }


def image_server(name: str, desk: Desk) -> Server[Any]:
    """Return a server with the tools run, read, list, log, install and spawn, as the principal of a desk.

    An operation that fails, a denial and an error have a result that is an error, with class and code.
    """
    offers = _offers(desk)
    listed = [
        Described(
            name=tool,
            description=offer.description,
            input_schema={"type": "object", "properties": offer.properties, "required": list(offer.required)},
        )
        for tool, offer in offers.items()
    ]
    one_at_a_time = anyio.Lock()

    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        offer = offers.get(params.name)
        if offer is None:
            return _error(f"there is no tool {params.name!r}")
        arguments = params.arguments or {}
        try:
            _check(offer, arguments)
            async with one_at_a_time:
                return _result(await to_thread.run_sync(partial(offer.run, **arguments)))
        except Exception as error:  # noqa: BLE001 - the error of a tool is a result that the client reads
            return _error(_words(error))

    return Server(name, on_list_tools=list_tools, on_call_tool=call_tool)


_KINDS: Final[Mapping[str, type[Any]]] = {"string": str, "integer": int, "array": list, "object": dict}


def _check(offer: _Offer, arguments: Json) -> None:
    """Check the arguments of a call.

    Raises:
        TypeError: one is missing, unknown or of another type.
    """
    inspect.signature(offer.run).bind(**arguments)
    for name, value in arguments.items():
        _check_value(name, value, offer.properties[name])


def _check_value(name: str, value: Any, schema: Json) -> None:
    kind: str = schema["type"]
    if not isinstance(value, _KINDS[kind]) or isinstance(value, bool):
        raise TypeError(f"the argument {name} is not of the type {kind}")
    below: Json | None = schema.get("additionalProperties") or schema.get("items")
    if below is not None:
        items: Iterable[Any] = value.values() if kind == "object" else value
        for item in items:
            _check_value(name, item, below)


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
