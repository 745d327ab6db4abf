"""Adds up what the tests of the zoo recorded and prints the numbers at the end, under ``-n`` too; gives all a fixture.

``--whole-zoo`` fails a session that hunted only a part of the zoo, or whose numbers leave something unproven.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from gritstone_conformance.rules import load_rules
from selftests.mutants.mutate import load_mutants
from selftests.mutants.zoo import Summary, Zoo
from selftests.terminal import run

__all__ = ["run"]  # a fixture; hooks are found by their names

_COLLECTED = pytest.StashKey[int]()
_LONGEST: Final = ("test_liveness", "test_tutorial", "test_zero", "test_zoo")
"""Files with tests that take the longest: played first, so that no worker waits for another that plays one of them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--whole-zoo``, and ``--part`` for the matrix."""
    parser.addoption("--whole-zoo", action="store_true", help="fail unless all mutants are found and all MUSTs proven")
    parser.addoption("--part", default="0/1", metavar="K/N", help="play this part of the matrix (default: the whole)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files without a zoo where only that is asked for: reading them takes longer than many a hunt."""
    if not config.getoption("--whole-zoo") or not collection_path.name.startswith("test_"):
        return None
    return "pytest.mark.zoo" not in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count the tests of the zoo before any filter drops some; begin with the longest of the others."""
    config.stash[_COLLECTED] = sum(1 for item in items if item.get_closest_marker("zoo"))
    if not config.getoption("--whole-zoo"):
        items.sort(key=lambda item: item.path.stem not in _LONGEST)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the number to the process that prints, where this one is a worker; judge the whole elsewhere."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["zoo"] = session.config.stash.get(_COLLECTED, 0)
    elif session.config.getoption("--whole-zoo") and not _summary(session.config).is_whole and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number from a worker; each collects all tests."""
    node.config.stash[_COLLECTED] = getattr(node, "workeroutput", {}).get("zoo", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the numbers of the mutants that this session hunted; nothing when it hunted none."""
    summary = _summary(config)
    if summary.zoo.hunted or config.getoption("--whole-zoo"):
        terminalreporter.section("zoo")
        for line in summary.lines():
            terminalreporter.line(line)


def _summary(config: pytest.Config) -> Summary:
    zoo = Zoo()
    terminalreporter: Any = config.pluginmanager.getplugin("terminalreporter")
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if outcome in ("passed", "failed") and report.when == "call":
                zoo.add(report.user_properties, passed=outcome == "passed")
    catalogue = load_mutants().values()
    equivalent = sum(1 for mutant in catalogue if mutant.equivalent)
    expected = max(config.stash.get(_COLLECTED, 0), len(catalogue) - equivalent)
    return Summary(zoo, tuple(load_rules().rules.values()), expected, equivalent)
