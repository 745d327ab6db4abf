"""Expressions and templates of flows: drawn from the grammar, and with a character changed.

Environments, too: what expressions read, and values for which implementations of other languages have other answers.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.flow.values import Ref, Value
from gritstone_conformance.strategies.flow_values import INTS, draw_value
from gritstone_conformance.strategies.tape import Tape

__all__ = ["ENV", "TAPE", "change_character", "draw_expression", "draw_leaf", "draw_template"]

TAPE: Final = 160  # bytes of an expression with its environment

ENV: Final[dict[str, Value]] = {
    "input": {
        "x": 5,
        "s": "yes",
        "l": [1, "1", True],
        "m": {"k": None, "x": 5, "deep": {"er": [1]}},
        "n": None,
        "b": True,
        "r": Ref("card"),
        "input": "shadow",
        "out": {"x": 6},
        "and": False,
        "__class__": "text",
        "big": 2**63 - 1,
    },
    "out": {"x": 7, "node": {"ok": True, "text": "$input.x"}, "length": 1},
    "prior": {},
    "args": {"x": "8"},
    "dep": {"a": None},
    "tool": {"llm": "yes"},
}
"""An environment with a value of each kind, and with keys that other languages treat specially."""

_PATHS: Final = (
    *("input.x", "input.s", "input.l", "input.m", "input.n", "input.b", "input.r", "input.m.k", "input.m.deep.er"),
    *("input.nope", "input.nope.deep", "input.x.deep", "input.m.nope", "input.l.length", "input.s.length", "out.x"),
    *("out.node.ok", "out.node.text", "prior.x", "args.x", "dep.a", "dep.a.b", "tool.llm", "input.input", "input.and"),
    *("input.__class__", "input.__proto__", "input.constructor", "input.m.toString", "input.big", "out.length"),
)
_LITERALS: Final = (
    *("5", "'yes'", "True", "False", "None", "0", "1", "-1", '"yes"', "''", "'1'", "'x'", r"'\$input.x'", r"'\u{24}'"),
    *(r"'\n\t\\\'\"'", '"\'"', "9223372036854775807", "-9223372036854775808", "'\u00e9'", r"'\u{10ffff}'", "'True'"),
)
_SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
_BLANKS: Final = (" ", "", "  ", "\t", "\n", "\r\n")
_CHARACTERS: Final = (
    *(
        "(",
        ")",
        "$",
        ".",
        "'",
        '"',
        "\\",
        "=",
        "!",
        "<",
        ">",
        " ",
        "\n",
        "\t",
        "0",
        "1",
        "-",
        "+",
        "a",
        "T",
        "_",
        "{",
        "}",
    ),
    *(
        ",",
        "#",
        ";",
        "&",
        "|",
        "[",
        "]",
        "\0",
        "\x7f",
        "\x0b",
        "\x0c",
        "\u00a0",
        "\u00e9",
        "\u2003",
        "\uff08",
        "\u0661",
    ),
    *(
        "and",
        "or",
        "not",
        "in",
        "has",
        "True",
        " x",
        "()",
        "==",
        "None",
        "\U0001f600",
        "\ufeff",
        "is",
        "u{41}",
        "\u2028",
    ),
)


def draw_expression(tape: Tape, depth: int = 3) -> str:
    """Return an expression of the grammar, with any blanks; most have a value in :data:`ENV`."""
    return _spaced(tape, _disjunction(tape, depth))


def _disjunction(tape: Tape, depth: int) -> list[str]:
    tokens = _unary(tape, depth)
    for _ in range(tape.pick((0, 1, 1, 2, 3))):
        tokens += [tape.pick(("and", "or")), *_unary(tape, depth)]
    return tokens


def _unary(tape: Tape, depth: int) -> list[str]:
    kind = tape.below(8)
    if kind == 0 and depth:
        return ["not", *_unary(tape, depth - 1)]
    if kind in (1, 2) and depth:
        return ["(", *_disjunction(tape, depth - 1), ")"]
    if kind == 3:
        return ["has", _variable(tape)]
    if kind == 4:
        return [tape.pick(("True", "False", "$input.b", "$out.node.ok", "$input.x", "None"))]
    return [_operand(tape), *tape.pick(_SIGNS).split(), _operand(tape)]


def _operand(tape: Tape) -> str:
    kind = tape.below(8)
    if kind < 4:
        return _variable(tape)
    return str(tape.pick(INTS)) if kind == 4 else tape.pick(_LITERALS)


def _variable(tape: Tape) -> str:
    return "$" + tape.pick(_PATHS)


def _spaced(tape: Tape, tokens: list[str]) -> str:
    """Join tokens with blanks; where the grammar needs none, there may be none."""
    text = tape.pick(("", "", " ", "\n"))
    for before, token in zip(["(", *tokens], tokens, strict=False):
        blank = tape.pick(_BLANKS) if text.strip() else ""
        needed = before[-1] not in "()=<>!" and token[0] not in "()=<>!"
        text += (blank or " ") + token if needed and text.strip() else blank + token
    return text + tape.pick(("", "", " ", "\t"))


def change_character(tape: Tape, text: str) -> str:
    """Return the text with one character, or one word of the grammar, inserted, removed, replaced or repeated."""
    at = tape.below(len(text) + 1)
    way = tape.below(5)
    if way == 0:
        return text[:at] + tape.pick(_CHARACTERS) + text[at:]
    if way == 1:
        return text[:at] + tape.pick(_CHARACTERS) + text[at + 1 :]
    if way == 2:
        return text[:at] + text[at + 1 :]
    if way == 3:
        return text[:at] + text[at : at + 1] + text[at:]
    return text[: at - 1] + text[at : at + 1] + text[at - 1 : at] + text[at + 1 :] if at else text + text


_PIECES: Final = ("order ", "$$", " of ", "a", "\n", "\u00e9", "'", "{", "}", "$$$$", "}}", "${", "$")
"""The last two are malformed wherever they are."""


def draw_leaf(tape: Tape, *, sound: bool) -> str:
    """Return a leaf of a template."""
    if tape.below(3) == 0:
        return _variable(tape)
    pieces = _PIECES[:-2] if sound else _PIECES
    return "".join(
        tape.pick(pieces) if tape.below(2) else "${" + tape.pick(_PATHS) + "}" for _ in range(tape.within(0, 4))
    )


def draw_template(tape: Tape, depth: int = 3, *, sound: bool = True) -> Value:
    """Return a template; unless it is to be ``sound``, some of its leaves are malformed."""
    kind = tape.below(8)
    if kind < 4 or not depth:
        return draw_leaf(tape, sound=sound)
    if kind == 4:
        return draw_value(tape, 0) if not sound else tape.pick((7, None, True, Ref("a"), "", "plain"))
    if kind < 7:
        keys = ("a", "b", "$input.x", "${input.x}", "$", "long key", "")
        return {tape.pick(keys): draw_template(tape, depth - 1, sound=sound) for _ in range(tape.within(0, 3))}
    return [draw_template(tape, depth - 1, sound=sound) for _ in range(tape.within(0, 3))]
