"""The operations of the puppet, on a working core and outbox.

There is one method per operation, in the order of the table in the specification. ``Act`` is one transition; ``begin``
starts the next message, and ``perform`` runs one operation of it.

Spec: :rule:`wit.puppet.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Any

from gritstone.errors import Missing, Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, Kind, Message, ObjectId
from gritstone.wit.code import Ask, Request, Run, Sleep
from gritstone.wit.failures import failure
from gritstone.wit.paths import Path
from gritstone.wit.puppet.core import WorkingCore

__all__ = ["OPS", "Act"]

_QUEUE, _SIGNAL = 0x71, 0x73
_OWN, _SENDER, _CONTENT, _CORE = 0xF0, 0xF1, 0xF2, 0xF3
_BOUNCES = ("bounces",)
_MAX_U32 = 2**32 - 1
_OPERAND_NAMES = tuple(f"{number:02x}" for number in range(0xF0))


class Act:
    """The state of one transition.

    Attributes:
        run: the transition.
        core: the working core.
        outbox: the working outbox.
        sender: the sender of the current message.
        message_id: the id of the current message.
        message: the current message.
        held: whether an operation held the current message.
        illegal: the kind, sender and message of the last ``X``.
    """

    __slots__ = ("_busy", "_operands", "core", "held", "illegal", "message", "message_id", "outbox", "run", "sender")

    held: bool
    message: Message
    message_id: ObjectId
    sender: ObjectId
    _busy: bool
    _operands: Mapping[str, ObjectId]

    def __init__(self, run: Run) -> None:
        self.run = run
        self.core = WorkingCore(run.workspace, run.core_id, run.core)
        self.outbox = dict(run.last.outbox) if run.last is not None else {}
        self.illegal: tuple[int, ObjectId, ObjectId] | None = None

    def begin(self, sender: ObjectId, message_id: ObjectId, message: Message, operands: Mapping[str, ObjectId]) -> None:
        """Start the next message."""
        self.sender, self.message_id, self.message = sender, message_id, message
        self._operands = operands
        self.held = self._busy = False

    def perform(self, letter: str, operands: tuple[Any, ...]) -> Generator[Request, Any, None] | None:
        """Run one operation; return a generator to drive if the operation makes a request.

        Raises:
            Rejected: the operation fails (code ``failed``).
        """
        if letter != "L" and letter != "T" and letter != "Z":
            self._busy = True
        return OPS[letter](self, *operands)

    # --- operands --------------------------------------------------------------------------------------

    def ref(self, byte: int) -> ObjectId:
        """Return the id that a ref denotes."""
        if byte < _OWN:
            target = self._operands.get(_OPERAND_NAMES[byte])
            if target is None:
                raise _fail("a ref to nothing")
            return target
        if byte == _OWN:
            return self.run.actor
        if byte == _SENDER:
            return self.sender
        if byte == _CONTENT:
            return self.message.content
        if byte == _CORE:
            return self.core.store()
        raise _fail(f"invalid ref: {byte}")

    def data(self, target: ObjectId) -> Blob:
        """Return a blob whose data or headers are needed."""
        try:
            blob = self.run.workspace.blob(target)
        except Missing as refusal:
            if refusal.code == "erased":
                raise _fail("an erased blob is read") from None
            raise
        if blob is None:
            raise _fail("a tree where a blob is needed")
        return blob

    # --- operations ------------------------------------------------------------------------------------

    def put(self, path: Path, ref: int) -> None:
        """Set a path to an id."""
        self.core.put(path, self.ref(ref))

    def write(self, path: Path, data: bytes) -> None:
        """Set a path to a new blob without headers."""
        self.core.put(path, self.run.workspace.put(Blob(NO_HEADERS, data)))

    def append(self, path: Path, data: bytes) -> None:
        """Append data to a blob, or write it if there is none."""
        target = self.core.find(path)
        if target is None:
            self.write(path, data)
            return
        blob = self.data(target)
        self.core.put(path, self.run.workspace.put(Blob(blob.headers, blob.data + data)))

    def delete(self, path: Path) -> None:
        """Remove the entry at a path, and the trees that become empty."""
        self.core.delete(path)

    def send(self, to: int, mode: int, mt: str, content: int) -> None:
        """Add a message to the outbox."""
        receiver = self.ref(to)
        if self.run.workspace.kind(receiver) is not Kind.TREE or mode not in (_QUEUE, _SIGNAL):
            raise _fail("no receiver, or no mode")
        headers = {"mt": mt} if mt else NO_HEADERS
        self._send(receiver, mode, headers, self.ref(content))

    def release(self, ref: int) -> None:
        """Remove an entry of the outbox."""
        self.outbox.pop(self.ref(ref), None)

    def bounce(self, limit: int) -> None:
        """Count, and send the message back while the count is below the limit."""
        counter = self.core.find(_BOUNCES)
        count = 1
        if counter is not None:
            data = self.data(counter).data
            count = int.from_bytes(data, "big") + 1
            if len(data) != 4 or count > _MAX_U32:
                raise _fail("bounces is no counter")
        self.core.put(_BOUNCES, self.run.workspace.put(Blob(NO_HEADERS, count.to_bytes(4, "big"))))
        if count < limit:
            self._send(self.sender, _QUEUE, self.message.headers, self.message.content)

    def query(self, actor: int, name: str, args: int, path: Path) -> Generator[Request, Any, None]:
        """Query an actor, and set a path to the answer."""
        request = Ask(self.ref(actor), name, self.data(self.ref(args)).data)
        return self._query(request, path)

    def _query(self, request: Ask, path: Path) -> Generator[Request, Any, None]:
        try:
            answer = yield request
        except Refusal:
            self.write(path, b"error")
            return
        if answer is None:
            self.delete(path)
        else:
            self.core.put(path, answer)

    def leave(self, path: Path) -> None:
        """Hold the message while a path leads to nothing."""
        if self._busy:
            raise _fail("a message is held after something was done for it")
        self.held = self.core.find(path) is None

    def try_(self, attempts: int) -> None:
        """Fail in the first attempts."""
        if self.run.attempt <= attempts:
            raise _fail(f"attempt {self.run.attempt} of more than {attempts}")

    def fail(self) -> None:
        """Fail."""
        raise _fail("the program says so")

    def sleep(self, milliseconds: int) -> Generator[Request, Any, None]:
        """Wait."""
        yield Sleep(milliseconds)

    def alter(self, kind: int) -> None:
        """Make the result of the transition illegal."""
        self.illegal = kind, self.sender, self.message_id

    def _send(self, receiver: ObjectId, mode: int, headers: Mapping[str, str], content: ObjectId) -> None:
        previous = self.outbox.get(receiver) if mode == _QUEUE else None
        self.outbox[receiver] = self.run.workspace.put(Message(previous, headers, content))


OPS: Mapping[str, Callable[..., Generator[Request, Any, None] | None]] = MappingProxyType(
    {
        "P": Act.put,
        "W": Act.write,
        "A": Act.append,
        "D": Act.delete,
        "S": Act.send,
        "R": Act.release,
        "B": Act.bounce,
        "Q": Act.query,
        "L": Act.leave,
        "T": Act.try_,
        "F": Act.fail,
        "Z": Act.sleep,
        "X": Act.alter,
    }
)
"""The method of each operation."""


def _fail(what: str) -> Refusal:
    return failure("failed", what, rule="wit.puppet.exact")
