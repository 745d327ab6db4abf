"""Commands of the reference, which runs in another process, because the suite never imports it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence

from gritstone_conformance.errors import UsageError

__all__ = ["run_module"]


def run_module(module: str, words: Sequence[str]) -> int:
    """Run a module of the reference with its command line.

    Args:
        module: its name.
        words: the arguments.

    Returns:
        The exit code: 0 done; 1 refused; 2 usage error.

    Raises:
        UsageError: the reference is not installed.
    """
    if importlib.util.find_spec("gritstone") is None:
        raise UsageError("the reference is not installed: install the package gritstone")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", module, *words], check=False).returncode
