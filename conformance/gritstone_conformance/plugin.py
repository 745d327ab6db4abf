"""The pytest plugin: ``pytest --pyargs gritstone_conformance --gritstone-iut COMMAND``.

Each vector and property is one item whose id is the case name; the judge and the report are those of ``gritstone
verify``. Under xdist each worker starts its own process. Without ``--gritstone-iut`` only three small functions run,
and nothing else is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

__all__ = [
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; without ``--gritstone-iut`` the plugin does nothing."""
    group = parser.getgroup("gritstone", "test an implementation by the gritstone spec")
    group.addoption("--gritstone-iut", metavar="COMMAND", help="command that starts the adapter; enables the suite")
    group.addoption("--gritstone-seed", type=int, default=1, metavar="N", help="seed of order and draws (default 1)")
    group.addoption("--gritstone-expect", type=Path, metavar="FILE", help="file of expected failures (TOML)")
    group.addoption(
        "--gritstone-report",
        type=Path,
        default=Path(".gritstone/pytest.jsonl"),
        metavar="FILE",
        help="report to write (default %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Create the state of the run, and register it as a plugin."""
    if config.getoption("gritstone_iut") is None:
        return
    from gritstone_conformance.errors import UsageError
    from gritstone_conformance.pytest_run.items import RunState

    try:
        state = RunState(config)
    except UsageError as problem:
        raise pytest.UsageError(f"gritstone: {problem}") from problem
    config.pluginmanager.register(state, "gritstone-run")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Any:
    """Collect the suite if pytest visits this file."""
    if parent.config.getoption("gritstone_iut") is None or file_path != Path(__file__):
        return None
    from gritstone_conformance.pytest_run.items import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)
