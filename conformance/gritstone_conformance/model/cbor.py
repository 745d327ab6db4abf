"""Format ``cbor-blake3``: which bytes spell an object, and which refusal classes bytes permit that do not.

Two readings: a strict reader from the front says whether an invalid condition holds of the part that can be read;
where it does not read all bytes, ``wellformed`` says whether they are one item at all. Each that fails adds its class.

Invariant: ``encode(decode(data)) == data`` for all data that :func:`decode` accepts.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import Final, TypeVar

from gritstone_conformance.model.check import check_values
from gritstone_conformance.model.grammar import (
    CBOR,
    KEY_BYTES,
    NAME_BYTES,
    VALUE_BYTES,
    check_key,
    check_name,
    check_value,
)
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, malformed
from gritstone_conformance.model.values import (
    ZERO,
    Blob,
    Headers,
    Mailbox,
    Message,
    Object,
    Step,
    Tree,
)
from gritstone_conformance.model.wellformed import Head, NotWellFormed, is_one_item, read_head

__all__ = ["decode", "encode", "encode_head", "in_order"]

_UINT, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5
_INDEFINITE, _NULL, _BREAK = 31, 0xF6, 0xFF
_ID_HEAD: Final = b"\x58\x20"
_STEP: Final = struct.Struct("2s32s" * 5)
_PAIR: Final = struct.Struct("2s32s2s32s")
_SHORT_HEADS: Final = tuple(bytes((byte,)) for byte in range(256))
_ARITY: Final = (3, 2, 4, 2, 6)  # elements of the array, by kind
_TYPE_NAMES: Final = ("integer", "integer", "byte string", "text", "array", "map", "tag", "simple value")

_Value = TypeVar("_Value")


def in_order(pairs: tuple[tuple[str, _Value], ...]) -> list[tuple[str, _Value]]:
    """Return a map's pairs in this format's order: ascending bytes of the encoded keys."""
    return sorted(pairs, key=lambda pair: _text(pair[0]))


def encode_head(major: int, argument: int) -> bytes:
    """Return the shortest head."""
    if argument < 24:
        return _SHORT_HEADS[major << 5 | argument]
    width = next(width for width in range(4) if argument < 1 << (8 << width))
    return bytes((major << 5 | 24 + width,)) + argument.to_bytes(1 << width)


def encode(value: Object) -> bytes:
    """Return the one encoding of a value.

    Raises:
        Refusal: the value has none.
    """
    if isinstance(value, Blob) and not value.headers:
        return b"\x83\x00\xa0" + _bytes(value.data)
    check_values(value, CBOR)
    match value:
        case Blob(headers, data):
            return b"\x83\x00" + _headers(headers) + _bytes(data)
        case Tree(entries):
            pairs = b"".join([name + _bytes(target) for name, target in _texts_in_order(entries)])
            return b"\x82\x01" + encode_head(_MAP, len(entries)) + pairs
        case Message(previous, headers, content):
            return b"\x84\x02" + _maybe(previous) + _headers(headers) + _bytes(content)
        case Mailbox(entries):
            pairs = b"".join([_bytes(part) for pair in sorted(entries) for part in pair])
            return b"\x82\x03" + encode_head(_MAP, len(entries)) + pairs
        case Step(previous, actor, inbox, outbox, core):
            return b"\x86\x04" + b"".join(map(_maybe, (previous, actor, inbox, outbox, core)))


def decode(data: bytes) -> Object:
    """Return the value that bytes spell; entries and headers in the order of the bytes.

    Raises:
        Refusal: they spell none; with a defect for each class that is true of them.

    Spec: :rule:`grit.object.class`.
    """
    plain = _read_plain(data)
    if plain is not None:
        return plain
    reader, unfit = _Reader(data), None
    try:
        value = reader.read()
        if reader.at == len(data):
            return value
    except _Unfit as problem:
        unfit = problem.defect
    except NotWellFormed:
        pass  # then it is not one item either
    defects: list[Defect] = []
    if not is_one_item(data):
        defects.append(malformed("grit.cbor.one-item", "the bytes are not exactly one well-formed item"))
    if unfit is not None:
        defects.append(unfit)
    assert defects, "the strict reader met an ill-formed item in a well-formed one"
    raise Refusal(defects)


def _read_plain(data: bytes) -> Object | None:
    """Return the value of bytes that are read in few operations and have no defect; None for all other bytes."""
    start = data[:2]
    if start == b"\x86\x04" and len(data) == 2 + _STEP.size:
        head, previous, head_2, actor, head_3, inbox, head_4, outbox, head_5, core = _STEP.unpack_from(data, 2)
        ids = previous, actor, inbox, outbox, core
        is_plain = head == head_2 == head_3 == head_4 == head_5 == _ID_HEAD and ZERO not in ids
        return Step(*ids) if is_plain else None
    if start == b"\x82\x03" and len(data) > 3 and data[2] >> 5 == _MAP:
        count = (len(data) - 3) // _PAIR.size
        if not 0 < count < 24 or data[:3] != start + encode_head(_MAP, count) or len(data) != 3 + count * _PAIR.size:
            return None
        return _plain_mailbox(data[3:])
    return None


def _plain_mailbox(body: bytes) -> Mailbox | None:
    pairs, last = [], ZERO
    for head, key, other_head, target in _PAIR.iter_unpack(body):
        if head != _ID_HEAD or other_head != _ID_HEAD or key <= last or target == ZERO:
            return None
        pairs.append((key, target))
        last = key
    return Mailbox(tuple(pairs))


def _text(text: str) -> bytes:
    encoded = text.encode()
    return encode_head(_TEXT, len(encoded)) + encoded


def _bytes(data: bytes) -> bytes:
    return _ID_HEAD + data if len(data) == 32 else encode_head(_BYTES, len(data)) + data


def _maybe(identity: bytes | None) -> bytes:
    return b"\xf6" if identity is None else _bytes(identity)


def _headers(headers: Headers) -> bytes:
    if not headers:
        return b"\xa0"
    pairs = b"".join([key + _text(text) for key, text in _texts_in_order(headers)])
    return encode_head(_MAP, len(headers)) + pairs


def _texts_in_order(pairs: tuple[tuple[str, _Value], ...]) -> list[tuple[bytes, _Value]]:
    return sorted([(_text(name), value) for name, value in pairs], key=itemgetter(0))


class _Unfit(Exception):  # noqa: N818 - ends the strict reading
    """An invalid condition holds; a strict reader stops here."""

    def __init__(self, rule: str, words: str) -> None:
        self.defect = invalid(rule, words)
        super().__init__(words)


class _Reader:
    """Reads one object from the front, stopping at the first element that does not fit."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self) -> Object:
        """Return the value; raises _Unfit or NotWellFormed."""
        arity = self._head(_ARRAY, "object")
        if arity not in _ARITY:
            raise _Unfit("grit.cbor.shape", f"an array of {arity}")
        kind = self._head(_UINT, "kind")
        if kind >= len(_ARITY):
            raise _Unfit("grit.object.kinds", f"unknown kind number {kind}")
        if _ARITY[kind] != arity:
            raise _Unfit("grit.cbor.shape", f"kind {kind} in an array of {arity}")
        return (self._blob, self._tree, self._message, self._mailbox, self._step)[kind]()

    def _blob(self) -> Blob:
        headers = self._headers()
        return Blob(headers, self._string(_BYTES, "data"))

    def _tree(self) -> Tree:
        count = self._head(_MAP, "entries")
        if count == 0:
            raise _Unfit("grit.tree.non-empty", "the tree is empty")
        pairs: list[tuple[str, bytes]] = []
        last = b""
        for _ in range(count):
            name, last = self._key(last, NAME_BYTES, "grit.tree.key-order", "grit.tree.key-unique")
            self._refuse(check_name(name, CBOR))
            pairs.append((name, self._id("value of an entry")))
        return Tree(tuple(pairs))

    def _message(self) -> Message:
        previous = self._maybe("previous", "grit.message.previous")
        headers = self._headers()
        return Message(previous, headers, self._id("content", "grit.message.content"))

    def _mailbox(self) -> Mailbox:
        count = self._head(_MAP, "entries")
        if count == 0:
            raise _Unfit("grit.mailbox.non-empty", "the mailbox is empty")
        pairs: list[tuple[bytes, bytes]] = []
        for _ in range(count):
            key = self._id("key")
            if pairs and key <= pairs[-1][0]:
                rule = "grit.mailbox.key-unique" if key == pairs[-1][0] else "grit.mailbox.key-order"
                raise _Unfit(rule, f"the key {key.hex()} is a duplicate or out of order")
            pairs.append((key, self._id("value")))
        return Mailbox(tuple(pairs))

    def _step(self) -> Step:
        previous = self._maybe("previous")
        actor = self._id("actor", "grit.step.fields")
        inbox, outbox = self._maybe("inbox"), self._maybe("outbox")
        return Step(previous, actor, inbox, outbox, self._id("core", "grit.step.fields"))

    def _headers(self) -> Headers:
        pairs: list[tuple[str, str]] = []
        last = b""
        for _ in range(self._head(_MAP, "headers")):
            key, last = self._key(last, KEY_BYTES, "grit.header.order", "grit.header.order")
            self._refuse(check_key(key))
            text = self._text("header value", VALUE_BYTES)
            self._refuse(check_value(text, CBOR))
            pairs.append((key, text))
        return tuple(pairs)

    def _key(self, last: bytes, most: int, order: str, unique: str) -> tuple[str, bytes]:
        start = self.at
        text = self._text("key", most)
        encoded = self.data[start : self.at]
        if encoded <= last:
            raise _Unfit(unique if encoded == last else order, f"the key {text[:40]!r} is a duplicate or out of order")
        return text, encoded

    def _maybe(self, what: str, rule: str = "grit.id.zero") -> bytes | None:
        if self.at < len(self.data) and self.data[self.at] == _NULL:
            self.at += 1
            return None
        return self._id(what, rule)

    def _id(self, what: str, rule: str = "grit.id.zero") -> bytes:
        start = self.at + len(_ID_HEAD)
        identity = self.data[start : start + 32]
        if self.data[self.at : start] == _ID_HEAD and len(identity) == 32:
            self.at = start + 32
        else:
            head = self._peek(_BYTES, what)
            if head.argument != 32:
                raise _Unfit("grit.cbor.shape", f"the {what} has {head.argument} bytes")
            identity = self._string(_BYTES, what)
        if identity == ZERO:
            raise _Unfit(rule, f"the {what} is all zero")
        return identity

    def _string(self, major: int, what: str) -> bytes:
        head = self._peek(major, what)
        self.at = head.end + head.argument
        if self.at > len(self.data):
            raise NotWellFormed(f"the bytes end within the {what}")
        return self.data[head.end : self.at]

    def _text(self, what: str, most: int) -> str:
        """Read a text; what is wrong with it shows even where the bytes end within it."""
        length = self._short(_TEXT)
        if length is not None:
            text = self.data[self.at : self.at + length]
            if len(text) == length and text.isascii():
                self.at += length
                return text.decode()
            self.at -= 1
        head = self._peek(_TEXT, what)
        if head.argument > most:
            rule = "grit.name.grammar" if most == NAME_BYTES else "grit.header.grammar"
            raise _Unfit(rule, f"the {what} has {head.argument} bytes")
        try:
            self.data[head.end : head.end + head.argument].decode()
        except UnicodeDecodeError as problem:
            raise _Unfit("grit.cbor.utf8", f"the {what} is not UTF-8: {problem.reason}") from problem
        return self._string(_TEXT, what).decode()

    def _short(self, major: int) -> int | None:
        """Read a head of one byte and return its argument; None, and nothing is read, where it is another head."""
        initial = self.data[self.at] if self.at < len(self.data) else _BREAK
        if initial >> 5 != major or initial & 31 >= 24:
            return None
        self.at += 1
        return initial & 31

    def _head(self, major: int, what: str) -> int:
        argument = self._short(major)
        if argument is not None:
            return argument
        head = self._peek(major, what)
        self.at = head.end
        return head.argument

    def _peek(self, major: int, what: str) -> Head:
        """Return the head at the current place, which must have this type, a definite length and no byte too many."""
        head = read_head(self.data, self.at)
        self._check_type(self.data[self.at], major, what)
        if head.info == _INDEFINITE:
            raise _Unfit("grit.cbor.definite", f"the {what} has indefinite length")
        if not head.shortest:
            raise _Unfit("grit.cbor.shortest", f"the head of the {what} is longer than necessary")
        return head

    def _check_type(self, initial: int, major: int, what: str) -> None:
        found = initial >> 5
        if initial == _BREAK:
            raise NotWellFormed(f"a break instead of the {what}")
        if found == major:
            return
        rule = "grit.cbor.plain" if found in (6, 7) else "grit.cbor.shape"
        raise _Unfit(rule, f"the {what} is a {_TYPE_NAMES[found]}, not a {_TYPE_NAMES[major]}")

    @staticmethod
    def _refuse(defects: list[Defect]) -> None:
        if defects:
            raise _Unfit(defects[0].rule, defects[0].words)
