"""The plan: all scenarios of the model, made with TLC, and the files of vectors that hold them.

The search is breadth first with one worker, so the same model gives the same scenarios; no seed is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.goals import ALWAYS_UNPLAYED, make_goal, make_refusal, read_plan
from gritstone_conformance.model_checking.tables import Mutant, Tables
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.scenarios import SCENARIOS, load_scenarios, scenario_text
from gritstone_conformance.text import counted

__all__ = ["make_scenarios", "outdated", "write_scenarios"]


@dataclass(slots=True)
class _Made:
    scenarios: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def make_scenarios(
    tlc: Tlc, tables: Tables, only: Iterable[str], say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Make the scenarios of all goals and mutants, or of those that are named; return them with the problems.

    A goal that no behaviour reaches is a problem. So is a mutant that is not run for a reason that ``goals.toml``
    does not have, or that is run in spite of one.

    Raises:
        UsageError: a name is unknown, or a table is invalid.
    """
    plan, wanted = read_plan(tables), frozenset(only)
    goals = [goal for goal in plan.goals if not goal.unplayed and _is_wanted(wanted, goal.name, goal.run)]
    mutants = [mutant for mutant in tables.mutants if _is_wanted(wanted, mutant.guard, mutant.run)]
    if not goals and not mutants:
        raise UsageError(f"unknown goal, mutant or run {', '.join(sorted(wanted))!r}")
    made = _Made()
    for goal in goals:
        try:
            scenario = make_goal(tlc, goal, tables)
        except UsageError as problem:
            made.problems.append(str(problem))
            continue
        made.scenarios.append(scenario)
        say(f"ok   {scenario['name']}: {counted(len(scenario['acts']), 'act')}")
    for mutant in mutants:
        _of_mutant(tlc, mutant, tables, plan.unplayed.get((mutant.guard, mutant.run)), made, say)
    return made.scenarios, made.problems


def _is_wanted(wanted: frozenset[str], *names: str) -> bool:
    return not wanted or bool(wanted & {*names})


def _of_mutant(
    tlc: Tlc, mutant: Mutant, tables: Tables, listed: str | None, made: _Made, say: Callable[[str], None]
) -> None:
    title = f"mutant {mutant.guard} in {mutant.run}"
    try:
        scenario, reason = make_refusal(tlc, mutant, tables)
    except UsageError as problem:
        made.problems.append(f"{title}: {problem}")
        return
    if scenario is not None:
        made.scenarios.append(scenario)
        say(f"ok   {scenario['name']}: {counted(len(scenario['acts']), 'act')}")
    elif reason == listed or reason in ALWAYS_UNPLAYED:
        say(f"skip {title}: {reason}")
    if listed is not None and reason != listed:
        made.problems.append(f"{title}: got {reason or 'a scenario'!r}, goals.toml has {listed!r}")
    elif scenario is None and listed is None and reason not in ALWAYS_UNPLAYED:
        made.problems.append(f"{title} is not run, and goals.toml has no reason: {reason}")


def outdated(made: Iterable[dict[str, Any]], root: Path | None = None) -> list[str]:
    """Return the names of scenarios that differ from the vectors, or are not among them."""
    frozen = {each["name"]: each for file in load_scenarios(root) for each in file.scenarios}
    return [each["name"] for each in made if frozen.get(each["name"]) != each]


def write_scenarios(made: Iterable[dict[str, Any]], root: Path) -> None:
    """Replace the files of scenarios: one for each run of the model, without the scenarios of other files.

    Raises:
        UsageError: a file cannot be written.
    """
    topics: dict[str, list[dict[str, Any]]] = {}
    for each in made:
        topics.setdefault(each["name"].split("/")[1], []).append(each)
    folder = root / SCENARIOS
    try:
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json"):
            path.unlink()
        for topic, scenarios in topics.items():
            text = scenario_text(topic, scenarios)
            (folder / f"{topic}.json").write_text(text, encoding="utf-8", newline="\n")
    except OSError as problem:
        raise UsageError(f"{folder}: {problem.strerror}") from problem
