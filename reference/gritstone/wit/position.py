"""The position of an actor: a step with its mailboxes and its core, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gritstone.errors import Invalid
from gritstone.grit.objects import Mailbox, ObjectId, Step, Tree
from gritstone.wit.objects import Objects
from gritstone.wit.workspace import Workspace

__all__ = ["NO_IDS", "Position", "entries_of", "load_position", "position_of"]

NO_IDS: Mapping[ObjectId, ObjectId] = MappingProxyType({})


class Position:
    """A step and the objects that its fields lead to.

    Attributes:
        step_id: the id of the step.
        step: the step.
        inbox: cursor by sender; empty if the step has none.
        outbox: tip by receiver; empty if the step has none.
        core: the entries of the core.
    """

    __slots__ = ("core", "inbox", "outbox", "step", "step_id")

    def __init__(
        self,
        step_id: ObjectId,
        step: Step,
        inbox: Mapping[ObjectId, ObjectId],
        outbox: Mapping[ObjectId, ObjectId],
        core: Mapping[str, ObjectId],
    ) -> None:
        self.step_id = step_id
        self.step = step
        self.inbox = inbox
        self.outbox = outbox
        self.core = core


def entries_of(source: Objects | Workspace, mailbox: ObjectId | None) -> Mapping[ObjectId, ObjectId]:
    """Return the entries of an inbox or outbox; None has no entries.

    Raises:
        Missing: the mailbox is absent.
        Invalid: the object is not a mailbox.
    """
    if mailbox is None:
        return NO_IDS
    value = source.load(mailbox)
    if not isinstance(value, Mailbox):
        raise Invalid("no mailbox", rule="wit.admit.kind", got=f"a {value.kind.word}", expected="a mailbox")
    return value.entries


def position_of(source: Objects | Workspace, step_id: ObjectId) -> Position:
    """Return the position of a step.

    Raises:
        Missing: the step, or an object that its fields lead to, is absent.
        Invalid: the object is not a step, or a field leads to a wrong kind.
    """
    step = source.look(step_id)
    if not isinstance(step, Step):
        raise Invalid("no step", rule="wit.admit.kind", got=step_id.hex(), expected="a step")
    core = source.look(step.core)
    if not isinstance(core, Tree):
        raise Invalid("a core that is no tree", rule="wit.admit.kind", got=step.core.hex(), expected="a tree")
    return Position(step_id, step, entries_of(source, step.inbox), entries_of(source, step.outbox), core.entries)


def load_position(source: Objects | Workspace, step_id: ObjectId, actor: ObjectId) -> Position:
    """Return the position of a step of one actor.

    Raises:
        Missing: as ``position_of``.
        Invalid: as ``position_of``; or the step is of another actor.
    """
    position = position_of(source, step_id)
    if position.step.actor != actor:
        raise Invalid(
            "a step of another actor", rule="wit.admit.actor", got=position.step.actor.hex(), expected=actor.hex()
        )
    return position
