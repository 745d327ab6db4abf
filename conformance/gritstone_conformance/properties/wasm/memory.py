"""Memory: it grows exactly as far as module and manifest say, and what is new in it is zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.probes import IMAGE, Probe, number, zero
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SHAPES: Final = (
    # initial pages, declared maximum, pages of the manifest, growing by
    (1, None, 1, (0, 1, 0)),
    (1, None, 2, (1, 0, 1)),
    (1, 2, 4, (2, 1, 1, 0)),
    (1, 4, 2, (3, 1, 1)),
    (2, 2, 2, (0, 1)),
    (1, None, 4, (0xFFFFFFFF, 0x80000000, 65_536, 65_535, 4, 3, 1)),
    (1, 65_536, 5, (1, 1, 1, 1, 1)),
)


def _growing(least: int, most: int | None, steps: Sequence[int]) -> bytes:
    """Return a guest that writes what each growing gives, the size behind it, and the sum of what is new."""
    probe = Probe(least, most)
    for count in steps:
        probe.write("i32", ("memory.grow", number(count)))
        probe.write("i32", "memory.size")
    place = ("i32.add", number(least << 16), ("i32.shl", ("local.get", 0), number(6)))
    inside = ("i32.shl", ("i32.sub", "memory.size", number(least)), number(10))
    probe.code.append(("local.set", 0, zero))
    adding = ("local.set", 1, ("i64.or", ("local.get", 1), ("i64.load", place)))
    following: Any = ("local.set", 0, ("i32.add", ("local.get", 0), number(1)))
    over = ("br_if", 1, ("i32.ge_u", ("local.get", 0), inside))
    probe.code.append(("block", None, [("loop", None, [over, adding, following, ("br", 0)])]))
    probe.write("i64", ("local.get", 1))
    return probe.module(["i32", "i64"])


def cap(trial: Trial, fmt: Format) -> None:
    """Growing succeeds up to the smaller of the two limits, and beyond it gives -1 and changes nothing."""
    bench = GuestBench(trial, fmt)
    for least, most, pages, steps in _SHAPES:
        actor = bench.run(_growing(least, most, steps), {**IMAGE, "pages": pages})
        actor.tell(bench.outside)
    bench.flush()


def small(trial: Trial, fmt: Format) -> None:
    """A memory without pages, and none at all."""
    bench = GuestBench(trial, fmt)
    for least, most, pages in ((0, None, 0), (0, None, 2), (0, 0, 2), (0, 1, 2)):
        guest = Assembly()
        guest.memory(least, most)
        results: list[Any] = [("memory.grow", number(count)) for count in (0, 1, 1, 1)]
        total: Any = number(7)
        for result in (*results, "memory.size"):
            total = ("i32.add", ("i32.mul", total, number(5)), result)
        guest.entry([total])
        bench.run(guest.binary(), {"pages": pages})
        guest = Assembly()
        guest.memory(least, most)
        guest.entry([("drop", ("memory.grow", number(1))), ("i32.store8", zero, number(1)), ("i32.load", zero)])
        bench.run(guest.binary(), {"pages": pages})
    bench.flush()


def clean(trial: Trial, fmt: Format) -> None:
    """New memory is zero, also where a call before has filled such memory and ended, however it ended."""
    bench = GuestBench(trial, fmt)
    filled = ("memory.fill", zero, number(0xAA), ("i32.shl", "memory.size", number(16)))
    measuring = _growing(1, 4, (3,))
    for tail in ("unreachable", ("loop", None, [("br", 0)]), "nop"):
        dirty = Assembly()
        dirty.memory(1, 4)
        dirty.entry([("drop", ("memory.grow", number(3))), filled, tail, number(9)])
        for _ in range(2):
            bench.run(dirty.binary(), {"fuel": 200_000, "pages": 4})
            bench.run(measuring, {**IMAGE, "pages": 4})
    bench.flush()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any limits and any steps."""
    bench = GuestBench(trial, fmt)
    least = tape.within(1, 3)
    most = tape.pick((None, least, least + 1, least + 2, 100))
    steps = [tape.pick((0, 1, 1, 2, 3, 65_535)) for _ in range(tape.within(1, 6))]
    actor = bench.run(_growing(least, most, steps), {**IMAGE, "pages": least + tape.below(5)})
    actor.tell(bench.outside)
    bench.flush()


PROPERTIES: Final = (
    *of_engines("wasm/memory/cap", cap, "wasm.memory.cap"),
    *of_engines("wasm/memory/small", small, "wasm.memory.cap"),
    *of_engines("wasm/memory/clean", clean, "wasm.memory.cap", "wasm.call.fresh"),
    *of_engines("wasm/memory/drawn", drawn, "wasm.memory.cap", given=tape(30), examples=4),
)
