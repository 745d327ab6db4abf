"""Acting: the operations of programs, on a working core and outbox.

There is one method per operation. ``perform`` runs a whole program; each operation costs fuel before it has an effect.
What an operation made and a later one replaced is not kept until the step ends: new objects that neither the core nor
the outbox reaches are dropped whenever a few megabytes were read and made.

Spec: :rule:`image.program.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gritstone.errors import InternalError, Missing, Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, Kind, ObjectId
from gritstone.image.capabilities import covered, read_capability
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.programs import Program, is_reserved
from gritstone.image.refusals import refusal
from gritstone.image.sending import Sender
from gritstone.image.texts import MOST_NUMBER, read_number, text_blob
from gritstone.image.weighing import OpScale, units
from gritstone.wit.paths import Path, find
from gritstone.wit.puppet.core import WorkingCore

__all__ = ["OPS", "Acting"]

_OPERANDS = 0xF0
_OWN, _SENDER, _CONTENT, _CORE = 0xF0, 0xF1, 0xF2, 0xF3
_SPIN = ord("n")
_MOST_HANDLED = 4 << 20  # bytes that operations read and make before unreached objects are dropped
_NAMES = tuple(f"{number:02x}" for number in range(_OPERANDS))


class Acting:
    """The state of one step that runs a program.

    Attributes:
        core: the working core.
        sender: the working outbox.
    """

    def __init__(self, copy: PrivateCopy, letter: Letter, core: WorkingCore, sender: Sender) -> None:
        self.core = core
        self.sender = sender
        self._copy = copy
        self._letter = letter
        self._operands: Mapping[str, ObjectId] = {}

    def perform(self, program: Program, charge: Callable[[int], None]) -> None:
        """Run a program.

        Args:
            program: its operations and operands.
            charge: called with the units of each operation.

        Raises:
            Refusal: an operation fails.

        Spec: :rule:`image.fuel.exact`.
        """
        ops, self._operands = program
        weigh = OpScale(self._copy, self._letter, self.core, self._ref_or_none).weigh
        first, handled = len(self._copy.workspace.made), 0
        for byte, operands in ops:
            weighed = weigh(byte, operands)
            charge(1 + operands[0] if byte == _SPIN else units(weighed))
            OPS[byte](self, *operands)
            handled += weighed
            if handled > _MOST_HANDLED:
                self._copy.workspace.drop_unreached([*self.core.ids(), *self.sender.outbox.values()], first)
                handled = 0

    # --- operands --------------------------------------------------------------------------------------

    def _ref(self, byte: int) -> ObjectId:
        """Return the id that a ref denotes."""
        if byte < _OPERANDS:
            target = self._operands.get(_NAMES[byte])
            if target is None:
                raise _fail("a ref to nothing")
            return target
        if byte == _OWN:
            return self._letter.target
        if byte == _SENDER:
            return self._letter.sender
        if byte == _CONTENT:
            return self._letter.message.content
        if byte == _CORE:
            return self.core.store()
        raise _fail(f"invalid ref: {byte}")

    def _ref_or_none(self, byte: int) -> ObjectId | None:
        """Return the id that a ref denotes; None if it denotes nothing."""
        try:
            return self._ref(byte)
        except Refusal:
            return None

    def _blob(self, target: ObjectId) -> Blob:
        """Return a blob whose data or headers are needed."""
        try:
            blob = self._copy.workspace.blob(target)
        except Missing as error:
            if error.code == "erased":
                raise _fail("an erased blob is read") from None
            raise
        if blob is None:
            raise _fail("a tree where a blob is needed")
        return blob

    def _set(self, path: Path, target: ObjectId) -> None:
        self.core.put(_written(path), target)

    # --- operations ------------------------------------------------------------------------------------

    def put(self, path: Path, ref: int) -> None:
        """Set a path to an id."""
        self.core.put(_written(path), self._ref(ref))

    def write(self, path: Path, data: bytes) -> None:
        """Set a path to a new blob without headers."""
        self._set(path, self._copy.workspace.put(Blob(NO_HEADERS, data)))

    def append(self, path: Path, data: bytes) -> None:
        """Append data to a blob, or write it if there is none."""
        target = self.core.find(_written(path))
        if target is None:
            self.write(path, data)
            return
        blob = self._blob(target)
        self._set(path, self._copy.workspace.put(Blob(blob.headers, blob.data + data)))

    def delete(self, path: Path) -> None:
        """Remove the entry at a path, and the trees that become empty."""
        self.core.delete(_written(path))

    def fail(self) -> None:
        """Fail."""
        raise _fail("the program says so")

    def add(self, path: Path, amount: int) -> None:
        """Add to the number at a path; no entry counts as 0."""
        target = self.core.find(_written(path))
        blob = Blob(NO_HEADERS, b"0") if target is None else self._blob(target)
        total = self._number(blob) + amount
        if not 0 <= total <= MOST_NUMBER:
            raise refusal("rejected/range", "a number is out of range", "program.exact", got=total)
        self._set(path, self._copy.workspace.put(Blob(blob.headers, b"%d" % total)))

    def count(self, path: Path, sign: int) -> None:
        """Add the number in the content of the message, or subtract it."""
        _written(path)
        self.add(path, sign * self._number(self._blob(self._letter.message.content)))

    def expect(self, path: Path, data: bytes) -> None:
        """Fail unless a path leads to a blob with this data."""
        target = self.core.find(path)
        value = None if target is None else self._copy.workspace.look(target)
        if target is not None and value is None:
            raise _fail("an erased blob is expected")
        if type(value) is not Blob or value.data != data:
            raise refusal("rejected/expect", "the core has another value", "program.exact", got="/".join(path))

    def read(self, actor: int, source: Path, path: Path) -> None:
        """Copy an entry of the core of an actor, or delete the path if there is none.

        Spec: :rule:`image.program.read`.
        """
        copy, target = self._copy, self._ref(actor)
        if copy.workspace.kind(target) is not Kind.TREE:
            raise _fail("the actor to read is not a tree")
        is_reserved_actor = target in (copy.base.agent, copy.base.kernel)
        position = copy.position(target)
        if position is None and copy.is_gone(target):
            raise refusal("rejected/gone", "the actor was destroyed", "program.read", got=target.hex())
        if position is None and not is_reserved_actor:
            raise refusal("missing/actor", "the actor has no head", "program.read", got=target.hex())
        if is_reserved_actor:
            raise refusal("rejected/location", "the core of the agent or the kernel is not read", "program.read")
        _written(path)
        if target != self._letter.target:
            if not covered(self.sender.held, read_capability(target)):
                raise refusal("rejected/capability", "no capability covers the read", "program.read", got=target.hex())
            copy.reads[target] = None
        if position is None:
            raise InternalError("an actor without a head is read")
        found = find(copy.workspace, position.core, source)
        if found is None:
            self.core.delete(path)
        else:
            self.core.put(path, found)

    def send(self, to: int, mode: str | None, mt: str, content: int) -> None:
        """Send a message; what the actor gains by creating another is put into its core at once.

        Spec: :rule:`image.spawn.gains`.
        """
        receiver, workspace = self._ref(to), self._copy.workspace
        sent = self._ref(content)
        if workspace.kind(receiver) is not Kind.TREE:
            raise _fail("the receiver is not a tree")
        for name in self.sender.send(receiver, mt, mode, sent):
            self.core.put(("image", "caps", name), workspace.put(text_blob(self._letter.target.hex())))

    def reply(self, content: int) -> None:
        """Reply to the message."""
        self.sender.reply(self._letter, self._ref(content))

    def spin(self, units: int) -> None:
        """Use fuel, which was charged."""

    def fail_with(self, reason: str) -> None:
        """Fail with a code."""
        raise refusal(f"rejected/{reason}", "the program says so", "program.exact")

    def _number(self, blob: Blob) -> int:
        number = read_number(blob.data)
        if number is None:
            raise _fail("no number")
        return number


OPS: Mapping[int, Callable[..., None]] = MappingProxyType(
    {
        ord("P"): Acting.put,
        ord("W"): Acting.write,
        ord("A"): Acting.append,
        ord("D"): Acting.delete,
        ord("F"): Acting.fail,
        ord("a"): Acting.add,
        ord("c"): Acting.count,
        ord("x"): Acting.expect,
        ord("r"): Acting.read,
        ord("s"): Acting.send,
        ord("y"): Acting.reply,
        _SPIN: Acting.spin,
        ord("f"): Acting.fail_with,
    }
)
"""The method of each operation."""


def _written(path: Path) -> Path:
    """Return a path that may be written.

    Raises:
        Rejected: a program must not write it (code ``location``).

    Spec: :rule:`image.location.reserved`.
    """
    if is_reserved(path):
        raise refusal("rejected/location", "the path is reserved", "location.reserved", got="/".join(path))
    return path


def _fail(what: str) -> Refusal:
    return refusal("rejected/failed", what, "program.exact")
