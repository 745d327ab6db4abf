"""The calls of a desk as tools: each with the schemas of its arguments, for a model or a page.

A call is checked against the schemas before it runs, so values of any other form never reach the desk.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gritstone.image.desk import Desk

__all__ = ["Json", "Tool", "call_tool", "desk_tools"]

Json: TypeAlias = dict[str, Any]

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
class Tool:
    """One tool.

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


def desk_tools(desk: Desk) -> Mapping[str, Tool]:
    """Return the tools run, read, list, log, install and spawn, by name."""
    texts: Json = {"type": "object", "additionalProperties": _TEXT}
    lists = {"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}}
    return {
        "run": Tool(
            desk.run,
            {"program": _PROGRAM, "key": {"type": "string", "description": "Repeat a request with its key."}},
            ("program",),
            "Run a program as the principal: one operation, which commits as a whole or changes nothing.",
        ),
        "read": Tool(
            desk.read,
            {"path": {"type": "string", "description": "Names joined by /."}, "actor": _ACTOR},
            ("path",),
            "Return the text at a path of the state of an actor, or null.",
        ),
        "list": Tool(desk.list, {}, (), "List your actors with their rights, the types they handle and timers."),
        "log": Tool(
            desk.log,
            {"after": {"type": "integer", "description": "The number of an operation; begin with -1."}},
            (),
            "List operations in which your actors took part, failed ones too. Continue after the returned seq.",
        ),
        "install": Tool(
            desk.install,
            {"mt": {"type": "string", "description": "The type of message."}, "program": _PROGRAM, "actor": _ACTOR},
            ("mt", "program"),
            "Install a program in one of your actors; the next operation runs it.",
        ),
        "spawn": Tool(
            desk.spawn,
            {"name": _TEXT, "code": texts, "may": {"type": "array", "items": _TEXT}, "admit": lists},
            ("name", "code"),
            "Create an actor: programs by type, capabilities out of your own, names of the senders it admits by type.",
        ),
    }


def call_tool(tools: Mapping[str, Tool], name: object, arguments: object) -> Any:
    """Call a tool.

    Raises:
        TypeError: there is no such tool, or an argument is missing, unknown or of another type.
    """
    if not isinstance(name, str) or name not in tools:
        raise TypeError(f"there is no tool {name!r}")
    if not isinstance(arguments, dict):
        raise TypeError(f"the arguments are not an object, got {type(arguments).__name__}")
    tool = tools[name]
    inspect.signature(tool.run).bind(**arguments)
    for argument, value in arguments.items():
        _check_value(argument, value, tool.properties[argument])
    return tool.run(**arguments)


_KINDS: Final[Mapping[str, type[Any]]] = {"string": str, "integer": int, "array": list, "object": dict}


def _check_value(name: str, value: Any, schema: Json) -> None:
    kind: str = schema["type"]
    if not isinstance(value, _KINDS[kind]) or isinstance(value, bool):
        raise TypeError(f"the argument {name} is not of the type {kind}")
    below: Json | None = schema.get("additionalProperties") or schema.get("items")
    if below is not None:
        items: Iterable[Any] = value.values() if kind == "object" else value
        for item in items:
            _check_value(name, item, below)
