"""Opening: the genesis message of a session and its first step, made at once.

Spec: :rule:`session.open.whole`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from gritstone.errors import Refusal, Rejected
from gritstone.grit.objects import Blob, Kind, Message, ObjectId, Tree
from gritstone.runtime.actors import PendingQuery
from gritstone.runtime.asking import provide
from gritstone.runtime.outcomes import adopt_agent_step
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.states import Event
from gritstone.runtime.world import World
from gritstone.wit.admission import Admitted
from gritstone.wit.closure_cache import Walk
from gritstone.wit.code import Run
from gritstone.wit.failures import failure
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.workspace import Workspace

__all__ = ["FirstStep", "check_core", "default_core", "first_step", "take_first_step"]

_CONTENT = frozenset({Kind.BLOB, Kind.TREE})


@dataclass(frozen=True, slots=True)
class FirstStep:
    """The first step of a session that is not adopted yet.

    Attributes:
        session: the id of the session.
        message: the id of its genesis message.
        admitted: the step.
        generation: that of the world when it was made.
    """

    session: ObjectId
    message: ObjectId
    admitted: Admitted
    generation: int


def default_core(workspace: Workspace, host: ObjectId, nonce: bytes) -> ObjectId:
    """Make the core of a session that has no other.

    Spec: :rule:`session.open.plain-text`.
    """
    code = workspace.put(Blob({"ct": "s"}, b"external:session/1"))
    session = workspace.put(Tree({"host": host, "nonce": workspace.put(Blob({"ct": "b"}, nonce))}))
    return workspace.put(Tree({"session": session, "wit": code, "wit_query": code}))


def check_core(world: World, core: ObjectId) -> Tree:
    """Return the core of a new session, whose closure has to be complete.

    Raises:
        Missing: the core, or an object that it reaches, is absent.
        Rejected: it is not a tree.
        Exhausted: trees are nested too deep.
    """
    value = world.objects.look(core)
    if not isinstance(value, Tree):
        raise Rejected("the core is not a tree", rule="session.open.whole", got=core.hex())
    walk = Walk(Workspace(world.objects), world.executor.closures)
    try:
        walk.follow(core, _CONTENT)
    except Refusal:
        # The walk rejects other kinds; the store raises the refusal for an injection.
        with world.store.snapshot() as snapshot:
            snapshot.closure([core])
    else:
        world.executor.closures.update(walk.found)
    return value


async def first_step(runtime: Runtime, core: ObjectId, at: int) -> FirstStep:
    """Make the first step of a session; nothing is changed.

    Raises:
        Rejected: the transition failed.
        Exhausted: the transition failed, or took too long (code ``timeout``).
    """
    machine, world = runtime.machine, runtime.machine.world
    generation = world.generation
    genesis = Workspace(world.objects)
    message = genesis.put(Message(None, {"at": str(at), "mt": "genesis"}, core))
    proposal = Proposal(MessageKind.GENESIS, ((world.agent, (message,)),))
    run = world.executor.prepare(core, None, proposal, 1)
    run.workspace.take_over(genesis)
    limit_ms = machine.config.transition_ms if runtime.takes_time else 0
    try:
        async with asyncio.timeout(limit_ms / 1000 if limit_ms else None):
            admitted = await _drive(runtime, run)
    except TimeoutError:
        raise failure("timeout", "the first step took too long", expected=f"at most {limit_ms} ms") from None
    if admitted is None:
        raise failure("failed", "the code declined its first step")
    return FirstStep(core, message, admitted, generation)


async def _drive(runtime: Runtime, run: Run) -> Admitted | None:
    """Run a transition to its end."""
    machine = runtime.machine
    play = machine.world.executor.transition(run)
    pending = PendingQuery()
    machine.pending_queries.add(pending)
    answer: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                wanted = play.send(answer) if error is None else play.throw(error)
            except StopIteration as stop:
                found: Admitted | None = stop.value
                return found
            answer, error = await provide(
                machine, wanted, run.workspace, pending, takes_time=runtime.takes_time, nested=0
            )
    finally:
        play.close()
        machine.pending_queries.discard(pending)


def take_first_step(world: World, first: FirstStep) -> None:
    """Adopt the first step of a session, and the step of the agent that sends its genesis message."""
    actor, position = world.actor(first.session), first.admitted.position
    batch = world.batch
    world.take(first.admitted.workspace)
    batch.borrowed.update(one for one in first.admitted.borrowed if one not in batch.objects)
    batch.borrowed.add(first.session)
    world.executor.adopt(first.admitted)
    if actor.running is None:
        actor.happen(Event.GENESIS_PROPOSABLE)
    world.head_moved(actor, position)
    if actor.running is None:
        actor.happen(Event.STEP_ADMITTED)
    adopt_agent_step(world, Workspace(world.objects), {first.session: first.message}, {})
    world.route(first.session, first.admitted.sent)
    world.enqueue(actor)
