"""Programs of actors, spelled: one function for each op, which returns its bytes.

Paths, types and texts are ``str``; refs are numbers, the operand ``NN`` of a program tree or one of those below.

Spec: ``image/programs``, "Ops".
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACTOR",
    "CONTENT",
    "CORE",
    "SENDER",
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

ACTOR, SENDER, CONTENT, CORE = 0xF0, 0xF1, 0xF2, 0xF3
_MODES: Final = {"join": b"j", "save": b"v", "post": b"p"}


def put(path: str, ref: int) -> bytes:
    """Spell the op that makes a path lead to an object."""
    return b"P" + _short(path) + bytes([ref])


def write(path: str, data: bytes) -> bytes:
    """Spell the op that writes a blob."""
    return b"W" + _short(path) + _long(data)


def append(path: str, data: bytes) -> bytes:
    """Spell the op that appends to a blob."""
    return b"A" + _short(path) + _long(data)


def delete(path: str) -> bytes:
    """Spell the op that deletes a path."""
    return b"D" + _short(path)


def fail() -> bytes:
    """Spell the op that fails."""
    return b"F"


def add(path: str, number: int) -> bytes:
    """Spell the op that adds a number, which may be negative."""
    return b"a" + _short(path) + number.to_bytes(8, signed=True)


def count(path: str, sign: str) -> bytes:
    """Spell the op that adds the number in the content of the message, or subtracts it; the sign is ``+`` or ``-``."""
    return b"c" + _short(path) + sign.encode()


def expect(path: str, data: bytes) -> bytes:
    """Spell the op that fails unless a path leads to a blob with some data."""
    return b"x" + _short(path) + _long(data)


def read(ref: int, source: str, to: str) -> bytes:
    """Spell the op that reads the core of an actor."""
    return b"r" + bytes([ref]) + _short(source) + _short(to)


def send(ref: int, mode: str, mt: str, content: int) -> bytes:
    """Spell the op that sends a message; the mode is ``join``, ``save`` or ``post``."""
    return b"s" + bytes([ref]) + _MODES[mode] + _short(mt) + bytes([content])


def reply(content: int) -> bytes:
    """Spell the op that replies to the sender of the message."""
    return b"y" + bytes([content])


def spin(units: int) -> bytes:
    """Spell the op that burns fuel."""
    return b"n" + units.to_bytes(4)


def fail_with(text: str) -> bytes:
    """Spell the op that fails with a code."""
    return b"f" + _short(text)


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _long(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data
