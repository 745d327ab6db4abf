"""The five kinds of object, and the one table of their fields.

``FIELDS`` alone defines the fields of each kind, their order, and the allowed kinds of the objects that their ids name.
Both formats, the JSON form of the harness, and the edges of the graph are derived from it.

Objects are values: frozen, and their maps are private copies behind read-only views (a ``MappingProxyType`` is used as
it is: its creator must not change the map afterwards). A constructor does not check its arguments; encoding does,
because the allowed values depend on the format.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias

__all__ = [
    "FIELDS",
    "KINDS",
    "NO_HEADERS",
    "ZERO_ID",
    "Blob",
    "Field",
    "Kind",
    "Mailbox",
    "Message",
    "Object",
    "ObjectId",
    "Shape",
    "Step",
    "Tree",
]

ObjectId: TypeAlias = bytes
"""32 bytes, never all zero; as text 64 lower-case hex digits."""

ZERO_ID: ObjectId = bytes(32)
"""32 zero bytes: never an id; ``framed-sha256`` writes it for *none*."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Kind(enum.Enum):
    """The five kinds; the value is the number that ``cbor-blake3`` writes.

    Spec: :rule:`grit.object.kinds`.
    """

    BLOB = 0
    TREE = 1
    MESSAGE = 2
    MAILBOX = 3
    STEP = 4

    # The members are keys of small dictionaries in hot paths; Enum would hash their names again each time.
    __hash__ = object.__hash__

    @property
    def word(self) -> str:
        """Return the name that ``framed-sha256`` and the harness write."""
        return self.name.lower()


class Shape(enum.Enum):
    """The type of a field."""

    HEADERS = "map from header key to header value, possibly empty"
    DATA = "any bytes"
    NAMED_IDS = "map from name to id, at least one entry"
    KEYED_IDS = "map from id to id, at least one entry"
    LINK = "an id or none"
    ID = "an id"

    __hash__ = object.__hash__  # as for Kind


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind.

    Attributes:
        name: the attribute of the object and the member of its JSON form.
        shape: the type of the field.
        leads_to: the allowed kinds of the objects that its ids (a map's values) name.
        keys_lead_to: the allowed kinds of the objects that the keys of a ``KEYED_IDS`` map name.
    """

    name: str
    shape: Shape
    leads_to: frozenset[Kind] = frozenset()
    keys_lead_to: frozenset[Kind] = frozenset()


_CONTENT = frozenset({Kind.BLOB, Kind.TREE})
_TREE = frozenset({Kind.TREE})
_MESSAGE = frozenset({Kind.MESSAGE})
_MAILBOX = frozenset({Kind.MAILBOX})
_STEP = frozenset({Kind.STEP})

FIELDS: Mapping[Kind, tuple[Field, ...]] = MappingProxyType(
    {
        Kind.BLOB: (Field("headers", Shape.HEADERS), Field("data", Shape.DATA)),
        Kind.TREE: (Field("entries", Shape.NAMED_IDS, _CONTENT),),
        Kind.MESSAGE: (
            Field("previous", Shape.LINK, _MESSAGE),
            Field("headers", Shape.HEADERS),
            Field("content", Shape.ID, _CONTENT),
        ),
        Kind.MAILBOX: (Field("entries", Shape.KEYED_IDS, _MESSAGE, _TREE),),
        Kind.STEP: (
            Field("previous", Shape.LINK, _STEP),
            Field("actor", Shape.ID, _TREE),
            Field("inbox", Shape.LINK, _MAILBOX),
            Field("outbox", Shape.LINK, _MAILBOX),
            Field("core", Shape.ID, _TREE),
        ),
    }
)
"""Fields of each kind in the order of both encodings; edges follow the same order."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with headers.

    Attributes:
        headers: by key; a decoded map is in the order of its encoding. The order is not part of the value.
        data: possibly empty.
    """

    kind: ClassVar[Kind] = Kind.BLOB
    headers: Mapping[str, str]
    data: bytes

    def __post_init__(self) -> None:
        if type(self.headers) is not MappingProxyType:
            object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))


@dataclass(frozen=True, slots=True)
class Tree:
    """A map from names to blobs and trees.

    Attributes:
        entries: by name; at least one. The order is not part of the value.

    Spec: :rule:`grit.tree.non-empty`.
    """

    kind: ClassVar[Kind] = Kind.TREE
    entries: Mapping[str, ObjectId]

    def __post_init__(self) -> None:
        if type(self.entries) is not MappingProxyType:
            object.__setattr__(self, "entries", MappingProxyType(dict(self.entries)))


@dataclass(frozen=True, slots=True)
class Message:
    """A message: the first of a channel, or the successor of an earlier message of it.

    Spec: :rule:`grit.message.previous`, :rule:`grit.message.content`.
    """

    kind: ClassVar[Kind] = Kind.MESSAGE
    previous: ObjectId | None
    headers: Mapping[str, str]
    content: ObjectId

    def __post_init__(self) -> None:
        if type(self.headers) is not MappingProxyType:
            object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The last message of each channel.

    Attributes:
        entries: message id by actor id; at least one. The order is not part of the value.

    Spec: :rule:`grit.mailbox.non-empty`.
    """

    kind: ClassVar[Kind] = Kind.MAILBOX
    entries: Mapping[ObjectId, ObjectId]

    def __post_init__(self) -> None:
        if type(self.entries) is not MappingProxyType:
            object.__setattr__(self, "entries", MappingProxyType(dict(self.entries)))


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the state of an actor.

    Spec: :rule:`grit.step.fields`.
    """

    kind: ClassVar[Kind] = Kind.STEP
    previous: ObjectId | None
    actor: ObjectId
    inbox: ObjectId | None
    outbox: ObjectId | None
    core: ObjectId


Object: TypeAlias = Blob | Tree | Message | Mailbox | Step

KINDS: Mapping[Kind, type[Object]] = MappingProxyType(
    {Kind.BLOB: Blob, Kind.TREE: Tree, Kind.MESSAGE: Message, Kind.MAILBOX: Mailbox, Kind.STEP: Step}
)
"""The class of each kind; its constructor accepts the fields in the order of ``FIELDS``."""
