"""Templates: forms of leaves, rendering in one pass, and limits."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Exhausted, Malformed, Rejected
from gritstone.flow.pure import render_value
from gritstone.flow.values import Ref, decode_value, encode_value

INPUT = {"amount": 40, "order": "A-17", "sly": "$input.amount ${input.order} $$", "ref": Ref("r"), "b": True, "l": [1]}


def rendered(template: Any, data: Any = None) -> Any:
    """Return a rendered template."""
    environment = encode_value({"input": INPUT if data is None else data})
    return decode_value(render_value(encode_value(template), environment))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({"amount": "$input.amount"}, {"amount": 40}),
        ("order ${input.order}: ${input.amount} of $$100", "order A-17: 40 of $100"),
        (["$input.order", 7, None, True], ["A-17", 7, None, True]),
        ({"$input.order": {"${input.order}": ["$$"]}}, {"$input.order": {"${input.order}": ["$"]}}),
        ("$input.sly", INPUT["sly"]),
        ("${input.sly}!", f"{INPUT['sly']}!"),
        (["$input.ref", "$input.l", "$input.b", "$$input.b"], [Ref("r"), [1], True, "$input.b"]),
    ],
)
def test_rendering(template: Any, value: Any) -> None:
    assert rendered(template) == value


@pytest.mark.parametrize(
    "leaf", ["$5", "${input}", "$input.amount ", "a$", "$", "${input.a", "$ {input.a}", "$out", "$x.y"]
)
def test_other_leaves_are_malformed(leaf: str) -> None:
    with pytest.raises(Malformed):
        rendered({"a": [leaf]})


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("$input.nope", "unbound"),
        ("${out.nope}", "unbound"),
        ("$input.amount.x", "type"),
        ("${input.ref}", "type"),
        ("${input.b}", "type"),
        ({"bb": "${input.b}", "c": "$input.nope"}, "unbound"),
    ],
)
def test_first_error_in_key_order_is_the_outcome(template: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        rendered(template)
    assert refused.value.code == code


def test_rendered_values_have_limits() -> None:
    text = "a" * 30_000
    assert len(rendered("${input.t}${input.t}", {"t": text})) == 60_000
    for template in ("${input.t}${input.t}${input.t}", ["$input.t", "$input.t", "$input.t"]):
        with pytest.raises(Exhausted):
            rendered(template, {"t": text})
    deep: Any = []
    for _ in range(13):
        deep = [deep]
    assert rendered(["$input.t", ["$input.t"]], {"t": deep})
    with pytest.raises(Exhausted):
        rendered([[["$input.t"]]], {"t": deep})


def test_work_is_bounded_by_the_limit_of_the_value() -> None:
    with pytest.raises(Exhausted):
        rendered(["${input.t}" * 6_000], {"t": "a" * 60_000})
