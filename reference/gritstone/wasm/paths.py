"""Module paths: what a code node of the form ``wasm:<path>`` names.

Spec: :rule:`wasm.module.node`, :rule:`wit.node.forms`.
"""

from __future__ import annotations

from gritstone.errors import Invalid
from gritstone.grit.grammar import Alphabet
from gritstone.wit.paths import Path, read_path

__all__ = ["module_path"]

_FORM = b"wasm:"


def module_path(data: bytes, alphabet: Alphabet) -> Path | None:
    """Read the data of a code node.

    Args:
        data: all of it.
        alphabet: the grammars of the format.

    Returns:
        The path of the module in the core; None if the node is of another form.
    """
    rest = data.removeprefix(_FORM)
    if rest == data or b":" in rest:
        return None
    try:
        return read_path(rest, alphabet)
    except Invalid:
        return None
