"""Documents: the CBOR objects in ``wasm`` of a core, and how they are read and written.

A document is a blob whose only header is ``ct: cbor`` and whose data is one item in deterministic encoding.
``Manifest`` defines what a guest may do, and ``GuestState`` what is kept of it. Both are read strictly: writing the
result again yields the same bytes.

Spec: :rule:`wasm.manifest.strict`, :rule:`wasm.image.strict`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid, Refusal
from gritstone.grit.cbor import read_head, write_head
from gritstone.grit.grammar import Grammar
from gritstone.grit.objects import Blob, Object
from gritstone.wit.failures import failure

__all__ = [
    "DEFAULT_MANIFEST",
    "Clock",
    "GuestState",
    "Manifest",
    "decode_item",
    "encode_item",
    "manifest_blob",
    "read_manifest",
    "read_state",
    "state_blob",
]

Item: TypeAlias = Any
"""An unsigned integer, bytes, a text, a list, a mapping from text, or True."""

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5
_TRUE = b"\xf5"
_DEEPEST = 3
_HEADERS = {"ct": "cbor"}
_U63 = 2**63 - 1
_U64 = 2**64 - 1
_KEY_BYTES = 32
_MAX_PAGES = 65_536


# --- items -----------------------------------------------------------------------------------------------


def encode_item(item: Item) -> bytes:
    """Return the encoding of an item."""
    if item is True:
        return _TRUE
    if isinstance(item, int):
        return write_head(_UNSIGNED, item)
    if isinstance(item, bytes):
        return write_head(_BYTES, len(item)) + item
    if isinstance(item, str):
        data = item.encode()
        return write_head(_TEXT, len(data)) + data
    if isinstance(item, Mapping):
        pairs = sorted((encode_item(key), encode_item(value)) for key, value in item.items())
        return write_head(_MAP, len(pairs)) + b"".join(key + value for key, value in pairs)
    return write_head(_ARRAY, len(item)) + b"".join(map(encode_item, item))


def decode_item(data: bytes) -> Item:
    """Return the item that is encoded by all of the bytes.

    Raises:
        Malformed: the bytes are not CBOR.
        Invalid: the item is not in deterministic encoding, or has a type that documents do not use.
    """
    item, end = _decode(data, 0, 0)
    if end != len(data):
        raise _bad("bytes after the item")
    return item


def _decode(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    if data.startswith(_TRUE, at):
        return True, at + 1
    major = data[at] >> 5 if at < len(data) else _UNSIGNED
    if major not in (_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP) or depth > _DEEPEST:
        raise _bad("an item that no document has")
    argument, at = read_head(data, at, major)
    if major == _UNSIGNED:
        return argument, at
    if argument > len(data) - at:
        raise _bad("the bytes end within the item")
    if major == _ARRAY:
        return _decode_array(data, at, argument, depth)
    if major == _MAP:
        return _decode_map(data, at, argument, depth)
    raw = data[at : at + argument]
    return (raw if major == _BYTES else _text(raw)), at + argument


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("no UTF-8") from None


def _decode_array(data: bytes, at: int, count: int, depth: int) -> tuple[Item, int]:
    items = []
    for _ in range(count):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at


def _decode_map(data: bytes, at: int, count: int, depth: int) -> tuple[Item, int]:
    items: dict[str, Item] = {}
    last = b""
    for _ in range(count):
        start = at
        key, at = _decode(data, start, depth + 1)
        if not isinstance(key, str) or data[start:at] <= last:
            raise _bad("a key that is no text, or not above the one before it")
        last = data[start:at]
        items[key], at = _decode(data, at, depth + 1)
    return items, at


def _bad(what: str) -> Invalid:
    return Invalid(f"no document: {what}", rule="wasm.manifest.strict")


# --- members ---------------------------------------------------------------------------------------------

_Check: TypeAlias = Callable[[Item], bool]


def _integer(least: int, most: int) -> _Check:
    return lambda item: type(item) is int and least <= item <= most


def _is_key(item: Item) -> bool:
    return isinstance(item, bytes) and len(item) == _KEY_BYTES


def _is_true(item: Item) -> bool:
    return item is True


def _word(*words: str) -> _Check:
    return lambda item: isinstance(item, str) and item in words


_u63 = _integer(0, _U63)
_u64 = _integer(0, _U64)


def _is_clock(item: Item) -> bool:
    return isinstance(item, dict) and item.keys() == {"start", "tick"} and all(map(_u63, item.values()))


def _is_random(item: Item) -> bool:
    return isinstance(item, list) and len(item) == 2 and _is_key(item[0]) and _u63(item[1])


def _are_mounts(item: Item) -> bool:
    return isinstance(item, dict) and all(map(_word("ro", "rw"), item.values()))


def _are_globals(item: Item) -> bool:
    return isinstance(item, list) and all(map(_u64, item))


_MANIFEST: Mapping[str, _Check] = MappingProxyType(
    {
        "v": _integer(1, 1),
        "fuel": _integer(1, _U63),
        "tank": _u63,
        "pages": _integer(0, _MAX_PAGES),
        "image": _is_true,
        "random": _is_key,
        "clock": _is_clock,
        "attempt": _is_true,
        "query": _is_true,
        "send": _word("reply", "any"),
        "spawn": _word("wasm", "any"),
        "code": _is_true,
        "update": _word("any"),
        "raw": _is_true,
        "mounts": _are_mounts,
    }
)
_STATE: Mapping[str, _Check] = MappingProxyType(
    {
        "v": _integer(1, 1),
        "used": _u63,
        "pages": _integer(0, _MAX_PAGES),
        "globals": _are_globals,
        "random": _is_random,
        "clock": _u63,
        "call": _word("wit"),
    }
)


def _read_members(value: Object | None, checks: Mapping[str, _Check], needed: set[str]) -> dict[str, Item]:
    """Return the members of a document; ``value`` is None for a tombstone.

    Raises:
        Refusal: the object is not such a document.
    """
    if not isinstance(value, Blob) or dict(value.headers) != _HEADERS:
        raise _bad("no blob with the header ct: cbor alone")
    item = decode_item(value.data)
    if not isinstance(item, dict) or not needed <= item.keys() <= checks.keys():
        raise _bad("other members")
    for name, member in item.items():
        if not checks[name](member):
            raise _bad(f"{name} of another type, or out of bounds")
    return item


# --- the manifest ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clock:
    """The start of a clock, and the advance of each reading."""

    start: int
    tick: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The grants of a guest; everything absent is not granted.

    Spec: :rule:`wasm.manifest.deny`.
    """

    fuel: int = 10_000_000  # units
    tank: int | None = None  # units
    pages: int = 256  # pages of 64 KiB
    image: bool = False
    random: bytes | None = None
    clock: Clock | None = None
    attempt: bool = False
    query: bool = False
    send: str | None = None
    spawn: str | None = None
    code: bool = False
    update: str | None = None
    raw: bool = False
    mounts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def keeps_state(self) -> bool:
        """Return whether anything is kept from call to call."""
        return self.image or self.random is not None or self.clock is not None or self.tank is not None


DEFAULT_MANIFEST = Manifest()
"""The manifest of a core without one."""


def read_manifest(value: Object | None, names: Grammar) -> Manifest:
    """Return the manifest that an object contains.

    Args:
        value: the object; None for a tombstone.
        names: the grammar of names in the format.

    Raises:
        Rejected: the object is not a valid manifest (code ``unresolved:manifest``).

    Spec: :rule:`wasm.manifest.strict`.
    """
    try:
        members = _read_members(value, _MANIFEST, {"v"})
        for mount in members.get("mounts", {}):
            names.check(mount)
    except Refusal as refusal:
        raise failure("unresolved", str(refusal), rule="wasm.manifest.strict", detail="manifest") from refusal
    del members["v"]
    if "clock" in members:
        members["clock"] = Clock(**members["clock"])
    if "mounts" in members:
        members["mounts"] = MappingProxyType(members["mounts"])
    return Manifest(**members)


def manifest_blob(manifest: Manifest) -> Blob:
    """Return the document of a manifest; members with default values are omitted."""
    members: dict[str, Item] = {"v": 1}
    for name in _MANIFEST:
        value = None if name == "v" else getattr(manifest, name)
        if name != "v" and value != getattr(DEFAULT_MANIFEST, name):
            members[name] = {"start": value.start, "tick": value.tick} if isinstance(value, Clock) else value
    return Blob(_HEADERS, encode_item(members))


# --- the state -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GuestState:
    """The state that is kept of an actor, without its memory.

    Attributes:
        used: the units spent by all steps, plus the tanks given to other actors.
        pages: the size of the memory; None without an image.
        globals: the bits of the mutable globals; None without an image.
        random: the key and the position of the random stream.
        clock: the value of the next reading.
        call: the entry that is suspended.
    """

    used: int = 0
    pages: int | None = None
    globals: tuple[int, ...] | None = None
    random: tuple[bytes, int] | None = None
    clock: int | None = None
    call: str | None = None


def read_state(value: Object | None) -> GuestState:
    """Return the state that an object contains.

    Args:
        value: the object; None for a tombstone.

    Raises:
        Rejected: the object is not a valid state (code ``unresolved:image``).

    Spec: :rule:`wasm.image.strict`.
    """
    try:
        members = _read_members(value, _STATE, {"v", "used"})
        if ("pages" in members) != ("globals" in members) or ("call" in members and "pages" not in members):
            raise _bad("half an image")
    except Refusal as refusal:
        raise failure("unresolved", str(refusal), rule="wasm.image.strict", detail="image") from refusal
    del members["v"]
    for name in ("globals", "random"):
        if name in members:
            members[name] = tuple(members[name])
    return GuestState(**members)


def state_blob(state: GuestState) -> Blob:
    """Return the document of a state."""
    members = {name: getattr(state, name) for name in _STATE if name != "v"}
    return Blob(_HEADERS, encode_item({"v": 1} | {name: item for name, item in members.items() if item is not None}))
