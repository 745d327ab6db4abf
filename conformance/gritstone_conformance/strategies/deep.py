"""Guests that are deep in their stack, to the very unit.

A guest of :func:`descent` calls a function that calls itself so many times, and at the bottom another whose locals
fill what is left. So the sum of all frames is any number.

Spec: :ref:`wasm-stack`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.wasm.admission import admit
from gritstone_conformance.model.wasm.instructions import COSTS
from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.probes import number, zero

__all__ = ["LIMIT", "SHAPES", "RecursionShape", "descent", "exact_descent"]

LIMIT: Final[int] = COSTS["frame"]["limit"]


@dataclass(frozen=True, slots=True)
class RecursionShape:
    """The function that calls itself: its parameters after the counter, its locals, and its use of operands.

    Attributes:
        name: what is special about it.
        parameters: after the counter, an i32.
        local_types: declared locals.
        before: code before it calls itself, which leaves the stack as it was.
        held: operands on the stack while it calls itself, dropped afterwards.
    """

    name: str
    parameters: tuple[str, ...] = ()
    local_types: tuple[str, ...] = ()
    before: tuple[Any, ...] = ()
    held: tuple[str, ...] = ()


_DEAD: Final = ("block", None, [("br", 0), *([zero] * 50), *(["drop"] * 50)])
_WIDE: Final = ("drop", ("f64.add", number(1.0, "f64"), ("f64.sqrt", number(2.0, "f64"))))

SHAPES: Final = (
    RecursionShape("least"),
    RecursionShape("parameters", parameters=("i64", "f32", "f64") * 8),
    RecursionShape("locals", local_types=("i64",) * 100 + ("f64",) * 100),
    RecursionShape("many locals", local_types=("f64",) * 2_000),
    RecursionShape("operands", held=("f64", "i64", "f32", "i32") * 10),
    RecursionShape("dead operands", before=(_DEAD,)),
    RecursionShape("floats", before=(_WIDE,)),
    RecursionShape("everything", ("f64",) * 30, ("f64",) * 30, (_DEAD, _WIDE), ("f64",) * 30),
)


def descent(shape: RecursionShape, depth: int, bottom: int, work: Code = ()) -> bytes:
    """Return a guest whose function calls itself to a depth of ``depth`` frames and then a function at the bottom.

    Args:
        shape: the function.
        depth: its frames.
        bottom: locals of the function at the bottom.
        work: what is done at the bottom.
    """
    guest = Assembly()
    last = guest.function([], [], ["i64"] * bottom, work)
    own = guest.declare(["i32", *shape.parameters], [])
    rest = [("local.get", 1 + at) for at in range(len(shape.parameters))]
    deeper = ("call", own, ("i32.sub", ("local.get", 0), number(1)), *rest)
    held = [number(0, kind) for kind in shape.held]
    inner = [("if", None, ("local.get", 0), [deeper], [("call", last)])]
    guest.define(own, shape.local_types, [*shape.before, *held, *inner, *(["drop"] * len(held))])
    guest.entry([("call", own, number(depth - 1), *(number(0, kind) for kind in shape.parameters)), zero])
    return guest.binary()


def exact_descent(shape: RecursionShape, total: int, work: Code = ()) -> bytes:
    """Return a guest whose frames have exactly the sum ``total`` at the bottom."""
    admitted = admit(descent(shape, 1, 0, work), "wit", 0)
    bottom, own, entry = (function.frame for function in admitted.defined)
    left = total - entry - bottom
    return descent(shape, left // own, left % own, work)
