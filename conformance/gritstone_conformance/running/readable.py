"""The bytes in requests and replies, as people read them.

The schemas name the members that are base64url. Their content is decoded before a value is shortened: a document of a
flow becomes its JSON form, a module its text, the output of a probe its words, other bytes become text or hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes
from gritstone_conformance.judge import difference_of
from gritstone_conformance.model.flow.json_form import NoJsonForm, to_json
from gritstone_conformance.model.flow.values import NotAValue, decode
from gritstone_conformance.model.wasm.reader import Malformed
from gritstone_conformance.model.wasm.text_form import module_text
from gritstone_conformance.replies import Json
from gritstone_conformance.results.excerpts import (
    BYTES_MEMBERS,
    cut_middle,
    show_first_byte,
    show_sides,
    sized_bytes,
    sized_text,
)
from gritstone_conformance.schemas import definition
from gritstone_conformance.strategies.sandbox_abi import ABIS, read_words
from gritstone_conformance.text import printable

__all__ = ["difference_inside", "document_difference", "readable_answer", "readable_args"]

_BYTES: Final = "#/$defs/bytes"
_WASM: Final = b"\0asm"
_MODULE_BYTES: Final = 1 << 16  # of a module that is shown as text
_DOCUMENT_BYTES: Final = 1 << 18
_ID_DIGITS: Final = 64
_WIDTH: Final = 80  # characters of a value
_DEEPEST: Final = 32  # levels of a value that are looked into


def readable_args(op: str, args: Mapping[str, Json]) -> dict[str, Json]:
    """Return the arguments of a request, with the content of bytes instead of their base64url form."""
    return dict(_readable(definition("request", f"args.{op}"), dict(args), op, args.get("format"), ""))


def readable_answer(op: str, path: str, value: Json) -> Json:
    """Return an expected or a received value at a path of the reply, with the content of bytes.

    Bytes at the path itself stay as they are if they are plain: the first byte that differs is found in them later.

    Args:
        op: the operation of the request.
        path: a JSON Pointer into ``ok``, with or without ``/ok`` in front; empty for a whole reply or expectation.
        value: the value there.
    """
    reply = definition("reply-ok", f"ok.{op}")
    if path:
        parts = list(_parts_at(reply, path))
        name = path.rpartition("/")[2]
        if isinstance(value, str) and name in BYTES_MEMBERS:
            data = _bytes_of(value) if any(map(_is_bytes, parts)) else None
            content = None if data is None else _structure(data, op, name)
            return value if content is None or data is None else sized_text(len(data), content)
        for part in parts:
            value = _readable(part, value, op, None, name)
        return value
    if isinstance(value, dict) and value.keys() == {"any"} and isinstance(value["any"], list):
        return {"any": [readable_answer(op, "", option) for option in value["any"]]}
    if isinstance(value, dict) and "ok" in value:
        return {**value, "ok": _readable(reply, value["ok"], op, None, "")}
    return value


def difference_inside(op: str, path: str, expected: Json, got: Json) -> str | None:
    """Return text that names what differs within two byte strings: a member of a document, a word, or a byte.

    Args:
        op: the operation of the request.
        path: a JSON Pointer into ``ok``, with or without ``/ok`` in front.
        expected: the expected value there.
        got: the received value there.

    Returns:
        None if the values at the path are not two byte strings, and if the reader sees the byte without this text.
    """
    if not path or not any(map(_is_bytes, _parts_at(definition("reply-ok", f"ok.{op}"), path))):
        return None
    wanted, received = _bytes_of(expected), _bytes_of(got)
    if wanted is None or received is None:
        return None
    name = path.rpartition("/")[2]
    words = _words(wanted, op, name), _words(received, op, name)
    if words[0] is not None and words[1] is not None:
        return _word_difference(words[0], words[1])
    found = document_difference(wanted, received, anything=op.startswith("flow."))
    if found is not None or (name in BYTES_MEMBERS and _structure(wanted, op, name) is None):
        return found
    return show_first_byte("/bytes", expected, got)


def document_difference(wanted: bytes, received: bytes, *, anything: bool = False) -> str | None:
    """Return text that names the first member in which two documents differ; None if one of them is none.

    Args:
        wanted: the expected bytes.
        received: the received bytes.
        anything: whether a document may be other than a map or a list.
    """
    one, other = (_document(data, anything=anything) for data in (wanted, received))
    if one is None or other is None:
        return None
    values = json.loads(one), json.loads(other)
    found = difference_of(*values)
    if found is None:
        return None
    path, *sides = found
    shown = show_sides("/", sides[0], sides[1], _WIDTH)
    place = _member_path(path, values[0])
    return f"{place or 'the value'} differs: {shown[0]} expected, {shown[1]} got"


def _member_path(path: str, value: Json) -> str:
    """Return a JSON Pointer as ``nodes.pay.args[2]``."""
    words = ""
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            words += f"[{name}]"
            value = value[int(name)] if int(name) < len(value) else None
        else:
            words += f".{name}" if name.replace("_", "a").isalnum() else f"[{json.dumps(name, ensure_ascii=False)}]"
            value = value.get(name) if isinstance(value, dict) else None
    return cut_middle(printable(words.removeprefix("."), 4 * _WIDTH), 2 * _WIDTH)


def _word_difference(wanted: list[int], received: list[int]) -> str | None:
    """Return text that names the first of the words that differs."""
    for number, (one, other) in enumerate(zip(wanted, received, strict=False), 1):
        if one != other:
            return f"word {number} differs: {one} expected, {other} got"
    if len(wanted) == len(received):
        return None
    return f"{len(wanted)} words expected, {len(received)} got"


def _readable(part: Json, value: Any, op: str, form: Json, name: str, depth: int = 0) -> Any:
    """Return a value with the content of its bytes, which a part of a schema names."""
    if not isinstance(part, dict) or depth > _DEEPEST:
        return value
    if isinstance(value, str):
        return _shown(value, op, form, name) if _is_bytes(part) else value
    for inner in _alternatives(part):
        value = _readable(inner, value, op, form, name, depth + 1)
    if isinstance(value, list):
        items = part.get("items", True)
        return [_readable(items, item, op, form, name, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _readable(_member(part, key), its, op, form, key, depth + 1) for key, its in value.items()}
    return value


def _is_bytes(part: Json) -> bool:
    """Return whether a part of a schema permits bytes."""
    if not isinstance(part, dict):
        return False
    return str(part.get("$ref", "")).endswith(_BYTES) or any(map(_is_bytes, _alternatives(part)))


def _alternatives(part: Mapping[str, Json]) -> Iterator[Json]:
    """Yield what a part of a schema refers to, and what it combines."""
    ref = part.get("$ref")
    if isinstance(ref, str) and not ref.endswith(_BYTES):
        yield definition(ref)
    for word in ("oneOf", "anyOf", "allOf"):
        yield from part.get(word, ())


def _member(part: Mapping[str, Json], name: str) -> Json:
    return part.get("properties", {}).get(name, part.get("additionalProperties", True))


def _parts_at(part: Json, path: str) -> Iterator[Json]:
    """Yield the parts of a schema that a JSON Pointer into a value leads to."""
    names = [each.replace("~1", "/").replace("~0", "~") for each in path.removeprefix("/ok").split("/")[1:]]
    parts = [part]
    for name in names:
        parts = [each for one in parts for each in _flat(one)]
        parts = [
            each.get("items", True) if name.isdigit() and "items" in each else _member(each, name) for each in parts
        ]
    yield from (each for each in parts if isinstance(each, dict))


def _flat(part: Json) -> Iterator[dict[str, Json]]:
    if isinstance(part, dict):
        yield part
        for inner in _alternatives(part):
            yield from _flat(inner)


def _bytes_of(text: Json) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return decode_bytes(text)
    except NotCanonicalError:
        return None


def _shown(text: str, op: str, form: Json, name: str) -> str:
    """Return the content of a base64url text with its size; an id, and text that is not canonical, as it is."""
    data = None if len(text) == _ID_DIGITS and set(text) <= set("0123456789abcdef") else _bytes_of(text)
    if data is None:
        return text
    content = _structure(data, op, name)
    if content is None or form is not None:
        return sized_bytes(data, as_text=None if form is None else form != "cbor-blake3")
    return sized_text(len(data), content)


def _structure(data: bytes, op: str, name: str) -> str | None:
    """Return the content of a module, of the output of a probe, or of a document; None if bytes are none of these."""
    if data.startswith(_WASM):
        return _module(data)
    words = _words(data, op, name)
    if words is not None:
        return f"words {', '.join(map(str, words))}" if words else None
    return _document(data, anything=op.startswith("flow."))


def _module(data: bytes) -> str | None:
    try:
        text = module_text(data) if len(data) <= _MODULE_BYTES else None
    except Malformed:
        return None
    return None if text is None else " ".join(text.split())


def _words(data: bytes, op: str, name: str) -> list[int] | None:
    """Return the words of an output of a probe, in the form of any ABI."""
    if name != "output" or not op.startswith("sandbox."):
        return None
    found = (read_words(abi, data) for abi in sorted(ABIS, key=lambda abi: abi != "wasi"))
    return next((words for words in found if words is not None), None)


def _document(data: bytes, *, anything: bool) -> str | None:
    """Return the JSON form of a document of a flow."""
    try:
        value = decode(data, None) if len(data) <= _DOCUMENT_BYTES else None
        if not anything and not (isinstance(value, dict) and value):
            return None
        return None if len(data) > _DOCUMENT_BYTES else to_json(value)
    except (NotAValue, NoJsonForm, RecursionError):
        return None
