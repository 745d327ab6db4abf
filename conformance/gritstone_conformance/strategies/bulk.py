"""Many inputs at a time from one seed, for a search for faults of a decoder.

These do not shrink; ``edits`` and the faults do. A million of them::

    gritstone verify --iut CMD --search --for 10m -k 'grit/object/bulk-*'
"""

from __future__ import annotations

import random

from gritstone_conformance.model.formats import Format
from gritstone_conformance.strategies import objects
from gritstone_conformance.strategies.edits import edit
from gritstone_conformance.strategies.tape import Tape

__all__ = ["near_valid"]


def near_valid(seed: int, fmt: Format, count: int) -> list[bytes]:
    """Return inputs of which about a quarter is valid, most are an edit or two away from it, and some are anything."""
    source = random.Random(seed)
    return [_input(Tape(source.randbytes(96)), fmt) for _ in range(count)]


def _input(tape: Tape, fmt: Format) -> bytes:
    way = tape.below(12)
    if way == 0:
        return tape.take(tape.below(80))
    good = fmt.encode(objects.build(tape, fmt.name))
    return good if way == 1 else edit(tape, good)
