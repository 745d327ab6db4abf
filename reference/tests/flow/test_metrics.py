"""Metrics: the worked examples, and their formulas by other means."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Malformed
from gritstone.flow.metrics import change_point, levenshtein, metrics, read_trace, transition_entropy
from gritstone.flow.values import encode_value

DIGEST = "0" * 64
PATHS = st.lists(st.sampled_from("abc"), max_size=12)


def entered(nodes: str) -> list[Any]:
    """Return the events of entering nodes."""
    names = nodes.split() if " " in nodes else list(nodes)
    return [{"e": "entered", "node": name, "visit": 1} for name in names]


def settled(n: int, value: int) -> list[Any]:
    """Return the events of one call with its result."""
    called = {"e": "called", "node": "a", "tool": "edit", "attempt": 1, "args": f"{n:064x}"}
    ok = {"e": "settled", "node": "a", "attempt": 1, "outcome": "ok", "usage": 5, "value": f"{value:064x}"}
    return [called, ok]


@pytest.mark.parametrize(
    ("nodes", "entropy", "density"),
    [
        ("abcdefg", 0, [0, 1]),
        ("abababac", 463_587, [5, 8]),
        ("read edit test edit test edit test done", 393_555, [1, 2]),
        ("rewrite retry rewrite rollback retry patch retry", 666_667, [3, 7]),
        ("", 0, [0, 1]),
        ("a", 0, [0, 1]),
    ],
)
def test_paths(nodes: str, entropy: int, density: list[int]) -> None:
    found = metrics(entered(nodes), [])
    assert (found["transition_entropy"], found["rollback_density"]) == (entropy, density)


def test_path_variance_and_churn() -> None:
    found = metrics(
        entered("rewrite retry rewrite rollback retry patch retry"), [["read", "validate", "patch", "test"]]
    )
    assert found["path_variance"] == [6, 7]
    events = [event for pair in ((1, 0), (1, 0), (2, 0), (1, 1), (1, 1)) for event in settled(*pair)]
    found = metrics(events, [])
    assert found["tool_churn"] == [2, 5]
    assert metrics([events[1], events[1]], [])["tool_churn"] == [0, 1]
    assert found["usage"] == [{"node": "a", "calls": 5, "tokens": 25}]
    assert found["change_point"] is None


def test_rates_of_violations_and_retries() -> None:
    events = [
        {"e": "denied", "node": "a", "tool": "t", "why": "when"},
        {"e": "settled", "node": "a", "attempt": 1, "outcome": "bad", "usage": 0},
        {"e": "called", "node": "a", "tool": "t", "attempt": 2, "args": DIGEST},
        {"e": "called", "node": "a", "tool": "t", "attempt": 1, "args": DIGEST},
    ]
    found = metrics(events, [])
    assert (found["invariant_violation_rate"], found["retry_rate"]) == ([1, 2], [1, 2])


@pytest.mark.parametrize(
    ("series", "at", "millibits"),
    [
        ("0" * 20 + "1" * 10, 20, 17_302),
        ("0" * 10 + "1" * 10, 10, 11_015),
        ("01" * 15, 1, -847),
        ("0" * 30, 1, -2_321),
        ("0000000001011011", 9, 2_943),
    ],
)
def test_change_points(series: str, at: int, millibits: int) -> None:
    found = change_point([bit == "1" for bit in series])
    assert found == {"at": at, "millibits": millibits, "detected": millibits >= 4_322}


def test_longest_series_has_a_change_point() -> None:
    found = change_point([False] * 2_048 + [True] * 2_048)
    assert found["at"] == 2_048
    assert change_point([False] * 4_097) is None


@given(st.lists(st.booleans(), min_size=2, max_size=30))
def test_change_point_is_that_of_the_formula(series: list[bool]) -> None:
    def evidence(bits: list[bool]) -> Fraction:
        ones = sum(bits)
        return Fraction(factorial(ones) * factorial(len(bits) - ones), factorial(len(bits) + 1))

    products = [evidence(series[:at]) * evidence(series[at:]) for at in range(1, len(series))]
    found = change_point(series)
    assert found["at"] == products.index(max(products)) + 1
    factor = sum(products) / len(products) / evidence(series)
    assert abs(found["millibits"] - 1_000 * log2(factor)) <= 0.501


@given(PATHS)
def test_entropy_is_that_of_the_formula(nodes: list[str]) -> None:
    pairs = list(pairwise(nodes))
    bits = 0.0
    for a, b in set(pairs):
        share = pairs.count((a, b)) / sum(one == a for one, _ in pairs)
        bits -= pairs.count((a, b)) / len(pairs) * log2(share)
    assert abs(transition_entropy(nodes) - 1e6 * bits) <= 0.51


@given(PATHS, PATHS)
def test_levenshtein_is_the_least_number_of_edits(left: list[str], right: list[str]) -> None:
    row = list(range(len(right) + 1))
    for at, one in enumerate(left, 1):
        before, row[0] = row[0], at
        for index, other in enumerate(right, 1):
            before, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, before + (one != other))
    assert levenshtein(left, right) == row[-1]


@pytest.mark.parametrize(
    "value", [{}, [1], [{"e": "x"}], [{"e": "entered", "node": "a"}], [{"e": 1}], [{"e": "settled"}]]
)
def test_other_traces_are_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        read_trace(encode_value(value))
    with pytest.raises(Malformed):
        read_trace(b"\xff")


def test_long_traces_are_read() -> None:
    events = entered("ab" * 2_500)
    assert len(read_trace(encode_value(events, None))) == 5_000
