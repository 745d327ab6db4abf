"""The options of ``python -m gritstone.harness``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from gritstone.grit.formats import FORMATS
from gritstone.harness.claims import ALL_FEATURES, Claims

__all__ = ["read_options"]

_FLOORS = {
    "object_bytes": 1_048_576,
    "tree_depth": 1_024,
    "cas_names": 64,
    "refs": 10_000,
    "window": 1,
    "frame_bytes": 4_194_304,
    "wasm_pages": 1_024,
}
_MOST_PAGES = 65_536


def read_options(argv: Sequence[str]) -> tuple[Claims, str | None, bool]:
    """Parse options.

    Returns:
        The claims; the address to listen on, or None for standard input and output; and whether to use only plain code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gritstone.harness", description="Attach gritstone's reference runtime to a suite."
    )
    parser.add_argument("--listen", metavar="ADDRESS", help="unix:PATH or tcp:HOST:PORT instead of standard streams")
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), help="claim only this format (repeat)")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=(*ALL_FEATURES, "wasm"),
        help="do not claim a feature, or the profile wasm (repeat)",
    )
    parser.add_argument("--plain", action="store_true", help="do not use the optional parts that are only faster")
    for name, floor in _FLOORS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=f"at least {floor}")
    options = parser.parse_args(argv)
    given = {name: getattr(options, name) for name in _FLOORS if getattr(options, name) is not None}
    for name, value in given.items():
        if value < _FLOORS[name]:
            parser.error(f"{name}: {value} is below the floor of {_FLOORS[name]}")
    if given.get("wasm_pages", 0) > _MOST_PAGES:
        parser.error(f"wasm_pages: at most {_MOST_PAGES}")
    if options.listen is not None and options.listen.partition(":")[0] not in ("unix", "tcp"):
        parser.error(f"--listen: got {options.listen!r}, expected unix:PATH or tcp:HOST:PORT")
    claims = Claims()
    if options.format:
        claims = replace(claims, formats=tuple(sorted(set(options.format), reverse=True)))
    limits = replace(claims.limits, **{k: v for k, v in given.items() if hasattr(claims.limits, k)})
    shape = {k: v for k, v in given.items() if not hasattr(claims.limits, k)}
    return replace(claims, limits=limits, **shape).without(set(options.without)), options.listen, options.plain
