"""The states of an actor, and the table of transitions between them.

``TRANSITIONS`` is ``spec/runtime/states.json`` as Python; ``reference/tests/runtime/test_states.py`` compares the two.
Every change of state uses ``follow``: a pair that is not in the table is a defect of gritstone.

::

                      genesis-proposable            step-admitted, update-*, declined, failed-*, stale, abandoned
    absent  ------------------------------>  running  ------------------------------------------------>  resting
    idle          proposal-proposable           ^
    backing-off   proposal-proposable           |       resting: irrecoverable if marked, else backing-off if a
    irrecoverable   update-proposable  ---------+       message is delayed, else idle if there is a head, else absent
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gritstone.errors import InternalError

__all__ = ["TRANSITIONS", "Event", "Next", "State", "Write", "follow", "resting_state"]


class State(enum.Enum):
    """The states."""

    ABSENT = "absent"
    IDLE = "idle"
    BACKING_OFF = "backing-off"
    IRRECOVERABLE = "irrecoverable"
    RUNNING = "running"

    # The members are keys in a hot path; Enum would hash their names again each time.
    __hash__ = object.__hash__


class Event(enum.Enum):
    """The events of an actor."""

    GENESIS_PROPOSABLE = "genesis-proposable"
    PROPOSAL_PROPOSABLE = "proposal-proposable"
    UPDATE_PROPOSABLE = "update-proposable"
    DELAY_OVER = "delay-over"
    STEP_ADMITTED = "step-admitted"
    UPDATE_ADMITTED = "update-admitted"
    UPDATE_REFUSED = "update-refused"
    DECLINED = "declined"
    FAILED_MANY = "failed-many"
    FAILED_AGAIN = "failed-again"
    FAILED_LAST = "failed-last"
    FAILED_LAST_UPDATE = "failed-last-update"
    STALE = "stale"
    ABANDONED = "abandoned"
    COLLECTED = "collected"
    UNMARKED = "unmarked"

    __hash__ = object.__hash__


class Write(enum.Enum):
    """The durable changes of an event, which are all made in one update."""

    HEAD = "head"
    HEAD_REMOVED = "head-removed"
    GONE = "gone"
    MARK = "mark"
    MARK_REMOVED = "mark-removed"
    RECEIPT = "receipt"


Next: TypeAlias = tuple[State | None, tuple[Write, ...]]
"""The state after the event (None: the resting state of the actor), and the durable changes."""

TRANSITIONS: Mapping[tuple[State, Event], Next] = MappingProxyType(
    {
        (State.ABSENT, Event.GENESIS_PROPOSABLE): (State.RUNNING, ()),
        (State.IDLE, Event.PROPOSAL_PROPOSABLE): (State.RUNNING, ()),
        (State.BACKING_OFF, Event.DELAY_OVER): (None, ()),
        (State.BACKING_OFF, Event.PROPOSAL_PROPOSABLE): (State.RUNNING, ()),
        (State.IRRECOVERABLE, Event.UPDATE_PROPOSABLE): (State.RUNNING, ()),
        (State.IRRECOVERABLE, Event.DELAY_OVER): (None, ()),
        (State.RUNNING, Event.STEP_ADMITTED): (None, (Write.HEAD,)),
        (State.RUNNING, Event.UPDATE_ADMITTED): (None, (Write.HEAD, Write.MARK_REMOVED)),
        (State.RUNNING, Event.UPDATE_REFUSED): (None, (Write.HEAD,)),
        (State.RUNNING, Event.DECLINED): (None, ()),
        (State.RUNNING, Event.FAILED_MANY): (None, ()),
        (State.RUNNING, Event.FAILED_AGAIN): (None, ()),
        (State.RUNNING, Event.FAILED_LAST): (None, (Write.MARK, Write.RECEIPT)),
        (State.RUNNING, Event.FAILED_LAST_UPDATE): (None, (Write.HEAD,)),
        (State.RUNNING, Event.STALE): (None, ()),
        (State.RUNNING, Event.ABANDONED): (None, ()),
        (State.RUNNING, Event.DELAY_OVER): (State.RUNNING, ()),
        (State.RUNNING, Event.COLLECTED): (
            State.RUNNING,
            (Write.HEAD_REMOVED, Write.MARK_REMOVED, Write.GONE),
        ),
        (State.RUNNING, Event.UNMARKED): (State.RUNNING, (Write.MARK_REMOVED,)),
        (State.IDLE, Event.COLLECTED): (State.ABSENT, (Write.HEAD_REMOVED, Write.GONE)),
        (State.BACKING_OFF, Event.COLLECTED): (State.ABSENT, (Write.HEAD_REMOVED, Write.GONE)),
        (State.IRRECOVERABLE, Event.COLLECTED): (
            State.ABSENT,
            (Write.HEAD_REMOVED, Write.MARK_REMOVED, Write.GONE),
        ),
        (State.IRRECOVERABLE, Event.UNMARKED): (None, (Write.MARK_REMOVED,)),
    }
)
"""State and event to their result."""


def resting_state(*, marked: bool, delayed: bool, exists: bool) -> State:
    """Return the state of an actor that is not running."""
    if marked:
        return State.IRRECOVERABLE
    if delayed:
        return State.BACKING_OFF
    return State.IDLE if exists else State.ABSENT


def follow(state: State, event: Event) -> Next:
    """Return the entry of the table for a state and an event.

    Raises:
        InternalError: the table does not have the pair.
    """
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise InternalError(f"invalid event {event.value} for an actor in the state {state.value}")
    return found
