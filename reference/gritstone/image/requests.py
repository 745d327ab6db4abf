"""Requests: what a client asks of an image: operations, the clock, lists, the log, worlds and rollbacks.

Each function that makes an operation changes the world in the batch; the runtime makes it durable.

Spec: :ref:`image-requests`, :ref:`image-clock`, :ref:`image-world`.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gritstone.errors import Invalid, Missing
from gritstone.grit.objects import Blob, Message, ObjectId, Tree
from gritstone.image.cores import Facts
from gritstone.image.engine import Engine, Outcome
from gritstone.image.journal import Entry
from gritstone.image.mail import Letter
from gritstone.image.outside import OutsideChecks
from gritstone.image.record import Record
from gritstone.image.refusals import refusal
from gritstone.image.texts import EMPTY, MOST_NUMBER
from gritstone.image.worlds import World, fold, take_back
from gritstone.runtime.agent_mailbox import check_message
from gritstone.runtime.outcomes import agent_position
from gritstone.wit.position import Position, load_position
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.workspace import Workspace

__all__ = ["Keys", "Request", "Shown", "newest_seq", "past_world", "request", "rollback", "set_clock", "shown_actors"]

_KEY = re.compile(r"[!-~]{1,64}")
_GONE = "gone/"
_MOST_KEYS = 1_000
_MOST_ROOTS = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """A message of a request.

    Attributes:
        to: the receiver.
        headers: the headers, as pairs.
        content: the id of the content, which the store has.
    """

    to: ObjectId
    headers: Sequence[tuple[str, str]]
    content: ObjectId


class Keys:
    """The keys of the newest requests, with the records that have them.

    Spec: :ref:`image-keys`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Outcome] = {}
        self._kernel: ObjectId | None = None

    def outcome(self, key: str) -> Outcome | None:
        """Return the outcome that is recorded for a key."""
        self._read()
        found = self._known.get(key)
        return found if found is not None and found.seq > self._engine.seq - _MOST_KEYS else None

    def _read(self) -> None:
        """Read the records that are newer than those that were read before."""
        engine = self._engine
        engine.sync()
        newest = engine.kernel_position()
        oldest = engine.seq - _MOST_KEYS
        found: list[tuple[str, Outcome]] = []
        is_continued = False
        for entry in engine.journal.back(newest, agent_position(engine.world), engine.seq):
            is_continued = entry.kernel.step_id == self._kernel
            if is_continued or entry.seq <= oldest:
                break
            found += self._keyed(entry.readable)
        if not is_continued:
            self._known.clear()  # what was read before is older, or was discarded
        for key, outcome in reversed(found):
            self._known.pop(key, None)
            self._known[key] = outcome
        for key in [key for key, outcome in self._known.items() if outcome.seq <= oldest]:
            del self._known[key]
        self._kernel = newest.step_id

    def _keyed(self, record: Record | None) -> list[tuple[str, Outcome]]:
        if record is None or not record.roots or record.roots[0].sender != self._engine.base.agent:
            return []
        try:
            message = self._engine.world.objects.load(record.roots[0].message)
        except Missing:  # a genesis that was not sent
            return []
        key = message.headers.get("key") if isinstance(message, Message) else None
        return [] if key is None else [(key, Outcome(record.seq, record.failure))]


def request(engine: Engine, keys: Keys, messages: Sequence[Request], key: str | None) -> Outcome:
    """Make the operation of a request, or return the recorded outcome of its key.

    Raises:
        Invalid: the key is malformed (code ``key``).
        Refusal: a message is refused; see ``outside``.

    Spec: :rule:`image.request.reply`, :rule:`image.request.once`, :rule:`image.request.key`.
    """
    if key is not None:
        if _KEY.fullmatch(key) is None:
            raise Invalid("the key is malformed", rule="image.request.key", code="key", got=ascii(key[:80]))
        recorded = keys.outcome(key)
        if recorded is not None:
            return recorded
    checks = OutsideChecks(engine.copy())
    letters: list[Letter] = []
    tips: dict[ObjectId, ObjectId] = {}
    for at, one in enumerate(messages):
        pairs = [*one.headers, ("key", key)] if key is not None and at == 0 else list(one.headers)
        message = check_message(engine.world, one.to, pairs, one.content)
        checks.check(one.to, dict(one.headers), one.content)
        letters.append(engine.root(one.to, message.headers, one.content, tips.get(one.to, message.previous)))
        tips[one.to] = letters[-1].message_id
    return engine.operate(letters)


def set_clock(engine: Engine, now_ms: int) -> int:
    """Set the clock; return the number of the operation.

    Raises:
        Malformed: the time is above the largest number (code ``clock``).
        Rejected: the time is before the clock (code ``clock``).

    Spec: :rule:`image.clock.forward`.
    """
    engine.sync()
    if now_ms > MOST_NUMBER:
        raise refusal("malformed/clock", "the time is too large", "clock.forward", got=now_ms)
    if now_ms < engine.clock:
        raise refusal("rejected/clock", "the clock does not go back", "clock.forward", got=now_ms)
    return engine.set_clock(now_ms)


# --- worlds --------------------------------------------------------------------------------------------


def newest_seq(engine: Engine) -> int:
    """Return the number of the newest operation."""
    engine.sync()
    return engine.seq


def past_world(engine: Engine, seq: int | None) -> World:
    """Return the world after an operation; the newest one without a number.

    Raises:
        Missing: there is no such world (code ``world``), or a record is absent, erased or corrupt.

    Spec: :rule:`image.world.past`.
    """
    engine.sync()
    wanted = engine.seq if seq is None else seq
    if wanted > engine.seq:
        raise refusal("missing/world", "there is no such world yet", "world.past-refused", got=wanted)
    last = next(_back(engine, wanted))
    try:
        world = _newest_world(engine)
        for entry in _back(engine, engine.seq):
            if entry.seq == wanted:
                break
            take_back(world, entry.data)
    except Missing:
        # A record after the world cannot be read: the world follows from those up to it, too.
        records = [entry.data for entry in _back(engine, wanted)]
        world = fold(reversed(records))
    world.heads[engine.kernel] = last.kernel.step_id
    world.heads[engine.base.agent] = last.agent.step_id
    return world


def _back(engine: Engine, seq: int) -> Iterator[Entry]:
    """Yield the operations from a number back to 0."""
    return engine.journal.from_seq(engine.kernel_position(), agent_position(engine.world), engine.seq, seq)


def _newest_world(engine: Engine) -> World:
    """Return the newest world, also if it is not in the store yet."""
    actors = engine.world.actors
    heads = {actor_id: actor.head for actor_id, actor in actors.items() if actor.head is not None}
    with engine.world.store.snapshot() as snapshot:
        stored = dict(snapshot.references(_GONE))
    changed = {one.name: one.new for one in engine.world.batch.others if one.name.startswith(_GONE)}
    gone = {bytes.fromhex(name[len(_GONE) :]): step for name, step in {**stored, **changed}.items() if step is not None}
    return World(heads, gone)


# --- rollback ------------------------------------------------------------------------------------------


def rollback(engine: Engine, seq: int) -> Outcome:
    """Make the operation that returns the cores of all actors to those of an earlier world.

    Raises:
        Missing: there is no such world (code ``world``), or an object is absent.
        Exhausted: it would have too many roots (code ``steps``).
        Rejected: a message of the agent to an actor is unread (code ``order``).

    Spec: :rule:`image.world.rollback`, :rule:`image.world.rollback-refused`.
    """
    past = past_world(engine, seq)
    letters = list(_rollback_roots(engine, past, str(seq)))
    if len(letters) > _MOST_ROOTS:
        raise refusal("exhausted/steps", "too many actors to return", "world.rollback-refused", got=len(letters))
    copy = engine.copy()
    if any(copy.mail.is_unread(engine.base.agent, letter.target) for letter in letters):
        raise refusal("rejected/order", "a message to an actor is unread", "world.rollback-refused")
    return engine.operate(letters, MOST_NUMBER)


def _rollback_roots(engine: Engine, past: World, seq: str) -> Iterator[Letter]:
    later: list[tuple[bool, ObjectId]] = []
    workspace = Workspace(engine.world.objects)
    for actor in sorted(engine.ledger.actors):
        position = engine.base.position(actor)
        assert position is not None, "the actor has a head"
        step = past.heads.get(actor)
        if step is None:
            later.append((engine.ledger.actors[actor].owner == actor, actor))
            continue
        before = load_position(engine.world.objects, step, actor)
        if _with_timers(workspace, before, position) != position.step.core:
            content = Tree({"core": before.step.core})
            yield _rollback_root(engine, actor, ("image.revert", seq), content)
    for _, actor in sorted(later):
        yield _rollback_root(engine, actor, ("image.destroy", seq), EMPTY)


def _with_timers(workspace: Workspace, before: Position, now: Position) -> ObjectId:
    """Return the core of a position with the timers of another."""
    timers = Facts(workspace, now.core).image.get("timers")
    core = WorkingCore(workspace, before.step.core, before.core)
    if timers is None:
        core.delete(("image", "timers"))
    else:
        core.put(("image", "timers"), timers)
    return core.store()


def _rollback_root(engine: Engine, actor: ObjectId, what: tuple[str, str], content: Blob | Tree) -> Letter:
    mt, seq = what
    return engine.root(actor, {"mt": mt, "world": seq}, content, agent_position(engine.world).outbox.get(actor))


# --- lists ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """An actor in a list.

    Attributes:
        actor: its id.
        position: its position; None if the client may not see more than the id.
        facts: what the part ``image`` of its core holds; None in the same case.
        code: the types that its code handles.
    """

    actor: ObjectId
    position: Position | None = None
    facts: Facts | None = None
    code: frozenset[str] = frozenset()


def shown_actors(
    engine: Engine, viewer: ObjectId | None, after: ObjectId | None, limit: int
) -> tuple[list[Shown], bool]:
    """List actors, ascending; return whether there are more.

    Args:
        engine: the engine.
        viewer: the actor that sees the list; None to see everything.
        after: only actors greater than it; None for all.
        limit: the most actors.

    Raises:
        Missing: the viewer is not an actor with a head (code ``actor``).

    Spec: :rule:`image.list.exact`, :rule:`image.list.redacted`.
    """
    engine.sync()
    actors = engine.ledger.actors
    if viewer is not None and viewer not in actors:
        raise refusal("missing/actor", "no actor with a head", "list.redacted", got=viewer.hex())
    owner = None if viewer is None else actors[viewer].owner
    chosen = heapq.nsmallest(limit + 1, (one for one in actors if after is None or one > after))
    return [_shown(engine, one, owner) for one in chosen[:limit]], len(chosen) > limit


def _shown(engine: Engine, actor: ObjectId, owner: ObjectId | None) -> Shown:
    if owner is not None and engine.ledger.actors[actor].owner != owner:
        return Shown(actor)
    position = engine.base.position(actor)
    assert position is not None, "the actor has a head"
    workspace = Workspace(engine.world.objects)
    target = position.core.get("code")
    tree = None if target is None else workspace.tree(target)
    code = frozenset() if tree is None else frozenset(tree.entries)
    return Shown(actor, position, Facts(workspace, position.core), code)
