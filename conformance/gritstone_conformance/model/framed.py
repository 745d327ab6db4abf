"""Format ``framed-sha256``: which bytes encode an object, and each defect of bytes that do not.

The defects are those of the chapter's table. As the table says, nothing is checked after an unreadable header, or after
the place in the body where a field is missing.

Invariant: ``encode(decode(data)) == data`` for all data that :func:`decode` accepts.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Final, TypeVar

from gritstone_conformance.model.check import check_values
from gritstone_conformance.model.grammar import FRAMED, check_key, check_name, check_value
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, malformed
from gritstone_conformance.model.values import (
    KINDS,
    ZERO,
    Blob,
    Entries,
    Headers,
    Mailbox,
    Message,
    Object,
    Step,
    Tree,
    Tuples,
    kind_of,
)

__all__ = ["decode", "decode_in_any_order", "encode", "in_order"]

_HEADER_BYTES = 28  # the longest header, its NUL included
_LENGTH_DIGITS = 19
_STEP_BYTES = 5 * 32
_HEADER: Final = re.compile(rb"(blob|tree|message|mailbox|step) (0|[1-9][0-9]{0,18})\0")
_STEP: Final = struct.Struct("32s" * 5)
_STEP_HEADER: Final = b"step 160\0"
_PAIR: Final = struct.Struct("32s32s")
_ORDER_RULES = frozenset({"grit.header.order", "grit.tree.key-order", "grit.mailbox.key-order"})

_Value = TypeVar("_Value")


def in_order(pairs: tuple[tuple[str, _Value], ...]) -> list[tuple[str, _Value]]:
    """Return a map's pairs in this format's order: ascending bytes of the keys."""
    return sorted(pairs, key=lambda pair: pair[0].encode())


def encode(value: Object) -> bytes:
    """Return the one encoding of a value.

    Raises:
        Refusal: the value has no encoding.
    """
    if isinstance(value, Blob) and not value.headers:
        return b"blob %d\0\0%s" % (1 + len(value.data), value.data)
    check_values(value, FRAMED)
    body = _body(value)
    return b"%s %d\0%s" % (kind_of(value).encode(), len(body), body)


def decode(data: bytes) -> Object:
    """Return the value that bytes encode; entries and headers in the order of the bytes.

    Raises:
        Refusal: the bytes do not encode an object; it has all defects found.

    Spec: :rule:`grit.object.class`.
    """
    plain = _read_plain(data)
    if plain is not None:
        return plain
    value, defects = _read(data)
    if defects or value is None:
        raise Refusal(defects)
    return value


def decode_in_any_order(data: bytes) -> tuple[Object, tuple[Defect, ...]]:
    """Return the value of bytes whose maps may be in any order, and a defect for each key out of order.

    Raises:
        Refusal: there is another defect, or a key occurs twice.

    Spec: :rule:`suite.audit.lenient`.
    """
    value, defects = _read(data)
    if value is None or _repeats_a_key(value) or any(defect.rule not in _ORDER_RULES for defect in defects):
        raise Refusal(defects)
    return value, tuple(defects)


def _read_plain(data: bytes) -> Object | None:
    """Return the value of bytes that are read in few operations and have no defect; None for all other bytes."""
    if data.startswith(_STEP_HEADER) and len(data) == len(_STEP_HEADER) + _STEP.size:
        previous, actor, inbox, outbox, core = _STEP.unpack_from(data, len(_STEP_HEADER))
        is_plain = actor != ZERO and core != ZERO
        return Step(_maybe(previous), actor, _maybe(inbox), _maybe(outbox), core) if is_plain else None
    header = _HEADER.match(data)
    if header is None or int(header[2]) != len(data) - header.end():
        return None
    body = data[header.end() :]
    match header[1]:
        case b"mailbox" if body and len(body) % _PAIR.size == 0:
            return _plain_mailbox(body)
        case b"tree" if body:
            return _plain_tree(body)
        case b"message" if len(body) > 64:
            headers, content = _plain_headers(body[32:-32]), body[-32:]
            return None if headers is None or content == ZERO else Message(_maybe(body[:32]), headers, content)
        case b"blob" if body[:1] == b"\0":
            return Blob((), body[1:])
    return None


def _plain_mailbox(body: bytes) -> Mailbox | None:
    last = ZERO
    pairs = tuple(_PAIR.iter_unpack(body))
    for key, target in pairs:
        if key <= last or target == ZERO:
            return None
        last = key
    return Mailbox(pairs)


def _plain_tree(body: bytes) -> Tree | None:
    entries, at, last = [], 0, ""
    while at < len(body):
        end = body.find(b"\0", at)
        name = _plain_name(body[at:end])
        at = end + 33
        target = body[end + 1 : at]
        if name is None or end < 0 or at > len(body) or target == ZERO or name <= last:
            return None
        entries.append((name, target))
        last = name
    return Tree(tuple(entries))


@lru_cache(maxsize=4096)
def _plain_name(data: bytes) -> str | None:
    """Return the name that bytes are, or None; the same few names stand in most trees."""
    name = data.decode("latin-1")
    return None if check_name(name, FRAMED) else name


@lru_cache(maxsize=1024)
def _plain_headers(data: bytes) -> Headers | None:
    """Return the headers that bytes are in full and without a defect; the same few lists stand in most messages."""
    defects: list[Defect] = []
    body = _Body(data, defects)
    try:
        headers = body.headers()
    except _Cut:
        return None
    return headers if body.at == len(data) and not defects else None


def _maybe(identity: bytes) -> bytes | None:
    return None if identity == ZERO else identity


def _read(data: bytes) -> tuple[Object | None, list[Defect]]:
    defects: list[Defect] = []
    kind, body = _read_header(data, defects)
    return (_Body(body, defects).read(kind) if kind in KINDS else None), defects


def _repeats_a_key(value: Object) -> bool:
    match value:
        case Tree(entries) | Mailbox(entries):
            keys: list[object] = [key for key, _ in entries]
        case Blob(headers) | Message(headers=headers):
            keys = [key for key, _ in headers]
        case _:
            keys = []
    return len(set(keys)) != len(keys)


def _body(value: Object) -> bytes:
    match value:
        case Blob(headers, data):
            return _spell(headers) + data
        case Tree(entries):
            return b"".join(name.encode() + b"\0" + target for name, target in in_order(entries))
        case Message(previous, headers, content):
            return (previous or ZERO) + _spell(headers) + content
        case Mailbox(pairs):
            return b"".join(key + target for key, target in sorted(pairs))
        case Step(previous, actor, inbox, outbox, core):
            return (previous or ZERO) + actor + (inbox or ZERO) + (outbox or ZERO) + core


def _spell(headers: Headers) -> bytes:
    return b"".join(b"%s\0%s\0" % (key.encode(), text.encode()) for key, text in in_order(headers)) + b"\0"


def _read_header(data: bytes, defects: list[Defect]) -> tuple[str, bytes]:
    end = data.find(b"\0", 0, _HEADER_BYTES)
    if end < 0:
        raise Refusal([malformed("grit.framed.header", f"no NUL in the first {_HEADER_BYTES} bytes")])
    kind, space, digits = data[:end].partition(b" ")
    if not (kind and space and digits.isdigit() and len(digits) <= _LENGTH_DIGITS):
        raise Refusal([malformed("grit.framed.header", f"{data[:end]!r} is not a kind, a space and a length")])
    body = data[end + 1 :]
    if kind.decode("latin-1") not in KINDS:
        defects.append(invalid("grit.object.kinds", f"unknown kind {kind!r}"))
    if digits.startswith(b"0") and len(digits) > 1:
        defects.append(invalid("grit.framed.header", "the length has a leading zero"))
    if int(digits) != len(body):
        defects.append(malformed("grit.framed.length", f"length {int(digits)}, but {len(body)} bytes"))
    return kind.decode("latin-1"), body


class _Cut(Exception):  # noqa: N818 - ends the reading of a body
    """A field is missing; nothing after it is checked."""


class _Body:
    """Reads one body from front to back, noting defects."""

    def __init__(self, body: bytes, defects: list[Defect]) -> None:
        self.body = body
        self.at = 0
        self.defects = defects

    def read(self, kind: str) -> Object | None:
        """Return the value, or None when a field is missing."""
        try:
            match kind:
                case "blob":
                    return Blob(self.headers(), self.body[self.at :])
                case "tree":
                    return Tree(self._entries())
                case "message":
                    return self._message()
                case "mailbox":
                    return Mailbox(self._tuples())
                case _:
                    return self._step()
        except _Cut:
            return None

    def _cut(self, rule: str, words: str) -> _Cut:
        self.defects.append(malformed(rule, words))
        return _Cut()

    def _text(self, what: str) -> bytes:
        end = self.body.find(b"\0", self.at)
        if end < 0:
            raise self._cut("grit.framed.terminator", f"the {what} at {self.at} has no NUL after it")
        text, self.at = self.body[self.at : end], end + 1
        return text

    def _id(self, what: str, *, rule: str = "grit.id.zero", optional: bool = False) -> bytes | None:
        identity = self.body[self.at : self.at + 32]
        if len(identity) < 32:
            raise self._cut("grit.framed.fill", f"{len(identity)} bytes are left for the {what}")
        self.at += 32
        if identity != ZERO:
            return identity
        if not optional:
            self.defects.append(invalid(rule, f"the {what} is all zero"))
        return None if optional else ZERO

    def _ascend(self, last: bytes | None, key: bytes, what: str, order: str, unique: str) -> None:
        if last is not None and key <= last:
            rule, word = (unique, "twice") if key == last else (order, "out of order")
            self.defects.append(invalid(rule, f"the {what} {key[:40]!r} stands {word}"))

    def headers(self) -> Headers:
        """Read a list of headers; raises _Cut where it is not ended."""
        pairs: list[tuple[str, str]] = []
        last: bytes | None = None
        while True:
            if self.at >= len(self.body):
                raise self._cut("grit.framed.terminator", "the list of headers is not ended")
            key = self._text("header key")
            if not key:
                return tuple(pairs)
            self._ascend(last, key, "header key", "grit.header.order", "grit.header.order")
            last = key
            # Latin-1 keeps each byte one character, so that bytes above 7F are seen by the grammar
            self.defects += check_key(key.decode("latin-1"))
            text = self._text("header value").decode("latin-1")
            self.defects += check_value(text, FRAMED)
            pairs.append((key.decode("latin-1"), text))

    def _entries(self) -> Entries:
        if not self.body:
            self.defects.append(invalid("grit.tree.non-empty", "the tree is empty"))
        pairs: list[tuple[str, bytes]] = []
        last: bytes | None = None
        while self.at < len(self.body):
            name = self._text("name")
            self._ascend(last, name, "name", "grit.tree.key-order", "grit.tree.key-unique")
            last = name
            self.defects += check_name(name.decode("latin-1"), FRAMED)
            pairs.append((name.decode("latin-1"), self._id("value of an entry") or ZERO))
        return tuple(pairs)

    def _message(self) -> Message:
        previous = self._id("previous", optional=True)
        headers = self.headers()
        content = self._id("content", rule="grit.message.content")
        if self.at != len(self.body):
            raise self._cut("grit.framed.fill", f"{len(self.body) - self.at} bytes after the content")
        return Message(previous, headers, content or ZERO)

    def _tuples(self) -> Tuples:
        if not self.body:
            self.defects.append(invalid("grit.mailbox.non-empty", "the mailbox is empty"))
        pairs: list[tuple[bytes, bytes]] = []
        last: bytes | None = None
        while self.at < len(self.body):
            key = self._id("key") or ZERO
            self._ascend(last, key, "key", "grit.mailbox.key-order", "grit.mailbox.key-unique")
            last = key
            pairs.append((key, self._id("value") or ZERO))
        return tuple(pairs)

    def _step(self) -> Step:
        if len(self.body) > _STEP_BYTES:
            self.defects.append(malformed("grit.framed.fill", f"a step of {len(self.body)} bytes"))
        previous = self._id("previous", optional=True)
        actor = self._id("actor", rule="grit.step.fields") or ZERO
        inbox, outbox = self._id("inbox", optional=True), self._id("outbox", optional=True)
        return Step(previous, actor, inbox, outbox, self._id("core", rule="grit.step.fields") or ZERO)
