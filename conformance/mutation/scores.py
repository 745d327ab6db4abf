"""The numbers: how many mutants of each profile were noticed, and under which rules.

Needs nothing but the files of this folder, so that the docs show the same numbers as the run prints.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .mutants import Decision, Mutant, Result, read_decisions, read_results

__all__ = [
    "COLUMNS",
    "HERE",
    "Score",
    "generated",
    "print_scores",
    "print_unnoticed",
    "read_topics",
    "recorded_scores",
    "score",
    "write_generated",
]

HERE: Final = Path(__file__).resolve().parent
COLUMNS: Final = ("right-topic", "other-topic", "error", "survived", "not-reached", "equivalent", "out-of-scope")
_NOTICED: Final = ("right-topic", "other-topic", "error")
_GENERATED: Final = "generated.json"


@dataclass(slots=True)
class Score:
    """The mutants of one profile.

    Attributes:
        generated: how many there are.
        counts: how many of those with a result ended in each of ``COLUMNS``.
    """

    generated: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def judged(self) -> int:
        """How many have a result."""
        return self.counts.total()

    @property
    def asked(self) -> int:
        """How many have a result and could have been noticed."""
        return self.judged - self.counts["equivalent"] - self.counts["out-of-scope"]

    @property
    def noticed(self) -> int:
        """How many were noticed."""
        return sum(self.counts[each] for each in _NOTICED)

    @property
    def detection(self) -> str:
        """The share of noticed mutants."""
        return _share(self.noticed, self.asked)

    @property
    def precision(self) -> str:
        """The share of those of their topic among the mutants that failed under a rule."""
        right = self.counts["right-topic"]
        return _share(right, right + self.counts["other-topic"])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def read_topics(target: str, files: Iterable[str]) -> dict[str, Sequence[str]]:
    """Return file -> globs of the rules that its code carries out."""
    globs: Mapping[str, Sequence[str]] = tomllib.loads((HERE / "topics.toml").read_text())[target]
    return {file: next((rules for glob, rules in globs.items() if fnmatchcase(file, glob)), ()) for file in files}


def generated(mutants: Iterable[Mutant]) -> dict[str, int]:
    """Return file -> number of its mutants."""
    return dict(sorted(Counter(mutant.file for mutant in mutants).items()))


def write_generated(folder: Path, target: str, numbers: Mapping[str, int]) -> None:
    """Record the numbers of mutants of a target in the folder of its results."""
    path = folder / _GENERATED
    known = json.loads(path.read_text()) if path.exists() else {}
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps({**known, target: dict(numbers)}, indent=1, sort_keys=True) + "\n")


def score(
    results: Iterable[Result],
    topics: Mapping[str, Sequence[str]],
    decisions: Mapping[str, Decision],
    numbers: Mapping[str, int],
) -> dict[str, Score]:
    """Return profile -> score.

    A file belongs to the profile of its first topic. A decided mutant counts under its decision unless it was noticed.

    Args:
        results: what became of mutants.
        topics: file -> globs of rules.
        decisions: name of a mutant -> decision.
        numbers: file -> number of its mutants.
    """
    scores: dict[str, Score] = {}
    for file, number in numbers.items():
        scores.setdefault(_profile(topics.get(file, ())), Score()).generated += number
    for result in results:
        decision = decisions.get(result.name)
        decided = decision is not None and result.verdict not in _NOTICED
        counts = scores.setdefault(_profile(topics.get(result.file, ())), Score()).counts
        counts[decision.kind if decision and decided else result.verdict] += 1
    return dict(sorted(scores.items()))


def _profile(globs: Sequence[str]) -> str:
    return next(iter(globs), "?").partition(".")[0]


def recorded_scores(target: str, folder: Path = HERE) -> dict[str, Score]:
    """Return the scores of a target's recorded results, by profile; none if nothing is recorded."""
    path = folder / "results" / _GENERATED
    numbers = json.loads(path.read_text()).get(target, {}) if path.exists() else {}
    results = read_results(folder / "results" / f"{target}.jsonl").values()
    files = {*numbers, *(result.file for result in results)}
    decisions = read_decisions(folder / "decisions" / f"{target}.toml")
    return score(results, read_topics(target, files), decisions, numbers)


def print_scores(scores: Mapping[str, Score]) -> None:
    """Print a line for each profile."""
    for profile, each in scores.items():
        told = ", ".join(f"{each.counts[column]} {column}" for column in COLUMNS)
        right = f"right rule {each.precision}"
        print(f"{profile:8} noticed {each.detection} of {each.asked}, {right}; {each.generated} generated, {told}")


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
