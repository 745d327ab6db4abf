"""Proposals: what a message is for an actor, and which messages may be read together.

Spec: ``wit/proposals``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.refusals import Defect, Refusal, invalid
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message

__all__ = ["CONTROL", "Covered", "Mail", "Proposal", "header", "message_kind", "message_type", "propose"]

CONTROL: Final = ("genesis", "update", "cleanup", "duplicate")
"""The kinds of message that are covered alone."""

Mail = Sequence[tuple[bytes, bytes]]
"""Senders and messages."""

Covered = tuple[tuple[bytes, bytes], ...]
"""Senders and messages in the order in which they are read."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an actor is given to read.

    Attributes:
        kind: the kind of all messages that it covers.
        covered: senders ascending, of each oldest first.
    """

    kind: str
    covered: Covered

    @property
    def tips(self) -> dict[bytes, bytes]:
        """The newest message of each sender."""
        return dict(self.covered)

    @property
    def names(self) -> tuple[tuple[bytes, bytes], ...]:
        """The entries of the proposal, ascending by sender."""
        return tuple(sorted(self.tips.items()))


def header(message: Message, key: str) -> str | None:
    """Return the value of a header of a message."""
    for name, value in message.headers:
        if name == key:
            return value
    return None


def message_type(message: Message) -> str:
    """Return ``mt``: the value of that header, or the empty text."""
    return header(message, "mt") or ""


def message_kind(actor: bytes, message: Message, *, has_step: bool) -> str:
    """Return what a message is for an actor.

    Args:
        actor: the actor's id.
        message: the message, unread by it.
        has_step: whether it has a step.

    Spec: :rule:`wit.kind.precedence`.
    """
    if not has_step:
        return "genesis" if message.content == actor else "waiting"
    mt = message_type(message)
    if mt in ("update", "cleanup"):
        return mt
    return "duplicate" if message.content == actor else "ordinary"


def propose(shelf: Shelf, actor: bytes, last: bytes | None, mail: Mail) -> Proposal:
    """Return the proposal that mail is to an actor at a step, each message standing for the tip of its channel.

    Raises:
        Refusal: it is invalid, or a message is absent.

    Spec: :rule:`wit.proposal.valid`.
    """
    cursors = shelf.mail(shelf.step(last).inbox) if last is not None else {}
    defects: list[Defect] = []
    senders = [sender for sender, _ in mail]
    if not mail or len(set(senders)) < len(senders):
        defects.append(_none("no sender, or a duplicate sender"))
    covered: list[tuple[bytes, bytes]] = []
    for sender, tip in sorted(mail):
        try:
            covered += [(sender, identity) for identity in _covers(shelf, tip, cursors.get(sender))]
        except Refusal as refusal:
            defects += refusal.defects
    kinds = {message_kind(actor, shelf.message(identity), has_step=last is not None) for _, identity in covered}
    if len(kinds) > 1 or "waiting" in kinds or (len(covered) > 1 and not kinds <= {"ordinary"}):
        defects.append(_none(f"messages of the kinds {sorted(kinds)}"))
    if defects:
        raise Refusal(defects)
    return Proposal(kinds.pop(), tuple(covered))


def _covers(shelf: Shelf, tip: bytes, cursor: bytes | None) -> tuple[bytes, ...]:
    if tip == cursor:
        raise Refusal([_none("the message was already read")])
    if not isinstance(shelf.get(tip), Message):
        raise Refusal([_none("there is no message")])
    return unread(shelf, tip, cursor).ids


def _none(words: str) -> Defect:
    return invalid("wit.proposal.valid", words, "proposal")
