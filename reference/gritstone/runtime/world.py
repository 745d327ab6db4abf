"""The world of a runtime: its actors according to their heads, and the batch to commit.

``reload`` computes everything here from heads and marks. Steps that were adopted since the last commit are included:
the batch has what the store does not have yet.

Spec: :rule:`runtime.recover.mail`, :rule:`runtime.route.fan`, :rule:`runtime.recover.quiet`,
:rule:`runtime.away.still`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from gritstone.errors import Exhausted, InternalError, Missing
from gritstone.grit.engine import Table
from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.grit.references import Change, references_version
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store
from gritstone.runtime.actors import Actor
from gritstone.runtime.away import away_actors, away_names, away_step
from gritstone.runtime.backlogs import Backlogs
from gritstone.runtime.batch import StepBatch
from gritstone.runtime.operator import Operator
from gritstone.runtime.states import Event
from gritstone.wit.admission import Sent
from gritstone.wit.laws import Laws
from gritstone.wit.objects import Objects
from gritstone.wit.position import NO_IDS, Position, entries_of, load_position
from gritstone.wit.transition import Executor
from gritstone.wit.workspace import Workspace

__all__ = ["World"]

_KEPT_BYTES = 8 << 20  # of cached positions of actors
_POSITION_BYTES = 400  # of a position, approximately
_ENTRY_BYTES = 200  # of one entry of a mailbox or core, approximately


class World:
    """The actors of one store.

    Attributes:
        store: the store.
        objects: the objects of the store and of the batch.
        executor: runs transitions on them.
        actors: all actors that have a head, a mark or mail; the agent among them.
        agent: the id of the agent.
        batch: the changes of the next commit.
        ready: actors that may have something to run, each once, in the order of their turns.
        away: actors that make no step here.
        held: actors, in order, that wait for the next run of the runtime: an outcome needs a further reference.
        removals: the count of removals of the store when everything here was read; see ``removals``.
        generation: how often everything here was read.
        has_erased: whether the store had erased blobs then.
        forgotten: how often cached data of the store was dropped.
        backlogs: the unread messages of long channels.
        notes: the notes of the updates that were made; see ``StepBatch``.
        on_away_mail: called when an actor other than the agent sends mail to an actor that is away.
        operator: makes the steps of an image; None in any other store.
    """

    def __init__(self, store: Store, laws: Laws) -> None:
        self.store = store
        self.removals = 0
        self.generation = 0
        self.forgotten = 0
        self.has_erased = True
        self.notes: dict[Hashable, int | ObjectId] = {}
        self.on_away_mail: Callable[[ObjectId], None] | None = None
        self.operator: Operator | None = None
        self.batch = StepBatch()
        self.objects = Objects(store.format, store.limits, self._fetch)
        self.executor = Executor(self.objects, laws, trust_heads=True)
        self.actors: dict[ObjectId, Actor] = {}
        self.agent: ObjectId = b""
        self.ready: deque[Actor] = deque()
        self.away: set[ObjectId] = set()
        self.held: dict[ObjectId, None] = {}
        self.backlogs = Backlogs()
        self._placed: list[Actor] = []
        self._placed_bytes = 0
        self._heads: dict[ObjectId, ObjectId] = {}
        self._marks: dict[ObjectId, ObjectId] = {}
        self._snapshot: Snapshot | None = None
        self._version: bytes | None = None  # of the references that were read; None if it is unknown

    def _fetch(self, object_id: ObjectId) -> bytes:
        data = self.batch.objects.get(object_id)
        if data is not None:
            return data
        return self.store.get(object_id) if self._snapshot is None else self._snapshot.get(object_id)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read objects from one snapshot of the store, which is faster for many of them."""
        with self.store.snapshot() as snapshot:
            self._snapshot = snapshot
            try:
                yield
            finally:
                self._snapshot = None

    # --- actors ----------------------------------------------------------------------------------------

    def actor(self, actor_id: ObjectId) -> Actor:
        """Return an actor, existing or not."""
        found = self.actors.get(actor_id)
        if found is None:
            found = self.actors[actor_id] = Actor(actor_id)
        return found

    def position(self, actor: Actor) -> Position | None:
        """Return the position of an actor; None if it has no head."""
        if actor.head is None:
            return None
        found = actor.position
        if found is None:
            found = load_position(self.objects, actor.head, actor.actor_id)
            self._place(actor, found)
        return found

    def readable_position(self, actor: Actor) -> Position | None:
        """Return the position of an actor; None if it has no head, or if its head cannot be read.

        Spec: :rule:`runtime.fail.damaged`.
        """
        try:
            return self.position(actor)
        except Missing:
            return None

    def _place(self, actor: Actor, position: Position) -> None:
        """Cache the position of an actor."""
        if actor.position is None:
            self._placed.append(actor)
            entries = len(position.inbox) + len(position.outbox) + len(position.core)
            self._placed_bytes += _POSITION_BYTES + _ENTRY_BYTES * entries
        actor.position = position

    def is_away(self, actor_id: ObjectId) -> bool:
        """Return whether an actor makes no step in this store."""
        return actor_id in self.away

    def look_at(self, actor_id: ObjectId) -> Mapping[ObjectId, ObjectId]:
        """Return the inbox of an actor, also of one that is away; the next commit expects its head unchanged.

        Spec: :rule:`runtime.release.resume`.
        """
        self.expect(actor_id)
        actor = self.actors.get(actor_id)
        position = None if actor is None else self.position(actor)
        if position is not None:
            return position.inbox
        if actor_id not in self.away:
            return NO_IDS
        with self.store.snapshot() as snapshot:
            stopped = away_step(snapshot, actor_id)
        if stopped is None:
            return NO_IDS
        name, step = stopped
        self.batch.change(Change(name, step, step))
        return self._mailboxes(actor_id, step)[0]

    def expect(self, actor_id: ObjectId) -> None:
        """Expect the known head of an actor in the next commit."""
        actor = self.actors.get(actor_id)
        head = None if actor is None else actor.head
        self.batch.move_head(actor_id, head, head)

    def head_moved(self, actor: Actor, position: Position) -> None:
        """Record the new head of an actor; the update expects its mark unchanged, and that it is not away.

        Spec: :rule:`runtime.head.mark`, :rule:`runtime.away.expected`.
        """
        self.batch.move_head(actor.actor_id, actor.head, position.step_id)
        if actor.actor_id != self.agent:
            self.batch.move_mark(actor.actor_id, actor.mark, actor.mark)
            self.batch.present.add(actor.actor_id)
        actor.head = position.step_id
        self._place(actor, position)

    def leave(self, actor: Actor, name: str) -> None:
        """Remove the head of an actor and set one of the references by which it is away to that step, in the batch.

        The update expects that the actor has no mark and was not away.

        Spec: :rule:`runtime.away.kept`.
        """
        head = actor.head
        for one in away_names(actor.actor_id):
            self.batch.change(Change(one, None, head if one == name else None))
        self.batch.move_head(actor.actor_id, head, None)
        self.batch.move_mark(actor.actor_id, actor.mark, actor.mark)
        self.batch.present.discard(actor.actor_id)
        self.away.add(actor.actor_id)
        actor.head = actor.position = None
        if actor.running is None:
            actor.state = actor.rest()

    def come_back(self, actor: Actor, step: ObjectId) -> None:
        """Make a step the head of an actor that was away, in the batch; the caller changes the other references.

        Mail that waited is unread from now on, and so is mail that the step sent.

        Spec: :rule:`runtime.away.mail`.
        """
        position = load_position(self.objects, step, actor.actor_id)
        self.away.discard(actor.actor_id)
        self.batch.borrowed.add(step)
        self.head_moved(actor, position)
        for sender, tip in list(actor.mail.items()):
            if position.inbox.get(sender) == tip:
                actor.set_tip(sender, None)
        if actor.running is None:
            actor.state = actor.rest()
        self.route(actor.actor_id, list(position.outbox.items()))
        self.enqueue(actor)

    def enqueue(self, actor: Actor) -> None:
        """Put an actor in the queue of ready actors; in an image none is ready by itself."""
        if self.operator is not None or actor.is_queued or actor.running is not None or not actor.mail:
            return
        if actor.actor_id != self.agent and actor.actor_id not in self.held:
            actor.is_queued = True
            self.ready.append(actor)

    def release_held(self) -> None:
        """Run the actors again whose outcome needed a further reference."""
        held, self.held = self.held, {}
        for actor_id in held:
            self.enqueue(self.actor(actor_id))

    def has_room(self, number: int = 1) -> bool:
        """Return whether the store has room for more references than the batch creates, one more by default.

        Spec: :rule:`runtime.run.full`.
        """
        with self.store.snapshot() as snapshot:
            return snapshot.view.count(Table.REFS) + self.batch.created + number <= self.store.limits.refs

    def check_room(self, number: int) -> None:
        """Check that the store has room for more references than the batch creates.

        Raises:
            Exhausted: it has not.

        Spec: :rule:`grit.ref.limit`.
        """
        if not self.has_room(number):
            most = self.store.limits.refs
            raise Exhausted("too many references", rule="grit.ref.limit", expected=f"at most {most} in one store")

    def take(self, workspace: Workspace) -> None:
        """Add new objects to the batch. Drop blobs that were erased, so that no cache has them.

        Spec: :rule:`grit.erase.no-return`.
        """
        if self.has_erased:
            with self.store.snapshot() as snapshot:
                workspace.drop(filter(snapshot.is_erased, list(workspace.made)))
        self.batch.add(workspace.encodings)

    # --- mail ------------------------------------------------------------------------------------------

    def route(self, sender: ObjectId, sent: Sent) -> None:
        """Record the changed entries of an outbox as mail of their receivers.

        Spec: :rule:`runtime.route.fan`, :rule:`runtime.route.self`, :rule:`runtime.route.absent`.
        """
        for receiver_id, tip in sent:
            receiver = self.actors.get(receiver_id) or self.actor(receiver_id)
            position = receiver.position or self.readable_position(receiver)
            is_read = position is not None and position.inbox.get(sender) == tip
            receiver.set_tip(sender, None if is_read else tip)
            if not receiver.is_queued:
                self.enqueue(receiver)
        if self.on_away_mail is not None and sender != self.agent:
            receivers = (to for to, tip in sent if tip is not None and to != sender)
            self.batch.receivers.update(to for to in receivers if to not in self.away)
            for receiver_id in sorted(to for to, tip in sent if tip is not None and to in self.away):
                self.on_away_mail(receiver_id)

    # --- heads and marks -------------------------------------------------------------------------------

    def committed(self) -> None:
        """Record that the batch is in the store now, and begin another."""
        self.batch.is_durable = True
        for known, moved in ((self._heads, self.batch.heads), (self._marks, self.batch.marks)):
            for actor_id, target in moved.items():
                if target is None:
                    known.pop(actor_id, None)
                else:
                    known[actor_id] = target
        for change in self.batch.others:
            space, _, name = change.name.partition("/")
            if space == "gone" and change.new is not None:
                self.away.add(bytes.fromhex(name))
        self.notes.update(self.batch.notes)
        if self.batch.versions is not None:
            before, after = self.batch.versions
            self._version = after if before == self._version else None
        if self.batch.removals > self.removals:
            self.removals = self.batch.removals
            self.forget()
        self.batch = StepBatch(self.removals, self._version, self._heads)
        if self._placed_bytes > _KEPT_BYTES:
            self._displace()

    def let_go(self, actors: Iterable[ObjectId]) -> None:
        """Drop actors without any state."""
        for actor_id in actors:
            actor = self.actors.get(actor_id)
            if actor is None or actor.head is not None or actor.mark is not None:
                continue
            if not actor.mail and actor.running is None and actor.failures is None and not actor.is_queued:
                del self.actors[actor_id]

    def is_current(self) -> bool:
        """Return whether heads, marks and the actors that are away are unchanged in the store since they were read.

        They are compared only if an update of another process or runtime changed references.
        """
        with self.store.snapshot() as snapshot:
            version = references_version(snapshot.view)
            if version == self._version:
                return True
            if _read(snapshot) != (self._heads, self._marks, self.away):
                return False
        self._version = version
        return True

    def reload(self) -> None:
        """Drop the batch and begin again from the heads and marks in the store.

        Runs in progress continue and are stale if their head or mark changed, if their actor is away, or if they have
        read something of the batch. The record of failures stays.

        Spec: :rule:`runtime.recover.mail`, :rule:`runtime.recover.step`, :rule:`runtime.away.still`.
        """
        self._take_back_marks()
        for actor in self.actors.values():
            if actor.running is not None:
                actor.running.note_discarded(self.batch.objects)
        self.forget()
        self.generation += 1
        with self.store.snapshot() as snapshot:
            self.removals = snapshot.removals()
            self._version = references_version(snapshot.view)
            self._heads, self._marks, self.away = _read(snapshot)
        self.batch = StepBatch(self.removals, self._version, self._heads)
        for actor in self.actors.values():
            actor.clear_mail()
            actor.head = None
        for actor_id, head in self._heads.items():
            self.actor(actor_id).head = head
        for actor_id in self.actors.keys() | self._marks.keys():
            self._read_mark(self.actor(actor_id))
        self._read_mail()
        for actor in self.actors.values():
            if actor.running is None:
                actor.state = actor.rest()
            elif actor.actor_id in self.away:
                actor.running.is_stale = True
            self.enqueue(actor)

    def forget(self) -> None:
        """Drop cached data of the store."""
        self.forgotten += 1
        with self.store.snapshot() as snapshot:
            self.has_erased = snapshot.view.count(Table.TOMBSTONES) > 0
        self.objects.forget()
        self.backlogs.clear()
        self.executor.closures.forget()
        self.executor.roots.forget()
        self._displace()

    def _displace(self) -> None:
        """Drop the cached positions of actors; they are read again on demand."""
        for actor in self._placed:
            actor.position = None
        self._placed.clear()
        self._placed_bytes = 0

    def _read_mark(self, actor: Actor) -> None:
        mark = self._marks.get(actor.actor_id)
        if mark == actor.mark:
            return
        self._set_mark(actor, mark)
        actor.failure = None
        if mark is None:
            actor.failures = None
            actor.happen(Event.UNMARKED)

    def _take_back_marks(self) -> None:
        """Restore the marks that actors had before the batch, because the batch is dropped."""
        for actor_id, mark in self.batch.marks_before.items():
            actor = self.actor(actor_id)
            self._set_mark(actor, mark)
            if actor.running is None:
                actor.state = actor.rest()

    def _set_mark(self, actor: Actor, mark: ObjectId | None) -> None:
        if mark == actor.mark:
            return
        actor.mark, actor.message_key = mark, None
        if mark is None:
            actor.failure = None
            return
        value = self.objects.load(mark)
        if not isinstance(value, Mailbox):
            raise InternalError("the target of a mark is not a mailbox")
        (actor.message_key,) = value.entries.items()

    def _read_mail(self) -> None:
        """Compare all outboxes with all inboxes; a head that cannot be read has neither.

        Spec: :rule:`runtime.fail.damaged`.
        """
        tips: dict[ObjectId, list[tuple[ObjectId, ObjectId]]] = {}
        inboxes: dict[ObjectId, ObjectId | None] = {}
        with self.reading():
            for sender, head in self._heads.items():
                step = self._readable_step(sender, head)
                if step is not None:
                    inboxes[sender] = step.inbox
                    for receiver_id, tip in self._readable_entries(step.outbox).items():
                        tips.setdefault(receiver_id, []).append((sender, tip))
            for actor_id, channels in tips.items():
                receiver = self.actor(actor_id)
                inbox = self._readable_entries(inboxes.get(actor_id))
                for sender, tip in channels:
                    if inbox.get(sender) != tip:
                        receiver.set_tip(sender, tip)

    def _readable_step(self, actor_id: ObjectId, head: ObjectId) -> Step | None:
        """Return the step of a head; None if the head or one of its mailboxes cannot be read."""
        try:
            return self._step(actor_id, head)
        except Missing:
            return None

    def _readable_entries(self, mailbox: ObjectId | None) -> Mapping[ObjectId, ObjectId]:
        if mailbox is None:
            return NO_IDS
        try:
            value = self.objects.load_once(mailbox)
        except Missing:
            return NO_IDS
        return value.entries if isinstance(value, Mailbox) else NO_IDS

    def _step(self, actor_id: ObjectId, head: ObjectId) -> Step:
        step = self.objects.load_once(head)
        if not isinstance(step, Step) or step.actor != actor_id:
            raise InternalError("the target of a head is not a step of its actor")
        return step

    def _mailboxes(
        self, actor_id: ObjectId, head: ObjectId
    ) -> tuple[Mapping[ObjectId, ObjectId], Mapping[ObjectId, ObjectId]]:
        step = self._step(actor_id, head)
        return entries_of(self.objects, step.inbox), entries_of(self.objects, step.outbox)


def _read(snapshot: Snapshot) -> tuple[dict[ObjectId, ObjectId], dict[ObjectId, ObjectId], set[ObjectId]]:
    """Return heads, marks and the actors that are away."""
    heads = {bytes.fromhex(name[6:]): target for name, target in snapshot.references("heads/")}
    marks = {bytes.fromhex(name[7:]): target for name, target in snapshot.references("failed/")}
    return heads, marks, away_actors(snapshot)
