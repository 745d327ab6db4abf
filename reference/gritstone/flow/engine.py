"""The engine: it sends to flows, runs them to rest, reads what they ask for, and performs it, round after round.

One round is one update of the store for many flows::

    send      one step of the agent: results, events and first cores; mail that was answered is acknowledged
    run       each flow makes its steps, until rest
    read      the deadlines of timers are kept; flows that have ended are archived
    commit
    perform   tools, timers and erasures that the flows asked for; never before the commit

An unread message of a flow to the agent is work that is not done. So a process that was killed finds its work again.

A round for which the store has no space changes nothing. The messages of callers are refused, and the answers of tools
and timers are sent again later: with every other round, and after a delay.

Spec: ``flow/runtimes``; :rule:`flow.call.once`, :rule:`flow.crash.nothing-lost`, :rule:`runtime.head.before-route`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

from gritstone.errors import Exhausted, GritstoneError, Missing, Refusal
from gritstone.flow.begin import is_flow
from gritstone.flow.channel import Channel
from gritstone.flow.deadlines import Deadlines
from gritstone.flow.orders import Order
from gritstone.flow.performing import Performing
from gritstone.flow.sending import Sending, archive, confirmed, send_all
from gritstone.flow.standing import (
    Outcome,
    events_between,
    load_standing,
    open_of,
    outcome_of,
    state_of,
    status_of,
)
from gritstone.flow.state import TERMINAL
from gritstone.grit.objects import ObjectId
from gritstone.runtime.batch import StepBatch
from gritstone.runtime.letters import letters
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["Engine", "Stuck"]

_MOST_SENT = 512  # messages in one round
_NAMES_OF_ARCHIVED = 6  # references that an update names for one archived flow
_LEAST_DELAY_S, _MOST_DELAY_S = 0.05, 2.0  # until a round is repeated for which there was no space

_log = logging.getLogger(__name__)

_Taken: TypeAlias = tuple[Sending, Future[None] | None]
"""A message, and what is completed when it is durable; None for the answer of a tool or a timer."""


class Stuck(GritstoneError):  # noqa: N818 - not a fault of the caller
    """A flow that cannot continue, for example because a document that it needs was erased."""


class Engine:
    """The flows of a runtime. It belongs to one event loop.

    Attributes:
        runtime: the runtime.
        store: its store.
        channels: the flows that have not ended, and those with mail that is not done.
    """

    def __init__(self, runtime: Runtime, performing: Performing) -> None:
        """Begin.

        Args:
            runtime: the runtime.
            performing: performs calls, timers and erasures.
        """
        self.runtime = runtime
        self.store = runtime.store
        self.channels: dict[ObjectId, Channel] = {}
        self._performing = performing
        self._queue: deque[_Taken] = deque()
        self._orders: list[Order] = []
        self._asks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = asyncio.Event()
        self._ended: dict[ObjectId, ObjectId | None] = {}
        self._waiters: dict[ObjectId, list[Future[Outcome]]] = {}
        self._watchers: dict[ObjectId, list[Callable[[], None]]] = {}
        self._rest: list[Future[None]] = []
        self._refused: dict[int, Refusal] = {}
        self._deadlines = Deadlines()
        self._unkept: set[ObjectId] = set()  # flows whose deadlines no update had room for
        self._generation = -1  # of the world, when all flows were read
        self._is_closed = False
        self._is_first_look = True  # at the flows of this generation
        self._sent_in: StepBatch | None = None  # the batch with the messages of this round
        self._touched: set[ObjectId] = set()  # the flows that made steps in this round
        self._delay_s = 0.0  # until a round is repeated; 0 if the store had space for the last one
        self._again: asyncio.TimerHandle | None = None

    @property
    def world(self) -> World:
        """Return the world of the runtime."""
        return self.runtime.machine.world

    # --- from the event loop ---------------------------------------------------------------------------

    def send(self, sending: Sending, done: Future[None] | None = None) -> None:
        """Send a message in the next round.

        Args:
            sending: the message.
            done: completed when the message, and what the flow does at once, is durable.
        """
        self._queue.append((sending, done))
        self._wake.set()

    def order(self, order: Order) -> None:
        """Carry out an order in the next round."""
        self._orders.append(order)
        self._wake.set()

    def ask(self, question: Callable[[], Any], answer: Future[Any]) -> None:
        """Call a function between two rounds, when everything is durable."""
        self._asks.append((question, answer))
        self._wake.set()

    def await_outcome(self, flow: ObjectId, found: Future[Outcome]) -> None:
        """Complete a future when a flow ends. Call it by ``ask``."""
        status = status_of(Workspace(self.world.objects), self.position(flow))
        if status.has_ended:
            found.set_result(outcome_of(status))
        elif self.world.actor(flow).mark is not None:
            found.set_exception(self._stuck(flow))
        else:
            self._waiters.setdefault(flow, []).append(found)

    def await_rest(self, found: Future[None]) -> None:
        """Complete a future when no flow runs. Call it by ``ask``."""
        self._rest.append(found)
        self._check_rest()

    def watch(self, flow: ObjectId, changed: Callable[[], None]) -> None:
        """Call a function whenever a flow has made steps. Call it by ``ask``."""
        self._watchers.setdefault(flow, []).append(changed)

    def unwatch(self, flow: ObjectId, changed: Callable[[], None]) -> None:
        """End a ``watch``."""
        left = [one for one in self._watchers.pop(flow, []) if one is not changed]
        if left:
            self._watchers[flow] = left

    def close(self) -> None:
        """End after the present round."""
        self._is_closed = True
        self._wake.set()

    def position(self, flow: ObjectId) -> Position:
        """Return the last step of a flow.

        Raises:
            Missing: the store does not have it.
        """
        actor = self.world.actors.get(flow)
        found = None if actor is None else self.world.position(actor)
        if found is None:
            found = load_standing(self.world.objects, self.store, flow)
        if found is None:
            raise Missing("the flow is not in this store", rule="runtime.away.still", got=flow.hex())
        return found

    # --- rounds ------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Work until ``close``. A failure of the medium ends it, and is raised by all calls that wait."""
        try:
            await self._round()
            while not self._is_closed:
                await self._wake.wait()
                self._wake.clear()
                await self._round()
            self._performing.close()
            await self._round()
        except BaseException as error:
            self._fail(error)
            raise
        self._fail(Missing("the host was closed", rule="runtime.stop.clean"))

    async def _round(self) -> None:
        """Send what waits, run, read, commit, and perform."""
        taken = [self._queue.popleft() for _ in range(min(_MOST_SENT, len(self._queue)))]
        sendings = [one for one, _ in taken]
        orders, self._orders = self._orders, []
        self._sent_in, self._touched = None, set()
        self.runtime.refresh()
        shortage = None
        try:
            await self.runtime.exchange(lambda: self._send(sendings, orders), self._read)
        except Exhausted as refusal:
            shortage = refusal
        except BaseException as error:
            for done in (*(done for _, done in taken), *(order.events for order in orders)):
                _settle(done, error=error)
            raise
        self._wait_for_space(shortage)
        is_stored = shortage is None or (self._sent_in is not None and self._sent_in.is_durable)
        if is_stored:
            self._complete(taken, orders)
        else:
            self._put_back(taken, orders, shortage)
        for flow in self._touched:
            self._perform(flow)
        self._answer()
        if is_stored and (self._queue or self._orders or self._ended or self._unkept):
            self._wake.set()

    def _wait_for_space(self, shortage: Exhausted | None) -> None:
        """Take note of whether the store had space for a round, and repeat it later if it had not.

        Parts of a round can be stored: then only a later part was too much, for example the first step of a flow.
        """
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if shortage is None:
            self._delay_s = 0.0
            return
        if not self._delay_s:
            _log.warning("the store has no space, and flows wait: %s", shortage)
        self._delay_s = min(_MOST_DELAY_S, max(_LEAST_DELAY_S, 2 * self._delay_s))
        self._again = asyncio.get_running_loop().call_later(self._delay_s, self._wake.set)
        if not self.world.batch.is_empty:
            self.world.reload()
        if self.world.generation != self._generation:
            self._touched = set()
            self._read_again()

    def _complete(self, taken: Sequence[_Taken], orders: Sequence[Order]) -> None:
        """Complete the messages and orders of a round that is stored."""
        for number, (sending, done) in enumerate(taken):
            refusal, channel = self._refused.get(number), self.channels.get(sending.flow)
            _settle(done, error=refusal)
            if refusal is not None and channel is not None and sending.letter is not None:
                _log.warning("an answer to the flow %s cannot be sent: %s", sending.flow.hex(), refusal)
                channel.answered.discard(sending.letter)
        for order in orders:
            self._end_order(order)

    def _put_back(self, taken: Sequence[_Taken], orders: Sequence[Order], shortage: Exhausted | None) -> None:
        """Refuse the messages and orders of callers, and send answers of tools and timers again in the next round."""
        for _, done in taken:
            _settle(done, error=shortage)
        for order in orders:
            _settle(order.events, error=shortage)
        self._queue.extendleft(one for one in reversed(taken) if one[1] is None)

    def _send(self, sendings: Sequence[Sending], orders: Sequence[Order]) -> set[ObjectId]:
        """Send messages and acknowledge what they answer, in the batch; return the flows."""
        if self.world.generation != self._generation:
            self._read_again()
        self._sent_in = self.world.batch
        answered: dict[ObjectId, set[ObjectId]] = {}
        for one in sendings:
            if one.letter is not None:
                answered.setdefault(one.flow, set()).add(one.letter)
        read = {}
        for flow, message_ids in answered.items():
            channel = self.channels.get(flow)
            if channel is not None:
                channel.done |= message_ids
                cursor = channel.cursor()
                if cursor is not None:
                    read[flow] = cursor
        begun = [(order, order.begin(self.position)) for order in orders]
        ordered = [(order, sending) for order, sending in begun if sending is not None]
        sent = [*sendings, *(sending for _, sending in ordered)]
        self._refused = send_all(self.world, sent, read)
        for number, (order, _) in enumerate(ordered, len(sendings)):
            order.error = self._refused.get(number)
        return {one.flow for one in sent}

    def _end_order(self, order: Order) -> None:
        """Complete an order with what its flow has logged in this round."""
        events: Sequence[Any] = ()
        if order.error is None and order.before is not None:
            workspace, after = Workspace(self.world.objects), self.position(order.flow).step_id
            events = events_between(workspace, order.before, after)
        _settle(order.events, events, error=order.error)

    def _read(self, sent_to: set[ObjectId]) -> set[ObjectId]:
        """Read the mail of the flows that made steps, and archive those that have ended; return the flows."""
        world = self.world
        touched = sent_to | self._unkept
        self._unkept = set()
        for sender, tip in world.actor(world.agent).mail.items():
            channel = self.channels.get(sender)
            if sender != world.agent and (channel is None or channel.tip != tip):
                touched.add(sender)
        self._is_first_look = world.generation != self._generation
        if self._is_first_look:
            touched.update(one for one, actor in world.actors.items() if actor.head is not None)
            touched.update(self.channels)
            self._generation = world.generation
            self._deadlines.load(world)
        for flow in touched:
            channel = self._read_channel(flow)
            if channel is not None and not self._deadlines.keep(world, channel):
                self._unkept.add(flow)
        self._touched = touched | self._archive()
        return self._touched

    def _read_again(self) -> None:
        """Forget what was read of a batch that was dropped; the next ``_read`` looks at all flows."""
        self._ended.clear()
        for flow in list(self.channels):
            actor = self.world.actors.get(flow)
            if actor is None or actor.head is None:
                del self.channels[flow]
            else:
                self._read_channel(flow)

    def _read_channel(self, flow: ObjectId) -> Channel | None:
        """Read the standing and the mail of a flow; return its channel, or ``None`` if it has no state to read."""
        world = self.world
        actor = world.actors.get(flow)
        position = None if actor is None else world.readable_position(actor)
        workspace = Workspace(world.objects)
        channel = self.channels.get(flow)
        if position is None or (channel is None and not is_flow(workspace, flow)):
            return None
        channel = channel or Channel(flow)
        try:
            state = state_of(workspace, position.core)
        except Refusal as refusal:  # it was erased, so nothing is known of the flow
            _log.warning("the state of the flow %s cannot be read: %s", flow.hex(), refusal)
            return None
        channel.tip = position.outbox.get(world.agent)
        channel.status = state["status"]
        channel.open = open_of(workspace, position.core, state)
        channel.letters = letters(world, flow)
        listed = {letter.message_id: letter for letter in channel.letters}
        if self._is_first_look:
            channel.done |= confirmed(world, flow, channel.letters)
        erased = {one for one in channel.done if one in listed and listed[one].mt == "flow.erase"}
        channel.done = erased | {one for one, letter in listed.items() if not channel.is_open(letter)}
        channel.answered &= listed.keys()
        self.channels[flow] = channel
        if self._is_first_look:
            channel.deadlines = {}
        if channel.status in TERMINAL and len(channel.done) == len(listed):
            self._ended[flow] = channel.tip
        return channel

    def _archive(self) -> set[ObjectId]:
        """Archive flows that have ended, as many as one update of the store has room for; return them."""
        world = self.world
        room = self.store.limits.cas_names * 3 // 4 - world.batch.names
        some: dict[ObjectId, ObjectId | None] = {}
        for flow in list(self._ended)[: max(1, room // _NAMES_OF_ARCHIVED)]:
            actor = world.actors.get(flow)
            tip = self._ended[flow]
            is_quiet = actor is not None and actor.head is not None and not actor.mail and actor.mark is None
            if is_quiet and self.channels[flow].tip == tip:
                some[flow] = tip
            else:
                del self._ended[flow]
        if some:
            archive(world, some)
        return set(some)

    def _perform(self, flow: ObjectId) -> None:
        """Begin what a flow asks for since this round, and end what it does not need any more."""
        world = self.world
        channel = self.channels.get(flow)
        for changed in self._watchers.get(flow, ()):
            changed()
        if world.is_away(flow):
            self._ended.pop(flow, None)
            self.channels.pop(flow, None)
            self._performing.forget(flow)
            world.let_go([flow])
        elif channel is not None:
            self._performing.update(self, channel)
        if flow in self._waiters:
            self._report(flow)

    def _report(self, flow: ObjectId) -> None:
        """Complete the futures that wait for a flow that has ended; perhaps another host has archived it."""
        channel, actor = self.channels.get(flow), self.world.actors.get(flow)
        is_stuck = actor is not None and actor.mark is not None
        if not is_stuck and channel is not None and channel.status not in TERMINAL:
            return
        status = status_of(Workspace(self.world.objects), self.position(flow))
        if not status.has_ended and not is_stuck:
            return
        for found in self._waiters.pop(flow):
            if is_stuck and not status.has_ended:
                _settle(found, error=self._stuck(flow))
            else:
                _settle(found, outcome_of(status))

    def check_stuck(self, flow: ObjectId) -> None:
        """Check that a flow can continue. Call it by ``ask``.

        Raises:
            Stuck: it cannot.
        """
        actor = self.world.actors.get(flow)
        if actor is not None and actor.mark is not None:
            raise self._stuck(flow)

    def _stuck(self, flow: ObjectId) -> Stuck:
        failure = self.world.actor(flow).failure or "failed"
        return Stuck(f"the flow {flow.hex()} cannot continue: {failure}")

    def _answer(self) -> None:
        """Answer the questions between two rounds."""
        while self._asks:
            question, answer = self._asks.popleft()
            try:
                found = question()
            except Exception as error:  # noqa: BLE001 - raised by the caller
                _settle(answer, error=error)
            else:
                _settle(answer, found)
        self._check_rest()

    def _check_rest(self) -> None:
        if not self._rest or self._queue or self._orders or self._ended:
            return
        if any(channel.status == "running" for channel in self.channels.values()):
            return
        waiting, self._rest = self._rest, []
        for found in waiting:
            _settle(found)

    def _fail(self, error: BaseException) -> None:
        """Raise an error in all calls that wait."""
        self._is_closed = True
        self._performing.close()
        waiting: list[Future[Any] | None] = [done for _, done in self._queue]
        waiting += [order.events for order in self._orders]
        waiting += [answer for _, answer in self._asks]
        waiting += [found for listed in self._waiters.values() for found in listed]
        waiting += self._rest
        for one in waiting:
            _settle(one, error=error)
        for listed in list(self._watchers.values()):
            for changed in listed:
                changed()


def _settle(future: Future[Any] | None, result: Any = None, *, error: BaseException | None = None) -> None:
    """Complete a future, unless its caller has given up."""
    if future is None or future.done() or not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
