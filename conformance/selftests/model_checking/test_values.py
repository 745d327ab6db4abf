"""Values and traces as TLC prints them."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.values import State, parse_trace, parse_value
from selftests.model_checking.fakes import CLEAN, FIRST, VIOLATED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-7", -7),
        ("TRUE", True),
        ('"a\\"b"', 'a"b'),
        ("<<>>", ()),
        ("<<1, <<2>>>>", (1, (2,))),
        ("{}", []),
        ('{"b", "a"}', ["b", "a"]),
        ("[on |-> FALSE, of |-> [x |-> 1]]", {"on": False, "of": {"x": 1}}),
        ("(a :> 1 @@ b :> <<2>>)".replace("a", '"a"', 1).replace(" b", ' "b"'), {"a": 1, "b": (2,)}),
        ("[\n  a |->\n    1 ]", {"a": 1}),
    ],
)
def test_value_is_parsed(text: str, value: Any) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize("text", ["", "<<1", "{1 2}", "[a 1]", "[a |-> ]", "1 2", "(1 :> )", "a", "1 ?", '"a'])
def test_text_that_is_no_value_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"^invalid value of TLC[^\n]*$"):
        parse_value(text)


def test_trace_has_the_states_in_order() -> None:
    assert parse_trace(VIOLATED) == [
        State("", {"present": [], "left": {"operations": 1}}),
        State("Put", {"present": ["step"], "left": {"operations": 0}}),
    ]


def test_second_trace_is_left_out() -> None:
    assert parse_trace(VIOLATED + VIOLATED) == parse_trace(VIOLATED)


@pytest.mark.parametrize("text", [CLEAN, FIRST, ""])
def test_output_without_states_has_no_trace(text: str) -> None:
    assert parse_trace(text) == []
