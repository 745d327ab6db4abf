"""The ledger: what each principal uses, kept from operation to operation.

The ledger follows from the world. It is read once when an engine starts, and then changed by the difference that each
operation makes, so that an operation costs what it touches. Bytes are counted when they are first needed.

Spec: :ref:`image-usage`, :rule:`image.quota.hard`, :rule:`image.quota.recount`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from gritstone.grit.objects import Blob, ObjectId, Step, Tree
from gritstone.image.cores import QUOTA, Facts
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.refusals import Failure
from gritstone.image.texts import MOST_NUMBER
from gritstone.wit.bounded_cache import BoundedCache
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["Ledger", "Sizes", "Standing", "Usage", "standing_of", "subscriber_of"]

Usage: TypeAlias = dict[ObjectId, dict[str, int]]
"""A difference of usage, by principal and resource."""

_RESOURCES = tuple(resource for resource in QUOTA if resource != "fuel")
_KEPT_BYTES = 8 << 20
_SIZE_BYTES = 150  # the approximate size of an id and a number in a dictionary


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of an actor.

    Attributes:
        head: the head at which it was read.
        core: the id of its core.
        owner: its owner.
        image: the id of the part ``image`` of its core.
        timers: the id of its tree of timers; None without timers.
        subs: the id of its tree of subscriptions; None without subscriptions.
    """

    head: ObjectId
    core: ObjectId
    owner: ObjectId
    image: ObjectId
    timers: ObjectId | None
    subs: ObjectId | None


def standing_of(workspace: Workspace, head: ObjectId, step: Step, core: Mapping[str, ObjectId]) -> Standing:
    """Return what the ledger knows of an actor at a step with a core."""
    facts = Facts(workspace, core)
    image = facts.image
    owner = facts.owner or step.actor
    return Standing(head, step.core, owner, facts.image_id, image.get("timers"), image.get("subs"))


def _standing_after(workspace: Workspace, old: Standing | None, position: Position | None) -> Standing | None:
    """Return what the ledger knows of an actor after steps that may have left the part ``image`` as it was."""
    if position is None:
        return None
    if old is not None and position.core["image"] == old.image:
        return Standing(position.step_id, position.step.core, old.owner, old.image, old.timers, old.subs)
    return standing_of(workspace, position.step_id, position.step, position.core)


def subscriber_of(name: str) -> ObjectId:
    """Return the subscriber that the name of a subscription has."""
    return bytes.fromhex(name.partition(".")[2])


class Sizes:
    """The sizes of cores: the data below them, counted once for each path."""

    def __init__(self) -> None:
        self._known: BoundedCache[ObjectId, int] = BoundedCache(_KEPT_BYTES, _SIZE_BYTES)

    def core(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> int:
        """Return the size of a core without its part ``image``."""
        return sum(self.size(workspace, target) for name, target in core.items() if name != "image")

    def change(self, workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId]) -> int:
        """Return how much larger a core is than another; equal entries are not looked at."""
        total = 0
        for name in new:
            if name != "image" and new[name] != old.get(name):
                total += self.size(workspace, new[name])
        for name in old:
            if name != "image" and old[name] != new.get(name):
                total -= self.size(workspace, old[name])
        return total

    def size(self, workspace: Workspace, root: ObjectId) -> int:
        """Return the size of a blob or tree; an erased blob has none. Each tree is walked once."""
        known = self._known.get(root)
        if known is not None:
            return known
        waiting = [root]
        while waiting:
            target = waiting[-1]
            value = workspace.look(target)
            if type(value) is Tree:
                ahead = [one for one in value.entries.values() if self._known.get(one) is None]
                if ahead:
                    waiting += ahead
                    continue
                total = sum(self._known.get(one) or 0 for one in value.entries.values())
            else:
                total = len(value.data) if type(value) is Blob else 0
            self._known.put(target, min(total, MOST_NUMBER))
            waiting.pop()
        return self._known.get(root) or 0


class Ledger:
    """The usage of all principals.

    Attributes:
        actors: what is known of each actor with a head, without the agent and the kernel actor.
        owned: the actors of each principal, without itself.
        sizes: the sizes of cores.
    """

    def __init__(self, reading: Callable[[], AbstractContextManager[None]]) -> None:
        """Create an empty ledger.

        Args:
            reading: begins to read many objects; see ``World.reading``.
        """
        self._reading = reading
        self.actors: dict[ObjectId, Standing] = {}
        self.owned: dict[ObjectId, set[ObjectId]] = {}
        self.sizes = Sizes()
        self._counts: dict[str, dict[ObjectId, int]] = {name: {} for name in ("bytes", "posts", "subs", "timers")}
        self._subscribed: dict[ObjectId, dict[ObjectId, int]] = {}

    # --- the world -------------------------------------------------------------------------------------

    def place(self, workspace: Workspace, actor: ObjectId, new: Standing | None) -> None:
        """Record an actor, whose subscriptions become known; the counts are not changed."""
        old = self.actors.get(actor)
        if old is not None and new is None and old.owner in self.owned:
            self.owned[old.owner].discard(actor)
            if not self.owned[old.owner]:
                del self.owned[old.owner]
        if new is None:
            self.actors.pop(actor, None)
        else:
            self.actors[actor] = new
            if new.owner != actor:
                self.owned.setdefault(new.owner, set()).add(actor)
        before, after = (None if one is None else one.subs for one in (old, new))
        if before != after:
            self._subscribe(workspace, old, before, -1)
            self._subscribe(workspace, new, after, 1)

    def _subscribe(self, workspace: Workspace, standing: Standing | None, subs: ObjectId | None, step: int) -> None:
        if standing is None or subs is None:
            return
        for name in _names(workspace, subs):
            owners = self._subscribed.setdefault(subscriber_of(name), {})
            owners[standing.owner] = owners.get(standing.owner, 0) + step
            if not owners[standing.owner]:
                del owners[standing.owner]
            if not owners:
                del self._subscribed[subscriber_of(name)]

    def recount(self, workspace: Workspace, agent: ObjectId, posts: Iterable[tuple[ObjectId, int]]) -> None:
        """Count everything again except bytes, which are counted when they are needed.

        Args:
            workspace: supplies objects.
            agent: the agent.
            posts: senders, each with a number of unread messages that are not notices.
        """
        for table in self._counts.values():
            table.clear()
        for standing in self.actors.values():
            if standing.timers is not None:
                self._add("timers", standing.owner, len(_names(workspace, standing.timers)))
        for subscriber, owners in self._subscribed.items():
            if subscriber == agent or subscriber in self.actors:
                for owner, count in owners.items():
                    self._add("subs", owner, count)
        for sender, count in posts:
            known = self.actors.get(sender)
            if known is not None:
                self._add("posts", known.owner, count)

    def _add(self, resource: str, principal: ObjectId, count: int) -> None:
        table = self._counts[resource]
        total = table.get(principal, 0) + count
        if total or resource == "bytes":
            table[principal] = total
        else:
            table.pop(principal, None)

    def usage(self, copy: PrivateCopy, principal: ObjectId, resource: str) -> int:
        """Return a usage in the world from which an operation began."""
        if resource == "actors":
            return len(self.owned.get(principal, ()))
        if resource == "bytes" and principal not in self._counts["bytes"]:
            self._counts["bytes"][principal] = self._count_bytes(copy, principal)
        return self._counts[resource].get(principal, 0)

    def _count_bytes(self, copy: PrivateCopy, principal: ObjectId) -> int:
        total = 0
        with self._reading():
            for actor in (principal, *self.owned.get(principal, ())):
                known = self.actors.get(actor)
                if known is not None:
                    total += self.sizes.core(copy.workspace, _names(copy.workspace, known.core))
        return total

    # --- operations ------------------------------------------------------------------------------------

    def difference(self, copy: PrivateCopy) -> Usage:
        """Return how an operation changes the usage of each principal."""
        found: Usage = {}
        for actor, after in copy.positions.items():
            before = copy.base.position(actor)
            if (before is None) is not (after is None):
                self._add_birth(copy, found, actor, 1 if before is None else -1)
            if before is None or after is None or before.step.core != after.step.core:
                self._add_core(copy, found, actor, after)
        for sender, change in copy.mail.posts.items():
            owner = copy.owner(sender)
            known = self.actors.get(sender)
            principal = owner if owner is not None or known is None else known.owner
            if principal is not None:
                _change(found, principal, "posts", change)
        return found

    def _add_birth(self, copy: PrivateCopy, found: Usage, actor: ObjectId, step: int) -> None:
        """Count the subscriptions of an actor that was created or destroyed, as they were before."""
        for owner, count in self._subscribed.get(actor, {}).items():
            _change(found, owner, "subs", step * count)

    def _add_core(self, copy: PrivateCopy, found: Usage, actor: ObjectId, after: Position | None) -> None:
        workspace, old = copy.workspace, self.actors.get(actor)
        new = _standing_after(workspace, old, after)
        known = new or old
        if known is None:
            return
        owner = known.owner
        if owner != actor:
            _change(found, owner, "actors", (new is not None) - (old is not None))
        if old is None or new is None or new.timers != old.timers:
            for step, standing in ((-1, old), (1, new)):
                _change(found, owner, "timers", step * _count(workspace, None if standing is None else standing.timers))
        if old is None or new is None or new.subs != old.subs:
            for step, standing in ((-1, old), (1, new)):
                _change(found, owner, "subs", step * _count_subs(copy, standing))
        cores = [{} if one is None else one.core for one in (copy.base.position(actor), after)]
        _change(found, owner, "bytes", self.sizes.change(workspace, cores[0], cores[1]))

    def exceeded(self, copy: PrivateCopy, difference: Usage) -> Failure | None:
        """Return the first quota that an operation exceeds.

        Spec: :rule:`image.quota.hard`.
        """
        for principal in sorted(difference):
            position = copy.position(principal)
            limits = {} if position is None else copy.facts(position).quota()
            for resource in _RESOURCES:
                more = difference[principal].get(resource, 0)
                limit = limits.get(resource)
                if more > 0 and limit is not None and self._is_over(copy, principal, resource, more, limit):
                    return Failure("exhausted", resource)
        return None

    def _is_over(self, copy: PrivateCopy, principal: ObjectId, resource: str, more: int, limit: int) -> bool:
        before = min(self.usage(copy, principal, resource), MOST_NUMBER)
        after = min(self.usage(copy, principal, resource) + more, MOST_NUMBER)
        return after > limit and after > before

    def grow(self, copy: PrivateCopy, actor: ObjectId, before: Position | None) -> bool:
        """Record how a step changed the bytes of the owner of its actor; return whether they are above the limit.

        Args:
            copy: the private copy, after the step.
            actor: the actor.
            before: its position before the step; None for none.

        Spec: :rule:`image.quota.hard`.
        """
        after = copy.position(actor)
        if before is not None and after is not None and before.step.core == after.step.core:
            return False
        cores = [{} if one is None else one.core for one in (before, after)]
        change = self.sizes.change(copy.workspace, cores[0], cores[1])
        owner = copy.facts(copy.gone[actor] if after is None else after).owner or actor
        copy.changes.add(copy.grown, owner, change)
        position, more = copy.position(owner), copy.grown[owner]
        limit = None if more <= 0 or position is None else copy.facts(position).quota().get("bytes")
        return limit is not None and self._is_over(copy, owner, "bytes", more, limit)

    def owns(self, copy: PrivateCopy, principal: ObjectId) -> bool:
        """Return whether a principal owns another actor that has a head in a private copy."""
        return len(self.owned.get(principal, ())) + copy.owned.get(principal, 0) > 0

    def apply(self, copy: PrivateCopy, difference: Usage) -> None:
        """Record what an operation changed, once it is part of the world."""
        for principal, changes in difference.items():
            for resource, change in changes.items():
                if resource != "actors" and (resource != "bytes" or principal in self._counts["bytes"]):
                    self._add(resource, principal, change)
        for actor, position in copy.positions.items():
            self.place(copy.workspace, actor, _standing_after(copy.workspace, self.actors.get(actor), position))
            if position is None:
                self._counts["bytes"].pop(actor, None)


def _change(found: Usage, principal: ObjectId, resource: str, change: int) -> None:
    if change:
        changes = found.setdefault(principal, {})
        changes[resource] = changes.get(resource, 0) + change


def _names(workspace: Workspace, target: ObjectId) -> Mapping[str, ObjectId]:
    tree = workspace.tree(target)
    return {} if tree is None else tree.entries


def _count(workspace: Workspace, target: ObjectId | None) -> int:
    return 0 if target is None else len(_names(workspace, target))


def _count_subs(copy: PrivateCopy, standing: Standing | None) -> int:
    """Return the number of subscriptions of an actor whose subscriber has a head in the private copy."""
    if standing is None or standing.subs is None:
        return 0
    return sum(1 for one in _subscribers(copy, standing.subs) if one == copy.base.agent or copy.has_head(one))


def _subscribers(copy: PrivateCopy, subs: ObjectId) -> Iterator[ObjectId]:
    return (subscriber_of(name) for name in _names(copy.workspace, subs))
