"""Tools of a session: functions of the caller that the model can call, described by their signatures.

Spec: :ref:`session-tools`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from gritstone.errors import Malformed
from gritstone.grit.objects import Blob
from gritstone.session.json_text import Json, Spelled, spell
from gritstone.session.outcomes import Call

__all__ = ["Tool", "call_tool", "describe", "error_blob", "loads", "plain", "value_blob", "written"]

_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
_MOST_DESCRIPTION = 1024  # bytes
_MOST_ERROR = 4096  # characters

_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
}


class Tool:
    """A function as a tool.

    Attributes:
        name: the name of the tool.
        description: the first line of the docstring of the function.
        params: name, type and requirement of each parameter.
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None) -> None:
        """Describe a function.

        Args:
            function: every parameter of it can be passed by name. A parameter without a default is required.
            name: the name of the tool; by default that of the function.

        Raises:
            ValueError: a session does not accept such a tool.
        """
        self._function = function
        self.name = name or function.__name__
        lines = (inspect.getdoc(function) or "").splitlines()
        self.description = lines[0] if lines else ""
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())
        self.params: list[dict[str, Json]] = [
            {"name": one.name, "required": one.default is one.empty, "type": _type_of(hints.get(one.name, Any))}
            for one in parameters
        ]
        self._check(parameters)

    def _check(self, parameters: Iterable[inspect.Parameter]) -> None:
        for name in (self.name, *(str(one["name"]) for one in self.params)):
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"invalid name {name!r} in a tool: expected {_NAME.pattern}")
        if any(one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
            raise ValueError(f"{self.name}: a parameter cannot be passed by name")
        if len(self.description.encode()) > _MOST_DESCRIPTION:
            raise ValueError(f"{self.name}: the first line of the docstring has more than {_MOST_DESCRIPTION} bytes")

    def __call__(self, **arguments: Any) -> Any:
        """Call the function."""
        return self._function(**arguments)


def _type_of(hint: Any) -> str:
    """Return the type of a parameter; ``any`` for annotations that are not one of the types of JSON."""
    kind = get_origin(hint) or hint
    if len(get_args(hint)) and kind not in _TYPES:
        return "any"
    return _TYPES.get(kind, "any")


def describe(tools: Iterable[Tool]) -> list[Json]:
    """Return the list of tools as a session keeps it."""
    listed = [{"description": tool.description, "name": tool.name, "params": tool.params} for tool in tools]
    return sorted(listed, key=lambda tool: str(tool["name"]))


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
