"""Expressions: their grammar, drawn and with one character changed, and the values of their operators."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, Value
from gritstone_conformance.properties.flow.asking import evaluating, of_flows, outcome_of
from gritstone_conformance.strategies.flow_expressions import ENV, TAPE, change_character, draw_expression
from gritstone_conformance.strategies.flow_values import KINDS, draw_value
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
_RULES: Final = {
    "unbound": "expr.unbound",
    "type": "expr.kinds",
    "exhausted": "expr.limits",
    "malformed": "expr.whole-input",
}


def _judged(text: str, env: Any = ENV) -> Asked:
    """Return an evaluation that is judged by the rule about its outcome."""
    found = outcome_of(evaluating(text, env))
    return evaluating(text, env, _RULES.get(found, "expr.precedence") if isinstance(found, str) else "expr.precedence")


def drawn(trial: Trial, tape: Tape) -> None:
    """An expression of the grammar has the value, or the error, that its operators give, from left to right."""
    trial.expect_many([_judged(draw_expression(tape)) for _ in range(4)])


def changed(trial: Trial, tape: Tape) -> None:
    """An expression with a character inserted, removed or replaced is malformed unless it is of the grammar again."""
    texts = [draw_expression(tape, 1) for _ in range(3)]
    once = [change_character(tape, text) for text in texts for _ in range(3)]
    trial.expect_many([evaluating(text, ENV) for text in (*once, *(change_character(tape, each) for each in once))])


_SHAPES: Final = (
    *("{a} or {b} and {c}", "{a} and {b} or {c}", "not {a} or {b}", "not {a} and {b}", "not {a} == {b} or {c}"),
    *("({a} or {b}) and {c}", "{a} and ({b} or {c})", "not ({a} or {b})", "not ({a} and {b}) or {c}", "not not {a}"),
    *("{a} or not {b} and {c}", "{a} and not {b} or {c}", "{a} or {b} or {c}", "{a} and {b} and {c}", "(({a})) or {b}"),
    *(
        "not (not ({a})) and {b}",
        "{a} or ({b} and {c})",
        "not {a} != {b}",
        "not ({a}) == {b} or {c}",
        "not not not {a}",
    ),
    *(
        "({a} or {b}) and ({b} or {c}) and ({c} or {a})",
        "{a} and {b} or {b} and {c} or {c} and {a}",
        "not {a} in [{b}]",
    ),
)


def truth(trial: Trial) -> None:
    """The truth tables of all combinations of the operators are those of ``not`` before ``and`` before ``or``."""
    for shape in _SHAPES:
        rule = "expr.grouping" if "(" in shape else "expr.precedence"
        asked = []
        for values in product((False, True), repeat=3):
            words = dict(zip("abc", values, strict=True))
            paths = {name: f"$input.{name}" for name in "abc"}
            asked += [
                evaluating(shape.format(**words), {}, rule),
                evaluating(shape.format(**paths), {"input": words}, rule),
            ]
        trial.expect_many(asked)


_BOTH: Final[dict[str, tuple[Value, ...]]] = {
    **{kind: (value,) for kind, value in KINDS.items()},
    "bool": (True, False),
    "int": (1, 0, -1),
    "text": ("a", "", "1"),
    "list": (["a"], [], [1, True]),
    "map": ({"a": 1}, {}, {"1": None}),
    "ref": (Ref("a"), Ref("b")),
}


def kinds(trial: Trial) -> None:
    """Each operator has the value or the error that the table defines for each pair of kinds."""
    values = [value for each in _BOTH.values() for value in each]
    for one, other in product(values, repeat=2):
        env: Any = {"input": {"a": one, "b": other}}
        trial.expect_many([evaluating(f"$input.a {sign} $input.b", env) for sign in _SIGNS])


def boolean(trial: Trial) -> None:
    """Only bools are true or false: alone, in a group, and next to each operator."""
    texts = ("{}", "({})", "not {}", "{} and True", "True and {}", "{} or True", "False or {}", "(({}))", "not ({})")
    for each in _BOTH.values():
        for value in each:
            trial.expect_many([evaluating(text.format("$input.v"), {"input": {"v": value}}) for text in texts])
    literals = ("'a'", "''", "0", "1", "None", "'True'")
    trial.expect_many([evaluating(text.format(literal), {}) for text in texts for literal in literals])


_ERRORS: Final = ("$input.nope", "$input.x == 'a'", "$input.x", "$input.x.y", "1 < 'a'", "has $input.x.y")


def short_circuit(trial: Trial) -> None:
    """The right side is evaluated only if the left side does not decide; it is of the grammar in any case."""
    shapes = ("True or {}", "False and {}", "False or {}", "True and {}", "{} or True", "{} and False")
    more = (
        "True or {} and {}",
        "(True or {}) and True",
        "not (False and {})",
        "False and {} or True",
        "True or not {}",
    )
    for error in (*_ERRORS, "1 <", "!x", "'open"):
        trial.expect_many([evaluating(text.format(error, error), ENV) for text in (*shapes, *more)])


def unbound(trial: Trial) -> None:
    """A key that is absent is the error ``unbound``, whatever the operator; ``has`` alone turns it into false."""
    paths = ("input.nope", "input.m.nope", "input.m.deep.nope", "prior.x", "out.nope.x", "input.nope.x.y")
    operands = ("None", "'x'", "1", "$input.x", "$input.nope", "$input.l", "$input.m")
    asked = [f"{left} {sign} {right}" for path in paths for sign in _SIGNS for other in operands
             for left, right in ((f"${path}", other), (other, f"${path}"))]  # fmt: skip
    asked += [text.format(f"${path}") for path in paths for text in ("{}", "not {}", "has {}", "not has {}", "({})")]
    trial.expect_many([evaluating(text, ENV) for text in asked])
    trial.expect_many([evaluating(f"has ${path}", {}) for path in paths])
    every: Any = {name: {} for name in ENV}
    trial.expect_many(
        [evaluating(text.format(f"${name}.x"), every) for name in ENV for text in ("has {}", "{} == None")]
    )


def dropped(trial: Trial, tape: Tape) -> None:
    """An expression in which a key of the environment is absent never has a value that depends on it."""
    text = draw_expression(tape, 1)
    for space in ENV:
        members = ENV[space]
        assert isinstance(members, dict)
        gone = tape.pick((*members, "none"))
        rest: Any = {**ENV, space: {key: value for key, value in members.items() if key != gone}}
        trial.expect_many([_judged(text, rest)])
    trial.expect_many([_judged(text, {name: value for name, value in ENV.items() if name != "input"})])


def equality(trial: Trial, tape: Tape) -> None:
    """Lists and maps are equal iff their encodings are, at every depth."""
    one = draw_value(tape)
    others = (one, draw_value(tape), [one], {"a": one}, _with_bools_as_ints(one))
    for other in others:
        env: Any = {
            "input": {"a": [one], "b": [other], "m": {"k": one}, "n": {"k": other}, "l": [other, one], "v": one}
        }
        pairs = ("$input.a == $input.b", "$input.m != $input.n", "$input.v in $input.l", "$input.v not in $input.b")
        trial.expect_many([evaluating(text, env) for text in pairs])


def _with_bools_as_ints(value: Value) -> Value:
    match value:
        case bool():
            return int(value)
        case 0 | 1:
            return bool(value)
        case list():
            return [_with_bools_as_ints(item) for item in value]
        case dict():
            return {key: _with_bools_as_ints(item) for key, item in value.items()}
        case _:
            return value


_ORDERED: Final = (
    *("", "\0", "A", "B", "Z", "a", "aa", "ab", "b", "\u00e9", "e\u0301", "z", "\ud7ff", "\ue000", "\uff5e", "\uffff"),
    *("\U00010000", "\U0010ffff", "a\0", "a\U00010000", "a\uff5e", "10", "9", "\u00df", "ss"),
)


def text_order(trial: Trial) -> None:
    """Texts are ordered by their code points, ints by number."""
    for one, other in product(_ORDERED, repeat=2):
        env: Any = {"input": {"a": one, "b": other}}
        asked = [evaluating(f"$input.a {sign} $input.b", env) for sign in ("<", ">=")]
        assert outcome_of(asked[0]) is (one < other)
        trial.expect_many(asked)
    numbers = (-(2**63), -10, -9, 0, 9, 10, 2**53, 2**53 + 1, 2**63 - 1)
    trial.expect_many([evaluating(f"{one} {sign} {other}", {}) for one, other in product(numbers, repeat=2)
                       for sign in ("<", "<=", ">", ">=", "==")])  # fmt: skip


_NAMES: Final = (
    *(
        "__class__",
        "__proto__",
        "constructor",
        "toString",
        "length",
        "__len__",
        "__dict__",
        "keys",
        "prototype",
        "valueOf",
    ),
    *("hasOwnProperty", "get", "items", "_", "__init__", "size", "len", "self", "this", "None_", "True1"),
)


def total(trial: Trial) -> None:
    """Names that a language treats specially are keys like others; long and deep expressions end, too."""
    for name in _NAMES:
        texts = (
            f"has $input.{name}",
            f"$input.{name} == 1",
            f"$input.m.{name} == 1",
            f"has $input.s.{name}",
            f"'{name}' in $input.m",
        )
        env: Any = {"input": {"s": "text", "l": [1], "m": {}}}
        named: Any = {"input": {name: 1, "s": "text", "m": {name: 1}}}
        trial.expect_many([evaluating(text, each) for text in texts for each in (env, named)])
    calls = (
        "$input.s.lower()",
        "len($input.s) == 4",
        "$input['s'] == 'text'",
        "eval('1')",
        "$input.l[0] == 1",
        "1 if True else 2",
    )
    more = (
        "1 + 1 == 2",
        "$input.x is None",
        "lambda: True",
        "$input.s =~ 't'",
        "True ? 1 : 2",
        "$input.s % 1",
        "{} == {}",
    )
    trial.expect_many([evaluating(text, ENV) for text in (*calls, *more)])
    long = ("True or " * 20_000 + "True", "(" * 5_000, "not " * 5_000 + "True", "(" * 2_000 + "True" + ")" * 2_000)
    trial.expect_many([evaluating(text, {}) for text in (*long, "'" + "x" * 100_000, "1" * 100_000 + " == 1")])


def no_shadowing(trial: Trial, tape: Tape) -> None:
    """Keys of one namespace, and keys with points or signs in them, do not change what a var of another returns."""
    spaces = ("input", "out", "prior", "args", "dep", "tool")
    space = tape.pick(spaces)
    keys = (*spaces, "x", "x.y", "$input.x", "input.x", "and", "True", "None", "X", "x ", "")
    shadow: dict[str, Any] = {key: draw_value(tape, 1) for key in keys if tape.below(2)}
    env: dict[str, Value] = {name: {"x": index, "y": {"x": -index}} for index, name in enumerate(spaces)}
    members = env[space]
    assert isinstance(members, dict)
    env[space] = {**shadow, **members}
    asked = [f"${name}.x == {index} and $" + f"{name}.y.x == {-index}" for index, name in enumerate(spaces)]
    asked += [f"has ${space}.{name}" for name in (*spaces, "X", "x.y", "and", "True")]
    trial.expect_many([evaluating(text, env) for text in asked])


_DRAWN: Final = {"tape": from_tape(lambda tape: tape, 4 * TAPE)}
_SHORT: Final = {"tape": from_tape(lambda tape: tape, TAPE)}

PROPERTIES: Final = (
    of_flows(
        *("expr/drawn", drawn, "expr.precedence", "expr.unbound", "expr.kinds", "expr.limits", "expr.whole-input"),
        given=_DRAWN,
        examples=200,
        reach={"flow.eval accepted": 0.5, "flow.eval refused": 0.5},
    ),
    of_flows(
        *("expr/changed", changed, "expr.whole-input"),
        given=_DRAWN,
        examples=200,
        reach={"flow.eval accepted": 0.3, "flow.eval refused": 0.5},
    ),
    of_flows("expr/truth", truth, "expr.precedence", "expr.grouping"),
    of_flows("expr/kinds", kinds, "expr.kinds"),
    of_flows("expr/boolean", boolean, "expr.boolean"),
    of_flows("expr/short-circuit", short_circuit, "expr.short-circuit"),
    of_flows("expr/unbound", unbound, "expr.unbound"),
    of_flows("expr/dropped", dropped, *_RULES.values(), "expr.precedence", given=_SHORT, examples=60),
    of_flows("expr/equality", equality, "expr.equality", given=_SHORT, examples=40),
    of_flows("expr/text-order", text_order, "expr.text-order"),
    of_flows("expr/total", total, "expr.total"),
    of_flows("expr/no-shadowing", no_shadowing, "expr.no-shadowing", given=_SHORT, examples=30),
)
