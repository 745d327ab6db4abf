"""Programs of the puppet as bytes: reading operands in one pass, and spelling them.

What an op does is said in ``puppet``; here is only which bytes its operands are.

Spec: ``wit/puppet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.cores import split_path
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.grammar import check_value
from gritstone_conformance.model.shelf import Shelf

__all__ = ["ACTOR", "CONTENT", "CORE", "OPERANDS", "SENDER", "Cursor", "operand_name", "operands_of"]

OPERANDS: Final = 0xF0
"""How many operands a program tree can have; refs below it name them."""

ACTOR, SENDER, CONTENT, CORE = 0xF0, 0xF1, 0xF2, 0xF3


def operand_name(ref: int) -> str:
    """Return the name under which an operand stands in its program tree."""
    return f"{ref:02x}"


def operands_of(shelf: Shelf, tree: bytes) -> Mapping[str, bytes] | None:
    """Return the entries of a program tree, or None for a tree without a blob ``program``."""
    if not shelf.is_tree(tree):
        return None
    entries = shelf.names(tree)
    program = entries.get("program")
    return entries if program is not None and shelf.kind(program) == "blob" else None


class Cursor:
    """A place in a program."""

    __slots__ = ("at", "data", "format_name")

    def __init__(self, data: bytes, format_name: str) -> None:
        self.data = data
        self.at = 0
        self.format_name = format_name

    @property
    def ended(self) -> bool:
        """Whether all bytes were read."""
        return self.at >= len(self.data)

    def take(self, length: int) -> bytes:
        """Return the next bytes; raises Failure beyond the end."""
        taken = self.data[self.at : self.at + length]
        if len(taken) < length:
            raise Failure("failed", f"the program ends within an operand at {self.at}", "wit.puppet.total")
        self.at += length
        return taken

    def number(self, width: int) -> int:
        """Return an unsigned number of so many bytes."""
        return int.from_bytes(self.take(width))

    def path(self) -> list[str]:
        """Return the names of a path."""
        data = self.take(self.number(1))
        names = split_path(data, self.format_name)
        if names is None:
            raise Failure("failed", f"{data!r} is no path", "wit.puppet.exact")
        return names

    def text(self) -> str:
        """Return a text that is a header value."""
        data = self.take(self.number(1))
        try:
            text = data.decode()
        except UnicodeDecodeError as problem:
            raise Failure("failed", f"{data!r} is no text", "wit.puppet.exact") from problem
        if check_value(text, self.format_name):
            raise Failure("failed", f"{data!r} is no header value", "wit.puppet.exact")
        return text

    def long_data(self) -> bytes:
        """Return bytes whose number stands before them in two bytes."""
        return self.take(self.number(2))
