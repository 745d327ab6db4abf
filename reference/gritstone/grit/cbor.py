"""The object format ``cbor-blake3``: one item of deterministic CBOR (RFC 8949, section 4.2.1).

``encode_cbor`` and ``decode_cbor`` are driven by ``objects.FIELDS``: a reader and a writer for each shape
of field, combined per kind when the module is loaded. The reader accepts exactly the bytes that the writer
writes. It reads the bytes once and rejects the first element that does not match, so it never descends into
nested items. If the bytes are not well-formed CBOR or are truncated, the refusal is ``malformed``; otherwise it is
``invalid``.

Spec: :rule:`grit.cbor.shape`, :rule:`grit.cbor.depth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid, Malformed
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


def _read_text(data: bytes, offset: int, grammar: Grammar) -> tuple[str, int]:
    raw, end = _read_string(data, offset, _TEXT)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("a text is not valid UTF-8", rule="grit.cbor.utf8", got=raw[error.start : error.end]) from None
    grammar.check(text)
    return text, end


def _write_text(text: str, grammar: Grammar) -> bytes:
    raw = grammar.check(text)
    return write_head(_TEXT, len(raw)) + raw


def _write_data(value: bytes) -> Sequence[bytes]:
    return write_head(_BYTES, len(value)), value


def _read_data(data: bytes, offset: int) -> tuple[bytes, int]:
    return _read_string(data, offset, _BYTES)


# --- ids -------------------------------------------------------------------------------------------------


def _check_ids(ids: Iterable[ObjectId]) -> None:
    for one in ids:
        if len(one) != _ID_BYTES:
            raise Invalid("an id is not 32 bytes long", rule="grit.object.encode-refuses", got=f"{len(one)} bytes")
        if one == ZERO_ID:
            raise Invalid("an id is all zero", rule="grit.id.zero")


def _write_id(value: ObjectId) -> Sequence[bytes]:
    _check_ids((value,))
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
    pairs = [_write_text(key, UNICODE.key) + _write_text(headers[key], UNICODE.value) for key in headers]
    return [write_head(_MAP, len(headers)), *sorted(pairs)]


def _read_headers(data: bytes, offset: int) -> tuple[Mapping[str, str], int]:
    count, offset = read_head(data, offset, _MAP)
    if not count:
        return NO_HEADERS, offset
    headers: dict[str, str] = {}
    last = b""
    for _ in range(count):
        start = offset
        key, offset = _read_text(data, start, UNICODE.key)
        last = _ascend(data[start:offset], last, start, "grit.header.order")
        headers[key], offset = _read_text(data, offset, UNICODE.value)
    return MappingProxyType(headers), offset


# --- named ids -------------------------------------------------------------------------------------------


def _write_named_ids(entries: Mapping[str, ObjectId]) -> Sequence[bytes]:
    if not entries:
        raise Invalid("a tree has no entries", rule="grit.tree.non-empty")
    _check_ids(entries.values())
    ids = {_write_text(name, UNICODE.name): target for name, target in entries.items()}
    parts = [write_head(_MAP, len(ids))]
    for key in sorted(ids):
        parts += (key, _ID_HEAD, ids[key])
    return parts


def _read_named_ids(data: bytes, offset: int) -> tuple[Mapping[str, ObjectId], int]:
    count, offset = read_head(data, offset, _MAP)
    if not count:
        raise Invalid("a tree has no entries", rule="grit.tree.non-empty", offset=offset)
    entries: dict[str, ObjectId] = {}
    last = b""
    for _ in range(count):
        start = offset
        name, offset = _read_text(data, start, UNICODE.name)
        rule = "grit.tree.key-unique" if name in entries else "grit.tree.key-order"
        last = _ascend(data[start:offset], last, start, rule)
        entries[name], offset = _read_id(data, offset)
    return MappingProxyType(entries), offset


# --- keyed ids -------------------------------------------------------------------------------------------


def _write_keyed_ids(entries: Mapping[ObjectId, ObjectId]) -> Sequence[bytes]:
    if not entries:
        raise Invalid("a mailbox has no entries", rule="grit.mailbox.non-empty")
    _check_ids(entries)
    _check_ids(entries.values())
    parts = [write_head(_MAP, len(entries))]
    for key in sorted(entries):
        parts += (_ID_HEAD, key, _ID_HEAD, entries[key])
    return parts


def _read_keyed_ids(data: bytes, offset: int) -> tuple[Mapping[ObjectId, ObjectId], int]:
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
