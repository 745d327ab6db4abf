"""The numbers of the profile, from ``spec/flow/limits.json``."""

from __future__ import annotations

import json
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir

__all__ = [
    "EXPRESSION",
    "FLOW",
    "METRICS",
    "NAME_BYTES",
    "NESTING",
    "PROGRAM_BYTES",
    "RESULT_USAGE",
    "SEGMENTS",
    "SEGMENT_BYTES",
    "STEP_MESSAGES",
    "STEP_NODES",
    "VALUE_BYTES",
]

_NUMBERS: Final[dict[str, Any]] = json.loads((spec_dir() / "flow" / "limits.json").read_text(encoding="utf-8"))

VALUE_BYTES: Final[int] = _NUMBERS["value"]["bytes"]
PROGRAM_BYTES: Final[int] = _NUMBERS["value"]["program_bytes"]
NESTING: Final[int] = _NUMBERS["value"]["nesting"]
NAME_BYTES: Final[int] = _NUMBERS["grammar"]["name_bytes"]

RESULT_USAGE: Final[int] = _NUMBERS["grammar"]["usage"]
STEP_MESSAGES: Final[int] = _NUMBERS["step"]["messages_of_sender"]
STEP_NODES: Final[int] = _NUMBERS["step"]["nodes"]

EXPRESSION: Final[dict[str, int]] = _NUMBERS["expression"]
"""``bytes``, ``tokens``, ``nesting``."""

SEGMENTS: Final[int] = _NUMBERS["grammar"]["segments"]
SEGMENT_BYTES: Final[int] = _NUMBERS["grammar"]["segment_bytes"]

FLOW: Final[dict[str, dict[str, Any]]] = _NUMBERS["flow"]
"""Limits of a flow: each with its ``range``, and what ``program`` and ``policy`` have if it is absent."""

METRICS: Final[dict[str, int]] = _NUMBERS["metrics"]
"""``entries`` and ``least_entries`` of a series with a change point, ``detected_millibits``."""
