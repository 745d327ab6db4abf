"""Expressions: grammar, evaluation and limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Exhausted, Malformed, Refusal, Rejected
from gritstone.flow.pure import evaluate_text
from gritstone.flow.values import encode_value

INPUT = {"x": 5, "s": "yes", "l": [1, "1", True], "m": {"k": None}, "n": None, "b": True}
ENVIRONMENT = encode_value({"input": INPUT})

TABLE = {
    "True": r"""not $input.x == 6; $input.x == 5 or $input.x == 6 and $input.x == 7; True or True and False;
        'ye' in $input.s; $input.n == None; True or $input.nope == 1; $input.x==5 and(True); '\$' == '\u{24}';
        not not True; 'k' in $input.m; 'z' not in $input.m; True in $input.l; 2 not in $input.l; '\'' == "'";
        -9223372036854775808 < 9223372036854775807; '\u{ff5e}' < '\u{10000}'; (((True))); None != $input.x;
        $input.l == $input.l; '\n\t\\\"' != ''; has $input.n; not has $input.m.z; 'b' >= 'a'; 2 <= 2""",
    "False": """$input.m == None; has $input.nope.deep; not ($input.b == True or $input.x == 9);
        has $input.nope and $input.nope == 1; not True or False; False in $input.l; 'e' > 'z'; has $out.a""",
    "unbound": """$input.nope != 'high'; $input.nope == None; $input.nope == 1 or True; $out.a; $input.m.z == 1;
        $input.__class__ == 1; $input.nope in 5""",
    "type": """$input.x; $input.x == '5'; 5 in 5; True == 1; True and $input.x; has $input.x.y; $input.s.upper == 1;
        not 1; (1); None; 1 < '2'; True < False; None < None; 1 in 'a'; 1 in $input.m; 'a' in 5; $input.l < $input.l""",
}
MALFORMED = """$input.x == 5 garbage; !$input.b; $input.x = 5; $input.x == 5 # c; (((($input.x == 6;
    $input.x == 6) or ($input.x == 5; 1 < 2 < 3; $input.s contains 'ye'; '$s' == 'yes'; $input.x.lower(); true;
    $input.x==5and True; 'open; $input; $input.; $ input.x; $inputs.x; -0 == 0; 01 == 1; 1.0 == 1; + 1 == 1; - 1 == 1;
    9223372036854775808 == 1; '\\x' == ''; '\\u{d800}' == ''; '\\u{110000}' == ''; '\\u{1234567}' == ''; '\\u{}' == '';
    '\\u{AB}' == ''; has 1; has (True); 1 not 2; not; (1) == 1; True and; and True; or; True True; ();
    $input.a.b.c.d.e.f.g.h.i == 1; '\x7f' == ''; '\t' == ''; True\x0b; 'a'b' == 1; in; 1 in in 2; =; =="""


def outcome(text: str) -> str:
    """Return the value of an expression, or the code or the class of its refusal."""
    try:
        return str(evaluate_text(text, ENVIRONMENT))
    except Refusal as refusal:
        return refusal.code or refusal.kind


@pytest.mark.parametrize(
    ("expected", "text"), [(key, text.strip()) for key, texts in TABLE.items() for text in texts.split(";")]
)
def test_evaluation(expected: str, text: str) -> None:
    assert outcome(text) == expected


@pytest.mark.parametrize("text", ["", " ", *(text.strip(" \n") for text in MALFORMED.split(";"))])
def test_other_texts_are_malformed(text: str) -> None:
    assert outcome(text) == "malformed"


def test_limits_are_exact() -> None:
    assert outcome(" or ".join(["True"] * 256)) == "True"
    assert outcome(" or ".join(["True"] * 257)) == "exhausted"
    assert outcome("(" * 16 + "not " * 16 + "True" + ")" * 16) == "True"
    assert outcome("(" * 16 + "not " * 17 + "True" + ")" * 16) == "exhausted"
    assert outcome("(True) and " * 100 + "True") == "True"
    assert outcome("True" + " " * 4_092) == "True"
    assert outcome("True" + " " * 4_093) == "exhausted"
    assert outcome(f"$input.{'a' * 63} == 1") == "unbound"
    assert outcome(f"$input.{'a' * 64} == 1") == "malformed"
    assert outcome("$input.x.b.c.d.e.f.g.h == 1") == "type"


@given(st.text(alphabet="$.input x5'\"()<>=!nothasdTrueF{}\\u-_ \t", max_size=30))
def test_every_text_has_an_outcome(text: str) -> None:
    assert outcome(text) in {"True", "False", "unbound", "type", "malformed", "exhausted"}


@pytest.mark.parametrize("value", [[], {"other": {}}, {"input": 1}, None])
def test_other_environments_are_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        evaluate_text("True", encode_value(value))


def test_refusals_have_their_classes() -> None:
    with pytest.raises(Rejected):
        evaluate_text("$input.nope == 1", ENVIRONMENT)
    with pytest.raises(Exhausted):
        evaluate_text("True", bytes(65_537))
