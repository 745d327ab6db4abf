"""Make sealed reports from outcomes without a run; read the lines of comparisons."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.planning.context import RunContext, header_line
from gritstone_conformance.results.judgement import judge_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, footer_line, write_report
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.schemas import violation
from selftests.fakes.subject import HELLO

__all__ = ["comparison_lines", "made_outcome", "made_report", "saved"]

LAX = "expected refused:invalid got ok"


def made_outcome(name: str, verdict: str = "pass", **members: Any) -> Outcome:
    """Return an outcome with the members that its verdict needs; its digest is derived from its name."""
    rules = members.pop("rules", ("grit.tree.key-order",))
    if verdict == "fail":
        members = {"rule": rules[0], "signature": LAX, **members}
    if verdict == "error":
        members = {"cause": "late", **members}
    if verdict == "skip":
        members = {"reason": "feature files is not claimed", **members}
    digest = members.pop("digest", name.encode().hex().ljust(64, "0")[-64:])
    return Outcome(name, digest, "vector", rules, members.pop("level", "MUST"), verdict, **members)


def made_report(book: RuleBook, *outcomes: Outcome, hello: dict[str, Any] = HELLO, **header: Any) -> Report:
    """Return the report of a full run with these outcomes; ``header`` replaces members of the header."""
    context = RunContext(Target("stdio", ("x",)))
    made = header_line(book, "f" * 64, context, hello, "2027-01-01T00:00:00.000Z")
    judgement = judge_run(outcomes, book, hello["profiles"], hello["features"])
    return Report({**made, **header}, outcomes, footer_line(outcomes, judgement, 0, "2027-01-01T00:00:01.000Z"))


def saved(path: Path, report: Report) -> str:
    """Write a report, sealed; return its path."""
    write_report(path, report.header, report.outcomes, report.footer)
    return str(path)


def comparison_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a comparison, after checking each with the schema and all of them with the seal."""
    rows = path.read_bytes().splitlines(keepends=True)
    lines = [json.loads(row) for row in rows]
    assert [violation("comparison", line) for line in lines] == [None] * len(lines)
    assert lines[-1]["lines"] == len(lines) - 1
    assert lines[-1]["sha256"] == hashlib.sha256(b"".join(rows[:-1])).hexdigest()
    return lines
