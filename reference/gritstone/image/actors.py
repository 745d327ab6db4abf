"""Actors as a client writes them: handles, messages to them, quotas and first cores.

Spec: :ref:`image-core`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict, Unpack

from gritstone.exact import exact
from gritstone.grit.objects import ObjectId
from gritstone.image.cores import CODE
from gritstone.image.values import Put, Storable, Value

__all__ = ["Actor", "Letter", "Parts", "Quota", "admitted", "first_core"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is not sent yet.

    Attributes:
        to: the receiver.
        mt: its type.
        content: its content.
        headers: further headers.
    """

    to: ObjectId
    mt: str
    content: Value = None
    headers: Mapping[str, str] | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Return the headers as pairs."""
        return [("mt", self.mt), *(self.headers or {}).items()]


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor of an image.

    Attributes:
        id: its id.
    """

    id: ObjectId

    def __str__(self) -> str:
        return self.id.hex()

    def store(self, put: Put) -> ObjectId:
        """Return the id: as a value, an actor is its id."""
        return self.id

    def message(self, mt: str, content: Value = None, **headers: str) -> Letter:
        """Return a message to the actor."""
        return Letter(self.id, mt, content, headers)

    def run(self, program: Storable) -> Letter:
        """Return the message that makes the actor run a program."""
        return Letter(self.id, "run", program)

    def may_send(self, name: str) -> str:
        """Return the capability to send messages of a type to the actor; the type may end with ``*``."""
        return f"send.{self.id.hex()}.{name}"

    def may_read(self) -> str:
        """Return the capability to read the core of the actor."""
        return f"read.{self.id.hex()}"


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of a principal and the actors that it owns.

    Attributes:
        actors: the most actors, without the principal.
        bytes: the most bytes of data in their cores.
        fuel: the most fuel of one operation.
        posts: the most unread messages that they sent.
        subs: the most subscriptions.
        timers: the most timers.
    """

    actors: int = 10
    bytes: int = 1_000_000
    fuel: int = 100_000
    posts: int = 1_000
    subs: int = 100
    timers: int = 100

    def __str__(self) -> str:
        """Return the text of the quota, as it is in a core."""
        return "".join(f"{one.name} {getattr(self, one.name)}\n" for one in fields(self))


class Parts(TypedDict, total=False):
    """What the first core of an actor may have.

    ``caps``: what the actor may do, for example ``shop.may_send("buy")``. ``entry``: the senders that it admits, by
    type: actors, or ``*`` for all. ``code``: its programs, by the type of the message. ``state``: further entries.
    """

    caps: Iterable[str]
    entry: Mapping[str, Iterable[Actor] | str]
    code: Mapping[str, Storable]
    state: Mapping[str, Value]


def first_core(
    name: str | None,
    granter: ObjectId,
    *,
    owner: ObjectId | None = None,
    quota: Quota | None = None,
    **parts: Unpack[Parts],
) -> Mapping[str, Value]:
    """Return the first core of an actor.

    Args:
        name: its name, by which people find it; None for none.
        granter: the actor that grants the capabilities.
        owner: the principal that owns it; None for a principal.
        quota: the limits of a principal; None for an actor that is not one.
        parts: see ``Parts``.
    """
    image: dict[str, Any] = {"owner": "self" if owner is None else owner.hex()}
    if quota is not None:
        image["quota"] = str(exact(quota))
    caps = {one: granter.hex() for one in parts.get("caps", ())}
    entry = {mt: admitted(senders) for mt, senders in parts.get("entry", {}).items()}
    image |= {part: entries for part, entries in (("caps", caps), ("entry", entry)) if entries}
    node = CODE.decode()
    core: dict[str, Any] = {**parts.get("state", {}), "wit": node, "wit_query": node, "image": image}
    if name is not None:
        core["name"] = name
    if parts.get("code"):
        core["code"] = dict(parts["code"])
    return core


def admitted(senders: Iterable[Actor] | str) -> str:
    """Return the text of an entry table for some senders; ``*`` for all, ``-`` for none."""
    if isinstance(senders, str):
        return senders
    return "\n".join(sorted({one.id.hex() for one in senders})) or "-"
