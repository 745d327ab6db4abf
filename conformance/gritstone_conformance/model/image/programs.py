"""Programs of actors as bytes: a program is read as a whole before its first op is executed.

Spec: ``image/programs``, "The program for a message"; :rule:`image.language.closed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.programs import CORE, Cursor
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Tree

__all__ = ["OPERANDS_OF", "Op", "Program", "program_in", "read_program"]

_FAIL_TEXT: Final = re.compile(rb"[a-z0-9-]{1,32}")
_SEND_MODES: Final = {b"j": "join", b"v": "save", b"p": "post"}
_SIGNS: Final = {b"+": 1, b"-": -1}


class Op(NamedTuple):
    """One op: its byte, and its operands as values."""

    byte: bytes
    operands: tuple[Any, ...]


class Program(NamedTuple):
    """A program that can be read: its ops, and the entries of its program tree."""

    ops: tuple[Op, ...]
    entries: Mapping[str, bytes]


def program_in(shelf: Shelf, tree: bytes) -> Program:
    """Return the program of a program tree.

    Raises:
        Denied: it cannot be read, ``malformed/program``.
    """
    if not isinstance(shelf.get(tree), Tree):
        raise _malformed()
    entries = shelf.names(tree)
    target = entries.get("program")
    blob = None if target is None else shelf.blob(target)
    if blob is None:
        raise _malformed()
    return Program(read_program(blob.data, shelf.format.name), entries)


@lru_cache(maxsize=4096)
def read_program(data: bytes, format_name: str) -> tuple[Op, ...]:
    """Return the ops that bytes spell.

    Raises:
        Denied: an op is unknown or an operand is not of its form, ``malformed/program``.
    """
    cursor, ops = Cursor(data, format_name), []
    try:
        while not cursor.ended:
            byte = cursor.take(1)
            kinds = OPERANDS_OF.get(byte)
            if kinds is None:
                raise _malformed()
            ops.append(Op(byte, tuple(_READERS[kind](cursor) for kind in kinds)))
    except Failure as problem:
        raise _malformed() from problem
    return tuple(ops)


def _malformed() -> Denied:
    return Denied("malformed", "program")


def _ref(cursor: Cursor) -> int:
    ref = cursor.number(1)
    if ref > CORE:
        raise _malformed()
    return ref


def _chosen(cursor: Cursor, values: Mapping[bytes, Any]) -> Any:
    byte = cursor.take(1)
    if byte not in values:
        raise _malformed()
    return values[byte]


def _code(cursor: Cursor) -> str:
    data = cursor.take(cursor.number(1))
    if not _FAIL_TEXT.fullmatch(data):
        raise _malformed()
    return data.decode()


def _mt(cursor: Cursor) -> str:
    """Return a type; bytes that are not ASCII become characters that no type has."""
    return cursor.take(cursor.number(1)).decode("latin-1")


_READERS: Final[dict[str, Callable[[Cursor], Any]]] = {
    "path": Cursor.path,
    "data": Cursor.long_data,
    "ref": _ref,
    "i64": lambda cursor: int.from_bytes(cursor.take(8), signed=True),
    "u32": lambda cursor: cursor.number(4),
    "sign": lambda cursor: _chosen(cursor, _SIGNS),
    "mode": lambda cursor: _chosen(cursor, _SEND_MODES),
    "text": _code,
    "mt": _mt,
}

OPERANDS_OF: Final[dict[bytes, tuple[str, ...]]] = {
    b"P": ("path", "ref"),
    b"W": ("path", "data"),
    b"A": ("path", "data"),
    b"D": ("path",),
    b"F": (),
    b"a": ("path", "i64"),
    b"c": ("path", "sign"),
    b"x": ("path", "data"),
    b"r": ("ref", "path", "path"),
    b"s": ("ref", "mode", "mt", "ref"),
    b"y": ("ref",),
    b"n": ("u32",),
    b"f": ("text",),
}
"""Each op to the kinds of its operands."""
