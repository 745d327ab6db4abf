"""The plan: all scenarios of the model, made with TLC, and the files of vectors that hold them.

The search is breadth first with one worker, so the same model gives the same scenarios; no seed is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.goals import Goal, make_goal, make_refusal, read_plan
from gritstone_conformance.model_checking.tables import Mutant, Tables
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.vectors.scenarios import SCENARIOS, load_scenarios, scenario_text

__all__ = ["make_scenarios", "outdated", "write_scenarios"]


def make_scenarios(tlc: Tlc, tables: Tables, only: Iterable[str], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Make the scenarios of all goals and mutants, or of those that are named.

    Raises:
        UsageError: a name is unknown, a goal is unreachable, or a mutant is not played without a listed reason, or is played
            in spite of one.
    """
    plan, wanted = read_plan(tables), frozenset(only)
    goals = [goal for goal in plan.goals if not goal.unplayed and _is_wanted(wanted, goal.name, goal.run)]
    mutants = [mutant for mutant in tables.mutants if _is_wanted(wanted, mutant.guard, mutant.run)]
    if not goals and not mutants:
        raise UsageError(f"unknown goal, mutant or run {', '.join(sorted(wanted))!r}")
    made = []
    for goal in goals:
        made.append(_of_goal(tlc, goal, tables, say))
    for mutant in mutants:
        listed = plan.unplayed.get((mutant.guard, mutant.run))
        scenario = _of_mutant(tlc, mutant, tables, listed, say)
        made += [scenario] if scenario else []
    return made


def _is_wanted(wanted: frozenset[str], *names: str) -> bool:
    return not wanted or bool(wanted & {*names})


def _of_goal(tlc: Tlc, goal: Goal, tables: Tables, say: Callable[[str], None]) -> dict[str, Any]:
    scenario = make_goal(tlc, goal, tables)
    say(f"ok   {scenario['name']}: {len(scenario['acts'])} acts")
    return scenario


def _of_mutant(
    tlc: Tlc, mutant: Mutant, tables: Tables, listed: str | None, say: Callable[[str], None]
) -> dict[str, Any] | None:
    scenario, reason = make_refusal(tlc, mutant, tables)
    title = f"mutant {mutant.guard} in {mutant.run}"
    if scenario is None:
        if listed != reason:
            raise UsageError(f"{title} is not played: got the reason {reason!r}, goals.toml has {listed!r}")
        say(f"skip {title}: {reason}")
        return None
    if listed is not None:
        raise UsageError(f"{title} is played, but goals.toml has a reason why not: {listed!r}")
    say(f"ok   {scenario['name']}: {len(scenario['acts'])} acts")
    return scenario


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
