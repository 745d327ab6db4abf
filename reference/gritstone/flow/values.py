"""Values, their one encoding, and documents.

A value is None, a boolean, an integer, a text, a ``Ref``, a list or a dictionary with texts as keys. A value of a
subclass is written as the value that it contains. Values are never changed after they are made. The encoding is
deterministic CBOR (RFC 8949, section 4.2.1) without floats and tags; ``decode_value`` accepts exactly the bytes that
``encode_value`` writes.

Spec: :rule:`flow.value.canonical`, :rule:`flow.value.injective`, :rule:`flow.value.limits`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from gritstone.errors import Exhausted, Malformed
from gritstone.exact import exact, exact_members
from gritstone.flow.limits import MOST_ARGUMENT, MOST_DEPTH, MOST_VALUE_BYTES
from gritstone.grit.cbor import write_head
from gritstone.grit.objects import Blob
from gritstone.wit.bounded_cache import BoundedCache

__all__ = [
    "ID",
    "Ref",
    "Value",
    "are_equal",
    "decode_value",
    "digest",
    "document",
    "encode_value",
    "in_key_order",
    "is_map",
    "key_order",
    "kind_of",
    "names_of_refs",
]

Value: TypeAlias = Any
"""A value; see above."""

ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""The names of nodes, tools, peers and refs."""

_HEADERS = MappingProxyType({"ct": "cbor"})  # of a document
_UNSIGNED, _NEGATIVE, _REF, _TEXT, _LIST, _MAP, _SIMPLE = 0, 1, 2, 3, 4, 5, 7
_SHORT_TEXT, _LONG_TEXT = 0x60, 0x78  # the first initial bytes of texts whose head has one byte, and more bytes
_SIMPLES = {0xF4: False, 0xF5: True, 0xF6: None}
_SIMPLE_BYTES = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
_NO_LIMIT = 1 << 62
_MOST_KEPT_NAMES = 32  # keys of a map whose layout is remembered
_MOST_KEPT_TEXT = 34  # bytes of a remembered encoding of a text or of a key
_head = lru_cache(maxsize=4_096)(write_head)
_MOST_SMALL = 256
_SMALL = tuple(write_head(_UNSIGNED, number) for number in range(_MOST_SMALL))
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOORS = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}  # the least argument of each width
_TOO_LONG, _TOO_DEEP = "the value is too long", "the value is nested too deeply"
_EXPECTED = "null, a bool, an int, a text, a ref, a list or a map"
_LONGEST_PLACE = 200  # characters
_KINDS = {bool: "bool", int: "int", str: "text", list: "list", dict: "map"}

_Layout: TypeAlias = tuple[bytes, list[tuple[bytes, str]]]
_layouts: BoundedCache[tuple[str, ...], _Layout] = BoundedCache(4 << 20, 4_000)
_texts: BoundedCache[str, bytes] = BoundedCache(1 << 20, 200)


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of a sealed blob.

    Attributes:
        name: an id.
    """

    name: str


_KINDS[Ref] = "ref"


def kind_of(value: Value) -> str:
    """Return ``null``, ``bool``, ``int``, ``text``, ``ref``, ``list`` or ``map``.

    Raises:
        Malformed: the object is not a value.
    """
    if value is None:
        return "null"
    kind = _KINDS.get(type(value))
    if kind is None:
        _refuse(f"a {type(value).__name__} is not a value")
    return kind


def key_order(name: str) -> tuple[int, bytes]:
    """Return a sort key: names in the order of their encodings."""
    data = name.encode()
    return len(data), data


def digest(data: bytes) -> str:
    """Return the digest of a value from its encoding: 64 digits, the same in both object formats."""
    return sha256(data).hexdigest()


def document(data: bytes) -> Blob:
    """Return the blob of a document from the encoding of its value."""
    return Blob(_HEADERS, data)


def are_equal(left: Value, right: Value) -> bool:
    """Return whether two values have the same encoding.

    Spec: :rule:`flow.expr.equality`.
    """
    if type(left) is not type(right):
        return False
    if type(left) is list or type(left) is dict:
        return encode_value(left, None) == encode_value(right, None)
    return bool(left == right)


def names_of_refs(value: Value) -> set[str]:
    """Return the names of the refs that occur in a value at any depth."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Ref):
            found.add(item.name)
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
    return found


# --- encoding --------------------------------------------------------------------------------------------


def encode_value(value: Value, most: int | None = MOST_VALUE_BYTES) -> bytes:
    """Return the encoding of a value.

    Args:
        value: the value.
        most: the maximum length in bytes; None for any length.

    Raises:
        Exhausted: the encoding is longer, or the value is nested too deeply.
        Malformed: the object is not a value, an integer is out of range, or a text has a lone surrogate.
    """
    parts = _Parts(_NO_LIMIT if most is None else most)
    try:
        _write(value, 0, parts)
    except _Unfit as unfit:
        raise unfit.refusal(most) from None
    data = b"".join(parts)
    if most is not None and len(data) > most:
        raise _Unfit(_TOO_LONG).refusal(most)
    return data


class _Unfit(Exception):  # noqa: N818 - becomes a refusal
    """A part of a value that has no encoding.

    Attributes:
        what: what is wrong.
        expected: what would be right.
        path: the keys and indexes that lead to the part, from the innermost one outwards.
    """

    def __init__(self, what: str, expected: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.path: list[str | int] = []

    def refusal(self, most: int | None) -> Malformed | Exhausted:
        """Return the refusal of the whole value."""
        if self.what == _TOO_LONG:
            return Exhausted(_TOO_LONG, rule="flow.value.limits", expected=f"at most {most} bytes when encoded")
        place = "".join(f"[{one}]" if type(one) is int else f".{one}" for one in reversed(self.path)).lstrip(".")
        where = f" at {ascii(place)[1:-1][:_LONGEST_PLACE]}" if place else ""
        if self.what == _TOO_DEEP:
            return Exhausted(_TOO_DEEP + where, rule="flow.value.limits", expected=self.expected)
        return Malformed(self.what + where, rule="flow.value.canonical", expected=self.expected)


class _Parts(list[bytes]):
    """The parts of an encoding, in their order. One value can be a part of others many times.

    Attributes:
        room: how many parts there may be. Each has at least one byte, and the other bytes of long ones are deducted.
    """

    __slots__ = ("room",)

    def __init__(self, most: int) -> None:
        """Begin without parts; the encoding has at most ``most`` bytes."""
        self.room = most

    def deduct(self, size: int) -> None:
        """Deduct the bytes of long parts, all but the first of each.

        Raises:
            _Unfit: the encoding is too long.
        """
        self.room -= size
        if len(self) > self.room:
            raise _Unfit(_TOO_LONG)


def _write(value: Value, depth: int, parts: _Parts) -> None:
    """Add the encoding of a value."""
    kind = type(value)
    if kind is str:
        parts.append(_texts.young.get(value) or _text(value, parts))
    elif kind is int:
        parts.append(_SMALL[value] if 0 <= value < _MOST_SMALL else _integer(value))
    elif kind is dict or kind is list:
        if depth >= MOST_DEPTH:
            raise _Unfit(_TOO_DEEP, f"at most {MOST_DEPTH} lists and maps in each other")
        parts.deduct(0)
        (_write_map if kind is dict else _write_list)(value, depth + 1, parts)
    elif kind is bool or value is None:
        parts.append(_SIMPLE_BYTES[value])
    elif kind is Ref:
        if ID.fullmatch(value.name) is None:
            raise _Unfit("the name of a ref is not an id", f"a name that matches {ID.pattern}")
        parts.append(_string(_REF, value.name))
    else:
        contained = exact(value)
        if type(contained) is kind:
            raise _Unfit(f"a {kind.__name__} is not a value", _EXPECTED)
        _write(contained, depth, parts)


def _write_list(value: list[Value], depth: int, parts: _Parts) -> None:
    parts.append(_head(_LIST, len(value)))
    number = 0
    try:
        for number, item in enumerate(value):  # noqa: B007 - the number of the item that is unfit
            _write(item, depth, parts)
    except _Unfit as unfit:
        unfit.path.append(number)
        raise


def _write_map(value: dict[str, Value], depth: int, parts: _Parts) -> None:
    names = tuple(value)
    layout = _layouts.young.get(names)
    if layout is None:
        if any(type(name) is not str for name in names):
            value = _with_texts(value)
            names = tuple(value)
        layout = _layout(names)
        parts.deduct(sum(len(key) - 1 for key, _ in layout[1]))
    head, members = layout
    texts = _texts.young
    parts.append(head)
    name = ""
    try:
        for key, name in members:
            parts.append(key)
            member = value[name]
            kind = type(member)
            if kind is str:  # most members are texts or small integers; this saves a call
                parts.append(texts.get(member) or _text(member, parts))
            elif kind is int and 0 <= member < _MOST_SMALL:
                parts.append(_SMALL[member])
            else:
                _write(member, depth, parts)
    except _Unfit as unfit:
        unfit.path.append(name)
        raise


def _with_texts(value: Mapping[Any, Value]) -> dict[str, Value]:
    """Return a map whose keys are texts of the built-in class.

    Raises:
        _Unfit: a key is not a text, or two keys are the same text.
    """
    for name in value:
        if not issubclass(type(name), str):
            raise _Unfit(f"the key of a map is not a text but a {type(name).__name__}", "a text")
    try:
        return exact_members(value)
    except ValueError:
        raise _Unfit("two keys of a map are the same text", "each key once") from None


def in_key_order(value: Value) -> Value:
    """Return a copy of a value whose maps list their members in key order, as those of a decoded value do."""
    if type(value) is dict:
        return {name: in_key_order(value[name]) for _, name in _layout(tuple(value))[1]}
    return [in_key_order(item) for item in value] if type(value) is list else value


def _layout(names: tuple[str, ...]) -> _Layout:
    """Return the head of a map with some keys, and the keys with their encodings in ascending order.

    An encoded key is never a prefix of another one. The layout of a map with few short keys is remembered.
    """
    found = _layouts.get(names)
    if found is None:
        found = write_head(_MAP, len(names)), sorted((_string(_TEXT, name), name) for name in names)
        if len(names) <= _MOST_KEPT_NAMES and all(len(key) <= _MOST_KEPT_TEXT for key, _ in found[1]):
            _layouts.put(names, found)
    return found


@lru_cache(maxsize=4_096)
def _integer(value: int) -> bytes:
    """Return the encoding of an integer; counts and numbers of visits occur again and again."""
    if not -MOST_ARGUMENT - 1 <= value <= MOST_ARGUMENT:
        raise _Unfit("an integer is out of range", "-2^63 to 2^63 - 1")
    return write_head(_UNSIGNED, value) if value >= 0 else write_head(_NEGATIVE, -1 - value)


def _text(text: str, parts: _Parts) -> bytes:
    """Return the encoding of a text. That of a short one is remembered: names occur again and again."""
    data = _string(_TEXT, text)
    if len(data) <= _MOST_KEPT_TEXT:
        _texts.put(text, data)
    else:
        parts.deduct(len(data) - 1)
    return data


def _string(major: int, text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise _Unfit("a text has a lone surrogate", "Unicode scalar values") from None
    return _head(major, len(data)) + data


# --- decoding --------------------------------------------------------------------------------------------


def decode_value(data: bytes, most: int = MOST_VALUE_BYTES) -> Value:
    """Return the value of an encoding.

    Args:
        data: the whole encoding.
        most: its maximum length in bytes.

    Raises:
        Exhausted: the data is longer, or nested too deeply.
        Malformed: the data is not the one encoding of a value.
    """
    if len(data) > most:
        raise Exhausted("the value is too long", rule="flow.value.limits", expected=f"at most {most}", got=len(data))
    try:
        value, end = _read(data, 0, 0)
    except IndexError:
        _refuse("the data is truncated", len(data))
    if end != len(data):
        _refuse("the data has bytes after its value", end)
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    initial = data[at]
    major, argument = initial >> 5, initial & 31
    if major == _SIMPLE:
        if initial not in _SIMPLES:
            _refuse("the byte is neither a boolean nor null", at)
        return _SIMPLES[initial], at + 1
    start = at + 1
    if argument >= 24:
        argument, start = _long_argument(data, at, argument)
    if major == _TEXT:
        return _read_text(data, start, argument)
    if major > _NEGATIVE:
        return _read_sized(data, start, major, argument, depth)
    if argument > MOST_ARGUMENT:
        _refuse("an integer is out of range", at)
    return (argument if major == _UNSIGNED else -1 - argument), start


def _read_sized(data: bytes, start: int, major: int, size: int, depth: int) -> tuple[Value, int]:
    """Read a ref, a list or a map from the byte after its head."""
    if size > len(data) - start:
        _refuse("the data is truncated", len(data))
    if major == _REF:
        name, end = _read_text(data, start, size)
        if ID.fullmatch(name) is None:
            _refuse("the name of a ref is not an id", start)
        return Ref(name), end
    if major > _MAP:
        _refuse("a tag is not a value", start)
    if depth >= MOST_DEPTH:
        raise Exhausted("the value is nested too deeply", rule="flow.value.limits", offset=start)
    return (_read_list if major == _LIST else _read_map)(data, start, size, depth + 1)


def _long_argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    if info not in _WIDTHS:
        _refuse("the byte does not start a value of definite length", at)
    end = at + 1 + _WIDTHS[info]
    if end > len(data):
        _refuse("the data is truncated", len(data))
    argument = int.from_bytes(data[at + 1 : end], "big")
    if argument < _FLOORS[info]:
        _refuse("a head is not in its shortest form", at)
    return argument, end


def _read_text(data: bytes, start: int, size: int) -> tuple[str, int]:
    end = start + size
    if end > len(data):
        _refuse("the data is truncated", len(data))
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:
        _refuse("a text is not valid UTF-8", start)


def _read_list(data: bytes, at: int, count: int, depth: int) -> tuple[list[Value], int]:
    items = []
    for _ in range(count):
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Value], int]:
    items: dict[str, Value] = {}
    last = b""
    for _ in range(count):
        start = at
        at += 1 + (data[at] & 31)
        key = data[start:at]
        name = _kept_name(key)
        if name is None:
            if key[0] >> 5 != _TEXT:
                _refuse("the key of a map is not a text", start)
            name, at = _read(data, start, depth)
            key = data[start:at]
        if key <= last:
            _refuse("the keys of a map do not ascend", start)
        last = key
        initial = data[at]
        if _SHORT_TEXT <= initial < _LONG_TEXT:  # most members are short texts; this saves a call
            items[name], at = _read_text(data, at + 1, initial - _SHORT_TEXT)
        else:
            items[name], at = _read(data, at, depth)
    return items, at


@lru_cache(maxsize=4_096)
def _kept_name(data: bytes) -> str | None:
    """Return the text of which some bytes are the encoding, or None if they are not one with a head of one byte."""
    if not _SHORT_TEXT <= data[0] < _LONG_TEXT or data[0] - _SHORT_TEXT != len(data) - 1:
        return None
    try:
        return data[1:].decode()
    except UnicodeDecodeError:
        return None


def _refuse(what: str, offset: int | None = None) -> NoReturn:
    raise Malformed(what, rule="flow.value.canonical", offset=offset)


def is_map(value: Value) -> bool:
    """Return whether a value, or a lazily read part of an environment, has named members."""
    return type(value) is dict or isinstance(value, Mapping)
