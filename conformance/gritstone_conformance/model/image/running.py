"""Running a program: what an actor does with a message that its code answers.

Each op is a function of the turn; the work is a core as a tree and what the step sends.

Spec: ``image/programs``, "Ops"; :rule:`image.program.exact`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.image.capabilities import holds
from gritstone_conformance.model.image.contents import LARGEST, number_of, put_text
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.frames import Meter
from gritstone_conformance.model.image.programs import Program
from gritstone_conformance.model.image.sending import Letter, Outgoing
from gritstone_conformance.model.image.views import View
from gritstone_conformance.model.image.weighing import cost_of_op
from gritstone_conformance.model.programs import ACTOR, CONTENT, OPERANDS, SENDER, operand_name
from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.values import Blob, Message

__all__ = ["RESERVED", "Turn", "run_program"]

RESERVED: Final = frozenset(("image", "code", "wit", "wit_query", "wit_update", "src", "frozen", "wasm"))
"""The first names of reserved paths."""


@dataclass(slots=True)
class Turn:
    """The turn of one message.

    Attributes:
        view: the private copy.
        message: the message.
        program: its program.
        core: the working core.
        outgoing: what the step sends.
        reads: the actors whose cores were read; it is never undone.
    """

    view: View
    message: Message
    program: Program
    core: WorkingTree
    outgoing: Outgoing
    reads: set[bytes]

    def ref(self, ref: int) -> bytes:
        """Return the id that a ref stands for."""
        if ref < OPERANDS:
            found = self.program.entries.get(operand_name(ref))
            if found is None:
                raise _failed()
            return found
        answered = self.outgoing.answered
        fixed = {ACTOR: answered.target, SENDER: answered.sender, CONTENT: self.message.content}
        return fixed[ref] if ref in fixed else self.core.seal()

    def is_actor(self, identity: bytes) -> bool:
        """Return whether an id is that of an actor with a head, neither R nor K."""
        return self.view.head(identity) is not None and identity not in (self.view.agent, self.outgoing.kernel)

    def blob(self, identity: bytes) -> Blob:
        """Return a blob whose data is read."""
        found = self.view.shelf.blob(identity)
        if found is None:
            raise _failed()
        return found


def run_program(turn: Turn, meter: Meter) -> None:
    """Execute the ops of a program one after another.

    Raises:
        Denied: an op failed.
        Ended: the fuel of a frame is spent.
    """
    for op in turn.program.ops:
        meter.charge(cost_of_op(turn, op))
        _OPS[op.byte](turn, *op.operands)


def _failed() -> Denied:
    return Denied("rejected", "failed")


def _check_free(path: list[str]) -> None:
    """Raise Denied for a reserved path. Spec: :rule:`image.location.reserved`."""
    if path[0] in RESERVED:
        raise Denied("rejected", "location")


def _put(turn: Turn, path: list[str], ref: int) -> None:
    _check_free(path)
    turn.core.put(path, turn.ref(ref))


def _write(turn: Turn, path: list[str], data: bytes) -> None:
    _check_free(path)
    turn.core.put(path, turn.view.shelf.put(Blob((), data)))


def _append(turn: Turn, path: list[str], data: bytes) -> None:
    _check_free(path)
    found = turn.core.find(path)
    old = Blob((), b"") if found is None else turn.blob(found)
    turn.core.put(path, turn.view.shelf.put(Blob(old.headers, old.data + data)))


def _delete(turn: Turn, path: list[str]) -> None:
    _check_free(path)
    turn.core.delete(path)


def _fail(turn: Turn) -> None:
    raise _failed()


def _add(turn: Turn, path: list[str], number: int) -> None:
    _check_free(path)
    found = turn.core.find(path)
    old = Blob((), b"0") if found is None else turn.blob(found)
    value = number_of(old.data)
    if value is None:
        raise _failed()
    if not 0 <= value + number <= LARGEST:
        raise Denied("rejected", "range")
    turn.core.put(path, turn.view.shelf.put(Blob(old.headers, str(value + number).encode())))


def _add_content(turn: Turn, path: list[str], sign: int) -> None:
    _check_free(path)
    number = number_of(turn.blob(turn.message.content).data)
    if number is None:
        raise _failed()
    _add(turn, path, sign * number)


def _expect(turn: Turn, path: list[str], data: bytes) -> None:
    found = turn.core.find(path)
    if found is None or turn.view.shelf.is_tree(found) or turn.blob(found).data != data:
        raise Denied("rejected", "expect")


def _read(turn: Turn, ref: int, source: list[str], to: list[str]) -> None:
    """Copy from the core of an actor. Spec: :rule:`image.program.read`, :rule:`image.serial.read`."""
    view, actor = turn.view, turn.ref(ref)
    if not view.shelf.is_tree(actor):
        raise _failed()
    core = view.core(actor)
    if core is None and not view.is_gone(actor):
        raise Denied("missing", "actor")
    if core is None:
        raise Denied("rejected", "gone")
    if actor in (view.agent, turn.outgoing.kernel) or to[0] in RESERVED:
        raise Denied("rejected", "location")
    if actor != turn.outgoing.actor and not holds(turn.outgoing.caps, f"read.{actor.hex()}"):
        raise Denied("rejected", "capability")
    turn.reads.add(actor)
    found = find(view.shelf, core, source)
    if found is None:
        turn.core.delete(to)
    else:
        turn.core.put(to, found)


def _send(turn: Turn, ref: int, mode: str, mt: str, content: int) -> None:
    to, what = turn.ref(ref), turn.ref(content)
    if not turn.view.shelf.is_tree(to):
        raise _failed()
    for gained in turn.outgoing.send(Letter(to, mt, mode, what)):
        granter = put_text(turn.view.shelf, turn.outgoing.actor.hex())
        turn.core.put(["image", "caps", gained], granter)


def _reply(turn: Turn, content: int) -> None:
    what, answered = turn.ref(content), turn.outgoing.answered
    mode = "post" if header(turn.message, "op") is None else "join"
    turn.outgoing.send(Letter(answered.sender, "reply", mode, what, (("reply", answered.message.hex()),)))


def _spin(turn: Turn, units: int) -> None:
    """Do nothing: the fuel was charged."""


def _fail_with(turn: Turn, code: str) -> None:
    raise Denied("rejected", code)


_OPS: Final[dict[bytes, Callable[..., Any]]] = {
    b"P": _put,
    b"W": _write,
    b"A": _append,
    b"D": _delete,
    b"F": _fail,
    b"a": _add,
    b"c": _add_content,
    b"x": _expect,
    b"r": _read,
    b"s": _send,
    b"y": _reply,
    b"n": _spin,
    b"f": _fail_with,
}
