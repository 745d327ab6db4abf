"""Floats: every instruction on every pair of special numbers, to the last bit."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies import probes
from gritstone_conformance.strategies.guest_numbers import INTERESTING, KINDS
from gritstone_conformance.strategies.probes import IMAGE, Probe, number
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MANIFEST: Final = {**IMAGE, "pages": 4}
_SIGNALLING: Final = {"f32": (0x7FA00001, 0xFF800001), "f64": (0x7FF4000000000001, 0xFFF0000000000001)}


def results(trial: Trial, fmt: Format) -> None:
    """The results of all instructions on floats, kept in memory as bits."""
    bench = GuestBench(trial, fmt)
    for module in probes.floats():
        bench.run(module, _MANIFEST)
    bench.flush()


def moved(trial: Trial, fmt: Format) -> None:
    """Whatever moves a NaN keeps its bits: locals, globals, operands, calls, loads, stores, select, signs."""
    bench = GuestBench(trial, fmt)
    probe = Probe()
    guest = probe.guest
    for kind, patterns in _SIGNALLING.items():
        same = guest.function([kind], [kind], [kind], [("local.set", 1, ("local.get", 0)), ("local.get", 1)])
        pair = guest.function([kind], [kind, kind], [], [("local.get", 0), ("local.get", 0)])
        other = "i" + kind[1:]
        for bits in patterns:
            value = number(bits, kind)
            cell = guest.global_(kind, bits)
            probe.write(kind, value)
            probe.write(kind, ("call", same, value))
            probe.write(kind, ("global.get", cell))
            probe.write(kind, ("select", value, number(0, kind), number(1)))
            probe.write(kind, ("block", kind, [value]))
            probe.write(kind, ("seq", ("call", pair, value), "drop"))
            probe.write(kind, (f"{kind}.reinterpret_{other}", (f"{other}.reinterpret_{kind}", value)))
            probe.write(kind, (f"{kind}.load", number(probe.at - 8)))
            probe.write(kind, (f"{kind}.neg", value))
            probe.write(kind, (f"{kind}.abs", value))
            probe.write(kind, (f"{kind}.copysign", value, number(0, kind)))
    bench.run(probe.module(), _MANIFEST)
    bench.flush()


def conversions(trial: Trial, fmt: Format) -> None:
    """Conversions that trap do so exactly beyond the range."""
    bench = GuestBench(trial, fmt)
    edges = {
        "i32.trunc_f64_s": (-2147483648.9999995, -2147483649.0, 2147483647.9999998, 2147483648.0),
        "i32.trunc_f64_u": (-0.9999999999999999, -1.0, 4294967295.9999995, 4294967296.0),
        "i32.trunc_f32_s": (-2147483648.0, -2147483904.0, 2147483520.0, 2147483648.0),
        "i32.trunc_f32_u": (-0.99999994, -1.0, 4294967040.0, 4294967296.0),
        "i64.trunc_f64_s": (-9223372036854775808.0, -9223372036854777856.0, 9223372036854774784.0, 2.0**63),
        "i64.trunc_f64_u": (-0.9999999999999999, -1.0, 18446744073709549568.0, 2.0**64),
        "i64.trunc_f32_s": (-(2.0**63), -9223373136366403584.0, 9223371487098961920.0, 2.0**63),
        "i64.trunc_f32_u": (-0.99999994, -1.0, 18446742974197923840.0, 2.0**64),
    }
    for name, values in edges.items():
        for value in values:
            probe = Probe()
            probe.write(name[:3], (name, number(value, name[10:13])))
            bench.run(probe.module(), _MANIFEST, rule="wasm.outcome.merged")
    bench.flush()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Instructions on drawn bits."""
    bench = GuestBench(trial, fmt)
    probe = Probe()
    for _ in range(60):
        kind = tape.pick(KINDS[2:])
        bits = [tape.pick(INTERESTING[kind]) if tape.below(2) else _bits(tape, kind) for _ in range(2)]
        if tape.below(2):
            name = tape.pick(("add", "sub", "mul", "div", "min", "max"))
            probe.write(kind, (f"{kind}.{name}", *(number(each, kind) for each in bits)))
        else:
            name = tape.pick(("sqrt", "ceil", "floor", "trunc", "nearest"))
            probe.write(kind, (f"{kind}.{name}", number(bits[0], kind)))
        probe.write("f32", ("f32.demote_f64", number(_bits(tape, "f64"), "f64")))
        probe.write("f32", (f"f32.convert_i64_{tape.pick('su')}", number(_bits(tape, "f64"), "i64")))
    bench.run(probe.module(), _MANIFEST)
    bench.flush()


def _bits(tape: Tape, kind: str) -> int:
    """Draw bits, half of the time with the exponent of a number near others."""
    size = int(kind[1:])
    bits = int.from_bytes(tape.take(size // 8), "little")
    if tape.below(2):
        low, high = (23, 0x3F800000) if size == 32 else (52, 0x3FF0000000000000)
        bits = bits & ((1 << low) - 1 | 1 << size - 1) | high + (tape.within(-3, 3) << low)
    return bits


PROPERTIES: Final = (
    *of_engines("wasm/float/results", results, "wasm.float.nan", "wasm.meter.same"),
    *of_engines("wasm/float/moved", moved, "wasm.float.nan"),
    *of_engines("wasm/float/conversions", conversions, "wasm.outcome.merged", "wasm.float.nan"),
    *of_engines("wasm/float/drawn", drawn, "wasm.float.nan", given=tape(2_000), examples=3),
)
