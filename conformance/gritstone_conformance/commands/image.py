"""``gritstone image``: work with the image of a store, by the reference."""

from __future__ import annotations

import argparse

from gritstone_conformance.commands.reference import run_module

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone image``.

    Returns:
        The exit code: 0 done; 1 refused; 2 usage error.

    Raises:
        UsageError: the reference is not installed.
    """
    return run_module("gritstone.image", options.words)
