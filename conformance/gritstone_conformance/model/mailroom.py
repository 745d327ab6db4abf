"""The mailroom: heads, and the mail that follows from them.

A head is set here and nowhere else, so that what an index remembers of outboxes is always what the heads say.

Spec: ``runtime/routing``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gritstone_conformance.model.away import away_targets, is_away
from gritstone_conformance.model.channels import Unread, unread
from gritstone_conformance.model.proposals import message_kind
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Step

__all__ = ["Mailroom"]


class Mailroom:
    """Heads and channels of one store.

    Attributes:
        heads: actors to their heads.
        tips: actors to the tips of the channels to them, by sender.
    """

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self.store = store
        self.shelf = shelf
        self.heads: dict[bytes, bytes] = {}
        self.tips: dict[bytes, dict[bytes, bytes]] = {}
        self._prunes = store.prunes
        self.reload()

    def reload(self) -> None:
        """Read again what changed in the store: the heads that moved, and all objects if some were removed."""
        heads = {
            bytes.fromhex(name[6:]): target
            for name, target in self.store.references.items()
            if name.startswith("heads/")
        }
        for actor in [actor for actor in self.heads if actor not in heads]:
            self._note(actor, None)
        for actor, head in heads.items():
            if self.heads.get(actor) != head:
                self._note(actor, head)
        if self._prunes != self.store.prunes:
            self._prunes = self.store.prunes
            self.shelf.reread()

    def set_head(self, actor: bytes, step: bytes | None) -> None:
        """Set or remove a head, with everything on the shelf stored."""
        self.shelf.flush(self.store)
        name = f"heads/{actor.hex()}"
        if step is None:
            del self.store.references[name]
        else:
            self.store.references[name] = step
        self._note(actor, step)

    def inbox(self, actor: bytes) -> Mapping[bytes, bytes]:
        """Return the inbox of an actor's head; none if the head is damaged."""
        step = self._step(actor)
        return {} if step is None else self.shelf.mail(step.inbox)

    def outbox(self, actor: bytes) -> Mapping[bytes, bytes]:
        """Return the outbox of an actor's head; none if the head is damaged."""
        step = self._step(actor)
        return {} if step is None else self.shelf.mail(step.outbox)

    def _step(self, actor: bytes) -> Step | None:
        """Return the head of an actor, if there is one and it can be read.

        Spec: :rule:`runtime.fail.damaged`.
        """
        head = self.heads.get(actor)
        step = None if head is None else self.shelf.look(head)
        return step if isinstance(step, Step) else None

    def is_away(self, actor: bytes) -> bool:
        """Return whether an actor is away."""
        return is_away(self.store.references, actor)

    def inbox_anywhere(self, actor: bytes) -> Mapping[bytes, bytes]:
        """Return the inbox of an actor's head, or of the step at which it stopped if it is away."""
        places = (self.heads.get(actor), *away_targets(self.store.references, actor))
        steps = (self.shelf.look(place) for place in places if place is not None)
        return next((self.shelf.mail(one.inbox) for one in steps if isinstance(one, Step) and one.actor == actor), {})

    def unread(self, sender: bytes, actor: bytes) -> Unread:
        """Return the unread messages of one channel."""
        return unread(self.shelf, self.tips.get(actor, {}).get(sender), self.inbox(actor).get(sender))

    def mail(self, actor: bytes) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        """Yield each sender with unread messages, ascending, and these, oldest first."""
        inbox = self.inbox(actor)
        for sender, tip in sorted(self.tips.get(actor, {}).items()):
            if inbox.get(sender) != tip:
                yield sender, unread(self.shelf, tip, inbox.get(sender)).ids

    def kind(self, actor: bytes, message: bytes) -> str:
        """Return what a message is for an actor."""
        return message_kind(actor, self.shelf.message(message), has_step=actor in self.heads)

    def _note(self, actor: bytes, step: bytes | None) -> None:
        old = self.outbox(actor)
        if step is None:
            self.heads.pop(actor, None)
        else:
            self.heads[actor] = step
        new = self.outbox(actor)
        for receiver in old.keys() - new.keys():
            del self.tips[receiver][actor]
        for receiver, tip in new.items():
            self.tips.setdefault(receiver, {})[actor] = tip
