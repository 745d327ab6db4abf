"""Verdict files: the verdicts of one implementation, rule by rule, in the form that a repository stores.

    python -m gritstone_conformance.reporting.verdict_files --write FILE REPORT
    python -m gritstone_conformance.reporting.verdict_files --check FILE REPORT

Much of a report changes from run to run; a verdict file contains the part that should not. The documentation shows it,
and CI compares it with each new report. All of it is taken from the report. A difference in a MUST rule fails the
check, and so does a vector that the implementation confirmed earlier and did not pass now. A SHOULD may depend on how
busy the machine is, so its difference is only printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.errors import DataError, SuiteError
from gritstone_conformance.files import write_file
from gritstone_conformance.results.judgement import rule_verdicts
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.rules import load_rules
from gritstone_conformance.vectors.confirmations import lost_confirmations

__all__ = ["differences", "load_verdicts", "verdicts_of"]

_MEMBERS = ("implementation", "spec", "suite", "profiles", "verdicts")


def verdicts_of(report: Report) -> dict[str, Any]:
    """Return the verdict file of a report; raises DataError without ``hello`` or for a part of a run."""
    header, iut = report.header, report.header["iut"]
    if iut is None:
        raise DataError("the report contains no reply to hello")
    if not report.footer["conforms"]:
        raise DataError("the report is of a selection; a verdict file requires a whole run")
    return {
        "implementation": iut["implementation"],
        "spec": header["spec"],
        "suite": header["suite"],
        "profiles": report.profiles,
        "verdicts": rule_verdicts(report.outcomes),
    }


def load_verdicts(file: Path) -> dict[str, Any]:
    """Read a verdict file; raises DataError when it is invalid."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        missing = [name for name in _MEMBERS if name not in kept]
    except (OSError, ValueError, TypeError) as problem:
        raise DataError(f"{file}: invalid verdict file: {problem}") from problem
    if missing:
        raise DataError(f"{file}: invalid verdict file: {', '.join(missing)} missing")
    return kept


def differences(kept: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each difference with the level of its rule; another implementation counts as a MUST."""
    names = kept["implementation"]["name"], found["implementation"]["name"]
    if names[0] != names[1]:
        yield "MUST", f"stored for {names[0]}, found for {names[1]}"
    rules, before, now = load_rules().rules, kept["verdicts"], found["verdicts"]
    for rule in sorted(before.keys() | now.keys()):
        if before.get(rule) != now.get(rule):
            level = rules[rule].level if rule in rules else "MUST"
            yield level, f"{rule} ({level}): stored {before.get(rule, 'nothing')}, found {now.get(rule, 'nothing')}"


def main(argv: list[str] | None = None) -> int:
    """Write or check a verdict file; returns the exit code (0 equal, 1 a MUST differs, 4 unreadable)."""
    parser = argparse.ArgumentParser(
        prog="python -m gritstone_conformance.reporting.verdict_files", description="Write or check a verdict file."
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", metavar="FILE", type=Path, help="write the verdicts of the report to FILE")
    action.add_argument("--check", metavar="FILE", type=Path, help="exit 1 if a MUST rule differs from FILE")
    parser.add_argument("report", metavar="REPORT", type=Path)
    options = parser.parse_args(argv)
    try:
        report = read_report(options.report)
        found = verdicts_of(report)
        if options.write is not None:
            write_file(options.write, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            print(f"{options.write}: {len(found['verdicts'])} rules")
            return 0
        lost = [("MUST", line) for line in lost_confirmations(vectors_dir(), report)]
        return _check(options.check, found, lost, options.report)
    except SuiteError as problem:
        print(f"verdicts: {problem}", file=sys.stderr)
        return 4


def _check(file: Path, found: Mapping[str, Any], lost: list[tuple[str, str]], report: Path) -> int:
    lines = [*differences(load_verdicts(file), found), *lost]
    for _, line in lines:
        print(f"verdicts: {line}", file=sys.stderr)
    print(f"{file}: {len(found['verdicts'])} rules, {len(lines)} differ")
    if not any(level == "MUST" for level, _ in lines):
        return 0
    print(f"to record them: python -m gritstone_conformance.reporting.verdict_files --write {file} {report}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
