"""The pytest plugin: ``pytest --pyargs gritstone_conformance --gritstone-iut COMMAND``.

One item per vector and property, its id the case name; same judge, same report as ``gritstone verify``. Under xdist
each worker starts an implementation of its own. Whoever does not give ``--gritstone-iut`` pays for three small
functions and imports nothing else.
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
    """Add the options; without the first one the plugin does nothing."""
    group = parser.getgroup("gritstone", "judge an implementation by the gritstone spec")
    group.addoption("--gritstone-iut", metavar="COMMAND", help="how to start the adapter; turns the suite on")
    group.addoption("--gritstone-seed", type=int, default=1, metavar="N", help="order and draws (default 1)")
    group.addoption("--gritstone-expect", type=Path, metavar="FILE", help="failures that are known, as TOML")
    group.addoption(
        "--gritstone-report",
        type=Path,
        default=Path(".gritstone/pytest.jsonl"),
        metavar="FILE",
        help="where the report goes (default %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's state, and let it hear what happens."""
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
    """Collect the suite where this file is met, and nowhere else."""
    if parent.config.getoption("gritstone_iut") is None or file_path != Path(__file__):
        return None
    from gritstone_conformance.pytest_run.items import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)
