"""The state of an image: its newest world, and what follows from the world and the journal.

It is the same whether operations were made one by one or the journal was folded: both go through :meth:`State.advance`.

Spec: ``image/world``, ``image/timers``, "What runs next".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

from gritstone_conformance.model.channels import change
from gritstone_conformance.model.image.begin import Post, Timer
from gritstone_conformance.model.image.books import Books
from gritstone_conformance.model.image.contents import text_of
from gritstone_conformance.model.image.record import Failed, NotRecord, Outcome, Record
from gritstone_conformance.model.image.validity import read_timer
from gritstone_conformance.model.image.views import View, image_entries
from gritstone_conformance.model.image.world import Entry, World, kernel_chain, read_record
from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message

__all__ = ["KEY_RECORDS", "State"]

KEY_RECORDS = 1000
"""Among how many of the newest records a key is searched."""

_Order = tuple[int, bytes, int, bytes, int]
"""The order of posts: operation, sender, step, receiver, place on the channel."""


class State:
    """The newest world of an image.

    Attributes:
        shelf: objects.
        agent: R.
        kernel: K.
        world: the references.
        seq: the number of the newest operation.
        clock: the clock, in milliseconds.
        books: the usage of principals.
        left: joins and savepoints that are unread; there are none in a legal image.
        has_guests: whether actors may be guests, by the feature ``image.wasm``.
        is_blurred: whether what follows from the world depends on blobs that were erased.
    """

    def __init__(self, shelf: Shelf, agent: bytes, kernel: bytes, *, has_guests: bool = False) -> None:
        self.shelf = shelf
        self.agent = agent
        self.kernel = kernel
        self.world = World({}, {})
        self.seq = -1
        self.clock = 0
        self.books = Books(shelf, agent, kernel)
        self.left: set[tuple[bytes, bytes, bytes]] = set()
        self.is_blurred = False
        self.has_guests = has_guests
        self._keys: dict[str, tuple[int, Outcome]] = {}
        self._posts: set[tuple[bytes, bytes, bytes]] = set()
        self._post_heap: list[tuple[_Order, bytes]] = []
        self._timers: dict[tuple[bytes, str], Timer] = {}
        self._timer_heap: list[tuple[int, int, int, bytes, str]] = []

    @classmethod
    def load(
        cls, shelf: Shelf, references: Mapping[str, bytes], agent: bytes, kernel: bytes, *, has_guests: bool = False
    ) -> State:
        """Return the state of the image in a store. Records that were erased are passed over.

        The references of the store are its world: what a record that was erased said is read off them.
        """
        state, wanted = cls(shelf, agent, kernel, has_guests=has_guests), World.of(dict(references))
        agents, kernels = (kernel_chain(shelf, wanted.heads[actor]) for actor in (agent, kernel))
        for number, kernel_step in enumerate(kernels):
            try:
                record = read_record(shelf, kernel_step)
            except (NotRecord, Refusal):
                state._note_mail(number, {agent: [agents[number + 1]]})
                continue
            state.advance(Entry(record, agents[number + 1], kernel_step))
        state._settle(wanted)
        return state

    def view(self) -> View:
        """Return a private copy of the world."""
        return View(self.shelf, self.world, self.agent, has_guests=self.has_guests)

    def advance(self, entry: Entry) -> None:
        """Take over an operation: its record is applied, and all that follows from the world is brought up to date."""
        record, view, erased = entry.record, self.view(), set(self.shelf.erased)
        moves = {actor: self._moved(actor, new) for actor, _, new in record.heads}
        both = {self.agent: entry.agent_step, self.kernel: entry.kernel_step}
        moves |= {actor: [step] for actor, step in both.items() if self.world.heads.get(actor) != step}
        for actor, steps in moves.items():
            view.set_head(actor, steps[-1])
        for actor in record.gone:
            if view.head(actor) is not None:
                view.destroy(actor)
        self._note_mail(record.seq, moves)
        self._note_timers(view, (actor for actor, _, _ in record.heads))
        self._note_key(record)
        self.books.take(view, moves)
        self.world.apply(record)
        self.world.heads |= both
        self.seq, self.clock = record.seq, record.clock
        self.is_blurred |= self.shelf.erased != erased
        self.shelf.erased = erased

    def next_root(self) -> Timer | Post | None:
        """Return the next root of the world, or None at rest.

        Spec: :rule:`image.post.order`, :rule:`image.timer.order`, :rule:`image.post.turn`.
        """
        timer, post = self._next_timer(), self._next_post()
        if timer is None or (post is not None and self._post_heap[0][0][0] < timer.seq):
            return post
        return timer

    def timer(self, actor: bytes, handle: str) -> Timer | None:
        """Return a timer, or None if the actor has none with the handle."""
        return self._timers.get((actor, handle))

    def is_unread(self, sender: bytes, target: bytes, message: bytes) -> bool:
        """Return whether a message to an actor is unread."""
        return (sender, target, message) in self._posts or (sender, target, message) in self.left

    def recorded(self, key: str) -> tuple[int, Failed | None] | None:
        """Return the number and the failure of the operation that has a key, or None if the key is not recorded.

        Spec: :rule:`image.request.once`.
        """
        seq, outcome = self._keys.get(key, (-1, ""))
        if seq < 0 or seq <= self.seq - KEY_RECORDS:
            return None
        return seq, outcome if isinstance(outcome, Failed) else None

    def _moved(self, actor: bytes, new: bytes) -> list[bytes]:
        """Return the steps from the head of an actor to a new one, the older first."""
        old, steps = self.world.heads.get(actor), [new]
        while (previous := self.shelf.step(steps[-1]).previous) is not None and previous != old:
            steps.append(previous)
        return steps[::-1]

    def _note_mail(self, seq: int, moves: Mapping[bytes, list[bytes]]) -> None:
        """Note what steps sent and read: posts become ready, joins are left until they are read."""
        for actor, steps in moves.items():
            for place, step in enumerate(steps):
                for receiver, number, message in self._sendings(step):
                    if actor != self.agent or receiver != self.kernel:
                        self._send(seq, (actor, receiver, message), place, number)
        for actor, steps in moves.items():
            for step in steps:
                for sender, message in self._readings(step):
                    self._posts.discard((sender, actor, message))
                    self.left.discard((sender, actor, message))

    def _send(self, seq: int, sending: tuple[bytes, bytes, bytes], place: int, number: int) -> None:
        sender, receiver, message = sending
        if header(self.shelf.message(message), "op") is not None:
            self.left.add(sending)
        elif receiver not in (self.agent, self.kernel):
            self._posts.add(sending)
            heappush(self._post_heap, ((seq, sender, place, receiver, number), message))

    def _sendings(self, step: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield what a step sends: the receiver, the place on the channel among what it sends, and the message."""
        made = self.shelf.step(step)
        old = {} if made.previous is None else self.shelf.mail(self.shelf.step(made.previous).outbox)
        for receiver, tip in self.shelf.mail(made.outbox).items():
            if old.get(receiver) != tip:
                sent = change(self.shelf, old.get(receiver), tip).sent
                yield from ((receiver, number, message) for number, message in enumerate(sent))

    def _readings(self, step: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield senders and messages that a step reads."""
        made = self.shelf.step(step)
        old = {} if made.previous is None else self.shelf.mail(self.shelf.step(made.previous).inbox)
        for sender, tip in self.shelf.mail(made.inbox).items():
            if old.get(sender) != tip:
                read = change(self.shelf, old.get(sender), tip).sent
                yield from ((sender, message) for message in read)

    def _note_timers(self, view: View, actors: Iterator[bytes]) -> None:
        for actor in actors:
            before, core = self.view().core(actor), view.core(actor)
            old, new = ({} if one is None else image_entries(self.shelf, one, "timers") for one in (before, core))
            for handle in old.keys() - new.keys():
                self._timers.pop((actor, handle), None)
            for handle in new.keys() - old.keys():
                self._set(actor, handle, new[handle])

    def _set(self, actor: bytes, handle: str, target: bytes) -> None:
        parts = read_timer(text_of(self.shelf, target))
        if parts is not None:
            self._timers[actor, handle] = timer = Timer(*parts[:3], actor, handle, parts[3])
            heappush(self._timer_heap, (timer.due, timer.seq, timer.index, actor, handle))

    def _note_key(self, record: Record) -> None:
        if not record.roots or record.roots[0][0] != self.agent:
            return
        _, target, message = record.roots[0]
        is_sent = not isinstance(record.outcome, Failed) or any(actor == target for actor, _, _ in record.heads)
        sent = self.shelf.look(message) if is_sent else None
        key = header(sent, "key") if isinstance(sent, Message) else None  # a forged record may name any id
        if key is not None:
            self._keys[key] = record.seq, record.outcome

    def _next_timer(self) -> Timer | None:
        """Return the first timer that is due whose actor has no unread mail of R."""
        passed, found, view = [], None, self.view()
        while self._timer_heap and self._timer_heap[0][0] <= self.clock:
            item = heappop(self._timer_heap)
            timer = self._timers.get((item[3], item[4]))
            if timer is None:
                continue
            passed.append(item)
            if view.last_sent(self.agent, timer.actor) == view.inbox(timer.actor).get(self.agent):
                found = timer
                break
        for item in passed:
            heappush(self._timer_heap, item)
        return found

    def _next_post(self) -> Post | None:
        while self._post_heap:
            (_, sender, _, receiver, _), message = self._post_heap[0]
            if (sender, receiver, message) in self._posts:
                return Post(sender, receiver, message)
            heappop(self._post_heap)
        return None

    def _settle(self, wanted: World) -> None:
        """Take over what differs between the world and the references of the store, as one last operation."""
        heads = tuple(
            (actor, self.world.heads.get(actor), step)
            for actor, step in {**wanted.heads, **wanted.gone}.items()
            if actor not in (self.agent, self.kernel) and {**self.world.heads, **self.world.gone}.get(actor) != step
        )
        gone = tuple(actor for actor in wanted.gone if actor not in self.world.gone)
        if heads or gone:
            record = Record(self.seq, self.clock, heads=heads, gone=gone)
            self.advance(Entry(record, wanted.heads[self.agent], wanted.heads[self.kernel]))
