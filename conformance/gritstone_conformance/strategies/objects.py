"""Objects of each kind, valid by construction in one format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeVar

from hypothesis import strategies as st

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import (
    KINDS,
    Blob,
    Headers,
    Mailbox,
    Message,
    Object,
    Step,
    Tree,
)
from gritstone_conformance.strategies import texts
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["OBJECT_TAPE", "build", "headers", "identity", "objects", "shuffled"]

_Pair = TypeVar("_Pair")

OBJECT_TAPE: Final = 64
"""Bytes of tape that one object can use to the full."""

_DATA_LENGTHS: Final = (0, 1, 2, 5, 9, 22, 23, 24, 25, 31, 32, 64, 255, 256, 257, 3)
_EXTREME: Final = (bytes(31) + b"\1", b"\1" + bytes(31), b"\xff" * 32, b"\0\1" * 16)


def identity(tape: Tape) -> bytes:
    """Return an id of an arbitrary object; some begin or end with zeros."""
    number = tape.below(256)
    return _EXTREME[number - 252] if number >= 252 else hashlib.sha256(bytes((number,))).digest()


def headers(tape: Tape, format_name: str, *, least: int = 0, ascii_only: bool = False) -> Headers:
    """Return headers, each key once, in no particular order."""
    count = max(least, tape.pick((0, 1, 0, 2, 0, 3)))
    pairs: dict[str, str] = {}
    while len(pairs) < count:
        fresh = texts.key(tape)
        pairs[fresh if fresh not in pairs else f"k{len(pairs)}"] = texts.value(tape, format_name, ascii_only=ascii_only)
    return tuple(pairs.items())


def blob(tape: Tape, format_name: str, *, least: int = 0) -> Blob:
    """Return a blob with at least so many headers."""
    length = tape.pick(_DATA_LENGTHS)
    return Blob(headers(tape, format_name, least=least), (tape.take(min(length, 8)) * 40)[:length])


def tree(tape: Tape, format_name: str, *, least: int = 1) -> Tree:
    """Return a tree with at least so many entries; one in 32 has more than 23, which needs a longer head."""
    count = max(least, 24 + tape.below(4) if tape.once_in(32) else tape.within(1, 4))
    pairs: dict[str, bytes] = {}
    while len(pairs) < count:
        fresh = texts.name(tape, format_name) if len(pairs) < 6 else f"n{len(pairs)}"
        pairs[fresh if fresh not in pairs else f"n{len(pairs)}"] = identity(tape)
    return Tree(tuple(pairs.items()))


def message(tape: Tape, format_name: str, *, least: int = 0) -> Message:
    """Return a message with at least so many headers."""
    previous = None if tape.below(2) == 0 else identity(tape)
    return Message(previous, headers(tape, format_name, least=least), identity(tape))


def mailbox(tape: Tape, _: str, *, least: int = 1) -> Mailbox:
    """Return a mailbox with at least so many entries."""
    count = max(least, 24 + tape.below(4) if tape.once_in(32) else tape.within(1, 4))
    pairs: dict[bytes, bytes] = {}
    while len(pairs) < count:
        fresh = identity(tape)
        pairs[fresh if fresh not in pairs else hashlib.sha256(fresh + bytes((len(pairs),))).digest()] = identity(tape)
    return Mailbox(tuple(pairs.items()))


def step(tape: Tape, _: str, *, least: int = 0) -> Step:
    """Return a step; each combination of absent fields is equally likely. ``least`` is for symmetry only."""
    absent = tape.below(8) | least * 0
    previous, inbox, outbox = (identity(tape) if absent >> bit & 1 else None for bit in range(3))
    return Step(previous, identity(tape), inbox, outbox, identity(tape))


_BUILD: Final[dict[str, Callable[..., Object]]] = {
    "blob": blob,
    "tree": tree,
    "message": message,
    "mailbox": mailbox,
    "step": step,
}


def build(tape: Tape, format_name: str, kind: str | None = None, *, least: int | None = None) -> Object:
    """Return an object of a kind, or of any; ``least`` is how many headers or entries it has at least."""
    make = _BUILD[kind or tape.pick(KINDS)]
    return make(tape, format_name) if least is None else make(tape, format_name, least=least)


def objects(fmt: Format, kind: str | None = None, *, least: int | None = None) -> st.SearchStrategy[Object]:
    """Return the strategy of all objects of a format, or of one kind."""
    return from_tape(lambda tape: build(tape, fmt.name, kind, least=least), OBJECT_TAPE)


def shuffled(tape: Tape, value: Object) -> Object:
    """Return the same value with its pairs in another order."""
    match value:
        case Blob(pairs, data):
            return Blob(_mix(tape, pairs), data)
        case Message(previous, pairs, content):
            return Message(previous, _mix(tape, pairs), content)
        case Tree(entries):
            return Tree(_mix(tape, entries))
        case Mailbox(entries):
            return Mailbox(_mix(tape, entries))
        case Step():
            return value


def _mix(tape: Tape, pairs: tuple[_Pair, ...]) -> tuple[_Pair, ...]:
    places = sorted(range(len(pairs)), key=lambda number: (tape.below(256), number))
    return tuple(pairs[place] for place in places)
