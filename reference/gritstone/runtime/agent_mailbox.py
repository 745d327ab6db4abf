"""Operations on mail from the outside: inject, list, acknowledge, answer effects.

Each function changes the world, or raises a refusal and changes nothing. The shell commits; if another process changed
the store first, it begins again from the heads in the store.

Spec: :rule:`runtime.agent.inject`, :rule:`runtime.agent.mail`, :rule:`runtime.effect.linked`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gritstone.errors import Invalid, Missing, Refusal, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, Kind, Message, ObjectId
from gritstone.runtime.actors import MessageKey
from gritstone.runtime.agent import check_injection, distinct_headers, signal_is_sent
from gritstone.runtime.outcomes import adopt_agent_step, agent_position, last_sent
from gritstone.runtime.proposing import unread_channels
from gritstone.runtime.world import World
from gritstone.wit.channels import load_message
from gritstone.wit.closure_cache import Walk
from gritstone.wit.workspace import Workspace

__all__ = ["Answered", "Effect", "acknowledge", "check_message", "effects", "inject", "mail", "resolve"]

_PREFIX = "effect."
_CONTENT = frozenset({Kind.BLOB, Kind.TREE})

Answered: TypeAlias = set[MessageKey]
"""Answered effects that are not before the cursor of their channel."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An open effect.

    Attributes:
        sender: the actor that requests it.
        message: the message that requests it.
        kind: the kind of effect.
        request: the data of the content; None if the content is not a blob, or is erased.
    """

    sender: ObjectId
    message: ObjectId
    kind: str
    request: bytes | None


def inject(
    world: World,
    to: ObjectId,
    headers: list[tuple[str, str]],
    content: ObjectId,
    *,
    signal: bool,
    new: Workspace | None = None,
) -> ObjectId:
    """Send a message from the agent; return its id.

    Args:
        world: the world that sends it.
        to: the receiver.
        headers: the headers.
        content: the content, which the store or ``new`` has.
        signal: whether the message has no previous one.
        new: new objects, which are stored with the message; None for none.

    Raises:
        Missing: receiver or content, or an object reachable from them, is absent.
        Rejected: the receiver is not a tree; the content is neither blob nor tree; the headers are those of a receipt;
            or the signal is an older message of its channel.
        Invalid: the headers cannot be encoded, or repeat a key.
        Exhausted: the message is too long; or trees are nested too deep.
        Refusal: the operator of the world refuses it.

    Spec: :rule:`runtime.agent.inject`, :rule:`runtime.agent.limits`.
    """
    if world.operator is not None:
        checked = check_message(world, to, headers, content)
        world.operator.check_injection(to, checked.headers, content, signal=signal)
    by_key = check_injection(headers)
    workspace = Workspace(world.objects)
    if new is not None:
        workspace.take_over(new)
    _check_closed(workspace, world, to, content)
    tip = last_sent(world, to)
    message = workspace.put(Message(None if signal else tip, by_key, content))
    if signal and signal_is_sent(workspace, world.executor.roots, tip, message):
        return message
    adopt_agent_step(world, workspace, {to: message}, {})
    world.batch.borrowed.update((to, content))
    return message


def check_message(world: World, to: ObjectId, headers: list[tuple[str, str]], content: ObjectId) -> Message:
    """Return the message that the agent would send, behind the last one to its receiver, without sending it.

    Whether the headers are those of a receipt is not checked.

    Raises:
        Missing, Rejected, Invalid, Exhausted: as ``inject`` does.

    Spec: :rule:`runtime.agent.inject-refused`, :rule:`runtime.agent.limits`.
    """
    by_key = distinct_headers(headers)
    workspace = Workspace(world.objects)
    _check_closed(workspace, world, to, content)
    message = Message(last_sent(world, to), by_key, content)
    workspace.put(message)
    return message


def _check_closed(workspace: Workspace, world: World, to: ObjectId, content: ObjectId) -> None:
    """Check that receiver and content have the right kinds and complete closures; skip what was checked before.

    Raises:
        Missing: an object reachable from them is absent.
        Rejected: they have other kinds.
        Exhausted: trees are nested too deep.
    """
    kinds = []
    for one in (to, content):
        value = workspace.look(one)
        kinds.append(Kind.BLOB if value is None else value.kind)
    if kinds[0] is not Kind.TREE:
        raise Rejected("the receiver is not a tree", rule="runtime.agent.inject-refused", got=to.hex())
    if kinds[1] not in _CONTENT:
        raise Rejected(
            "the content is neither a blob nor a tree", rule="runtime.agent.inject-refused", got=content.hex()
        )
    walk = Walk(workspace, world.executor.closures)
    try:
        walk.follow(to, _CONTENT)
        walk.follow(content, _CONTENT)
    except Refusal:
        # The walk rejects steps; the store raises the refusal for an injection.
        with world.store.snapshot() as snapshot:
            snapshot.closure([one for one in (to, content) if one not in world.batch.objects])
    else:
        world.executor.closures.update(walk.found)


def mail(world: World) -> list[MessageKey]:
    """List the mail to the agent: senders ascending, oldest message first.

    Spec: :rule:`runtime.agent.mail`.
    """
    agent = world.actor(world.agent)
    return [(sender, message) for sender, messages in unread_channels(world, agent) for message in messages]


def acknowledge(world: World, sender: ObjectId, message: ObjectId) -> None:
    """Move the cursor of a channel to the agent.

    Raises:
        Missing: the sender has no head, and no message of it was ever acknowledged.
        Rejected: the message is neither mail nor the cursor.

    Spec: :rule:`runtime.agent.mail`.
    """
    cursor = agent_position(world).inbox.get(sender)
    if cursor == message:
        return
    known = world.actors.get(sender)
    if cursor is None and (known is None or known.head is None):
        raise Missing("the sender has no head", rule="runtime.agent.mail", got=sender.hex())
    if (sender, message) not in mail(world):
        raise Rejected("the message is not mail of this sender", rule="runtime.agent.mail", got=message.hex())
    adopt_agent_step(world, Workspace(world.objects), {}, {sender: message})


def effects(world: World, answered: Answered) -> list[Effect]:
    """List the open effects; forget answers that are before the cursor.

    Spec: :rule:`runtime.effect.open`.
    """
    message_keys = mail(world)
    answered.intersection_update(message_keys)
    found = []
    for sender, message_id in message_keys:
        message = load_message(world.objects.load, message_id)
        mt = message.headers.get("mt", "")
        if mt.startswith(_PREFIX) and mt != _PREFIX and (sender, message_id) not in answered:
            content = world.objects.look(message.content)
            request = content.data if isinstance(content, Blob) else None
            found.append(Effect(sender, message_id, mt[len(_PREFIX) :], request))
    return found


def resolve(world: World, answered: Answered, effect: MessageKey, outcome: Mapping[str, bytes | str]) -> None:
    """Answer an open effect.

    Args:
        world: the world in which it is open.
        answered: the effects that were answered before; ``note_answer`` adds this one after it is committed.
        effect: sender and message.
        outcome: ``ok`` with bytes, or ``failed`` with a text.

    Raises:
        Missing: the effect is not open.
        Invalid: the text cannot be encoded.
        Exhausted: the answer is too long.

    Spec: :rule:`runtime.effect.linked`, :rule:`runtime.effect.limit`.
    """
    if effect not in [(one.sender, one.message) for one in effects(world, answered)]:
        raise Missing("the effect is not open", rule="runtime.effect.linked", got=".".join(one.hex() for one in effect))
    sender, message = effect
    workspace = Workspace(world.objects)
    ((word, data),) = outcome.items()
    blob = Blob(NO_HEADERS, data) if isinstance(data, bytes) else Blob({"ct": "s"}, _utf8(data))
    headers = {"mt": f"effect.{word}", "reply": message.hex()}
    tip = last_sent(world, sender)
    reply = workspace.put(Message(tip, headers, workspace.put(blob)))
    cursor = None
    for one, unread in mail(world):
        if one == sender:
            if (one, unread) != effect and (one, unread) not in answered:
                break
            cursor = unread
    adopt_agent_step(world, workspace, {sender: reply}, {} if cursor is None else {sender: cursor})


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid(
            "the text cannot be encoded in UTF-8", rule="runtime.effect.linked", got=ascii(text[error.start])
        ) from None
