"""Programs of ``external:image/1``: spelling each op, and building a program with its operands.

Spec: ``image/programs``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.strategies.programs import (
    ACTOR,
    CONTENT,
    CORE,
    SENDER,
    append,
    delete,
    fail,
    put,
    write,
)
from gritstone_conformance.strategies.scenarios import Stage

__all__ = [
    "ACTOR",
    "CONTENT",
    "CORE",
    "JOIN",
    "MODES",
    "POST",
    "SAVE",
    "SENDER",
    "Draft",
    "add",
    "append",
    "count",
    "delete",
    "expect",
    "fail",
    "fail_with",
    "put",
    "read",
    "reply",
    "send",
    "spin",
    "write",
]

JOIN, SAVE, POST = b"j", b"v", b"p"
MODES: Final = {"join": JOIN, "save": SAVE, "post": POST}


def _short(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return bytes((len(data),)) + data


def add(path: str | bytes, number: int) -> bytes:
    """Spell ``add``."""
    return b"a" + _short(path) + number.to_bytes(8, signed=True)


def count(path: str | bytes, sign: bytes = b"+") -> bytes:
    """Spell ``count``."""
    return b"c" + _short(path) + sign


def expect(path: str | bytes, data: bytes) -> bytes:
    """Spell ``expect``."""
    return b"x" + _short(path) + len(data).to_bytes(2) + data


def read(actor: int, source: str | bytes, target: str | bytes) -> bytes:
    """Spell ``read``."""
    return b"r" + bytes((actor,)) + _short(source) + _short(target)


def send(to: int, mode: bytes, mt: str | bytes, content: int) -> bytes:
    """Spell ``send``."""
    return b"s" + bytes((to,)) + mode + _short(mt) + bytes((content,))


def reply(content: int) -> bytes:
    """Spell ``reply``."""
    return b"y" + bytes((content,))


def spin(units: int) -> bytes:
    """Spell ``spin``."""
    return b"n" + units.to_bytes(4)


def fail_with(code: str | bytes) -> bytes:
    """Spell ``fail`` with a code."""
    return b"f" + _short(code)


@dataclass(slots=True)
class Draft:
    """A program whose operands are numbered as they are used.

    An operand is an id, which becomes an entry of the program tree, or a number: a ref such as ``SENDER``.

    Attributes:
        stage: where its objects are added.
        ops: the ops so far.
    """

    stage: Stage
    ops: bytes = b""
    _operands: list[bytes] = field(default_factory=list)

    def seal(self) -> bytes:
        """Add the program tree; return its id."""
        return self.stage.program(self.ops, *self._operands)

    def raw(self, ops: bytes) -> Draft:
        """Append ops without operands, or invalid bytes."""
        self.ops += ops
        return self

    def add(self, path: str, number: int) -> Draft:
        """Append ``add``."""
        return self.raw(add(path, number))

    def write(self, path: str, data: bytes | str) -> Draft:
        """Append ``write``."""
        return self.raw(write(path, data.encode() if isinstance(data, str) else data))

    def put(self, path: str | bytes, operand: bytes | int) -> Draft:
        """Append ``put``."""
        return self.raw(put(path, self.ref(operand)))

    def read(self, actor: bytes | int, source: str, target: str) -> Draft:
        """Append ``read``."""
        return self.raw(read(self.ref(actor), source, target))

    def reply(self, content: bytes | int) -> Draft:
        """Append ``reply``."""
        return self.raw(reply(self.ref(content)))

    def send(self, mode: bytes, to: bytes | int, mt: str | bytes, content: bytes | int) -> Draft:
        """Append ``send``."""
        return self.raw(send(self.ref(to), mode, mt, self.ref(content)))

    def join(self, to: bytes | int, mt: str | bytes, content: bytes | int) -> Draft:
        """Append ``send`` of a join."""
        return self.send(JOIN, to, mt, content)

    def save(self, to: bytes | int, mt: str | bytes, content: bytes | int) -> Draft:
        """Append ``send`` of a savepoint."""
        return self.send(SAVE, to, mt, content)

    def post(self, to: bytes | int, mt: str | bytes, content: bytes | int) -> Draft:
        """Append ``send`` of a post."""
        return self.send(POST, to, mt, content)

    def spin(self, units: int) -> Draft:
        """Append ``spin``."""
        return self.raw(spin(units))

    def fail(self, code: str = "") -> Draft:
        """Append ``fail``, with a code if one is given."""
        return self.raw(fail_with(code) if code else fail())

    def ref(self, operand: bytes | int) -> int:
        """Return the ref of an operand, which becomes an entry of the program tree if it is an id."""
        if isinstance(operand, int):
            return operand
        if operand not in self._operands:
            self._operands.append(operand)
        return self._operands.index(operand)
