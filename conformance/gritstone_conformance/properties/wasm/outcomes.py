"""Outcomes: each end has one class and one code, whatever an engine calls it and whatever is written about it."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.endings import (
    CAUSES,
    TEXTS,
    ending_with,
    failing,
    host_ranges,
    named,
    returning,
    texts,
)
from gritstone_conformance.strategies.guest_modules import TAPE, draw_guest
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NUMBERS: Final = (1, 2, 255, 256, 65_536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_MERGED: Final = ("memory-bounds", "indirect-call", "unrepresentable")


def traps(trial: Trial, fmt: Format) -> None:
    """Every cause of a trap gives the code of that trap; causes that engines distinguish give one code."""
    bench = GuestBench(trial, fmt)
    for code, causes in CAUSES.items():
        rule = "wasm.outcome.merged" if code in _MERGED else "wasm.outcome.code"
        for cause in causes.values():
            bench.run(ending_with(cause), rule=rule)
    for module in host_ranges().values():
        bench.run(module, rule="wasm.outcome.merged")
    bench.flush()


def numbers(trial: Trial, fmt: Format) -> None:
    """What an entry returns, and what it fails with, is the number of the outcome, unsigned."""
    bench = GuestBench(trial, fmt)
    for n in (0, *_NUMBERS):
        bench.run(returning(n))
        bench.run(failing(n, b"why"))
    bench.run(failing(3, b"", also=4))
    bench.run(failing(3, b"x" * 5_000))
    bench.flush()


def ends(trial: Trial, fmt: Format) -> None:
    """Every end that is no trap: nothing given, no step given, no fuel, no module."""
    bench = GuestBench(trial, fmt)
    endless = Assembly()
    endless.entry([("loop", None, [("br", 0)]), zero])
    core_given = Assembly()
    imports = {name: core_given.grit(name) for name in ("input", "result")}
    core_given.memory(1)
    core_given.entry(
        [
            ("drop", ("call", imports["input"], number(2), number(64))),
            ("call", imports["result"], number(64)),
        ]
    )
    for module in (returning(0), core_given.binary(), b"", returning(0, "wit_query")):
        bench.run(module)
    bench.run(endless.binary(), {"fuel": 50_000})
    for node in (b"wasm:", b"wasm:code", b"wasm:code/none.wasm", b"wasm:/code/main.wasm"):
        bench.run(returning(5), wit=bench.stage.blob(node))
    bench.run(returning(5), b"\xa0")
    bench.flush()


def unread(trial: Trial, fmt: Format) -> None:
    """Names of functions and sections, logs and texts of failures decide nothing."""
    bench = GuestBench(trial, fmt)
    causes = [next(iter(causes.values())) for causes in CAUSES.values()]
    for number_of, text in enumerate(TEXTS):
        bench.run(failing(number_of, text))
        code = causes[number_of % (len(causes) - 1)]
        bench.run(ending_with(code, texts(text)))
        bench.run(ending_with(causes[-1], texts(text)), {"fuel": 10_000})
        if b"\xff" not in text and not text.startswith(b"grit:"):
            bench.run(named(code, text.decode()))
    bench.flush()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any guest ends as its metered form would, with its image as it would leave it, and so do its next calls.

    It does with just as much fuel as it needs, and with a unit less it is exhausted.
    """
    bench = GuestBench(trial, fmt)
    guest = draw_guest(tape)
    grants = {"fuel": tape.pick((1_000_000, 20_000, 6_000, 1_000)), "pages": guest.pages, "image": True}
    needed = bench.needed(bench.guest_core(guest.module, grants))
    if tape.below(4) == 0:
        del grants["image"]
    actor = bench.run(guest.module, grants)
    for _ in range(2 if actor.head else 0):
        actor.tell(bench.outside)
    if needed < grants["fuel"]:
        for fuel in (needed, needed - 1):
            bench.run(guest.module, {**grants, "fuel": max(fuel, 1)}, title=b"%d" % fuel)
    bench.flush()


PROPERTIES: Final = (
    *of_engines("wasm/outcome/traps", traps, "wasm.outcome.code", "wasm.outcome.merged"),
    *of_engines("wasm/outcome/numbers", numbers, "wasm.outcome.guest"),
    *of_executors("wasm/outcome/ends", ends, "wasm.outcome.code"),
    *of_engines("wasm/outcome/unread", unread, "wasm.outcome.no-text"),
    *of_executors(
        *("wasm/outcome/drawn", drawn, "wasm.meter.same", "wasm.outcome.code", "wasm.image.complete"),
        given=tape(TAPE),
        examples=10,
    ),
)
