"""The plan: all scenarios of the model, made with TLC, and the files of vectors that hold them.

The search is breadth first with one worker, so the same model gives the same scenarios; no seed is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.model_checking.goals import ALWAYS_UNPLAYED, Goal, make_goal, make_refusal, read_plan
from gritstone_conformance.model_checking.tables import Mutant, Tables
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.model_checking.tour import Tour, make_tour
from gritstone_conformance.scenarios import SCENARIOS, load_scenarios, scenario_text
from gritstone_conformance.text import counted

__all__ = ["make_scenarios", "outdated", "write_scenarios"]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one goal, mutant or tour gave: a line, and a scenario or a problem or neither."""

    line: str = ""
    scenario: dict[str, Any] | None = None
    problem: str = ""


def make_scenarios(
    tlc: Tlc, tables: Tables, only: Iterable[str], say: Callable[[str], None], jobs: int = 1
) -> tuple[list[dict[str, Any]], list[str]]:
    """Make the scenarios of all goals, mutants and the tour, or of those that are named; return them with the problems.

    A goal that no behaviour reaches is a problem. So is a mutant that is not run for a reason that ``goals.toml``
    does not have, or that is run in spite of one.

    Raises:
        UsageError: a name is unknown, or a table is invalid.
    """
    plan, wanted = read_plan(tables), frozenset(only)
    goals = [goal for goal in plan.goals if not goal.unplayed and _is_wanted(wanted, goal.name, goal.run)]
    mutants = [mutant for mutant in tables.mutants if _is_wanted(wanted, mutant.guard, mutant.run)]
    tours = [tour for tour in plan.tours if _is_wanted(wanted, tour.name)]
    if not goals and not mutants and not tours:
        raise UsageError(f"unknown goal, mutant, tour or run {', '.join(sorted(wanted))!r}")
    scenarios, problems = [], []
    with ThreadPoolExecutor(jobs) as pool:
        parts = [
            *(pool.submit(_of_tour, tlc, tour, tables) for tour in tours),
            *(pool.submit(_of_goal, tlc, goal, tables) for goal in goals),
            *(
                pool.submit(_of_mutant, tlc, each, tables, plan.unplayed.get((each.guard, each.run)))
                for each in mutants
            ),
        ]
        try:
            for part in (each.result() for each in parts):
                if part.line:
                    say(part.line)
                if part.scenario is not None:
                    scenarios.append(part.scenario)
                if part.problem:
                    problems.append(part.problem)
        finally:
            for each in parts:
                each.cancel()  # after an error or an interruption nothing else begins
    return scenarios, problems


def _is_wanted(wanted: frozenset[str], *names: str) -> bool:
    return not wanted or bool(wanted & {*names})


def _of_tour(tlc: Tlc, tour: Tour, tables: Tables) -> _Part:
    try:
        scenario = make_tour(tlc, tour, tables)
    except UsageError as problem:
        return _Part(problem=f"tour {tour.name}: {problem}")
    paths, acts = counted(len(scenario["paths"]), "path"), counted(sum(map(len, scenario["paths"])), "act")
    return _Part(f"ok   {scenario['name']}: {paths}, {acts}", scenario)


def _of_goal(tlc: Tlc, goal: Goal, tables: Tables) -> _Part:
    try:
        scenario = make_goal(tlc, goal, tables)
    except UsageError as problem:
        return _Part(problem=str(problem))
    return _Part(f"ok   {scenario['name']}: {counted(len(scenario['acts']), 'act')}", scenario)


def _of_mutant(tlc: Tlc, mutant: Mutant, tables: Tables, listed: str | None) -> _Part:
    title = f"mutant {mutant.guard} in {mutant.run}"
    try:
        scenario, reason = make_refusal(tlc, mutant, tables)
    except UsageError as problem:
        return _Part(problem=f"{title}: {problem}")
    line = fault = ""
    if scenario is not None:
        line = f"ok   {scenario['name']}: {counted(len(scenario['acts']), 'act')}"
    elif reason == listed or reason in ALWAYS_UNPLAYED:
        line = f"skip {title}: {reason}"
    if listed is not None and reason != listed:
        fault = f"{title}: got {reason or 'a scenario'!r}, goals.toml has {listed!r}"
    elif scenario is None and listed is None and reason not in ALWAYS_UNPLAYED:
        fault = f"{title} is not run, and goals.toml has no reason: {reason}"
    return _Part(line, scenario, fault)


def outdated(made: Iterable[dict[str, Any]], root: Path | None = None, *, is_whole: bool = False) -> list[str]:
    """Return the names of scenarios that differ from the vectors, or are not among them.

    Args:
        made: scenarios that were made from the model.
        root: the directory of vectors, by default the bundled one.
        is_whole: whether all scenarios were made; then a scenario of the vectors that was not made differs, too.
    """
    frozen = {each["name"]: each for file in load_scenarios(root) for each in file.scenarios}
    new = {each["name"]: each for each in made}
    names = [*new, *(frozen.keys() - new.keys() if is_whole else ())]
    return sorted(name for name in names if frozen.get(name) != new.get(name))


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
        for topic, scenarios in topics.items():
            write_file(folder / f"{topic}.json", scenario_text(topic, scenarios))
        for path in folder.glob("*.json"):
            if path.stem not in topics:
                path.unlink()
    except OSError as problem:
        raise UsageError(f"{folder}: {problem.strerror}") from problem
