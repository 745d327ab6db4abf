"""Manifest and state: documents of one deterministic CBOR item each, read strictly and written.

Spec: ``wasm/capabilities``, ``wasm/snapshot``, ``wasm.cddl``; :rule:`wasm.manifest.strict`, :rule:`wasm.image.strict`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.cbor import encode_head
from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.wasm.instructions import LIMITS
from gritstone_conformance.model.wellformed import NotWellFormed, read_head

__all__ = ["CT_CBOR", "MOST", "Manifest", "NoDocument", "State", "encode_item", "read_manifest", "read_state"]

CT_CBOR: Final = (("ct", "cbor"),)
"""The headers of a document."""

MOST: Final = (1 << 63) - 1
"""The largest u63."""

_MOST_PAGES: Final = 65_536
_SIMPLE: Final = {0xF4: False, 0xF5: True}
_Check: TypeAlias = Callable[[Any], bool]


class NoDocument(Exception):  # noqa: N818 - says what the bytes are
    """Bytes are no document of the form."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an actor is granted; each member at its default where the document lacks it.

    Attributes:
        clock: start and tick, or None.
    """

    fuel: int = LIMITS["manifest"]["fuel_default"]
    tank: int | None = None
    pages: int = LIMITS["manifest"]["pages_default"]
    image: bool = False
    random: bytes | None = None
    clock: tuple[int, int] | None = None
    attempt: bool = False
    query: bool = False
    send: str | None = None
    spawn: str | None = None
    code: bool = False
    update: str | None = None
    raw: bool = False
    mounts: Mapping[str, str] | None = None

    @property
    def keeps_state(self) -> bool:
        """Whether there is a state after its steps."""
        return self.image or self.random is not None or self.clock is not None or self.tank is not None


@dataclass(frozen=True, slots=True)
class State:
    """The state of a Wasm actor without its memory.

    Attributes:
        pages: the size of the memory of the image, or None where there is no image; so too ``mutable``.
        mutable: the bits of the mutable globals.
        suspended: whether a call waits to be resumed.
    """

    used: int = 0
    pages: int | None = None
    mutable: tuple[int, ...] | None = None
    random: tuple[bytes, int] | None = None
    clock: int | None = None
    suspended: bool = False

    def granted(self, manifest: Manifest) -> State:
        """Return the state with what a manifest grants: members at their first value where they are lacking."""
        keeps = manifest.image
        random = None if manifest.random is None else self.random or (manifest.random, 0)
        clock = None
        if manifest.clock is not None:
            clock = manifest.clock[0] if self.clock is None else self.clock
        return replace(
            self,
            pages=self.pages if keeps else None,
            mutable=self.mutable if keeps else None,
            random=random,
            clock=clock,
            suspended=self.suspended and keeps,
        )

    def encode(self) -> bytes:
        """Return the document."""
        members: dict[str, Any] = {"v": 1, "used": self.used}
        if self.pages is not None and self.mutable is not None:
            members |= {"pages": self.pages, "globals": list(self.mutable)}
        if self.random is not None:
            members["random"] = list(self.random)
        if self.clock is not None:
            members["clock"] = self.clock
        if self.suspended:
            members["call"] = "wit"
        return encode_item(members)


def encode_item(value: Any) -> bytes:
    """Return the deterministic encoding of a value of integers from 0, texts, bytes, truth values, lists and maps."""
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return encode_head(0, value) if value >= 0 else encode_head(1, -1 - value)
        case bytes():
            return encode_head(2, len(value)) + value
        case str():
            data = value.encode()
            return encode_head(3, len(data)) + data
        case list():
            return encode_head(4, len(value)) + b"".join(map(encode_item, value))
        case dict():
            pairs = sorted((encode_item(key), encode_item(item)) for key, item in value.items())
            return encode_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise TypeError(f"{value!r} stands in no document")


def read_manifest(data: bytes, format_name: str) -> Manifest:
    """Return the manifest that bytes spell; raises NoDocument."""

    def is_mounts(value: Any) -> bool:
        return isinstance(value, dict) and all(
            not check_name(name, format_name) and mode in ("ro", "rw") for name, mode in value.items()
        )

    members = _members(data, {**_MANIFEST, "mounts": is_mounts})
    del members["v"]
    if "clock" in members:
        members["clock"] = (members["clock"]["start"], members["clock"]["tick"])
    return Manifest(**members)


def read_state(data: bytes) -> State:
    """Return the state that bytes spell; raises NoDocument."""
    members = _members(data, _STATE)
    has_image = "pages" in members
    if "used" not in members or has_image != ("globals" in members) or ("call" in members and not has_image):
        raise NoDocument("a member is lacking")
    return State(
        used=members["used"],
        pages=members.get("pages"),
        mutable=tuple(members["globals"]) if has_image else None,
        random=tuple(members["random"]) if "random" in members else None,
        clock=members.get("clock"),
        suspended="call" in members,
    )


def _within(least: int, most: int) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _word(*words: str) -> _Check:
    return lambda value: type(value) is str and value in words


def _is_true(value: Any) -> bool:
    return value is True


def _is_key(value: Any) -> bool:
    return type(value) is bytes and len(value) == 32


def _is_clock(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"start", "tick"} and all(map(_U63, value.values()))


def _is_position(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_key(value[0]) and _U63(value[1])


def _is_globals(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


_U63: Final = _within(0, MOST)
_MANIFEST: Final[dict[str, _Check]] = {
    "v": _within(1, 1),
    "fuel": _within(1, MOST),
    "tank": _U63,
    "pages": _within(0, _MOST_PAGES),
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
}
_STATE: Final[dict[str, _Check]] = {
    "v": _within(1, 1),
    "used": _U63,
    "pages": _within(0, _MOST_PAGES),
    "globals": _is_globals,
    "random": _is_position,
    "clock": _U63,
    "call": _word("wit"),
}


def _members(data: bytes, checks: Mapping[str, _Check]) -> dict[str, Any]:
    """Return the members of a document, each of which passes its check."""
    reader = _Reader(data)
    try:
        members = reader.item()
    except NotWellFormed as problem:
        raise NoDocument(str(problem)) from problem
    if reader.at != len(data) or not isinstance(members, dict) or "v" not in members:
        raise NoDocument("the bytes are no map with v, or more than that")
    for name, value in members.items():
        if name not in checks or not checks[name](value):
            raise NoDocument(f"the member {name!r}")
    return members


class _Reader:
    """Reads items of the deterministic encoding: integers, byte strings, texts, arrays, maps, false and true."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def item(self, depth: int = 0) -> Any:
        """Return the next item; raises NoDocument or NotWellFormed."""
        head = read_head(self.data, self.at)
        if depth > 4 or head.info == 31 or (not head.shortest and head.major != 7):
            raise NoDocument("nested too deep, of no length, or in a longer spelling")
        first, self.at = self.data[self.at], head.end
        match head.major:
            case 0 | 1:
                return head.argument if head.major == 0 else -1 - head.argument
            case 2:
                return self._take(head.argument)
            case 3:
                return self._text(head.argument)
            case 4:
                self._fits(head.argument)
                return [self.item(depth + 1) for _ in range(head.argument)]
            case 5:
                self._fits(head.argument)
                return self._map(head.argument, depth)
        if first in _SIMPLE:
            return _SIMPLE[first]
        raise NoDocument("a tag, a float, or a simple value that has no place here")

    def _fits(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise NoDocument("more items than bytes")

    def _take(self, length: int) -> bytes:
        self._fits(length)
        taken = self.data[self.at : self.at + length]
        self.at += length
        return taken

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError as problem:
            raise NoDocument("a text that is no UTF-8") from problem

    def _map(self, count: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        last = b""
        for _ in range(count):
            start = self.at
            key = self.item(depth + 1)
            spelt = self.data[start : self.at]
            if type(key) is not str or spelt <= last:
                raise NoDocument("a key that is no text, or out of order")
            last, found[key] = spelt, self.item(depth + 1)
        return found
