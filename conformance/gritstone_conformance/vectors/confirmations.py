"""Confirmations: which implementations gave the expected replies to which vectors.

``CONFIRMED`` lists groups of cases that the same implementations passed; ``grit/tree/*`` stands for all cases of a
topic. It is made from whole reports, and each later report of a named implementation is checked against it.

Spec: :rule:`suite.vector.origin`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.cases import Case
from gritstone_conformance.errors import DataError
from gritstone_conformance.results.report import Report
from gritstone_conformance.vectors.files import VectorSet

__all__ = ["CONFIRMED", "confirmations_text", "confirmed_by", "lint_confirmations", "lost_confirmations"]

CONFIRMED: Final = "CONFIRMED"


def confirmations_text(vectors: VectorSet, reports: Iterable[Report]) -> str:
    """Return the text of ``CONFIRMED`` for the vectors and reports of whole runs."""
    names: dict[str, set[str]] = {case.name: set() for case in vectors.cases()}
    identities = {case.name: case.identity() for case in vectors.cases()}
    for report in reports:
        for outcome in report.outcomes:
            if outcome.verdict == "pass" and identities.get(outcome.case) == outcome.digest:
                names[outcome.case].add(_name_of(report))
    groups: dict[tuple[str, ...], list[str]] = {}
    for topic, cases in _topics(names).items():
        if len({frozenset(names[case]) for case in cases}) == 1:
            groups.setdefault(tuple(sorted(names[cases[0]])), []).append(f"{topic}/*")
        else:
            for case in cases:
                groups.setdefault(tuple(sorted(names[case])), []).append(case)
    listed = [{"by": list(by), "cases": cases} for by, cases in sorted(groups.items())]
    return json.dumps({"confirmed": listed}, indent=1, ensure_ascii=False) + "\n"


def confirmed_by(root: Path, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the implementations that confirmed each named case; raises DataError when the file is invalid."""
    file = root / CONFIRMED
    try:
        groups: list[Any] = json.loads(file.read_text(encoding="utf-8"))["confirmed"]
        by_name = {case: tuple(group["by"]) for group in groups for case in group["cases"]}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise DataError(f"{file}: invalid list of confirmations: {problem}") from problem
    return {name: by_name.get(name) or by_name.get(f"{name.rpartition('/')[0]}/*", ()) for name in names}


def lint_confirmations(root: Path, cases: Mapping[str, Case]) -> Iterator[str]:
    """Yield each vector that too few implementations confirmed: one where the model made the replies, otherwise two."""
    try:
        confirmed = confirmed_by(root, cases)
    except DataError as problem:
        yield str(problem)
        return
    of_probe: dict[str, set[str]] = {}
    for name, by in confirmed.items():
        of_probe.setdefault(_probe(name), set()).update(by)
    for name, case in cases.items():
        least, found = 1 if case.origin["by"] == "script" else 2, sorted(of_probe[_probe(name)])
        if len(found) < least:
            shown = ", ".join(found) or "no implementation"
            yield f"{CONFIRMED}: {name}: confirmed by {shown}, expected at least {least}"


def _probe(name: str) -> str:
    """Return the name of a case without its ABI: the probes of a sandbox are the same in each."""
    return re.sub(r"^(sandbox/.*/)[a-z]+-", r"\1", name)


def lost_confirmations(root: Path, report: Report) -> Iterator[str]:
    """Yield each vector that the implementation of a whole report confirmed earlier and did not pass now."""
    verdicts = {outcome.case: outcome.verdict for outcome in report.outcomes if outcome.kind == "vector"}
    for name, by in confirmed_by(root, verdicts).items():
        if _name_of(report) in by and verdicts[name] != "pass":
            yield f"{name}: {CONFIRMED} names {_name_of(report)}, its verdict is {verdicts[name]}"


def _name_of(report: Report) -> str:
    return str(report.header["iut"]["implementation"]["name"])


def _topics(names: Mapping[str, object]) -> dict[str, list[str]]:
    topics: dict[str, list[str]] = {}
    for name in sorted(names):
        topics.setdefault(name.rpartition("/")[0], []).append(name)
    return topics
