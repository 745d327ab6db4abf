"""Kinds of message, and proposals: the messages that may be read together.

Spec: :rule:`wit.kind.precedence`, :rule:`wit.proposal.valid`, :rule:`wit.proposal.fence`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gritstone.errors import Invalid
from gritstone.grit.objects import Message, ObjectId
from gritstone.wit.channels import Load, load_message, unread
from gritstone.wit.position import NO_IDS, Position

__all__ = ["Covered", "MessageKind", "Proposal", "message_kind", "read_proposal"]


class MessageKind(enum.Enum):
    """The purpose of an unread message for its receiver."""

    GENESIS = "genesis"
    WAITING = "waiting"
    UPDATE = "update"
    CLEANUP = "cleanup"
    DUPLICATE = "duplicate"
    ORDINARY = "ordinary"


_BY_TYPE = {"update": MessageKind.UPDATE, "cleanup": MessageKind.CLEANUP}

Covered: TypeAlias = tuple[tuple[ObjectId, tuple[ObjectId, ...]], ...]
"""Senders, ascending, each with the covered messages of its channel, oldest first."""


class Proposal:
    """The messages that a transition is to read.

    Attributes:
        kind: the kind that all of them have.
        covered: the messages, by sender.
    """

    __slots__ = ("covered", "kind")

    def __init__(self, kind: MessageKind, covered: Covered) -> None:
        self.kind = kind
        self.covered = covered

    @property
    def count(self) -> int:
        """Return the number of covered messages."""
        return sum(len(messages) for _, messages in self.covered)

    @property
    def mailbox(self) -> dict[ObjectId, ObjectId]:
        """Return the written form of the proposal: the last message by sender, ascending."""
        return {sender: messages[-1] for sender, messages in self.covered}

    def single(self) -> tuple[ObjectId, ObjectId]:
        """Return the sender and the message of a proposal that covers one message."""
        ((sender, (message,)),) = self.covered
        return sender, message


def message_kind(actor: ObjectId, message: Message, *, exists: bool) -> MessageKind:
    """Return the kind of a message for an actor.

    Args:
        actor: the receiver.
        message: an unread message.
        exists: whether the actor has a step.

    Spec: :rule:`wit.kind.precedence`, :rule:`wit.genesis.identity`.
    """
    if not exists:
        return MessageKind.GENESIS if message.content == actor else MessageKind.WAITING
    if message.headers:
        kind = _BY_TYPE.get(message.headers.get("mt", ""))
        if kind is not None:
            return kind
    return MessageKind.DUPLICATE if message.content == actor else MessageKind.ORDINARY


def read_proposal(
    load: Load, actor: ObjectId, last: Position | None, pairs: Sequence[tuple[ObjectId, ObjectId]]
) -> Proposal:
    """Return the proposal in which each message is the last covered one of its channel.

    Args:
        load: returns objects.
        actor: the receiver.
        last: the position of the receiver; None before its first step.
        pairs: senders and messages, in any order.

    Raises:
        Invalid: the pairs are not a valid proposal (code ``proposal``).
        Missing: a message, or one between it and its cursor, is absent.

    Spec: :rule:`wit.proposal.valid`.
    """
    cursors: Mapping[ObjectId, ObjectId] = NO_IDS if last is None else last.inbox
    tips = dict(pairs)
    if not tips or len(tips) != len(pairs):
        raise _no_proposal("no sender, or one twice")
    covered = []
    kinds: set[MessageKind] = set()
    for sender in sorted(tips):
        try:
            messages, _ = unread(load, tips[sender], cursors.get(sender))
        except Invalid:
            raise _no_proposal("something that is no message") from None
        if not messages:
            raise _no_proposal("a message that was read already")
        kinds |= {message_kind(actor, load_message(load, one), exists=last is not None) for one in messages}
        covered.append((sender, tuple(messages)))
    proposal = Proposal(kinds.pop(), tuple(covered))
    if kinds or proposal.kind is MessageKind.WAITING:
        raise _no_proposal("messages of several kinds, or ones that have to wait")
    if proposal.kind is not MessageKind.ORDINARY and proposal.count != 1:
        raise _no_proposal("a control message that is not alone")
    return proposal


def _no_proposal(what: str) -> Invalid:
    return Invalid(f"no proposal: {what}", rule="wit.proposal.valid", code="proposal")
