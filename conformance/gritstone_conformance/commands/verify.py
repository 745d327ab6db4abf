"""``gritstone verify``: run the suite, over several processes if requested, and compare implementations.

Decides the order (the run, or the runs, then the battery, then the matrix). The exit code is the first of 3, 1 and 0
that any of them returns.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from typing import TextIO

from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.errors import UsageError
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Plan, Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, check_selection
from gritstone_conformance.reporting.comparison import report_beside
from gritstone_conformance.reporting.console import Console, ConsoleOutput
from gritstone_conformance.results.expect_files import expectations_of
from gritstone_conformance.results.report import remove_old
from gritstone_conformance.running.jobs import Part, PartListener, run_parts, verify_in_parts
from gritstone_conformance.running.verification import Listener, ListenerMaker, verify

__all__ = ["run_command", "verify_and_compare"]


def run_command(options: argparse.Namespace) -> int:
    """Verify, then write the requested files next to the report; a part of a run writes none."""
    if options.part or not any((options.html, options.junit, options.badge)):
        return _verify(options)
    from gritstone_conformance.reporting.deriving import derive, forget_derived

    forget_derived(options)
    code = _verify(options)
    derive(options, options.report)
    return code


def _verify(options: argparse.Namespace) -> int:
    context = _context(options)
    check_selection(context.selection)
    live = sys.stdout.isatty() and not options.part

    def listen(data: SuiteData, plan: Plan) -> Listener:
        progress = None if options.quiet or options.part else sys.stderr
        return Console(data, plan, options.report.parent, ConsoleOutput(sys.stdout, live, progress))

    if options.against or options.resume or options.battery:
        return verify_and_compare(options, context, listen)
    if options.jobs > 1:
        if options.shard is not None or options.connect is not None:
            raise UsageError("--jobs starts one adapter per shard: it cannot be combined with --shard or --connect")
        seeded = [*options.arguments, "--seed", str(context.settings.seed)]
        return verify_in_parts(seeded, options.jobs, context, listen)
    return _run_parts(context) if options.part else verify(context, listen)


def _context(options: argparse.Namespace) -> RunContext:
    target = Target.parse(options.iut, options.connect)
    searching = options.search or options.span is not None
    draws = searching or options.blind
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32) if draws else 1
    settings = RunSettings(
        profile="search" if searching else "gate",
        seed=seed,
        deadline_scale=1e9 if options.no_deadline else options.deadline_scale,
        search_s=options.span,
        strict=options.strict,
        expect=expectations_of(options.expect),
        home=options.report.parent,
    )
    selection = Selection(
        tuple(options.profile),
        tuple(options.glob),
        options.rule,
        options.shard or (0, 1),
        by_cost=options.part,
        vectors_last=options.blind,
    )
    return RunContext(target, selection, settings, attach_settings_of(options, seed), options.report)


def _run_parts(context: RunContext) -> int:
    """Run the parts that the parent process requests on standard input."""

    def run_part(part: Part) -> int:
        shard = replace(context.selection, shard=(part.index, part.count))
        shared = context.settings.share(part.share)
        own = replace(context, selection=shard, settings=shared, report=part.report)
        return verify(own, lambda _data, _plan: PartListener(sys.stdout))

    return run_parts(sys.stdin, sys.stdout, run_part)


def verify_and_compare(
    options: argparse.Namespace, context: RunContext, listener: ListenerMaker, out: TextIO | None = None
) -> int:
    """Verify, and compare as the options say.

    Raises:
        UsageError: options that cannot be combined.
    """
    output = out or sys.stdout
    _check(options)
    for kind in ("against", "battery", "resume"):
        remove_old(report_beside(options.report, kind))
    if options.against:
        from gritstone_conformance.comparing.against import verify_against

        others = [Target.parse(command, None) for command in options.against]
        codes = [verify_against(context, others, listener, output)]
    else:
        codes = [verify(context, listener)]
    if options.battery:
        from gritstone_conformance.comparing.battery import run_battery

        codes.append(run_battery(context, output))
    if options.resume:
        from gritstone_conformance.comparing.resuming import resume_beside

        others = [Target.parse(command, None) for command in options.resume]
        codes.append(resume_beside(context, others, None, output))
    return next((code for code in (3, 1) if code in codes), 0)


def _check(options: argparse.Namespace) -> None:
    if options.jobs > 1 or options.shard is not None or options.search or options.span is not None:
        raise UsageError("--against, --resume and --battery cannot be combined with --jobs, --shard, --search or --for")
    if options.connect is not None and (options.resume or options.battery):
        raise UsageError("--resume and --battery start processes: they cannot be combined with --connect")
    if len(options.against) > 25 or len(options.resume) > 25:
        raise UsageError("--against and --resume accept at most 25 further implementations")
