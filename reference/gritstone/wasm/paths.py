"""Module paths: the targets of code nodes of the form ``wasm:<path>``.

Spec: :rule:`wasm.module.node`, :rule:`wit.node.forms`.
"""

from __future__ import annotations

from gritstone.errors import Invalid
from gritstone.grit.grammar import Alphabet
from gritstone.wit.paths import Path, read_path

__all__ = ["module_path"]

_FORM = b"wasm:"


def module_path(data: bytes, alphabet: Alphabet) -> Path | None:
    """Return the module path of a code node.

    Args:
        data: the whole data of the node.
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
