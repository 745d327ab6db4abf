"""The machine: the runtime without I/O, without a clock and without tasks.

Inputs are events: ``work`` (run something), ``resume`` (the result that a run waited for has arrived), ``expire`` (the
time of a run is over), ``tick`` (set the time), and the result of a commit, which the world receives. Outputs are
effects: ``take_requests`` (runs that wait for something that only a shell can do) and ``world.batch`` (changes to make
durable). In between, actors change state by the table of ``states``.

Running code is not I/O: code is a generator that reads objects and yields when it has to wait. A run that does not wait
goes from its proposal to its adopted step in one call.

Spec: :rule:`runtime.head.serial`, :rule:`runtime.run.independent`, :rule:`runtime.retry.delay`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gritstone.errors import Missing, Refusal
from gritstone.grit.objects import ObjectId
from gritstone.runtime.actors import MOST_NESTED, Actor, PendingQuery, Running
from gritstone.runtime.config import Config
from gritstone.runtime.outcomes import end_admitted, end_declined, end_failed, needs_mark
from gritstone.runtime.proposing import choices, key_of, message_keys_of, next_proposal
from gritstone.runtime.states import Event, State
from gritstone.runtime.world import World
from gritstone.wit.admission import Admitted
from gritstone.wit.code import Ask, Request, Sleep
from gritstone.wit.failures import failure, failure_class
from gritstone.wit.proposals import Proposal
from gritstone.wit.queries import Query, ask_position
from gritstone.wit.workspace import Workspace

__all__ = ["Machine"]

_BEGIN = {
    State.ABSENT: Event.GENESIS_PROPOSABLE,
    State.IDLE: Event.PROPOSAL_PROPOSABLE,
    State.BACKING_OFF: Event.PROPOSAL_PROPOSABLE,
    State.IRRECOVERABLE: Event.UPDATE_PROPOSABLE,
}


class Machine:
    """The decisions of the runtime.

    Attributes:
        world: the actors according to their heads.
        config: the settings.
        now_ms: the time of delays, in milliseconds.
        in_progress: runs that wait for something.
        inquiries: queries from outside that have not ended.
        adopted: steps of actors, the agent aside, since the machine began.
        holds: whether the operations of an image wait.
    """

    def __init__(self, world: World, config: Config, clock_ms: Callable[[], float] | None) -> None:
        """Make a machine.

        Args:
            world: loaded from the store.
            config: the settings.
            clock_ms: returns the time by which transitions are measured, in milliseconds; None if they take no time,
                because a client sets the time.
        """
        self.world = world
        self.config = config
        self.now_ms = 0
        self.in_progress: set[Running] = set()
        self.pending_queries: set[PendingQuery] = set()
        self.adopted = 0
        self.holds = False
        self._clock_ms = clock_ms
        self._requests: list[Running] = []
        self._delayed: set[Actor] = set()
        self._measures = clock_ms is not None and config.transition_ms > 0

    # --- what there is to do ---------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Return whether the number of waiting runs is at its limit."""
        return len(self.in_progress) >= self.config.most_in_progress

    @property
    def has_work(self) -> bool:
        """Return whether an actor is ready, or an operation of an image."""
        operator = self.world.operator
        return bool(self.world.ready) if operator is None else not self.holds and operator.has_work

    @property
    def due_ms(self) -> int | None:
        """Return the time at which the next delay ends; None if there is none."""
        if not self._delayed:
            return None
        return min(
            (due for actor in self._delayed if actor.failures for due in actor.failures.delayed.values()), default=None
        )

    @property
    def has_delays(self) -> bool:
        """Return whether a message is delayed."""
        return self.due_ms is not None

    def choices(self) -> list[tuple[Actor, Proposal]]:
        """Return the choices, in order; an image has none.

        Spec: :rule:`runtime.schedule.exact`, :rule:`harness.schedule.order`, :rule:`runtime.fail.damaged`.
        """
        found = []
        for actor in () if self.world.operator is not None else self.world.actors.values():
            if actor.mail and actor.running is None and actor.actor_id != self.world.agent:
                try:
                    found += [(actor, proposal) for proposal in choices(self.world, actor)]
                except Missing:
                    continue  # a damaged head or message
        return sorted(found, key=lambda one: (one[0].actor_id, b"".join(map(b"".join, key_of(one[1])))))

    def take_requests(self) -> list[Running]:
        """Return the runs that have begun to wait since the last call."""
        requests, self._requests = self._requests, []
        return requests

    # --- events ----------------------------------------------------------------------------------------

    def work(self, most_steps: int) -> int:
        """Run ready actors until none is ready or enough steps were adopted.

        Returns:
            The number of adopted steps.

        Spec: :rule:`runtime.fail.damaged`.
        """
        if self.world.operator is not None:
            adopted = 0 if self.holds else self.world.operator.work(most_steps)
            self.adopted += adopted
            return adopted
        world, most_covered = self.world, self.config.most_covered
        ready = world.ready
        begin = self.adopted
        end = begin + most_steps
        while ready and self.adopted < end:
            if self.in_progress and self.is_full:
                break
            actor = ready.popleft()
            actor.is_queued = False
            if actor.running is None:
                try:
                    proposal = next_proposal(world, actor, most_covered)
                except Missing:
                    continue  # a damaged head or message; the actor is tried again when its head or mail changes
                if proposal is not None:
                    self.run(actor, proposal)
        return self.adopted - begin

    def run(self, actor: Actor, proposal: Proposal) -> Running:
        """Begin a run, and continue it until it ends or waits."""
        actor.happen(_BEGIN[actor.state])
        failures = actor.failures
        attempt = 1
        if failures is not None and failures.counts:
            attempt += max(failures.counts.get(message_key, 0) for message_key in message_keys_of(proposal))
        executor = self.world.executor
        run = executor.prepare(actor.actor_id, self.world.position(actor), proposal, attempt)
        began = self._clock_ms() if self._measures and self._clock_ms is not None else 0.0
        running = Running(actor, run, executor.transition(run), began)
        running.removals = self.world.removals
        actor.running = running
        self._proceed(running, None, None)
        return running

    def resume(self, running: Running, answer: Any, error: BaseException | None) -> None:
        """Continue a run whose request was answered; do nothing if the run was abandoned."""
        if running.is_over:
            return
        running.waits_for = None
        self.in_progress.discard(running)
        self._proceed(running, answer, error)

    def expire(self, running: Running) -> None:
        """End a run whose time is over.

        Spec: :rule:`wit.transition.class`.
        """
        if not running.is_over:
            self._end(running, self._timeout())

    def abandon(self, running: Running) -> None:
        """Abandon a run.

        Spec: :rule:`runtime.run.cancel`.
        """
        if not running.is_over:
            self._close(running)
            running.actor.happen(Event.ABANDONED)
            self.world.enqueue(running.actor)

    def tick(self, now_ms: int) -> int:
        """Set the time of delays.

        Returns:
            The number of messages whose delay has ended.

        Spec: :rule:`runtime.retry.delay`.
        """
        self.now_ms = now_ms
        over = 0
        for actor in list(self._delayed):
            failures = actor.failures
            due = [key for key, at in failures.delayed.items() if at <= now_ms] if failures is not None else []
            for message_key in due:
                del actor.have_failures().delayed[message_key]
            over += len(due)
            if failures is None or not failures.delayed:
                self._delayed.discard(actor)
            if due:
                actor.happen(Event.DELAY_OVER)
                self.world.enqueue(actor)
        return over

    # --- runs ------------------------------------------------------------------------------------------

    def _proceed(self, running: Running, answer: Any, error: BaseException | None) -> None:
        """Continue a run until it ends or waits."""
        stack = running.stack
        while True:
            play = stack[-1][0]
            try:
                request = play.send(answer) if error is None else play.throw(error)
            except StopIteration as stop:
                answer, error = stop.value, None
                if len(stack) == 1:
                    self._end(running, answer)
                    return
                running.pop(answer)
                continue
            except Refusal as refusal:
                answer, error = None, refusal
                if len(stack) == 1:
                    self._end(running, refusal)
                    return
                running.pop(None)
                continue
            answer = error = None
            if isinstance(request, Ask):
                error = self._ask(running, request)
            elif not (isinstance(request, Sleep) and self._clock_ms is None):
                self._wait(running, request)
                return

    def _wait(self, running: Running, request: Request) -> None:
        running.waits_for = request
        self.in_progress.add(running)
        self._requests.append(running)

    def _ask(self, running: Running, request: Ask) -> Refusal | None:
        """Begin a query that a run waits for; return the refusal if it cannot begin."""
        if len(running.stack) > MOST_NESTED:
            return failure("failed", "queries are nested too deep", rule="wit.query.answers")
        workspace = Workspace(self.world.objects)
        try:
            running.push(*self.query(workspace, request), workspace)
        except Missing as refusal:
            return refusal
        return None

    def query(self, workspace: Workspace, request: Ask) -> tuple[ObjectId, Query]:
        """Begin to query an actor; return its head and the query.

        Raises:
            Missing: the actor has no head.

        Spec: :rule:`runtime.query.rest`, :rule:`runtime.query.monotone`.
        """
        actor = self.world.actors.get(request.actor)
        position = None if actor is None else self.world.position(actor)
        if position is None:
            raise Missing("the actor has no head", rule="runtime.query.rest", got=request.actor.hex())
        play = ask_position(self.world.executor.laws, workspace, position, request.name, request.args)
        return position.step_id, play

    def _close(self, running: Running) -> None:
        running.close()
        running.actor.running = None
        self.in_progress.discard(running)

    def _took_too_long(self, running: Running) -> bool:
        return self._clock_ms is not None and self._clock_ms() - running.began_ms > self.config.transition_ms

    def _timeout(self) -> Refusal:
        return failure("timeout", "the transition took too long", expected=f"at most {self.config.transition_ms} ms")

    def _end(self, running: Running, outcome: Admitted | Refusal | None) -> None:
        """Apply an outcome.

        Spec: :rule:`runtime.head.cas`, :rule:`runtime.head.mark`, :rule:`runtime.fail.expected`.
        """
        actor = running.actor
        if running.waits_for is not None:
            self._close(running)
        running.is_over = True
        actor.running = None
        if self._measures and not isinstance(outcome, Refusal) and self._took_too_long(running):
            outcome = self._timeout()
        if running.is_stale or (running.base, running.mark) != (actor.head, actor.mark):
            actor.happen(Event.STALE)
        elif isinstance(outcome, Refusal) and running.removals != self.world.removals:
            # an object that it has read may have been removed, which may have caused the failure
            actor.happen(Event.STALE)
        elif isinstance(outcome, Admitted):
            if actor.head is None and not self.world.has_room():
                self._hold(running)
                return
            end_admitted(self.world, running, outcome)
            self.adopted += 1
        elif outcome is None:
            end_declined(running)
        else:
            self._fail(running, outcome)
        if actor.mail:
            self.world.enqueue(actor)

    def _hold(self, running: Running) -> None:
        """Discard an outcome for which the store has no reference left; the other actors continue.

        Spec: :rule:`runtime.run.full`.
        """
        actor = running.actor
        self.world.held[actor.actor_id] = None
        actor.happen(Event.ABANDONED)

    def _fail(self, running: Running, refusal: Refusal) -> None:
        actor = running.actor
        if failure_class(refusal) is None:
            # An object of the store is absent or damaged: the message is not the cause. It stays as if declined.
            actor.have_failures().declined.add(key_of(running.run.proposal))
            actor.happen(Event.ABANDONED)
            return
        if needs_mark(self.config, running) and not self.world.has_room():
            self._hold(running)
            return
        if end_failed(self.world, self.config, running, refusal, self.now_ms):
            run = running.run
            again = self.world.executor.prepare(run.actor, run.last, run.proposal, run.attempt)
            running.run = again
            end_admitted(self.world, running, self.world.executor.refuse_update(again), event=Event.FAILED_LAST_UPDATE)
            self.adopted += 1
        if actor.failures is not None and actor.failures.delayed:
            self._delayed.add(actor)
