"""Adds up what the tests of the zoo recorded and prints the numbers at the end, under ``-n`` too."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.rules import load_rules
from selftests.mutate import load_mutants
from selftests.zoo import Zoo

_COLLECTED = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count the tests of the zoo before any filter drops some."""
    config.stash[_COLLECTED] = sum(1 for item in items if item.get_closest_marker("zoo"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the number to the process that prints, where this one is a worker."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["zoo"] = session.config.stash.get(_COLLECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number from a worker; each collects all tests."""
    node.config.stash[_COLLECTED] = getattr(node, "workeroutput", {}).get("zoo", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the numbers of the mutants that this session hunted; nothing when it hunted none."""
    zoo = Zoo()
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if outcome in ("passed", "failed") and report.when == "call":
                zoo.add(report.user_properties, passed=outcome == "passed")
    if zoo.size == 0:
        return
    catalogue = load_mutants().values()
    counted = sum(1 for mutant in catalogue if not mutant.equivalent)
    expected = max(config.stash.get(_COLLECTED, 0), counted)
    terminalreporter.section("zoo")
    for line in zoo.lines(load_rules().rules.values(), expected, len(catalogue) - counted):
        terminalreporter.line(line)
