"""Programs as text: one operation a line, for people and models.

::

    # takes the price from the budget, and asks the shop to deliver
    count budget -
    send @shop join deliver "book"
    reply "done"

A line is an operation and its operands, separated by blanks. Lines that are empty or begin with ``#`` are ignored.

===========  =========================================================================================================
operand      form
===========  =========================================================================================================
path         names joined by ``/``; in quotation marks if it contains a blank
data         a JSON string, or ``hex:`` and hexadecimal digits
ref          ``self``, ``sender``, ``content``, ``core``; a JSON string for a text blob; ``empty``; an id of 64 digits;
             ``@name`` for what the caller named
number       decimal, for ``add`` with an optional sign
===========  =========================================================================================================

``timer DELAY MT`` is ``send self join image.timer "DELAY MT"``, and ``emit EVENT REF`` is
``send self join image.emit.EVENT REF``.

Spec: :ref:`image-ops`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any

from gritstone.errors import Malformed, Refusal
from gritstone.image.spelling import OPS, Op, Place, check_op, malformed

__all__ = ["LineDefect", "Names", "parse_ops", "print_op"]

Names = Callable[[str], Any]
"""Returns the value of a name; raises a refusal if there is none."""

_TOKEN = re.compile(r'[ \t]+|("(?:[^"\\]|\\.)*")(?=[ \t]|$)|([^ \t"][^ \t]*)')
_ID = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"hex:((?:[0-9a-f]{2})*)")
_SIGNED = re.compile(r"[+-]?[0-9]{1,19}")
_DIGITS = re.compile(r"[0-9]{1,10}")
_WORDS: Mapping[str, Any] = MappingProxyType({**{one.name.lower(): one for one in Place}, "empty": None})
_PLACES: Mapping[Any, str] = MappingProxyType({one: one.name.lower() for one in Place})
_TIMER = "image.timer"
_EMIT = "image.emit."
_TIMER_TEXT = re.compile(r"(0|[1-9][0-9]{0,18}) ([a-z0-9_.-]{1,64})")


@dataclass(eq=False, repr=False)
class LineDefect(Malformed):
    """A line of a program that is not an operation.

    Attributes:
        line: its number, from 1.
    """

    _: KW_ONLY
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {Refusal.__str__(self)}"


def parse_ops(text: str, names: Names) -> Iterable[Op]:
    """Yield the operations of a text.

    Args:
        text: the text.
        names: returns what ``@name`` stands for.

    Raises:
        LineDefect: a line is not an operation (code ``program``).
    """
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            try:
                yield _parse_line(stripped, names)
            except LineDefect:
                raise
            except Refusal as error:
                raise LineDefect(
                    error.message, rule=error.rule, code="program", got=error.got, expected=error.expected, line=number
                ) from None


def _parse_line(line: str, names: Names) -> Op:
    word, *words = _tokens(line)
    if word == "timer":
        _check_count(word, words, ("delay", "mt"))
        content = " ".join(words)
        if _TIMER_TEXT.fullmatch(content) is None:
            raise malformed("invalid timer: expected a delay in milliseconds and a type", got=ascii(content[:80]))
        return check_op(Op("send", (Place.SELF, "join", _TIMER, content)))
    if word == "emit":
        _check_count(word, words, ("event", "ref"))
        return check_op(Op("send", (Place.SELF, "join", _EMIT + words[0], _ref(words[1], names))))
    name = "fail-with" if word == "fail" and words else word
    if name not in OPS or word == "fail-with":
        raise malformed("unknown operation", got=ascii(word[:80]))
    kinds = OPS[name][1]
    _check_count(word, words, kinds)
    read = [_ref(one, names) if kind == "ref" else _READERS[kind](one) for kind, one in zip(kinds, words, strict=True)]
    return check_op(Op(name, tuple(read)))


def _check_count(word: str, words: Sequence[str], kinds: Sequence[str]) -> None:
    if len(words) != len(kinds):
        form = " ".join((word, *(kind.upper() for kind in kinds)))
        raise malformed(f"wrong number of operands: expected {form}", got=len(words))


def _tokens(line: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None:
            raise malformed("a quotation mark is not closed, or is followed by text", got=ascii(line[at : at + 40]))
        at = match.end()
        if match.lastindex is not None:
            tokens.append(match[match.lastindex])
    return tokens


def _string(token: str) -> str:
    try:
        text = json.loads(token)
        text.encode()
    except ValueError:
        raise malformed("not a JSON string", got=ascii(token[:80])) from None
    assert isinstance(text, str), "the token is in quotation marks"
    return text


def _word(token: str) -> str:
    return _string(token) if token.startswith('"') else token


def _data(token: str) -> bytes:
    match = _HEX.fullmatch(token)
    if match is not None:
        return bytes.fromhex(match[1])
    if not token.startswith('"'):
        raise malformed("no data: expected a string in quotation marks or hex:", got=ascii(token[:80]))
    return _string(token).encode()


def _ref(token: str, names: Names) -> Any:
    if token.startswith('"'):
        return _string(token)
    if token.startswith("@"):
        return names(token[1:])
    if token in _WORDS:
        return _WORDS[token]
    if _ID.fullmatch(token) is None:
        expected = "self, sender, content, core, empty, a string in quotation marks, an id or @name"
        raise malformed(f"invalid ref: expected {expected}", got=ascii(token[:80]))
    return bytes.fromhex(token)


def _amount(token: str) -> int:
    if _SIGNED.fullmatch(token) is None:
        raise malformed("not a number", got=ascii(token[:80]))
    return int(token)


def _units(token: str) -> int:
    if _DIGITS.fullmatch(token) is None:
        raise malformed("not a number", got=ascii(token[:80]))
    return int(token)


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "path": _word,
        "data": _data,
        "mt": str,
        "reason": str,
        "mode": str,
        "sign": str,
        "amount": _amount,
        "units": _units,
    }
)


# --- printing ------------------------------------------------------------------------------------------


def print_op(op: Op, label: Callable[[Any], str]) -> str:
    """Return the line of an operation.

    Args:
        op: the operation.
        label: returns the word for a ref that is neither a place, a text nor the empty blob.
    """
    short = _print_short(op, label)
    if short is not None:
        return short
    kinds = OPS[op.name][1]
    words = [
        _print_ref(one, label) if kind == "ref" else _PRINTERS[kind](one)
        for kind, one in zip(kinds, op.operands, strict=True)
    ]
    return " ".join(("fail" if op.name == "fail-with" else op.name, *words))


def _print_short(op: Op, label: Callable[[Any], str]) -> str | None:
    """Return the short form of a message of an actor to itself that has one."""
    if op.name != "send" or op.operands[:2] != (Place.SELF, "join"):
        return None
    mt, content = op.operands[2:]
    if mt == _TIMER and isinstance(content, str) and _TIMER_TEXT.fullmatch(content):
        return f"timer {content}"
    if mt.startswith(_EMIT):
        return f"emit {mt.removeprefix(_EMIT)} {_print_ref(content, label)}"
    return None


def _print_ref(value: Any, label: Callable[[Any], str]) -> str:
    if isinstance(value, Place):
        return _PLACES[value]
    if value is None:
        return "empty"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return label(value)


def _print_data(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"hex:{value.hex()}"
    return json.dumps(text, ensure_ascii=False)


def _print_path(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[ \t"]', value) else value


_PRINTERS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "path": _print_path,
        "data": _print_data,
        "mt": str,
        "reason": str,
        "mode": str,
        "sign": str,
        "amount": str,
        "units": str,
    }
)
