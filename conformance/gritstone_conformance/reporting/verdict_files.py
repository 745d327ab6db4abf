"""The verdicts of one implementation as a repository keeps them: the implementation, the suite, and each rule.

    python -m gritstone_conformance.reporting.verdict_files --write FILE REPORT
    python -m gritstone_conformance.reporting.verdict_files --check FILE REPORT

A report says much that changes from run to run; a verdict file holds what should not. The table from rule to verdict
shows it, and CI compares it with each new report. Everything in it comes from the report. A difference fails where the
rule is a MUST; a SHOULD may depend on how busy the machine is, so it is only printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gritstone_conformance.errors import DataError, SuiteError
from gritstone_conformance.results.judgement import rule_verdicts
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.rules import load_rules

__all__ = ["differences", "load_verdicts", "verdicts_of"]

_MEMBERS = ("implementation", "spec", "suite", "vectors", "profiles", "verdicts")


def verdicts_of(report: Report) -> dict[str, Any]:
    """Return what a verdict file holds of a report; raises DataError for one without ``hello`` or of a part."""
    header, iut = report.header, report.header["iut"]
    if iut is None:
        raise DataError("the report is of an implementation that never said who it is")
    if not report.footer["conforms"]:
        raise DataError("the report is of a selection; a verdict file is made of a whole run")
    return {
        "implementation": iut["implementation"],
        "spec": header["spec"],
        "suite": header["suite"],
        "vectors": header["vectors"],
        "profiles": report.profiles,
        "verdicts": rule_verdicts(report.outcomes),
    }


def load_verdicts(file: Path) -> dict[str, Any]:
    """Read a verdict file; raises DataError when it is invalid."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        missing = [name for name in _MEMBERS if name not in kept]
    except (OSError, ValueError, TypeError) as problem:
        raise DataError(f"{file}: no verdict file: {problem}") from problem
    if missing:
        raise DataError(f"{file}: no verdict file: {', '.join(missing)} missing")
    return kept


def differences(kept: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the level of each rule whose verdict differs, and how; another implementation is a MUST."""
    names = kept["implementation"]["name"], found["implementation"]["name"]
    if names[0] != names[1]:
        yield "MUST", f"kept of {names[0]}, found of {names[1]}"
    rules, before, now = load_rules().rules, kept["verdicts"], found["verdicts"]
    for rule in sorted(before.keys() | now.keys()):
        if before.get(rule) != now.get(rule):
            level = rules[rule].level if rule in rules else "MUST"
            yield level, f"{rule} ({level}): kept {before.get(rule, 'nothing')}, found {now.get(rule, 'nothing')}"


def main(argv: list[str] | None = None) -> int:
    """Write or check a verdict file; returns the exit code (0 equal, 1 a MUST differs, 4 not readable)."""
    parser = argparse.ArgumentParser(
        prog="python -m gritstone_conformance.reporting.verdict_files", description="Keep the verdicts of a report."
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", metavar="FILE", type=Path, help="write the verdicts of the report to FILE")
    action.add_argument("--check", metavar="FILE", type=Path, help="exit 1 unless FILE holds the same of each MUST")
    parser.add_argument("report", metavar="REPORT", type=Path)
    options = parser.parse_args(argv)
    try:
        found = verdicts_of(read_report(options.report))
        if options.write is not None:
            options.write.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"{options.write}: {len(found['verdicts'])} rules")
            return 0
        return _check(options.check, found)
    except SuiteError as problem:
        print(f"verdicts: {problem}", file=sys.stderr)
        return 4


def _check(file: Path, found: Mapping[str, Any]) -> int:
    told = list(differences(load_verdicts(file), found))
    for _, line in told:
        print(f"verdicts: {line}", file=sys.stderr)
    print(f"{file}: {len(found['verdicts'])} rules, {len(told)} differ")
    return 1 if any(level == "MUST" for level, _ in told) else 0


if __name__ == "__main__":
    raise SystemExit(main())
