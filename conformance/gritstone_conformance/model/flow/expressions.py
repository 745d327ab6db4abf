"""The grammar of expressions: from tokens to a tree.

Each function reads one production of the grammar and is named after it.

Spec: ``flow/expressions``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from gritstone_conformance.model.flow.limits import EXPRESSION
from gritstone_conformance.model.flow.paths import Path
from gritstone_conformance.model.flow.tokens import MalformedExpression, Token, tokens_of

__all__ = [
    "BadExpression",
    "Both",
    "Constant",
    "Expression",
    "Group",
    "Has",
    "Not",
    "Test",
    "Var",
    "is_of_grammar",
    "parse",
    "paths_of",
]


class BadExpression(Exception):  # noqa: N818 - says what the text is
    """An expression is malformed or exhausted.

    Attributes:
        classes: the classes that the text permits: ``malformed``, ``exhausted`` or both.
    """

    def __init__(self, classes: frozenset[str]) -> None:
        super().__init__(" or ".join(sorted(classes)))
        self.classes = classes


@dataclass(frozen=True, slots=True)
class Var:
    """A var."""

    path: Path


@dataclass(frozen=True, slots=True)
class Constant:
    """An int, a text, ``True``, ``False`` or ``None``."""

    value: int | str | bool | None


@dataclass(frozen=True, slots=True)
class Has:
    """``has`` and a var."""

    path: Path


@dataclass(frozen=True, slots=True)
class Group:
    """An expression in parentheses."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """``not`` and its operand."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison; ``operator`` is a sign, ``in`` or ``not in``."""

    operator: str
    left: Var | Constant
    right: Var | Constant


@dataclass(frozen=True, slots=True)
class Both:
    """Two or more operands of ``and`` or ``or``."""

    operator: str
    operands: tuple[Expression, ...]


Expression: TypeAlias = Var | Constant | Has | Group | Not | Test | Both

_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_CONSTANTS: Final[dict[str, bool | None]] = {"True": True, "False": False, "None": None}


def parse(text: str) -> Expression:
    """Return the tree of an expression.

    Raises:
        BadExpression: it is malformed or exhausted. If it is both, the text permits both classes; so the tokens and
            the open operators are counted up to the first place that is malformed.

    Spec: :rule:`flow.expr.whole-input`, :rule:`flow.expr.limits`.
    """
    classes, tree = set[str](), None
    if len(text.encode("utf-8", "surrogatepass")) > EXPRESSION["bytes"]:
        classes.add("exhausted")
    tokens, is_whole = tokens_of(text)
    if not is_whole:
        classes.add("malformed")
    if len(tokens) > EXPRESSION["tokens"]:
        classes.add("exhausted")
    parser = _Parser(tokens)
    try:
        tree = parser.whole()
    except MalformedExpression:
        classes.add("malformed")
    except _TooDeep:
        classes.add("exhausted")
        if not is_of_grammar(tokens):
            classes.add("malformed")
    if classes:
        raise BadExpression(frozenset(classes))
    assert tree is not None
    return tree


def paths_of(expression: Expression) -> Iterator[Path]:
    """Yield the paths of all vars."""
    match expression:
        case Var(path) | Has(path):
            yield path
        case Group(inner) | Not(inner):
            yield from paths_of(inner)
        case Test(_, left, right):
            yield from paths_of(left)
            yield from paths_of(right)
        case Both(_, operands):
            for operand in operands:
                yield from paths_of(operand)


class _TooDeep(Exception):  # noqa: N818 - says what the expression is
    """More parentheses and operators ``not`` are open than the limit."""


@dataclass(slots=True)
class _Parser:
    tokens: list[Token]
    at: int = 0
    open: int = 0

    def whole(self) -> Expression:
        """Read the whole expression."""
        tree = self._or_expr()
        if self.at != len(self.tokens):
            raise MalformedExpression("there are tokens after the expression")
        return tree

    def _or_expr(self) -> Expression:
        operands = [self._and_expr()]
        while self._take("word", "or"):
            operands.append(self._and_expr())
        return operands[0] if len(operands) == 1 else Both("or", tuple(operands))

    def _and_expr(self) -> Expression:
        operands = [self._unary()]
        while self._take("word", "and"):
            operands.append(self._unary())
        return operands[0] if len(operands) == 1 else Both("and", tuple(operands))

    def _unary(self) -> Expression:
        if not self._take("word", "not"):
            return self._test()
        self._enter()
        inner = self._unary()
        self.open -= 1
        return Not(inner)

    def _test(self) -> Expression:
        if self._take("word", "has"):
            return Has(self._var().path)
        if self._take("sign", "("):
            self._enter()
            inner = self._or_expr()
            self._need("sign", ")")
            self.open -= 1
            return Group(inner)
        left = self._operand()
        operator = self._operator()
        return left if operator is None else Test(operator, left, self._operand())

    def _operator(self) -> str | None:
        """Read an operator, if one is next."""
        for sign in _COMPARISONS:
            if self._take("sign", sign):
                return sign
        if self._take("word", "in"):
            return "in"
        if self._take("word", "not"):
            self._need("word", "in")
            return "not in"
        return None

    def _operand(self) -> Var | Constant:
        token = self._next()
        match token.kind, token.value:
            case "var", Path():
                return Var(token.value)
            case ("int", int() as value) | ("text", str() as value):
                return Constant(value)
            case "word", str() as word if word in _CONSTANTS:
                return Constant(_CONSTANTS[word])
        raise MalformedExpression(f"{token} is not an operand")

    def _var(self) -> Var:
        operand = self._operand()
        if not isinstance(operand, Var):
            raise MalformedExpression("`has` is followed by something else than a var")
        return operand

    def _enter(self) -> None:
        self.open += 1
        if self.open > EXPRESSION["nesting"]:
            raise _TooDeep

    def _next(self) -> Token:
        if self.at == len(self.tokens):
            raise MalformedExpression("the expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, kind: str, value: str) -> bool:
        """Read a token if it is next, and return whether it was."""
        is_next = self.at < len(self.tokens) and self.tokens[self.at] == Token(kind, value)
        self.at += is_next
        return is_next

    def _need(self, kind: str, value: str) -> None:
        if not self._take(kind, value):
            raise MalformedExpression(f"{value} is expected")


_UNARY: Final = "n*(hv|g|[vx]((c|i|ni)[vx])?)"
_FLAT: Final = re.compile(f"{_UNARY}(a{_UNARY})*")
"""The grammar of an expression without parentheses: each token is a letter, and a group is ``g``."""


def is_of_grammar(tokens: list[Token]) -> bool:
    """Return whether tokens are of the grammar, however deeply they are nested."""
    frames = [""]
    for token in tokens:
        match token.kind, token.value:
            case "sign", "(":
                frames.append("")
            case "sign", ")":
                inner = frames.pop()
                if not frames or not _FLAT.fullmatch(inner):
                    return False
                frames[-1] += "g"
            case _:
                frames[-1] += _letter(token)
    return len(frames) == 1 and _FLAT.fullmatch(frames[0]) is not None


def _letter(token: Token) -> str:
    match token.kind, token.value:
        case "sign", _:
            return "c"
        case "var", _:
            return "v"
        case "word", "and" | "or":
            return "a"
        case "word", "not" | "in" | "has" as word:
            return word[0]
        case _:
            return "x"
