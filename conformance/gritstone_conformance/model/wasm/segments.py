"""What of a body is live, and what each of its segments costs.

Spec: :ref:`wasm-fuel-segments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.wasm.bodies import Body
from gritstone_conformance.model.wasm.instructions import COSTS

__all__ = ["Segments", "split"]

_ENTRY: Final[int] = COSTS["function"]["entry"]
_LOCALS: Final[int] = COSTS["function"]["locals_per_unit"]
_OPENING: Final = (0x02, 0x03, 0x04)


@dataclass(frozen=True, slots=True)
class Segments:
    """What a body is charged.

    Attributes:
        live: for each instruction, whether it belongs to a segment.
        charges: index of the first instruction of each segment to its cost, 0 included.
    """

    live: tuple[bool, ...]
    charges: dict[int, int]


def split(body: Body) -> Segments:
    """Split a body into its segments."""
    live: list[bool] = []
    first = 0
    charges = {0: _ENTRY + body.declared // _LOCALS}
    dead = 0  # 0: live; else 1 + the constructs that were opened since it is dead
    for index, op in enumerate(body.code):
        row = op.instruction
        if dead:
            dead += (row.code in _OPENING) - (row.code == 0x0B)
            if dead != 0 and not (dead == 1 and row.code == 0x05):
                live.append(False)
                continue
            dead, first = 0, index
            charges[first] = 0
        live.append(True)
        charges[first] += row.cost
        if row.kills:
            dead = 1
        elif row.ends_segment and index + 1 < len(body.code):
            first = index + 1
            charges[first] = 0
    return Segments(tuple(live), charges)
