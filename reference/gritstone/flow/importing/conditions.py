"""Conditions of the published engine, written as expressions of flows.

The engine reads from left to right: ``and`` and ``or`` have the same precedence, and every character that is not part
of a token is skipped, parentheses included. A condition is written here with the grouping that the engine evaluates.
If its parentheses mean another grouping, it cannot be expressed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["NotPossible", "quote", "write_condition"]

Tree: TypeAlias = tuple[Any, ...]
"""``(operand,)``, ``(operator, tree, tree)`` or ``("not", tree)``; an operand is a text of an expression."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<logic>\band\b|\bor\b)|(?P<not>\bnot\b(?!\s+in\b))
    |(?P<op>\bnot\s+in\b|\bin\b|\bcontains\b|==|!=|>=|<=|>|<)
    |(?P<method>\$[\w.]+\s*\()|(?P<var>\$[\w.]+)|(?P<text>'[^']*'|"[^"]*")
    |(?P<number>-?\d+(?:\.\d+)?)|(?P<word>\b(?:True|False|None)\b)|(?P<group>[()])""",
    re.VERBOSE,
)
_OPERANDS = ("var", "text", "number", "word")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "$": "\\$", "\n": "\\n", "\t": "\\t"}


class NotPossible(Exception):  # noqa: N818 - it is caught where the place is known
    """The reason for which a text cannot be expressed."""


def write_condition(text: str, path_of: Callable[[str], str]) -> tuple[str, bool]:
    """Return the expression of a condition, and whether the usual precedence would group it in another way.

    Args:
        text: the condition.
        path_of: returns the variable of a flow for a variable of the engine without its ``$``.

    Raises:
        NotPossible: the condition has no expression.
    """
    tokens = [_operand(token, path_of) for token in _tokens(text)]
    plain = [token for token in tokens if token[0] != "group"]
    tree = _left_to_right(plain)
    usual = _Usual(tokens).whole()
    if usual != tree and plain != tokens:
        raise NotPossible(f"the engine ignores parentheses and evaluates {_write(tree)}")
    if len(tree) == 1 and not tree[0].startswith("$") and tree[0] not in ("True", "False"):
        raise NotPossible("the condition is a constant that is not True or False")
    return _write(tree), usual != tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotPossible(f"the engine ignores {text[at]!r} in the condition")
        if match.lastgroup == "method":
            raise NotPossible("a condition cannot call a method")
        if match.lastgroup != "blank":
            found.append((str(match.lastgroup), match[0]))
        at = match.end()
    return found


def _operand(token: tuple[str, str], path_of: Callable[[str], str]) -> tuple[str, str]:
    """Return a token with its text in the grammar of flows."""
    kind, text = token
    if kind == "var":
        return "operand", f"${path_of(text[1:])}"
    if kind == "text":
        if re.search(r"\$\w", text):
            raise NotPossible(f"{text} is a text and not the value of a variable")
        return "operand", quote(text[1:-1])
    if kind == "number":
        if "." in text:
            raise NotPossible(f"{text} is not an integer")
        return "operand", str(int(text))
    if kind == "op":
        if text == "contains":
            raise NotPossible("the engine evaluates `a contains b` as `a in b`; write `in`")
        return "op", " ".join(text.split())
    return ("operand", text) if kind == "word" else token


def quote(text: str) -> str:
    """Return a text literal of an expression."""
    return "'" + "".join(_ESCAPES.get(one, one if _is_printed(one) else f"\\u{{{ord(one):x}}}") for one in text) + "'"


def _is_printed(one: str) -> bool:
    return one >= " " and one != "\x7f"


def _comparison(tokens: list[tuple[str, str]], at: int) -> tuple[Tree, int]:
    """Return the comparison or the operand at a position, and the position behind it."""
    parts = tokens[at : at + 3]
    if not parts or parts[0][0] != "operand":
        raise NotPossible("the engine rejects the condition: an operand is expected")
    if len(parts) == 1 or parts[1][0] != "op":
        return (parts[0][1],), at + 1
    if len(parts) < 3 or parts[2][0] != "operand":
        raise NotPossible("the engine rejects the condition: an operand is expected")
    return (parts[1][1], (parts[0][1],), (parts[2][1],)), at + 3


def _left_to_right(tokens: list[tuple[str, str]]) -> Tree:
    """Return the tree that the engine evaluates."""
    is_negated = bool(tokens) and tokens[0][0] == "not"
    tree, at = _comparison(tokens, int(is_negated))
    if is_negated:
        tree = ("not", tree)
    while at < len(tokens) and tokens[at][0] == "logic":
        right, after = _comparison(tokens, at + 1)
        tree, at = (tokens[at][1], tree, right), after
    if at < len(tokens):
        raise NotPossible(f"the engine rejects the condition: {tokens[at][1]!r} is not expected")
    return tree


class _Usual:
    """A reader with the usual precedence, in which parentheses group."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Tree | None:
        """Return the tree of all tokens; None if they have none."""
        try:
            tree = self._chain("or")
        except (NotPossible, RecursionError):
            return None
        return tree if self._at == len(self._tokens) else None

    def _next(self, kind: str, text: str) -> bool:
        is_next = self._tokens[self._at : self._at + 1] == [(kind, text)]
        self._at += is_next
        return is_next

    def _chain(self, word: str) -> Tree:
        tree = self._term(word)
        while self._next("logic", word):
            tree = (word, tree, self._term(word))
        return tree

    def _term(self, word: str) -> Tree:
        return self._chain("and") if word == "or" else self._unary()

    def _unary(self) -> Tree:
        if self._next("not", "not"):
            return ("not", self._unary())
        if not self._next("group", "("):
            tree, self._at = _comparison(self._tokens, self._at)
            return tree
        tree = self._chain("or")
        if not self._next("group", ")"):
            raise NotPossible("a parenthesis is open")
        return tree


def _write(tree: Tree) -> str:
    """Return the expression of a tree.

    A comparison with None is true of a variable that is absent, as in the engine.
    """
    if len(tree) == 1:
        return str(tree[0])
    if tree[0] == "not":
        return f"not {_write(tree[1])}"
    word, left, right = tree
    if word in ("and", "or"):
        first = f"({_write(left)})" if (word, left[0]) == ("and", "or") else _write(left)
        return f"{first} {word} {_write(right)}"
    one, other = left[0], right[0]
    if word in ("==", "!=") and "None" in (one, other):
        variable = other if one == "None" else one
        if variable.startswith("$"):
            absent = f"not has {variable} or {variable} == None"
            return f"({absent})" if word == "==" else f"(has {variable} and {variable} != None)"
    return f"{one} {word} {other}"
