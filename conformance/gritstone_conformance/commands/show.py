"""``gritstone show``: show a rule with its cases and verdicts, or a case with its steps or request lines."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from gritstone_conformance.attachment.protocol import encode_request
from gritstone_conformance.attachment.seqs import seq_number
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.cases import Case
from gritstone_conformance.commands.parser import nearest_words
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.judge import substitute
from gritstone_conformance.planning.plan import Planned, Selection
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.reporting.messages import LAST_REPORT, edit_words
from gritstone_conformance.reporting.mutants import mutants_by_rule
from gritstone_conformance.results.excerpts import show_answer, show_request
from gritstone_conformance.results.judgement import rule_verdicts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import read_report
from gritstone_conformance.rules import Rule
from gritstone_conformance.running.found_cases import locate
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in
from gritstone_conformance.text import say
from gritstone_conformance.trial import Property
from gritstone_conformance.vectors.files import read_vector_file

__all__ = ["request_lines", "run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Show what the options of ``gritstone show`` name; returns the exit code."""
    data = load_data()
    case = data.vectors.by_name().get(options.name) or _found_case(options.name)
    if options.raw:
        if case is None:
            raise UsageError(f"{options.name}: --raw expected the name of a vector or a saved case")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"".join(request_lines(case, seed=1)))
        return 0
    report = options.report or (LAST_REPORT if LAST_REPORT.exists() else None)
    outcomes = read_report(report).outcomes if report is not None else ()
    items = plan_run(data, Selection(), 1).items
    if options.name in data.book.rules:
        lines = _rule_lines(data.book.rules[options.name], items, outcomes)
    elif case is not None:
        lines = _case_lines(case, outcomes)
    elif item := next((each for each in items if each.name == options.name), None):
        lines = _item_lines(item, outcomes)
    else:
        raise UsageError(_unknown(options.name, [*data.book.rules, *(item.name for item in items)]))
    for line in lines:
        say(line)
    return 0


def _found_case(word: str) -> Case | None:
    path = locate(word, Path(".gritstone"))
    if path is None:
        return None
    file = read_vector_file(path)
    if len(file.cases) != 1:
        raise UsageError(f"{path}: contains {len(file.cases)} cases, expected one; use the name of a vector")
    return file.cases[0]


def request_lines(case: Case, seed: int) -> list[bytes]:
    """Return the request lines of one case: hello, its steps, bye.

    Raises:
        UsageError: a step needs an earlier reply, which does not exist here.
    """
    bindings: dict[str, Json] = {}
    places = TemporaryPaths()
    asked: list[tuple[str, dict[str, Json]]] = [("hello", AttachSettings(seed=seed).hello_args())]
    for step in case.steps:
        places.provide(names_in(step.args), bindings)
        try:
            asked.append((step.op, substitute(step.args, bindings)))
        except DataError as problem:  # a name that only a reply binds
            raise UsageError(f"{case.name}: --raw is impossible: {problem}") from problem
    asked.append(("bye", {}))
    return [encode_request(seq_number(seed, index), op, args) for index, (op, args) in enumerate(asked)]


def _rule_lines(rule: Rule, items: Sequence[Planned], outcomes: Sequence[Outcome]) -> list[str]:
    width = terminal_width() - 2
    needs = f" · needs {' '.join(rule.needs)}" if rule.needs else ""
    lines = [f"{rule.id} · {rule.level} · since {rule.since}{needs} · chapter {rule.chapter}"]
    lines += textwrap.wrap(rule.text, width, initial_indent="  ", subsequent_indent="  ")
    if rule.untested is not None:
        lines.append(f"  untested: {rule.untested}")
    if rule.unproven is not None:
        lines.append(f"  unproven: {rule.unproven}")
    verdict = rule_verdicts(outcomes).get(rule.id)
    if verdict is not None:
        lines.append(f"  verdict: {verdict}")
    lines += _cases_of_rule(rule, items, outcomes)
    mutants = mutants_by_rule().get(rule.id, ())
    return lines + (_wrapped_names("mutants", mutants) if mutants else [])


def _cases_of_rule(rule: Rule, items: Sequence[Planned], outcomes: Sequence[Outcome]) -> list[str]:
    """Return the names of the cases of a rule, grouped by verdict, failure and topic."""
    by_name = {outcome.case: outcome for outcome in outcomes}
    groups: dict[tuple[str, str, str], list[str]] = {}
    for item in sorted(items, key=lambda item: item.name):
        outcome = by_name.get(item.name)
        if rule.id in item.rules or (outcome is not None and outcome.rule == rule.id):
            verdict, _, failure = _verdict_words(outcome).partition(" ") if outcome else ("cases", "", "")
            topic, _, name = item.name.rpartition("/")
            groups.setdefault((verdict, failure, topic), []).append(name)
    lines = []
    for (verdict, failure, topic), names in sorted(groups.items()):
        lines += _wrapped_names(verdict, [failure]) if failure else []
        lines += _wrapped_names("" if failure else verdict, [f"{topic}/:", *names])
    return lines


def _wrapped_names(label: str, names: Sequence[str]) -> list[str]:
    return textwrap.wrap(
        " ".join(names),
        terminal_width(),
        initial_indent=f"  {label:<9} ",
        subsequent_indent=f"{'':<14}",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _verdict_words(outcome: Outcome) -> str:
    """Return the verdict, and for a failure also its rule and signature."""
    if outcome.verdict != "fail":
        return outcome.verdict
    return f"fail {outcome.rule}: {outcome.signature}"


def _case_lines(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    width = terminal_width() - 15
    lines = [f"{case.name} · {' '.join(case.rules)}", f"  digest       {case.identity()}"]
    lines += [f"  comment      {case.comment}"] if case.comment else []
    for number, step in enumerate(case.steps, 1):
        lines.append(f"  {f'step {number}':<12} {show_request(step.op, step.args, width)}")
        lines.append(f"  {'expected':<12} {show_answer(step.expect, width)}")
    if case.twin is not None:
        lines.append(f"  {'twin':<12} {case.twin} ({edit_words(case)})")
    for outcome in outcomes:
        if outcome.case == case.name:
            lines.append(f"  {'verdict':<12} {outcome.verdict}")
    return lines


def _item_lines(item: Planned, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines about a case that has no fixed requests: a property or a watch."""
    needs = [*item.requires.formats, *item.requires.features, *item.requires.profiles]
    lines = [f"{item.name} · {item.kind} · {' '.join(item.rules)}", f"  digest       {item.digest}"]
    lines += [f"  {'needs':<12} {' '.join(needs)}"] if needs else []
    if isinstance(item.source, Property):
        first, *_ = (item.source.body.__doc__ or "").strip().splitlines() or [""]
        lines += [f"  {'asks':<12} {first}"] if first else []
    for outcome in outcomes:
        if outcome.case == item.name:
            lines.append(f"  {'verdict':<12} {_verdict_words(outcome)}")
            lines += [f"  {'found':<12} {outcome.found}"] if outcome.found else []
    return lines


def _unknown(name: str, known: Sequence[str]) -> str:
    below = sorted(each for each in known if each.startswith((f"{name}.", f"{name}/")))
    if below:
        more = " ..." if len(below) > 12 else ""
        return f"{name}: expected one rule or case; {len(below)} names begin with it: {' '.join(below[:12])}{more}"
    return f"{name}: unknown rule or case{nearest_words(name, known)}"
