"""The five kinds of object as plain values, and their JSON form.

Maps are tuples of pairs, in whatever order they were built: putting them in order is the business of an encoding.
Texts are ``str``, ids are 32 raw bytes, none is None.

Invariant: ``from_json(to_json(value)) == value``.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gritstone_conformance.replies import Json

__all__ = [
    "KINDS",
    "ZERO",
    "Blob",
    "Entries",
    "Headers",
    "Mailbox",
    "Message",
    "Object",
    "Step",
    "Tree",
    "Tuples",
    "from_base64",
    "from_json",
    "kind_of",
    "to_base64",
    "to_json",
]

KINDS: Final = ("blob", "tree", "message", "mailbox", "step")
"""The kinds, at their numbers in ``cbor-blake3``."""

ZERO: Final = bytes(32)
"""Z: 32 zero bytes, never an id."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
Entries: TypeAlias = tuple[tuple[str, bytes], ...]
Tuples: TypeAlias = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with headers."""

    headers: Headers
    data: bytes


@dataclass(frozen=True, slots=True)
class Tree:
    """Names to ids of blobs and trees."""

    entries: Entries


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chain; ``content`` is the id of a blob or tree."""

    previous: bytes | None
    headers: Headers
    content: bytes


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Actor ids to ids of messages."""

    entries: Tuples


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an actor: ids of a step, a tree, two mailboxes and a tree."""

    previous: bytes | None
    actor: bytes
    inbox: bytes | None
    outbox: bytes | None
    core: bytes


Object: TypeAlias = Blob | Tree | Message | Mailbox | Step


def kind_of(value: Object) -> str:
    """Return the word of a value's kind."""
    return type(value).__name__.lower()


def to_base64(data: bytes) -> str:
    """Return the unpadded base64url spelling of bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64(text: str) -> bytes:
    """Return the bytes of an unpadded base64url spelling."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_json(value: Object) -> dict[str, Json]:
    """Return the JSON form of a value, pairs in the order in which it holds them."""
    match value:
        case Blob(headers, data):
            return {"kind": "blob", "headers": _texts(headers), "data": to_base64(data)}
        case Tree(entries):
            return {"kind": "tree", "entries": [[name, target.hex()] for name, target in entries]}
        case Message(previous, headers, content):
            form = {"kind": "message", "previous": _maybe_hex(previous), "headers": _texts(headers)}
            return {**form, "content": content.hex()}
        case Mailbox(pairs):
            return {"kind": "mailbox", "entries": [[actor.hex(), message.hex()] for actor, message in pairs]}
        case Step():
            fields = ("previous", "actor", "inbox", "outbox", "core")
            return {"kind": "step", **{name: _maybe_hex(getattr(value, name)) for name in fields}}


def from_json(form: dict[str, Any]) -> Object:
    """Return the value that a JSON form of the harness's schema spells."""
    match form["kind"]:
        case "blob":
            return Blob(_pairs(form["headers"]), from_base64(form["data"]))
        case "tree":
            return Tree(tuple((name, bytes.fromhex(target)) for name, target in form["entries"]))
        case "message":
            return Message(_maybe_id(form["previous"]), _pairs(form["headers"]), bytes.fromhex(form["content"]))
        case "mailbox":
            return Mailbox(tuple((bytes.fromhex(actor), bytes.fromhex(target)) for actor, target in form["entries"]))
        case "step":
            previous, inbox, outbox = (_maybe_id(form[name]) for name in ("previous", "inbox", "outbox"))
            return Step(previous, bytes.fromhex(form["actor"]), inbox, outbox, bytes.fromhex(form["core"]))
        case other:
            raise ValueError(f"unknown kind {other!r}")


def _texts(headers: Headers) -> list[Json]:
    return [[key, text] for key, text in headers]


def _pairs(listed: Sequence[Sequence[str]]) -> Headers:
    return tuple((key, text) for key, text in listed)


def _maybe_hex(identity: bytes | None) -> str | None:
    return None if identity is None else identity.hex()


def _maybe_id(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)
