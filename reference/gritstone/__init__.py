"""The gritstone reference runtime: the spec as readable Python."""

from __future__ import annotations

__all__ = ["SPEC_VERSION", "SPEC_VERSIONS", "__version__"]

__version__ = "0.1.0"
SPEC_VERSIONS = ("0.6",)
SPEC_VERSION = SPEC_VERSIONS[-1]
