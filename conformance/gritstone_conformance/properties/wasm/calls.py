"""Calls: what makes the step, what is left where no step is made, and that each call starts from the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.wasm.bench import MAIN, GuestBench, of_executors
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.caller import GRANTS, ORDERS, caller
from gritstone_conformance.strategies.endings import CAUSES, ending_with, failing, returning
from gritstone_conformance.strategies.guest_modules import making_step
from gritstone_conformance.strategies.host_calls import CallScript, script_guest
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.strategies.worked import counter
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_FUEL: Final = {"fuel": 200_000}


def _caller(bench: GuestBench, grants: Mapping[str, Any], title: bytes = b"a", initialize: bool = False) -> BenchActor:
    node = bench.stage.blob(MAIN)
    return bench.run(caller(initialize), {**_FUEL, **GRANTS, **grants}, title=title, wit_query=node)


def result_is_the_step(trial: Trial, fmt: Format) -> None:
    """What ``result`` named last is the step of the call, with nothing but the host nodes changed."""
    bench = GuestBench(trial, fmt)
    for grants in ({}, {"image": True}):
        actor = _caller(bench, grants)
        message = actor.send(bench.outside)
        for attempt in range(1, len(ORDERS) + 2):
            bench.step(actor.identity, actor.head, [(bench.outside, message)], attempt)
    bench.flush()


def atomic(trial: Trial, fmt: Format, tape: Tape) -> None:
    """After calls without a step, the next one is as if they had not been: image, random position, clock and fuel."""
    bench = GuestBench(trial, fmt)
    rule = "wasm.call.atomic"
    actors = [_caller(bench, grants, title) for grants, title in (({"image": True, "tank": 1 << 40}, b"a"), ({}, b"b"))]
    for actor in actors:
        actor.send(bench.outside)
    for _ in range(3):
        for actor in actors:
            mail = sorted(actor.tips.items())
            for _ in range(tape.within(1, 3)):
                bench.step(actor.identity, actor.head, mail, tape.within(3, len(ORDERS) + 1), rule=rule)
            actor.head = bench.step(actor.identity, actor.head, mail, tape.within(1, 2), rule=rule) or actor.head
            actor.send(bench.outside)
    for actor in actors:
        assert actor.head is not None
        bench.holds(actor.head, rule=rule)
    bench.flush()


def query(trial: Trial, fmt: Format) -> None:
    """Queries see the image and change nothing, whatever the code does while it answers."""
    bench = GuestBench(trial, fmt)
    actors = [_caller(bench, {"image": True}), _caller(bench, {}, b"b"), _caller(bench, {"tank": 1 << 40}, b"c")]
    for _ in range(3):
        for actor in actors:
            assert actor.head is not None
            bench.query(actor.head, "what")
            bench.query(actor.head, "what", b"again")
            actor.tell(bench.outside, attempt=1)
    bench.flush()


def _counting(image: bool, initialize: Code = ()) -> bytes:
    """Return a guest that counts in a global and in memory; it makes a step, or answers the counts."""
    guest = Assembly()
    imports = {name: guest.grit(name) for name in ("input", "step", "result")}
    guest.memory(1)
    guest.table(1)
    cell = guest.global_("i32", 0, mutable=True)
    start = guest.global_("i32", 0, mutable=True)
    if initialize:
        guest.function([], [], ["i32"], [("global.set", start, number(1)), *initialize], "_initialize")
    more: list[Any] = [
        ("global.set", cell, ("i32.add", ("global.get", cell), number(1))),
        ("i32.store", zero, ("i32.add", ("i32.load", zero), number(0x100))),
    ]
    total = (
        "i32.add",
        ("i32.load", zero),
        ("i32.add", ("global.get", cell), ("i32.shl", ("global.get", start), number(16))),
    )
    guest.entry([*more, *(making_step(imports) if image else [total])])
    return guest.binary()


def new_instance_for_each_call(trial: Trial, fmt: Format) -> None:
    """Without an image each call begins with a new instance; calls of other actors with the module show nowhere."""
    bench = GuestBench(trial, fmt)
    answering, stepping = _counting(image=False), _counting(image=True)
    keeping = bench.run(stepping, {"image": True})
    forgetting = bench.run(stepping, {"tank": 1 << 40}, title=b"b")
    assert forgetting.head is not None
    bench.query(forgetting.head, "q", rule="wasm.call.fresh")  # no such export
    for title in (b"c", b"d"):
        bench.run(answering, {"image": True}, title=title)
        keeping.tell(bench.outside)
        bench.run(answering, title=title + b"2")
        forgetting.tell(bench.outside)
        bench.run(answering, title=title + b"2")
    bench.flush()


def initialize(trial: Trial, fmt: Format) -> None:
    """``_initialize`` runs in every new instance, within the call and its budget, and never in a restored one."""
    bench = GuestBench(trial, fmt)
    for grants in ({"image": True}, {"tank": 1 << 40}):
        actor = bench.run(_counting(image=True, initialize=[counter(50)]), grants)
        for _ in range(2):
            actor.tell(bench.outside)
        bench.run(_counting(image=False, initialize=[counter(50)]), grants)
        _caller(bench, grants, b"c", initialize=True).tell(bench.outside, attempt=1)
    spent = 3 + 7 * 50 + 3 + 20
    for budget in range(spent - 30, spent + 10):
        bench.run(_counting(image=False, initialize=[counter(50)]), {"fuel": budget})
    for code in (["unreachable"], [("loop", None, [("br", 0)])], [("drop", ("i32.div_u", zero, zero))]):
        bench.run(_counting(image=True, initialize=code), _FUEL)
    _initialize_elsewhere(bench)
    given = Assembly()
    imports = {name: given.grit(name) for name in ("input", "step", "result")}
    given.memory(1)
    given.function([], [], (), [*making_step(imports), "drop"], "_initialize")
    given.entry([zero])
    bench.run(given.binary())
    known = Assembly()
    asked, kind = known.grit("input"), known.grit("kind")
    known.memory(1)
    known.function([], [], (), [("drop", ("call", asked, zero, number(64)))], "_initialize")
    known.entry([("call", kind, number(64))])
    bench.run(known.binary())  # an id from there is in scope here
    bench.flush()


def _initialize_elsewhere(bench: GuestBench) -> None:
    """Ask a guest that counts how often it was initialised, in a query and in code of an update."""
    look = bench.stage.blob(CallScript().act("get").data())
    actor = bench.run(script_guest(initializes=True))
    assert actor.head is not None
    bench.query(actor.head, "q", CallScript().act("get").data(), rule="wasm.call.initialize")
    code = bench.executor.shelf.names(actor.value.core)["code"]
    update = bench.stage.tree(wit_update=bench.stage.blob(MAIN), code=code, script=look)
    bench.probe_content(actor, update, "update", rule="wasm.call.initialize")


def order(trial: Trial, fmt: Format) -> None:
    """Of several things that are wrong with a core the first in the order of the text decides; nothing runs before."""
    bench = GuestBench(trial, fmt)
    most = trial.claims.limits["wasm_pages"]
    endless = Assembly()
    endless.memory(3)
    endless.entry([("loop", None, [("br", 0)]), zero])
    endless.function([], [], (), ["unreachable"], "_initialize")
    defects: dict[str, dict[str, Any]] = {
        "manifest": {"more": {"unknown": 1}},
        "node": {"code": bench.stage.tree(other=bench.stage.blob(b""))},
        "limit": {"more": {"pages": 2}},
        "image": {"wasm_state": bench.stage.blob(b"\xa0")},
        "fuel": {},
    }
    if most < 65_536:
        defects = {"manifest": defects["manifest"], "host": {"more": {"pages": most + 1}}, **defects}
    names = list(defects)
    for first in range(len(names)):
        for second in range(first, len(names)):
            entries: dict[str, Any] = {}
            manifest: dict[str, Any] = {"image": True, "fuel": 1_000}
            for name in (names[second], names[first]):
                manifest |= defects[name].get("more", {})
                entries |= {key: value for key, value in defects[name].items() if key != "more"}
            bench.run(endless.binary(), manifest, **entries)
    for module in (b"", b"\0asm", returning(0, "x")):
        bench.run(module, {"image": True}, wasm_state=bench.stage.blob(b"\xa0"))
    bench.flush()


def calls_are_independent(trial: Trial, fmt: Format, tape: Tape) -> None:
    """After any end of any call, every other call ends as it would have ended without it."""
    bench = GuestBench(trial, fmt)
    pool = [ending_with(next(iter(causes.values()))) for causes in CAUSES.values()]
    pool += [failing(9, b"text"), returning(0), b"\0asm"]
    actors = [_caller(bench, {"image": True}), _caller(bench, {}, b"b")]
    for _ in range(tape.within(3, 8)):
        bench.run(tape.pick(pool), {"fuel": tape.pick((100_000, 50))})
        tape.pick(actors).tell(bench.outside, attempt=tape.within(1, len(ORDERS)))
    for actor in actors:
        actor.tell(bench.outside, attempt=1)
    bench.flush()


PROPERTIES: Final = (
    *of_executors("wasm/call/result", result_is_the_step, "wasm.call.result"),
    *of_executors("wasm/call/atomic", atomic, "wasm.call.atomic", given=tape(40), examples=4, once=True),
    *of_executors("wasm/call/query", query, "wasm.call.query"),
    *of_executors("wasm/call/fresh", new_instance_for_each_call, "wasm.call.fresh"),
    *of_executors("wasm/call/initialize", initialize, "wasm.call.initialize", "wasm.fuel.exact"),
    *of_executors("wasm/call/order", order, "wasm.call.order", "wasm.module.node"),
    *of_executors(
        "wasm/call/survives", calls_are_independent, "wasm.call.survives", given=tape(40), examples=4, once=True
    ),
)
