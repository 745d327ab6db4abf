"""Scenarios: behaviours of the formal model, run on implementations by the properties ``runtime/model/*``.

A scenario is a list of acts, each with what is visible after it. Messages are written as the labels of their chains, so
a scenario fits every format.

Spec: ``harness/vectors``, :rule:`suite.model.scenarios`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir, vectors_dir
from gritstone_conformance.errors import DataError
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.schemas import violation

__all__ = [
    "SCENARIOS",
    "ScenarioFile",
    "behaviours",
    "lint_scenarios",
    "load_scenarios",
    "model_digest",
    "scenario_text",
]

SCENARIOS: Final = "model/"
"""The folder of scenarios in the directory of vectors."""

_SCHEMA: Final = "urn:gritstone:schema:0.6:scenarios"
_MODULES: Final = ("Channels", "Edge", "Life", "Model", "Promises", "Requests", "Runtime", "Script", "Wit")
_TABLES: Final = ("bounds.json", "goals.toml", "mutants.toml")


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """One file of scenarios: all those of one run of the model.

    Attributes:
        path: relative to the directory of vectors, with forward slashes.
        topic: the run of the model.
        model: the digest of the model from which they were made.
        count: the member ``count`` of the file.
        scenarios: in the order of the file.
    """

    path: str
    topic: str
    model: str
    count: int
    scenarios: tuple[dict[str, Any], ...]


def model_digest(folder: Path | None = None) -> str:
    """Return the SHA-256 of the modules and tables from which scenarios are made."""
    base = folder or spec_dir() / "formal"
    hasher = hashlib.sha256()
    for name in (*(f"{module}.tla" for module in _MODULES), *_TABLES):
        hasher.update(hashlib.sha256((base / name).read_bytes()).digest())
    return hasher.hexdigest()


def scenario_text(topic: str, scenarios: Sequence[dict[str, Any]]) -> str:
    """Return the text of a file of scenarios: one line for each act."""
    head = {
        "$schema": _SCHEMA,
        "spec": "0.6",
        "topic": topic,
        "model": model_digest(),
        "count": len(scenarios),
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    bodies = ",\n".join(_scenario_text(each) for each in scenarios)
    return "{\n" + "\n".join(lines) + f'\n "scenarios": [\n{bodies}\n ]\n}}\n'


def _scenario_text(scenario: dict[str, Any]) -> str:
    rows = []
    for name, value in scenario.items():
        if name == "acts":
            acts = ",\n".join(f"    {json.dumps(act)}" for act in value)
            rows.append(f'   "acts": [\n{acts}\n   ]' if value else '   "acts": []')
        elif name == "paths":
            paths = ",\n".join(f"    {json.dumps(path, separators=(',', ':'))}" for path in value)
            rows.append(f'   "paths": [\n{paths}\n   ]')
        else:
            rows.append(f"   {json.dumps(name)}: {json.dumps(value)}")
    return "  {\n" + ",\n".join(rows) + "\n  }"


def load_scenarios(root: Path | None = None) -> tuple[ScenarioFile, ...]:
    """Load all files of scenarios in a directory of vectors, by default the bundled one, ascending by path.

    Raises:
        DataError: a file is not a valid file of scenarios.
    """
    base = root or vectors_dir()
    return tuple(_read(path, path.relative_to(base).as_posix()) for path in sorted((base / SCENARIOS).glob("*.json")))


def _read(path: Path, name: str) -> ScenarioFile:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(f"{name}: not JSON: {problem}") from problem
    wrong = violation("scenarios", content)
    if wrong is not None:
        raise DataError(f"{name}: {wrong}")
    return ScenarioFile(name, content["topic"], content["model"], content["count"], tuple(content["scenarios"]))


def behaviours(scenario: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the acts of each path of a scenario; one without paths is one path.

    Raises:
        IndexError: a path names an act that the scenario lacks.
    """
    acts = scenario["acts"]
    return [[acts[number] for number in path] for path in scenario.get("paths", [range(len(acts))])]


def lint_scenarios(root: Path, book: RuleBook) -> Iterator[str]:
    """Yield the errors in the files of scenarios in a directory of vectors; what is visible is not checked."""
    seen: set[str] = set()
    for path in sorted((root / SCENARIOS).glob("*.json")):
        try:
            file = _read(path, path.relative_to(root).as_posix())
        except DataError as problem:
            yield str(problem)
            continue
        if file.path != f"{SCENARIOS}{file.topic}.json":
            yield f"{file.path}: its topic requires the name {SCENARIOS}{file.topic}.json"
        if file.count != len(file.scenarios):
            yield f"{file.path}: count is {file.count}, there are {len(file.scenarios)} scenarios"
        if file.model != model_digest():
            yield f"{file.path}: made from another model: run `gritstone model plan --write`"
        for scenario in file.scenarios:
            name = scenario["name"]
            if name in seen or not name.startswith(f"{SCENARIOS}{file.topic}/"):
                yield f"{file.path}: {name}: the name occurs twice, or does not begin with {SCENARIOS}{file.topic}/"
            seen.add(name)
            if max((number for path in scenario.get("paths", ()) for number in path), default=-1) >= len(
                scenario["acts"]
            ):
                yield f"{file.path}: {name}: a path names an act that the scenario lacks"
            yield from (
                f"{file.path}: {name}: names {rule}, which is not a rule"
                for rule in scenario["rules"]
                if rule not in book.rules
            )
