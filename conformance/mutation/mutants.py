"""Mutants of an implementation, and what became of each.

A mutant is named by what it changes, not by where that stands: it keeps its name while its line moves, and a decision
about it becomes outdated when the line changes.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "VERDICTS",
    "Decision",
    "Mutant",
    "Result",
    "named",
    "read_decisions",
    "read_results",
    "stale",
    "write_results",
]

VERDICTS: Final = ("right-topic", "other-topic", "error", "survived", "not-reached")
"""How a mutant ends: a failure under a rule of its topic, a failure under other rules only, errors only, or no case
notices it; or no case reaches it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place.

    Attributes:
        id: what switches it on, in this build.
        name: 12 hex digits made of file, line, operator and change; the same in each build.
        file: the source file, relative to the implementation's folder.
        line: from 1.
        operator: of the mutation tool.
        original: the source text.
        replacement: what stands in its place.
    """

    id: str
    name: str
    file: str
    line: int
    operator: str
    original: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant.

    Attributes:
        name: of the mutant.
        file: its source file.
        verdict: one of ``VERDICTS``.
        case: the case that decided, or None.
        rule: the rule that it failed under, or None.
    """

    name: str
    file: str
    verdict: str
    case: str | None = None
    rule: str | None = None


def named(found: Iterable[tuple[str, str, int, str, str, str]], sources: dict[str, Sequence[str]]) -> list[Mutant]:
    """Return mutants with their names.

    Args:
        found: id, file, line, operator, original and replacement of each, in the order of the build.
        sources: the lines of each file.
    """
    mutants: list[Mutant] = []
    seen: dict[str, int] = {}
    for identity, file, line, operator, original, replacement in found:
        text = json.dumps([file, sources[file][line - 1].strip(), operator, original, replacement])
        seen[text] = turn = seen.get(text, -1) + 1
        name = hashlib.sha256(f"{text}{turn}".encode()).hexdigest()[:12]
        mutants.append(Mutant(identity, name, file, line, operator, original, replacement))
    return mutants


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a mutant that no case notices.

    Attributes:
        kind: ``equivalent``: it does what the original does; ``out-of-scope``: it does what no rule speaks of.
        reason: why.
    """

    kind: str
    reason: str


def read_decisions(path: Path) -> dict[str, Decision]:
    """Return the decisions in a file, by the names of their mutants; none if there is no file."""
    if not path.exists():
        return {}
    table = tomllib.loads(path.read_text())
    return {name: Decision(kind, each[name]) for kind, each in table.items() for name in each}


def stale(path: Path, mutants: Iterable[Mutant]) -> list[str]:
    """Return the names in a file of decisions that no mutant has: their lines have changed."""
    known = {mutant.name for mutant in mutants}
    return [name for name in read_decisions(path) if name not in known]


def read_results(path: Path) -> dict[str, Result]:
    """Return the results in a file, by the names of their mutants; none if there is no file."""
    if not path.exists():
        return {}
    results = (Result(*json.loads(line)) for line in path.read_text().splitlines())
    return {result.name: result for result in results}


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write results, a line of JSON each, ordered by file and name."""
    lines = (json.dumps(astuple(each)) for each in sorted(results, key=lambda each: (each.file, each.name)))
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
