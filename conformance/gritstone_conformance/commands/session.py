"""``gritstone session``: list, show and carry the sessions of a store, by the reference.

The reference runs in another process, because the suite never imports it.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from gritstone_conformance.errors import UsageError

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone session``.

    Returns:
        The exit code: 0 done; 1 refused; 2 usage error.

    Raises:
        UsageError: the reference is not installed.
    """
    if importlib.util.find_spec("gritstone") is None:
        raise UsageError("the reference is not installed: install the package gritstone")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "gritstone.session", *options.words], check=False).returncode
