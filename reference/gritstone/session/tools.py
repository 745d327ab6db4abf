"""Tools of a session: functions of the caller that the model can call, described by their signatures.

Spec: :ref:`session-tools`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gritstone.errors import Malformed
from gritstone.functions import Signature
from gritstone.grit.objects import Blob
from gritstone.session.json_text import Json, Spelled, spell
from gritstone.session.outcomes import Call, Turn

__all__ = ["Tool", "call_tool", "describe", "error_blob", "loads", "plain", "value_blob", "with_schemas", "written"]

_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
_MOST_DESCRIPTION = 1024  # bytes
_MOST_ERROR = 4096  # characters

_TYPES = ("array", "boolean", "integer", "number", "object", "string")


class Tool:
    """A function as a tool.

    Attributes:
        name: the name of the tool.
        description: the first line of the docstring of the function.
        params: name, type and requirement of each parameter.
        schema: the JSON Schema of the arguments, for the service of the model. The session knows ``params`` only.
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None) -> None:
        """Describe a function.

        Args:
            function: every parameter of it can be passed by name. A parameter without a default is required.
            name: the name of the tool; by default that of the function.

        Raises:
            ValueError: a session does not accept such a tool, or an annotation has no JSON Schema.
        """
        self._function = function
        self.name = str(name or getattr(function, "__name__", ""))
        self._signature = Signature(function, self.name)
        self.description = self._signature.description
        self.schema = self._signature.schema
        required = self.schema.get("required", ())
        self.params: list[dict[str, Json]] = [
            {"name": one, "required": one in required, "type": _type_of(value, self.schema)}
            for one, value in self.schema["properties"].items()
        ]
        self._check()

    def _check(self) -> None:
        for name in (self.name, *(str(one["name"]) for one in self.params)):
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"invalid name {name!r} in a tool: expected {_NAME.pattern}")
        if self.schema.get("additionalProperties") is not False:
            raise ValueError(f"{self.name}: a parameter has no name of its own")
        if inspect.iscoroutinefunction(self._function):
            raise ValueError(f"{self.name}: the function is asynchronous; nothing here has an event loop")
        if len(self.description.encode()) > _MOST_DESCRIPTION:
            raise ValueError(f"{self.name}: the first line of the docstring has more than {_MOST_DESCRIPTION} bytes")

    def __call__(self, **arguments: Any) -> Any:
        """Call the function.

        Args:
            arguments: values of JSON. They become values of the types of the parameters.

        Raises:
            ValueError: they do not fit the schema; the function was not called.
        """
        return self._function(**self._signature.read(arguments))


def _type_of(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Return the type of a session for a JSON Schema: ``any`` if it permits more than one of the types."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    found = schema.get("type")
    return found if found in _TYPES else "any"


def describe(tools: Iterable[Tool]) -> list[Json]:
    """Return the list of tools as a session keeps it."""
    listed = [{"description": tool.description, "name": tool.name, "params": tool.params} for tool in tools]
    return sorted(listed, key=lambda tool: str(tool["name"]))


def with_schemas(turn: Turn, functions: Mapping[str, Tool]) -> Turn:
    """Return a turn with the schemas of the tools whose parameters are those that the session knows."""
    listed = {tool["name"]: tool["params"] for tool in turn.tools}
    known = {name: tool.schema for name, tool in functions.items() if listed.get(name) == tool.params}
    return replace(turn, schemas=known)


def plain(value: Json) -> Any:
    """Return a JSON value with numbers of Python."""
    if isinstance(value, Spelled):
        return int(value) if value.is_integer else float(value)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def loads(data: bytes) -> dict[str, Any]:
    """Return the object of a JSON text that a guest wrote, with numbers of Python; much faster than ``parse``.

    Raises:
        Malformed: the guest wrote something else.
    """
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Malformed("the guest did not write an object of JSON", rule="session.json.spelling", got=data[:80])
    return value


def value_blob(value: Any) -> Blob:
    """Return a value as the content of a message: a text as it is, any other value as JSON.

    Raises:
        TypeError: the value cannot be written as JSON.
        ValueError: so; or a text contains an unpaired surrogate.
    """
    if isinstance(value, str):
        return Blob({"ct": "s"}, value.encode())
    return Blob({"ct": "j"}, spell(written(value)))


def written(value: Any) -> Json:
    """Return a value of Python as one of JSON, in which numbers that are spelled already keep their spelling.

    Raises:
        TypeError: the value cannot be written as JSON.
        ValueError: a number is not finite.
    """
    if isinstance(value, float):
        return Spelled(json.dumps(value, allow_nan=False))
    if value is None or isinstance(value, (bool, int, str, Spelled)):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a member of an object has a name that is not a text")
        return {name: written(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def call_tool(functions: Mapping[str, Tool], call: Call) -> tuple[bool, Blob]:
    """Run a tool; return whether it succeeded, and its result or the text of its error."""
    if call.tool not in functions:
        return False, Blob({"ct": "s"}, f"there is no function for the tool {call.tool}".encode())
    try:
        return True, value_blob(functions[call.tool](**call.arguments))
    except Exception as error:  # noqa: BLE001 - the error of a tool is a result that the model reads
        return False, error_blob(error)


def error_blob(error: Exception) -> Blob:
    """Return the text of an error."""
    text = f"{type(error).__name__}: {error}"[:_MOST_ERROR]
    return Blob({"ct": "s"}, text.encode("utf-8", "replace"))
