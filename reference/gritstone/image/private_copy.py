"""The private copy of an operation: heads, unread mail and new objects, which only the operation sees.

Changes are kept in a log, so that a savepoint that fails is undone at the cost of what it did. Everything that was not
touched is read from the world.

Spec: :rule:`image.op.atomic`, :rule:`image.op.savepoint`, :rule:`image.op.no-half`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

from gritstone.errors import InternalError
from gritstone.grit.objects import Blob, Mailbox, Message, ObjectId, Step, Tree
from gritstone.image.cores import Facts
from gritstone.image.texts import read_number
from gritstone.wit.admission import admit
from gritstone.wit.channels import Roots, unread
from gritstone.wit.closure_cache import ClosureCache
from gritstone.wit.code import Run
from gritstone.wit.objects import Objects
from gritstone.wit.position import NO_IDS, Position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.workspace import Workspace

__all__ = ["POST", "Base", "Channel", "Letter", "Mark", "PrivateCopy", "Waiting"]

POST = -1
"""The frame of posts: they are read in no frame of the operation."""

Channel: TypeAlias = tuple[ObjectId, ObjectId]
"""A sender and a receiver."""

Mark: TypeAlias = tuple[int, int, int, int]
"""A moment of a private copy, to which it can return."""

_UNKNOWN: Any = object()


class Base(Protocol):
    """The world from which an operation begins."""

    agent: ObjectId
    kernel: ObjectId
    objects: Objects
    closures: ClosureCache
    roots: Roots

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None if it has no head."""

    def is_gone(self, actor: ObjectId) -> bool:
        """Return whether an actor was destroyed."""

    def senders(self, actor: ObjectId) -> Iterable[ObjectId]:
        """Return the actors with unread mail to an actor."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way.

    Attributes:
        sender: the actor that sent it.
        target: its receiver.
        message_id: its id.
        message: the message.
        is_root: whether it is a root of the operation.
        handle: the timer that it fires, as id text; None for any other message.
        is_new: whether the agent sends it in the operation.
        content: the content, if it is new.
    """

    sender: ObjectId
    target: ObjectId
    message_id: ObjectId
    message: Message
    is_root: bool = False
    handle: str | None = None
    is_new: bool = False
    content: Blob | Tree | None = None

    @property
    def mt(self) -> str:
        """Return the type."""
        return self.message.headers.get("mt", "")

    @property
    def mode(self) -> str | None:
        """Return the header ``op``."""
        return self.message.headers.get("op")

    @property
    def fuel_limit(self) -> int | None:
        """Return the header ``fuel`` of a savepoint; None if there is none."""
        fuel = self.message.headers.get("fuel")
        return None if fuel is None else read_number(fuel.encode("ascii", "replace"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unread message.

    Attributes:
        message_id: its id.
        frame: the frame in whose queue it is, or ``POST``.
        place: the number of the step of its sender in the operation that sent it, from 0; -1 if it was sent before.
    """

    message_id: ObjectId
    frame: int
    place: int


class _Closures:
    """The known closures of the world and, on top, those of the operation."""

    __slots__ = ("_below", "own")

    def __init__(self, below: ClosureCache) -> None:
        self._below = below
        self.own: dict[ObjectId, int] = {}

    def get(self, target: ObjectId) -> int | None:
        found = self.own.get(target)
        return self._below.get(target) if found is None else found


class PrivateCopy:
    """The heads of an image as an operation sees them.

    Attributes:
        base: the world.
        workspace: the new objects.
        closures: the ids that are known to be complete.
        positions: the actors that moved; None for those that were destroyed.
        gone: the last steps of the actors that were destroyed.
        waiting: the unread messages of each channel that was looked at.
        before: the same in the world.
        steps: how many steps each actor made.
        reads: the actors that ``read`` read; not undone.
        borrowed: ids of the store that new objects lead to.
        sent: the last root of each receiver that the agent sent.
        last_steps: the last position of each actor that was destroyed.
        agent: the position of the agent after the operation, once it is made.
        kernel: that of the kernel actor.
    """

    def __init__(self, base: Base) -> None:
        self.base = base
        self.workspace = Workspace(base.objects)
        self.closures: Any = _Closures(base.closures)
        self.positions: dict[ObjectId, Position | None] = {}
        self.gone: dict[ObjectId, ObjectId] = {}
        self.waiting: dict[Channel, tuple[Waiting, ...]] = {}
        self.before: dict[Channel, tuple[Waiting, ...]] = {}
        self.steps: dict[ObjectId, int] = {}
        self.sent: dict[ObjectId, ObjectId] = {}
        self.reads: dict[ObjectId, None] = {}
        self.borrowed: list[ObjectId] = []
        self.last_steps: dict[ObjectId, Position] = {}
        self.agent: Position = cast("Position", None)
        self.kernel: Position = cast("Position", None)
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []

    # --- undoing ---------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Return the present moment."""
        return len(self._log), len(self.workspace.made), len(self.closures.own), len(self.borrowed)

    def undo(self, mark: Mark) -> None:
        """Return to an earlier moment."""
        changes, made, closed, borrowed = mark
        while len(self._log) > changes:
            table, key, value = self._log.pop()
            if value is _UNKNOWN:
                del table[key]
            else:
                table[key] = value
        workspace = self.workspace
        for table, count in ((workspace.made, made), (workspace.encodings, made), (self.closures.own, closed)):
            while len(table) > count:
                table.popitem()  # the newest: a dictionary keeps the order of its first insertions
        del self.borrowed[borrowed:]

    def _set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._log.append((table, key, table.get(key, _UNKNOWN)))
        table[key] = value

    # --- reading ---------------------------------------------------------------------------------------

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None if it has no head."""
        found = self.positions.get(actor, _UNKNOWN)
        return self.base.position(actor) if found is _UNKNOWN else found

    def has_head(self, actor: ObjectId) -> bool:
        """Return whether an actor has a head."""
        return self.position(actor) is not None

    def is_gone(self, actor: ObjectId) -> bool:
        """Return whether an actor was destroyed."""
        return actor in self.gone or self.base.is_gone(actor)

    def facts(self, position: Position) -> Facts:
        """Return what the part ``image`` of a core holds."""
        return Facts(self.workspace, position.core)

    def owner(self, actor: ObjectId) -> ObjectId | None:
        """Return the owner of an actor; None if it has no head."""
        position = self.position(actor)
        if position is None or actor in (self.base.agent, self.base.kernel):
            return None
        return self.facts(position).owner or actor

    def is_principal(self, actor: ObjectId) -> bool:
        """Return whether an actor is a principal with a head."""
        return self.owner(actor) == actor

    def core_tree(self, actor: ObjectId) -> Tree | None:
        """Return the first core of an actor; None if its id is not that of a tree."""
        return self.workspace.tree(actor)

    # --- mail ------------------------------------------------------------------------------------------

    def channel(self, sender: ObjectId, target: ObjectId) -> tuple[Waiting, ...]:
        """Return the unread messages of a channel, oldest first."""
        key = sender, target
        found = self.waiting.get(key)
        if found is None:
            found = self.before[key] = self.waiting[key] = self._stored(sender, target)
        return found

    def _stored(self, sender: ObjectId, target: ObjectId) -> tuple[Waiting, ...]:
        one, other = self.base.position(sender), self.base.position(target)
        tip = None if one is None else one.outbox.get(target)
        cursor = None if other is None else other.inbox.get(sender)
        if tip is None or tip == cursor:
            return ()
        messages, _ = unread(self.workspace.load, tip, cursor)
        return tuple(Waiting(message, POST, -1) for message in messages)

    def wait(self, letter: Letter, frame: int) -> None:
        """Add a message that was sent."""
        key = letter.sender, letter.target
        place = self.steps.get(letter.sender, 0)
        before = self.channel(*key)
        self._set(self.waiting, key, (*before, Waiting(letter.message_id, frame, place)))

    def take(self, letter: Letter) -> None:
        """Remove the message that is being answered, which is the oldest of its channel."""
        key = letter.sender, letter.target
        before = self.channel(*key)
        if not before or before[0].message_id != letter.message_id:
            raise InternalError("a message is taken before an older one of its channel")
        self._set(self.waiting, key, before[1:])

    def acknowledge(self, sender: ObjectId, message_id: ObjectId) -> None:
        """Remove the messages to the agent up to one that it acknowledges."""
        waiting = self.channel(sender, self.base.agent)
        ids = [one.message_id for one in waiting]
        count = ids.index(message_id) + 1 if message_id in ids else 0
        self._set(self.waiting, (sender, self.base.agent), waiting[count:])

    def wait_post(self, target: ObjectId, message_id: ObjectId) -> None:
        """Add a post that the agent sends."""
        before = self.channel(self.base.agent, target)
        self._set(self.waiting, (self.base.agent, target), (*before, Waiting(message_id, POST, 0)))

    def is_out_of_order(self, sender: ObjectId, target: ObjectId, frame: int) -> bool:
        """Return whether a join of a frame would overtake a message.

        Spec: :rule:`image.op.order`.
        """
        return any(one.frame != frame for one in self.channel(sender, target))

    def send_root(self, letter: Letter) -> None:
        """Let the agent have sent a root."""
        self.workspace.put(letter.message)
        self.borrowed.append(letter.target)
        if letter.content is None:
            self.borrowed.append(letter.message.content)
        else:
            self.workspace.put(letter.content)
        self._set(self.sent, letter.target, letter.message_id)

    def is_quiet(self, actor: ObjectId, position: Position) -> bool:
        """Return whether an actor has no unread mail and all that it sent was read.

        Spec: :rule:`image.gone.quiet`.
        """
        senders = {*self.base.senders(actor), *self.sent, *self.positions} | {self.base.agent}
        if any(self.channel(sender, actor) for sender in sorted(senders) if self._may_send(sender, actor)):
            return False
        return not any(self.channel(actor, receiver) for receiver in position.outbox)

    def _may_send(self, sender: ObjectId, actor: ObjectId) -> bool:
        if (sender, actor) in self.waiting:
            return True
        position = self.base.position(sender)
        return position is not None and actor in position.outbox

    # --- steps -----------------------------------------------------------------------------------------

    def advance(
        self,
        letter: Letter,
        core: ObjectId,
        outbox: Mapping[ObjectId, ObjectId] | None = None,
    ) -> Position:
        """Make the step of the receiver of a message that reads this message.

        Args:
            letter: the message.
            core: the core of the step.
            outbox: the outbox of the step; None if it is as before.

        Raises:
            Rejected: the step is not admitted.
            Exhausted: the step reaches a limit.
        """
        actor, put = letter.target, self.workspace.put
        last = self.position(actor)
        inbox = put(Mailbox({**(NO_IDS if last is None else last.inbox), letter.sender: letter.message_id}))
        previous, outbox_id = (None, None) if last is None else (last.step_id, last.step.outbox)
        if outbox is not None:
            outbox_id = put(Mailbox(outbox)) if outbox else None
        step = put(Step(previous, actor, inbox, outbox_id, core))
        admitted = admit(self._run(letter, last), step, self.closures, self.base.roots, trust_heads=True)
        self.closures.own.update(admitted.ranks)
        self.borrowed += admitted.borrowed
        self._set(self.positions, actor, admitted.position)
        self._set(self.steps, actor, self.steps.get(actor, 0) + 1)
        return admitted.position

    def _run(self, letter: Letter, last: Position | None) -> Run:
        covered = ((letter.sender, (letter.message_id,)),)
        if last is not None:
            proposal = Proposal(MessageKind.ORDINARY, covered)
            return Run(self.workspace, letter.target, last, last.step.core, last.core, proposal, 1)
        tree = self.core_tree(letter.target)
        if tree is None:
            raise InternalError("a genesis of an actor that is not a tree")
        proposal = Proposal(MessageKind.GENESIS, covered)
        return Run(self.workspace, letter.target, None, letter.target, tree.entries, proposal, 1)

    def destroy(self, actor: ObjectId, position: Position) -> None:
        """Remove the head of an actor, whose last step was just made."""
        self._set(self.gone, actor, position.step_id)
        self._set(self.last_steps, actor, position)
        self._set(self.positions, actor, None)
