"""Fuel: what each thing costs, when it is charged, and that a budget decides nothing but whether it is enough."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.asking import of_engines
from gritstone_conformance.properties.wasm.bench import GuestBench
from gritstone_conformance.properties.wasm.budgets import ENOUGH, ending, least_budget
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies import probes
from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.guest_modules import TAPE, draw_guest
from gritstone_conformance.strategies.probes import IMAGE, Probe, number, zero
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.strategies.worked import WORKED, counter
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST: Final = (1 << 63) - 1
_PAGES: Final = 4
_DENSE: Final = 80  # units up to which every budget is tried


def _alone(code: Code, local_types: tuple[str, ...] = (), pages: int = 1) -> bytes:
    """Return a guest without imports, with a memory and a passive segment of 40 bytes."""
    guest = Assembly()
    guest.memory(pages)
    guest.data(None, bytes(range(40)))
    guest.entry(code, local_types)
    return guest.binary()


def _with_budget(bench: GuestBench, module: bytes, budget: int, rule: str | None = None, pages: int = _PAGES) -> None:
    """Run a guest with a budget, of which 0 is only had with a tank."""
    limits = {"fuel": budget} if budget else {"fuel": 1, "tank": 0}
    bench.run(module, {**limits, "pages": pages}, rule=rule)


def worked(trial: Trial, fmt: Format) -> None:
    """The guests of the text end with F* as it says, with more no otherwise, and with less they are exhausted."""
    bench = GuestBench(trial, fmt)
    for example in WORKED.values():
        for budget in (example.units, example.units - 1):
            _with_budget(bench, example.module, budget, pages=256)
    for budget in (4, 10_000, 1 << 32, _MOST):
        _with_budget(bench, WORKED["nothing"].module, budget)
    bench.flush()


def instructions(trial: Trial, fmt: Format) -> None:
    """Every instruction costs what the table says, and a body what its declared locals say."""
    bench = GuestBench(trial, fmt)
    for module in (probes.costs_of_instructions(), probes.costs_of_locals()):
        bench.run(module, {**IMAGE, "pages": _PAGES})
    bench.flush()


def segments(trial: Trial, fmt: Format) -> None:
    """Segments begin and end where the text says, calls end none, dead code costs nothing, traps give nothing back."""
    bench = GuestBench(trial, fmt)
    bench.run(probes.costs_of_segments(), {**IMAGE, "pages": _PAGES})
    trap: Code = [("drop", ("i32.div_u", zero, zero))]
    tail: Code = [("drop", number(1))] * 9
    for code in (
        [*trap, *tail, zero],
        [("block", None, [*trap, *tail]), zero],
        [("block", None, [*trap, ("br", 0), *tail]), *tail, zero],
        [("if", None, number(1), [*trap, *tail], tail), zero],
        [("if", None, zero, [("br", 0), *tail], [*trap, *tail]), *tail, zero],
        [*trap, ("drop", ("memory.grow", zero)), *tail, zero],
        [("loop", None, [*trap, *tail, ("br_if", 0, zero), *tail]), zero],
        [*trap, zero, "return", *tail, zero],
        [*trap, "unreachable", *tail, zero],
        [zero, *trap, "return", ("block", None, tail), *tail],
    ):
        module = _alone(code if code[-1] == zero else [*code, zero])
        least = least_budget(module, _PAGES)
        for budget in (least, least - 1):
            _with_budget(bench, module, budget)
    bench.flush()


_SIZED: Final = (0, 7, 8, 9, 40, 41, 65_536, 65_537, 0xFFFFFFFF)


def sizes(trial: Trial, fmt: Format) -> None:
    """Growing and bulk instructions are charged by size before they execute, whether or not they fail or trap."""
    bench = GuestBench(trial, fmt)
    for size in _SIZED:
        bulk: list[Code] = [
            [("memory.fill", zero, zero, number(size)), zero],
            [("memory.copy", number(8), zero, number(size)), zero],
            [("memory.init", 0, zero, zero, number(size)), zero],
            [("memory.fill", number(-1), zero, number(size)), zero],
        ]
        for code in bulk:
            _at_least(bench, _alone(code))
    for count in (0, 1, 3, 4, 65_536, 0xFFFFFFFF):
        _at_least(bench, _alone([("memory.grow", number(count))]))
    bench.flush()


def _at_least(bench: GuestBench, module: bytes) -> None:
    """Run a guest with exactly what it needs, and with one unit less."""
    least = ending(module, _PAGES, _MOST)[1]
    for budget in (least, least - 1):
        _with_budget(bench, module, budget)


def every_budget(trial: Trial, fmt: Format) -> None:
    """Small guests with every budget from 0 to more than they need."""
    bench = GuestBench(trial, fmt)
    trapping = Assembly()
    trapped = trapping.function([], [], (), ["unreachable"])
    trapping.entry([("call", trapped), *([("drop", number(1))] * 9), zero])
    calls = Assembly()
    callee = calls.function(["i32"], ["i32"], ["i64"] * 8, [("i32.mul", ("local.get", 0), number(3))])
    calls.entry([("call", callee, ("call", callee, number(5)))])
    for module in (
        _alone([counter(4), zero], ("i32",)),
        _alone([("if", "i32", ("i32.eqz", zero), [("i32.div_u", number(7), number(2))], [zero])]),
        calls.binary(),
        trapping.binary(),
    ):
        for budget in range(least_budget(module, _PAGES) + 2):
            _with_budget(bench, module, budget)
    bench.flush()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any guest, with just enough, with one unit less, and with less than that."""
    bench = GuestBench(trial, fmt)
    guest = draw_guest(tape, stepping=False, size=30)
    least = least_budget(guest.module, guest.pages)
    if least == ENOUGH:
        budgets = {tape.within(0, 5_000)}
    else:
        budgets = {least + 1, least, max(least - 1, 0), tape.below(least + 1), tape.below(least + 1)}
    for budget in sorted(budgets):
        _with_budget(bench, guest.module, budget, pages=guest.pages)
    bench.flush()


def all_budgets(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Any small guest, with every budget up to what it needs."""
    bench = GuestBench(trial, fmt)
    guest = draw_guest(tape, stepping=False, size=6)
    for budget in range(min(least_budget(guest.module, guest.pages), _DENSE) + 1):
        _with_budget(bench, guest.module, budget, pages=guest.pages)
    bench.flush()


def seen(trial: Trial, fmt: Format) -> None:
    """A guest that asks for its fuel sees what is left of its budget and of the tank; ``used`` stays within 63 bits."""
    bench = GuestBench(trial, fmt)
    probe = Probe()
    for _ in range(3):
        probe.read_fuel()
    module = probe.module()
    for limits in (
        {"fuel": 5_000},
        {"fuel": _MOST},
        {"fuel": 1 << 32},
        {"fuel": _MOST, "tank": 4_500},
        {"tank": _MOST},
    ):
        actor = bench.run(module, {"image": True, **limits}, rule="wasm.fuel.exact")
        actor.tell(bench.outside, rule="wasm.fuel.tank")
    overdrawn = bench.document({"v": 1, "used": 9_000_000})
    bench.run(module, {"tank": 1_000}, wasm_state=overdrawn, rule="wasm.fuel.tank")  # lowered since
    for used in (_MOST - 1, 1 << 53):
        worn = bench.document({"v": 1, "used": used})
        bench.run(module, {"clock": {"start": 0, "tick": 1}}, wasm_state=worn, rule="wasm.fuel.used")
    bench.flush()


def endless(trial: Trial, fmt: Format) -> None:
    """What never ends is exhausted once its budget is spent, and not before."""
    bench = GuestBench(trial, fmt)
    forever: list[Code] = [
        [("loop", None, [("br", 0)]), zero],
        [("loop", None, [("drop", ("i64.div_u", number(9, "i64"), number(2, "i64"))), ("br", 0)]), zero],
        [("loop", None, [("memory.fill", zero, zero, number(65_536)), ("br", 0)]), zero],
        [("loop", None, [("drop", ("memory.grow", number(1))), ("br", 0)]), zero],
    ]
    for code in forever:
        for budget in (1, 999, 1_000_000):
            _with_budget(bench, _alone(code), budget)
    bench.flush()


def long_call(trial: Trial, fmt: Format) -> None:
    """Nothing but fuel ends a call: a long one runs to its end."""
    bench = GuestBench(trial, fmt)
    bench.run(_alone([counter(300_000), zero], ("i32",)), {"fuel": 2_100_003})
    bench.run(_alone([counter(300_000), zero], ("i32",)), {"fuel": 2_100_002})
    bench.flush()


PROPERTIES: Final = (
    *of_engines("wasm/fuel/worked", worked, "wasm.fuel.exact", "wasm.fuel.cost", "wasm.outcome.code"),
    *of_engines("wasm/fuel/instructions", instructions, "wasm.fuel.cost"),
    *of_engines("wasm/fuel/segments", segments, "wasm.fuel.segment"),
    *of_engines("wasm/fuel/sizes", sizes, "wasm.fuel.size"),
    *of_engines("wasm/fuel/every-budget", every_budget, "wasm.fuel.exact", "wasm.fuel.segment"),
    *of_engines("wasm/fuel/drawn", drawn, "wasm.fuel.exact", given=tape(TAPE), examples=6),
    *of_engines(
        "wasm/fuel/all-budgets", all_budgets, "wasm.fuel.exact", given=tape(TAPE), examples=2, search_only=True
    ),
    *of_engines("wasm/fuel/seen", seen, "wasm.fuel.host-call", "wasm.fuel.exact", "wasm.fuel.tank", "wasm.fuel.used"),
    *of_engines("wasm/fuel/endless", endless, "wasm.fuel.exact"),
    *of_engines("wasm/fuel/long", long_call, "wasm.fuel.no-engine", "wasm.fuel.exact"),
)
