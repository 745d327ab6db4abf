"""What a runtime keeps of an actor: its head and mark, its mail, its run, and data that ends with the runtime.

Mail is kept as one id per channel with something unread, the tip. Everything else follows from the objects.

A run in progress is a transition, which may be waiting, and the queries that it waits for. The transition is at the
bottom of a stack of generators. A query that it makes of another actor is pushed on top, and so on. The result of the
top generator is the answer to the one below.
"""

from __future__ import annotations

from collections.abc import Container, Generator
from typing import Any, TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.runtime.states import TRANSITIONS, Event, State, follow, resting_state
from gritstone.wit.code import Request, Run
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["MOST_NESTED", "Actor", "FailureState", "MessageKey", "PendingQuery", "ProposalKey", "Running"]

MessageKey: TypeAlias = tuple[ObjectId, ObjectId]
"""A sender and a message."""

ProposalKey: TypeAlias = tuple[MessageKey, ...]
"""A proposal as it is written, as a value."""

MOST_NESTED = 32
"""The maximum nesting of queries."""

_NO_MAIL: dict[ObjectId, ObjectId] = {}
"""The mail of all actors without mail; it is never changed."""


class FailureState:
    """Failures and the like of an actor; most actors never have any.

    Attributes:
        counts: counted failures by message.
        delayed: the time before which a message is not retried, in milliseconds.
        isolated: messages of a run that failed and covered several, as far as they may be unread.
        declined: proposals that the code declined since the last change.
    """

    __slots__ = ("counts", "declined", "delayed", "isolated")

    def __init__(self) -> None:
        self.counts: dict[MessageKey, int] = {}
        self.delayed: dict[MessageKey, int] = {}
        self.isolated: set[MessageKey] = set()
        self.declined: set[ProposalKey] = set()

    @property
    def is_over(self) -> bool:
        """Return whether all fields are empty."""
        return not (self.counts or self.delayed or self.isolated or self.declined)


class Actor:
    """One actor.

    Attributes:
        actor_id: its id.
        head: its head; None if it has none.
        position: the decoded head, if it is cached.
        mark: the target of its mark; None if it has none.
        message_key: the sender and message that the mark names.
        failure: the class of the failure that set the mark; None if an earlier runtime set it.
        mail: the tip of each channel to it that has unread messages.
        failures: failures and the like, if there are any.
        running: the run in progress.
        is_queued: whether it waits for its turn.
        state: where it is in the table of states.
    """

    __slots__ = (
        "actor_id",
        "failure",
        "failures",
        "head",
        "is_queued",
        "mail",
        "mark",
        "message_key",
        "position",
        "running",
        "state",
    )

    def __init__(self, actor_id: ObjectId) -> None:
        self.actor_id = actor_id
        self.head: ObjectId | None = None
        self.position: Position | None = None
        self.mark: ObjectId | None = None
        self.message_key: MessageKey | None = None
        self.failure: str | None = None
        self.mail = _NO_MAIL
        self.failures: FailureState | None = None
        self.running: Running | None = None
        self.is_queued = False
        self.state = State.ABSENT

    def happen(self, event: Event) -> None:
        """Follow the table of states; the caller must have applied the changes of the event before."""
        following, _ = TRANSITIONS.get((self.state, event)) or follow(self.state, event)
        self.state = following or self.rest()

    def rest(self) -> State:
        """Return the state of the actor while it does not run."""
        failures = self.failures
        if failures is None and self.mark is None:
            return State.ABSENT if self.head is None else State.IDLE
        return resting_state(
            marked=self.mark is not None,
            delayed=failures is not None and bool(failures.delayed),
            exists=self.head is not None,
        )

    def set_tip(self, sender: ObjectId, tip: ObjectId | None) -> None:
        """Record that a channel has unread messages up to a tip; without a tip, that it has none."""
        mail = self.mail
        if tip is not None:
            if mail is _NO_MAIL:
                self.mail = {sender: tip}
            else:
                mail[sender] = tip
        elif sender in mail:
            del mail[sender]
            if not mail:
                self.mail = _NO_MAIL
        if self.failures is not None:
            self.failures.declined.clear()

    def clear_mail(self) -> None:
        """Record that there is no unread mail."""
        self.mail = _NO_MAIL
        if self.failures is not None:
            self.failures.declined.clear()

    def have_failures(self) -> FailureState:
        """Return its failures to add to them; create the record if it is absent."""
        if self.failures is None:
            self.failures = FailureState()
        return self.failures

    def covered(self, message_keys: list[MessageKey]) -> None:
        """Remove the failures of messages that were read, and the proposals that were declined at the previous head."""
        failures = self.failures
        if failures is None:
            return
        failures.declined.clear()
        for message_key in message_keys:
            failures.counts.pop(message_key, None)
            failures.delayed.pop(message_key, None)
            failures.isolated.discard(message_key)
        if failures.is_over:
            self.failures = None


class PendingQuery:
    """A query in progress from outside of any run.

    Attributes:
        asked: the steps that were queried, and the answers received so far.
    """

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: set[ObjectId] = set()


class Running:
    """A run in progress.

    Attributes:
        actor: the actor that runs.
        base: the head when the run began; None before a first step.
        mark: the mark that the actor had then; None if it had none.
        run: the run as its code sees it.
        began_ms: when it began.
        is_over: whether it has ended or was abandoned.
        is_stale: whether an object that it has read was discarded with a refused update, or its actor is away.
        removals: the count of removals of the store when it began.
        waits_for: the request that it waits for; None while it runs.
        stack: the transition, and the queries above it, each with the workspace of its objects.
        asked: the steps that were queried, and the answers received.
    """

    __slots__ = (
        "actor",
        "asked",
        "base",
        "began_ms",
        "is_over",
        "is_stale",
        "mark",
        "removals",
        "run",
        "stack",
        "waits_for",
    )

    def __init__(self, actor: Actor, run: Run, play: Generator[Request, Any, Any], began_ms: float) -> None:
        self.actor = actor
        self.base: ObjectId | None = actor.head
        self.mark: ObjectId | None = actor.mark
        self.run = run
        self.began_ms = began_ms
        self.is_over = False
        self.is_stale = False
        self.removals = 0
        self.waits_for: Request | None = None
        self.asked: set[ObjectId] = set()
        self.stack: list[tuple[Generator[Request, Any, Any], Workspace]] = [(play, run.workspace)]

    def push(self, step: ObjectId, play: Generator[Request, Any, Any], workspace: Workspace) -> None:
        """Begin a query of a step for the generator on top, which waits for it."""
        self.asked.add(step)
        self.stack.append((play, workspace))

    def pop(self, answer: ObjectId | None) -> None:
        """End the query on top; its objects go to the generator below, since the answer may be among them."""
        if answer is not None:
            self.asked.add(answer)
        _, workspace = self.stack.pop()
        self.stack[-1][1].take_over(workspace)

    def note_discarded(self, discarded: Container[ObjectId]) -> None:
        """Record the objects that were discarded with a refused update; a run that has read one of them is stale.

        Spec: :rule:`runtime.head.before-route`, :rule:`runtime.head.asked`.
        """
        covered = (message for _, messages in self.run.proposal.covered for message in messages)
        self.is_stale = self.is_stale or any(one in discarded for one in (*covered, *self.asked))

    def close(self) -> None:
        """Abandon the run and its queries."""
        self.is_over = True
        while self.stack:
            self.stack.pop()[0].close()
