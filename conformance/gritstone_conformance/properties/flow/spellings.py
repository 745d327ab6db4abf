"""Spellings of tokens, and expressions at their limits and above."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.flow.asking import evaluating, of_flows, outcome_of
from gritstone_conformance.strategies.flow_expressions import ENV
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BYTES: Final = 4_096
_TOKENS: Final = 512
_NESTING: Final = 32
_SEGMENTS: Final = 8
_TEXTS: Final = (
    *(
        "'$s' == 'yes'",
        "'$input.s' == 'yes'",
        r"'\$input.s' == 'yes'",
        r"'\$' == '\u{24}'",
        '"$" == "$"',
        r"'\\$' == ''",
    ),
    *(
        "'yes' == \"yes\"",
        "'it''s' == 'its'",
        "'a\" == 'a'",
        "'a' 'b' == 'ab'",
        "'a\" == \"a'",
        '\'"\' == "\\""',
        "'''' == ''",
    ),
    *(
        r"'\\n' == '\n'",
        r"'\\u{41}' == '\u{41}'",
        r"'\u{41}' == 'A'",
        r"'\\\\' == '\\'",
        r"'\u{5c}n' == '\n'",
        r"'\u{27}' == '\''",
    ),
    *(
        r"'\u{0}' == '\u{00}'",
        r"'\u{000041}' == 'A'",
        r"'\u{0000041}' == 'A'",
        r"'\u{}' == ''",
        r"'\u{4A}' == 'J'",
        r"'\u{4a}' == 'J'",
    ),
    *(
        r"'\u0041' == 'A'",
        r"'\x41' == 'A'",
        r"'\u{d800}' == 'a'",
        r"'\u{dfff}' == 'a'",
        r"'\u{d7ff}' == '\u{e000}'",
        r"'\u{110000}' == ''",
    ),
    *(
        r"'\u{10ffff}' == '" + "\U0010ffff'",
        r"'\u{ffffff}' == ''",
        r"'\u{ 41}' == 'A'",
        r"'\u{41' == 'A'",
        r"'\U{41}' == 'A'",
        r"'\'",
        "'",
    ),
    *(
        "'\u00e9' == 'e\u0301'",
        "'\u2028' == '\\u{2028}'",
        "\u2018yes\u2019 == 'yes'",
        "`yes` == 'yes'",
        "yes == 'yes'",
        "u'a' == 'a'",
    ),
    *(
        r"'\U0001f600' == 'a'",
        "'\U0001f600' == '\\u{1f600}'",
        "'a\\\nb' == 'ab'",
        "'a\nb' == 'a\\nb'",
        "r'a' == 'a'",
        "'x'=='x'or True",
    ),
)
_TOKENS_TOGETHER: Final = (
    *(
        "x==5and True",
        "$input.x==5and True",
        "$input.x==5 and(True)",
        "(True)and(True)",
        "(True)or False",
        "not(True)",
        "notTrue",
    ),
    *(
        "True and(not False)",
        "1<2",
        "1<-2",
        "1 <- 2",
        "1< -2",
        "1 - 2 < 3",
        "-1<0",
        "- 1<0",
        "--1<0",
        "+1>0",
        "-0 == 0",
        "0 == 0",
    ),
    *(
        "00 == 0",
        "01 == 1",
        "0x1 == 1",
        "1e1 == 10",
        "1.0 == 1",
        "1. == 1",
        ".5 < 1",
        "1_0 == 10",
        "1L == 1",
        "'a'in'ab'",
        "'a' in'ab'",
    ),
    *(
        "'a'in 'ab'",
        "1in $input.l",
        "1 in$input.l",
        "1 in $input.l",
        "1 not in $input.l",
        "1 not_in $input.l",
        "1 not  in $input.l",
    ),
    *(
        "1 not\nin $input.l",
        "1 in not $input.l",
        "not 1 in $input.l",
        "$input.x == 5",
        "$ input.x == 5",
        "$input .x == 5",
        "$input. x == 5",
    ),
    *(
        "$input.x.",
        "$input..x == 5",
        "$input == 5",
        "$",
        "$.x == 5",
        "$Input.x == 5",
        "$inputs.x == 5",
        "$input.x-1 == 4",
        "$input.1 == 5",
    ),
    *(
        "$input.x$input.x",
        "$input.\u00e9 == 1",
        "${input.x} == 5",
        "input.x == 5",
        "$input.x=5",
        "$input.x = = 5",
        "$input.x === 5",
    ),
    *(
        "$input.x =! 5",
        "$input.x <> 5",
        "$input.x =< 5",
        "$input.x => 5",
        "$input.x ! = 5",
        "$input.x < = 5",
        "1 < 2 < 3",
        "1 == 1 == True",
    ),
    *(
        "(1) == 1",
        "1 == (1)",
        "(1 == 1)",
        "()",
        "(True",
        "True)",
        "((True)",
        "(True))",
        "True True",
        "True and",
        "and True",
        "or",
        "not",
    ),
    *(
        "True and or True",
        "True and not",
        "not not True",
        "True not",
        "has",
        "has x",
        "has (True)",
        "has ($input.x)",
        "has 'x'",
        "has has $input.x",
    ),
    *(
        "not has $input.x",
        "has not $input.x",
        "has $input.x == True",
        "has $input.x and True",
        "true",
        "TRUE",
        "none == None",
        "null == None",
    ),
    *(
        "True AND True",
        "True && True",
        "True | True",
        "!True",
        "~True",
        "True; True",
        "True, True",
        "True # c",
        "/* c */ True",
        "True\0",
        "\ufeffTrue",
    ),
    *(
        "True\u00a0and True",
        "True\u2003",
        "\x0bTrue",
        "\x0cTrue",
        "\tTrue\r\n",
        " True ",
        "",
        " ",
        "\n",
        "True\\",
        "$input.x == 5 garbage",
    ),
    *(
        "$input.s contains 'ye'",
        "$input.x == 6) or ($input.x == 5",
        "((((($input.x == 6",
        "5 == $input.x.",
        "$input.x in (5, 6)",
        "1 in [1]",
    ),
    *(
        "True\uff08",
        "(\uff09",
        "\u0661 == 1",
        "\uff11 == 1",
        "TrueFalse",
        "True_",
        "True1",
        "True.x",
        "True'x'",
        "1'x'",
        "'x'1",
        "$input.x'x'",
    ),
)


def literals(trial: Trial) -> None:
    """A text in quotes is a literal whose escapes are replaced once; other escapes and bare ``$`` are malformed."""
    trial.expect_many([evaluating(text, ENV) for text in _TEXTS])
    for code in (*range(0x80), 0xA0, 0x2028, 0xE000, 0xFFFD, 0x1F600):
        character = chr(code)
        texts = (f"'{character}' == '\\u{{{code:x}}}'", f'"{character}" == "a"', f"'\\{character}' == 'a'")
        trial.expect_many([evaluating(text, {}) for text in texts])


def tokens(trial: Trial) -> None:
    """Tokens have one spelling each; what follows a token at once, and each blank, is of the grammar."""
    trial.expect_many([evaluating(text, ENV) for text in _TOKENS_TOGETHER])
    for code in (*range(0x80), 0xA0, 0x85, 0x1680, 0x2028, 0x3000, 0xFEFF):
        character = chr(code)
        texts = (
            f"True{character}and True",
            f"1{character}< 2",
            f"{character}True",
            f"$input.b{character}",
            f"'a'{character}in 'a'",
        )
        trial.expect_many([evaluating(text, ENV) for text in texts])


def _padded(size_bytes: int) -> list[str]:
    """Return expressions of so many bytes: blanks, a long text, a text of characters of two bytes."""
    inner = size_bytes - len("'' != 'a'")
    wide = "\u00e9" * (inner // 2) + "x" * (inner % 2)
    return ["True".ljust(size_bytes), f"'{'x' * inner}' != 'a'", f"'{wide}' != 'a'"]


def _of_tokens(count: int) -> list[str]:
    """Return expressions of so many tokens."""
    heads = ("", "1 not in $input.l or ", "has $input.x and ", "'a' != 'b' or ")
    rest = [f"{head}{_words(count - len(head.split()))}" for head in heads]
    return [*rest, f"({_words(count - 2)})"]


def _words(count: int) -> str:
    """Return an expression of so many words."""
    return " ".join([*(["not"] * (1 - count % 2)), "True", *(["or", "True"] * ((count - 1) // 2))])


def _deep(depth: int) -> list[str]:
    """Return expressions with so many open parentheses and operators ``not`` at one place."""
    half = depth // 2
    mixed = "not (" * half + "not " * (depth % 2) + "True" + ")" * half
    return [
        "(" * depth + "True" + ")" * depth,
        "not " * depth + "True",
        mixed,
        "(" * depth + "1 == 1" + ")" * (depth - 1) + " and not False)",
        "(True) and " * 40 + "(" * depth + "True" + ")" * depth + " or " + "not True or " * 40 + "True",
    ]


def limits(trial: Trial) -> None:
    """An expression at a limit of bytes, tokens or nesting has its value; one above it has none."""
    for over in (0, 1):
        texts = [*_padded(_BYTES + over), *_of_tokens(_TOKENS + over), *_deep(_NESTING + over)]
        trial.expect_many([evaluating(text, ENV) for text in texts])
        found = [outcome_of(evaluating(text, ENV)) for text in texts]
        assert all(each == "exhausted" if over else isinstance(each, bool) for each in found), (
            "the texts are at the limits"
        )


def segments(trial: Trial) -> None:
    """A var has up to 8 segments of up to 63 characters; ints are in range."""
    for over in (0, 1):
        long = "x" * (63 + over)
        texts = [f"has $input.{long}", f"has $input._{long[1:]}", "has $input" + ".x" * (_SEGMENTS + over)]
        texts += [
            f"has $input.a.{long}.b",
            f"{2**63 - 1 + over} > 0",
            f"{-(2**63) - over} < 0",
            "has $input" + ".x" * over,
        ]
        trial.expect_many([evaluating(text, {}) for text in texts])


PROPERTIES: Final = (
    of_flows("expr/literals", literals, "expr.literals"),
    of_flows("expr/tokens", tokens, "expr.whole-input"),
    of_flows("expr/limits", limits, "expr.limits"),
    of_flows("expr/segments", segments, "expr.whole-input", "expr.limits"),
)
