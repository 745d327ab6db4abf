"""Tools of a session: functions of the caller that the model can call, described by their signatures.

Spec: :ref:`session-tools`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gritstone.errors import Malformed
from gritstone.exact import exact, exact_members
from gritstone.foreign import described_by, is_stop, text_of
from gritstone.functions import Signature
from gritstone.grit.objects import Blob
from gritstone.session.json_text import Json, Spelled, Written, spell
from gritstone.session.outcomes import Call, Turn

__all__ = ["Tool", "call_tool", "describe", "error_blob", "loads", "plain", "value_blob", "with_schemas", "written"]

_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
_MOST_DESCRIPTION = 1024  # bytes
_MOST_ERROR = 4096  # characters
_MOST_DEPTH = 32  # objects and arrays in each other, in a result
_MOST_DIGITS = 32  # characters of a number in a result
_MOST_RESULT = 4 << 20  # bytes
_LONGEST_PLACE = 200  # characters
_KINDS = "null, a boolean, a number, a text, a list or a dictionary"
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_TYPES = ("array", "boolean", "integer", "number", "object", "string")


class Tool:
    """A function as a tool. It is asynchronous if it returns something awaitable.

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
        described = described_by(function)
        self.name: str = name or str(getattr(described, "__name__", type(described).__name__))
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
        if len(self.description.encode()) > _MOST_DESCRIPTION:
            raise ValueError(f"{self.name}: the first line of the docstring has more than {_MOST_DESCRIPTION} bytes")

    def __call__(self, **arguments: Any) -> Any:
        """Call the function; return what it returns, which may be awaitable.

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
    return _blob(written(value))


def _blob(value: Json) -> Blob:
    if isinstance(value, str) and not isinstance(value, Written):
        return Blob({"ct": "s"}, value.encode())
    return Blob({"ct": "j"}, spell(value))


def result_blob(value: Any) -> Blob:
    """Return the result of a tool as the content of a message, within the limits of results.

    Raises:
        TypeError: the value cannot be written as JSON.
        ValueError: so; or it is nested too deeply, or too long; or a number has too many digits.
    """
    blob = _blob(_Writing(most_depth=_MOST_DEPTH, most_digits=_MOST_DIGITS).written(value, ""))
    if len(blob.data) > _MOST_RESULT:
        raise ValueError(f"the value has {len(blob.data)} bytes: expected at most {_MOST_RESULT}")
    return blob


def written(value: Any) -> Json:
    """Return a value of Python as one of JSON, in which numbers that are spelled already keep their spelling.

    Raises:
        TypeError: the value cannot be written as JSON.
        ValueError: a number is not finite, a text has an unpaired surrogate, or an object has a member twice.
    """
    return _Writing().written(value, "")


class _Writing:
    """Values of Python as values of JSON, within limits. An error names the place in the value."""

    def __init__(self, most_depth: int | None = None, most_digits: int | None = None) -> None:
        self._most_depth = most_depth
        self._most_digits = most_digits

    def written(self, value: Any, place: str, depth: int = 0) -> Json:
        """Return the value of JSON for a part of a value; raises as the function of this name."""
        if type(value) in (Spelled, Written):
            return value
        value = exact(value)
        if value is None or type(value) is bool:
            return value
        if type(value) is str:
            if _SURROGATE.search(value) is not None:
                raise ValueError(_at("a text has an unpaired surrogate", place, "Unicode scalar values"))
            return value
        if type(value) in (int, float):
            return self._number(value, place)
        if isinstance(value, (Mapping, list, tuple)):
            if depth == self._most_depth:
                raise ValueError(_at("the value is nested too deeply", place, f"at most {depth} lists and objects"))
            if isinstance(value, Mapping):
                return self._object(value, place, depth + 1)
            return [self.written(item, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)]
        raise TypeError(_at(f"{type(value).__name__} cannot be written as JSON", place, _KINDS))

    def _number(self, value: float, place: str) -> Json:
        if type(value) is float:
            if not math.isfinite(value):
                raise ValueError(_at(f"{value} is not a number of JSON", place, "a finite number"))
            return Spelled(repr(value))
        if self._most_digits is not None and abs(value) >= 10 ** (self._most_digits - (value < 0)):
            raise ValueError(_at("an integer is too long", place, f"at most {self._most_digits} characters"))
        return value

    def _object(self, value: Mapping[Any, Any], place: str, depth: int) -> Json:
        try:
            members = exact_members(value)
        except ValueError as error:
            raise ValueError(_at(str(error), place, "each name once")) from None
        for name in members:
            if type(name) is not str:
                what = f"a member of an object has a name that is not a text but {type(name).__name__}"
                raise TypeError(_at(what, place, "a text"))
            if _SURROGATE.search(name) is not None:
                raise ValueError(_at("a name has an unpaired surrogate", place, "Unicode scalar values"))
        return {name: self.written(item, f"{place}.{name}" if place else name, depth) for name, item in members.items()}


def _at(what: str, place: str, expected: str) -> str:
    """Return the text of an error: what is wrong, where, and what is expected."""
    where = f" at {place[:_LONGEST_PLACE]}" if place else ""
    return f"{what}{where}: expected {expected}"


def call_tool(
    functions: Mapping[str, Tool], call: Call, finish: Callable[[Any], Any] = lambda result: result
) -> tuple[bool, Blob]:
    """Run a tool; return whether it succeeded, and its result or the text of its error, of whatever class.

    Args:
        functions: the functions by the name of the tool.
        call: the call.
        finish: awaits the result of a function if it is awaitable.
    """
    if call.tool not in functions:
        return False, Blob({"ct": "s"}, f"there is no function for the tool {call.tool}".encode())
    try:
        return True, result_blob(finish(functions[call.tool](**call.arguments)))
    except BaseException as error:
        if is_stop(error):
            raise
        return False, error_blob(error)  # the error of a tool is a result that the model reads


def error_blob(error: BaseException) -> Blob:
    """Return the text of an error."""
    return Blob({"ct": "s"}, text_of(error, _MOST_ERROR).encode())
