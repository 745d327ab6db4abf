"""Archive, restore and close: the changes of references, each made in the batch of a world as one update.

::

    archive    heads/S s -> none      archived/S none -> s    heads/R: the notices
    restore    archived/S -> none     heads/S none -> s       heads/R: the agent's entries for S, the notices
    close      heads/S or archived/S -> none    closed/S      heads/R: without entries for S, the notice

Everything that can be refused is checked before the first change.

Spec: ``session/archive``, ``session/restore``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gritstone.errors import Exhausted, Invalid, Missing, Refusal, Rejected
from gritstone.grit.objects import ObjectId
from gritstone.grit.references import Change
from gritstone.runtime.actors import Actor
from gritstone.runtime.away import AWAY_SPACES, away_names
from gritstone.runtime.outcomes import adopt_agent_step, agent_position
from gritstone.runtime.world import World
from gritstone.session.notices import (
    Notice,
    archived_notice,
    closed_notice,
    forget_request,
    restored_notice,
    send_notices,
)
from gritstone.session.standing import Stopped, has_host
from gritstone.wit.channels import unread
from gritstone.wit.position import Position, load_position
from gritstone.wit.workspace import Workspace

__all__ = ["Leaving", "archive", "close", "fit_mail", "restore", "stopped_position", "too_many"]


@dataclass(frozen=True, slots=True)
class Leaving:
    """A session that is archived.

    Attributes:
        actor: the session.
        position: its position.
        touched: when it was used last.
        reason: why it is archived.
    """

    actor: Actor
    position: Position
    touched: int
    reason: str


def archive(world: World, at: int, leaving: Sequence[Leaving], others: Sequence[Notice] = ()) -> None:
    """Archive sessions, and send their notices and others after them.

    Spec: :rule:`session.archive.write-ahead`, :rule:`session.archive.event`, :rule:`session.archive.seen`.
    """
    notices = [*(_leave(world, at, one) for one in leaving), *others]
    if notices:
        send_notices(world, at, notices, {}, {})


def _leave(world: World, at: int, one: Leaving) -> Notice:
    session, step = one.actor.actor_id, one.position.step_id
    world.batch.quiet[session] = one.position.inbox
    world.leave(one.actor, f"archived/{session.hex()}")
    forget_request(world, session, step)
    info = {
        "at": at,
        "reason": one.reason,
        "root": one.position.core["session"].hex(),
        "step": step.hex(),
        "touched": one.touched,
    }
    return archived_notice(session, one.position.step.core, info)


def stopped_position(world: World, session: ObjectId, stopped: Stopped) -> Position:
    """Return the position of an archived session, whose history has to be complete.

    Raises:
        Missing: the step is outside, and part of it is not in the store (code ``outside``).
        Invalid: an erased object is in its place (code ``session``).
        Rejected: the agent is not its host (code ``host``).

    Spec: :rule:`session.restore.outside`, :rule:`session.restore.guard`.
    """
    if stopped.is_outside:
        try:
            with world.store.snapshot() as snapshot:
                snapshot.closure([stopped.step])
        except Refusal as refusal:
            raise Missing(
                "the step is not in the store", rule="session.restore.outside", code="outside", got=str(refusal)
            ) from refusal
        if stopped.value is None:
            raise Invalid("no step of the session", rule="session.restore.guard", code="session", got=session.hex())
    position = load_position(world.objects, stopped.step, session)
    if not has_host(world, position.core):
        raise Rejected("the agent is not the host", rule="session.restore.guard", code="host", got=session.hex())
    return position


def fit_mail(world: World, position: Position) -> tuple[ObjectId | None, ObjectId | None]:
    """Return the entries that the agent takes over from a session that comes from another store.

    Returns:
        The new entry of the agent's outbox, and that of its inbox; None for no change.

    Raises:
        Rejected: the chains do not fit (code ``mail``).

    Spec: :rule:`session.restore.elsewhere`.
    """
    session, agent = position.step.actor, agent_position(world)
    sent, read = agent.outbox.get(session), agent.inbox.get(session)
    cursor, said = position.inbox.get(world.agent), position.outbox.get(world.agent)
    takes = cursor is not None and not _leads_to(world, sent, cursor)
    if takes and sent is not None and not _leads_to(world, cursor, sent):
        raise _unfit(session)
    if said != read and said is not None and _leads_to(world, read, said):
        raise _unfit(session)
    return cursor if takes else None, said if said != read else None


def _unfit(session: ObjectId) -> Rejected:
    return Rejected(
        "the mail of the agent and of the session do not fit",
        rule="session.restore.elsewhere",
        code="mail",
        got=session.hex(),
    )


def _leads_to(world: World, tip: ObjectId | None, message: ObjectId) -> bool:
    """Return whether the chain of a tip contains a message."""
    if tip is None:
        return False
    _, is_fresh = unread(world.objects.load, tip, message)
    return not is_fresh


def restore(world: World, at: int, session: ObjectId, stopped: Stopped, leaving: Sequence[Leaving]) -> None:
    """Make an archived session live, and archive others for it.

    Spec: :rule:`session.restore.guard`, :rule:`session.restore.elsewhere`.
    """
    position = load_position(world.objects, stopped.step, session)
    sent, read = fit_mail(world, position)
    names = dict(zip(AWAY_SPACES, away_names(session), strict=True))
    world.batch.change(Change(names.pop("archived"), stopped.target, None))
    for name in names.values():
        world.batch.change(Change(name, None, None))
    if sent is not None:
        adopt_agent_step(world, Workspace(world.objects), {session: sent}, {})
    if read is not None:
        adopt_agent_step(world, Workspace(world.objects), {}, {session: read})
    if sent is not None or read is not None:
        _record_adoption(world, session, stopped.step)
    world.come_back(world.actor(session), stopped.step)
    root = position.core["session"].hex()
    archive(world, at, leaving, [restored_notice(session, {"at": at, "root": root, "step": stopped.step.hex()})])


def _record_adoption(world: World, session: ObjectId, step: ObjectId) -> None:
    name = f"adopted/{session.hex()}"
    with world.store.snapshot() as snapshot:
        world.batch.change(Change(name, snapshot.target(name), step))


def close(world: World, at: int, session: ObjectId, archived: Stopped | None) -> ObjectId:
    """End a session for ever; return its step.

    Args:
        world: the world.
        at: the time of the request.
        session: the session.
        archived: where it was archived, if it was; it may have a head in addition.

    Spec: :rule:`session.close.final`.
    """
    actor = world.actor(session)
    head = actor.head
    assert head is not None or archived is not None, "a session is live or archived"
    names = dict(zip(AWAY_SPACES, away_names(session), strict=True))
    target = step = head
    if archived is not None:
        world.batch.change(Change(names["archived"], archived.target, None))
        target, step = (archived.target, archived.step) if head is None else (head, head)
    if head is not None:
        position = world.position(actor)
        assert position is not None, "it has a head"
        world.batch.quiet[session] = position.inbox
        world.leave(actor, names["closed"])
    else:
        world.expect(session)
        world.batch.change(Change(names["closed"], None, target))
        for space in ("gone", "moved"):
            world.batch.change(Change(names[space], None, None))
    assert step is not None, "either has one"
    notice = closed_notice(session, {"at": at, "step": step.hex()})
    send_notices(world, at, [notice], {session: None}, {session: None})
    return step


def too_many(found: int, needed: int) -> Exhausted:
    """Return the refusal to admit a session.

    Spec: :rule:`session.capacity.full`.
    """
    return Exhausted(
        "too few live sessions can be archived",
        rule="session.capacity.full",
        code="sessions",
        got=found,
        expected=f"at least {needed}",
    )
