"""Views: what the steps of a world, or of the private copy of an operation, say of each actor.

A view is a world with what one operation changed on top of it. Undoing a savepoint returns to an earlier mark, and the
world underneath is never changed.

Spec: ``image/operation``, "Frames".
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.image.contents import id_of, text_of
from gritstone_conformance.model.image.world import World
from gritstone_conformance.model.shelf import Shelf

__all__ = ["Mark", "View", "image_entries", "image_entry", "is_principal_core", "owner_in"]

Mark = tuple[dict[bytes, bytes | None], dict[bytes, bytes]]
"""What a view changes: heads, None for one that is removed, and references ``gone``."""


class View:
    """Heads and mail of one world with some changes.

    Attributes:
        shelf: objects.
        base: the world underneath.
        agent: R.
        heads: the heads that differ from the base; None where there is none any more.
        gone: the actors that were destroyed, to their last steps.
        has_guests: whether actors may be guests, by the feature ``image.wasm``.
        sent: the entries of R's outbox that differ from those of its head.
    """

    def __init__(self, shelf: Shelf, base: World, agent: bytes, *, has_guests: bool = False) -> None:
        self.has_guests = has_guests
        self.shelf = shelf
        self.base = base
        self.agent = agent
        self.heads: dict[bytes, bytes | None] = {}
        self.gone: dict[bytes, bytes] = {}
        self.sent: dict[bytes, bytes] = {}
        self._senders: dict[bytes, set[bytes]] = {}
        self._unlisted: list[bytes] = []

    def head(self, actor: bytes) -> bytes | None:
        """Return the head of an actor, or None."""
        return self.heads[actor] if actor in self.heads else self.base.heads.get(actor)

    def is_gone(self, actor: bytes) -> bool:
        """Return whether an actor was destroyed."""
        return actor in self.gone or actor in self.base.gone

    def last_step(self, actor: bytes) -> bytes | None:
        """Return the newest step of an actor, also of one that is gone, or None."""
        return self.head(actor) or self.gone.get(actor) or self.base.gone.get(actor)

    def core(self, actor: bytes) -> bytes | None:
        """Return the core of an actor with a head, or None."""
        head = self.head(actor)
        return None if head is None else self.shelf.step(head).core

    def inbox(self, actor: bytes) -> Mapping[bytes, bytes]:
        """Return the inbox of the newest step of an actor."""
        step = self.last_step(actor)
        return {} if step is None else self.shelf.mail(self.shelf.step(step).inbox)

    def outbox(self, actor: bytes) -> Mapping[bytes, bytes]:
        """Return the outbox of the newest step of an actor; that of R with what it has sent since."""
        found = self._outbox(actor)
        return {**found, **self.sent} if actor == self.agent and self.sent else found

    def last_sent(self, sender: bytes, receiver: bytes) -> bytes | None:
        """Return the last message of a channel, or None."""
        if sender == self.agent and receiver in self.sent:
            return self.sent[receiver]
        return self._outbox(sender).get(receiver)

    def unread(self, sender: bytes, receiver: bytes) -> tuple[bytes, ...]:
        """Return the unread messages of a channel, oldest first."""
        return unread(self.shelf, self.last_sent(sender, receiver), self.inbox(receiver).get(sender)).ids

    def owner(self, actor: bytes) -> bytes | None:
        """Return the owner of an actor with a head, or None for R, K and where none is named."""
        core = self.core(actor)
        return None if core is None else owner_in(self.shelf, actor, core)

    def is_principal(self, actor: bytes) -> bool:
        """Return whether an actor with a head is a principal."""
        return self.owner(actor) == actor

    def _outbox(self, actor: bytes) -> Mapping[bytes, bytes]:
        step = self.last_step(actor)
        return {} if step is None else self.shelf.mail(self.shelf.step(step).outbox)

    def mark(self) -> Mark:
        """Return what is to be restored if a savepoint fails."""
        return dict(self.heads), dict(self.gone)

    def restore(self, mark: Mark) -> None:
        """Undo what happened since a mark was taken."""
        self.heads, self.gone = dict(mark[0]), dict(mark[1])

    def set_head(self, actor: bytes, step: bytes) -> None:
        """Move a head."""
        self.heads[actor] = step
        self._unlisted.append(step)

    def senders_to(self, receiver: bytes) -> set[bytes]:
        """Return the actors that made a step since the base, undone or not, whose outbox names an actor."""
        for step in map(self.shelf.step, self._unlisted):
            for each in self.shelf.mail(step.outbox):
                self._senders.setdefault(each, set()).add(step.actor)
        self._unlisted.clear()
        return self._senders.get(receiver, set())

    def destroy(self, actor: bytes) -> None:
        """Replace the head of an actor by the reference ``gone``."""
        head = self.head(actor)
        assert head is not None, "only an actor with a head is destroyed"
        self.heads[actor], self.gone[actor] = None, head

    def changed(self) -> set[bytes]:
        """Return the actors whose heads differ from the base, also those that are gone; R and K are not among them."""
        moved = {actor for actor, step in self.heads.items() if step is not None and self.base.heads.get(actor) != step}
        return moved | set(self.gone)


def image_entries(shelf: Shelf, core: bytes, name: str) -> Mapping[str, bytes]:
    """Return the entries of a tree below ``image`` of a core; none if it is absent or not a tree."""
    image = shelf.names(core).get("image")
    found = shelf.names(image).get(name) if image is not None and shelf.is_tree(image) else None
    return shelf.names(found) if found is not None and shelf.is_tree(found) else {}


def image_entry(shelf: Shelf, core: bytes, name: str) -> bytes | None:
    """Return an entry of ``image`` of a core, or None."""
    image = shelf.names(core).get("image")
    return shelf.names(image).get(name) if image is not None and shelf.is_tree(image) else None


def owner_in(shelf: Shelf, actor: bytes, core: bytes) -> bytes | None:
    """Return the owner that a core of an actor names, or None. Spec: ``image/actors``, "Owners"."""
    text = text_of(shelf, image_entry(shelf, core, "owner"))
    return actor if text == b"self" else id_of(text)


def is_principal_core(shelf: Shelf, core: bytes) -> bool:
    """Return whether a core is that of a principal."""
    return text_of(shelf, image_entry(shelf, core, "owner")) == b"self"
