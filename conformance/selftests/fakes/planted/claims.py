"""The claims of the planted implementations: ``grit``, or every profile and feature.

With the argument ``everything`` an implementation claims all four profiles and all their features.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["hello"]

FEATURES = (
    *("durable", "files", "shared", "transcode", "erase", "damage", "external", "schedule", "clock", "effects"),
    *(
        "threads",
        "fault.kill",
        "wasm.executor",
        "wasm.continuation",
        "wasm.signature",
        "session.guest",
        "flow.executor",
        "image.wasm",
    ),
    *(f"sandbox.abi.{name}" for name in ("memory", "wasi", "extism", "grit")),
    *(
        f"sandbox.{name}"
        for name in ("fuel", "time", "table", "traps", "keep", "atomic", "snapshot", "export", "tank", "suspend")
    ),
    *(f"sandbox.{name}" for name in ("files", "env", "random", "clock", "wide")),
)


def hello(name: str, profiles: tuple[str, ...] = ("grit",)) -> dict[str, Any]:
    """Return the reply of a planted implementation to ``hello``."""
    everything = "everything" in sys.argv
    return {
        "protocol": 1,
        "implementation": {"name": name, "version": "1", "language": "python"},
        "spec": ["0.6"],
        "formats": ["framed-sha256", "cbor-blake3"],
        "profiles": ["grit", "wit", "runtime", "wasm", "image", "sandbox"] if everything else list(profiles),
        "features": list(FEATURES) if everything else [],
        "limits": {
            "object_bytes": (8 << 20) if everything else 1 << 20,
            "tree_depth": 1024,
            "cas_names": 64,
            "refs": 10_000,
            "window": 64,
            "frame_bytes": 16 << 20,
            **({"wasm_pages": 1024, "fuel_slack": 0} if everything else {}),
        },
    }
