"""The gritstone conformance suite: runs an implementation and judges its replies and the data that it stores.

It never imports the reference; the reference is attached like any other implementation.
"""

from __future__ import annotations

__all__ = ["SPEC_VERSION", "SPEC_VERSIONS", "SUITE_VERSION"]

SUITE_VERSION = "0.1.0"
SPEC_VERSIONS = ("0.6",)
SPEC_VERSION = SPEC_VERSIONS[-1]
