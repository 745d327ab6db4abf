"""The model of expressions and templates."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.model.flow.evaluation import holds
from gritstone_conformance.model.flow.expressions import BadExpression, is_of_grammar, parse
from gritstone_conformance.model.flow.json_form import from_json
from gritstone_conformance.model.flow.operations import eval_expected, render_expected
from gritstone_conformance.model.flow.paths import EvaluationError
from gritstone_conformance.model.flow.templates import CannotRender, is_template, render
from gritstone_conformance.model.flow.tokens import tokens_of
from gritstone_conformance.model.flow.values import Ref, Value, encode
from selftests.model.test_flow_values import VALUES

INPUT: dict[str, Value] = {"x": 5, "s": "yes", "l": [1, "1", True], "m": {"k": None}, "n": None, "b": True}
NAMES = re.compile(r"(?<![\w'$.])(xx|x|s|l|m|n|b|nope)(?![\w'])")


def outcome(text: str, given_input: dict[str, Value] | None = None) -> Any:
    """Return the value of an expression, the code of its error, or the classes of its refusal."""
    try:
        return holds(text, {"input": INPUT if given_input is None else given_input})
    except EvaluationError as error:
        return error.code
    except BadExpression as bad:
        return " ".join(sorted(bad.classes))


def short(text: str) -> Any:
    """Return the outcome of an expression in which ``x`` is ``$input.x``."""
    return outcome(NAMES.sub(r"$input.\1", text))


@pytest.mark.parametrize(
    "text",
    [
        "not x == 6",
        "x == 5 or x == 6 and x == 7",
        "True or True and False",
        "'ye' in s",
        "n == None",
        "True or nope == 1",
        "x==5 and(True)",
        r"'\$' == '\u{24}'",
        "b",
        "has x and has m.k",
        "not not b",
        "x not in l",
        "1 in l",
        "'1' in l and True in l",
        "'k' in m",
        "not 'k' not in m",
        "m.k == None",
        "None != x",
        "None == None",
        "'\uff5e' < '\U00010000'",
        "'a' < 'aa' and '' < 'a'",
        "-9223372036854775808 < 9223372036854775807",
        "2 < 10 and 10 >= 10 and 10 <= 10 and 11 > 10",
        "not False and True",
        "\t(\r\n(True) )\n",
        "'' in s",
        "x != 6",
    ],
)
def test_true(text: str) -> None:
    assert short(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "m == None",
        "has nope.deep",
        "not (b == True or x == 9)",
        "has nope and nope == 1",
        "2 in l",
        "False",
        "n != None",
        "'x' in m",
    ],
)
def test_false(text: str) -> None:
    assert short(text) is False


def test_escapes_are_replaced_once() -> None:
    escaped = r"\\n \n \t \' \" \$ \u{a} \u{10ffff} \u{00005c}n \u{0}"
    values: dict[str, Value] = {"x": "\\n \n \t ' \" $ \n \U0010ffff \\n \x00"}
    assert outcome(f"'{escaped}' == $input.x", values) is True
    assert outcome(f'"{escaped}" == $input.x', values) is True


@pytest.mark.parametrize(
    "text",
    ["nope != 'high'", "nope == None", "nope == 1 or True", "m.x == 1", "nope == 1 and 5", "1 == nope", "nope in 5"],
)
def test_unbound(text: str) -> None:
    assert short(text) == "unbound"


@pytest.mark.parametrize(
    "text",
    [
        *("x", "x == '5'", "5 in 5", "True == 1", "True and x", "has x.y", "x.y == 1", "(5)", "not 5", "not s"),
        *("None", "None < 1", "True < False", "'a' < 1", "5 in s", "5 in m", "None in s", "l < l", "x and True"),
        *("m == l", "False or x", "s in x", "l == m"),
    ],
)
def test_type(text: str) -> None:
    assert short(text) == "type"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "x == 5 garbage", "!b", "x = 5", "x == 5 # c", "((((x == 6", "x == 6) or (x == 5", "1 < 2 < 3"),
        *("s contains 'ye'", "'$s' == 'yes'", "x.lower()", "true", "x==5and True", "'open", "(1) == 1", "$input"),
        *("$foo.x", "$input.", "$input.x.", "$input .x", "$input.1", "$input.x-y", "$ input.x", "-0 == 0", "05 == 5"),
        *("9223372036854775808 > 1", "-9223372036854775809 < 1", "1.0 == 1", "'a''b'", "'a'in s", "x in", "in x"),
        *("has (x)", "has 5", "has x == 1", "x == not b", "not", "and", "x and", "or x", "x not 5", "x not not in l"),
        *("()", "x x", "'\x01' == s", "'\x7f' == s", "'\t' == s", r"'\x' == s", r"'\u{}' == s", r"'\u{D}' == s"),
        *(r"'\u{d800}' == s", r"'\u{110000}' == s", r"'\u{0000001}' == s", "x\u00a0== 5", "x == 5\x00", "x == 5;"),
        *("None()", "True.x", "$input.a.b.c.d.e.f.g.h.i == 1", "$input." + "a" * 64 + " == 1", "5$input.x", "'\ud800'"),
        *("--5 == 5", "- 5 == 5", "5 -5", "x <> 5", "x === 5", "x == == 5", "a.b == 1", "'a'\"b\"", "\"a'", "AND"),
    ],
)
def test_malformed(text: str) -> None:
    assert outcome(text if "$" in text else NAMES.sub(r"$input.\1", text)) == "malformed"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (" or ".join(["True"] * 256), True),
        (" or ".join(["True"] * 257), "exhausted"),
        ("not " + " or ".join(["True"] * 256), True),
        ("not not " + " or ".join(["True"] * 256), "exhausted"),
        ("not not " + " or ".join(["True"] * 256) + " x", "exhausted malformed"),
        (" or ".join(["True"] * 257) + " or", "exhausted malformed"),
        ("(" * 32 + "True" + ")" * 32, True),
        ("(" * 33 + "True" + ")" * 33, "exhausted"),
        ("not " * 32 + "True", True),
        ("not " * 33 + "True", "exhausted"),
        ("(not " * 16 + "True" + ")" * 16, True),
        ("not (" * 16 + "not True" + ")" * 16, "exhausted"),
        ("(" * 33 + "True" + ")" * 32, "exhausted malformed"),
        ("(" * 33 + "True" + ")" * 33 + "!", "exhausted malformed"),
        ("! " + "(" * 33 + "True" + ")" * 33, "malformed"),
        ("not True and " * 40 + "True", False),
        ("(True) and " * 40 + "1 not in $input.l", False),
        ("'" + "x" * 4088 + "' == ''", False),
        ("'" + "x" * 4089 + "' == ''", "exhausted"),
        ("'" + "é" * 2044 + "' == ''", False),
        ("'" + "é" * 2044 + "x' == ''", "exhausted"),
        (" " * 4093 + "True", "exhausted"),
        (" " * 4092 + "True", True),
        (" " * 4093 + "yes", "malformed"),
        (" " * 4094 + "yes", "exhausted malformed"),
        ("$input.a.b.c.d.e.f.g.h == 1", "unbound"),
        ("$input." + "a" * 63 + " == 1", "unbound"),
    ],
)
def test_limits(text: str, result: Any) -> None:
    assert outcome(text) == result


def test_examples_of_the_chapter() -> None:
    values: Any = from_json('{"amount": 40, "tags": ["new"], "note": null}')
    results = [
        outcome(text, values)
        for text in (
            "$input.amount <= 100 and 'new' in $input.tags",
            "not $input.amount == 40",
            "$input.note == None",
            "has $input.coupon and $input.coupon != ''",
            "$input.coupon != 'x'",
            "$input.amount == '40'",
        )
    ]
    assert results == [True, False, True, False, "unbound", "type"]


PIECES = st.sampled_from(
    [
        *("and", "or", "not", "in", "has", "True", "False", "None", "==", "!=", "<", "<=", ">", ">=", "(", ")", "5"),
        *("$input.x", "$input.s", "$input.m.k", "$input.nope", "'ye'", '"yes"', " ", "  ", "-1", "'\\u{41}'", "!", "$"),
    ]
)


@given(st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40))
def test_evaluation_is_total(text: str) -> None:
    assert outcome(text) in (True, False, "unbound", "type", "malformed")


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_both_readings_of_the_grammar_agree(text: str) -> None:
    """The parser stops at the limit of nesting; the other reading decides beyond it."""
    tokens, is_whole = tokens_of(text)
    if is_whole and len(tokens) < 512:
        try:
            parse(text)
            is_parsed = True
        except BadExpression:
            is_parsed = False
        assert is_of_grammar(tokens) == is_parsed


ENVIRONMENT: dict[str, dict[str, Value]] = {
    "input": {"amount": 40, "order": "A-17", "neg": -7, "tpl": "${input.order} $$", "l": [1], "card": Ref("card")},
    "out": {"a": {"b": True, "n": None}},
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({"amount": "$input.amount"}, {"amount": 40}),
        ("order ${input.order}: ${input.amount} of $$100", "order A-17: 40 of $100"),
        (["$input.order", 7], ["A-17", 7]),
        ("$input.tpl", "${input.order} $$"),
        ("${input.tpl}$$", "${input.order} $$$"),
        ("$$input.order", "$input.order"),
        ("$$$$", "$$"),
        ("${input.neg}", "-7"),
        ({"$input.order": ["$out.a.b", "$input.card"]}, {"$input.order": [True, Ref("card")]}),
        ("\n${input.order}\n", "\nA-17\n"),
        ("}{", "}{"),
        ("", ""),
        (None, None),
        (Ref("card"), Ref("card")),
    ],
)
def test_templates_are_rendered(template: Value, value: Value) -> None:
    assert encode(render(template, ENVIRONMENT)) == encode(value)


@pytest.mark.parametrize(
    "leaf",
    [
        *(
            "$5",
            "${input}",
            "$",
            "a$",
            "$input.amount ",
            " $input.amount",
            "${ input.a}",
            "${input.a",
            "$input.a$input.b",
        ),
        *("$$$", "$foo.x", "${input.a.b.c.d.e.f.g.h.i}", "$input.1", "${input.}", "$input", "$(input.a)"),
    ],
)
def test_other_leaves_are_malformed(leaf: str) -> None:
    assert not is_template([{"a": leaf}])
    assert is_template({leaf: "a"})


@pytest.mark.parametrize(
    ("template", "outcomes"),
    [
        ("${out.a.b}", {"type"}),
        ("${out.a.n}", {"type"}),
        ("${input.l}", {"type"}),
        ("${input.card}", {"type"}),
        ("$input.nope", {"unbound"}),
        ("$prior.x", {"unbound"}),
        ("$input.order.x", {"type"}),
        ({"b": "$input.nope", "aa": "$input.order.x"}, {"unbound"}),
        (["$input.nope", "$input.order.x"], {"unbound"}),
        (["${input.order.x}${input.nope}", "$input.nope"], {"type"}),
        ([[[[[[[[[[[[[[[["$input.l"]]]]]]]]]]]]]]]], {"exhausted"}),
        (["$input.nope", [[[[[[[[[[[[[[["$input.l"]]]]]]]]]]]]]]]], {"unbound", "exhausted"}),
    ],
)
def test_templates_that_are_not_rendered(template: Value, outcomes: set[str]) -> None:
    with pytest.raises(CannotRender) as caught:
        render(template, ENVIRONMENT)
    assert caught.value.outcomes == outcomes


@pytest.mark.parametrize(
    ("template", "outcomes"),
    [
        ("${input.a}" + "y", None),
        ("${input.a}" + "yy", {"exhausted"}),
        ("${input.a}" * 6000, {"exhausted"}),
        (["$input.a"] * 6000, {"exhausted"}),
        (["$input.a", "$input.a", "$input.b"], {"exhausted", "unbound"}),
    ],
)
def test_a_rendered_value_has_limits(template: Value, outcomes: set[str] | None) -> None:
    environment: dict[str, dict[str, Value]] = {"input": {"a": "x" * 65_532}}
    if outcomes is None:
        assert len(encode(render(template, environment))) == 65_536
        return
    with pytest.raises(CannotRender) as caught:
        render(template, environment)
    assert caught.value.outcomes == outcomes


@given(VALUES)
def test_inserted_values_are_never_templates(value: Value) -> None:
    rendered = render({"a": "$input.v"}, {"input": {"v": value}})
    assert encode(rendered) == encode({"a": value})


def test_operations_refuse_with_a_class() -> None:
    env = encode({"input": {"x": 5}})
    assert eval_expected("$input.x == 5", env) == {"ok": {"value": True}}
    assert eval_expected("$input.y == 5", env) == {"refused": "rejected", "code": "unbound"}
    assert eval_expected("!", env) == {"refused": "malformed"}
    assert eval_expected("True", encode({"other": {}})) == {"refused": "malformed"}
    assert eval_expected("True", encode({"input": 5})) == {"refused": "malformed"}
    assert eval_expected("True", encode([])) == {"refused": "malformed"}
    assert eval_expected("!", b"\x81" * 17 + b"\x00") == {"any": [{"refused": "exhausted"}, {"refused": "malformed"}]}
    assert render_expected(encode("${input.x}"), env) == {"ok": {"value": "YTU"}}
    assert render_expected(encode("$5"), env) == {"refused": "malformed"}
    assert render_expected(encode("$input.x.y"), env) == {"refused": "rejected", "code": "type"}
    assert render_expected(b"", env) == {"refused": "malformed"}
