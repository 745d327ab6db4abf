"""Find the self-tests that prove each rule, from the source text; no test is imported or run.

A test that proves a rule of the suite has the mark ``@pytest.mark.rule("suite.crash.isolated")``. With ``slow=True`` it
is listed, but not run on the mutants of the suite: a faster test must detect these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from selftests.paths import SELFTESTS

__all__ = ["Proof", "proofs_by_rule"]


@dataclass(frozen=True, slots=True, order=True)
class Proof:
    """A test that proves a rule.

    Attributes:
        test: the node id of the test function below the self-tests, ``test_rules.py::test_changed_level_is_drift``.
        slow: whether it is left out when a mutant of the suite runs.
    """

    test: str
    slow: bool = False


@cache
def proofs_by_rule(folder: Path = SELFTESTS) -> Mapping[str, tuple[Proof, ...]]:
    """Return the tests that are marked with each rule, sorted by rule id; the tests are in file order."""
    found: dict[str, list[Proof]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for rule, proof in _marked(path, path.relative_to(folder).as_posix()):
            found.setdefault(rule, []).append(proof)
    return {rule: tuple(found[rule]) for rule in sorted(found)}


def _marked(path: Path, name: str) -> Iterator[tuple[str, Proof]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rule":
                slow = any(ast.literal_eval(word.value) for word in mark.keywords if word.arg == "slow")
                for rule in mark.args:
                    yield ast.literal_eval(rule), Proof(f"{name}::{node.name}", slow)
