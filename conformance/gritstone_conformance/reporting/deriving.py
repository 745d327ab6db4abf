"""Derived files: the HTML page, JUnit XML and the badge of a written report.

They are made after the run from the sealed lines alone, so that the same report always gives the same files, byte for
byte.

Spec: :rule:`suite.report.derived`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from gritstone_conformance.files import write_file
from gritstone_conformance.planning.suite import SuiteData, load_data
from gritstone_conformance.reporting.badge import make_badge, make_endpoint
from gritstone_conformance.reporting.junit import make_junit
from gritstone_conformance.reporting.page.whole import make_page
from gritstone_conformance.results.report import Report, read_report, remove_old

__all__ = ["derive", "forget_derived"]

_Maker: TypeAlias = Callable[[Report, SuiteData], str]


def _wanted(options: argparse.Namespace) -> Iterator[tuple[Path, _Maker]]:
    if options.html is not None:
        yield options.html, make_page
    if options.junit is not None:
        yield options.junit, make_junit
    if options.badge is not None:
        yield options.badge, make_endpoint if options.badge.suffix == ".json" else make_badge


def forget_derived(options: argparse.Namespace) -> None:
    """Remove the files of an older report, so that an interrupted run leaves none."""
    for path, _ in _wanted(options):
        remove_old(path)


def derive(options: argparse.Namespace, path: Path) -> None:
    """Write the files that the options name from a report.

    Args:
        options: with ``html``, ``junit`` and ``badge``, each a path or None.
        path: the report.

    Raises:
        UsageError: a file cannot be written.
        DataError: the report is not valid.
    """
    wanted = list(_wanted(options))
    if not wanted:
        return
    report, data = read_report(path), load_data()
    for target, make in wanted:
        write_file(target, make(report, data))
