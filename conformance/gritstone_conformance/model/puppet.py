"""The puppet: what the one test actor does with the messages that it reads.

The algorithm of the chapter as it stands there: each op is a function of the turn, the work is a core, an inbox and an
outbox as maps. It returns a draft of a step, which is not admitted yet.

Spec: ``wit/puppet``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.programs import (
    ACTOR,
    CONTENT,
    CORE,
    OPERANDS,
    SENDER,
    Cursor,
    operand_name,
    operands_of,
)
from gritstone_conformance.model.proposals import Proposal, message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message, Step

__all__ = ["REFUSED", "Ask", "Context", "Draft", "Question", "Work", "run_puppet"]

REFUSED: Final = b""
"""What :data:`Ask` gives for a query that was refused; no id is empty."""

_MOST: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Question:
    """What the op ``Q`` asks: an actor, a query with arguments; and the path at which the answer will stand."""

    actor: bytes
    name: str
    args: bytes
    path: tuple[str, ...]


Ask = Callable[[Question], bytes | None]
"""Answers a question with an id, None or :data:`REFUSED`."""


def refuse(question: Question) -> bytes | None:
    """Refuse a query, as ``wit.step`` does, which has no heads to ask."""
    return REFUSED


def pass_over(milliseconds: int) -> None:
    """Ignore a request to wait."""


@dataclass(frozen=True, slots=True)
class Context:
    """The arguments of code in addition to the step and the proposal.

    Attributes:
        actor: the actor that is run.
        attempt: 1 for a first try.
        ask: what answers the op ``Q``.
        sleep: is called with the milliseconds of the op ``Z``.
        is_past: whether another runtime made the transition before and alone knows its attempt.
    """

    actor: bytes
    attempt: int = 1
    ask: Ask = refuse
    sleep: Callable[[int], None] = pass_over
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A step that is not stored yet; mailboxes are maps."""

    previous: bytes | None
    actor: bytes
    inbox: dict[bytes, bytes]
    outbox: dict[bytes, bytes]
    core: bytes

    def seal(self, shelf: Shelf) -> bytes:
        """Store the step and return its id."""
        boxes = shelf.put_mail(self.inbox), shelf.put_mail(self.outbox)
        return shelf.put(Step(self.previous, self.actor, *boxes, self.core))


@dataclass(slots=True)
class Work:
    """What the transition has made so far.

    Attributes:
        last: the step it starts from, with its id; None for a first step.
        illegal: the op ``X`` that counts: its kind, and sender and message of its program.
    """

    shelf: Shelf
    context: Context
    proposal: Proposal
    last: tuple[bytes, Step] | None
    core: WorkingTree
    inbox: dict[bytes, bytes]
    outbox: dict[bytes, bytes]
    illegal: tuple[int, bytes, bytes] | None = None


@dataclass(slots=True)
class Turn:
    """The turn of one message: its program and the operands of that program."""

    work: Work
    sender: bytes
    message: Message
    identity: bytes
    operands: Mapping[str, bytes]
    cursor: Cursor
    quiet: bool = True  # no op but L, T and Z was read yet

    def ref(self) -> bytes:
        """Read a ref and return the id that it stands for."""
        ref = self.cursor.number(1)
        if ref < OPERANDS:
            found = self.operands.get(operand_name(ref))
            if found is None:
                raise Failure("failed", f"there is no operand {ref:02x}", "wit.puppet.exact")
            return found
        if ref == CORE:
            return _seal(self.work.core)
        fixed = {ACTOR: self.work.context.actor, SENDER: self.sender, CONTENT: self.message.content}
        if ref not in fixed:
            raise Failure("failed", f"the ref {ref:02x}", "wit.puppet.exact")
        return fixed[ref]


class _Held(Exception):  # noqa: N818 - ends the turn of a sender
    """A message stays unread."""


def run_puppet(
    shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None, first_core: bytes | None, *, stamps: bool
) -> Work:
    """Do what the covered messages say.

    Args:
        shelf: objects.
        context: further arguments of code.
        proposal: what is covered.
        last: the step to start from, or None.
        first_core: the content of the genesis message where there is no step.
        stamps: whether it is ``puppet-stamp``.

    Raises:
        Failure: an op failed.
        Declined: no message was covered.
        Refusal: an object is absent.

    Spec: :rule:`wit.puppet.order`, :rule:`wit.puppet.leave`.
    """
    work = _begin(shelf, context, proposal, last, first_core)
    held: bytes | None = None
    covered = False
    for sender, identity in proposal.covered:
        if sender == held:
            continue
        try:
            _read(work, sender, identity)
        except _Held:
            held = sender
            continue
        if stamps:
            _append(work, ["stamp"], b".")
        work.inbox[sender], covered = identity, True
    if not covered:
        if work.last is None:
            raise Failure("failed", "the genesis message was held")
        raise Declined
    if not work.core.entries:
        raise Failure("failed", "the core is empty")
    return work


def _begin(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None, first_core: bytes | None) -> Work:
    if last is None:
        assert first_core is not None
        return Work(shelf, context, proposal, None, WorkingTree(shelf, shelf.names(first_core)), {}, {})
    step = shelf.step(last)
    core = WorkingTree(shelf, shelf.names(step.core))
    inbox, outbox = dict(shelf.mail(step.inbox)), dict(shelf.mail(step.outbox))
    return Work(shelf, context, proposal, (last, step), core, inbox, outbox)


def _read(work: Work, sender: bytes, identity: bytes) -> None:
    """Run the program for one message; raises _Held where it stays unread."""
    message = work.shelf.message(identity)
    operands = _program_tree(work, message)
    if operands is None:
        return
    program = work.shelf.blob(operands["program"])
    if program is None:
        raise Failure("failed", "the program was erased")
    turn = Turn(work, sender, message, identity, operands, Cursor(program.data, work.shelf.format.name))
    while not turn.cursor.ended:
        op = turn.cursor.take(1)
        do = _OPS.get(op)
        if do is None:
            raise Failure("failed", f"no op is spelled {op.hex()}", "wit.puppet.total")
        do(turn)
        turn.quiet = turn.quiet and op in b"LTZ"


def _program_tree(work: Work, message: Message) -> Mapping[str, bytes] | None:
    """Return the program tree for a message: the handler of its type, else its content, or None for neither."""
    mt = message_type(message)
    if mt and not check_name(mt, work.shelf.format.name):
        handler = work.core.find(["on", mt])
        found = None if handler is None else operands_of(work.shelf, handler)
        if found is not None:
            return found
    return operands_of(work.shelf, message.content)


def _seal(core: WorkingTree) -> bytes:
    if not core.entries:
        raise Failure("failed", "the core is empty", "wit.puppet.exact")
    return core.seal()


def _put(turn: Turn) -> None:
    path = turn.cursor.path()
    turn.work.core.put(path, turn.ref())


def _write(turn: Turn) -> None:
    path = turn.cursor.path()
    turn.work.core.put(path, turn.work.shelf.put(Blob((), turn.cursor.long_data())))


def _append_op(turn: Turn) -> None:
    path = turn.cursor.path()
    _append(turn.work, path, turn.cursor.long_data())


def _append(work: Work, path: list[str], data: bytes) -> None:
    found = work.core.find(path)
    headers: tuple[tuple[str, str], ...] = ()
    if found is not None:
        blob = work.shelf.blob(found)
        if blob is None:
            raise Failure("failed", f"{'/'.join(path)} is a tree or was erased", "wit.puppet.exact")
        headers, data = blob.headers, blob.data + data
    work.core.put(path, work.shelf.put(Blob(headers, data)))


def _delete(turn: Turn) -> None:
    turn.work.core.delete(turn.cursor.path())


def _send(turn: Turn) -> None:
    to, mode, mt = turn.ref(), turn.cursor.take(1), turn.cursor.text()
    content = turn.ref()
    if mode not in (b"q", b"s") or not turn.work.shelf.is_tree(to):
        raise Failure("failed", "no receiver, or no mode", "wit.puppet.exact")
    previous = turn.work.outbox.get(to) if mode == b"q" else None
    headers = (("mt", mt),) if mt else ()
    turn.work.outbox[to] = turn.work.shelf.put(Message(previous, headers, content))


def _release(turn: Turn) -> None:
    turn.work.outbox.pop(turn.ref(), None)


def _bounce(turn: Turn) -> None:
    work, limit = turn.work, turn.cursor.number(4)
    found = work.core.find(["bounces"])
    blob = Blob((), bytes(4)) if found is None else work.shelf.blob(found)
    if blob is None or len(blob.data) != 4 or int.from_bytes(blob.data) == _MOST:
        raise Failure("failed", "bounces is no number that can be counted up", "wit.puppet.exact")
    count = int.from_bytes(blob.data) + 1
    work.core.put(["bounces"], work.shelf.put(Blob((), count.to_bytes(4))))
    if count < limit:
        reply = Message(work.outbox.get(turn.sender), turn.message.headers, turn.message.content)
        work.outbox[turn.sender] = work.shelf.put(reply)


def _query(turn: Turn) -> None:
    target, name = turn.ref(), turn.cursor.text()
    args = turn.work.shelf.blob(turn.ref())
    path = turn.cursor.path()
    if args is None:
        raise Failure("failed", "the arguments are no blob, or erased", "wit.puppet.exact")
    answer = turn.work.context.ask(Question(target, name, args.data, tuple(path)))
    if answer is None:
        turn.work.core.delete(path)
    else:
        turn.work.core.put(path, turn.work.shelf.put(Blob((), b"error")) if answer == REFUSED else answer)


def _leave(turn: Turn) -> None:
    path = turn.cursor.path()
    if not turn.quiet:
        raise Failure("failed", "an op precedes L", "wit.puppet.exact")
    if turn.work.core.find(path) is None:
        raise _Held


def _try(turn: Turn) -> None:
    if turn.work.context.attempt <= turn.cursor.number(1):
        raise Failure("failed", "not at this attempt", "wit.transition.attempt")


def _fail(turn: Turn) -> None:
    raise Failure("failed", "the program said so")


def _sleep(turn: Turn) -> None:
    turn.work.context.sleep(turn.cursor.number(2))


def _spoil(turn: Turn) -> None:
    turn.work.illegal = (turn.cursor.number(1), turn.sender, turn.identity)


_OPS: Final[dict[bytes, Callable[[Turn], None]]] = {
    b"P": _put,
    b"W": _write,
    b"A": _append_op,
    b"D": _delete,
    b"S": _send,
    b"R": _release,
    b"B": _bounce,
    b"Q": _query,
    b"L": _leave,
    b"T": _try,
    b"F": _fail,
    b"Z": _sleep,
    b"X": _spoil,
}
