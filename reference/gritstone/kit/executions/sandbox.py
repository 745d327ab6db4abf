"""A sandbox: a store in which code that is not trusted makes its steps, one message at a time.

Nothing here runs beside the caller: no loop, no thread that stays. A message and the step that reads it are made
durable together, or not at all, so a call that failed leaves nothing. What stands in the store is a history like any
other: the agent sends, the actor reads and writes.

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
from gritstone.runtime.batch import Batch, commit
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
    """Give what runs guests, and keeps compiled modules, where nobody says otherwise."""
    return Isolated() if isolated else Guests()


@dataclass(frozen=True, slots=True)
class Delivery:
    """Say what became of a message.

    Attributes:
        position: where the actor is; that before if it declined.
        declined: whether it declined.
        sent: what it has sent to the outside.
    """

    position: Position | None
    declined: bool
    sent: tuple[SentMessage, ...] = ()


class Sandbox:
    """Hold executions in one store.

    Attributes:
        store: the store.
        agent: the actor that stands for the outside.
        numbers: gives each fork of a step, and each actor with one code and environment, a number of its own.
    """

    def __init__(self, store: Store | None = None, guests: Guests | None = None, *, isolated: bool = False) -> None:
        """Be ready.

        Args:
            store: an open store; it stays open. None for one in memory.
            guests: what runs modules; None for what everybody shares.
            isolated: whether modules run in a process of their own; ``guests=Isolated(...)`` does so with other limits.
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
        """Admit and compile a module where it would run; see ``Guests.admit``."""
        self._guests.admit(module_id, module, pages)

    def workspace(self) -> Workspace:
        """Give a place to read the store, and to make objects for it."""
        return Workspace(self._executor.objects)

    def forget(self) -> None:
        """Forget what was read from the store, since something was erased or pruned."""
        self._executor.objects.forget()
        self._executor.closures.forget()
        self._executor.roots.forget()
        self._removals = self._count_removals()

    def _count_removals(self) -> int:
        with self.store.snapshot() as snapshot:
            return snapshot.removals()

    def head(self, actor: ObjectId) -> ObjectId | None:
        """Give the step that an actor stands at; None before its first one."""
        with self.store.snapshot() as snapshot:
            return snapshot.target(f"heads/{actor.hex()}")

    def place(self, actor: ObjectId) -> ObjectId | None:
        """Give the step that an actor stands at, also if it moved away; None before its first one."""
        with self.store.snapshot() as snapshot:
            head, stopped = snapshot.target(f"heads/{actor.hex()}"), away_step(snapshot, actor)
        return head or (stopped and stopped[1])

    def is_known(self, actor: ObjectId) -> bool:
        """Tell whether an actor lives here, or did before it moved away."""
        return self.place(actor) is not None

    def position(self, actor: ObjectId) -> Position | None:
        """Tell where an actor is; None before its first step."""
        head = self.head(actor)
        return None if head is None else load_position(self._executor.objects, head, actor)

    def deliver(self, actor: ObjectId, content: ObjectId, headers: Mapping[str, str]) -> Delivery:
        """Give an actor a message, and make the step that reads it.

        Args:
            actor: whom; for its first step the content is its core, which is its id.
            content: a blob or tree of the store.
            headers: those of the message.

        Raises:
            Refusal: the call failed; nothing was changed.
            Rejected: somebody else moved the actor, or pruned the store, meanwhile (code ``conflict``); nothing was
                changed.
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
        """Say behind which message the next one goes: what the actor has read, or what waits for it."""
        tip = agent.outbox.get(actor)
        cursor = None if last is None else last.inbox.get(self.agent)
        if tip is None or cursor is None or tip == cursor:
            return tip or cursor
        _, is_fresh = unread(self._executor.objects.load, tip, cursor)
        return cursor if is_fresh else tip

    def _commit(
        self, actor: ObjectId, last: Position | None, agent: Position, message: ObjectId, admitted: Admitted
    ) -> Delivery:
        """Let agent and actor make their steps at once."""
        batch, workspace, position = Batch(self._removals), admitted.workspace, admitted.position
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
                "somebody else moved the actor, or pruned the store",
                rule="runtime.head.cas",
                code="conflict",
                got=actor.hex(),
            )
        self._executor.adopt(admitted)
        if batch.removals != self._removals:
            self.forget()
        return Delivery(position, declined=False, sent=messages)

    def _sent_messages(self, workspace: Workspace, tip: ObjectId, cursor: ObjectId | None) -> tuple[SentMessage, ...]:
        """Give what an actor has sent to the outside."""
        found, _ = unread(workspace.load, tip, cursor)
        messages = []
        for one in found:
            message = workspace.message(one)
            value = workspace.look(message.content)
            messages.append(
                SentMessage(one.hex(), dict(message.headers), value.data if isinstance(value, Blob) else None)
            )
        return tuple(messages)
