"""The state that a runtime keeps of an actor: its head and mark, its mail, and data that ends with the runtime.

Mail is kept as one id per channel with something unread, the tip. Everything else follows from the objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.runtime.states import TRANSITIONS, Event, State, follow, resting_state
from gritstone.wit.position import Position

if TYPE_CHECKING:
    from gritstone.runtime.runs import Running

__all__ = ["Actor", "FailureState", "MessageKey", "ProposalKey"]

MessageKey: TypeAlias = tuple[ObjectId, ObjectId]
"""A sender and a message."""

ProposalKey: TypeAlias = tuple[MessageKey, ...]
"""A proposal as it is written, as a value."""

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
