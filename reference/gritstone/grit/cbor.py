"""The object format ``cbor-blake3``: one item of deterministic CBOR (RFC 8949, section 4.2.1).

``encode_cbor`` and ``decode_cbor`` are driven by ``objects.FIELDS``: a reader and a writer for each shape
of field, put together per kind when the module is loaded. The reader accepts exactly what the writer
writes. It goes once from front to back and refuses at the first element that does not fit, so nesting is
refused and never followed; a head that CBOR does not know, or that the bytes do not complete, makes the
refusal ``malformed``, everything else ``invalid``.

Spec: :rule:`grit.cbor.shape`, :rule:`grit.cbor.depth`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

from gritstone.errors import Invalid, Malformed
from gritstone.grit.grammar import UNICODE, Text
from gritstone.grit.limits import Limits
from gritstone.grit.objects import FIELDS, KINDS, NO_HEADERS, ZERO_ID, Kind, Object, ObjectId, Shape

__all__ = ["cbor_kind", "decode_cbor", "encode_cbor"]

_Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
_Writer: TypeAlias = Callable[[Any], bytes]

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
    head, plan = _ENCODERS[value.kind]
    data = head + b"".join([write(get(value)) for write, get in plan])
    if len(data) > limits.object_bytes:
        limits.check_object_bytes(len(data))
    return data


def decode_cbor(data: bytes, limits: Limits) -> Object:
    """Decode one object.

    Args:
        data: the whole object.
        limits: bounds; longer data is refused before it is looked at.

    Returns:
        An object whose maps are in the order of the bytes: shorter keys first.

    Raises:
        Exhausted: the data is longer than ``limits.object_bytes``.
        Malformed: the data is not one well-formed CBOR item.
        Invalid: it is one, but not what ``encode_cbor`` would have written.

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
        raise Malformed("bytes after the item", rule="grit.cbor.one-item", offset=offset)
    return make(*values)


def cbor_kind(data: bytes) -> Kind | None:
    """Tell the kind of an encoding from its first two bytes alone; None if it is none of the five."""
    return _KIND_OF_START.get(data[:2])


# --- heads -----------------------------------------------------------------------------------------------


def _head(major: int, argument: int) -> bytes:
    """Write the shortest head.

    Spec: :rule:`grit.cbor.shortest`.
    """
    if argument < _FLOORS[0]:
        return bytes((major << 5 | argument,))
    width = next((n for n, floor in enumerate(_FLOORS[1:]) if argument < floor), 3)
    return bytes((major << 5 | 24 + width,)) + argument.to_bytes(1 << width, "big")


def _read_head(data: bytes, offset: int, major: int) -> tuple[int, int]:
    """Read a head of one major type: its argument and the offset after it.

    Raises:
        Malformed: the bytes end within it, or CBOR has no such head.
        Invalid: it is of another major type, indefinite, or longer than its argument needs.

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
        raise Invalid("a head of indefinite length", rule="grit.cbor.definite", offset=offset)
    if initial >> 5 != major:
        rule = "grit.cbor.plain" if initial >> 5 >= 6 else "grit.cbor.shape"
        raise Invalid("another type", rule=rule, offset=offset, expected=_MAJORS[major], got=_MAJORS[initial >> 5])
    if argument < _FLOORS[info - 24]:
        raise Invalid("a head longer than it need be", rule="grit.cbor.shortest", offset=offset, got=argument)
    return argument, after


def _any_head(data: bytes, offset: int) -> tuple[int | None, int]:
    """Read a head of any major type outside of indefinite items; the argument of an indefinite one is None."""
    major, info = data[offset] >> 5, data[offset] & 31
    if 28 <= info <= 30 or (info == 31 and major in (0, 1, 6, 7)):
        raise Malformed("CBOR has no such head here", rule="grit.cbor.shape", offset=offset, got=f"{data[offset]:02x}")
    if info == 31:
        return None, offset + 1
    if info < 24:
        return info, offset + 1
    after = offset + 1 + (1 << (info - 24))
    if after > len(data):
        raise _cut(len(data))
    argument = int.from_bytes(data[offset + 1 : after], "big")
    if major == 7 and info == 24 and argument < 32:
        raise Malformed("a simple value in a long form", rule="grit.cbor.shape", offset=offset)
    return argument, after


def _cut(offset: int) -> Malformed:
    return Malformed("the bytes end within the item", rule="grit.cbor.shape", offset=offset)


def _foreign_start(data: bytes) -> Malformed | Invalid:
    """Say why data does not begin as an object does: an array of the right length and the number of a kind."""
    count, offset = _read_head(data, 0, _ARRAY)
    if count == 0:
        return Invalid("an array without kind", rule="grit.cbor.shape", offset=0)
    number, _ = _read_head(data, offset, _UNSIGNED)
    for kind in Kind:
        if kind.value == number:
            return Invalid(
                f"a {kind.word} of another number of elements",
                rule="grit.cbor.shape",
                offset=0,
                expected=1 + len(FIELDS[kind]),
                got=count,
            )
    return Invalid("unknown kind", rule="grit.object.kinds", offset=offset, got=number)


# --- strings ---------------------------------------------------------------------------------------------


def _read_string(data: bytes, offset: int, major: int) -> tuple[bytes, int]:
    size, start = _read_head(data, offset, major)
    end = start + size
    if end > len(data):
        raise _cut(len(data))
    return data[start:end], end


def _read_text(data: bytes, offset: int, role: Text) -> tuple[str, int]:
    raw, end = _read_string(data, offset, _TEXT)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("no UTF-8", rule="grit.cbor.utf8", offset=end - len(raw) + error.start) from None
    UNICODE.check(text, role)
    return text, end


def _write_text(text: str, role: Text) -> bytes:
    raw = UNICODE.check(text, role)
    return _head(_TEXT, len(raw)) + raw


def _write_data(value: bytes) -> bytes:
    return _head(_BYTES, len(value)) + value


def _read_data(data: bytes, offset: int) -> tuple[bytes, int]:
    return _read_string(data, offset, _BYTES)


# --- ids -------------------------------------------------------------------------------------------------


def _write_id(value: ObjectId) -> bytes:
    if len(value) != _ID_BYTES:
        raise Invalid("an id is not 32 bytes", rule="grit.object.encode-refuses", got=f"{len(value)} bytes")
    if value == ZERO_ID:
        raise Invalid("an id is all zero", rule="grit.id.zero")
    return _ID_HEAD + value


def _write_link(value: ObjectId | None) -> bytes:
    return b"\xf6" if value is None else _write_id(value)


def _read_id(data: bytes, offset: int) -> tuple[ObjectId, int]:
    end = offset + 2 + _ID_BYTES
    if data.startswith(_ID_HEAD, offset) and end <= len(data):
        value = data[offset + 2 : end]
        if value == ZERO_ID:
            raise Invalid("an id is all zero", rule="grit.id.zero", offset=offset)
        return value, end
    value, _ = _read_string(data, offset, _BYTES)
    raise Invalid("an id is not 32 bytes", rule="grit.cbor.shape", offset=offset, got=f"{len(value)} bytes")


def _read_link(data: bytes, offset: int) -> tuple[ObjectId | None, int]:
    if data.startswith(b"\xf6", offset):
        return None, offset + 1
    return _read_id(data, offset)


# --- maps ------------------------------------------------------------------------------------------------


def _write_headers(headers: Mapping[str, str]) -> bytes:
    if not headers:
        return b"\xa0"
    pairs = [(_write_text(key, Text.KEY), _write_text(headers[key], Text.VALUE)) for key in headers]
    return _head(_MAP, len(pairs)) + b"".join(map(b"".join, sorted(pairs)))


def _read_headers(data: bytes, offset: int) -> tuple[Mapping[str, str], int]:
    count, offset = _read_head(data, offset, _MAP)
    if not count:
        return NO_HEADERS, offset
    headers: dict[str, str] = {}
    last = b""
    for _ in range(count):
        start = offset
        key, offset = _read_text(data, start, Text.KEY)
        last = _ascend(data[start:offset], last, start, "grit.header.order")
        headers[key], offset = _read_text(data, offset, Text.VALUE)
    return headers, offset


def _write_named_ids(entries: Mapping[str, ObjectId]) -> bytes:
    if not entries:
        raise Invalid("a tree has no entry", rule="grit.tree.non-empty")
    pairs = [(_write_text(name, Text.NAME), _write_id(entries[name])) for name in entries]
    return _head(_MAP, len(pairs)) + b"".join(map(b"".join, sorted(pairs)))


def _read_named_ids(data: bytes, offset: int) -> tuple[Mapping[str, ObjectId], int]:
    count, offset = _read_head(data, offset, _MAP)
    if not count:
        raise Invalid("a tree has no entry", rule="grit.tree.non-empty", offset=offset)
    entries: dict[str, ObjectId] = {}
    last = b""
    for _ in range(count):
        start = offset
        name, offset = _read_text(data, start, Text.NAME)
        rule = "grit.tree.key-unique" if name in entries else "grit.tree.key-order"
        last = _ascend(data[start:offset], last, start, rule)
        entries[name], offset = _read_id(data, offset)
    return entries, offset


def _write_keyed_ids(entries: Mapping[ObjectId, ObjectId]) -> bytes:
    if not entries:
        raise Invalid("a mailbox has no entry", rule="grit.mailbox.non-empty")
    pairs = [(_write_id(key), _write_id(entries[key])) for key in sorted(entries)]
    return _head(_MAP, len(pairs)) + b"".join(map(b"".join, pairs))


def _read_keyed_ids(data: bytes, offset: int) -> tuple[Mapping[ObjectId, ObjectId], int]:
    count, offset = _read_head(data, offset, _MAP)
    if not count:
        raise Invalid("a mailbox has no entry", rule="grit.mailbox.non-empty", offset=offset)
    entries: dict[ObjectId, ObjectId] = {}
    last = b""
    for _ in range(count):
        start = offset
        key, offset = _read_id(data, start)
        rule = "grit.mailbox.key-unique" if key in entries else "grit.mailbox.key-order"
        last = _ascend(key, last, start, rule)
        entries[key], offset = _read_id(data, offset)
    return entries, offset


def _ascend(key: bytes, last: bytes, offset: int, rule: str) -> bytes:
    """Take the next encoded key if it is above the last one.

    Spec: :rule:`grit.cbor.map-order`.
    """
    if key <= last:
        raise Invalid("a key is not above the one before it", rule=rule, offset=offset, got=(last, key))
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
_STARTS = {kind: _head(_ARRAY, 1 + len(FIELDS[kind])) + _head(_UNSIGNED, kind.value) for kind in Kind}
_KIND_OF_START = {start: kind for kind, start in _STARTS.items()}
_ENCODERS = {
    kind: (
        _STARTS[kind],
        tuple((_WRITERS[field.shape], attrgetter(field.name)) for field in FIELDS[kind]),
    )
    for kind in Kind
}
_DECODERS = {_STARTS[kind]: (KINDS[kind], tuple(_READERS[field.shape] for field in FIELDS[kind])) for kind in Kind}
