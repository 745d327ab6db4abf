"""The object format ``framed-sha256``: ``kind SP length NUL body``.

``encode_framed`` and ``decode_framed`` are driven by ``objects.FIELDS``: a reader and a writer for each
shape of field, combined per kind when the module is loaded. The reader reads the bytes once, from front to
back, and rejects the first field or entry that differs from what the writer writes.

Ids, limits of the graph and stores are the subject of other modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid, Malformed
from gritstone.grit.grammar import ASCII, Grammar
from gritstone.grit.limits import Limits
from gritstone.grit.objects import FIELDS, KINDS, NO_HEADERS, ZERO_ID, Kind, Object, ObjectId, Shape

__all__ = ["decode_framed", "encode_framed", "framed_kind"]

_Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
_Writer: TypeAlias = Callable[[Any], bytes]

_ID_BYTES = 32
_HEADER_BYTES = 28  # the longest kind, a space, 19 digits and the NUL
_HEADER = re.compile(rb"([^ \0]+) ([0-9]{1,19})\0")
_KIND_OF_WORD = {kind.word.encode(): kind for kind in Kind}
_PAIR_BYTES = 2 * _ID_BYTES


def encode_framed(value: Object, limits: Limits) -> bytes:
    """Encode one object.

    Returns:
        The one encoding of the value; its length is within ``limits.object_bytes``.

    Raises:
        Invalid: the value has no encoding in this format.
        Exhausted: the encoding is longer than ``limits.object_bytes``.

    Spec: :rule:`grit.object.one-spelling`, :rule:`grit.object.encode-refuses`, :rule:`grit.framed.header`.
    """
    header, plan = _ENCODERS[value.kind]
    parts = [b""]
    size = 0
    for write, get in plan:
        part = write(get(value))
        size += len(part)
        parts.append(part)
    parts[0] = header % size
    if size + len(parts[0]) > limits.object_bytes:
        limits.check_object_bytes(size + len(parts[0]))
    return b"".join(parts)


def decode_framed(data: bytes, limits: Limits) -> Object:
    """Decode one object.

    Args:
        data: the whole object, header included.
        limits: ``object_bytes`` applies; longer data is rejected before it is read.

    Returns:
        An object whose maps are in the order of the bytes, which is ascending.

    Raises:
        Exhausted: the data is longer than ``limits.object_bytes``.
        Malformed: the fields cannot be found.
        Invalid: the fields can be found but differ from what ``encode_framed`` writes.

    Spec: :rule:`grit.object.total`, :rule:`grit.object.round-trip`, :rule:`grit.object.class`.
    """
    if len(data) > limits.object_bytes:
        limits.check_object_bytes(len(data))
    nul = data.find(b"\0", 0, _HEADER_BYTES)
    word, _, digits = data[:nul].partition(b" ")
    decoder = _DECODERS.get(word)
    if decoder is None or nul < 0 or digits != b"%d" % (len(data) - nul - 1):
        raise _judge_header(data)
    make, readers = decoder
    offset = nul + 1
    values = []
    for read in readers:
        value, offset = read(data, offset)
        values.append(value)
    if offset != len(data):
        raise Malformed("the body has bytes after its last field", rule="grit.framed.fill", offset=offset)
    return make(*values)


def framed_kind(data: bytes) -> Kind | None:
    """Return the kind of an encoding from its first word alone; None if the word names no kind."""
    return _KIND_OF_WORD.get(data[: data.find(b" ", 0, _HEADER_BYTES)])


def _judge_header(data: bytes) -> Malformed | Invalid:
    """Return the refusal for an invalid header."""
    match = _HEADER.match(data, 0, _HEADER_BYTES)
    if match is None:
        return Malformed(
            "the object does not begin with a header",
            rule="grit.framed.header",
            offset=0,
            expected="kind SP length NUL",
            got=data[:_HEADER_BYTES],
        )
    word, digits = match.groups()
    if word not in _DECODERS:
        return Invalid("unknown kind", rule="grit.object.kinds", offset=0, got=word)
    size = len(data) - match.end()
    if int(digits) != size:
        return Malformed(
            "the length of the body differs from the length in the header",
            rule="grit.framed.length",
            offset=match.end(),
            expected=f"{int(digits)} bytes",
            got=size,
        )
    return Invalid("the length has a leading zero", rule="grit.framed.header", got=digits)


# --- headers ---------------------------------------------------------------------------------------------


def _write_headers(headers: Mapping[str, str]) -> bytes:
    if not headers:
        return b"\0"
    parts = [b"%b\0%b\0" % (ASCII.key.check(key), ASCII.value.check(headers[key])) for key in sorted(headers)]
    parts.append(b"\0")
    return b"".join(parts)


def _read_headers(data: bytes, offset: int) -> tuple[Mapping[str, str], int]:
    if data.startswith(b"\0", offset):
        return NO_HEADERS, offset + 1
    headers: dict[str, str] = {}
    last = ""
    while not data.startswith(b"\0", offset):
        key, after_key = _read_text(data, offset, ASCII.key)
        value, after_value = _read_text(data, after_key, ASCII.value)
        if key <= last:
            raise _disorder("header key", key, last, offset, "grit.header.order")
        headers[key] = value
        last, offset = key, after_value
    return MappingProxyType(headers), offset + 1


def _read_text(data: bytes, offset: int, grammar: Grammar) -> tuple[str, int]:
    end = data.find(b"\0", offset)
    if end < 0:
        raise Malformed(
            f"the body ends within a {grammar.label}: its NUL is missing", rule="grit.framed.terminator", offset=offset
        )
    text = data[offset:end].decode("latin-1")
    grammar.check(text)
    return text, end + 1


def _disorder(label: str, key: object, last: object, offset: int, rule: str) -> Invalid:
    return Invalid(f"{label}s do not ascend", rule=rule, offset=offset, expected=f"a {label} above {last!r}", got=key)


# --- data ------------------------------------------------------------------------------------------------


def _write_data(value: bytes) -> bytes:
    return value


def _read_data(data: bytes, offset: int) -> tuple[bytes, int]:
    return data[offset:], len(data)


# --- ids -------------------------------------------------------------------------------------------------


def _check_ids(ids: Collection[ObjectId]) -> None:
    others = set(map(len, ids)) - {_ID_BYTES}
    if others:
        raise Invalid(
            "an id has the wrong length",
            rule="grit.object.encode-refuses",
            expected="32 bytes",
            got=f"{min(others)} bytes",
        )
    if ZERO_ID in ids:
        raise Invalid("an id is all zero", rule="grit.id.zero")


def _write_id(value: ObjectId) -> bytes:
    _check_ids((value,))
    return value


def _write_link(value: ObjectId | None) -> bytes:
    return ZERO_ID if value is None else _write_id(value)


def _read_link(data: bytes, offset: int) -> tuple[ObjectId | None, int]:
    end = offset + _ID_BYTES
    value = data[offset:end]
    if len(value) != _ID_BYTES:
        raise Malformed(
            "an id is truncated",
            rule="grit.framed.fill",
            offset=offset,
            expected="32 bytes",
            got=f"{len(value)} bytes",
        )
    return (None if value == ZERO_ID else value), end


def _read_id(data: bytes, offset: int) -> tuple[ObjectId, int]:
    value, end = _read_link(data, offset)
    if value is None:
        raise Invalid("an id is all zero", rule="grit.id.zero", offset=offset)
    return value, end


# --- named ids -------------------------------------------------------------------------------------------


def _write_named_ids(entries: Mapping[str, ObjectId]) -> bytes:
    if not entries:
        raise Invalid("a tree has no entries", rule="grit.tree.non-empty")
    _check_ids(entries.values())
    names = sorted(entries)
    parts = [b""] * (2 * len(names))
    parts[::2] = map(_write_name, names)
    parts[1::2] = [entries[name] for name in names]
    return b"".join(parts)


@lru_cache(maxsize=4_096)
def _write_name(name: str) -> bytes:
    """Return a name with its NUL; names occur again and again."""
    return ASCII.name.check(name) + b"\0"


def _read_named_ids(data: bytes, offset: int) -> tuple[Mapping[str, ObjectId], int]:
    if offset == len(data):
        raise Invalid("a tree has no entries", rule="grit.tree.non-empty", offset=offset)
    entries: dict[str, ObjectId] = {}
    last = ""
    while offset < len(data):
        name, after_name = _read_text(data, offset, ASCII.name)
        if name == last:
            raise _disorder("name", name, last, offset, "grit.tree.key-unique")
        if name < last:
            raise _disorder("name", name, last, offset, "grit.tree.key-order")
        entries[name], offset = _read_id(data, after_name)
        last = name
    return MappingProxyType(entries), offset


# --- keyed ids -------------------------------------------------------------------------------------------


def _write_keyed_ids(entries: Mapping[ObjectId, ObjectId]) -> bytes:
    if not entries:
        raise Invalid("a mailbox has no entries", rule="grit.mailbox.non-empty")
    _check_ids(entries)
    _check_ids(entries.values())
    keys = sorted(entries)
    parts = [b""] * (2 * len(keys))
    parts[::2] = keys
    parts[1::2] = [entries[key] for key in keys]
    return b"".join(parts)


def _read_keyed_ids(data: bytes, offset: int) -> tuple[Mapping[ObjectId, ObjectId], int]:
    size = len(data) - offset
    if size % _PAIR_BYTES:
        raise Malformed(
            "the body of a mailbox has an invalid size",
            rule="grit.framed.fill",
            expected="a multiple of 64 bytes",
            got=f"{size} bytes",
        )
    if not size:
        raise Invalid("a mailbox has no entries", rule="grit.mailbox.non-empty", offset=offset)
    entries: dict[ObjectId, ObjectId] = {}
    last = ZERO_ID
    while offset < len(data):
        key, after_key = _read_id(data, offset)
        if key == last:
            raise _disorder("mailbox key", key.hex(), last.hex(), offset, "grit.mailbox.key-unique")
        if key < last:
            raise _disorder("mailbox key", key.hex(), last.hex(), offset, "grit.mailbox.key-order")
        entries[key], offset = _read_id(data, after_key)
        last = key
    return MappingProxyType(entries), offset


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
_ENCODERS = {
    kind: (
        kind.word.encode() + b" %d\0",
        tuple((_WRITERS[field.shape], attrgetter(field.name)) for field in FIELDS[kind]),
    )
    for kind in Kind
}
_DECODERS = {kind.word.encode(): (KINDS[kind], tuple(_READERS[field.shape] for field in FIELDS[kind])) for kind in Kind}
