"""Expressions: conditions of branches and of tools.

::

    expr = and *("or" and)      and = unary *("and" unary)      unary = "not" unary / test
    test = "has" var / "(" expr ")" / operand [op operand]      operand = var / int / text / "True" / "False" / "None"
    op   = "==" / "!=" / "<" / "<=" / ">" / ">=" / "in" / "not" "in"

An expression is read into functions of an environment, from left to right; evaluation stops as soon as the value is
known. An environment maps namespaces to maps. Nothing of the host can be reached.

Spec: ``flow/expressions``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn, TypeAlias

from gritstone.errors import Exhausted, Malformed, Rejected
from gritstone.flow.limits import MOST_ARGUMENT, MOST_EXPRESSION_BYTES, MOST_NESTING, MOST_TOKENS
from gritstone.flow.values import Value, are_equal, is_map, kind_of
from gritstone.wit.bounded_cache import BoundedCache

__all__ = [
    "SPACES",
    "VARIABLE",
    "Environment",
    "Expression",
    "Variable",
    "evaluate",
    "read_expression",
    "read_variable",
]

Environment: TypeAlias = Mapping[str, Value]
"""Maps by namespace."""

_Run: TypeAlias = Callable[[Environment], Value]

SPACES = frozenset({"input", "out", "prior", "args", "dep", "tool"})
"""The namespaces."""

VARIABLE = rf"(?:{'|'.join(sorted(SPACES))})(?:\.[A-Za-z_][A-Za-z0-9_]{{0,62}}){{1,8}}"
"""A pattern of a variable without its ``$``."""

_TOKEN = re.compile(
    rf"""[ \t\r\n]*(?:(?:(?P<var>\${VARIABLE})|(?P<int>0|-?[1-9][0-9]*)|(?P<word>[A-Za-z]+)
    |(?P<text>'(?:[^'\\$\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*'|"(?:[^"\\$\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"))
    (?![A-Za-z0-9_.$'"])|(?P<sign>[=!<>]=|[<>()])|(?P<end>\Z))""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]{1,6})\}|([\s\S]))")
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t", "$": "$"}
_CONSTANTS = {"True": True, "False": False, "None": None}


class Variable(NamedTuple):
    """A path into an environment.

    Attributes:
        space: the namespace.
        path: one to eight segments.
    """

    space: str
    path: tuple[str, ...]

    def read(self, environment: Environment) -> Value:
        """Return the value at the path.

        Raises:
            Rejected: a key is missing (code ``unbound``), or a step leads into something that is not a map (``type``).

        Spec: :rule:`flow.expr.unbound`.
        """
        at = environment.get(self.space, {})
        for segment in self.path:
            if not is_map(at):
                raise _type_error("a path leads into something that is not a map")
            try:
                at = at[segment]
            except KeyError:
                raise _unbound(self) from None
        return at


class Expression(NamedTuple):
    """An expression that was read.

    Attributes:
        run: returns its value in an environment.
        variables: the variables in it.
    """

    run: _Run
    variables: tuple[Variable, ...]


class _Token(NamedTuple):
    """A token.

    Attributes:
        kind: ``sign`` for words and signs of the grammar, ``var``, ``value``, or ``end``.
        value: the text of a sign, the variable, or the value of a literal.
    """

    kind: str
    value: Value


_FIXED: Mapping[str, _Token] = {
    **{sign: _Token("sign", sign) for sign in ("and", "or", "not", "has", "in", "(", ")")},
    **{sign: _Token("sign", sign) for sign in ("==", "!=", "<", "<=", ">", ">=")},
    **{word: _Token("value", value) for word, value in _CONSTANTS.items()},
}
"""The tokens that are one text each."""

_MOST_KEPT_TEXT = 64  # characters of a remembered token
_kept: BoundedCache[str, _Token] = BoundedCache(1 << 20, 500)
_END = _Token("end", None)
_AND, _OR, _NOT, _HAS, _OPEN = (_FIXED[sign] for sign in ("and", "or", "not", "has", "("))


def read_variable(text: str) -> Variable:
    """Return the variable of a text that matches ``VARIABLE``."""
    space, *path = text.split(".")
    return Variable(space, tuple(path))


def read_expression(text: str) -> Expression:
    """Return an expression.

    Raises:
        Malformed: the text is not an expression.
        Exhausted: it is longer, has more tokens or is nested more deeply than the limits permit.

    Spec: :rule:`flow.expr.whole-input`, :rule:`flow.expr.limits`.
    """
    parser = _Parser(_tokens(text))
    run = parser.disjunction(0)
    parser.expect("end", None)
    return Expression(run, tuple([value for kind, value in parser.tokens if kind == "var"]))


def evaluate(expression: Expression, environment: Environment) -> bool:
    """Return the value of an expression.

    Raises:
        Rejected: a variable is unbound (code ``unbound``), or a value has the wrong kind (code ``type``).

    Spec: :rule:`flow.expr.boolean`.
    """
    return _boolean(expression.run(environment))


# --- tokens ----------------------------------------------------------------------------------------------


def _tokens(text: str) -> list[_Token]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        _refuse("an expression has a lone surrogate", 0)
    if size > MOST_EXPRESSION_BYTES:
        raise Exhausted(
            "an expression is too long", rule="flow.expr.limits", expected=f"at most {MOST_EXPRESSION_BYTES}"
        )
    tokens: list[_Token] = []
    at = 0
    match = _TOKEN.match
    while (found := match(text, at)) is None or (kind := found.lastgroup or "") != "end":
        if found is None:
            _refuse("an expression has an unknown token", at)
        word = found[kind]
        tokens.append(_FIXED.get(word) or _kept.young.get(word) or _token(found))
        at = found.end()
    if len(tokens) > MOST_TOKENS:
        raise Exhausted("an expression has too many tokens", rule="flow.expr.limits", expected=f"at most {MOST_TOKENS}")
    tokens.append(_END)
    return tokens


def _token(found: re.Match[str]) -> _Token:
    """Return the token of a match. A short one is remembered: names and literals occur again and again."""
    kind = found.lastgroup
    assert kind is not None, "every alternative has a name"
    text = found[kind]
    token = _new_token(found, kind, text)
    if len(text) <= _MOST_KEPT_TEXT:
        _kept.put(text, token)
    return token


def _new_token(found: re.Match[str], kind: str, text: str) -> _Token:
    if kind == "word":
        _refuse("an expression has an unknown word", found.start(kind))
    if kind == "var":
        return _Token("var", read_variable(text[1:]))
    if kind == "text":
        return _Token("value", _ESCAPE.sub(_unescape, text[1:-1]))
    number = int(text)
    if not -MOST_ARGUMENT - 1 <= number <= MOST_ARGUMENT:
        _refuse("an integer is out of range", found.start())
    return _Token("value", number)


def _unescape(found: re.Match[str]) -> str:
    digits, letter = found.groups()
    number = 0 if digits is None else int(digits, 16)
    if letter not in _ESCAPES and (digits is None or number > 0x10_FFFF or 0xD800 <= number < 0xE000):
        _refuse("a text has an unknown escape", found.start())
    return _ESCAPES[letter] if digits is None else chr(number)


# --- grammar ---------------------------------------------------------------------------------------------


class _Parser:
    """A reader of tokens by recursive descent; the depth is limited by ``MOST_NESTING``."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self._at = 0

    def _take(self, sign: _Token) -> bool:
        """Return whether the next token is a sign, and pass it if it is."""
        is_next = self.tokens[self._at] is sign
        self._at += is_next
        return is_next

    def expect(self, kind: str, value: Value) -> None:
        """Pass the next token; raises ``Malformed`` if it is another one."""
        if self.tokens[self._at] != (kind, value):
            _refuse("an expression has a token that its grammar does not permit there", self._at)
        self._at += 1

    def disjunction(self, depth: int) -> _Run:
        terms = [self._conjunction(depth)]
        while self._take(_OR):
            terms.append(self._conjunction(depth))
        return terms[0] if len(terms) == 1 else _until(terms, True)

    def _conjunction(self, depth: int) -> _Run:
        terms = [self._unary(depth)]
        while self._take(_AND):
            terms.append(self._unary(depth))
        return terms[0] if len(terms) == 1 else _until(terms, False)

    def _unary(self, depth: int) -> _Run:
        if self.tokens[self._at].kind != "sign":
            return self._comparison()
        if self._take(_NOT):
            inner = self._unary(_deeper(depth))
            return lambda environment: not _boolean(inner(environment))
        if self._take(_OPEN):
            inner = self.disjunction(_deeper(depth))
            self.expect("sign", ")")
            return lambda environment: _boolean(inner(environment))
        if self._take(_HAS):
            variable = self.tokens[self._at].value
            self.expect("var", variable)
            return lambda environment: _is_bound(variable, environment)
        return self._comparison()

    def _comparison(self) -> _Run:
        left = self._operand()
        kind, sign = self.tokens[self._at]
        if kind != "sign" or sign not in _COMPARE:
            return left
        self._at += 1
        if sign == "not":
            self.expect("sign", "in")
        right = self._operand()
        compare = _COMPARE[sign]
        return lambda environment: compare(left(environment), right(environment))

    def _operand(self) -> _Run:
        kind, value = self.tokens[self._at]
        if kind not in ("var", "value"):
            _refuse("an expression lacks an operand", self._at)
        self._at += 1
        return value.read if kind == "var" else lambda environment: value


def _deeper(depth: int) -> int:
    if depth >= MOST_NESTING:
        raise Exhausted(
            "an expression is nested too deeply", rule="flow.expr.limits", expected=f"at most {MOST_NESTING}"
        )
    return depth + 1


def _refuse(what: str, offset: int) -> NoReturn:
    raise Malformed(what, rule="flow.expr.whole-input", offset=offset)


# --- evaluation ------------------------------------------------------------------------------------------


def _type_error(what: str) -> Rejected:
    return Rejected(what, rule="flow.expr.kinds", code="type")


def _unbound(variable: Variable) -> Rejected:
    got = ".".join((f"${variable.space}", *variable.path))
    return Rejected("a variable is unbound", rule="flow.expr.unbound", code="unbound", got=got)


def _boolean(value: Value) -> bool:
    if type(value) is not bool:
        raise _type_error("a condition is not a boolean")
    return value


def _until(terms: list[_Run], last: bool) -> _Run:
    """Return the function of terms that are evaluated until one is ``last``."""

    def run(environment: Environment) -> bool:
        for term in terms:
            if _boolean(term(environment)) is last:
                return last
        return not last

    return run


def _is_bound(variable: Variable, environment: Environment) -> bool:
    try:
        variable.read(environment)
    except Rejected as refusal:
        if refusal.code == "unbound":
            return False
        raise
    return True


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    if type(left) is not type(right):
        raise _type_error("values of different kinds are compared")
    return are_equal(left, right)


def _contains(left: Value, right: Value) -> bool:
    kind = kind_of(right)
    if kind == "list":
        return any(are_equal(left, item) for item in right)
    if kind not in ("text", "map") or type(left) is not str:
        raise _type_error("the right side of `in` cannot contain the left side")
    return left in right


def _order(compare: Callable[[Value, Value], bool]) -> Callable[[Value, Value], bool]:
    def run(left: Value, right: Value) -> bool:
        if type(left) is not type(right) or type(left) not in (int, str):
            raise _type_error("only two integers or two texts have an order")
        return compare(left, right)

    return run


_COMPARE: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _order(lambda left, right: left < right),
    "<=": _order(lambda left, right: left <= right),
    ">": _order(lambda left, right: left > right),
    ">=": _order(lambda left, right: left >= right),
    "in": _contains,
    "not": lambda left, right: not _contains(left, right),
}
