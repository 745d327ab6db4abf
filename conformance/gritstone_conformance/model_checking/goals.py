"""Scenarios made from the model: the shortest behaviour to each goal, and what a right runtime does instead.

A goal is a change between two states. TLC finds it by violating its negation. A mutant's counterexample is replayed in
the unbroken model: the scenario ends with the first act after which the two differ, or before an act that is impossible
there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.behaviours import Action, actions_of, acts_of, labels, visible
from gritstone_conformance.model_checking.delays import check_delays
from gritstone_conformance.model_checking.tables import Mutant, Run, Tables, config_of, model_dir
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.model_checking.tour import Tour
from gritstone_conformance.model_checking.values import State

__all__ = ["ALWAYS_UNPLAYED", "Goal", "Plan", "make_goal", "make_refusal", "read_plan"]

_LIMIT_S: Final = 300
_NO_ACTS: Final = "its promise is about the store or the long run"
_SEVERAL: Final = "its run has two runtimes or group commit"
_NO_RUN: Final = "the act that the model does not permit is no run"
ALWAYS_UNPLAYED: Final = (_NO_ACTS, _SEVERAL)
"""The reasons that follow from the tables."""

_ILLEGAL: Final = {
    "admit-actor": 2,
    "admit-previous": 1,
    "admit-keep": 5,
    "admit-proposed": 4,
    "admit-cursor": 6,
    "admit-progress": 3,
    "admit-outbox": 7,
}
"""The kind of illegal result of the puppet that each broken condition of admission lets pass."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A change between two states that some behaviour must make.

    Attributes:
        change: an action in TLA+.
        unplayed: why no behaviour of requests reaches it, or an empty text.
    """

    name: str
    run: str
    change: str
    rules: tuple[str, ...]
    constants: dict[str, Any] = field(default_factory=dict)
    unplayed: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: the goals, the tours, and the reasons for which mutants are not run, by guard and run."""

    goals: tuple[Goal, ...]
    tours: tuple[Tour, ...]
    unplayed: dict[tuple[str, str], str]


def read_plan(tables: Tables, folder: Path | None = None) -> Plan:
    """Read ``goals.toml``.

    Raises:
        UsageError: the file has another form, a run is unknown, or a row of the state table is missing or repeated.
    """
    path = (folder or model_dir()) / "goals.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        goals = [_row(each) for each in content["row"]] + [_goal(each) for each in content["goal"]]
        tours = tuple(Tour(**{**each, "rules": tuple(each["rules"])}) for each in content["tour"])
        unplayed = {(each["guard"], each["run"]): each["reason"] for each in content.get("unplayed", [])}
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"invalid goals in {path}: {type(problem).__name__}: {problem}") from problem
    _check_rows(path, content["row"])
    runs = [(f"goal {goal.name}", goal.run) for goal in goals if not goal.unplayed]
    for title, run in runs + [(f"tour {tour.name}", tour.run) for tour in tours]:
        if run not in tables.gate:
            raise UsageError(f"{path}: {title}: unknown run {run!r}")
    return Plan(tuple(goals), tours, unplayed)


def _row(row: dict[str, Any]) -> Goal:
    name = f"{row['state']}-{row['event']}"
    if "unplayed" in row:
        return Goal(name, "", "", (), unplayed=row["unplayed"])
    return _goal({"name": name, "change": f'Row("{row["state"]}", "{row["event"]}")', **row})


def _goal(goal: dict[str, Any]) -> Goal:
    return Goal(goal["name"], goal["run"], goal["change"], tuple(goal["rules"]), goal.get("constants", {}))


def _check_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    table = json.loads((spec_dir() / "runtime" / "states.json").read_bytes())["transitions"]
    expected = sorted((row["state"], row["event"]) for row in table)
    got = sorted((row["state"], row["event"]) for row in rows)
    for state, event in (*expected, *got):
        if got.count((state, event)) != expected.count((state, event)):
            raise UsageError(
                f"{path}: the row {state}, {event} of the state table is no goal, or is one more than once"
            )


def make_goal(tlc: Tlc, goal: Goal, tables: Tables) -> dict[str, Any]:
    """Return the scenario of the shortest behaviour to a goal.

    Raises:
        UsageError: no behaviour reaches the goal.
    """
    run = _playable(tables.gate[goal.run], goal.constants)
    module = f"---- MODULE Goal ----\nEXTENDS Requests\nNever == [][~ ({goal.change})]_vars\n====\n"
    config = config_of(run, ()) + "PROPERTY Never\n"
    outcome = tlc.run("Goal", config, extra={"Goal": module}, limit_s=_LIMIT_S, is_short=True)
    if outcome.violated != "Never":
        raise UsageError(f"goal {goal.name}: no behaviour of the run {goal.run} reaches it ({outcome.states} states)")
    return _scenario(f"reaches-{goal.name}", goal.rules, run, outcome.trace, actions_of(outcome.trace))


def make_refusal(tlc: Tlc, mutant: Mutant, tables: Tables) -> tuple[dict[str, Any] | None, str]:
    """Return the scenario that a runtime with the fault of a mutant fails, or None with a reason."""
    given = tables.gate[mutant.run]
    run = _playable(given, mutant.constants)
    if tables.promises[mutant.invariant].kind == "L" or run.module != "Promises":
        return None, _NO_ACTS
    if len(run.constants["Runtimes"]) > 1 or run.constants["Grouped"]:
        return None, _SEVERAL
    kept = replace(run, promises=(mutant.invariant,))
    module = "---- MODULE Goal ----\nEXTENDS Requests\n====\n"
    config = config_of(kept, [tables.promises[mutant.invariant]], Broken=mutant.guard)
    outcome = tlc.run("Goal", config, extra={"Goal": module}, limit_s=_LIMIT_S, is_short=True)
    if not outcome.violated:
        return None, "no behaviour of requests violates its promise"
    actions = actions_of(outcome.trace)
    right = _replayed(tlc, run, actions)
    number = _first_difference(outcome.trace, right, actions)
    if number is None:
        return None, "the difference is not visible"
    scenario = _scenario(f"refuses-{mutant.guard}", mutant.rules, run, right, actions[: len(right) - 1], until=number)
    if mutant.guard in _ILLEGAL:
        scenario["illegal"] = _ILLEGAL[mutant.guard]
    broken = _broken(outcome.trace, right, actions, number)
    if broken is None:
        return None, _NO_RUN
    return {**scenario, "refuses": broken}, ""


def _playable(run: Run, constants: dict[str, Any]) -> Run:
    return replace(run, promises=(), specification="RequestsSpec", constants={**run.constants, **constants})


def _replayed(tlc: Tlc, run: Run, actions: Sequence[Action]) -> list[State]:
    """Return the states of the unbroken model along actions, up to the first one that is impossible."""
    scripted = replace(run, specification="ScriptSpec", constants={**run.constants})
    tried = len(actions)
    while True:
        given = ",\n  ".join(action.tla() for action in actions[:tried])
        module = f"---- MODULE Goal ----\nEXTENDS Script\nGiven == <<{given}>>\n====\n"
        config = config_of(scripted, {}) + "CONSTANT Acts <- Given\nINVARIANT Unfinished\n"
        outcome = tlc.run("Goal", config, extra={"Goal": module}, limit_s=_LIMIT_S, is_short=True)
        if outcome.violated:
            return outcome.trace
        if outcome.depth > tried or outcome.depth < 1:
            raise UsageError("the replay of a mutant's behaviour does not end")
        tried = outcome.depth - 1


def _first_difference(broken: Sequence[State], right: Sequence[State], actions: Sequence[Action]) -> int | None:
    """Return the number of the last state of the scenario, or None if no difference is visible.

    It is the first state that differs, or the last one before an impossible act.
    """
    for number, _ in acts_of(actions):
        if number >= len(right):
            return max((each for each, _ in acts_of(actions) if each < len(right)), default=0)
        if _seen(broken[number]) != _seen(right[number]):
            return number
    begun = len(actions) - 1
    if actions[begun].name == "Begin" and len(right) <= len(actions):
        return max((each for each, _ in acts_of(actions)), default=0)
    return None


def _seen(state: State) -> dict[str, Any]:
    """Return what is visible; delays that began are not."""
    return {name: value for name, value in visible(state).items() if name != "delayed"}


def _broken(
    broken: Sequence[State], right: Sequence[State], actions: Sequence[Action], number: int
) -> dict[str, Any] | None:
    """Return what the mutant does: the choice that must not be listed, or what is visible after the last act.

    None if it does something else that the model does not permit, such as an injection.
    """
    if number < len(right) and number and _seen(broken[number]) != _seen(right[number]):
        before, after = _seen(right[number]), _seen(broken[number])
        return {"has": {name: value for name, value in after.items() if value != before[name]}}
    action = next((each for each in actions[number:] if each.name == "Begin"), None)
    if action is None:
        return None
    return {
        "runs": action.arguments["actor"],
        "inbox": {x: labels(m) for x, m in action.arguments["proposal"].items() if m},
    }


def _scenario(
    name: str,
    rules: tuple[str, ...],
    run: Run,
    trace: Sequence[State],
    actions: Sequence[Action],
    *,
    until: int | None = None,
) -> dict[str, Any]:
    constants = run.constants
    before = visible(trace[0])
    acts = []
    for number, act in acts_of(actions):
        if number >= len(trace) or (until is not None and number > until):
            break
        after = visible(trace[number])
        acts.append({**act, "then": {key: value for key, value in after.items() if value != before[key]}})
        before = after
    check_delays(name, acts)
    return {
        "name": f"model/{run.name}/{name}",
        "rules": list(rules),
        "actors": sorted(constants["Actors"]),
        "born": sorted(constants["Born"]),
        **({"stillborn": constants["Stillborn"]} if constants["Stillborn"] else {}),
        "max_attempts": constants["MaxAttempts"],
        "first": visible(trace[0]),
        "acts": acts,
    }
