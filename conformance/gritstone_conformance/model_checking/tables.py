"""The tables next to the model: its promises, its runs with their counts of states, its mutants, witnesses and holes.

``invariants.json`` lists what the model promises and which rules that states; ``bounds.json`` the runs, each with the
constants and the number of distinct states of the gate and of the nightly run, and the witnesses; ``mutants.toml`` the
guards of the model that can be switched off, each with the promise that is violated first. The profiles have files of
their own, with ``profiles-`` before these names. They also list the holes: sentences that the rules do not keep as they
are written today.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import UsageError

__all__ = [
    "REASONS",
    "Hole",
    "Mutant",
    "Promise",
    "Run",
    "Tables",
    "Witness",
    "config_of",
    "model_dir",
    "read_tables",
    "state_table",
]

REASONS: Final = ("one-step", "time", "cost", "form", "code", "left-out")
"""Why no promise cites a rule: one request or one step decides it; it is about durations, costs, the form of values
and messages, or what the code of an actor does; or the model leaves the feature out."""

_FILES: Final = ("", "profiles-")
_KINDS: Final = {"S": "INVARIANT", "A": "PROPERTY", "L": "PROPERTY"}


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise of the model.

    Attributes:
        name: its name in the module.
        kind: ``S`` for a promise on every state, ``A`` on every two states, ``L`` on the long run.
        module: the module that defines it.
        rules: the rules that it states.
        sentence: what it promises, in one sentence.
    """

    name: str
    kind: str
    module: str
    rules: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the model: a module with constants, the promises to check, and what is known of the result.

    Attributes:
        constants: the value of each constant, as JSON.
        promises: the names of the promises to check.
        states: the pinned number of distinct states, or None if the run was never completed.
        depth: the pinned number of states of the longest behaviour without repetition, or None.
    """

    name: str
    about: str
    module: str
    specification: str
    constants: dict[str, Any]
    promises: tuple[str, ...]
    states: int | None
    depth: int | None


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard of the model that is switched off, and the promise that is violated first in a run."""

    guard: str
    run: str
    invariant: str
    rules: tuple[str, ...]
    constants: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Witness:
    """A predicate that some behaviour of a run reaches: otherwise the run does not try what it is for."""

    predicate: str
    run: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A sentence of the rules that the model violates, although no guard is off: the rules do not keep it."""

    promise: Promise
    run: str
    constants: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables next to the model."""

    promises: dict[str, Promise]
    excused: dict[str, str]
    gate: dict[str, Run]
    nightly: dict[str, Run]
    mutants: tuple[Mutant, ...]
    witnesses: tuple[Witness, ...]
    holes: tuple[Hole, ...]


def model_dir() -> Path:
    """Return the directory of the model."""
    return spec_dir() / "formal"


def read_tables(folder: Path | None = None) -> Tables:
    """Read the tables next to the model.

    Raises:
        UsageError: a table has another form, or names a promise or a run that does not exist.
    """
    folder = folder or model_dir()
    tables = Tables({}, {}, {}, {}, (), (), ())
    for prefix in _FILES:
        try:
            tables = _joined(tables, _read(folder, prefix))
        except OSError as problem:
            raise UsageError(
                f"cannot read the tables of the model: {problem.filename}: {problem.strerror}"
            ) from problem
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            where = folder / f"{prefix}*"
            raise UsageError(f"invalid table of the model in {where}: {type(problem).__name__}: {problem}") from problem
    _check(tables)
    return tables


def _read(folder: Path, prefix: str) -> Tables:
    listed = json.loads((folder / f"{prefix}invariants.json").read_bytes())
    bounds = json.loads((folder / f"{prefix}bounds.json").read_bytes())
    broken = tomllib.loads((folder / f"{prefix}mutants.toml").read_text("utf-8"))
    promises = {
        each["name"]: Promise(each["name"], each["kind"], each["module"], tuple(each["rules"]), each["sentence"])
        for each in listed["invariants"]
    }
    gate = _runs(bounds, promises, "gate")
    return Tables(
        promises,
        listed["excused"],
        gate,
        _runs(bounds, promises, "nightly"),
        tuple(
            Mutant(each["guard"], each["run"], each["invariant"], tuple(each["rules"]), each.get("constants", {}))
            for each in broken["mutant"]
        ),
        tuple(Witness(each["witness"], each["run"]) for each in bounds.get("witnesses", ())),
        tuple(_hole(each, gate) for each in broken.get("hole", ())),
    )


def _hole(entry: dict[str, Any], runs: dict[str, Run]) -> Hole:
    module = runs[entry["run"]].module
    promise = Promise(entry["promise"], entry["kind"], module, tuple(entry["rules"]), entry["sentence"])
    return Hole(promise, entry["run"], entry.get("constants", {}))


def _joined(one: Tables, other: Tables) -> Tables:
    for name in ("promises", "excused", "gate", "nightly"):
        if twice := sorted(getattr(one, name).keys() & getattr(other, name).keys()):
            raise ValueError(f"two tables have {twice[0]!r}")
    return Tables(
        one.promises | other.promises,
        one.excused | other.excused,
        one.gate | other.gate,
        one.nightly | other.nightly,
        one.mutants + other.mutants,
        one.witnesses + other.witnesses,
        one.holes + other.holes,
    )


def _runs(bounds: dict[str, Any], promises: dict[str, Promise], which: str) -> dict[str, Run]:
    found = {}
    for name, run in bounds["runs"].items():
        if which not in run:
            continue
        module = run.get("module", "Promises")
        chosen = run.get("promises") or [
            each.name for each in promises.values() if each.kind != "L" and each.module == module
        ]
        own = {key: value for key, value in run[which].items() if key not in ("states", "depth")}
        defaults = bounds["defaults"].get(module, {})
        found[name] = Run(
            name,
            run["about"],
            module,
            run.get("specification", "Spec"),
            {**defaults, **run.get("constants", {}), **own},
            tuple(chosen),
            run[which].get("states"),
            run[which].get("depth"),
        )
    return found


def _check(tables: Tables) -> None:
    for run in (*tables.gate.values(), *tables.nightly.values()):
        for name in run.promises:
            if name not in tables.promises:
                raise UsageError(f"run {run.name}: unknown promise {name!r}")
        if run.constants.get("Broken", "none") != "none":
            raise UsageError(f"run {run.name}: the constant Broken is {run.constants['Broken']!r}, expected 'none'")
    for witness in tables.witnesses:
        if witness.run not in tables.gate:
            raise UsageError(f"witness {witness.predicate}: unknown run {witness.run!r}")
    _check_mutants(tables)


def _check_mutants(tables: Tables) -> None:
    for mutant in tables.mutants:
        if mutant.run not in tables.gate:
            raise UsageError(f"mutant {mutant.guard}: unknown run {mutant.run!r}")
        if mutant.invariant not in tables.promises:
            raise UsageError(f"mutant {mutant.guard}: unknown promise {mutant.invariant!r}")
        if mutant.invariant not in tables.gate[mutant.run].promises:
            raise UsageError(f"mutant {mutant.guard}: the run {mutant.run} does not check {mutant.invariant}")


def config_of(run: Run, promises: Iterable[Promise], **changed: Any) -> str:
    """Return the configuration of TLC for a run.

    Args:
        run: the run.
        promises: the promises to check, in this order.
        changed: constants with another value than in the run.
    """
    lines = [f"SPECIFICATION {run.specification}", "CHECK_DEADLOCK FALSE", "CONSTANTS"]
    lines += [f"  {name} = {_spelled(value)}" for name, value in {**run.constants, **changed}.items()]
    lines += [f"{_KINDS[each.kind]} {each.name}" for each in promises]
    return "\n".join(lines) + "\n"


def _spelled(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case str():
            return f'"{value}"'
        case list():
            return "{" + ", ".join(_spelled(each) for each in value) + "}"
        case _:
            raise UsageError(f"invalid constant of the model: got {value!r}")


def state_table(folder: Path | None = None) -> str:
    """Return the module ``StateTable``, made from ``states.json``: the rows of the state table of an actor."""
    path = (folder or spec_dir()) / "runtime" / "states.json"
    rows = json.loads(path.read_bytes())["transitions"]
    return "\n".join(
        (
            "---- MODULE StateTable ----",
            "(* Made from spec/runtime/states.json when the model is checked. *)",
            "Transitions == {",
            ",\n".join(_row(row) for row in rows),
            "}",
            "====",
            "",
        )
    )


def _row(row: dict[str, Any]) -> str:
    fields: Iterable[str] = (f"{name} |-> {_spelled(row[name])}" for name in ("state", "event", "next", "change"))
    return f"  [{', '.join(fields)}]"
