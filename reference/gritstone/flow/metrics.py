"""Metrics: numbers about a canonical trace, computed exactly from integers.

N is the list of the nodes of ``entered``. Logarithms are computed with more digits than any rounding needs, and a
logarithm that is a fraction is found exactly.

Spec: ``flow/metrics``; :rule:`flow.metric.formula`, :rule:`flow.metric.change-point`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from math import comb, gcd, prod

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.events import is_logged
from gritstone.flow.values import Value, decode_value

__all__ = ["change_point", "levenshtein", "metrics", "read_trace", "transition_entropy"]

_MOST_TRACE_BYTES = 1 << 30
_ENTRIES = range(2, 4_097)
_DETECTED = 4_322  # millibits: a Bayes factor of 20
_DIGITS = 60
_KEPT_BITS = 256


def read_trace(data: bytes) -> list[Value]:
    """Return the events of the encoding of a trace, of any length.

    Raises:
        Malformed: the data is not the encoding of a list of events.

    Spec: :rule:`flow.metric.refused`.
    """
    try:
        events = decode_value(data, _MOST_TRACE_BYTES)
    except Exhausted as refusal:
        raise Malformed(str(refusal), rule="flow.metric.refused") from None
    if type(events) is not list or not all(map(is_logged, events)):
        raise Malformed("the data is not a list of events", rule="flow.metric.refused")
    return events


def metrics(events: Sequence[Value], baselines: Sequence[Sequence[str]]) -> Value:
    """Return the metrics of a canonical trace.

    Args:
        events: the events.
        baselines: lists of nodes to compare with.
    """
    nodes = [event["node"] for event in events if event["e"] == "entered"]
    series = _rollbacks(nodes)
    called = [event for event in events if event["e"] == "called"]
    bad = [event for event in events if event["e"] in ("denied", "rejected") or event.get("outcome") == "bad"]
    return {
        "transition_entropy": transition_entropy(nodes),
        "rollback_density": _pair(_ratio(sum(series), len(nodes))),
        "path_variance": _pair(_path_variance(nodes, baselines)),
        "invariant_violation_rate": _pair(_ratio(len(bad), len(events))),
        "tool_churn": _pair(_tool_churn(events)),
        "retry_rate": _pair(_ratio(sum(event["attempt"] > 1 for event in called), len(called))),
        "usage": _usage(events),
        "change_point": change_point(series),
    }


def _path_variance(nodes: Sequence[str], baselines: Sequence[Sequence[str]]) -> Fraction:
    """Return the sum of the edit distances, as a share of the sum of the larger lengths."""
    longest = sum(max(len(nodes), len(one)) for one in baselines)
    return _ratio(sum(levenshtein(nodes, one) for one in baselines), longest)


def _rollbacks(nodes: Sequence[str]) -> list[bool]:
    """Return for each entry whether its node was entered before."""
    first: dict[str, int] = {}
    return [first.setdefault(node, at) != at for at, node in enumerate(nodes)]


def _ratio(count: int, of: int) -> Fraction:
    return Fraction(count, of) if of else Fraction()


def _pair(ratio: Fraction) -> list[int]:
    return [ratio.numerator, ratio.denominator]


def _tool_churn(events: Sequence[Value]) -> Fraction:
    """Return the share of results that repeat the last result of the same call."""
    calls: dict[Value, Value] = {}
    last: dict[Value, str] = {}
    count = repeated = 0
    for event in events:
        place = event.get("node"), event.get("sub")
        if event["e"] == "called":
            calls[place] = event["tool"], event["args"]
        elif event["e"] == "settled" and event["outcome"] == "ok":
            count += 1
            if place in calls:
                repeated += last.get(calls[place]) == event["value"]
                last[calls[place]] = event["value"]
    return _ratio(repeated, count)


def _usage(events: Sequence[Value]) -> list[Value]:
    calls = Counter(event["node"] for event in events if event["e"] == "called")
    tokens: Counter[str] = Counter()
    for event in events:
        if event["e"] == "settled":
            tokens[event["node"]] += event["usage"]
    return [{"node": node, "calls": calls[node], "tokens": tokens[node]} for node in sorted(calls)]


# --- paths -----------------------------------------------------------------------------------------------


def transition_entropy(nodes: Sequence[str]) -> int:
    """Return how uncertain the next node is, in millionths of a bit."""
    pairs = Counter(pairwise(nodes))
    first = Counter(nodes[:-1])
    above = prod(first[a] ** count for (a, _), count in pairs.items())
    below = prod(count**count for count in pairs.values())
    return _rounded_log2(above, below, 1_000_000, max(1, len(nodes) - 1))


def levenshtein(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the edit distance of two lists, by the algorithm of Myers on the bits of integers."""
    if not left:
        return len(right)
    masks: dict[str, int] = {}
    for at, one in enumerate(left):
        masks[one] = masks.get(one, 0) | 1 << at
    full, high = (1 << len(left)) - 1, 1 << len(left) - 1
    up, down, distance = full, 0, len(left)
    for one in right:
        equal = masks.get(one, 0)
        vertical = equal | down
        horizontal = (((equal & up) + up) ^ up) | equal
        more, less = down | full & ~(horizontal | up), up & horizontal
        distance += bool(more & high) - bool(less & high)
        more, less = (more << 1 | 1) & full, less << 1 & full
        up, down = less | full & ~(vertical | more), more & vertical
    return distance


# --- change point ----------------------------------------------------------------------------------------


def change_point(series: Sequence[bool]) -> Value:
    """Return where the rate of true entries changed, with the evidence for a change; or None.

    The evidence of m bits with k ones is 1 / ((m + 1) * comb(m, k)), so the greatest product has the least denominator.
    """
    size = len(series)
    if size not in _ENTRIES:
        return None
    left, right = _inverse_evidence(series)[:-1], _inverse_evidence(series[::-1])[:-1]
    products = [one * other for one, other in zip(left, reversed(right), strict=True)]
    least = min(products)
    scale = least.bit_length() + _KEPT_BITS
    total = sum((1 << scale) // one for one in products)
    whole = (size + 1) * comb(size, sum(series))
    millibits = _rounded_log2(total * whole, (size - 1) << scale, 1_000, 1)
    return {"at": products.index(least) + 1, "millibits": millibits, "detected": millibits >= _DETECTED}


def _inverse_evidence(series: Sequence[bool]) -> list[int]:
    """Return 1 / evidence of the first 1, 2, ... bits."""
    found = []
    binomial = 1
    for size, ones in enumerate(accumulate(map(int, series)), 1):
        binomial = binomial * size // (ones if series[size - 1] else size - ones)
        found.append((size + 1) * binomial)
    return found


def _rounded_log2(above: int, below: int, factor: int, divisor: int) -> int:
    """Return factor * log2(above / below) / divisor, rounded half up."""
    common = gcd(above, below)
    above, below = above // common, below // common
    if above.bit_count() == below.bit_count() == 1:
        exact = Fraction(factor * (above.bit_length() - below.bit_length()), divisor) + Fraction(1, 2)
        return exact.numerator // exact.denominator
    with localcontext() as context:
        context.prec = _DIGITS
        value = factor * (_log2(above) - _log2(below)) / divisor + Decimal("0.5")
        return int(value.to_integral_value(rounding=ROUND_FLOOR))


def _log2(number: int) -> Decimal:
    """Return the logarithm of a number, of which only the first bits count."""
    shift = max(0, number.bit_length() - _KEPT_BITS)
    return shift + Decimal(number >> shift).ln() / Decimal(2).ln()
