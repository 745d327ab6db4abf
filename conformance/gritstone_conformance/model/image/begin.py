"""What begins an operation: its roots, or what R does alone.

Spec: ``image/operation``, "What begins an operation".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.image.books import limits_of
from gritstone_conformance.model.image.contents import EMPTY, LARGEST, text_of
from gritstone_conformance.model.image.validity import quota_of
from gritstone_conformance.model.image.views import View, image_entry, is_principal_core, owner_in
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Headers, Message, Tree

__all__ = [
    "ROLLBACK_FUEL",
    "Begin",
    "Post",
    "Root",
    "Timer",
    "fuel_limit",
    "of_post",
    "of_requests",
    "of_rollback",
    "of_timer",
    "with_timers",
]

ROLLBACK_FUEL: Final = LARGEST  # units
"""More fuel than a rollback can use, which has no limit."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root message.

    Attributes:
        sender: the actor that sends it, or R.
        target: the actor that reads it.
        message: its id.
        handle: the handle of the timer that it fires, or None.
    """

    sender: bytes
    target: bytes
    message: bytes
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of an actor: when it is due, and which one of which operation it is."""

    due: int
    seq: int
    index: int
    actor: bytes
    handle: str
    mt: str


@dataclass(frozen=True, slots=True)
class Post:
    """An unread message that is the root of a later operation."""

    sender: bytes
    target: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """What an operation begins with.

    Attributes:
        roots: the roots, in order; none in an operation of R alone.
        sends: receivers to the newest of the messages that R sends in the operation.
        fuel: the fuel limit, in units.
        read: senders to the messages that R acknowledges.
        clock: the new clock, or None for that of the record before.
    """

    roots: tuple[Root, ...] = ()
    sends: Mapping[bytes, bytes] = field(default_factory=dict)
    fuel: int = 0
    read: Mapping[bytes, bytes] = field(default_factory=dict)
    clock: int | None = None


def of_requests(view: View, messages: Sequence[tuple[bytes, Headers, bytes]]) -> Begin:
    """Return the beginning of a request: receivers, headers and contents."""
    roots, sends = _sent(view, messages)
    return Begin(roots, sends, fuel_limit(view, roots))


def of_timer(view: View, timer: Timer) -> Begin:
    """Return the beginning of the operation that fires a timer."""
    headers = (("mt", timer.mt), ("timer", timer.handle))
    (root,), sends = _sent(view, [(timer.actor, headers, view.shelf.put(EMPTY))])
    roots = (Root(root.sender, root.target, root.message, timer.handle),)
    return Begin(roots, sends, fuel_limit(view, roots))


def of_post(view: View, post: Post) -> Begin:
    """Return the beginning of the operation that reads a post."""
    roots = (Root(post.sender, post.target, post.message),)
    return Begin(roots, {}, fuel_limit(view, roots))


def of_rollback(view: View, wanted: Mapping[bytes, bytes], seq: int, others: Iterable[bytes]) -> Begin:
    """Return the beginning of a rollback.

    Args:
        view: the newest world.
        wanted: the heads of world n.
        seq: n.
        others: R and K.

    Spec: ``image/world``, "Rollback".
    """
    shelf, skipped = view.shelf, set(others)
    actors = sorted(actor for actor in view.base.heads if actor not in skipped)
    messages: list[tuple[bytes, Headers, bytes]] = []
    for actor in actors:
        if actor in wanted:
            core, now = shelf.step(wanted[actor]).core, view.core(actor)
            assert now is not None, "it has a head"
            if with_timers(shelf, core, now) != now:
                content = shelf.put(Tree((("core", core),)))
                messages.append((actor, (("mt", "image.revert"), ("world", str(seq))), content))
    later = [actor for actor in actors if actor not in wanted]
    destroyed = (*(one for one in later if not view.is_principal(one)), *filter(view.is_principal, later))
    headers = (("mt", "image.destroy"), ("world", str(seq)))
    messages += [(actor, headers, shelf.put(EMPTY)) for actor in destroyed]
    roots, sends = _sent(view, messages)
    return Begin(roots, sends, ROLLBACK_FUEL)


def with_timers(shelf: Shelf, core: bytes, now: bytes) -> bytes:
    """Return a core with the entry ``image/timers`` of another one in the place of its own, or without it."""
    timers, image = image_entry(shelf, now, "timers"), shelf.names(core).get("image")
    if image is None or not shelf.is_tree(image):
        return core
    entries = {name: target for name, target in shelf.names(image).items() if name != "timers"}
    entries |= {} if timers is None else {"timers": timers}
    changed = {**shelf.names(core), "image": shelf.put(Tree(tuple(entries.items())))}
    return shelf.put(Tree(tuple(changed.items())))


def fuel_limit(view: View, roots: Sequence[Root]) -> int:
    """Return the fuel limit of an operation: that of the owner of the receiver of its first root. Spec: "Fuel"."""
    if not roots:
        return 0
    target = roots[0].target
    if view.head(target) is None and is_principal_core(view.shelf, target):
        limits = quota_of(text_of(view.shelf, image_entry(view.shelf, target, "quota")))
    else:
        owner = view.owner(target) if view.head(target) is not None else owner_in(view.shelf, target, target)
        limits = None if owner is None else limits_of(view, owner)
    return 0 if limits is None else limits["fuel"]


def _sent(view: View, messages: Sequence[tuple[bytes, Headers, bytes]]) -> tuple[tuple[Root, ...], dict[bytes, bytes]]:
    """Store messages of R, each behind the last one to its receiver; return them, and the newest to each receiver."""
    roots, sends = [], dict[bytes, bytes]()
    for to, headers, content in messages:
        previous = sends.get(to, view.last_sent(view.agent, to))
        sends[to] = view.shelf.put(Message(previous, headers, content))
        roots.append(Root(view.agent, to, sends[to]))
    return tuple(roots), sends
