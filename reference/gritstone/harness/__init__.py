"""The adapter: gritstone enters by everyone's door.

``python -m gritstone.harness`` speaks newline-delimited JSON on standard input and output, or on a socket.
``wire`` spells values, ``arguments`` holds the closed schemas, ``operations`` translates, ``adapter`` keeps
order, ``server`` moves bytes.
"""

from __future__ import annotations

from gritstone.harness.adapter import Adapter
from gritstone.harness.claims import Claims

__all__ = ["Adapter", "Claims"]
