"""Wide probes: with a start function, and with mutable globals of float types.

Spec: :ref:`sandbox-wide`.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = ["BITS", "floating", "starting"]

_BY_START: Final = 1_000

BITS: Final[tuple[tuple[int, int], ...]] = (
    (0x7FC1_2345, 0xFFF8_0000_0000_0007),  # quiet NaNs with a payload
    (0x7F81_2345, 0x7FF0_0000_0000_0001),  # signaling NaNs
    (0x8000_0000, 1 << 63),  # -0
    (0x0000_0001, 0x800F_FFFF_FFFF_FFFF),  # subnormal numbers
    (0xFF80_0000, 0x7FF0_0000_0000_0000),  # infinities
)
"""Bits of an f32 and of an f64 that a conversion through another type, or through text, changes."""


def starting(code: Code = ()) -> Build:
    """Return a probe whose start function adds 1,000 to a counter in its memory and to a global.

    Each call adds 1 to both and emits them, so that each run of the start function shows.

    Args:
        code: what the start function does afterwards.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module, at = probe.module, number(DATA)
        module.data(DATA, (100).to_bytes(8, "little"))
        calls = module.global_("i64", 0, mutable=True)

        def more(by: int) -> list[tuple[object, ...]]:
            return [
                ("i64.store", at, ("i64.add", ("i64.load", at), number(by, "i64"))),
                ("global.set", calls, ("i64.add", ("global.get", calls), number(by, "i64"))),
            ]

        module.start = module.function([], [], (), [*more(_BY_START), *code])
        shown = [probe.word(("i64.load", at)), probe.word(("global.get", calls))]
        return probe.binary([*more(1), *shown])

    return build


def floating(single: int, double: int) -> Build:
    """Return a probe with the mutable globals of each float type, exported and not.

    Each call emits the bits of all four. The first one then sets them, and each later one changes their signs.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        calls = module.global_("i32", 0, mutable=True)
        singles = [module.global_("f32", bits, mutable=True) for bits in (0x7FA0_0001, 0)]
        doubles = [module.global_("f64", bits, mutable=True) for bits in (1 << 63, 0xFFF4_0000_0000_0001)]
        module.export("single", singles[0], 3)
        module.export("double", doubles[0], 3)
        shown = [probe.number(("i32.reinterpret_f32", ("global.get", index))) for index in singles]
        shown += [probe.word(("i64.reinterpret_f64", ("global.get", index))) for index in doubles]
        first = [("global.set", index, number(single, "f32")) for index in singles]
        first += [("global.set", index, number(double, "f64")) for index in doubles]
        later = [("global.set", index, ("f32.neg", ("global.get", index))) for index in singles]
        later += [("global.set", index, ("f64.neg", ("global.get", index))) for index in doubles]
        return probe.binary(
            [
                *shown,
                ("if", None, ("i32.eqz", ("global.get", calls)), first, later),
                ("global.set", calls, number(1)),
            ]
        )

    return build
