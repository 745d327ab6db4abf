"""Encoding templates: the parts that objects of the same shape have in common are encoded once.

An id has 32 bytes in each format, and no rule of order depends on the ids in values. So the encodings of two objects
that differ only in such ids differ only in these bytes. A *template* is the encoding of a model object with ``%b`` in
the places of its ids. The encoding of another object of the same shape is the template with the ids of that object. The
format's own encoder encodes the model, so this module does not depend on a format, and it writes only what that encoder
would write.

The shape consists of: for a step, which ids are absent; for a message, its type, its attempt and whether it has a
previous; for a tree, its names; for a mailbox, its number of entries. Large maps and messages with other headers have
no template. The encodings of two short blobs with the same one header ``ct`` and the same length differ only in their
data, which is at their end.

Spec: :rule:`grit.object.one-spelling`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import ZERO_ID, Blob, Kind, Mailbox, Message, Object, Step, Tree
from gritstone.wit.objects import Encode

__all__ = ["EncodingTemplates", "encoder_of"]

_ID_BYTES = 32
_MOST_ENTRIES = 12
_MOST_TEMPLATES = 1_024
_MOST_BLOB_BYTES = 1_024
_MOST_TYPE_CHARACTERS = 32
_MARKS = sorted(sha256(b"mark %d" % number).digest() for number in range(2 * _MOST_ENTRIES))

_Ids: TypeAlias = tuple[Any, ...]
_Template: TypeAlias = tuple[bytes, Callable[[_Ids], _Ids] | None, int]
"""A template for the ids; a function that selects the ids of its places, or None for all of them in order; and the
total length."""


class EncodingTemplates:
    """An encoder for objects of one format that is fast if the shape of the object is known.

    Attributes:
        format: the format.
        limits: the limits of the encoder.
    """

    __slots__ = ("_encoders", "_known", "_prefixes", "_seen", "format", "limits")

    def __init__(self, format_: Format, limits: Limits) -> None:
        self.format = format_
        self.limits = limits
        self._known: dict[Hashable, _Template] = {}
        self._prefixes: dict[tuple[str, int], bytes] = {}
        self._seen: set[Hashable] = set()
        self._encoders: Mapping[Kind, Callable[[Any], bytes]] = MappingProxyType(
            {
                Kind.STEP: self._encode_step,
                Kind.MESSAGE: self._encode_message,
                Kind.MAILBOX: self._encode_mailbox,
                Kind.TREE: self._encode_tree,
                Kind.BLOB: self._encode_blob,
            }
        )

    def encode(self, value: Object) -> bytes:
        """Encode an object, with the same bytes and refusals as the encoder of the format.

        Raises:
            Invalid: the value has no encoding in the format.
            Exhausted: it is longer than ``limits.object_bytes``.
        """
        return self._encoders[value.kind](value)

    def _encode_plain(self, value: Object) -> bytes:
        return self.format.encode(value, self.limits)

    def _encode_blob(self, value: Blob) -> bytes:
        headers, data = value.headers, value.data
        size, word = len(data), headers.get("ct")
        if word is None or len(headers) != 1 or size > _MOST_BLOB_BYTES or len(word) > _MOST_TYPE_CHARACTERS:
            return self._encode_plain(value)
        prefix = self._prefixes.get((word, size))
        if prefix is not None:
            return prefix + data
        encoding = self._encode_plain(value)
        if encoding.endswith(data):
            if len(self._prefixes) >= _MOST_TEMPLATES:
                self._prefixes.clear()
            self._prefixes[word, size] = encoding[: len(encoding) - size]
        return encoding

    def _encode_step(self, value: Step) -> bytes:
        previous, inbox, outbox = value.previous, value.inbox, value.outbox
        ids = (previous, value.actor, inbox, outbox, value.core)
        outline = (previous is None, inbox is None, outbox is None)
        template = self._known.get(outline)
        if template is None:
            marks = [None if one is None else mark for one, mark in zip(ids, _MARKS, strict=False)]
            template = self._learn(outline, Step(marks[0], _MARKS[1], marks[2], marks[3], _MARKS[4]), 5)
        return _fill(template, ids) or self._encode_plain(value)

    def _encode_message(self, value: Message) -> bytes:
        previous, headers = value.previous, value.headers
        mt = attempt = None
        if headers:
            mt, attempt = headers.get("mt"), headers.get("attempt")
            if mt is None or len(headers) != (1 if attempt is None else 2):
                return self._encode_plain(value)
        outline = (previous is None, mt, attempt)
        template = self._known.get(outline)
        if template is None:
            model = Message(None if previous is None else _MARKS[0], headers, _MARKS[1])
            template = self._learn(outline, model, 2)
        return _fill(template, (previous, value.content)) or self._encode_plain(value)

    def _encode_mailbox(self, value: Mailbox) -> bytes:
        entries = value.entries
        count = len(entries)
        if not 0 < count <= _MOST_ENTRIES:
            return self._encode_plain(value)
        template = self._known.get(count)
        if template is None:
            model = Mailbox(dict(zip(_MARKS[:count], _MARKS[count : 2 * count], strict=True)))
            template = self._learn(count, model, 2 * count)
        if count == 1:
            ids: _Ids = (*entries, *entries.values())
        else:
            keys = sorted(entries)
            ids = (*keys, *[entries[key] for key in keys])
        return _fill(template, ids) or self._encode_plain(value)

    def _encode_tree(self, value: Tree) -> bytes:
        entries = value.entries
        outline = tuple(entries)
        template = self._known.get(outline)
        if template is None:
            if not 0 < len(entries) <= _MOST_ENTRIES:
                return self._encode_plain(value)
            if outline not in self._seen:  # most trees whose names are ids or numbers have a new outline
                self._note(outline)
                return self._encode_plain(value)
            template = self._learn(outline, Tree(dict(zip(entries, _MARKS, strict=False))), len(entries))
        return _fill(template, tuple(entries.values())) or self._encode_plain(value)

    def _note(self, outline: Hashable) -> None:
        """Record an outline that was used once."""
        if len(self._seen) >= _MOST_TEMPLATES:
            self._seen.clear()
        self._seen.add(outline)

    def _learn(self, outline: Hashable, model: Object, count: int) -> _Template:
        """Split the encoding of a model at its marks; each fill supplies ``count`` ids.

        Raises:
            Invalid: the model cannot be encoded, so the shape itself is not allowed.
        """
        data = self.format.encode(model, self.limits)
        places = sorted((data.find(mark), number) for number, mark in enumerate(_MARKS) if mark in data)
        pieces: list[bytes] = []
        end = 0
        for at, _ in places:
            pieces.append(data[end:at].replace(b"%", b"%%"))
            end = at + _ID_BYTES
        pieces.append(data[end:].replace(b"%", b"%%"))
        numbers = [number for _, number in places]
        pick = itemgetter(*numbers) if len(numbers) > 1 else itemgetter(slice(numbers[0], numbers[0] + 1))
        if len(self._known) >= _MOST_TEMPLATES:
            self._known.clear()
        template = b"%b".join(pieces), None if numbers == list(range(count)) else pick, len(data)
        self._known[outline] = template
        return template


@lru_cache(maxsize=8)
def encoder_of(format_: Format, limits: Limits) -> Encode:
    """Return the encoder that all stores with this format and these limits share."""
    return EncodingTemplates(format_, limits).encode


def _fill(template: _Template, ids: _Ids) -> bytes:
    """Return the template with ids in its places, or no bytes if one of them is invalid.

    Ids of wrong lengths with the right total length are not found here. No object that contains such an id is admitted.
    """
    pattern, pick, size = template
    if pick is not None:
        ids = pick(ids)
    data = pattern % ids
    return data if len(data) == size and ZERO_ID not in ids else b""
