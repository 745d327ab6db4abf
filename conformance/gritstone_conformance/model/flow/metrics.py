"""The metrics of a canonical trace.

Logarithms are computed with many more digits than are kept, and rounded in two stages, so that a value that is exactly
between two integers is seen as that.

Spec: ``flow/metrics``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from gritstone_conformance.model.flow.limits import METRICS
from gritstone_conformance.model.flow.values import Map

__all__ = ["metrics"]

_DIGITS: Final = 120
_KEPT_BITS: Final = 256
_KEPT: Final = 60


def metrics(trace: list[Map], baselines: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the metrics of a trace in the form of the reply of ``flow.metrics``.

    Spec: :rule:`flow.metric.formula`.
    """
    nodes = [str(event["node"]) for event in trace if event["e"] == "entered"]
    repeated = _repeated(nodes)
    called = [event for event in trace if event["e"] == "called"]
    retried = sum(event["attempt"] > 1 for event in called)  # type: ignore[operator]
    return {
        "transition_entropy": _entropy(nodes),
        "rollback_density": _ratio(sum(repeated), len(nodes)),
        "path_variance": _variance(nodes, baselines),
        "invariant_violation_rate": _ratio(sum(map(_is_violation, trace)), len(trace)),
        "tool_churn": _churn(trace),
        "retry_rate": _ratio(retried, len(called)),
        "usage": list(_usage(trace)),
        "change_point": _change_point(repeated),
    }


def _ratio(numerator: int, denominator: int) -> list[int]:
    share = Fraction(numerator, denominator) if denominator else Fraction(0)
    return [share.numerator, share.denominator]


def _repeated(nodes: list[str]) -> list[bool]:
    """Return for each element whether it occurs earlier."""
    seen: set[str] = set()
    result = []
    for node in nodes:
        result.append(node in seen)
        seen.add(node)
    return result


def _entropy(nodes: list[str]) -> int:
    pairs = list(itertools.pairwise(nodes))
    begins = Counter(first for first, _ in pairs)
    with localcontext(Context(prec=_DIGITS)):
        total = Decimal(0)
        for (first, _), count in Counter(pairs).items():
            total += Decimal(count) * _log2(Fraction(begins[first], count)) / len(pairs)
        return _rounded(total * 1_000_000)


def _log2(number: Fraction) -> Decimal:
    return (_ln(number.numerator) - _ln(number.denominator)) / _ln(2)


@lru_cache(maxsize=4096)
def _ln(number: int) -> Decimal:
    """Return a natural logarithm with ``_DIGITS`` digits."""
    return Decimal(number).ln(Context(prec=_DIGITS))


def _rounded(number: Decimal) -> int:
    """Return a number rounded half up."""
    kept = number.quantize(Decimal(1).scaleb(-_KEPT)) if number else number
    return int((kept + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def _variance(nodes: list[str], baselines: Sequence[Sequence[str]]) -> list[int]:
    """Return the sum of the distances to the baselines, divided by the sum of the larger lengths."""
    lengths = [max(len(nodes), len(each)) for each in baselines]
    return _ratio(sum(_distance(nodes, each) for each in baselines), sum(lengths))


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the Levenshtein distance."""
    row = list(range(len(other) + 1))
    for index, element in enumerate(one, 1):
        before, row = row, [index]
        for at, each in enumerate(other, 1):
            row.append(min(before[at] + 1, row[-1] + 1, before[at - 1] + (element != each)))
    return row[-1]


def _is_violation(event: Map) -> bool:
    return event["e"] in ("denied", "rejected") or (event["e"] == "settled" and event["outcome"] == "bad")


def _churn(trace: list[Map]) -> list[int]:
    """Return the share of results that repeat the last one of the same tool with the same arguments."""
    newest_call: dict[Any, Any] = {}
    newest_value: dict[Any, Any] = {}
    count = repeated = 0
    for event in trace:
        place = event.get("node"), event.get("sub")
        if event["e"] == "called":
            newest_call[place] = event["tool"], event["args"]
        if event["e"] != "settled" or event["outcome"] != "ok":
            continue
        count += 1
        call = newest_call.get(place)
        if call is not None:
            repeated += newest_value.get(call) == event["value"]
            newest_value[call] = event["value"]
    return _ratio(repeated, count)


def _usage(trace: list[Map]) -> Iterator[dict[str, Any]]:
    calls: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for event in trace:
        node: Any = event.get("node")
        if event["e"] == "called":
            calls[node] += 1
        elif event["e"] == "settled":
            usage: Any = event["usage"]
            tokens[node] += usage
    for node in sorted(calls):
        yield {"node": node, "calls": calls[node], "tokens": tokens[node]}


def _change_point(series: list[bool]) -> dict[str, Any] | None:
    """Return where the rate of rollbacks changed, or None.

    A segment of m bits with k ones has the evidence 1 / ((m + 1) binomial(m, k)).

    Spec: :rule:`flow.metric.change-point`.
    """
    length = len(series)
    if not METRICS["least_entries"] <= length <= METRICS["entries"]:
        return None
    firsts, lasts = _inverses(series), _inverses(series[::-1])[::-1]
    inverses = [one * other for one, other in zip(firsts[:-1], lasts[1:], strict=True)]
    scale = min(inverses).bit_length() + _KEPT_BITS
    mean = Fraction(sum((1 << scale) // each for each in inverses), len(inverses) << scale)
    with localcontext(Context(prec=_DIGITS)):
        millibits = _rounded(1000 * _log2(mean * firsts[-1]))
    detected = millibits >= METRICS["detected_millibits"]
    return {"at": inverses.index(min(inverses)) + 1, "millibits": millibits, "detected": detected}


def _inverses(series: Sequence[bool]) -> list[int]:
    """Return 1 divided by the evidence of each segment that begins at the first bit, the shortest first.

    One more bit multiplies it by the new length plus 1, and divides it by how many bits are now equal to this one.
    """
    found, inverse, counts = [], 1, [0, 0]
    for length, bit in enumerate(series, 1):
        counts[bit] += 1
        inverse = inverse * (length + 1) // counts[bit]
        found.append(inverse)
    return found
