"""``gritstone resume``: resume implementations from each other's snapshots."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from gritstone_conformance.attachment.target import Target, attach_settings_of
from gritstone_conformance.comparing.resuming import resume_all
from gritstone_conformance.errors import UsageError

__all__ = ["run_command"]


def run_command(options: argparse.Namespace, out: TextIO | None = None) -> int:
    """Run ``gritstone resume``.

    Returns:
        The exit code: 0 no difference; 1 a difference or a failed adapter; 3 nothing was run.

    Raises:
        UsageError: more than 26 implementations, or a command that cannot be started.
    """
    if len(options.iuts) > 26:  # letters
        raise UsageError("--iut: at most 26 implementations")
    targets = [Target.parse(command, None) for command in options.iuts]
    code, _ = resume_all(targets, options.glob, attach_settings_of(options), out or sys.stdout)
    return code
