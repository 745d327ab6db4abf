"""JUnit: a report as XML that build servers read; a suite for each profile, a test case for each case.

Known failures are skipped, with their entry; stale entries of the file of expected failures fail in a separate suite,
so that a build server reports a failure exactly if the exit code is 1.

Spec: :rule:`suite.report.derived`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.markup import Node, element, safe, write_xml
from gritstone_conformance.reporting.messages import found_word
from gritstone_conformance.reporting.page.material import Material, gather
from gritstone_conformance.results.expectations import Expectation, blamed_rule
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report

__all__ = ["make_junit"]

_OF_HEADER: Final = ("suite", "spec", "rules", "vectors", "seed", "profile", "attach", "iut", "platform", "started")
_OF_FOOTER: Final = ("rules", "conforms", "verdicts", "exit")


def make_junit(report: Report, data: SuiteData) -> str:
    """Return a report as JUnit XML.

    Args:
        report: the report.
        data: the rules and vectors of the suite, for texts and twins.
    """
    material = gather(report, data)
    profiles: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        profiles.setdefault(outcome.profile, []).append(outcome)
    suites = [_suite(material, name, profiles[name]) for name in sorted(profiles)]
    if material.judgement.stale:
        suites.append(_stale_suite(material))
    totals = {name: sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors")}
    seconds = sum(outcome.seconds for outcome in report.outcomes)
    return write_xml(element("testsuites", {"name": "gritstone", **totals, "time": f"{seconds:.6f}"}, *suites))


def _suite(material: Material, name: str, outcomes: Sequence[Outcome]) -> Node:
    cases = [_case(material, outcome) for outcome in outcomes]
    return _suite_of(material, name, cases, sum(outcome.seconds for outcome in outcomes))


def _suite_of(material: Material, name: str, cases: Sequence[Node], seconds: float) -> Node:
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    about = {"name": name, **counts, "time": f"{seconds:.6f}", "timestamp": material.report.header["started"][:19]}
    return element("testsuite", about, element("properties", {}, *_properties(material)), *cases)


def _properties(material: Material) -> Iterator[Node]:
    for line, names in ((material.report.header, _OF_HEADER), (material.report.footer, _OF_FOOTER)):
        for name in names:
            yield element("property", {"name": name, "value": _plain(line[name])})


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _case(material: Material, outcome: Outcome) -> Node:
    group = outcome.case.rpartition("/")[0].replace("/", ".")
    about = {"classname": group, "name": outcome.case, "time": f"{outcome.seconds:.6f}"}
    return element("testcase", about, _result(material, outcome))


def _result(material: Material, outcome: Outcome) -> Node | None:
    if outcome.verdict == "pass":
        return None
    if outcome.verdict == "skip":
        return element("skipped", {"message": outcome.reason})
    if outcome.expected is not None:
        return element("skipped", {"message": f"known: {Expectation.from_json(outcome.expected).words()}"})
    lines = material.teller.block(outcome, material.verdicts, replay=found_word(outcome, material.report.header))
    if outcome.verdict == "fail":
        message = f"{blamed_rule(outcome)}: {outcome.signature}"
        return _result_node("failure", {"type": outcome.rule, "message": message}, lines)
    return _result_node("error", {"type": outcome.cause, "message": outcome.detail or outcome.cause}, lines)


def _result_node(tag: str, about: dict[str, object], lines: Sequence[str]) -> Node:
    node = element(tag, about)
    node.text = "\n".join(map(safe, lines))
    return node


def _stale_suite(material: Material) -> Node:
    cases = [
        element(
            "testcase",
            {"classname": "expect", "name": stale.at, "time": "0"},
            _result_node("failure", {"type": "stale", "message": f"{stale.entry}: {stale.why}"}, stale.lines()),
        )
        for stale in material.judgement.stale
    ]
    return _suite_of(material, "expect", cases, 0.0)
