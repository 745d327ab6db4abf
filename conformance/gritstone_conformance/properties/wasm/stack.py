"""Stack units: exact for every kind of frame, and found before anything is charged."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench
from gritstone_conformance.properties.wasm.budgets import ending
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.deep import LIMIT, SHAPES, RecursionShape, exact_descent
from gritstone_conformance.strategies.guest_numbers import KINDS
from gritstone_conformance.strategies.probes import zero
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MANIFEST: Final = {"pages": 0}
_WORK: Final = (("drop", ("i32.div_u", zero, zero)),)
"""What shows that the bottom was reached: another trap."""


def depth(trial: Trial, fmt: Format) -> None:
    """Frames that fill the stack are entered, one unit more is the trap, whatever the frames are made of."""
    bench = GuestBench(trial, fmt)
    for shape in SHAPES:
        for total in (LIMIT, LIMIT + 1):
            bench.run(exact_descent(shape, total, _WORK), _MANIFEST)
    bench.flush()


def before_fuel(trial: Trial, fmt: Format) -> None:
    """Where neither the frame fits nor the fuel suffices, the stack decides."""
    bench = GuestBench(trial, fmt)
    for shape in SHAPES[:3]:
        module = exact_descent(shape, LIMIT + 1)
        spent = ending(module, 0)[1]
        for budget in (spent - 1, spent, spent + 1):
            bench.run(module, {**_MANIFEST, "fuel": budget})
        fits = exact_descent(shape, LIMIT)
        for budget in (spent, ending(fits, 0)[1]):
            bench.run(fits, {**_MANIFEST, "fuel": budget})
    bench.flush()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Frames of any shape."""
    bench = GuestBench(trial, fmt)
    kinds = [tuple(tape.pick(KINDS) for _ in range(tape.below(most))) for most in (40, 300, 60)]
    shape = RecursionShape("drawn", kinds[0], kinds[1], (), kinds[2])
    for total in (LIMIT, LIMIT + 1):
        bench.run(exact_descent(shape, total, _WORK), _MANIFEST)
    bench.flush()


PROPERTIES: Final = (
    *of_engines("wasm/stack/depth", depth, "wasm.stack.depth"),
    *of_engines("wasm/stack/before-fuel", before_fuel, "wasm.stack.first"),
    *of_engines("wasm/stack/drawn", drawn, "wasm.stack.depth", given=tape(400), examples=3),
)
