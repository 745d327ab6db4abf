"""Where a session stands: live, archived or otherwise away, quiet, and the step at which it was archived.

All functions read the world and its store; none changes anything.

Spec: ``session/residency``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gritstone.errors import Invalid, Missing, Refusal, Rejected
from gritstone.grit.objects import Blob, Object, ObjectId, Step, Tree
from gritstone.runtime.actors import Actor
from gritstone.runtime.away import AWAY_SPACES, away_names
from gritstone.runtime.world import World
from gritstone.session.forms import HEX
from gritstone.wit.position import Position

__all__ = [
    "LiveSessions",
    "Stopped",
    "away_targets",
    "check_not_away",
    "find_live",
    "has_host",
    "is_quiet",
    "missing_session",
    "read_stopped",
]

_RULE = "session.away.refused"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The step at which a session was archived.

    Attributes:
        target: the target of the reference.
        step: the id of the step.
        value: the step; None if it is outside and not in the store.
    """

    target: ObjectId
    step: ObjectId
    value: Step | None

    @property
    def is_outside(self) -> bool:
        """Return whether the reference names the step as text."""
        return self.target != self.step


def away_targets(world: World, session: ObjectId) -> dict[str, ObjectId]:
    """Return the references by which an actor is away: the spaces with their targets."""
    if not world.is_away(session):
        return {}
    names = dict(zip(AWAY_SPACES, away_names(session), strict=True))
    with world.store.snapshot() as snapshot:
        found = {space: world.batch.target(name, snapshot.target(name)) for space, name in names.items()}
    return {space: target for space, target in found.items() if target is not None}


def check_not_away(targets: Mapping[str, ObjectId], session: ObjectId) -> None:
    """Check that a session is not away.

    Raises:
        Rejected: it is closed, gone or moved.
        Missing: it is archived.
    """
    for space in ("closed", "gone", "moved"):
        if space in targets:
            raise Rejected(f"the session is {space}", rule=_RULE, code=space, got=session.hex())
    if "archived" in targets:
        raise Missing("the session is archived", rule=_RULE, code="archived", got=session.hex())


def has_host(world: World, core: Mapping[str, ObjectId]) -> bool:
    """Return whether the agent is the host of an actor with a core."""
    session = _look(world, core.get("session"))
    return isinstance(session, Tree) and session.entries.get("host") == world.agent


def _look(world: World, object_id: ObjectId | None) -> Object | None:
    """Return an object; None if there is none, or it is absent or erased."""
    if object_id is None:
        return None
    try:
        return world.objects.look(object_id)
    except Missing:
        return None


def find_live(world: World, session: ObjectId) -> tuple[Actor, Position]:
    """Return a live session and its position.

    Raises:
        Missing: it is archived, or there is no such session.
        Rejected: it is closed, gone or moved.
    """
    check_not_away(away_targets(world, session), session)
    actor = world.actors.get(session)
    position = None if actor is None or session == world.agent else world.readable_position(actor)
    if actor is None or position is None or not has_host(world, position.core):
        raise missing_session(session)
    return actor, position


def missing_session(session: ObjectId) -> Refusal:
    """Return the refusal for an actor that is not a session."""
    return Missing("there is no such session", rule=_RULE, code="session", got=session.hex())


class LiveSessions:
    """The live sessions of a world.

    Whether an actor is a session follows from its head, and is remembered for each head. So a request does not read the
    heads of all actors.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._forgotten = world.forgotten
        self._known: dict[ObjectId, tuple[ObjectId, bool]] = {}

    def actors(self) -> list[Actor]:
        """Return the live sessions, unordered."""
        world = self._world
        if world.forgotten != self._forgotten or len(self._known) > 2 * len(world.actors):
            self._forgotten = world.forgotten
            self._known.clear()
        return [
            actor
            for actor_id, actor in world.actors.items()
            if actor.head is not None
            and actor_id != world.agent
            and actor_id not in world.away
            and self._is_session(actor, actor.head)
        ]

    def _is_session(self, actor: Actor, head: ObjectId) -> bool:
        known = self._known.get(actor.actor_id)
        if known is not None and known[0] == head:
            return known[1]
        position = self._world.readable_position(actor)
        found = position is not None and has_host(self._world, position.core)
        self._known[actor.actor_id] = head, found
        return found


def is_quiet(world: World, actor: Actor, position: Position) -> bool:
    """Return whether a live session is quiet.

    Spec: :rule:`session.archive.quiet`.
    """
    if actor.mark is not None or actor.mail or actor.actor_id in world.actor(world.agent).mail:
        return False
    return set(position.outbox) <= {world.agent, actor.actor_id}


def read_stopped(world: World, session: ObjectId, target: ObjectId) -> Stopped:
    """Return the step that the reference of an archived session leads to or names.

    Raises:
        Invalid: it is neither a step of the session nor the name of one (code ``session``).

    Spec: :rule:`session.restore.outside`.
    """
    value = _look(world, target)
    if isinstance(value, Step) and value.actor == session:
        return Stopped(target, target, value)
    if isinstance(value, Blob) and dict(value.headers) == {"ct": "s"}:
        name = value.data.decode("latin-1")
        if HEX.fullmatch(name):
            step = bytes.fromhex(name)
            found = _look(world, step)
            if found is None:
                return Stopped(target, step, None)
            if isinstance(found, Step) and found.actor == session:
                return Stopped(target, step, found)
    raise Invalid("no step of the session", rule="session.restore.guard", code="session", got=target.hex())
