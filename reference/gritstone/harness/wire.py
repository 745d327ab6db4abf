"""The encoding of values on the wire: bytes, ids, objects, replies.

Decoding is strict: a value has one encoding, and any other raises ``ArgumentError``, which is answered with ``error``
and never with a refusal.

Spec: :rule:`harness.bytes.canonical`, :rule:`harness.json.plain`, :rule:`harness.reply.one-answer`.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from json import JSONDecoder, JSONEncoder
from typing import Any, TypeAlias

from gritstone.errors import GritstoneError, Invalid
from gritstone.grit.objects import FIELDS, KINDS, Field, Kind, Object, ObjectId, Shape

__all__ = [
    "ArgumentError",
    "Json",
    "read_bytes",
    "read_frame",
    "read_id",
    "read_object",
    "write_bytes",
    "write_frame",
    "write_object",
]

Json: TypeAlias = Any
"""A JSON value."""

_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", None, b"==", b"=")
_LOOSE_TAIL = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?")
_ID = re.compile(r"[0-9a-f]{64}")
_START = re.compile(rb'\{"seq":([0-9]{1,16}),"op":"([!#-\[\]-~]*)"[,}]')
"""The start of a request line; nothing else is read of a line whose arguments cannot be read."""
_read_json = JSONDecoder().raw_decode
_write_json = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class ArgumentError(GritstoneError):
    """The arguments do not match the schema of their operation."""


# --- bytes and ids ---------------------------------------------------------------------------------------


def read_bytes(text: Json) -> bytes:
    """Decode unpadded base64url in its one encoding.

    Raises:
        ArgumentError: the value is not a text, or is not in that encoding.

    Spec: :rule:`harness.bytes.canonical`.
    """
    if type(text) is not str:
        raise ArgumentError("bytes: expected a text")
    padding = _PADDING[len(text) & 3]
    if padding is None:
        raise ArgumentError("bytes: the length of the base64url text is invalid: one character is left over")
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_TO_STANDARD) + padding, strict_mode=True)
    except ValueError as error:  # not ASCII, or not in the alphabet
        raise ArgumentError(f"bytes: {error}") from None
    if padding and _LOOSE_TAIL.fullmatch(text, len(text) & ~3) is None:
        raise ArgumentError("bytes: unused bits of the last character are not zero")
    return data


def write_bytes(data: bytes) -> str:
    """Encode unpadded base64url."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def read_id(text: Json) -> ObjectId:
    """Decode an id from its text form.

    Raises:
        ArgumentError: the value is not 64 lower-case hexadecimal digits.
    """
    if type(text) is not str or _ID.fullmatch(text) is None:
        raise ArgumentError("id: expected 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)


# --- objects ---------------------------------------------------------------------------------------------


def _read_pairs(pairs: Json, read_key: Callable[[Json], Any], read_value: Callable[[Json], Any]) -> Mapping[Any, Any]:
    if type(pairs) is not list:
        raise ArgumentError("object: expected a list of pairs for a map")
    entries = {}
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2:
            raise ArgumentError("object: expected a pair")
        entries[read_key(pair[0])] = read_value(pair[1])
    if len(entries) != len(pairs):
        raise Invalid("a key is repeated in a map", rule="grit.object.encode-refuses")
    return entries


def _read_text(text: Json) -> str:
    if type(text) is not str:
        raise ArgumentError("object: expected a text")
    return text


def _read_link(text: Json) -> ObjectId | None:
    return None if text is None else read_id(text)


def _write_hex(value: ObjectId) -> str:
    return value.hex()


_READERS: dict[Shape, Callable[[Json], Any]] = {
    Shape.HEADERS: lambda pairs: _read_pairs(pairs, _read_text, _read_text),
    Shape.DATA: read_bytes,
    Shape.NAMED_IDS: lambda pairs: _read_pairs(pairs, _read_text, read_id),
    Shape.KEYED_IDS: lambda pairs: _read_pairs(pairs, read_id, read_id),
    Shape.LINK: _read_link,
    Shape.ID: read_id,
}
_WRITERS: dict[Shape, Callable[[Any], Json]] = {
    Shape.HEADERS: lambda headers: list(headers.items()),
    Shape.DATA: write_bytes,
    Shape.NAMED_IDS: lambda entries: [(name, target.hex()) for name, target in entries.items()],
    Shape.KEYED_IDS: lambda entries: [(key.hex(), target.hex()) for key, target in entries.items()],
    Shape.LINK: lambda target: None if target is None else target.hex(),
    Shape.ID: _write_hex,
}
_KIND_OF_WORD = {kind.word: kind for kind in Kind}


def read_object(form: Json) -> Object:
    """Decode an object of grit; also accept a value that no format can encode, except a repeated key.

    Raises:
        ArgumentError: the value does not match ``object.schema.json``.
        Invalid: a map has a key more than once, which an object cannot represent.
    """
    word = form.get("kind") if type(form) is dict else None
    kind = _KIND_OF_WORD.get(word) if type(word) is str else None
    if kind is None:
        raise ArgumentError("object: unknown or missing kind")
    fields = FIELDS[kind]
    if len(form) != 1 + len(fields) or not all(field.name in form for field in fields):
        raise ArgumentError(f"object: a {kind.word} has missing or unknown fields")
    make: Callable[..., Object] = KINDS[kind]
    return make(*_read_fields(form, fields))


def _read_fields(form: dict[str, Json], fields: tuple[Field, ...]) -> list[Any]:
    """Decode all fields, so that a mismatch with the schema is reported before a repeated key."""
    values, repeated = [], None
    for field in fields:
        try:
            values.append(_READERS[field.shape](form[field.name]))
        except Invalid as refusal:
            repeated = refusal
    if repeated is not None:
        raise repeated
    return values


def write_object(value: Object) -> Json:
    """Encode an object of grit, its pairs in the order of its maps."""
    form: dict[str, Json] = {"kind": value.kind.word}
    for field in FIELDS[value.kind]:
        form[field.name] = _WRITERS[field.shape](getattr(value, field.name))
    return form


# --- frames ----------------------------------------------------------------------------------------------


def read_frame(line: bytes) -> tuple[int, str, Json]:
    """Decode one request line.

    Returns:
        Its sequence number, operation and arguments. The operation is empty if it is not a text, and the arguments are
        None if they are missing or cannot be read; both are answered with ``error``.

    Raises:
        ArgumentError: the line has no readable sequence number, so it cannot be answered.

    Spec: :rule:`harness.reply.bad-args`, :rule:`harness.reply.deep-args`.
    """
    try:
        text = line.decode("utf-8")
        frame, end = _read_json(text)
    except (ValueError, RecursionError) as error:
        return _read_start(line, f"is not JSON: {error}")
    if end != len(text) and text[end:].strip(" \t"):
        return _read_start(line, "holds more than one JSON value")
    if type(frame) is not dict or type(frame.get("seq")) is not int:
        return _read_start(line, "is not an object with an integer `seq`")
    op = frame.get("op")
    return frame["seq"], op if type(op) is str else "", frame.get("args")


def _read_start(line: bytes, problem: str) -> tuple[int, str, None]:
    start = _START.match(line)
    if start is None:
        raise ArgumentError(f"request line {problem}")
    return int(start[1]), start[2].decode("ascii"), None


def write_frame(seq: int, answer: str, content: Json) -> bytes:
    """Write one reply line with its LF; ``answer`` is one of ok, refused, unsupported and error."""
    return _write_json({"seq": seq, answer: content}).encode("utf-8", "backslashreplace") + b"\n"
