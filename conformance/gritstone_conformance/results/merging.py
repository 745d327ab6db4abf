"""Merging: combine the reports of all shards of one run into one report.

Checks that the parts belong together and are complete. A watch is in every part, and the merged outcome is the worst of
them. Every other case is in exactly one part, the one that it was assigned to.

Invariant: the merged verdict root is that of the unsharded run. Spec: :rule:`suite.shard.union`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from gritstone_conformance.cases import case_order
from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report

__all__ = ["merge_outcomes", "merged_header", "merged_restarts", "worse"]

_OWN: Final = ("shard", "started", "today", "folder")  # members that may differ between parts
_WORST_FIRST: Final = ("fail", "error", "pass", "skip")


def merged_header(parts: Sequence[Report]) -> dict[str, Json]:
    """Return the header of the whole.

    Raises:
        DataError: the parts are of different runs, or one is missing or duplicate.
    """
    if not parts:
        raise DataError("no reports to merge")
    first = parts[0].header
    for part in parts[1:]:
        for name in first.keys() | part.header.keys():
            if name not in _OWN and first.get(name) != part.header.get(name):
                raise DataError(f"the parts are of different runs: {name} differs")
    count = first["shard"][1]
    given = sorted(part.header["shard"][0] for part in parts)
    if any(part.header["shard"][1] != count for part in parts) or given != list(range(min(count, len(parts) + 1))):
        raise DataError(f"expected the shards 0 to {count - 1} of {count}, each once, got {given}")
    started = min(part.header["started"] for part in parts)
    folders = {part.header.get("folder") for part in parts}
    if len(folders) > 1:
        first = {name: value for name, value in first.items() if name != "folder"}
    return {**first, "shard": [0, 1], "started": started, "today": started[:10]}


def merge_outcomes(
    parts: Sequence[Report],
    place: Callable[[str], int | None] | None = None,
    planned: Collection[str] | None = None,
) -> tuple[Outcome, ...]:
    """Return the cases of all parts in the order of the plan.

    Args:
        parts: the parts.
        place: case name -> the index of its part, None for an unplanned case; None: a case may be in any part.
        planned: the names of all cases, or None if they are unknown.

    Raises:
        DataError: a case other than a watch is in two parts or in the wrong one, or is missing.
    """
    merged: dict[str, Outcome] = {}
    for part in parts:
        index = part.header["shard"][0]
        for outcome in part.outcomes:
            if place is not None and outcome.kind != "watch" and place(outcome.case) != index:
                raise DataError(f"{outcome.case} is in part {index}, but was assigned to another part")
            before = merged.get(outcome.case)
            if before is not None and outcome.kind != "watch":
                raise DataError(f"{outcome.case} is in two parts")
            merged[outcome.case] = outcome if before is None else worse(before, outcome)
    missing = sorted(set(planned or ()) - merged.keys())
    if missing:
        raise DataError(f"{len(missing)} cases are in no part, among them {missing[0]}")
    seed = parts[0].header["seed"]
    return tuple(sorted(merged.values(), key=lambda outcome: case_order(seed, outcome.case)))


def merged_restarts(parts: Sequence[Report]) -> int:
    """Return the sum of the restarts of all parts."""
    return sum(part.footer["restarts"] for part in parts)


def worse(one: Outcome, other: Outcome) -> Outcome:
    """Return the merged outcome of a watch in two parts: the worse one, with the requests of both."""
    worst = min((one, other), key=lambda outcome: _WORST_FIRST.index(outcome.verdict))
    return replace(worst, requests=one.requests + other.requests, seconds=one.seconds + other.seconds)
