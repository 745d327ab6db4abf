"""Paths: names joined by slashes, and the objects that they lead to from the root of a core.

Spec: :rule:`wit.frozen.kept`, :rule:`wit.puppet.exact`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from gritstone.errors import Invalid
from gritstone.grit.formats import CBOR_BLAKE3, FRAMED_SHA256
from gritstone.grit.grammar import ASCII, UNICODE, Alphabet, Grammar
from gritstone.grit.objects import ObjectId
from gritstone.wit.workspace import Workspace

__all__ = ["ALPHABETS", "Path", "find", "read_path", "read_text"]

Path: TypeAlias = tuple[str, ...]
"""One or more names."""

ALPHABETS: Mapping[str, Alphabet] = MappingProxyType({FRAMED_SHA256.name: ASCII, CBOR_BLAKE3.name: UNICODE})
"""The grammars of texts by the name of the format."""


def read_text(data: bytes, grammar: Grammar) -> str:
    """Return the text that bytes encode in a grammar.

    Raises:
        Invalid: the bytes do not match the grammar.
    """
    try:
        text = data.decode(grammar.encoding)
    except UnicodeDecodeError as error:
        raise Invalid(f"no {grammar.encoding}", rule=grammar.foreign_rule, offset=error.start, got=data[:40]) from None
    grammar.check(text)
    return text


def read_path(data: bytes, alphabet: Alphabet) -> Path:
    """Return the path that bytes encode.

    Args:
        data: the encoded names, separated by slashes.
        alphabet: the grammars of the format.

    Raises:
        Invalid: the path is empty, or a name is not a name of the format.
    """
    return tuple(read_text(name, alphabet.name) for name in data.split(b"/"))


def find(workspace: Workspace, entries: Mapping[str, ObjectId], path: Sequence[str]) -> ObjectId | None:
    """Return the id that a path leads to.

    Args:
        workspace: supplies objects.
        entries: the entries of the root.
        path: one or more names.

    Returns:
        The id; None if a name on the way is absent or is below a blob.

    Raises:
        Missing: a tree on the way is absent.
    """
    *way, last = path
    for name in way:
        target = entries.get(name)
        tree = None if target is None else workspace.tree(target)
        if tree is None:
            return None
        entries = tree.entries
    return entries.get(last)
