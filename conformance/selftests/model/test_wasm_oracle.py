"""The model's engine against an independent engine, which runs the metered form of drawn guests."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import wasmtime

from gritstone_conformance.model.wasm.admission import AdmittedModule, admit
from gritstone_conformance.model.wasm.instructions import COSTS
from gritstone_conformance.model.wasm.machine import Machine, OutOfFuel, Trapped
from gritstone_conformance.model.wasm.metering import meter
from gritstone_conformance.strategies import probes
from gritstone_conformance.strategies.deep import LIMIT, SHAPES, RecursionShape, exact_descent
from gritstone_conformance.strategies.endings import CAUSES, ending_with
from gritstone_conformance.strategies.guest_modules import TAPE, DrawnGuest, draw_guest
from gritstone_conformance.strategies.tape import Tape

GUESTS = 200
BUDGET = 60_000
A_HOST_CALL = 100
STACK_LIMIT = COSTS["frame"]["limit"]
TRAPS = {
    wasmtime.TrapCode.UNREACHABLE: "unreachable",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "memory-bounds",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "table-bounds",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "indirect-call",
    wasmtime.TrapCode.BAD_SIGNATURE: "indirect-call",
    wasmtime.TrapCode.INTEGER_DIVISION_BY_ZERO: "divide-by-zero",
    wasmtime.TrapCode.INTEGER_OVERFLOW: "unrepresentable",
    wasmtime.TrapCode.BAD_CONVERSION_TO_INTEGER: "unrepresentable",
}


@dataclass
class Ended:
    """The outcome of a call, and the state after it."""

    outcome: str
    fuel: int
    depth: int
    memory: bytes
    mutable: list[int]
    calls: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)


def answer(name: str, arguments: list[int], fuel: int) -> int:
    """Return the host's result: any value, if it is the same in both engines."""
    return fuel if name == "fuel" else zlib.crc32(repr((name, arguments)).encode())


def on_the_model(admitted: AdmittedModule, pages: int, budget: int) -> Ended:
    calls: list[tuple[str, tuple[int, ...], int]] = []

    def host(name: str, arguments: list[int]) -> int:
        machine.charge(A_HOST_CALL)
        calls.append((name, tuple(arguments), machine.fuel))
        return answer(name, arguments, machine.fuel)

    machine = Machine(admitted, pages, budget, host)
    try:
        if machine.has("_initialize"):
            machine.call("_initialize")
        outcome = str(machine.call("wit"))
    except Trapped as trap:
        outcome = trap.code
    except OutOfFuel:
        outcome = "fuel"
    return Ended(outcome, machine.fuel, machine.depth, bytes(machine.memory), machine.mutable(), calls)


class Engine:
    """A metered form in ``wasmtime``."""

    def __init__(self, metered: bytes, budget: int) -> None:
        config = wasmtime.Config()
        config.max_wasm_stack = 1_900_000
        config.cranelift_opt_level = "none"
        self.store = wasmtime.Store(wasmtime.Engine(config))
        module = wasmtime.Module(self.store.engine, metered)
        self.calls: list[tuple[str, tuple[int, ...], int]] = []
        imports = [self.imported(item) for item in module.imports]
        self.exports = wasmtime.Instance(self.store, module, imports).exports(self.store)
        self.fuel.set_value(self.store, wasmtime.Val.i64(budget))

    @property
    def fuel(self) -> wasmtime.Global:
        found = self.exports["grit:fuel"]
        assert isinstance(found, wasmtime.Global)
        return found

    def imported(self, item: wasmtime.ImportType) -> wasmtime.Func:
        name, kind = str(item.name), item.type
        assert isinstance(kind, wasmtime.FuncType)
        wide = [str(result) for result in kind.results] == ["i64"]

        def function(*arguments: int) -> int:
            left = self.fuel.value(self.store) - A_HOST_CALL
            self.fuel.set_value(self.store, wasmtime.Val.i64(left))
            if left < 0:
                raise wasmtime.Trap("no fuel")
            given = [argument & 0xFFFFFFFF for argument in arguments]
            self.calls.append((name, tuple(given), left))
            found = answer(name, given, left)
            return found if wide else found - (1 << 32) * (found >> 31)

        return wasmtime.Func(self.store, kind, function)

    def mutable(self) -> list[int]:
        found = []
        for name, item in self.exports.items():
            if str(name).startswith("grit:g"):
                assert isinstance(item, wasmtime.Global)
                bits = 64 if str(item.type(self.store).content) == "i64" else 32
                found.append(item.value(self.store) & (1 << bits) - 1)
        return found

    def memory(self) -> bytes:
        found = dict(self.exports.items()).get("grit:memory")
        return bytes(found.read(self.store)) if isinstance(found, wasmtime.Memory) else b""

    def call(self, name: str) -> Any:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store)

    def run(self) -> Ended:
        outcome = ""
        try:
            if "_initialize" in dict(self.exports.items()):
                self.call("_initialize")
            outcome = str(self.call("wit") & 0xFFFFFFFF)
        except wasmtime.Trap as trap:
            code = trap.trap_code
            outcome = TRAPS.get(code, str(code)) if code else "host"
        depth, fuel = self.exports["grit:depth"], self.fuel.value(self.store)
        assert isinstance(depth, wasmtime.Global)
        units = depth.value(self.store) & 0xFFFFFFFF
        if fuel < 0:
            outcome, fuel = "fuel", 0
        elif units > STACK_LIMIT:
            outcome = "stack-overflow"
        return Ended(outcome, fuel, units, self.memory(), self.mutable(), self.calls)


def drawn(seeds: range) -> Iterator[DrawnGuest]:
    for seed in seeds:
        yield draw_guest(Tape(random.Random(seed).randbytes(TAPE)))


@pytest.mark.parametrize("part", range(4))
def test_drawn_guests_end_alike(part: int) -> None:
    """Outcome, units left, stack units, memory, mutable globals and host calls equal those of the other engine."""
    for guest in drawn(range(part * GUESTS // 4, (part + 1) * GUESTS // 4)):
        admitted = admit(guest.module, "wit", guest.pages)
        metered = meter(admitted, guest.pages)
        here = on_the_model(admitted, guest.pages, BUDGET)
        assert here == Engine(metered, BUDGET).run(), guest.module.hex()
        if here.outcome != "fuel":
            spent = BUDGET - here.fuel
            assert on_the_model(admitted, guest.pages, spent).outcome == here.outcome
            assert on_the_model(admitted, guest.pages, spent - 1).outcome == "fuel"


@pytest.mark.parametrize("at", range(9))
def test_guests_that_measure_get_the_same_values(at: int) -> None:
    """Costs of all instructions and segments, and every instruction on floats with all pairs of special numbers."""
    measuring = [probes.costs_of_instructions(), probes.costs_of_locals(), probes.costs_of_segments(), *probes.floats()]
    assert len(measuring) == 9
    admitted = admit(measuring[at], "wit", 4)
    here = on_the_model(admitted, 4, 10_000_000)
    assert here.outcome == "0"
    assert len(set(here.memory[:4096])) > 20
    assert here == Engine(meter(admitted, 4), 10_000_000).run()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_recursion_ends_at_the_exact_unit(shape: RecursionShape) -> None:
    for total, outcome in ((LIMIT, "divide-by-zero"), (LIMIT + 1, "stack-overflow")):
        work = [("drop", ("i32.div_u", ("i32.const", 0), ("i32.const", 0)))]
        admitted = admit(exact_descent(shape, total, work), "wit", 0)
        here = on_the_model(admitted, 0, BUDGET * 100)
        assert (here.outcome, here.depth) == (outcome, total)
        assert here == Engine(meter(admitted, 0), BUDGET * 100).run()


@pytest.mark.parametrize("code", CAUSES)
def test_traps_have_the_same_cause(code: str) -> None:
    for name, cause in CAUSES[code].items():
        admitted = admit(ending_with(cause), "wit", 1)
        here = on_the_model(admitted, 1, 10 * BUDGET)
        assert (name, here.outcome) == (name, code)
        assert here == Engine(meter(admitted, 1), 10 * BUDGET).run()


def test_drawn_guests_reach_every_outcome_and_instruction() -> None:
    """The drawn guests cover each trap, exhaustion, steps and nearly all instructions, reachable and unreachable."""
    ends: Counter[str] = Counter()
    live: Counter[str] = Counter()
    dead = 0
    for guest in drawn(range(GUESTS)):
        admitted = admit(guest.module, "wit", guest.pages)
        ends[on_the_model(admitted, guest.pages, BUDGET).outcome] += 1
        for function in admitted.defined:
            names = [
                op.instruction.name
                for op, counts in zip(function.body.code, function.parts.live, strict=True)
                if counts
            ]
            live.update(names)
            dead += len(function.body.code) - len(names)
    floors = dict.fromkeys(("fuel", "memory-bounds", "indirect-call", "divide-by-zero", "unrepresentable"), 5)
    floors |= {"0": 60, "unreachable": 3, "table-bounds": 2}
    assert {name: ends[name] for name, floor in floors.items() if ends[name] < floor} == {}
    assert dead > GUESTS
    assert len(live) >= 185
