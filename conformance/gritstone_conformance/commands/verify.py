"""``gritstone verify`` with ``--against``, ``--battery`` or ``--resume``: what is done after, or instead of, one run.

Decides the order (the run, or the runs, then the battery, then the matrix) and that the exit code is the first of 3, 1
and 0 that any of them gives.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from gritstone_conformance.attachment.attaching import Target
from gritstone_conformance.attachment.terms import Terms
from gritstone_conformance.errors import UsageError
from gritstone_conformance.planning.plan import Selection
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.reporting.comparison import report_beside
from gritstone_conformance.running.verifying import ListenerMaker, remove_old, verify

__all__ = ["is_asked_for", "verify_and_compare"]


def is_asked_for(options: argparse.Namespace) -> bool:
    """Return whether anything is compared in this run."""
    return bool(options.against or options.resume or options.battery)


def verify_and_compare(
    options: argparse.Namespace,
    target: Target,
    selection: Selection,
    settings: RunSettings,
    terms: Terms,
    listener: ListenerMaker,
    out: TextIO | None = None,
) -> int:
    """Verify, and compare as the options say.

    Raises:
        UsageError: options that do not go together.
    """
    told = out or sys.stdout
    _check(options)
    for kind in ("against", "battery", "resume"):
        remove_old(report_beside(options.report, kind))
    if options.against:
        from gritstone_conformance.comparing.against import verify_against

        targets = [target, *(Target.parse(command, None) for command in options.against)]
        codes = [verify_against(targets, selection, settings, terms, options.report, listener, told)]
    else:
        codes = [verify(target, selection, settings, terms, options.report, listener)]
    if options.battery:
        from gritstone_conformance.comparing.battery import run_battery

        codes.append(run_battery(target, selection, settings, terms, options.report, told))
    if options.resume:
        from gritstone_conformance.comparing.resuming import resume_beside

        commands = [target, *(Target.parse(command, None) for command in options.resume)]
        codes.append(resume_beside(commands, None, terms, options.report, told))
    return next((code for code in (3, 1) if code in codes), 0)


def _check(options: argparse.Namespace) -> None:
    if options.jobs > 1 or options.shard is not None or options.search or options.span is not None:
        raise UsageError("--against, --resume and --battery go with neither --jobs, --shard, --search nor --for")
    if options.connect is not None and (options.resume or options.battery):
        raise UsageError("--resume and --battery start processes: they do not go with --connect")
    if len(options.against) > 25 or len(options.resume) > 25:
        raise UsageError("--against and --resume take at most 25 further implementations")
