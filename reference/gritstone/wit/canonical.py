"""Canonical JSON (RFC 8785), for values whose numbers are integers.

Members ascend by their UTF-16 code units; there is no white space; each character that needs an escape has exactly one.
The reader accepts exactly what the writer writes.

Spec: :rule:`wit.wut.form`, :rule:`wit.wut.openapi`.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeAlias

from gritstone.errors import Invalid
from gritstone.exact import exact, exact_members

__all__ = ["MAX_DEPTH", "Json", "read_canonical", "write_canonical"]

Json: TypeAlias = Any
"""Null, booleans, integers, texts, lists, and dictionaries with texts as keys."""

MAX_DEPTH = 64
"""The maximum nesting depth of lists and dictionaries in a wut."""

_MAX_INTEGER = 2**53 - 1
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES |= {chr(n): f"\\u{n:04x}" for n in range(32) if chr(n) not in _ESCAPES}
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CLOSERS = {ord("["): ord("]"), ord("{"): ord("}")}


def write_canonical(value: Json, *, deepest: int = MAX_DEPTH) -> bytes:
    """Return the canonical JSON of a value.

    Args:
        value: the value.
        deepest: the maximum nesting depth of lists and dictionaries.

    Raises:
        Invalid: the value contains an unsupported type, an integer out of range, or a lone surrogate, or its lists and
            dictionaries are nested too deeply.
    """
    parts: list[str] = []
    _write(value, parts, deepest)
    return "".join(parts).encode("utf-8")


def read_canonical(data: bytes) -> Json:
    """Return the value of canonical JSON, in exactly the form that ``write_canonical`` writes.

    Raises:
        Invalid: the data is not canonical JSON.
    """
    if _depth(data) > MAX_DEPTH:
        raise Invalid("JSON nested too deep", rule="wit.wut.form", expected=f"at most {MAX_DEPTH}")
    try:
        value = json.loads(
            data.decode("utf-8"), parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_members
        )
    except ValueError as error:
        raise Invalid(f"no JSON: {error}", rule="wit.wut.form") from None
    if write_canonical(value) != data:
        raise Invalid("JSON in another spelling than the canonical one", rule="wit.wut.form")
    return value


def _write(value: Json, parts: list[str], left: int) -> None:
    value = exact(value)
    if value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise Invalid("an integer out of range", rule="wit.wut.form", got=value)
        parts.append(str(value))
    elif isinstance(value, str):
        parts.append(_text(value))
    elif isinstance(value, list | dict):
        if left == 0:
            raise Invalid("JSON nested too deep", rule="wit.wut.form")
        _write_items(value, parts, left - 1)
    else:
        raise Invalid("no value of canonical JSON", rule="wit.wut.form", got=type(value).__name__)


def _write_items(value: list[Json] | dict[str, Json], parts: list[str], left: int) -> None:
    mark = ""
    if isinstance(value, list):
        parts.append("[")
        for item in value:
            parts.append(mark)
            _write(item, parts, left)
            mark = ","
        parts.append("]")
        return
    parts.append("{")
    value = _with_texts(value)
    for name in sorted(value, key=_utf16):
        parts.append(f"{mark}{_text(name)}:")
        _write(value[name], parts, left)
        mark = ","
    parts.append("}")


def _with_texts(value: dict[Any, Json]) -> dict[str, Json]:
    """Return an object whose names are texts of the built-in class; raises ``Invalid``."""
    try:
        found = exact_members(value)
    except ValueError as error:
        raise Invalid(f"an object of JSON: {error}", rule="wit.wut.form") from None
    for name in found:
        if type(name) is not str:
            raise Invalid("the name of a member is not a text", rule="wit.wut.form", got=type(name).__name__)
    return found


def _text(text: str) -> str:
    if _SURROGATE.search(text) is not None:
        raise Invalid("a lone surrogate", rule="wit.wut.form", got=ascii(text))
    escaped = _ESCAPED.sub(lambda match: _ESCAPES[match[0]], text)
    return f'"{escaped}"'


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"the number {text}")


def _depth(data: bytes) -> int:
    """Return the nesting depth of lists and dictionaries; the count is not recursive."""
    deepest = depth = 0
    in_text = escaped = False
    for byte in data:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in _CLOSERS:
            depth += 1
            deepest = max(deepest, depth)
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return deepest
