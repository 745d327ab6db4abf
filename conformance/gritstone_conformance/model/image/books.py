"""Usage: what each principal and its actors use, counted again only where something changed.

The numbers are those of a world; :meth:`Books.deltas` gives how they differ in the private copy of an operation.

Spec: ``image/quotas``, "Usage"; :rule:`image.quota.recount`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.image.contents import LARGEST, id_of, text_of
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.validity import quota_of
from gritstone_conformance.model.image.views import View, image_entries, image_entry, owner_in
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = ["COUNTED", "Books", "Usage", "limits_of"]

COUNTED: Final = ("actors", "bytes", "posts", "subs", "timers")
"""The resources of a usage, in the order in which they are judged."""


class Usage(NamedTuple):
    """What one actor, or a principal with its actors, uses."""

    actors: int = 0
    bytes: int = 0
    posts: int = 0
    subs: int = 0
    timers: int = 0

    def plus(self, other: Usage, sign: int = 1) -> Usage:
        """Return the sum with another usage, or the difference."""
        return Usage(*(mine + sign * its for mine, its in zip(self, other, strict=True)))


NOTHING: Final = Usage()


class Books:
    """The usage of each principal in one world.

    Attributes:
        totals: principals to their usage; numbers are exact, also above the largest one.
        vague: actors whose cores have erased blobs, so that their bytes may have been counted.
    """

    def __init__(self, shelf: Shelf, agent: bytes, kernel: bytes) -> None:
        self.totals: dict[bytes, Usage] = {}
        self.vague: set[bytes] = set()
        self._shelf = shelf
        self._unowned = (agent, kernel)
        self._shares: dict[bytes, tuple[bytes, Usage]] = {}
        self._holders: dict[bytes, set[bytes]] = {}
        self._senders: dict[bytes, set[bytes]] = {}
        self._sizes: dict[bytes, int] = {}
        self._erased: set[bytes] = set()
        self._owners: dict[bytes, bytes | None] = {}

    def deltas(self, view: View, changed: Iterable[bytes]) -> dict[bytes, Usage]:
        """Return how the usage of principals differs in a view from that of the world."""
        found: dict[bytes, Usage] = {}
        for actor in self._affected(view, changed):
            for share, sign in ((self._shares.get(actor), -1), (self._share(view, actor), 1)):
                if share is not None:
                    found[share[0]] = found.get(share[0], NOTHING).plus(share[1], sign)
        return found

    def take(self, view: View, changed: Iterable[bytes]) -> None:
        """Count what differs in a view, which becomes the world."""
        moved = list(changed)
        affected = self._affected(view, moved)
        for principal, delta in self.deltas(view, moved).items():
            self.totals[principal] = self.totals.get(principal, NOTHING).plus(delta)
        for actor in moved:
            for receiver in view.outbox(actor):
                self._senders.setdefault(receiver, set()).add(actor)
        for actor in affected:
            share = self._share(view, actor)
            self._note(view, actor)
            if share is None:
                self._shares.pop(actor, None)
            else:
                self._shares[actor] = share

    def judge(self, view: View) -> Denied | None:
        """Return the failure for the first limit that an operation exceeds, or None.

        Spec: :rule:`image.quota.hard`.
        """
        for principal, delta in sorted(self.deltas(view, view.changed()).items()):
            limits = limits_of(view, principal)
            if limits is None:
                continue
            before = self.totals.get(principal, NOTHING)
            after = before.plus(delta)
            for name, old, new in zip(COUNTED, before, after, strict=True):
                if min(new, LARGEST) > limits[name] and min(new, LARGEST) > min(old, LARGEST):
                    return Denied("exhausted", name)
        return None

    def growth(self, view: View, actor: bytes, before: bytes | None) -> tuple[bytes, int]:
        """Return the owner of an actor that made a step from a core, and by how many bytes it uses more."""
        step = view.last_step(actor)
        assert step is not None, "it has made a step"
        made, after = self._shelf.step(step).core, view.core(actor)
        owner = self._owner(actor, made)
        sizes = [0 if core is None else self._bytes(core) for core in (before, after)]
        return owner or actor, sizes[1] - sizes[0]

    def judge_bytes(self, view: View, principal: bytes, change: int) -> Denied | None:
        """Return the failure of an operation in which a principal uses more bytes than it may, or None.

        Spec: :rule:`image.quota.hard`.
        """
        limits, old = limits_of(view, principal), self.totals.get(principal, NOTHING).bytes
        new = min(old + change, LARGEST)
        is_over = limits is not None and new > limits["bytes"] and new > min(old, LARGEST)
        return Denied("exhausted", "bytes") if is_over else None

    def senders_to(self, view: View, receiver: bytes) -> set[bytes]:
        """Return the actors, R included, that may have sent a message to an actor in a view."""
        return self._senders.get(receiver, set()) | view.senders_to(receiver) | {view.agent}

    def has_others(self, view: View, principal: bytes) -> bool:
        """Return whether an actor with a head, other than the principal itself, has it as its owner."""
        delta = self.deltas(view, view.changed()).get(principal, NOTHING)
        return self.totals.get(principal, NOTHING).actors + delta.actors > 0

    def is_vague(self, principal: bytes) -> bool:
        """Return whether the bytes of a principal depend on when blobs were erased."""
        return any(self._shares[actor][0] == principal for actor in self.vague if actor in self._shares)

    def _affected(self, view: View, changed: Iterable[bytes]) -> set[bytes]:
        """Return the actors whose share may differ: those that changed, whose mail was read, or that list one."""
        found: set[bytes] = set()
        for actor in changed:
            found.add(actor)
            step = view.base.heads.get(actor)
            before = {} if step is None else self._shelf.mail(self._shelf.step(step).inbox)
            found.update(sender for sender, tip in view.inbox(actor).items() if before.get(sender) != tip)
            if (step is None) != (view.head(actor) is None):
                found |= self._holders.get(actor, set())
        return found.difference(self._unowned)

    def _share(self, view: View, actor: bytes) -> tuple[bytes, Usage] | None:
        """Return the owner of an actor and what the actor uses, or None if it has no head or owner."""
        core = view.core(actor)
        owner = None if core is None else self._owner(actor, core)
        if core is None or owner is None:
            return None
        subs = (_subscriber(name) for name in image_entries(self._shelf, core, "subs"))
        there = sum(1 for each in subs if each is not None and view.head(each) is not None)
        timers = len(image_entries(self._shelf, core, "timers"))
        return owner, Usage(int(owner != actor), self._bytes(core), self._posts(view, actor), there, timers)

    def _owner(self, actor: bytes, core: bytes) -> bytes | None:
        """Return the owner of an actor, which never changes."""
        if actor not in self._owners:
            self._owners[actor] = owner_in(self._shelf, actor, core)
        return self._owners[actor]

    def _note(self, view: View, actor: bytes) -> None:
        """Note whose subscriptions an actor lists, and whether its core has erased blobs."""
        core = view.core(actor)
        if core is None:
            return
        for name in image_entries(self._shelf, core, "subs"):
            subscriber = _subscriber(name)
            if subscriber is not None:
                self._holders.setdefault(subscriber, set()).add(actor)
        if core in self._erased:
            self.vague.add(actor)
        else:
            self.vague.discard(actor)

    def _posts(self, view: View, actor: bytes) -> int:
        count = 0
        for receiver, tip in view.outbox(actor).items():
            cursor = view.inbox(receiver).get(actor)
            if tip != cursor:
                ids = unread(self._shelf, tip, cursor).ids
                count += sum(1 for each in ids if message_type(self._shelf.message(each)) != "failed")
        return count

    def _bytes(self, core: bytes) -> int:
        """Return the length of the data of all blobs of a core without ``image``; children are settled first."""
        names = self._shelf.names(core)
        below = [target for name, target in names.items() if name != "image"]
        self._settle(below)
        if self._erased.intersection(below):
            self._erased.add(core)
        return sum(self._sizes[target] for target in below)

    def _settle(self, roots: list[bytes]) -> None:
        waiting = [root for root in roots if root not in self._sizes]
        while waiting:
            identity = waiting[-1]
            value = self._shelf.get(identity)
            if isinstance(value, Tombstone | Blob):
                self._sizes[identity] = len(value.data) if isinstance(value, Blob) else 0
                if isinstance(value, Tombstone):
                    self._erased.add(identity)
                waiting.pop()
                continue
            below = list(self._shelf.names(identity).values())
            unsettled = [each for each in below if each not in self._sizes]
            if unsettled:
                waiting += unsettled
                continue
            self._sizes[identity] = sum(self._sizes[each] for each in below)
            if self._erased.intersection(below):
                self._erased.add(identity)
            waiting.pop()


def limits_of(view: View, principal: bytes) -> dict[str, int] | None:
    """Return the quota of a principal with a head, or None."""
    core = view.core(principal)
    return None if core is None else quota_of(text_of(view.shelf, image_entry(view.shelf, core, "quota")))


def _subscriber(name: str) -> bytes | None:
    """Return the subscriber in the name of a subscription, or None for another name."""
    return id_of(name.rpartition(".")[2].encode())
