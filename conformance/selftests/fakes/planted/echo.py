"""Planted: sends every line back unchanged."""

from __future__ import annotations

import sys

for line in sys.stdin:
    print(line, end="", flush=True)
