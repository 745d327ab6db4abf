"""Comparisons: sealed JSON lines about several runs, next to the report of each run.

A comparison makes no claim of conformance; reports do. Its form is that of ``comparison.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.messages import subject_name
from gritstone_conformance.results.report import timestamp, write_sealed
from gritstone_conformance.text import printable

__all__ = ["Comparison", "implementation_of", "report_beside"]


def implementation_of(letter: str, header: Mapping[str, Json], report: str | None = None) -> dict[str, Json]:
    """Return the description of an implementation in a comparison.

    Args:
        letter: its identifier in the lines.
        header: the header of its report.
        report: the name of its report in the same directory, if it has one.
    """
    iut = header["iut"]
    language = "" if iut is None else f" ({printable(iut['implementation']['language'])})"
    members: dict[str, Json] = {"letter": letter, "title": f"{subject_name(iut)}{language}"}
    members |= {"attach": header["attach"], "command": list(header["command"])}
    return members if report is None else {**members, "report": report}


def report_beside(report: Path, word: str) -> Path:
    """Return the path of a file next to a report: ``report.jsonl`` and ``b`` give ``report.b.jsonl``."""
    return report.with_name(f"{report.stem}.{word}{report.suffix}")


@dataclass(slots=True)
class Comparison:
    """A comparison in progress.

    Attributes:
        kind: ``against``, ``resume`` or ``battery``.
        seed: the seed of the runs.
        implementations: the compared implementations, by letter.
        lines: the findings.
    """

    kind: str
    seed: int
    implementations: list[dict[str, Json]] = field(default_factory=list)
    lines: list[dict[str, Json]] = field(default_factory=list)
    started: str = field(default_factory=timestamp)

    def write(self, path: Path, *, exit_code: int) -> None:
        """Write and seal it; raises UsageError if the file cannot be written."""
        header = {
            "type": "header",
            "comparison": 1,
            "kind": self.kind,
            "suite": SUITE_VERSION,
            "spec": SPEC_VERSION,
            "seed": self.seed,
            "implementations": self.implementations,
            "started": self.started,
        }
        footer = {"type": "footer", "lines": 1 + len(self.lines), "exit": exit_code, "finished": timestamp()}
        write_sealed(path, header, self.lines, footer)
