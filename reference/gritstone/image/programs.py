"""Programs of ``external:image/1``: bytes that are parsed whole before anything is done.

A program tree is that of the puppet: a tree with a blob ``program`` and operands. Bytes that are not a sequence of
operations are refused when they are installed, spawned or run.

Spec: :rule:`image.language.closed`, :rule:`image.program.exact`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid, Missing, Refusal
from gritstone.grit.grammar import Alphabet
from gritstone.grit.objects import Blob, Object, ObjectId, Tree
from gritstone.image.refusals import refusal
from gritstone.wit.paths import ALPHABETS, Path, read_path
from gritstone.wit.workspace import Workspace

__all__ = ["MODES", "OPERANDS", "Op", "Program", "is_reserved", "parse_program", "program_of"]

Op: TypeAlias = tuple[int, tuple[Any, ...]]
"""The byte of an operation, and its operands."""

Program: TypeAlias = tuple[tuple[Op, ...], Mapping[str, ObjectId]]
"""The operations of a program, and the entries of its tree."""

MODES: Mapping[int, str | None] = MappingProxyType({0x6A: "join", 0x76: "save", 0x70: None})
"""The header ``op`` by the mode of ``send``; None for a post."""

_MOST_KEPT_BYTES = 512
_MOST_REF = 0xF3
_RESERVED = frozenset({"image", "code", "wit", "wit_query", "wit_update", "src", "frozen", "wasm"})
_REASON = re.compile(r"[a-z0-9-]{1,32}")


def is_reserved(path: Path) -> bool:
    """Return whether a program must not write a path.

    Spec: :rule:`image.location.reserved`.
    """
    return path[0] in _RESERVED


class _Reader:
    """A reader of operands that never reads beyond the end."""

    def __init__(self, data: bytes, alphabet: Alphabet) -> None:
        self.data = data
        self.at = 0
        self._alphabet = alphabet

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise _malformed("the program ends within an operation", self.at)
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def u8(self) -> int:
        return self.take(1)[0]

    def ref(self) -> int:
        ref = self.u8()
        if ref > _MOST_REF:
            raise _malformed("invalid ref", self.at - 1)
        return ref

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def i64(self) -> int:
        return int.from_bytes(self.take(8), "big", signed=True)

    def path(self) -> Path:
        return read_path(self.take(self.u8()), self._alphabet)

    def text(self) -> str:
        return self.take(self.u8()).decode("ascii", "replace")

    def reason(self) -> str:
        text = self.text()
        if _REASON.fullmatch(text) is None:
            raise _malformed("the reason of a fail is malformed", self.at)
        return text

    def data16(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def mode(self) -> str | None:
        mode = self.u8()
        if mode not in MODES:
            raise _malformed("unknown mode", self.at - 1)
        return MODES[mode]

    def sign(self) -> int:
        sign = self.u8()
        if sign not in b"+-":
            raise _malformed("no sign", self.at - 1)
        return 1 if sign == ord("+") else -1


_Read: TypeAlias = Callable[[_Reader], Any]
_R = _Reader

OPERANDS: Mapping[int, tuple[_Read, ...]] = MappingProxyType(
    {
        ord("P"): (_R.path, _R.ref),
        ord("W"): (_R.path, _R.data16),
        ord("A"): (_R.path, _R.data16),
        ord("D"): (_R.path,),
        ord("F"): (),
        ord("a"): (_R.path, _R.i64),
        ord("c"): (_R.path, _R.sign),
        ord("x"): (_R.path, _R.data16),
        ord("r"): (_R.ref, _R.path, _R.path),
        ord("s"): (_R.ref, _R.mode, _R.text, _R.ref),
        ord("y"): (_R.ref,),
        ord("n"): (_R.u32,),
        ord("f"): (_R.reason,),
    }
)
"""The operands of each operation, by its byte."""


def parse_program(data: bytes, format_name: str) -> tuple[Op, ...]:
    """Return the operations of a program.

    Args:
        data: any bytes.
        format_name: the name of the object format, which defines valid names.

    Raises:
        Malformed: the bytes are not a program (code ``program``).
    """
    return (_parse_short if len(data) <= _MOST_KEPT_BYTES else _parse)(data, format_name)


def _parse(data: bytes, format_name: str) -> tuple[Op, ...]:
    reader = _Reader(data, ALPHABETS[format_name])
    ops: list[Op] = []
    while reader.at < len(data):
        at = reader.at
        byte = reader.u8()
        operands = OPERANDS.get(byte)
        if operands is None:
            raise _malformed("unknown operation", at)
        try:
            ops.append((byte, tuple([read(reader) for read in operands])))
        except Invalid as error:
            raise _malformed(f"invalid operand: {error}", at) from None
    return tuple(ops)


# Images run the same few programs repeatedly.
_parse_short = lru_cache(maxsize=4_096)(_parse)


def program_of(workspace: Workspace, root: ObjectId) -> Program:
    """Return the program of a program tree.

    Raises:
        Malformed: the object is not a program tree, or its program does not parse (code ``program``).
        Missing: the store lacks an object.
    """
    tree = workspace.look(root)
    target = tree.entries.get("program") if type(tree) is Tree else None
    blob: Object | None = None
    if target is not None:
        try:
            blob = workspace.load(target)
        except Missing as error:
            if error.code != "erased":
                raise
    if type(tree) is not Tree or type(blob) is not Blob:
        raise _malformed("no program tree", None)
    return parse_program(blob.data, workspace.objects.format.name), tree.entries


def _malformed(what: str, offset: int | None) -> Refusal:
    error = refusal("malformed/program", what, "language.closed")
    error.offset = offset
    return error
