"""The mail between a runtime's agent and its sessions: requests with their replies, effects, and answers of asks.

A reply that was read is acknowledged. Open effects and the ends of asks stay mail until ``serving`` has passed them on,
and nothing behind them is acknowledged before. So a process that was killed finds them again.

Spec: ``session/requests``, ``session/ask``; :rule:`runtime.agent.mail`.
"""

from __future__ import annotations

from gritstone.errors import GritstoneError
from gritstone.grit.objects import Blob, Message, Object, ObjectId, Tree
from gritstone.runtime.letters import Letter, acknowledge, letters
from gritstone.runtime.outcomes import adopt_agent_step, last_sent
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.session.outcomes import SessionRefused
from gritstone.session.tools import loads
from gritstone.wit.workspace import Workspace

__all__ = [
    "NoReply",
    "answer_effect",
    "check_reply",
    "open_effects",
    "settle",
    "take_reply",
]

_EFFECTS = ("effect.model", "effect.tool")
_ENDED = "answered"


class NoReply(GritstoneError):  # noqa: N818 - not a fault of the session
    """A session did not reply, for example because its code always fails. The request stays unread."""


def open_effects(world: World, session: ObjectId) -> set[str]:
    """Return the ids, as text, of the messages whose answers count."""
    actor = world.actors.get(session)
    position = None if actor is None else world.readable_position(actor)
    tree = None if position is None else _look(world, position.core.get("effects"))
    blobs = [_look(world, one) for one in tree.entries.values()] if isinstance(tree, Tree) else []
    return {blob.data.decode("latin-1") for blob in blobs if isinstance(blob, Blob)}


def _look(world: World, object_id: ObjectId | None) -> Object | None:
    return None if object_id is None else world.objects.look(object_id)


def settle(world: World, session: ObjectId) -> None:
    """Acknowledge, in the batch, the mail of a session up to the first open effect or end of an ask.

    What is acknowledged are replies, whose reader has them or is gone, and effects whose answers do not count any more.
    """
    counts = open_effects(world, session)
    last = None
    for letter in letters(world, session):
        if letter.mt == _ENDED or (letter.mt in _EFFECTS and letter.message_id.hex() in counts):
            break
        last = letter.message_id
    if last is not None:
        acknowledge(world, session, last)


def answer_effect(world: World, session: ObjectId, effect: ObjectId, mt: str, content: Blob) -> None:
    """Answer an effect and acknowledge it, in the batch, by one step of the agent.

    If another message is the oldest, the effect was answered in the meantime, and nothing changes.

    Args:
        world: the world.
        session: the session.
        effect: its oldest unread message.
        mt: ``effect.ok`` or ``effect.failed``.
        content: the content of the answer.

    Spec: :rule:`session.ask.once`.
    """
    found = letters(world, session)
    if not found or found[0].message_id != effect:
        return
    workspace = Workspace(world.objects)
    value = Message(last_sent(world, session), {"mt": mt, "reply": effect.hex()}, workspace.put(content))
    adopt_agent_step(world, workspace, {session: workspace.put(value)}, {session: effect})
    world.batch.borrowed.add(session)


def take_reply(world: World, session: ObjectId, request: ObjectId) -> Letter | None:
    """Return the reply to a request, and acknowledge it in the batch; None if there is none."""
    for letter in letters(world, session):
        if letter.headers.get("reply") == request.hex() and letter.mt != _ENDED:
            settle(world, session)
            return letter
    return None


def check_reply(runtime: Runtime, session: ObjectId, reply: Letter | None) -> Letter:
    """Return the reply to a request.

    Raises:
        SessionRefused: the reply is a refusal.
        NoReply: there is none.
    """
    if reply is None:
        failure = dict(runtime.parked()).get(session, "no reply")
        raise NoReply(f"the session {session.hex()} did not reply: {failure}")
    if reply.mt == "refused":
        value = loads(reply.data)
        raise SessionRefused(value["class"], value["code"])
    return reply
