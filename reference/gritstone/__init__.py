"""The gritstone reference runtime: the spec as readable Python."""

from __future__ import annotations

__all__ = ["SPEC_VERSION", "__version__"]

__version__ = "0.1.0"
SPEC_VERSION = "0.1"
