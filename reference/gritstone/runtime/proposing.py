"""The proposals: the unread channels of an actor, and the proposals that may run.

::

    proposable    1  no covered message is delayed
                  2  not declined since something changed
                  3  the actor is not isolated, or one message only
                  4  the actor is not marked, or an update
                  5  a cleanup only while all other channels have no mail or a cleanup first

A free runtime takes the first proposable control message, or else all proposable ordinary mail. A runtime with a chosen
schedule lists the proposals.

Spec: :rule:`runtime.schedule.exact`, :rule:`wit.proposal.fence`, :rule:`wit.cleanup.begin`.
"""

from __future__ import annotations

from collections.abc import Iterable

from gritstone.grit.objects import Message, ObjectId
from gritstone.runtime.actors import Actor, MessageKey, ProposalKey
from gritstone.runtime.world import World
from gritstone.wit.channels import load_message, unread
from gritstone.wit.position import NO_IDS
from gritstone.wit.proposals import MessageKind, Proposal, message_kind

__all__ = ["choices", "key_of", "message_keys_of", "next_proposal", "unread_channels"]


class _Channel:
    """A channel with unread mail.

    Attributes:
        sender: the actor that sent the messages.
        kind: the kind of the oldest message.
        messages: the oldest message, if it is a control message; else the longest run of ordinary ones.
    """

    __slots__ = ("kind", "messages", "sender")

    def __init__(self, sender: ObjectId, kind: MessageKind, messages: list[ObjectId]) -> None:
        self.sender = sender
        self.kind = kind
        self.messages = messages


def key_of(proposal: Proposal) -> ProposalKey:
    """Return a proposal as a value."""
    return tuple([(sender, messages[-1]) for sender, messages in proposal.covered])


def next_proposal(world: World, actor: Actor, most_covered: int) -> Proposal | None:
    """Return the proposal of an actor that a free runtime runs next; None if none is proposable.

    Args:
        world: the world that has the mail.
        actor: not the agent; it is not running.
        most_covered: the most messages of one sender to take.

    Spec: :rule:`runtime.away.still`.
    """
    if world.is_away(actor.actor_id):
        return None
    if actor.failures is None and actor.mark is None:
        proposal = _one_message(world, actor)
        if proposal is not None:
            return proposal
    channels = _channels(world, actor, most_covered)
    _forget_isolated(world, actor)
    for channel in channels:
        if channel.kind is not MessageKind.ORDINARY:
            proposal = Proposal(channel.kind, ((channel.sender, (channel.messages[0],)),))
            if _is_proposable(actor, proposal, channels):
                return proposal
    ordinary = [one for one in channels if one.kind is MessageKind.ORDINARY]
    if not ordinary or actor.mark is not None:
        return None
    failures = actor.failures
    if failures is None:
        return _together(ordinary)
    free = [one for one in ordinary if (one.sender, one.messages[0]) not in failures.delayed]
    candidates = map(_single, free) if failures.isolated else iter([_together(free)] if free else [])
    return next((one for one in candidates if _is_proposable(actor, one, channels)), None)


def _one_message(world: World, actor: Actor) -> Proposal | None:
    """Propose the only unread message, which is the common case; None if the case is not that simple."""
    mail, position = actor.mail, actor.position
    if len(mail) != 1 or position is None:
        return None
    ((sender, tip),) = mail.items()
    message = world.objects.young.get(tip)
    if type(message) is not Message or message.previous != position.inbox.get(sender):
        return None
    return Proposal(message_kind(actor.actor_id, message, exists=True), ((sender, (tip,)),))


def choices(world: World, actor: Actor) -> list[Proposal]:
    """Return the proposals of one actor that the suite may choose, unordered.

    Spec: :rule:`runtime.schedule.exact`, :rule:`runtime.away.still`.
    """
    if world.is_away(actor.actor_id):
        return []
    channels = _channels(world, actor, None)
    _forget_isolated(world, actor)
    ordinary = [one for one in channels if one.kind is MessageKind.ORDINARY]
    found = [Proposal(one.kind, ((one.sender, (one.messages[0],)),)) for one in channels]
    found += [_together([one]) for one in ordinary]
    if ordinary:
        found.append(_together(ordinary))
    if actor.failures is not None and actor.failures.delayed:
        found = [one for one in found if one.kind is MessageKind.UPDATE]
    once = {key_of(one): one for one in found if _is_proposable(actor, one, channels)}
    return list(once.values())


def unread_channels(world: World, actor: Actor) -> list[tuple[ObjectId, list[ObjectId]]]:
    """List the mail of an actor: senders, ascending, with their unread messages, oldest first."""
    position = world.position(actor)
    inbox = NO_IDS if position is None else position.inbox
    load = world.objects.load
    return [(sender, unread(load, actor.mail[sender], inbox.get(sender))[0]) for sender in sorted(actor.mail)]


def _channels(world: World, actor: Actor, most: int | None) -> list[_Channel]:
    """Return the channels of an actor, without those whose oldest message has to wait."""
    position = world.position(actor)
    exists = position is not None
    inbox = NO_IDS if position is None else position.inbox
    mail = actor.mail
    load = world.objects.load
    channels = []
    for sender in sorted(mail) if len(mail) > 1 else mail:
        tip, cursor = mail[sender], inbox.get(sender)
        if most is None:
            messages, _ = unread(load, tip, cursor)
        else:
            messages = world.backlogs.oldest(load, (actor.actor_id, sender), tip, cursor, most)
        kind = message_kind(actor.actor_id, load_message(load, messages[0]), exists=exists)
        if kind is MessageKind.WAITING:
            continue
        if kind is MessageKind.ORDINARY:
            for at in range(1, len(messages)):
                if message_kind(actor.actor_id, load_message(load, messages[at]), exists=True) is not kind:
                    del messages[at:]
                    break
        channels.append(_Channel(sender, kind, messages))
    return channels


def _together(channels: Iterable[_Channel]) -> Proposal:
    return Proposal(MessageKind.ORDINARY, tuple([(one.sender, tuple(one.messages)) for one in channels]))


def _single(channel: _Channel) -> Proposal:
    return Proposal(MessageKind.ORDINARY, ((channel.sender, (channel.messages[0],)),))


def _is_proposable(actor: Actor, proposal: Proposal, channels: list[_Channel]) -> bool:
    """Check a proposal by the five conditions."""
    kind = proposal.kind
    if actor.mark is not None and kind is not MessageKind.UPDATE:
        return False
    if kind is MessageKind.CLEANUP and not _may_clean_up(actor, channels):
        return False
    failures = actor.failures
    if failures is None:
        return True
    if failures.isolated and proposal.count > 1:
        return False
    if failures.delayed and any(message_key in failures.delayed for message_key in message_keys_of(proposal)):
        return False
    return key_of(proposal) not in failures.declined


def _may_clean_up(actor: Actor, channels: list[_Channel]) -> bool:
    """Return whether all mail begins with a cleanup; mail to an actor that exists never waits."""
    return len(channels) == len(actor.mail) and all(one.kind is MessageKind.CLEANUP for one in channels)


def message_keys_of(proposal: Proposal) -> list[MessageKey]:
    """List the covered messages with their senders."""
    return [(sender, message) for sender, messages in proposal.covered for message in messages]


def _forget_isolated(world: World, actor: Actor) -> None:
    """End the isolation of an actor after all messages that it is about were read."""
    failures = actor.failures
    if failures is None or not failures.isolated:
        return
    left = {(sender, message) for sender, messages in unread_channels(world, actor) for message in messages}
    failures.isolated &= left
    if failures.is_over:
        actor.failures = None
