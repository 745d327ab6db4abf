"""``gritstone replay``: run one case again and report whether it is fixed.

::

    FIXED    the reply is now as expected                                          exit 0
    FAILS    wrong reply, the same as when it was found (or any, for a vector)     exit 1
    DIFFERS  wrong reply, but not the same as when it was found                    exit 1
    ERROR    the implementation broke                                              exit 1

A case whose lines alone do not show the fault is replayed as the property that found it, with the same seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.cases import Case
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.planning.plan import Plan, Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.results.expect_files import expectations_of
from gritstone_conformance.results.expectations import Expectation, Expectations
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import timestamp
from gritstone_conformance.running.found_cases import locate, was_signature
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.text import say
from gritstone_conformance.vectors.files import read_vector_file

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run the case that the options name; return the exit code."""
    target = Target.parse(options.iut, options.connect)
    expected = expectations_of(options.expect)
    data = load_data()
    case = _case(options.case, options.home, data)
    seed = case.origin.get("seed", 1) if isinstance(case.origin.get("seed", 1), int) else 1
    plan = _plan(case, data, seed)
    try:
        subject = Subject(target.opener(), attach_settings_of(options, seed))
    except SubjectFault as fault:
        say(f"ERROR  {case.name}   hello failed: {fault}")
        return 1
    iut = subject.claims.raw
    settings = RunSettings(seed=seed, home=options.home, saves=False)
    result = execute(plan, subject, data.book, settings, lambda _: None)
    outcome = next(outcome for outcome in result.outcomes if outcome.case == _name_to_run(case))
    header: dict[str, Json] = {"attach": target.attach, "command": list(target.command), "iut": iut}
    verdicts = {outcome.case: outcome.verdict for outcome in result.outcomes}
    teller = Teller(data.book, data.vectors.by_name(), header, options.home, terminal_width())
    known = None if expected is None else _entry(expected, outcome, case)
    return _tell(case, outcome, verdicts, teller, options.case, known)


def _entry(expected: Expectations, outcome: Outcome, case: Case) -> Expectation | None:
    """Return the entry that expects this failure today; for a found case, also one that names its original failure."""
    today, source = timestamp()[:10], str(case.origin.get("from", outcome.case))
    return expected.entry_for(outcome, today) or expected.entry_for(replace(outcome, case=source), today)


def _case(word: str, home: Path, data: SuiteData) -> Case:
    known = data.vectors.by_name().get(word)
    if known is not None:
        return known
    path = locate(word, home)
    if path is None:
        raise UsageError(
            f"{word}: expected a saved case, the first digits of one in {home / 'found'}, or a vector's name"
        )
    file = read_vector_file(path)
    if len(file.cases) != 1:
        raise UsageError(f"{path}: contains {len(file.cases)} cases, expected one; use the name of a vector")
    return file.cases[0]


def _plan(case: Case, data: SuiteData, seed: int) -> Plan:
    """Plan the case, or the property that replaces it, with the cases that its verdict depends on."""
    name = _name_to_run(case)
    identity = case.identity()
    others = [other for other in data.vectors.cases() if other.name != case.name and other.identity() != identity]
    if case.judge == "exact":
        return make_plan([case, *others], (), (), Selection(globs=(name,)), seed)
    plan = make_plan(others, load_properties(), (), Selection(globs=(name,)), seed)
    if not plan.items:
        raise UsageError(f"{case.name}: its lines alone do not show the fault, and its property is not in this suite")
    return plan


def _name_to_run(case: Case) -> str:
    return case.name if case.judge == "exact" else str(case.origin.get("from", ""))


def _tell(
    case: Case, outcome: Outcome, verdicts: Mapping[str, str], teller: Teller, word: str, known: Expectation | None
) -> int:
    was = was_signature(case)
    before = f"   (when saved: {was})" if was else ""
    tail = f"   known: {known.words()}" if known else ""
    if outcome.verdict == "pass":
        say(f"FIXED  {case.name}{before}{tail}")
        return 0
    if outcome.verdict == "skip":
        raise UsageError(f"{case.name} cannot be run: {outcome.reason}")
    if outcome.verdict == "error":
        say(f"ERROR  {case.name}{before}{tail}")
    elif was is None or was == outcome.signature:
        say(f"FAILS  {case.name}{tail}")
    else:
        say(f"DIFFERS  {case.name}   (when saved: {was}; now: {outcome.signature}){tail}")
    for line in teller.block(outcome, verdicts, replay=word):
        say(line)
    return 1
