"""The tokens of an expression.

Spec: ``flow/expressions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.flow.paths import PATH, Path
from gritstone_conformance.model.flow.values import LARGEST, LEAST

__all__ = ["MalformedExpression", "Token", "tokens_of"]

_BLANKS: Final = " \t\r\n"
_WORDS: Final = ("and", "or", "not", "in", "has", "True", "False", "None")
_SIGNS: Final = ("==", "!=", "<=", ">=", "<", ">", "(", ")")
_VAR: Final = re.compile(rf"\$({PATH})")
_WORD: Final = re.compile("[A-Za-z]+")
_INT: Final = re.compile("0|-?[1-9][0-9]*")
_PLAIN: Final = r"[\x20\x21\x23\x25\x26\x28-\x5b\x5d-\x7e\x80-\ud7ff\ue000-\U0010ffff]"
_ESCAPE: Final = r"\\(?:[\\'\"nt$]|u\{[0-9a-f]{1,6}\})"
_SINGLE: Final = re.compile(rf"'((?:{_PLAIN}|{_ESCAPE}|\")*)'")
_DOUBLE: Final = re.compile(rf"\"((?:{_PLAIN}|{_ESCAPE}|')*)\"")
_ESCAPED: Final = re.compile(_ESCAPE)
_NOT_AFTER: Final = re.compile(r"[A-Za-z0-9_.$'\"]")
_LONGEST_INT: Final = len(str(LEAST))


class MalformedExpression(Exception):  # noqa: N818 - says what the text is
    """A text is not an expression of the grammar."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: ``sign``, ``word``, ``var``, ``int`` or ``text``.
        value: the sign, the word, the path, the number or the text.
    """

    kind: str
    value: str | int | Path


def tokens_of(expression: str) -> tuple[list[Token], bool]:
    """Return the tokens up to the first malformed one, and whether there is none.

    Spec: :rule:`flow.expr.whole-input`, :rule:`flow.expr.literals`.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(expression):
        if expression[at] in _BLANKS:
            at += 1
            continue
        try:
            token, at = _token(expression, at)
        except MalformedExpression:
            return tokens, False
        tokens.append(token)
    return tokens, True


def _token(expression: str, at: int) -> tuple[Token, int]:
    """Return the token that begins at a place, and the place behind it."""
    for sign in _SIGNS:
        if expression.startswith(sign, at):
            return Token("sign", sign), at + len(sign)
    for kind, grammar in (("var", _VAR), ("int", _INT), ("text", _SINGLE), ("text", _DOUBLE), ("word", _WORD)):
        match = grammar.match(expression, at)
        if match is None:
            continue
        if _NOT_AFTER.match(expression, match.end()):
            raise MalformedExpression(f"a token is followed by {expression[match.end()]!r}")
        return Token(kind, _value(kind, match)), match.end()
    raise MalformedExpression(f"no token begins with {expression[at]!r}")


def _value(kind: str, match: re.Match[str]) -> str | int | Path:
    match kind:
        case "var":
            return Path.of(match[1])
        case "int":
            return _int(match[0])
        case "text":
            return _ESCAPED.sub(_unescaped, match[1])
        case _:
            if match[0] not in _WORDS:
                raise MalformedExpression(f"the word {match[0][:40]!r}")
            return match[0]


def _int(digits: str) -> int:
    if len(digits) > _LONGEST_INT or not LEAST <= int(digits) <= LARGEST:
        raise MalformedExpression("an integer is out of range")
    return int(digits)


def _unescaped(escape: re.Match[str]) -> str:
    """Return the character that an escape stands for."""
    sign = escape[0][1]
    if sign != "u":
        return {"n": "\n", "t": "\t"}.get(sign, sign)
    code = int(escape[0][3:-1], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise MalformedExpression("an escape of no Unicode scalar value")
    return chr(code)
