"""The adapter: runs gritstone in the suite like any other implementation.

``python -m gritstone.harness`` speaks newline-delimited JSON on standard input and output, or on a socket.
``wire`` encodes and decodes values, ``arguments`` has the closed schemas, ``operations`` runs requests, ``adapter``
answers them in order, and ``server`` transfers bytes.
"""

from __future__ import annotations

from gritstone.harness.adapter import Adapter
from gritstone.harness.claims import Claims

__all__ = ["Adapter", "Claims"]
