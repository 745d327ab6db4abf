"""Tools of a session: functions of the caller that the model can call, described by their signatures.

Spec: :ref:`session-tools`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from gritstone.session.json_text import Json, Spelled

__all__ = ["Tool", "describe", "plain"]

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
        """
        self._function = function
        self.name = name or function.__name__
        lines = (inspect.getdoc(function) or "").splitlines()
        self.description = lines[0] if lines else ""
        hints = get_type_hints(function)
        self.params: list[dict[str, Json]] = [
            {"name": one.name, "required": one.default is one.empty, "type": _type_of(hints.get(one.name, Any))}
            for one in inspect.signature(function).parameters.values()
        ]

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
