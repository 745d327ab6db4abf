"""The private copy of an operation: heads, mail and new objects, which only the operation sees.

Everything that was not touched is read from the world.

Spec: :rule:`image.op.atomic`, :rule:`image.op.savepoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from gritstone.errors import InternalError
from gritstone.grit.objects import Blob, Mailbox, Message, Object, ObjectId, Step, Tree
from gritstone.image.changes import Changes, Mark
from gritstone.image.cores import Facts
from gritstone.image.mail import POST, Letter, Mail, Tips
from gritstone.wit.admission import admit
from gritstone.wit.channels import Roots, unread
from gritstone.wit.closure_cache import ClosureCache
from gritstone.wit.code import Run
from gritstone.wit.objects import Objects
from gritstone.wit.position import NO_IDS, Position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.guest_host import GuestHost

__all__ = ["Base", "PrivateCopy", "is_notice"]

_UNKNOWN: Any = object()
_NO_CORE: Mapping[str, ObjectId] = MappingProxyType({})


class Base(Tips, Protocol):
    """The world from which an operation begins."""

    kernel: ObjectId
    objects: Objects
    closures: ClosureCache
    roots: Roots
    guests: GuestHost | None

    @property
    def has_erased(self) -> bool:
        """Return whether the store has erased blobs."""

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None if it has no head."""

    def has_head(self, actor: ObjectId) -> bool:
        """Return whether an actor has a head."""

    def is_gone(self, actor: ObjectId) -> bool:
        """Return whether an actor was destroyed."""


class _WorkspaceWithErased(Workspace):
    """A workspace on a store with erased blobs. An operation that makes one of them again still finds it erased.

    Spec: :rule:`image.op.erased`.
    """

    __slots__ = ()

    def put(self, value: Object) -> ObjectId:
        """Add a new object, unless it is a blob that was erased; return its id."""
        object_id = super().put(value)
        if type(value) is Blob and self.is_erased(object_id):
            self.drop((object_id,))
        return object_id

    def take_over(self, other: Workspace) -> None:
        """Add the new objects of another workspace, except blobs that were erased."""
        other.drop([one for one, value in other.made.items() if type(value) is Blob and self.is_erased(one)])
        super().take_over(other)


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
        changes: undoes what a savepoint did.
        mail: the unread messages.
        workspace: the new objects.
        closures: the ids that are known to be complete.
        positions: the actors that moved; None for those that were destroyed.
        gone: the last positions of the actors that were destroyed.
        owned: by how many actors each principal owns more than before.
        grown: by how many bytes the cores of each principal and its actors have grown.
        steps: how many steps each actor made.
        sent: the last root of each receiver that the agent sent.
        reads: the actors that ``read`` read; not undone.
        borrowed: ids of the store that new objects lead to.
        agent: the position of the agent after the operation, once it is made.
        kernel: that of the kernel actor.
    """

    def __init__(self, base: Base) -> None:
        self.base = base
        self.changes = Changes()
        self.mail = Mail(base, self.changes)
        self.workspace = _WorkspaceWithErased(base.objects) if base.has_erased else Workspace(base.objects)
        self.closures: Any = _Closures(base.closures)
        self.positions: dict[ObjectId, Position | None] = {}
        self.gone: dict[ObjectId, Position] = {}
        self.owned: dict[ObjectId, int] = {}
        self.grown: dict[ObjectId, int] = {}
        self.steps: dict[ObjectId, int] = {}
        self.sent: dict[ObjectId, ObjectId] = {}
        self.reads: dict[ObjectId, None] = {}
        self.borrowed: list[ObjectId] = []
        self.agent: Position = cast("Position", None)
        self.kernel: Position = cast("Position", None)
        for table in (self.workspace.made, self.workspace.encodings, self.closures.own, self.borrowed):
            self.changes.track(table)

    def mark(self) -> Mark:
        """Return the present moment."""
        return self.changes.mark()

    def undo(self, mark: Mark) -> None:
        """Return to an earlier moment."""
        self.changes.undo(mark)

    # --- reading ---------------------------------------------------------------------------------------

    def position(self, actor: ObjectId) -> Position | None:
        """Return the position of an actor; None if it has no head."""
        found = self.positions.get(actor, _UNKNOWN)
        return self.base.position(actor) if found is _UNKNOWN else found

    def has_head(self, actor: ObjectId) -> bool:
        """Return whether an actor has a head."""
        found = self.positions.get(actor, _UNKNOWN)
        return self.base.has_head(actor) if found is _UNKNOWN else found is not None

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

    def pinned(self, actor: ObjectId) -> Mapping[str, ObjectId]:
        """Return the core with the code that an actor runs: the one before the operation, or else the first one.

        Spec: :rule:`image.code.pinned`.
        """
        position = self.base.position(actor)
        if position is not None:
            return position.core
        first = self.core_tree(actor)
        return _NO_CORE if first is None else first.entries

    # --- mail ------------------------------------------------------------------------------------------

    def send(self, letter: Letter) -> None:
        """Add a message that was sent."""
        self.mail.send(letter, self.steps.get(letter.sender, 0))

    def take(self, letter: Letter) -> None:
        """Remove the message that is being answered, which is the oldest of its channel."""
        position = self.position(letter.target)
        cursor = None if position is None else position.inbox.get(letter.sender)
        if letter.message.previous != cursor:
            raise InternalError("a message is taken before an older one of its channel")
        self.mail.take(letter)

    def send_root(self, letter: Letter) -> None:
        """Record a root as sent by the agent."""
        self.workspace.put(letter.message)
        self.borrowed.append(letter.target)
        if letter.content is None:
            self.borrowed.append(letter.message.content)
        else:
            self.workspace.put(letter.content)
        self.changes.set(self.sent, letter.target, letter.message_id)
        self.send(letter)

    def post(self, target: ObjectId, message_id: ObjectId) -> None:
        """Add a post that the agent sends."""
        message = self.workspace.message(message_id)
        self.send(Letter(self.base.agent, target, message_id, message, frame=POST))

    def acknowledge(self, sender: ObjectId, message_id: ObjectId, cursor: ObjectId | None) -> None:
        """Record as read by the agent the messages of an actor after a cursor up to one."""
        load = self.workspace.load
        messages, _ = unread(load, message_id, cursor)
        self.mail.acknowledge(sender, sum(not is_notice(load(one)) for one in messages))

    def is_quiet(self, actor: ObjectId, position: Position) -> bool:
        """Return whether an actor has no unread mail and all that it sent was read.

        Spec: :rule:`image.gone.quiet`.
        """
        if self.mail.has_mail(actor):
            return False
        return not any(self.mail.is_unread(actor, receiver) for receiver in position.outbox)

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
        self.changes.set(self.positions, actor, admitted.position)
        self.changes.add(self.steps, actor, 1)
        if last is None:
            self._count_owned(admitted.position, 1)
        return admitted.position

    def _count_owned(self, position: Position, amount: int) -> None:
        owner = self.facts(position).owner
        if owner is not None:
            self.changes.add(self.owned, owner, amount)

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
        self.changes.set(self.gone, actor, position)
        self.changes.set(self.positions, actor, None)
        self._count_owned(position, -1)


def is_notice(value: object) -> bool:
    """Return whether an object is a notice, which counts for no quota."""
    return isinstance(value, Message) and value.headers.get("mt") == "failed"
