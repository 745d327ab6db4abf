"""Strict JSON in which a number is its spelling.

A scanner over the text: each value is read where it begins, and the position after it is returned.

Spec: :rule:`session.json.strict`, :rule:`session.json.spelling`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import methodcaller
from typing import Any, TypeAlias

from gritstone.exact import exact

__all__ = ["Json", "NoJson", "Spelled", "Written", "parse", "spell"]

Json: TypeAlias = Any
"""Null, booleans, texts, ``Spelled``, lists, and dictionaries with texts as keys; to write, also
integers and ``Written``."""

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"([^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*)"')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile("true|false|null")
_LONGEST_NUMBER = 32

_WRITTEN = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_WRITTEN |= {chr(n): f"\\u{n:04x}" for n in range(32) if chr(n) not in _WRITTEN}
_UTF_16 = methodcaller("encode", "utf-16-be")  # the order of names
_TO_WRITE = re.compile(r'["\\\x00-\x1f]')


class NoJson(Exception):  # noqa: N818 - the answer to a question, not an error
    """The bytes are not a JSON text."""


class Written(str):
    """A JSON text, as it is written."""

    __slots__ = ()


class Spelled(Written):
    """A number, as it is spelled."""

    __slots__ = ()

    @property
    def is_integer(self) -> bool:
        """Whether it has neither a fraction nor an exponent."""
        return self.lstrip("-").isdigit()

    @property
    def natural(self) -> int | None:
        """The value if it is an integer without a sign, else None."""
        return int(self) if self.isdigit() else None


def parse(data: bytes, deepest: int = 32) -> Json:
    """Return the value of a JSON text.

    Args:
        data: the text.
        deepest: the largest number of objects and arrays that are nested in each other.

    Raises:
        NoJson: the bytes are anything else.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoJson from None
    value, at = _value(text, _skip(text, 0), deepest)
    if _skip(text, at) != len(text):
        raise NoJson
    return value


def spell(value: Json) -> bytes:
    """Return the JSON of a value.

    Raises:
        TypeError: a part of it is not a value of JSON.
    """
    parts: list[str] = []
    _spell(value, parts)
    return "".join(parts).encode("utf-8")


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None, "it matches nothing, too"
    return found.end()


def _value(text: str, at: int, left: int) -> tuple[Json, int]:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at)
    if first in ("{", "["):
        if left == 0:
            raise NoJson
        return (_members if first == "{" else _items)(text, at + 1, left - 1)
    if word := _WORD.match(text, at):
        return _WORDS[word[0]], word.end()
    number = _NUMBER.match(text, at)
    if number is None or len(number[0]) > _LONGEST_NUMBER:
        raise NoJson
    return Spelled(number[0]), number.end()


def _items(text: str, at: int, left: int) -> tuple[list[Json], int]:
    items: list[Json] = []
    at = _skip(text, at)
    if text.startswith("]", at):
        return items, at + 1
    while True:
        item, at = _value(text, _skip(text, at), left)
        items.append(item)
        at = _skip(text, at)
        if text.startswith("]", at):
            return items, at + 1
        at = _expect(text, at, ",")


def _members(text: str, at: int, left: int) -> tuple[dict[str, Json], int]:
    members: dict[str, Json] = {}
    at = _skip(text, at)
    if text.startswith("}", at):
        return members, at + 1
    while True:
        name, at = _string(text, _skip(text, at))
        if name in members:
            raise NoJson
        at = _expect(text, _skip(text, at), ":")
        members[name], at = _value(text, _skip(text, at), left)
        at = _skip(text, at)
        if text.startswith("}", at):
            return members, at + 1
        at = _expect(text, at, ",")


def _expect(text: str, at: int, character: str) -> int:
    if not text.startswith(character, at):
        raise NoJson
    return at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise NoJson
    return _ESCAPE.sub(_character, found[1]), found.end()


def _character(found: re.Match[str]) -> str:
    unit, low, short = found.groups()
    if short is not None:
        return _SHORT.get(short, short)
    code = int(unit, 16)
    is_high, is_low = 0xD800 <= code < 0xDC00, 0xDC00 <= code < 0xE000
    if is_low or is_high != (low is not None and is_high):
        raise NoJson
    if is_high:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if low is not None:
        raise NoJson
    return chr(code)


def _spell(value: Json, parts: list[str]) -> None:
    if isinstance(value, Written):
        parts.append(str.__str__(value))
        return
    value = exact(value)
    if type(value) is str:
        parts.append('"' + _TO_WRITE.sub(lambda found: _WRITTEN[found[0]], value) + '"')
    elif value is None or type(value) is bool:
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif type(value) is int:
        parts.append(str(value))
    elif type(value) is dict:
        _spell_list("{", "}", sorted(value, key=_UTF_16), parts, value)
    elif type(value) is list or type(value) is tuple:
        _spell_list("[", "]", value, parts)
    else:
        raise TypeError(f"{type(value).__name__} is not a value of JSON")


def _spell_list(begin: str, end: str, items: Iterable[Json], parts: list[str], members: Json = None) -> None:
    parts.append(begin)
    for number, item in enumerate(items):
        if number:
            parts.append(",")
        _spell(item, parts)
        if members is not None:
            parts.append(":")
            _spell(members[item], parts)
    parts.append(end)
