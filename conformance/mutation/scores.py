"""The numbers: how many mutants of each profile were noticed, and under which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from .mutants import Decision, Mutant, Result
from .playing import Bench

__all__ = ["COLUMNS", "print_scores", "print_unnoticed", "score"]

COLUMNS: Final = ("right-topic", "other-topic", "error", "survived", "not-reached", "equivalent", "out-of-scope")
_NOTICED: Final = ("right-topic", "other-topic", "error")


def score(
    results: Iterable[Result], topics: Mapping[str, Sequence[str]], decisions: Mapping[str, Decision]
) -> dict[str, Counter[str]]:
    """Return profile -> how many mutants ended in each of ``COLUMNS``.

    A file belongs to the profile of its first topic. A decided mutant counts under its decision unless it was noticed.
    """
    counts: dict[str, Counter[str]] = {}
    for result in results:
        profile = next(iter(topics.get(result.file, ())), "?").partition(".")[0]
        decision = decisions.get(result.name)
        decided = decision is not None and result.verdict not in _NOTICED
        counts.setdefault(profile, Counter())[decision.kind if decision and decided else result.verdict] += 1
    return counts


def print_scores(bench: Bench, results: Mapping[str, Result], decisions: Mapping[str, Decision]) -> None:
    """Print a line for each profile."""
    print(f"{len(results)} of {len(bench.mutants)} mutants have a result")
    for profile, counts in sorted(score(results.values(), bench.topics, decisions).items()):
        asked = sum(counts.values()) - counts["equivalent"] - counts["out-of-scope"]
        noticed = sum(counts[each] for each in _NOTICED)
        share = f"{100 * noticed / asked:.1f} %" if asked else "none"
        right = f"{100 * counts['right-topic'] / noticed:.1f} %" if noticed else "none"
        told = ", ".join(f"{counts[column]} {column}" for column in COLUMNS)
        print(f"{profile:8} noticed {share} of {asked}, of these {right} under a rule of the topic   {told}")


def print_unnoticed(
    mutants: Sequence[Mutant], results: Mapping[str, Result], decisions: Mapping[str, Decision]
) -> None:
    """Print the mutants that were not noticed under a rule of their topic and about which nothing is decided."""
    for mutant in mutants:
        result = results.get(mutant.name)
        if result is None or result.verdict == "right-topic" or mutant.name in decisions:
            continue
        change = f"{_short(mutant.original)} -> {_short(mutant.replacement)}"
        why = f"{result.case} {result.rule or ''}" if result.case else ""
        print(f"{result.verdict:11} {mutant.name} {mutant.file}:{mutant.line} {mutant.operator}: {change}  {why}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
