"""Programs of the puppet: spelling each op, and drawing programs that end.

A drawn program sends only what was built before it, so that no scenario made of such programs runs for ever. Bytes that
are no program come from :func:`noise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.programs import ACTOR, CONTENT, CORE, SENDER
from gritstone_conformance.strategies.tape import Tape

__all__ = [
    "ACTOR",
    "CONTENT",
    "CORE",
    "PATHS",
    "SENDER",
    "Stock",
    "append",
    "bounce",
    "delete",
    "draw_ops",
    "fail",
    "illegal",
    "leave",
    "noise",
    "put",
    "query",
    "release",
    "send",
    "sleep",
    "try_again",
    "write",
]

PATHS: Final = ("k", "log", "c/d", "c/e", "c/d/x", "deep/x/y/z", "name", "n o")
"""Where drawn programs write; ``bounces`` and the code nodes are not among them, so that counting ends."""


def _short(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return bytes((len(data),)) + data


def put(path: str | bytes, ref: int) -> bytes:
    """Spell ``P``."""
    return b"P" + _short(path) + bytes((ref,))


def write(path: str | bytes, data: bytes) -> bytes:
    """Spell ``W``."""
    return b"W" + _short(path) + len(data).to_bytes(2) + data


def append(path: str | bytes, data: bytes) -> bytes:
    """Spell ``A``."""
    return b"A" + _short(path) + len(data).to_bytes(2) + data


def delete(path: str | bytes) -> bytes:
    """Spell ``D``."""
    return b"D" + _short(path)


def send(to: int, content: int, mt: str | bytes = "", mode: bytes = b"q") -> bytes:
    """Spell ``S``; mode ``q`` queues, ``s`` is a signal."""
    return b"S" + bytes((to,)) + mode + _short(mt) + bytes((content,))


def release(ref: int) -> bytes:
    """Spell ``R``."""
    return b"R" + bytes((ref,))


def bounce(limit: int) -> bytes:
    """Spell ``B``."""
    return b"B" + limit.to_bytes(4)


def query(target: int, name: str, args: int, path: str) -> bytes:
    """Spell ``Q``."""
    return b"Q" + bytes((target,)) + _short(name) + bytes((args,)) + _short(path)


def leave(path: str | bytes) -> bytes:
    """Spell ``L``."""
    return b"L" + _short(path)


def try_again(failures: int) -> bytes:
    """Spell ``T``: fails at so many attempts."""
    return b"T" + bytes((failures,))


def fail() -> bytes:
    """Spell ``F``."""
    return b"F"


def sleep(milliseconds: int) -> bytes:
    """Spell ``Z``."""
    return b"Z" + milliseconds.to_bytes(2)


def illegal(kind: int) -> bytes:
    """Spell ``X``."""
    return b"X" + bytes((kind,))


@dataclass(frozen=True, slots=True)
class Stock:
    """Which operands a program tree has, by number.

    Attributes:
        actors: cores, as receivers.
        contents: what may be sent to be run.
        blobs: plain blobs.
        codes: blobs that name code.
        handlers: program trees to be stored under ``on``.
        types: types of message that are sent.
    """

    actors: Sequence[int]
    contents: Sequence[int]
    blobs: Sequence[int]
    codes: Sequence[int]
    handlers: Sequence[int]
    types: Sequence[str] = ("", "job", "genesis")


def draw_ops(tape: Tape, stock: Stock, *, most: int = 5, fails: bool = True, asks: bool = True) -> bytes:
    """Draw a program over a stock of operands.

    Args:
        tape: decisions.
        stock: the operands.
        most: the most ops, without an ``L`` in front.
        fails: whether ops may be drawn that fail or spoil the step.
        asks: whether ``Q`` may be drawn.
    """
    front = leave(tape.pick(PATHS)) if tape.once_in(12) else b""
    return front + b"".join(_op(tape, stock, fails=fails, asks=asks) for _ in range(tape.within(0, most)))


def _op(tape: Tape, stock: Stock, *, fails: bool, asks: bool) -> bytes:
    if fails and tape.once_in(24):
        return tape.pick((fail(), try_again(tape.below(4)), illegal(1 + tape.below(14)), b"\xff", b"W\x01"))
    op = tape.pick(_OPS)(tape, stock)
    return op if asks or not op.startswith(b"Q") else append("log", b"q")


def _append(tape: Tape, stock: Stock) -> bytes:
    return append("log", b"%x" % tape.below(16))


def _write(tape: Tape, stock: Stock) -> bytes:
    return write(tape.pick(PATHS), tape.take(tape.below(3)))


def _put(tape: Tape, stock: Stock) -> bytes:
    return put(tape.pick(PATHS), tape.pick((*stock.blobs, ACTOR, SENDER, CONTENT)))


def _delete(tape: Tape, stock: Stock) -> bytes:
    return delete(tape.pick(PATHS))


def _install(tape: Tape, stock: Stock) -> bytes:
    """Put a handler under ``on``, or code in the place of code."""
    if stock.handlers and tape.below(2) == 0:
        return put(f"on/{tape.pick(('job', 'receipt', 'update'))}", tape.pick(stock.handlers))
    return put(tape.pick(("wit", "wit", "wit_query")), tape.pick(stock.codes))


def _query(tape: Tape, stock: Stock) -> bytes:
    name = tape.pick(("get", "step", "echo", "wut", "fail", "nobody"))
    return query(tape.pick((*stock.actors, ACTOR)), name, tape.pick(stock.blobs), tape.pick(("a", "b/c")))


def _release(tape: Tape, stock: Stock) -> bytes:
    return release(tape.pick((*stock.actors, SENDER, ACTOR)))


def _bounce(tape: Tape, stock: Stock) -> bytes:
    return bounce(tape.within(1, 4))


def _send(tape: Tape, stock: Stock) -> bytes:
    if not stock.contents:
        return sleep(tape.below(2))
    mode = b"s" if tape.once_in(4) else b"q"
    to = tape.pick((*stock.actors, *stock.actors, SENDER, ACTOR))
    return send(to, tape.pick(stock.contents), tape.pick(stock.types), mode)


def _spawn(tape: Tape, stock: Stock) -> bytes:
    """Send an actor its own core."""
    to = tape.pick(stock.actors)
    return send(to, to, "genesis")


_OPS: Final = (
    *(_append, _send, _append, _send, _write, _send, _append, _send, _spawn, _send, _put),
    *(_delete, _install, _query, _release, _bounce),
)
"""The functions that draw an op; some occur more than once, so that they are drawn more often."""


def noise(tape: Tape, length: int) -> bytes:
    """Return bytes that may be a program: ops with any operands, and anything else; every ``Z`` is short."""
    data = b""
    while len(data) < length:
        op = tape.pick((b"P", b"W", b"A", b"D", b"S", b"R", b"B", b"Q", b"L", b"T", b"F", b"Z", b"X", b""))
        if op == b"Z":
            data += sleep(tape.below(3))
            continue
        operands = tape.take(tape.below(6) if op else 1)
        data += op + operands.replace(b"Z", b"[")
    return data[:length] if b"Z" not in data[length - 2 : length] else data[: length - 2]
