"""Vectors of the metrics of flows: the tables of the text, and bytes that are not traces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.flow.values import digest
from selftests.vectors.flow_texts import FlowVector

__all__ = ["metric_vectors"]

_PATHS: Final[tuple[tuple[str, int, list[int]], ...]] = (
    ("a b c d e f g", 0, [0, 1]),
    ("a b a b a b a c", 463_587, [5, 8]),
    ("read edit test edit test edit test done", 393_555, [1, 2]),
    ("rewrite retry rewrite rollback retry patch retry", 666_667, [3, 7]),
)
_SERIES: Final[tuple[tuple[str, int, str, bool], ...]] = (
    ("0" * 20 + "1" * 10, 20, "17302", True),
    ("0" * 10 + "1" * 10, 10, "11015", True),
    ("01" * 15, 1, "-847", False),
    ("0" * 30, 1, "-2321", False),
    ("0000000001011011", 9, "2943", False),
)


def _entered(names: list[str]) -> list[Any]:
    return [{"e": "entered", "node": name, "visit": 1} for name in names]


def _called(args: str, value: str) -> list[Any]:
    return [
        {"e": "called", "node": "edit", "tool": "t", "attempt": 1, "args": digest(args)},
        {"e": "settled", "node": "edit", "attempt": 1, "outcome": "ok", "usage": 2, "value": digest(value)},
    ]


def metric_vectors() -> Iterator[FlowVector]:
    """Yield the vectors."""
    for number, (path, entropy, rollback) in enumerate(_PATHS):
        found = {"transition_entropy": entropy, "rollback_density": rollback}
        yield _vector(f"path-{number}", ("formula",), _entered(path.split()), found)
    baselines = [["read", "validate", "patch", "test"]]
    variance = {"path_variance": [6, 7]}
    yield _vector("variance", ("formula",), _entered(_PATHS[3][0].split()), variance, baselines)
    uneven: list[list[str]] = [[], ["a"] * 5, ["b", "a", "c"]]
    yield _vector("variance-pooled", ("formula",), _entered(["a", "b"]), {"path_variance": [4, 5]}, uneven)
    yield _vector("variance-of-nothing", ("formula",), [], {"path_variance": [0, 1]}, [[], []])
    much = [{**event, "usage": 2**63 - 1} if event["e"] == "settled" else event for event in _called("1", "x") * 2]
    yield _vector("tokens", ("formula",), much, {"usage": [{"node": "edit", "calls": 2, "tokens": str(2**64 - 2)}]})
    churn = [("1", "x"), ("1", "x"), ("2", "x"), ("1", "y"), ("1", "y")]
    trace = [event for args, value in churn for event in _called(args, value)]
    usage = [{"node": "edit", "calls": 5, "tokens": "10"}]
    yield _vector("churn", ("formula",), trace, {"tool_churn": [2, 5], "usage": usage, "retry_rate": [0, 1]})
    for number, (bits, at, millibits, is_detected) in enumerate(_SERIES):
        names = ["n0" if bit == "1" else f"n{place}" for place, bit in enumerate(bits)]
        point = {"at": at, "millibits": millibits, "detected": is_detected}
        yield _vector(f"change-{number}", ("change-point",), _entered(names), {"change_point": point})
    yield _vector("change-of-one", ("change-point",), _entered(["a"]), {"change_point": None})
    for slug, entered in (("names", "ababc"), ("other-names", "zyzyx")):
        found = {"transition_entropy": 500_000, "rollback_density": [2, 5]}
        yield _vector(slug, ("inert",), _entered(list(entered)), found)
    yield _vector("not-a-visit", ("refused",), [{"e": "entered", "node": "a", "visit": -1}], "malformed")
    yield _vector("not-an-event", ("refused",), [{"e": "entered", "nodE": "a", "visit": 1}], "malformed")


def _vector(
    slug: str, rules: tuple[str, ...], trace: list[Any], outcome: Any, baselines: list[list[str]] | None = None
) -> FlowVector:
    args = {"trace": trace, "baselines": baselines or []}
    return FlowVector(f"metric/{slug}", tuple(f"metric.{rule}" for rule in rules), "metrics", args, outcome)
