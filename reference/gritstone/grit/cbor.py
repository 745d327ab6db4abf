"""The object format ``cbor-blake3``: one item of deterministic CBOR (RFC 8949, section 4.2.1).

``encode_cbor`` and ``decode_cbor`` are driven by ``objects.FIELDS``: a reader and a writer for each shape
of field, combined per kind when the module is loaded. The reader accepts exactly the bytes that the writer
writes. It reads the bytes once and rejects the first element that does not match, so it never descends into
nested items. If the bytes are not well-formed CBOR or are truncated, the refusal is ``malformed``; otherwise it is
``invalid``.

Spec: :rule:`grit.cbor.shape`, :rule:`grit.cbor.depth`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from struct import Struct
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import InternalError, Invalid, Malformed
from gritstone.grit.grammar import UNICODE, Grammar
from gritstone.grit.limits import Limits
from gritstone.grit.objects import FIELDS, KINDS, NO_HEADERS, ZERO_ID, Kind, Object, ObjectId, Shape

__all__ = ["cbor_kind", "decode_cbor", "encode_cbor", "read_head", "write_head"]

_Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
_Writer: TypeAlias = Callable[[Any], Sequence[bytes]]

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5
_MAJORS = (
    "an unsigned integer",
    "a negative integer",
    "bytes",
    "text",
    "an array",
    "a map",
    "a tag",
    "a simple value or float",
)
_NULL = 0xF6
_ID_HEAD = b"\x58\x20"
_ID_BYTES = 32
_SHORT_CHARACTERS = 256
_FLOORS = (24, 1 << 8, 1 << 16, 1 << 32)  # the least argument that needs 1, 2, 4, 8 more bytes


def encode_cbor(value: Object, limits: Limits) -> bytes:
    """Encode one object.

    Returns:
        The one encoding of the value; its length is within ``limits.object_bytes``.

    Raises:
        Invalid: the value has no encoding in this format.
        Exhausted: the encoding is longer than ``limits.object_bytes``.

    Spec: :rule:`grit.object.one-spelling`, :rule:`grit.object.encode-refuses`, :rule:`grit.cbor.shape`.
    """
    start, plan = _ENCODERS[value.kind]
    parts = [start]
    for write, get in plan:
        parts += write(get(value))
    data = b"".join(parts)
    if len(data) > limits.object_bytes:
        limits.check_object_bytes(len(data))
    return data


def decode_cbor(data: bytes, limits: Limits) -> Object:
    """Decode one object.

    Args:
        data: the whole object.
        limits: ``object_bytes`` applies; longer data is rejected before it is read.

    Returns:
        An object whose maps are in the order of the bytes: shorter keys first.

    Raises:
        Exhausted: the data is longer than ``limits.object_bytes``.
        Malformed: the data is not one well-formed CBOR item.
        Invalid: the item differs from what ``encode_cbor`` writes.

    Spec: :rule:`grit.object.total`, :rule:`grit.object.round-trip`, :rule:`grit.object.class`.
    """
    if len(data) > limits.object_bytes:
        limits.check_object_bytes(len(data))
    decoder = _DECODERS.get(data[:2])
    if decoder is None:
        raise _foreign_start(data)
    make, readers = decoder
    offset = 2
    values = []
    for read in readers:
        value, offset = read(data, offset)
        values.append(value)
    if offset != len(data):
        raise Malformed("the object has bytes after its CBOR item", rule="grit.cbor.one-item", offset=offset)
    return make(*values)


def cbor_kind(data: bytes) -> Kind | None:
    """Return the kind of an encoding from its first two bytes alone; None if they name no kind."""
    return _KIND_OF_START.get(data[:2])


# --- heads -----------------------------------------------------------------------------------------------


def write_head(major: int, argument: int) -> bytes:
    """Return the shortest head for a major type and an argument.

    Spec: :rule:`grit.cbor.shortest`.
    """
    if argument < _FLOORS[0]:
        return bytes((major << 5 | argument,))
    width = (argument >= _FLOORS[1]) + (argument >= _FLOORS[2]) + (argument >= _FLOORS[3])
    return bytes((major << 5 | 24 + width,)) + argument.to_bytes(1 << width, "big")


_TEXT_HEADS = [write_head(_TEXT, size) for size in range(256)]


def read_head(data: bytes, offset: int, major: int) -> tuple[int, int]:
    """Read a head of one major type; return its argument and the offset after it.

    Raises:
        Malformed: the bytes end within the head, or CBOR does not define such a head.
        Invalid: the head has another major type, is indefinite, or is longer than its argument needs.

    Spec: :rule:`grit.cbor.shortest`, :rule:`grit.cbor.definite`, :rule:`grit.cbor.plain`.
    """
    if offset >= len(data):
        raise _cut(offset)
    initial = data[offset]
    info = initial & 31
    if info < 24 and initial >> 5 == major:
        return info, offset + 1
    argument, after = _any_head(data, offset)
    if argument is None:
        raise Invalid("a CBOR item has an indefinite length", rule="grit.cbor.definite", offset=offset)
    if initial >> 5 != major:
        rule = "grit.cbor.plain" if initial >> 5 >= 6 else "grit.cbor.shape"
        raise Invalid("wrong CBOR type", rule=rule, offset=offset, expected=_MAJORS[major], got=_MAJORS[initial >> 5])
    if argument < _FLOORS[info - 24]:
        raise Invalid("a CBOR head is not in its shortest form", rule="grit.cbor.shortest", offset=offset, got=argument)
    return argument, after


def _any_head(data: bytes, offset: int) -> tuple[int | None, int]:
    """Read a head of any major type outside of indefinite items; return None as the argument of an indefinite one."""
    major, info = data[offset] >> 5, data[offset] & 31
    if 28 <= info <= 30 or (info == 31 and major in (0, 1, 6, 7)):
        raise Malformed(
            "the byte is not a valid CBOR head here", rule="grit.cbor.shape", offset=offset, got=f"{data[offset]:02x}"
        )
    if info == 31:
        return None, offset + 1
    if info < 24:
        return info, offset + 1
    after = offset + 1 + (1 << (info - 24))
    if after > len(data):
        raise _cut(len(data))
    argument = int.from_bytes(data[offset + 1 : after], "big")
    if major == 7 and info == 24 and argument < 32:
        raise Malformed("a CBOR simple value is not in its shortest form", rule="grit.cbor.shape", offset=offset)
    return argument, after


def _cut(offset: int) -> Malformed:
    return Malformed("the CBOR item is truncated", rule="grit.cbor.shape", offset=offset)


def _foreign_start(data: bytes) -> Malformed | Invalid:
    """Return the refusal for data that does not begin with an array of the right length and the number of a kind."""
    count, offset = read_head(data, 0, _ARRAY)
    if count == 0:
        return Invalid("the array of an object is empty: it has no kind", rule="grit.cbor.shape", offset=0)
    number, _ = read_head(data, offset, _UNSIGNED)
    for kind in Kind:
        if kind.value == number:
            return Invalid(
                f"a {kind.word} has the wrong number of elements",
                rule="grit.cbor.shape",
                offset=0,
                expected=1 + len(FIELDS[kind]),
                got=count,
            )
    return Invalid("unknown kind", rule="grit.object.kinds", offset=offset, got=number)


# --- strings ---------------------------------------------------------------------------------------------


def _read_string(data: bytes, offset: int, major: int) -> tuple[bytes, int]:
    size, start = read_head(data, offset, major)
    end = start + size
    if end > len(data):
        raise _cut(len(data))
    return data[start:end], end


class _Texts:
    """Return a reader of the texts of one grammar; it caches valid texts, since most objects have the same few."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self.short = lru_cache(1_024)(self.any)

    def any(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(
                "a text is not valid UTF-8", rule="grit.cbor.utf8", got=raw[error.start : error.end]
            ) from None
        self._grammar.check(text)
        return text


_NAMES, _KEYS, _VALUES = _Texts(UNICODE.name), _Texts(UNICODE.key), _Texts(UNICODE.value)


def _read_text(data: bytes, offset: int, texts: _Texts) -> tuple[str, int]:
    raw, end = _read_string(data, offset, _TEXT)
    return (texts.short(raw) if len(raw) <= _SHORT_CHARACTERS else texts.any(raw)), end


def _write_text(text: str, grammar: Grammar) -> bytes:
    raw = grammar.check(text)
    return (_TEXT_HEADS[len(raw)] if len(raw) < len(_TEXT_HEADS) else write_head(_TEXT, len(raw))) + raw


def _write_data(value: bytes) -> Sequence[bytes]:
    return write_head(_BYTES, len(value)), value


def _read_data(data: bytes, offset: int) -> tuple[bytes, int]:
    return _read_string(data, offset, _BYTES)


# --- ids -------------------------------------------------------------------------------------------------


def _check_id(value: ObjectId) -> None:
    if len(value) != _ID_BYTES:
        raise Invalid("an id is not 32 bytes long", rule="grit.object.encode-refuses", got=f"{len(value)} bytes")
    if value == ZERO_ID:
        raise Invalid("an id is all zero", rule="grit.id.zero")


def _write_id(value: ObjectId) -> Sequence[bytes]:
    _check_id(value)
    return _ID_HEAD, value


def _write_link(value: ObjectId | None) -> Sequence[bytes]:
    return (b"\xf6",) if value is None else _write_id(value)


def _read_id(data: bytes, offset: int) -> tuple[ObjectId, int]:
    end = offset + 2 + _ID_BYTES
    if data.startswith(_ID_HEAD, offset) and end <= len(data):
        value = data[offset + 2 : end]
        if value == ZERO_ID:
            raise Invalid("an id is all zero", rule="grit.id.zero", offset=offset)
        return value, end
    value, _ = _read_string(data, offset, _BYTES)
    raise Invalid("an id is not 32 bytes long", rule="grit.cbor.shape", offset=offset, got=f"{len(value)} bytes")


def _read_link(data: bytes, offset: int) -> tuple[ObjectId | None, int]:
    if data.startswith(b"\xf6", offset):
        return None, offset + 1
    return _read_id(data, offset)


# --- headers ---------------------------------------------------------------------------------------------


def _write_headers(headers: Mapping[str, str]) -> Sequence[bytes]:
    if not headers:
        return (b"\xa0",)
    # An encoded key is never a prefix of another, so pairs sort in the order of their keys.
    return [write_head(_MAP, len(headers)), *sorted([_header(key, headers[key]) for key in headers])]


def _header(key: str, value: str) -> bytes:
    return _short_header(key, value) if len(value) <= _SHORT_CHARACTERS else _any_header(key, value)


def _any_header(key: str, value: str) -> bytes:
    return _write_text(key, UNICODE.key) + _write_text(value, UNICODE.value)


# Most objects have the same few headers, so valid ones are cached.
_short_header = lru_cache(1_024)(_any_header)


def _read_headers(data: bytes, offset: int) -> tuple[Mapping[str, str], int]:
    count, offset = read_head(data, offset, _MAP)
    if not count:
        return NO_HEADERS, offset
    headers: dict[str, str] = {}
    last = b""
    for _ in range(count):
        start = offset
        key, offset = _read_text(data, start, _KEYS)
        last = _ascend(data[start:offset], last, start, "grit.header.order")
        headers[key], offset = _read_text(data, offset, _VALUES)
    return MappingProxyType(headers), offset


# --- named ids -------------------------------------------------------------------------------------------

_ALL_NAMES = re.compile(r"(?:[^\x00-\x1f/\x7f-\x9f\ud800-\udfff]{1,255}+\0)++")
_LONGEST_TRIED_BYTES = 63


def _write_named_ids(entries: Mapping[str, ObjectId]) -> Sequence[bytes]:
    text = "\0".join(entries) + "\0"
    ids = entries.values()
    good = (
        _ALL_NAMES.fullmatch(text) is not None
        and text.count("\0") == len(entries)
        and set(map(len, ids)) == {_ID_BYTES}
        and ZERO_ID not in ids
        and "." not in entries
        and ".." not in entries
    )
    names = text.encode("utf-8").split(b"\0")[:-1] if good else []
    if not names or len(max(names, key=len)) >= len(_TEXT_HEADS):
        raise _judge_entries(entries)
    keys = [_TEXT_HEADS[len(name)] + name for name in names]
    pairs = dict(zip(keys, ids, strict=True))
    keys.sort()
    parts: list[bytes] = [_ID_HEAD] * (1 + 3 * len(keys))
    parts[0] = write_head(_MAP, len(keys))
    parts[1::3] = keys
    parts[3::3] = [pairs[key] for key in keys]
    return parts


def _judge_entries(entries: Mapping[str, ObjectId]) -> Invalid | InternalError:
    """Return the error for entries of a tree that cannot be encoded."""
    if not entries:
        return Invalid("a tree has no entries", rule="grit.tree.non-empty")
    for name, target in entries.items():
        UNICODE.name.check(name)
        _check_id(target)
    return InternalError("a valid tree was not encoded")


@cache
def _entry_pattern() -> re.Pattern[bytes]:
    """Match one valid entry with a name that is not very long, as key with head and id; otherwise all the rest."""
    heads = [re.escape(write_head(_TEXT, size)) + b".{%d}" % size for size in range(1, _LONGEST_TRIED_BYTES + 1)]
    return re.compile(b"(%b)%b(.{32})|.++" % (b"|".join(heads), re.escape(_ID_HEAD)), re.DOTALL)


def _read_named_ids(data: bytes, offset: int) -> tuple[Mapping[str, ObjectId], int]:
    count, start = read_head(data, offset, _MAP)
    found = _entry_pattern().findall(data, start)
    if not found or not found[-1][0]:
        return _judge_named_ids(data, offset)
    keys, ids = zip(*found, strict=True)
    try:
        text = b"\0".join([key[1:] if key[0] < 0x78 else key[2:] for key in keys]).decode("utf-8") + "\0"
    except UnicodeDecodeError:
        return _judge_named_ids(data, offset)
    entries = dict(zip(text.split("\0"), ids, strict=False))
    good = (
        len(entries) == len(keys) == text.count("\0") == count
        and _ALL_NAMES.fullmatch(text) is not None
        and sorted(keys) == list(keys)
        and ZERO_ID not in ids
        and "." not in entries
        and ".." not in entries
    )
    return (MappingProxyType(entries), len(data)) if good else _judge_named_ids(data, offset)


def _judge_named_ids(data: bytes, offset: int) -> tuple[Mapping[str, ObjectId], int]:
    """Read the entries of a tree one by one, and raise the refusal for the first invalid one."""
    count, offset = read_head(data, offset, _MAP)
    if not count:
        raise Invalid("a tree has no entries", rule="grit.tree.non-empty", offset=offset)
    entries: dict[str, ObjectId] = {}
    last = b""
    for _ in range(count):
        start = offset
        name, offset = _read_text(data, start, _NAMES)
        rule = "grit.tree.key-unique" if name in entries else "grit.tree.key-order"
        last = _ascend(data[start:offset], last, start, rule)
        entries[name], offset = _read_id(data, offset)
    return MappingProxyType(entries), offset


# --- keyed ids -------------------------------------------------------------------------------------------

_PAIR = Struct("2s32s2s32s")


def _write_keyed_ids(entries: Mapping[ObjectId, ObjectId]) -> Sequence[bytes]:
    keys = sorted(entries)
    ids = [entries[key] for key in keys]
    sizes = {*map(len, keys), *map(len, ids)}
    if sizes != {_ID_BYTES} or ZERO_ID in entries or ZERO_ID in ids:
        if not entries:
            raise Invalid("a mailbox has no entries", rule="grit.mailbox.non-empty")
        for one in (*keys, *ids):
            _check_id(one)
    parts: list[bytes] = [_ID_HEAD] * (1 + 4 * len(keys))
    parts[0] = write_head(_MAP, len(keys))
    parts[2::4] = keys
    parts[4::4] = ids
    return parts


def _read_keyed_ids(data: bytes, offset: int) -> tuple[Mapping[ObjectId, ObjectId], int]:
    count, start = read_head(data, offset, _MAP)
    if not count or count * _PAIR.size != len(data) - start:
        return _judge_keyed_ids(data, offset)
    heads, keys, more_heads, ids = zip(*_PAIR.iter_unpack(memoryview(data)[start:]), strict=True)
    entries = dict(zip(keys, ids, strict=True))
    good = (
        {*heads, *more_heads} == {_ID_HEAD}
        and len(entries) == count
        and sorted(keys) == list(keys)
        and ZERO_ID not in entries
        and ZERO_ID not in ids
    )
    return (MappingProxyType(entries), len(data)) if good else _judge_keyed_ids(data, offset)


def _judge_keyed_ids(data: bytes, offset: int) -> tuple[Mapping[ObjectId, ObjectId], int]:
    """Read the entries of a mailbox one by one, and raise the refusal for the first invalid one."""
    count, offset = read_head(data, offset, _MAP)
    if not count:
        raise Invalid("a mailbox has no entries", rule="grit.mailbox.non-empty", offset=offset)
    entries: dict[ObjectId, ObjectId] = {}
    last = b""
    for _ in range(count):
        start = offset
        key, offset = _read_id(data, start)
        rule = "grit.mailbox.key-unique" if key in entries else "grit.mailbox.key-order"
        last = _ascend(key, last, start, rule)
        entries[key], offset = _read_id(data, offset)
    return MappingProxyType(entries), offset


def _ascend(key: bytes, last: bytes, offset: int, rule: str) -> bytes:
    """Return the next encoded key if it is above the last one.

    Spec: :rule:`grit.cbor.map-order`.
    """
    if key <= last:
        raise Invalid("map keys do not ascend", rule=rule, offset=offset, expected=f"a key above {last!r}", got=key)
    return key


# --- kinds -----------------------------------------------------------------------------------------------

_WRITERS: dict[Shape, _Writer] = {
    Shape.HEADERS: _write_headers,
    Shape.DATA: _write_data,
    Shape.NAMED_IDS: _write_named_ids,
    Shape.KEYED_IDS: _write_keyed_ids,
    Shape.LINK: _write_link,
    Shape.ID: _write_id,
}
_READERS: dict[Shape, _Reader] = {
    Shape.HEADERS: _read_headers,
    Shape.DATA: _read_data,
    Shape.NAMED_IDS: _read_named_ids,
    Shape.KEYED_IDS: _read_keyed_ids,
    Shape.LINK: _read_link,
    Shape.ID: _read_id,
}
_STARTS = {kind: write_head(_ARRAY, 1 + len(FIELDS[kind])) + write_head(_UNSIGNED, kind.value) for kind in Kind}
_KIND_OF_START = {start: kind for kind, start in _STARTS.items()}
_ENCODERS = {
    kind: (
        _STARTS[kind],
        tuple((_WRITERS[field.shape], attrgetter(field.name)) for field in FIELDS[kind]),
    )
    for kind in Kind
}
_DECODERS = {_STARTS[kind]: (KINDS[kind], tuple(_READERS[field.shape] for field in FIELDS[kind])) for kind in Kind}
