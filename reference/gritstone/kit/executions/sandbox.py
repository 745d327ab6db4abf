"""A sandbox: a store in which untrusted code makes its steps, one message at a time.

The sandbox has no event loop and no permanent thread. A message and the step that reads it are stored in one update, so
a failed call has no effect. The store contains a usual history: the agent sends, the actor reads and writes.

Spec: :rule:`wasm.call.atomic`, :rule:`runtime.agent.changes`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from gritstone.errors import Rejected
from gritstone.grit import CBOR_BLAKE3, MemoryEngine
from gritstone.grit.objects import Blob, Message, ObjectId
from gritstone.grit.store import Store
from gritstone.kit.executions.outcomes import SentMessage
from gritstone.optional.isolation import Isolated
from gritstone.runtime.agent import agent_step
from gritstone.runtime.away import away_step
from gritstone.runtime.batch import StepBatch, commit
from gritstone.runtime.starting import start_world
from gritstone.wasm.forks import Numbers
from gritstone.wasm.guests import Guests
from gritstone.wit.admission import Admitted
from gritstone.wit.channels import unread
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.laws import Laws
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position, load_position
from gritstone.wit.proposals import read_proposal
from gritstone.wit.transition import Executor
from gritstone.wit.workspace import Workspace

__all__ = ["Delivery", "Sandbox"]

_AGENT = "gritstone"
_RULE = "wasm.call.atomic"


@cache
def _shared_guests(*, isolated: bool) -> Guests:
    """Return the guests that run modules, and cache compiled ones, for all sandboxes without their own."""
    return Isolated() if isolated else Guests()


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of delivering a message.

    Attributes:
        position: the new position of the actor; the old one if it declined.
        declined: whether the actor declined the message.
        sent: the messages that it has sent to the outside.
    """

    position: Position | None
    declined: bool
    sent: tuple[SentMessage, ...] = ()


class Sandbox:
    """A set of executions in one store.

    Attributes:
        store: the store.
        agent: the id of the actor that represents the outside.
        numbers: assigns unique numbers to the forks of a step, and to the actors with the same code and environment.
    """

    def __init__(self, store: Store | None = None, guests: Guests | None = None, *, isolated: bool = False) -> None:
        """Create a sandbox.

        Args:
            store: an open store, which is never closed here; None for a new one in memory.
            guests: the guests that run modules; None for the shared ones.
            isolated: whether modules run in a separate process; ``guests=Isolated(...)`` does so with other limits.
        """
        if isolated and guests is not None:
            raise ValueError("isolated: the guests that are given say this already")
        self.store = Store.open(MemoryEngine(), CBOR_BLAKE3) if store is None else store
        self._guests = guests or _shared_guests(isolated=isolated)
        self._laws = Laws(self._guests)
        self.numbers = Numbers()
        with self.store.snapshot() as snapshot:
            agent = snapshot.target("runtime/agent")
        self.agent = agent or start_world(self.store, self._laws, _AGENT).agent
        self._executor = Executor(Objects(self.store.format, self.store.limits, self.store.get), self._laws)
        self._removals = self._count_removals()

    def admit(self, module_id: ObjectId, module: bytes, pages: int) -> None:
        """Admit and compile a module in advance; see ``Guests.admit``."""
        self._guests.admit(module_id, module, pages)

    def workspace(self) -> Workspace:
        """Return a new workspace, which reads the store and makes objects for it."""
        return Workspace(self._executor.objects)

    def forget(self) -> None:
        """Clear the cache of the store, because an object was erased or pruned."""
        self._executor.objects.forget()
        self._executor.closures.forget()
        self._executor.roots.forget()
        self._removals = self._count_removals()

    def _count_removals(self) -> int:
        with self.store.snapshot() as snapshot:
            return snapshot.removals()

    def head(self, actor: ObjectId) -> ObjectId | None:
        """Return the head of an actor; None before its first step."""
        with self.store.snapshot() as snapshot:
            return snapshot.target(f"heads/{actor.hex()}")

    def place(self, actor: ObjectId) -> ObjectId | None:
        """Return the current step of an actor, also if it moved away; None before its first step."""
        with self.store.snapshot() as snapshot:
            head, stopped = snapshot.target(f"heads/{actor.hex()}"), away_step(snapshot, actor)
        return head or (stopped and stopped[1])

    def has_moved(self, actor: ObjectId) -> bool:
        """Return whether an actor moved away."""
        with self.store.snapshot() as snapshot:
            return snapshot.target(f"moved/{actor.hex()}") is not None

    def is_known(self, actor: ObjectId) -> bool:
        """Return whether an actor is here, or was here before it moved away."""
        return self.place(actor) is not None

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None before its first step."""
        head = self.head(actor)
        return None if head is None else load_position(self._executor.objects, head, actor)

    def deliver(self, actor: ObjectId, content: ObjectId, headers: Mapping[str, str]) -> Delivery:
        """Deliver a message to an actor, and run the step that reads it.

        Args:
            actor: the receiver; for its first step the content is its core, whose id is the id of the actor.
            content: a blob or tree of the store.
            headers: the headers of the message.

        Raises:
            Refusal: the call failed; nothing was changed.
            Rejected: the actor was moved or the store was pruned concurrently (code ``conflict``); nothing was changed.
        """
        executor = self._executor
        last, agent = self.position(actor), self.position(self.agent)
        assert agent is not None, "a sandbox has an agent"
        workspace = self.workspace()
        message = workspace.put(Message(self._previous(actor, last, agent), headers, content))
        workspace.keep(self.store)
        proposal = read_proposal(executor.objects.load, actor, last, [(self.agent, message)])
        run = executor.prepare(actor, last, proposal, 1)
        admitted = drive(executor.transition(run), time.sleep, Deadline(time.monotonic, 0))
        if admitted is None:
            return Delivery(last, declined=True)
        if admitted.refused_update:
            raise Rejected("the update was refused", rule="wasm.grant.update", got=actor.hex())
        return self._commit(actor, last, agent, message, admitted)

    def _previous(self, actor: ObjectId, last: Position | None, agent: Position) -> ObjectId | None:
        """Return the previous of the next message: the message that the actor has read last, or the unread tip."""
        tip = agent.outbox.get(actor)
        cursor = None if last is None else last.inbox.get(self.agent)
        if tip is None or cursor is None or tip == cursor:
            return tip or cursor
        _, is_fresh = unread(self._executor.objects.load, tip, cursor)
        return cursor if is_fresh else tip

    def _commit(
        self, actor: ObjectId, last: Position | None, agent: Position, message: ObjectId, admitted: Admitted
    ) -> Delivery:
        """Store the steps of agent and actor in one update."""
        batch, workspace, position = StepBatch(self._removals), admitted.workspace, admitted.position
        sent = agent_step(workspace, agent, {actor: message}, {})
        tip = position.outbox.get(self.agent)
        after = sent
        messages: tuple[SentMessage, ...] = ()
        if tip is not None and tip != agent.inbox.get(actor):
            messages = self._sent_messages(workspace, tip, agent.inbox.get(actor))
            after = agent_step(workspace, sent, {}, {actor: tip})
        batch.add(workspace.encodings)
        batch.borrowed.update(admitted.borrowed)
        batch.move_head(self.agent, agent.step_id, after.step_id)
        batch.move_head(actor, None if last is None else last.step_id, position.step_id)
        batch.present.add(actor)
        if not commit(self.store, batch):
            self.forget()
            raise Rejected(
                "the actor was moved, or the store was pruned, concurrently",
                rule="runtime.head.cas",
                code="conflict",
                got=actor.hex(),
            )
        self._executor.adopt(admitted)
        if batch.removals != self._removals:
            self.forget()
        return Delivery(position, declined=False, sent=messages)

    def _sent_messages(self, workspace: Workspace, tip: ObjectId, cursor: ObjectId | None) -> tuple[SentMessage, ...]:
        """Return the messages that an actor has sent to the outside."""
        found, _ = unread(workspace.load, tip, cursor)
        messages = []
        for one in found:
            message = workspace.message(one)
            value = workspace.look(message.content)
            messages.append(
                SentMessage(one.hex(), dict(message.headers), value.data if isinstance(value, Blob) else None)
            )
        return tuple(messages)
