"""Hooks that summarize the zoo, the tests of all mutants, at the end of a session, also under ``-n``; a shared fixture.

With ``--whole-zoo`` a session fails if it ran only some of the mutants, or if a rule is left unproven.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from gritstone_conformance.rules import load_rules
from selftests.formats import fmt
from selftests.mutants.mutate import load_mutants
from selftests.mutants.zoo import Summary, Zoo
from selftests.terminal import run

__all__ = ["fmt", "run"]  # fixtures; pytest finds hooks without it

_COLLECTED = pytest.StashKey[int]()
_ALL_NIGHTLY: Final = "\npytestmark = pytest.mark.nightly\n"
_LONGEST: Final = ("test_liveness", "test_tutorial", "test_zero", "test_zoo")
"""The files with the longest tests. They run first, so that no worker waits for another one at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--whole-zoo``, and ``--part`` for the matrix."""
    parser.addoption("--whole-zoo", action="store_true", help="fail unless all mutants are detected and MUSTs proven")
    parser.addoption("--part", default="0/1", metavar="K/N", help="run this part of the matrix (default: all of it)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore files without zoo tests under ``--whole-zoo``, because importing them takes longer than many mutants.

    Under ``-m "not nightly"`` ignore files that have only nightly tests: these are as many as all others.
    """
    is_zoo, is_daily = config.getoption("--whole-zoo"), "not nightly" in config.getoption("markexpr")
    if not (is_zoo or is_daily) or not collection_path.name.startswith("test_"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    is_ignored = (is_zoo and "pytest.mark.zoo" not in text) or (is_daily and _ALL_NIGHTLY in text)
    return is_ignored or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count the tests of the zoo before a filter removes some; move the longest of the other tests to the start."""
    config.stash[_COLLECTED] = sum(1 for item in items if item.get_closest_marker("zoo"))
    if not config.getoption("--whole-zoo"):
        items.sort(key=lambda item: item.path.stem not in _LONGEST)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the number of zoo tests from a worker to the main process; in the main process set the exit status."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["zoo"] = session.config.stash.get(_COLLECTED, 0)
    elif (
        session.config.getoption("--whole-zoo") and not _summary(session.config).is_complete and session.exitstatus == 0
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Store the number that a worker sent; each worker collects all tests."""
    node.config.stash[_COLLECTED] = getattr(node, "workeroutput", {}).get("zoo", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the summary of the mutants that ran in this session, if any ran."""
    summary = _summary(config)
    if summary.zoo.ran or config.getoption("--whole-zoo"):
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
