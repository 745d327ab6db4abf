"""Values: their kinds, the one encoding of each, and digests.

A value is None, a bool, an int, a str, a :class:`Ref`, a list or a dict. Python takes 1 and True as equal; so values
are compared by :func:`encode` only.

Invariant: ``encode(decode(data)) == data`` for all data that :func:`decode` accepts.

Spec: ``flow/values``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.flow.limits import NAME_BYTES, NESTING, VALUE_BYTES

__all__ = [
    "LARGEST",
    "LEAST",
    "Map",
    "NotAValue",
    "Ref",
    "Value",
    "copy_of",
    "decode",
    "digest",
    "encode",
    "equal",
    "in_key_order",
    "is_name",
    "is_within",
    "kind_of",
    "nesting_of",
    "refs_in",
]

LEAST: Final = -(1 << 63)
LARGEST: Final = (1 << 63) - 1

_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{NAME_BYTES - 1}}}")
_SIMPLE: Final[dict[int, bool | None]] = {0xF4: False, 0xF5: True, 0xF6: None}
_KEPT_BYTES: Final = 16_384
"""Longer encodings are decoded each time."""
_UINT, _NINT, _BYTES, _TEXT, _LIST, _MAP = range(6)


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of a sealed blob, as a value."""

    name: str


Value: TypeAlias = "bool | int | str | Ref | list[Value] | dict[str, Value] | None"
Map: TypeAlias = dict[str, Value]


class NotAValue(Exception):  # noqa: N818 - says what the bytes are
    """Bytes are not the encoding of a value within limits.

    Attributes:
        classes: the refusal classes that the text permits: ``malformed``, ``exhausted`` or both.
    """

    def __init__(self, classes: frozenset[str]) -> None:
        super().__init__(" or ".join(sorted(classes)))
        self.classes = classes


def is_name(text: str) -> bool:
    """Return whether a text is a name."""
    return _NAME.fullmatch(text) is not None


def kind_of(value: Value) -> str:
    """Return the kind of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case str():
            return "text"
        case Ref():
            return "ref"
        case list():
            return "list"
        case dict():
            return "map"


def encode(value: Value) -> bytes:
    """Return the encoding of a value.

    Spec: :rule:`flow.value.canonical`.
    """
    match value:
        case str():
            return _string(_TEXT, value.encode())
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            assert LEAST <= value <= LARGEST, value
            return _head(_UINT, value) if value >= 0 else _head(_NINT, -1 - value)
        case Ref(name):
            assert is_name(name), name
            return _string(_BYTES, name.encode())
        case list():
            return _head(_LIST, len(value)) + b"".join(map(encode, value))
        case dict():
            return _head(_MAP, len(value)) + b"".join(_key(key) + encode(value[key]) for key in in_key_order(value))


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return encode(name)


def in_key_order(keys: Any) -> list[str]:
    """Return texts in key order: by the bytes of their encodings."""
    return sorted(keys, key=_key)


def equal(one: Value, other: Value) -> bool:
    """Return whether two values are equal.

    Spec: :rule:`flow.value.injective`.
    """
    return encode(one) == encode(other)


def digest(value: Value) -> str:
    """Return the digest of a value."""
    return hashlib.sha256(encode(value)).hexdigest()


def copy_of(value: Value) -> Value:
    """Return an equal value that can be changed."""
    match value:
        case list():
            return list(map(copy_of, value))
        case dict():
            return {name: copy_of(each) for name, each in value.items()}
        case _:
            return value


def nesting_of(value: Value) -> int:
    """Return how many lists and maps are in each other; ``[]`` and ``{}`` count 1."""
    match value:
        case list():
            return 1 + max(map(nesting_of, value), default=0)
        case dict():
            return 1 + max(map(nesting_of, value.values()), default=0)
        case _:
            return 0


def is_within(value: Value, most: int = VALUE_BYTES) -> bool:
    """Return whether a value is within the limits of values."""
    return nesting_of(value) <= NESTING and len(encode(value)) <= most


def refs_in(value: Value) -> Iterator[str]:
    """Yield the names of the refs in a value, at any depth."""
    match value:
        case Ref(name):
            yield name
        case list():
            for item in value:
                yield from refs_in(item)
        case dict():
            for item in value.values():
                yield from refs_in(item)


def decode(data: bytes, most: int | None = VALUE_BYTES) -> Value:
    """Return the value that bytes are the encoding of. It is shared with later calls and must not be changed.

    Args:
        data: the bytes.
        most: how many bytes an encoding may have; None for the document ``state``, which has no limit.

    Raises:
        NotAValue: the bytes are not an encoding, or exceed a limit; both are reported if both hold.

    Spec: :rule:`flow.value.canonical`, :rule:`flow.value.limits`.
    """
    return _decoded(data, most) if len(data) <= _KEPT_BYTES else _decode(data, most)


def _decode(data: bytes, most: int | None) -> Value:
    reader, classes, value = _Reader(data), set[str](), None
    try:
        value = reader.read()
    except _Malformed:
        classes.add("malformed")
    if most is not None and (len(data) > most or reader.deepest > NESTING):
        classes.add("exhausted")
    if classes:
        raise NotAValue(frozenset(classes))
    return value


_decoded = lru_cache(maxsize=256)(_decode)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major << 5 | argument,))
    width = next(width for width in range(4) if argument < 1 << (8 << width))
    return bytes((major << 5 | 24 + width,)) + argument.to_bytes(1 << width)


def _string(major: int, data: bytes) -> bytes:
    return _head(major, len(data)) + data


class _Malformed(Exception):  # noqa: N818 - ends the reading
    """The bytes are not an encoding."""


@dataclass(slots=True)
class _Open:
    """A list or map of which elements are still to be read.

    Attributes:
        left: how many.
        key: of a map: the key whose value is next.
        last: of a map: the encoding of the newest key.
    """

    value: list[Value] | Map
    left: int
    key: str = ""
    last: bytes = b""

    def add(self, item: Value) -> None:
        """Add the next element."""
        if isinstance(self.value, dict):
            self.value[self.key] = item
        else:
            self.value.append(item)
        self.left -= 1


@dataclass(slots=True)
class _Reader:
    """Reads one encoding. Open lists and maps are kept in a list and not in calls, because bytes may nest deeply.

    Attributes:
        deepest: how many lists and maps in each other it has met.
    """

    data: bytes
    at: int = 0
    deepest: int = 0
    open: list[_Open] = field(default_factory=list)

    def read(self) -> Value:
        """Return the value; raises _Malformed."""
        while True:
            item = self._item()
            if isinstance(item, _Open):
                self.open.append(item)
                self.deepest = max(self.deepest, len(self.open))
                item = item.value
            else:
                self._add(item)
            while self.open and self.open[-1].left == 0:
                item = self.open.pop().value
                self._add(item)
            if not self.open:
                break
            if isinstance(self.open[-1].value, dict):
                self._key(self.open[-1])
        if self.at != len(self.data):
            raise _Malformed("the bytes end within the value, or go on after it")
        return item

    def _add(self, item: Value) -> None:
        if self.open:
            self.open[-1].add(item)

    def _item(self) -> Value | _Open:
        """Read a value that is complete, or the head of a list or map."""
        if self.at >= len(self.data):
            raise _Malformed("the bytes end before the end of the value")
        initial = self.data[self.at]
        self.at += 1
        if initial in _SIMPLE:
            return _SIMPLE[initial]
        major, argument = self._head_from(initial)
        match major:
            case 0:
                return self._int(argument)
            case 1:
                return self._int(-1 - argument)
            case 2:
                return self._ref(argument)
            case 3:
                return self._text(argument)
            case 4:
                return _Open([], argument)
            case 5:
                return _Open({}, argument)
        raise _Malformed("a tag or another simple value")

    def _key(self, within: _Open) -> None:
        """Read the next key of a map."""
        start = self.at
        key = self._item()
        encoded = self.data[start : self.at]
        if not isinstance(key, str) or encoded <= within.last:
            raise _Malformed("a key is not a text, or not in key order")
        within.key, within.last = key, encoded

    def _head_from(self, initial: int) -> tuple[int, int]:
        """Return major type and argument, of which the spelling is the shortest."""
        major, info = initial >> 5, initial & 31
        if info < 24:
            return major, info
        if info > 27:
            raise _Malformed("an indefinite length, or a reserved head")
        argument = int.from_bytes(self._bytes(1 << (info - 24)))
        if _head(major, argument)[0] != initial:
            raise _Malformed("a head is longer than necessary")
        return major, argument

    def _bytes(self, count: int) -> bytes:
        """Return the next bytes, or fewer at the end of the data: the next read or the end of ``read`` then fails."""
        start = self.at
        self.at += count
        return self.data[start : self.at]

    @staticmethod
    def _int(value: int) -> int:
        if not LEAST <= value <= LARGEST:
            raise _Malformed("an integer is out of range")
        return value

    def _text(self, length: int) -> str:
        try:
            return self._bytes(length).decode()
        except UnicodeDecodeError as problem:
            raise _Malformed("a text is not UTF-8") from problem

    def _ref(self, length: int) -> Ref:
        name = self._bytes(length).decode("latin-1")
        if not is_name(name):
            raise _Malformed("a ref is not a name")
        return Ref(name)
