"""A runtime: the machine under a thin asyncio shell.

The shell does what the machine cannot: it reads the clock, waits, runs coroutines, and commits. There is no task per
step; a run that does not wait never uses the event loop. Nothing is acknowledged before it is committed.

Mail is not a queue: it is a difference between heads, and unread messages stay in the store. ``Config`` bounds the
number of runs and changes from outside that may wait.

Spec: the chapters *Running, asking, stopping*, *Heads* and *Recovery* of ``runtime``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from gritstone.errors import Exhausted, Rejected
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.actors import MessageKey, PendingQuery
from gritstone.runtime.agent_mailbox import Answered, Effect, acknowledge, effects, inject, mail, resolve
from gritstone.runtime.asking import answer
from gritstone.runtime.batch import commit
from gritstone.runtime.collection import collect
from gritstone.runtime.commit_size import CommitSize
from gritstone.runtime.config import Config
from gritstone.runtime.exchange import Exchange
from gritstone.runtime.machine import Machine
from gritstone.runtime.outcomes import adopt_cut
from gritstone.runtime.proposing import message_keys_of
from gritstone.runtime.releasing import release
from gritstone.runtime.starting import start_world
from gritstone.runtime.summary import RunSummary
from gritstone.runtime.waiting import Waiting
from gritstone.wit.code import Ask
from gritstone.wit.laws import Laws
from gritstone.wit.proposals import Proposal
from gritstone.wit.workspace import Workspace

__all__ = ["Runtime"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_STRIDE_STEPS = 512
_NAMES_PER_STEP = 3


class Runtime:
    """The runtime of the actors of a store.

    It belongs to one event loop. Use ``run`` to run until rest, or ``serve`` to run until it is stopped.

    Attributes:
        store: the store.
        machine: the machine, which makes the decisions.
        reserved: what ``mt`` of an injection to the agent does not begin with; None for no restriction.
    """

    def __init__(
        self,
        store: Store,
        laws: Laws,
        config: Config,
        *,
        suite_clock: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start on a store.

        Args:
            store: an open store; it stays open.
            laws: the laws of the actors.
            config: the settings.
            suite_clock: whether only ``set_time`` changes the time.
            clock_s: a monotonic clock, in seconds, for everything else.

        Raises:
            Invalid: the name of the agent is invalid.
            Rejected: the store has another agent (code ``agent``), or an incomplete one.
            Exhausted: the medium is full.

        Spec: :rule:`runtime.recover.mail`, :rule:`runtime.agent.bootstrap`.
        """
        self.store = store
        world = start_world(store, laws.within(0 if suite_clock else config.transition_ms), config.agent)
        self._waiting = Waiting(None if suite_clock else config.transition_ms, clock_s)
        self.machine = Machine(world, config, None if suite_clock else self._waiting.clock_ms)
        self._suite_clock = suite_clock
        self._answered: Answered = set()
        self.reserved: str | None = None
        self._changing = asyncio.Semaphore(config.most_waiting)
        self._commits: list[asyncio.Future[bool]] = []
        self._at_rest: Callable[[], None] | None = None
        self._size = CommitSize(store.limits, config.commit_objects)
        self._driven = False
        self._stopped = False

    @property
    def agent(self) -> ObjectId:
        """Return the id of the agent."""
        return self.machine.world.agent

    @property
    def takes_time(self) -> bool:
        """Return whether transitions take time: the clock is not that of the suite."""
        return not self._suite_clock

    # --- running ---------------------------------------------------------------------------------------

    async def run(self, max_steps: int | None = None) -> RunSummary:
        """Run until rest.

        Args:
            max_steps: stop earlier, after this number of adopted steps.

        Raises:
            Rejected: another caller runs or serves it.
            Exhausted: the medium is full, or the outcome of a run needs more references than the limit.

        Spec: :rule:`runtime.route.rest`, :rule:`runtime.run.full`.
        """
        begin = self.machine.adopted
        with self._driving():
            cause = await self._to_rest(max_steps)
            return RunSummary(cause, self.machine.adopted - begin, self.parked())

    async def serve(self) -> None:
        """Run until stopped; waits without cost while there is nothing to do. Posts of an image wait for ``run``.

        Raises:
            Rejected: another caller runs or serves it.
            Exhausted: the medium is full, or the outcome of a run needs more references than the limit.
        """
        with self._driving(holds=True):
            while not self._stopped:
                await self._to_rest(None)
                if not self._stopped:  # otherwise the caller that wakes it has done so
                    await self._waiting.wait(self._next_delay_s())

    @contextmanager
    def _driving(self, *, holds: bool = False) -> Iterator[None]:
        """Become the caller that commits the changes of all others; ``holds`` is that of the machine."""
        if self._driven:
            raise Rejected("the runtime is running already", rule="runtime.route.rest")
        self._driven, self.machine.holds = True, holds
        try:
            yield
        finally:
            self._driven = False
            if self._commits:
                self._flush()

    async def _to_rest(self, max_steps: int | None) -> str:
        """Work until there is nothing to do, or enough steps were adopted; return the cause."""
        begin = self.machine.adopted
        self.machine.world.release_held()
        cause = None
        while cause is None:
            left = None if max_steps is None else max_steps - (self.machine.adopted - begin)
            cause = await self._go_on(left)
        return cause

    async def _go_on(self, left: int | None) -> str | None:
        """Work; return a cause if there is nothing to do."""
        machine, world = self.machine, self.machine.world
        if self._stopped:
            return "rest"
        if left is not None and left <= 0:
            return "max-steps" if self._flush() else None
        self._tick()
        adopted = machine.work(min(self._stride(), left or _STRIDE_STEPS))
        self._waiting.begin(machine)
        if left is not None and adopted >= left:
            return None  # enough, also if others are still in progress
        if machine.has_work:
            if self._commits or self._size.is_reached(world.batch):
                self._flush()
            if machine.is_full:
                await self._waiting.wait(None)
            await asyncio.sleep(0)
            return None
        if self._at_rest is not None and not machine.in_progress:
            self._at_rest()
        if not self._flush() or machine.has_work:
            return None
        return await self._wait_or_end()

    async def _wait_or_end(self) -> str | None:
        """Wait for runs in progress and delayed messages; return a cause if there is neither."""
        machine = self.machine
        if machine.in_progress:
            await self._waiting.wait(self._next_delay_s())
            return None
        self._check_room()
        if not machine.has_delays:
            return "rest"
        if self._suite_clock:
            return "waiting"
        await self._waiting.wait(self._next_delay_s())
        return None

    def _check_room(self) -> None:
        """Check that the outcome of each run was stored.

        Raises:
            Exhausted: an outcome needs a further reference; it was discarded.

        Spec: :rule:`runtime.run.full`.
        """
        if self.machine.world.held:
            most = self.store.limits.refs
            raise Exhausted(
                "the outcome of a run needs another reference", rule="grit.ref.limit", expected=f"at most {most}"
            )

    def _stride(self) -> int:
        return max(1, min(_STRIDE_STEPS, self.store.limits.cas_names // (2 * _NAMES_PER_STEP)))

    def _tick(self) -> None:
        if not self._suite_clock:
            self.machine.tick(int(self._waiting.clock_ms()))

    def _next_delay_s(self) -> float | None:
        due = None if self._suite_clock else self.machine.due_ms
        return None if due is None else max(0.0, (due - self._waiting.clock_ms()) / 1000)

    def parked(self) -> list[tuple[ObjectId, str]]:
        """List the marked actors, ascending, with the class of the last failure."""
        marked = [one for one in self.machine.world.actors.values() if one.mark is not None]
        return sorted((one.actor_id, one.failure or "unknown") for one in marked)

    # --- durability ------------------------------------------------------------------------------------

    def _flush(self) -> bool:
        """Commit the batch; return false if another process changed the store first, and the world was read again.

        Raises:
            Exhausted: the medium is full; the world was read again.

        Spec: :rule:`runtime.head.cas`, :rule:`runtime.head.before-route`.
        """
        world = self.machine.world
        if world.batch.is_empty and not self._commits:
            return True
        commits, self._commits = self._commits, []
        begin_ms = self._waiting.clock_ms()
        try:
            done = commit(self.store, world.batch)
        except Exhausted as refusal:
            world.reload()
            for one in commits:
                one.set_exception(refusal)
            raise
        if done:
            self._size.measure(begin_ms, self._waiting.clock_ms())
            world.committed()
        else:
            world.reload()
        for one in commits:
            if not one.done():
                one.set_result(done)
        return done

    async def durably(self, change: Callable[[], _T]) -> _T:
        """Change the world, and return when that is committed; repeat it from new heads if the commit was refused."""
        async with self._changing:
            while True:
                self._check_running()
                result = change()
                if not self._driven:
                    if self._flush():
                        self._waiting.wake()
                        return result
                    continue
                future = asyncio.get_running_loop().create_future()
                self._commits.append(future)
                self._waiting.wake()
                if await future:
                    return result

    async def exchange(self, send: Callable[[], _T], receive: Callable[[_T], _R | None]) -> _R | None:
        """Change the world, run until rest, and change it again, with one update of the store if nothing has to wait.

        What a refused commit takes back is done again from new heads.

        Args:
            send: the first change.
            receive: the second change, from the result of the first; None to be called again at the next rest.

        Returns:
            The result of ``receive`` when all is durable.

        Raises:
            Rejected, Exhausted: as for ``run``.

        Spec: :rule:`runtime.head.before-route`.
        """
        while True:
            self._check_running()
            with self._driving():
                sent, batch = send(), self.machine.world.batch
                half = Exchange(self.machine.world, lambda sent=sent: receive(sent))  # type: ignore[misc]
                self._at_rest = half.at_rest
                try:
                    await self._to_rest(None)
                finally:
                    self._at_rest = None
            if batch.is_durable or batch.is_empty:
                return half.received

    def refresh(self) -> None:
        """Check whether another process moved heads or marks."""
        if not self._driven and not self.machine.world.is_current():
            self.machine.world.reload()

    def forget(self) -> None:
        """Drop cached data of the store, since something was erased or pruned."""
        self.machine.world.forget()

    def pins(self) -> set[ObjectId]:
        """Return the ids that runs and queries in progress have read, and that a prune has to keep.

        Spec: :rule:`runtime.prune.running`.
        """
        found = {one for pending in self.machine.pending_queries for one in pending.asked}
        for running in self.machine.in_progress:
            found.update(message for _, message in message_keys_of(running.run.proposal))
            found |= running.asked
            if running.base is not None:
                found.add(running.base)
        return {one for one, there in zip(found, self.store.has(found), strict=True) if there}

    # --- the outside -----------------------------------------------------------------------------------

    async def inject(
        self,
        to: ObjectId,
        content: ObjectId,
        headers: Sequence[tuple[str, str]] = (),
        *,
        signal: bool = False,
    ) -> ObjectId:
        """Send a message from the agent; return its id when it is durable. See ``agent_mailbox.inject``."""
        world, pairs = self.machine.world, list(headers)
        if self.reserved is not None and to == self.agent and dict(pairs).get("mt", "").startswith(self.reserved):
            raise Rejected("the type of the message is reserved", rule="session.notice.reserved", got=self.reserved)
        return await self.durably(lambda: inject(world, to, pairs, content, signal=signal))

    async def query(self, actor: ObjectId, name: str, args: bytes = b"") -> tuple[ObjectId, ObjectId | None]:
        """Query an actor; return the step that was queried, and the id of the answer or None.

        Raises:
            Missing: the actor has no head.
            Rejected: no code answers the query (code ``unresolved``), or the query failed (code ``failed``).

        Spec: :rule:`runtime.query.rest`, :rule:`runtime.query.monotone`, :rule:`wit.query.pure`.
        """
        step, found, workspace = await self.ask(actor, name, args)
        if found is not None:
            workspace.keep(self.store)
        return step, found

    async def ask(self, actor: ObjectId, name: str, args: bytes) -> tuple[ObjectId, ObjectId | None, Workspace]:
        """Query an actor as ``query`` does; return the objects of the answer, too, and do not store them."""
        await self.durably(lambda: None)
        request = Ask(actor, name, args)
        pending = PendingQuery()
        self.machine.pending_queries.add(pending)
        try:
            return await answer(self.machine, request, pending, takes_time=self.takes_time)
        finally:
            self.machine.pending_queries.discard(pending)

    def mail(self) -> list[MessageKey]:
        """List the mail to the agent. See ``agent_mailbox.mail``."""
        self._flush()
        return mail(self.machine.world)

    async def acknowledge(self, sender: ObjectId, message: ObjectId) -> None:
        """Acknowledge mail to the agent, up to a message. See ``agent_mailbox.acknowledge``."""
        world = self.machine.world
        await self.durably(lambda: acknowledge(world, sender, message))
        self._answered.intersection_update(mail(world) if self._answered else ())  # open if it is sent again

    def effects(self) -> list[Effect]:
        """List the open effects. See ``agent_mailbox.effects``."""
        self._flush()
        return effects(self.machine.world, self._answered)

    async def resolve(self, effect: MessageKey, outcome: dict[str, bytes | str]) -> None:
        """Answer an open effect. See ``agent_mailbox.resolve``."""
        world, answered = self.machine.world, self._answered
        await self.durably(lambda: resolve(world, answered, effect, outcome))
        answered.add(effect)

    async def collect(self) -> list[ObjectId]:
        """Remove the heads of actors at the end of their life; return their ids, ascending.

        Spec: :rule:`runtime.collect.collected`, :rule:`runtime.collect.seen`.
        """
        async with self._changing:
            self._check_running()
            while not self._flush():
                pass
            return sorted(collect(self.machine.world))

    async def release(self, actors: Sequence[ObjectId]) -> list[ObjectId]:
        """Drop the agent's entries for actors; return the actors of which one was dropped. See ``releasing.release``.

        More actors than one update of references may name are released by several steps.
        """
        world, names = self.machine.world, list(dict.fromkeys(actors))
        most = self.store.limits.cas_names // 2
        dropped: list[ObjectId] = []
        for begin in range(0, len(names), most):
            part = names[begin : begin + most]
            dropped += await self.durably(lambda part=part: release(world, part))  # type: ignore[misc]
        return sorted(dropped)

    async def cut(self) -> ObjectId:
        """Begin a new chain of the agent, so that a prune can free the old one; return the agent's head.

        Spec: :rule:`runtime.cut.step`.
        """
        world = self.machine.world
        return await self.durably(lambda: adopt_cut(world))

    # --- chosen schedules ------------------------------------------------------------------------------

    def ready(self) -> list[tuple[ObjectId, Proposal]]:
        """Return the choices. See ``Machine.choices``."""
        self._tick()
        return [(actor.actor_id, proposal) for actor, proposal in self.machine.choices()]

    async def choose(self, choice: int) -> ObjectId | None:
        """Run one choice; return the new head, or None if there is none.

        Args:
            choice: modulo the number of choices.

        Raises:
            Rejected: there are no choices.

        Spec: :rule:`runtime.schedule.exact`.
        """
        self._tick()
        self.machine.world.release_held()
        found = self.machine.choices()
        if not found:
            raise Rejected("there is nothing to choose", rule="runtime.schedule.refused")
        actor, proposal = found[choice % len(found)]
        before = actor.head
        running = self.machine.run(actor, proposal)
        while not running.is_over:
            self._waiting.begin(self.machine)
            await self._waiting.wait(None)
        self._flush()
        self._check_room()
        return actor.head if actor.head != before else None

    def set_time(self, now_ms: int) -> int:
        """Set the suite's clock; return the number of delays that have ended.

        Raises:
            Rejected: the runtime uses the system clock, or the clock would go back.

        Spec: :rule:`harness.clock.only-suite`, :rule:`runtime.clock.refused`.
        """
        if not self._suite_clock or now_ms < self.machine.now_ms:
            words = "the time cannot be set: the clock is not the suite's, or would go back"
            raise Rejected(words, rule="runtime.clock.refused", got=now_ms)
        return self.machine.tick(now_ms)

    # --- stopping --------------------------------------------------------------------------------------

    async def stop(self, *, drain: bool) -> None:
        """Stop: begin no more runs; with ``drain``, wait for the runs in progress.

        Spec: :rule:`runtime.stop.clean`.
        """
        self._stopped = True
        machine = self.machine
        while drain and machine.in_progress:
            self._waiting.begin(machine)
            await self._waiting.wait(None)
        for running in list(machine.in_progress):
            machine.abandon(running)
        await self._waiting.close()
        with contextlib.suppress(Exhausted):  # there is no space for it, so it was not applied
            self._flush()
        self._waiting.wake()  # ``serve`` has nothing left to wait for

    def _check_running(self) -> None:
        if self._stopped:
            raise Rejected("the runtime was stopped", rule="runtime.stop.clean")
