"""``gritstone campaign``: one search, distributed to the workers of a cluster and merged into one report.

Decides the units and their spans. The merge rejects a missing or duplicate part and a part of another run.

Spec: :rule:`suite.shard.union`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.campaign.cluster import Cluster, opened
from gritstone_conformance.campaign.unit import Unit, UnitResult, identify
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Selection, shard_of
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import check_selection, load_data, plan_run
from gritstone_conformance.reporting.console import Console, ConsoleOutput
from gritstone_conformance.results.expect_files import expectations_of
from gritstone_conformance.results.merging import merge_outcomes, merged_header, merged_restarts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, read_report, remove_old
from gritstone_conformance.running.verification import conclude
from gritstone_conformance.text import say

__all__ = ["run_command"]

_UNITS_A_WORKER: Final = 4  # a lost worker then costs little
_SPARE_S: Final = 1800.0  # beyond the span, for vectors, first rounds and shrinking


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone campaign``; return the exit code."""
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    selection = Selection(tuple(options.profile), tuple(options.glob), options.rule)
    check_selection(selection)
    expect = expectations_of(options.expect)
    settings = RunSettings(
        profile="search",
        seed=seed,
        deadline_scale=options.deadline_scale,
        search_s=options.span,
        strict=options.strict,
        expect=expect,
        home=options.report.parent,
    )
    attach_settings = AttachSettings(seed=seed, deadline_scale=options.deadline_scale, max_rss_bytes=options.max_rss)
    command = Target.parse(options.iut, None).command
    try:
        identity = identify(command, attach_settings)
    except SubjectFault as fault:
        raise UsageError(f"hello failed: {fault}; run `gritstone doctor` for details") from fault
    with opened(options.scheduler, options.workers or 0) as cluster:
        first = Unit(command, identity, selection, settings, attach_settings)
        return _run(cluster, first, options.shards or _UNITS_A_WORKER * cluster.workers, options.report)


def _run(cluster: Cluster, first: Unit, count: int, target: Path) -> int:
    """Run all units; print, merge and judge their results."""
    data, settings = load_data(), first.settings
    plan = plan_run(data, first.selection, settings.seed)
    console = Console(data, plan, target.parent, ConsoleOutput(sys.stdout, sys.stdout.isatty()))
    remove_old(target)
    span_s = settings.search_s or 0.0
    units = _dealt(first, count, span_s * cluster.workers / count)
    parts: list[Report] = []
    for part in cluster.run_units(units, 2 * span_s + _SPARE_S, lambda line: say(line, sys.stderr)):
        parts.append(_taken_in(part, target.parent))
        if len(parts) == 1:
            console.begin({**parts[0].header, "shard": [0, 1]}, ())
        for outcome in parts[-1].outcomes:
            if outcome.kind != "watch":
                console.notice(outcome)
    header = merged_header(parts)
    outcomes = merge_outcomes(parts, partial(shard_of, count=count), [item.name for item in plan.items])
    for outcome in outcomes:
        if outcome.kind == "watch":
            console.notice(outcome)
    kept = [_with_file(outcome, target.parent) for outcome in outcomes]
    context = RunContext(Target("stdio", first.command), first.selection, settings, first.attach_settings, target)
    return conclude(context, data, header, kept, merged_restarts(parts), console)


def _dealt(first: Unit, count: int, span_s: float) -> list[Unit]:
    settings = replace(first.settings, search_s=span_s)
    selections = [replace(first.selection, shard=(index, count)) for index in range(count)]
    return [replace(first, selection=selection, settings=settings) for selection in selections]


def _taken_in(part: UnitResult, home: Path) -> Report:
    """Return the report of a part with a valid seal, and write its counterexamples next to the merged report."""
    for name, data in part.found:
        write_file(home / "found" / Path(name).name, data)
    with tempfile.TemporaryDirectory(prefix="gritstone-") as folder:
        path = Path(folder) / f"part-{part.index}.jsonl"
        path.write_bytes(part.report)
        return read_report(path)


def _with_file(outcome: Outcome, home: Path) -> Outcome:
    """Return an outcome without its found file if that file was not transferred."""
    return outcome if outcome.found is None or (home / outcome.found).exists() else replace(outcome, found=None)
