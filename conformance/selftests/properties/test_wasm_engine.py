"""The properties of modules, metering, fuel, stack, floats, memory, outcomes and calls report planted faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from inspect import unwrap
from typing import Any
from unittest.mock import patch

import pytest

from gritstone_conformance.model import wasm_host
from gritstone_conformance.model.wasm import (
    admission,
    bodies,
    calls,
    checking,
    compiling,
    machine,
    metering,
    segments,
    validation,
)
from gritstone_conformance.model.wasm.bodies import Body
from gritstone_conformance.model.wasm.documents import Manifest
from gritstone_conformance.model.wasm.image import manifest_at
from gritstone_conformance.model.wasm.instructions import LIMITS
from gritstone_conformance.model.wasm.machine import Machine, Trapped
from gritstone_conformance.model.wasm.reader import Reader
from gritstone_conformance.model.wasm.segments import Segments
from gritstone_conformance.model.wasm.signatures import PLAIN
from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.trial import Divergence, Property
from selftests.properties.model_runs import run_on_model
from selftests.properties.test_wasm import Planted

TOPICS = ("module", "meter", "fuel", "stack", "float", "memory", "outcome", "call")
PROPERTIES = [
    prop
    for prop in load_properties()
    if any(fnmatch(prop.name, f"wasm/{topic}/*") for topic in TOPICS) and "runtime" not in prop.requires.profiles
]
BY_NAME = {prop.name: prop for prop in PROPERTIES}
LONG = ("wasm/module/limit-long", "wasm/fuel/long*", "wasm/call/up*", "wasm/call/pure*")


@pytest.mark.parametrize(
    "prop",
    [prop for prop in PROPERTIES if not any(fnmatch(prop.name, name) for name in LONG)],
    ids=lambda prop: prop.name,
)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, GuestHost(), 1)


plain_admit, plain_examine = unwrap(admission.admit), unwrap(admission._examine)
split, check_body, source_of = segments.split, checking.check_body, compiling.source_of
UNCACHED = (
    patch.object(admission, "_examine", plain_examine),
    patch.object(wasm_host, "admit", plain_admit),
    patch.object(calls, "admit", plain_admit),
)
"""Nothing that was worked out without the fault is used again."""


def lives_only(scope: Any, kind: Any, body: Body, live: tuple[bool, ...]) -> int:
    kept = tuple(op for op, counts in zip(body.code, live, strict=True) if counts)
    return check_body(scope, kind, replace(body, code=kept), (True,) * len(kept))


def counts_the_dead(scope: Any, kind: Any, body: Body, live: tuple[bool, ...]) -> int:
    return check_body(scope, kind, body, (True,) * len(live))


def validates_first(data: bytes, pages: int, wide: bool) -> Any:
    with patch.dict(LIMITS, dict.fromkeys(LIMITS, 1 << 40)):
        plain_examine(data, 1 << 40, wide)
    return plain_examine(data, pages, wide)


def ends_segments_at_calls(body: Body) -> Segments:
    found = split(body)
    charges = dict(found.charges)
    last = 0
    for index, op in enumerate(body.code):
        last = index if index in charges else last
        if op.instruction.code == 0x10 and found.live[index]:
            rest = sum(
                later.instruction.cost
                for at, later in enumerate(body.code)
                if at > index and last == max(place for place in found.charges if place <= at) and found.live[at]
            )
            charges[last] -= rest
            charges[index + 1] = charges.get(index + 1, 0) + rest
            last = index + 1
    return Segments(found.live, charges)


def charges_the_dead(body: Body) -> Segments:
    found = split(body)
    dead = sum(op.instruction.cost for op, live in zip(body.code, found.live, strict=True) if not live)
    return Segments(found.live, {**found.charges, 0: found.charges[0] + dead})


def charges_before_the_frame(admitted: Any, function: Any) -> str:
    """Check the frame after the charge for the first segment."""
    lines = source_of(admitted, function).split("\n")
    at = next(place for place, line in enumerate(lines) if line.startswith("  if d > "))
    checked, lines[at : at + 2] = lines[at : at + 2], []
    paid = next(place for place, line in enumerate(lines) if "m.run_dry()" in line)
    indent = " " * (len(lines[paid - 1]) - len(lines[paid - 1].lstrip()))
    lines[paid + 1 : paid + 1] = [indent + line.removeprefix("  ") for line in checked]
    return "\n".join(lines)


def grows_as_the_manifest_says(self: Machine, count: int) -> int:
    self.most = 4
    return grow(self, count)


def grows_for_nothing(self: Machine, count: int) -> int:
    if len(self.memory) // 65_536 + count > self.most:
        return 0xFFFFFFFF
    return grow(self, count)


def grows_dirty(self: Machine, count: int) -> int:
    before = len(self.memory)
    found = grow(self, count)
    self.memory[before:] = b"\xaa" * (len(self.memory) - before)
    return found


grow, start, run = Machine.grow, Machine.__init__, Machine.call


def keeps_segments(self: Machine, segment: int, to: int, source: int, count: int) -> None:
    self.charge(count // 8)
    content = self.admitted.module.segments[segment].content
    self._check(source, count, len(content))
    self._check(to, count, len(self.memory))
    self.memory[to : to + count] = content[source : source + count]


def tells_null_apart(self: Machine, kind: int, index: int) -> Callable[..., Any]:
    if index < len(self.table) and self.table[index] is None:
        raise Trapped("table-bounds")
    return indirect(self, kind, index)


indirect = Machine.indirect


def divides(left: int, right: int) -> int:
    raise Trapped("divide-by-zero")


def reuses_instances() -> Any:
    """Return an initializer of a machine that reuses the memory of the last machine of the same size."""
    last: list[bytearray] = []

    def begin(self: Machine, *args: Any) -> None:
        start(self, *args)
        if last and len(last[-1]) == len(self.memory):
            self.memory[:1024] = last[-1][:1024]
        last.append(self.memory)

    return patch.object(Machine, "__init__", begin)


def never_initializes(self: Machine, export: str, *args: int) -> int | None:
    return None if export == "_initialize" else run(self, export, *args)


def returns_signed(self: Machine, export: str, *args: int) -> int | None:
    found = run(self, export, *args)
    return found if found is None or found < 1 << 31 else found - (1 << 32)


def reads_any_manifest(*args: Any) -> Any:
    return manifest_at(*args) or Manifest()


FAULTS: list[tuple[str, str, Any]] = [
    ("wasm.module.language", "wasm/module/language", patch.object(validation, "check_body", lives_only)),
    ("wasm.module.language", "wasm/module/instructions", patch.dict(bodies._READERS, zero=Reader.u32)),
    ("wasm.module.state", "wasm/module/state", patch.object(validation, "_check_data", lambda *args: None)),
    ("wasm.module.state", "wasm/module/state", patch.object(validation, "_INTEGERS", ("i32", "i64", "f32"))),
    ("wasm.module.import", "wasm/module/import", patch.object(admission, "_check_imports", lambda module: None)),
    ("wasm.module.entry", "wasm/module/entry", patch.object(admission, "_check_exports", lambda module, entry: None)),
    ("wasm.module.entry", "wasm/module/entry", patch.object(admission, "_WINDING", {})),
    ("wasm.module.entry", "wasm/module/entry", patch.object(admission, "_is_area", lambda *args: True)),
    ("wasm.module.first", "wasm/module/first", patch.object(admission, "_examine", validates_first)),
    ("wasm.module.first", "wasm/module/first-of-twins", patch.object(admission, "_examine", validates_first)),
    ("wasm.module.language", "wasm/module/operands", patch.dict(PLAIN, {0x6A: (b"\x7f\x7e", b"\x7f")})),
    ("wasm.module.limit", "wasm/module/too-long", patch.dict(LIMITS, module_bytes=LIMITS["module_bytes"] + 1)),
    ("wasm.meter.exact", "wasm/meter/admitted", patch.object(validation, "check_body", counts_the_dead)),
    ("wasm.meter.exact", "wasm/meter/encodings", patch.object(metering, "_ORDER", (1, 2, 3, 4, 5, 6, 7, 9, 10, 11))),
    ("wasm.meter.exact", "wasm/meter/worked", patch.dict(metering._QUIET, f32=bytes.fromhex("430000c0ff"))),
    ("wasm.meter.exact", "wasm/meter/encodings", patch.object(metering, "_sleb", metering._uleb)),
    ("wasm.meter.exact", "wasm/meter/drawn", patch.object(metering, "_LIMIT", 65_535)),
    ("wasm.fuel.cost", "wasm/fuel/instructions", patch.object(segments, "_LOCALS", 9)),
    ("wasm.fuel.cost", "wasm/fuel/instructions", patch.object(segments, "_ENTRY", 1)),
    ("wasm.fuel.segment", "wasm/fuel/segments", patch.object(admission, "split", charges_the_dead)),
    ("wasm.fuel.segment", "wasm/fuel/segments", patch.object(admission, "split", ends_segments_at_calls)),
    ("wasm.fuel.exact", "wasm/fuel/every-budget", patch.object(admission, "split", ends_segments_at_calls)),
    ("wasm.fuel.size", "wasm/fuel/sizes", patch.dict(machine._BULK, fill=9)),
    ("wasm.fuel.size", "wasm/fuel/sizes", patch.object(Machine, "grow", grows_for_nothing)),
    ("wasm.stack.depth", "wasm/stack/depth", patch.object(compiling, "_LIMIT", 65_537)),
    ("wasm.stack.depth", "wasm/stack/depth", patch.object(validation, "check_body", counts_the_dead)),
    ("wasm.stack.first", "wasm/stack/before-fuel", patch.object(machine, "source_of", charges_before_the_frame)),
    ("wasm.float.nan", "wasm/float/results", patch.dict(machine._NAMES, f32_add=lambda left, right: left | 0x7FC00000)),
    ("wasm.float.nan", "wasm/float/results", patch.dict(machine._NAMES, f64_promote_f32=lambda bits: bits << 29)),
    ("wasm.memory.cap", "wasm/memory/cap", patch.object(Machine, "grow", grows_as_the_manifest_says)),
    ("wasm.memory.cap", "wasm/memory/clean", patch.object(Machine, "grow", grows_dirty)),
    ("wasm.outcome.merged", "wasm/outcome/traps", patch.object(Machine, "init", keeps_segments)),
    ("wasm.outcome.merged", "wasm/outcome/traps", patch.object(Machine, "indirect", tells_null_apart)),
    ("wasm.outcome.merged", "wasm/outcome/traps", patch.dict(machine._NAMES, i64_div_s=divides)),
    ("wasm.outcome.guest", "wasm/outcome/numbers", patch.object(Machine, "call", returns_signed)),
    ("wasm.call.fresh", "wasm/call/fresh", reuses_instances()),
    ("wasm.call.initialize", "wasm/call/initialize", patch.object(Machine, "call", never_initializes)),
    ("wasm.call.order", "wasm/call/order", patch.object(calls, "manifest_at", reads_any_manifest)),
]


@pytest.mark.parametrize(("rule", "name", "fault"), FAULTS, ids=[f"{row[1]}-{at}" for at, row in enumerate(FAULTS)])
def test_planted_fault_is_reported(rule: str, name: str, fault: Any) -> None:
    prop = BY_NAME[name] if name in BY_NAME else BY_NAME[f"{name}-framed"]
    with pytest.raises(Divergence) as caught:
        run_on_model(prop, Planted(*UNCACHED, fault), 8)
    assert caught.value.rule == rule


@pytest.mark.parametrize("name", [name for name, limit in LIMITS.items() if isinstance(limit, int) and limit < 65_536])
@pytest.mark.parametrize("by", [-1, 1])
def test_each_limit_is_tested_on_both_sides(name: str, by: int) -> None:
    with pytest.raises(Divergence) as caught:
        run_on_model(BY_NAME["wasm/module/limit"], Planted(*UNCACHED, patch.dict(LIMITS, {name: LIMITS[name] + by})), 1)
    assert caught.value.rule == "wasm.module.limit"
