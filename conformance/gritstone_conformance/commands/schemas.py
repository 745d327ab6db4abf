"""``gritstone schemas``: print where the JSON Schemas are."""

from __future__ import annotations

import argparse

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.errors import UsageError
from gritstone_conformance.text import printable, say

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Print the directory of the schemas, or the path of the one that the options name; returns 0."""
    folder = spec_dir() / "schemas"
    if options.name is None:
        say(str(folder))
        return 0
    names = sorted(path.name.removesuffix(".schema.json") for path in folder.glob("*.schema.json"))
    if options.name not in names:
        raise UsageError(f"unknown schema {printable(options.name)}: expected one of {', '.join(names)}")
    say(str(folder / f"{options.name}.schema.json"))
    return 0
