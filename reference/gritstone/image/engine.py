"""The engine: runs the operations of an image on the world of a runtime.

An operation is computed on a private copy. Its result, with one step of the agent and one of the kernel actor, goes
into the batch of the world, which one update makes durable. If another process changed the references first, the world
is read again and the operation is run again.

Spec: :ref:`image-operation`, :ref:`image-update`, :ref:`image-runtime`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gritstone.errors import Exhausted, InternalError
from gritstone.grit.objects import Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.image.adopting import adopt
from gritstone.image.code import PLAIN_IMAGES
from gritstone.image.cores import Facts, read_timer
from gritstone.image.journal import Journal
from gritstone.image.ledger import Ledger, Usage
from gritstone.image.mail import Letter
from gritstone.image.operation import MOST_HEADS, Operation
from gritstone.image.outside import OutsideChecks
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.queues import DueTimer, Post, Queues
from gritstone.image.record import HeadMove, Record, Root, decode_record, encode_record
from gritstone.image.refusals import Failure
from gritstone.image.standing import read_standing
from gritstone.image.starting import kernel_id
from gritstone.image.texts import EMPTY, text_blob
from gritstone.runtime.agent import Entries, agent_step
from gritstone.runtime.outcomes import agent_position
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.wasm.guests import Guests
from gritstone.wit.channels import Roots
from gritstone.wit.closure_cache import ClosureCache
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.guest_host import GuestHost

__all__ = ["Engine", "Outcome", "WorldBase"]

_NOTHING: Mapping[ObjectId, ObjectId] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an operation.

    Attributes:
        seq: its number.
        failure: why it failed; None if it committed.
    """

    seq: int
    failure: Failure | None


class WorldBase:
    """The world of a runtime, as an operation reads it."""

    def __init__(self, world: World, kernel: ObjectId) -> None:
        self._world = world
        self.agent = world.agent
        self.kernel = kernel
        self.objects: Objects = world.objects
        self.closures: ClosureCache = world.executor.closures
        self.roots: Roots = world.executor.roots
        laws = world.executor.laws.laws
        found = (law for law in laws if isinstance(law, Guests))
        self.guests: GuestHost | None = None if PLAIN_IMAGES in laws else next(found, None)

    @property
    def has_erased(self) -> bool:
        """Return whether the store has erased blobs."""
        return self._world.has_erased

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None if it has no head."""
        known = self._world.actors.get(actor)
        return None if known is None or known.head is None else known.position or self._world.position(known)

    def has_head(self, actor: ObjectId) -> bool:
        """Return whether an actor has a head."""
        known = self._world.actors.get(actor)
        return known is not None and known.head is not None

    def is_gone(self, actor: ObjectId) -> bool:
        """Return whether an actor was destroyed."""
        return actor in self._world.away

    def mail(self, actor: ObjectId) -> Mapping[ObjectId, ObjectId]:
        """Return the newest message by sender, of each channel to an actor that has unread messages.

        An actor without a head has none: all that was sent to it was read before it was destroyed.
        """
        known = self._world.actors.get(actor)
        return _NOTHING if known is None or known.head is None else known.mail


class Engine:
    """The operations of one image; the operator of its runtime.

    Attributes:
        runtime: the runtime.
        kernel: the id of the kernel actor.
        seq: the number of the newest operation.
        clock: the clock of the image in milliseconds.
        journal: the records.
        ledger: what principals use.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Become the operator of a runtime whose store is an image."""
        self.runtime = runtime
        self.world: World = runtime.machine.world
        self.kernel = kernel_id(Workspace(self.world.objects))
        self.base = WorldBase(self.world, self.kernel)
        self.journal = Journal(self.world.objects)
        self.ledger = Ledger(self.world.reading)
        self.queues = Queues()
        self.seq = 0
        self.clock = 0
        self._generation = -1
        self._next: Letter | None = None
        self.world.operator = self
        self.world.ready.clear()
        self.sync()

    # --- the world -------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Read what follows from the heads, if the world was read again."""
        if self._generation == self.world.generation:
            return
        self._generation = self.world.generation
        self._next = None
        self.journal.forget()
        newest = self.kernel_position()
        blob = self.world.objects.load(newest.core["op"])
        if not isinstance(blob, Blob):
            raise InternalError("the newest record is not a blob")
        record = decode_record(blob.data)
        self.seq, self.clock = record.seq, record.clock
        read_standing(self)

    def kernel_position(self) -> Position:
        """Return the position of the kernel actor."""
        position = self.base.position(self.kernel)
        if position is None:
            raise InternalError("the kernel actor has no head")
        return position

    def copy(self) -> PrivateCopy:
        """Return a private copy of the present world."""
        self.sync()
        return PrivateCopy(self.base)

    # --- the operator ----------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Return whether a timer is due or a post waits, and the store has room for the operation."""
        self.sync()
        if self.world.held:
            return False
        if self._next is None:
            self._next = self._next_root()
        return self._next is not None

    def work(self, most_steps: int) -> int:
        """Run timers and posts until there is none or enough steps were made; return the number of steps.

        An operation for which the store has no room ends the run; those before it are kept.

        Spec: :rule:`image.post.order`, :rule:`image.timer.due`, :rule:`runtime.run.full`.
        """
        made = 0
        while made < most_steps and self.has_work:
            assert self._next is not None, "there is work"
            try:
                made += self._run([self._next], None)[1]
            except Exhausted:
                self.world.held[self._next.target] = None
                break
            if self.world.batch.names > self.world.store.limits.cas_names // 2:
                break
        return made

    def check_injection(self, to: ObjectId, headers: Mapping[str, str], content: ObjectId, *, signal: bool) -> None:
        """Check a post of the outside.

        Spec: :rule:`image.outside.refused`.
        """
        checked = {**headers, "op": "signal"} if signal else headers
        OutsideChecks(self.copy()).check(to, checked, content, is_post=True)

    def agent_step(self, workspace: Workspace, sent: Entries, read: Entries) -> Position:
        """Make an operation without roots, in which the agent sends or reads.

        Spec: :rule:`image.runtime.inject`.
        """
        copy = self.copy()
        copy.workspace.take_over(workspace)
        self._finish(Operation(copy, self.seq + 1, self.clock, self.ledger), (), None, sent=sent, read=read)
        return agent_position(self.world)

    # --- operations ------------------------------------------------------------------------------------

    def operate(self, letters: Sequence[Letter], fuel_limit: int | None = None) -> Outcome:
        """Run an operation whose roots the agent sends; without roots, one of the agent alone.

        Args:
            letters: the roots; each is behind the last message to its receiver.
            fuel_limit: the limit of fuel in place of that of the owner; None for that one.
        """
        self.sync()
        return self._run(letters, fuel_limit)[0]

    def set_clock(self, now_ms: int) -> int:
        """Run the operation that sets the clock; return its number.

        Spec: :rule:`image.clock.forward`.
        """
        operation = Operation(self.copy(), self.seq + 1, self.clock, self.ledger)
        return self._finish(operation, (), None, clock=now_ms)[0].seq

    def root(
        self,
        to: ObjectId,
        headers: Mapping[str, str],
        content: ObjectId | Blob | Tree,
        previous: ObjectId | None,
    ) -> Letter:
        """Return a root that the agent sends.

        Args:
            to: the receiver.
            headers: the headers.
            content: the content; an id of the store, or a new object.
            previous: the last message of the agent to the receiver.
        """
        workspace = Workspace(self.world.objects)
        new = None if isinstance(content, bytes) else content
        message = Message(previous, headers, content if isinstance(content, bytes) else workspace.put(content))
        message_id = workspace.put(message)
        return Letter(
            self.base.agent,
            to,
            message_id,
            message,
            is_root=True,
            handle=headers.get("timer"),
            content=new,
        )

    def _run(self, letters: Sequence[Letter], fuel_limit: int | None) -> tuple[Outcome, int]:
        copy = PrivateCopy(self.base)
        operation = Operation(copy, self.seq + 1, self.clock, self.ledger)
        failure: Failure | None = None
        difference: Usage | None = None
        if letters:
            begin = copy.mark()
            limit = self._fuel_limit(copy, letters[0].target) if fuel_limit is None else fuel_limit
            failure = operation.run(letters, limit)
            if failure is None:
                difference = self.ledger.difference(copy)
                failure = self._exceeded(copy, difference)
            if failure is not None:
                difference = None
                operation.fail(letters, failure, begin)
        return self._finish(operation, letters, failure, difference=difference)

    def _exceeded(self, copy: PrivateCopy, difference: Usage) -> Failure | None:
        """Return the limit of heads or the quota that an operation exceeds.

        Spec: :rule:`image.op.limits`.
        """
        gone = len(copy.gone)
        if len(copy.positions) + gone + len(_reads(copy)) > MOST_HEADS:
            return Failure("exhausted", "heads")
        return self.ledger.exceeded(copy, difference)

    def _fuel_limit(self, copy: PrivateCopy, target: ObjectId) -> int | None:
        """Return the fuel limit of an operation: that of the owner of the receiver of its first root.

        Spec: :ref:`image-fuel`.
        """
        position, tree = self.base.position(target), copy.core_tree(target)
        if position is not None:
            facts = copy.facts(position)
        elif tree is not None:
            facts = Facts(copy.workspace, tree.entries)
        else:
            return None
        if facts.owner is not None:
            owner = self.base.position(facts.owner)
            facts = facts if owner is None else copy.facts(owner)
        return facts.quota().get("fuel")

    def _finish(  # noqa: PLR0913 - keywords
        self,
        operation: Operation,
        letters: Sequence[Letter],
        failure: Failure | None,
        *,
        difference: Usage | None = None,
        sent: Entries = _NOTHING,
        read: Entries = _NOTHING,
        clock: int | None = None,
    ) -> tuple[Outcome, int]:
        """Make the steps of the agent and the kernel actor, and put the operation into the batch.

        Raises:
            Exhausted: the store has no room for the references of the operation; nothing has changed.

        Spec: :rule:`image.op.one-step`, :rule:`image.op.atomic`.
        """
        copy = operation.copy
        if (created := _created(copy)) > 0:
            self.world.check_room(created)
        for sender, message in read.items():
            if message is not None:
                copy.acknowledge(sender, message, agent_position(self.world).inbox.get(sender))
        for to, message in sent.items():
            if message is not None:
                copy.post(to, message)
        if difference is None:
            difference = self.ledger.difference(copy)
        record = self._record(operation, letters, failure, self.clock if clock is None else clock)
        self._make_last_steps(copy, record, {**copy.sent, **sent}, read)
        self.ledger.apply(copy, difference)
        self._queue(copy)
        adopt(self.world, copy)
        self.seq, self.clock, self._next = record.seq, record.clock, None
        for actor in copy.positions:
            self.queues.unblock(actor)
        self.queues.compact(self._is_set)
        return Outcome(self.seq, failure), sum(copy.steps.values()) if letters else 0

    def _record(self, operation: Operation, letters: Sequence[Letter], failure: Failure | None, clock: int) -> Record:
        copy = operation.copy
        return Record(
            self.seq + 1,
            clock,
            tuple(Root(one.sender, one.target, one.message_id) for one in letters),
            operation.fuel,
            failure,
            tuple(operation.savepoints),
            tuple(sorted(_moves(copy), key=lambda move: move.actor)),
            tuple(_reads(copy)),
            tuple(sorted(copy.gone)),
        )

    def _make_last_steps(self, copy: PrivateCopy, record: Record, sent: Entries, read: Entries) -> None:
        workspace, put = copy.workspace, copy.workspace.put
        agent, kernel = agent_position(self.world), self.kernel_position()
        text = put(text_blob(encode_record(record)))
        message = put(Message(agent.outbox.get(self.kernel), {"mt": "image.op"}, text))
        copy.agent = agent_step(workspace, agent, {**sent, self.kernel: message}, read)
        core = {**kernel.core, "op": text}
        inbox = {self.base.agent: message}
        step = Step(kernel.step_id, self.kernel, put(Mailbox(inbox)), kernel.step.outbox, put(Tree(core)))
        copy.kernel = Position(put(step), step, inbox, kernel.outbox, core)

    # --- timers and posts ------------------------------------------------------------------------------

    def _queue(self, copy: PrivateCopy) -> None:
        """Add the posts that an operation sent, and the timers that it set.

        Spec: :ref:`image-posts`.
        """
        sent = (one for one in sorted(copy.mail.sent_posts) if one[2] != self.base.agent)
        seq = self.seq + 1
        self.queues.add_posts((seq, sender, receiver, message) for sender, _, receiver, _, message in sent)
        for actor, position in copy.positions.items():
            before = self.base.position(actor)
            if position is not None and (before is None or before.core["image"] != position.core["image"]):
                self.add_timers(actor, position.core, copy.workspace, None if before is None else before.core)

    def add_timers(
        self,
        actor: ObjectId,
        core: Mapping[str, ObjectId],
        workspace: Workspace,
        before: Mapping[str, ObjectId] | None,
    ) -> None:
        """Queue the timers of an actor that it did not have in the core before."""
        facts = Facts(workspace, core)
        old = None if before is None else Facts(workspace, before)
        if facts.image.get("timers") == (None if old is None else old.image.get("timers")):
            return
        known = {} if old is None else old.part("timers")
        for handle, target in facts.part("timers").items():
            timer = read_timer(facts.data(target)) if handle not in known else None
            if timer is not None:
                self.queues.add_timer((*timer[:3], actor, handle))

    def _next_root(self) -> Letter | None:
        """Return the root of the next operation; None at rest.

        Spec: :ref:`image-rest`, :rule:`image.post.turn`.
        """
        timer = self.queues.due(self.clock, self._is_set, self._is_blocked)
        post = self.queues.post(self._is_unread)
        if timer is not None and (post is None or timer[1] <= post[0]):
            return self._timer_root(timer)
        if post is None:
            return None
        _, sender, receiver, message_id = post
        message = self.world.objects.load(message_id)
        if not isinstance(message, Message):
            raise InternalError("a post is not a message")
        return Letter(sender, receiver, message_id, message, is_root=True, is_stored=True)

    def _timer_root(self, timer: DueTimer) -> Letter:
        _, _, _, actor, handle = timer
        entry = self._timer(actor, handle)
        assert entry is not None, "the timer is set"
        previous = agent_position(self.world).outbox.get(actor)
        return self.root(actor, {"mt": entry[3], "timer": handle}, EMPTY, previous)

    def _timer(self, actor: ObjectId, handle: str) -> tuple[int, int, int, str] | None:
        position = self.base.position(actor)
        return None if position is None else Facts(Workspace(self.world.objects), position.core).timer(handle)

    def _is_set(self, timer: DueTimer) -> bool:
        entry = self._timer(timer[3], timer[4])
        return entry is not None and entry[:3] == timer[:3]

    def _is_blocked(self, actor: ObjectId) -> bool:
        return self.base.agent in self.base.mail(actor)

    def _is_unread(self, post: Post) -> bool:
        _, sender, receiver, message_id = post
        position = self.base.position(receiver)
        message = self.world.objects.load(message_id)
        assert isinstance(message, Message), "a post is a message"
        return position is not None and position.inbox.get(sender) == message.previous


def _moves(copy: PrivateCopy) -> Iterable[HeadMove]:
    for actor, position in copy.positions.items():
        before = copy.base.position(actor)
        after = (position or copy.gone[actor]).step_id
        yield HeadMove(actor, None if before is None else before.step_id, after)


def _created(copy: PrivateCopy) -> int:
    """Return how many references an operation adds: those of actors that had no head."""
    return sum(not copy.base.has_head(actor) for actor in copy.positions)


def _reads(copy: PrivateCopy) -> list[tuple[ObjectId, ObjectId]]:
    """Return the actors that were read and not moved, ascending, with their heads."""
    found = []
    for actor in sorted(copy.reads):
        before = copy.base.position(actor)
        if before is not None and actor not in copy.positions:
            found.append((actor, before.step_id))
    return found
