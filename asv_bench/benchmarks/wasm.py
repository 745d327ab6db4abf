"""Speed of ``wasm``: making a module ready, one call, host calls, metering, snapshots, forks, waiting.

The guests are those of the vectors. ``track_`` values are ratios of two times that were taken in turns in one process:
a step against the minimum of the engine, metered code against the original code, an incremental snapshot against a
full one.
"""

from __future__ import annotations

import statistics
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import wasmtime

from gritstone.grit import FORMATS, Blob, MemoryEngine, Message, Object, ObjectId, Step, Store, Tree
from gritstone.grit.store import put_unless_erased
from gritstone.wasm.admission import admit_module
from gritstone.wasm.cores import tree_at
from gritstone.wasm.documents import encode_item
from gritstone.wasm.engine import WasmEngine
from gritstone.wasm.forks import fork_core
from gritstone.wasm.guests import Guests
from gritstone.wasm.metering import meter_module
from gritstone.wit import PUPPETS, Executor, External, Laws, Objects
from gritstone.wit.admission import Admitted
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.workspace import Workspace
from gritstone_conformance.strategies.guests import guest

_FORMATS = sorted(FORMATS)

_FILL = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory {pages})
  (global $calls (mut i32) (i32.const 0))
  (func (export "wit") (result i32) (local $page i32) (local $end i32)
    (local.set $end (select (i32.const {pages}) (i32.const {changed}) (i32.eqz (global.get $calls))))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (block (loop
      (br_if 1 (i32.ge_u (local.get $page) (local.get $end)))
      (i32.store offset=512 (i32.shl (local.get $page) (i32.const 16))
        (i32.add (local.get $page) (i32.mul (global.get $calls) (i32.const 2654435761))))
      (local.set $page (i32.add (local.get $page) (i32.const 1)))
      (br 0)))
    (drop (call $input (i32.const 0) (i32.const 0)))
    (drop (call $input (i32.const 1) (i32.const 32)))
    (drop (call $input (i32.const 2) (i32.const 64)))
    (drop (call $input (i32.const 5) (i32.const 96)))
    (if (call $step (i32.const 32) (i32.const 0) (i32.const 96) (i32.const 160) (i32.const 64) (i32.const 128))
      (then (return (i32.const 1))))
    (call $result (i32.const 128))))
"""
"""Writes one number into each page when it is called first, then into some of them."""

_PROGRAMS = {
    "hash": """(local $i i32) (local $h i64)
      (loop
        (local.set $h (i64.mul (i64.xor (local.get $h) (i64.extend_i32_u (local.get $i))) (i64.const 1099511628211)))
        (i64.store (i32.and (local.get $i) (i32.const 65528)) (local.get $h))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
      (i32.wrap_i64 (local.get $h))""",
    "sort": """(local $i i32) (local $j i32) (local $v i32)
      (loop
        (i32.store (i32.shl (local.get $i) (i32.const 2)) (i32.mul (local.get $i) (i32.const 2654435761)))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
      (local.set $i (i32.const 1))
      (loop
        (local.set $v (i32.load (i32.shl (local.get $i) (i32.const 2))))
        (local.set $j (local.get $i))
        (block (loop
          (br_if 1 (i32.eqz (local.get $j)))
          (br_if 1 (i32.le_u (i32.load (i32.shl (i32.sub (local.get $j) (i32.const 1)) (i32.const 2))) (local.get $v)))
          (i32.store (i32.shl (local.get $j) (i32.const 2))
            (i32.load (i32.shl (i32.sub (local.get $j) (i32.const 1)) (i32.const 2))))
          (local.set $j (i32.sub (local.get $j) (i32.const 1)))
          (br 0)))
        (i32.store (i32.shl (local.get $j) (i32.const 2)) (local.get $v))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
      (i32.load (i32.const 4000))""",
    "divide": """(local $i i32) (local $x f64)
      (local.set $x (f64.const 1e9))
      (loop
        (local.set $x (f64.div (f64.add (local.get $x) (f64.const 3)) (f64.const 1.0000001)))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
      (i32.trunc_f64_u (f64.div (local.get $x) (f64.const 1e9)))""",
    "recurse": "(call $fib (i32.const 25))",
}
_PROGRAM = """(module (memory 1)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "wit") (result i32) {body}))
"""

_CALLS = {
    "fuel": ("(result i64)", "(call $f)"),
    "input": ("(param i32 i32) (result i32)", "(call $f (i32.const 2) (i32.const 64))"),
    "size": ("(param i32) (result i32)", "(call $f (i32.const 64))"),
    "find": (
        "(param i32 i32 i32 i32) (result i32)",
        "(call $f (i32.const 64) (i32.const 0) (i32.const 9) (i32.const 96))",
    ),
    "blob": (
        "(param i32 i32 i32 i32 i32) (result i32)",
        "(call $f (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 96))",
    ),
    "place": (
        "(param i32 i32 i32 i32 i32) (result i32)",
        "(call $f (i32.const 64) (i32.const 0) (i32.const 9) (i32.const 64) (i32.const 96))",
    ),
}
_CALLING = """(module
  (import "grit" "{name}" (func $f {type})) {input}
  (memory 1) (data (i32.const 0) "code/main")
  (func (export "wit") (result i32) (local $i i32)
    (drop (call $input (i32.const 2) (i32.const 64)))
    (loop
      (drop {call})
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (i32.const 0)))
"""


class _Player:
    """Act as the runtime of one actor on a memory store; each step is stored before the next one begins."""

    def __init__(self, format_name: str, guests: Guests) -> None:
        self.guests = guests
        self.store = Store.open(MemoryEngine(), FORMATS[format_name])
        self.executor = Executor(self.objects(), Laws(External(PUPPETS), guests))
        self.outside = self.put(Tree({"name": self.blob(b"outside")}))

    def objects(self) -> Objects:
        return Objects(self.store.format, self.store.limits, self.store.get)

    def put(self, value: Object) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.put(Blob(headers, data))

    def core(self, module: bytes, manifest: Mapping[str, Any]) -> ObjectId:
        code = self.put(Tree({"main.wasm": self.blob(module, ct="application/wasm")}))
        wasm = self.put(Tree({"manifest": self.blob(encode_item({"v": 1, **manifest}), ct="cbor")}))
        wit = self.blob(b"wasm:code/main.wasm")
        return self.put(Tree({"code": code, "wasm": wasm, "wit": wit, "wit_query": wit}))

    def born(self, core: ObjectId) -> Position:
        self.tip = self.put(Message(None, {"mt": "genesis"}, core))
        self.actor = core
        return self.keep(self.make(None, MessageKind.GENESIS))

    def tell(self, content: ObjectId) -> None:
        """Set the next message to read."""
        self.tip = self.put(Message(self.tip, {}, content))

    def make(self, last: Position | None, kind: MessageKind = MessageKind.ORDINARY) -> Admitted:
        """Make a step that reads the newest message."""
        admitted = self.run(last, kind)
        assert admitted is not None
        return admitted

    def run(self, last: Position | None, kind: MessageKind) -> Admitted | None:
        proposal = Proposal(kind, ((self.outside, (self.tip,)),))
        play = self.executor.transition(self.executor.prepare(self.actor, last, proposal, 1))
        return drive(play, lambda seconds: None, Deadline(lambda: 0.0, 0))

    def decline(self, last: Position) -> None:
        """Run a call that gives no step."""
        assert self.run(last, MessageKind.ORDINARY) is None

    def keep(self, admitted: Admitted) -> Position:
        """Store a step."""
        made = admitted.workspace.encodings
        self.store.update(lambda batch: [put_unless_erased(batch, one, data) for one, data in made.items()])
        self.executor.adopt(admitted)
        return admitted.position


def _filler(pages: int, changed: int) -> bytes:
    return bytes(wasmtime.wat2wasm(_FILL.format(pages=pages, changed=changed)))


def _median_ratio(one: Callable[[], object], other: Callable[[], object], turns: int) -> float:
    """Return the median over turns of the time of ``one`` divided by that of ``other``."""
    ratios = []
    for _ in range(turns):
        seconds = []
        for work in (one, other):
            start = time.process_time()  # of this process alone, so that others on the machine do not count
            work()
            seconds.append(time.process_time() - start)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)


class Readying:
    """What a module costs once: admission, its metered form, and with that the compiler of the engine."""

    params = ("counter", "effects", "puppet")
    param_names = ("guest",)

    def setup(self, name: str) -> None:
        self.module = guest(name)
        self.admitted = admit_module(self.module, "wit", 256)

    def time_admit(self, name: str) -> None:
        admit_module(self.module, "wit", 256)

    def time_meter(self, name: str) -> None:
        meter_module(self.admitted)

    def time_prepare(self, name: str) -> None:
        WasmEngine().prepare(b"1", self.module, "wit", 256)

    def track_meter_megabytes(self, name: str) -> float:
        start = time.perf_counter()
        turns = 0
        while time.perf_counter() - start < 0.25:
            meter_module(self.admitted)
            turns += 1
        return len(self.module) * turns / (time.perf_counter() - start) / 1e6

    track_meter_megabytes.unit = "MB/s"  # type: ignore[attr-defined]


class Steps:
    """One transition with its admission: a counter, and the puppet as a module and as it is built in."""

    params = (_FORMATS, ("counter", "counter-image", "puppet", "puppet-native"))
    param_names = ("format", "actor")

    def setup(self, format_name: str, label: str) -> None:
        self.player = player = _Player(format_name, Guests())
        program = player.put(Tree({"program": player.blob(b"W\1k\0\1v")}))
        if label == "puppet-native":
            node = player.blob(b"external:puppet/1", ct="s")
            core = player.put(Tree({"wit": node, "wit_query": node}))
        elif label == "puppet":
            core = player.core(guest("puppet"), {"raw": True, "code": True, "fuel": 1_000_000_000})
        else:
            core = player.core(guest("counter"), {"image": True, "pages": 4} if label == "counter-image" else {})
        born = player.born(core)
        player.tell(program)
        self.last = born
        player.make(born)

    def time_step(self, format_name: str, label: str) -> None:
        self.player.make(self.last)


class Floor:
    """A warm step of the puppet in Wasm against the floor: a new store, a linked instance, one call.

    The floor copies as many bytes in and out as the step makes objects.
    """

    params = _FORMATS
    param_names = ("format",)
    timeout = 120

    def setup(self, format_name: str) -> None:
        self.steps = Steps()
        self.steps.setup(format_name, "puppet")
        self.engine = wasmtime.Engine()
        text = '(module (memory (export "memory") 2) (func (export "wit") (result i32) (i32.const 0)))'
        module = wasmtime.Module(self.engine, bytes(wasmtime.wat2wasm(text)))
        self.linked = wasmtime.Linker(self.engine).instantiate_pre(module)
        made = self.steps.player.make(self.steps.last).workspace.encodings
        self.data = b"".join(made.values())

    def floor(self) -> None:
        store = wasmtime.Store(self.engine)
        exports = self.linked.instantiate(store).exports(store)
        memory, wit = exports["memory"], exports["wit"]
        assert isinstance(memory, wasmtime.Memory)
        assert isinstance(wit, wasmtime.Func)
        memory.write(store, self.data, 0)
        wit(store)
        memory.read(store, 0, len(self.data))

    def time_floor(self, format_name: str) -> None:
        self.floor()

    def track_step_to_floor(self, format_name: str) -> float:
        return _median_ratio(lambda: self.steps.time_step(format_name, "puppet"), self.floor, 301)


class HostCalls:
    """A thousand calls of one function by a guest."""

    params = tuple(_CALLS)
    param_names = ("function",)

    def setup(self, name: str) -> None:
        type_, call = _CALLS[name]
        imported = '(import "grit" "input" (func $input (param i32 i32) (result i32)))'
        text = _CALLING.format(name=name, type=type_, call=call, input="" if name == "input" else imported)
        module = bytes(wasmtime.wat2wasm(text.replace("$input", "$f") if name == "input" else text))
        self.player = _Player("framed-sha256", Guests())
        counter = self.player.core(guest("counter"), {})
        born = self.player.born(counter)
        self.player.tell(self.player.blob(b""))
        core = self.player.core(module, {"fuel": 1 << 40})
        step = Step(born.step.previous, counter, born.step.inbox, born.step.outbox, core)
        entries = tree_at(Workspace(self.player.executor.objects), core)
        self.last = Position(self.player.put(step), step, born.inbox, born.outbox, entries)

    def time_calls(self, name: str) -> None:
        self.player.decline(self.last)


class Metering:
    """Programs in their original and their metered form."""

    params = tuple(_PROGRAMS)
    param_names = ("program",)
    timeout = 300

    def setup(self, label: str) -> None:
        data = bytes(wasmtime.wat2wasm(_PROGRAM.format(body=_PROGRAMS[label])))
        self.engine = wasmtime.Engine()
        linker = wasmtime.Linker(self.engine)
        metered = meter_module(admit_module(data, "wit", 256))
        self.plain, self.metered = (
            linker.instantiate_pre(wasmtime.Module(self.engine, one)) for one in (data, metered)
        )

    def run(self, linked: wasmtime.InstancePre) -> int:
        store = wasmtime.Store(self.engine)
        exports = linked.instantiate(store).exports(store)
        if "grit:fuel" in exports:
            exports["grit:fuel"].set_value(store, 1 << 62)  # type: ignore[union-attr]
        result: int = exports["wit"](store)  # type: ignore[operator]
        return result

    def time_plain(self, label: str) -> None:
        self.run(self.plain)

    def time_metered(self, label: str) -> None:
        self.run(self.metered)

    def track_overhead(self, label: str) -> float:
        assert self.run(self.metered) == self.run(self.plain)
        return _median_ratio(lambda: self.run(self.metered), lambda: self.run(self.plain), 41)


class Snapshots:
    """Steps of an actor whose memory is full, of which one in a hundred pages changes; and forks of it."""

    params = (_FORMATS, (16, 256, 1024))
    param_names = ("format", "pages")
    number = 1
    repeat = 9
    warmup_time = 0.0
    timeout = 300

    def setup(self, format_name: str, pages: int) -> None:
        self.pages = pages
        self.player = player = _Player(format_name, Guests())
        self.core = player.core(_filler(pages, max(1, pages // 100)), {"image": True, "pages": pages, "fuel": 1 << 40})
        self.first = player.born(self.core)
        player.tell(player.blob(b""))
        self.last = player.keep(player.make(self.first))
        player.tell(player.blob(b""))

    def full(self) -> None:
        player = _Player(self.player.store.format.name, self.player.guests)
        core = player.core(_filler(self.pages, 1), {"image": True, "pages": self.pages, "fuel": 1 << 40})
        player.born(core)

    def incremental(self) -> None:
        self.last = self.player.keep(self.player.make(self.last))
        self.player.tell(self.player.blob(b""))

    def time_full_step(self, format_name: str, pages: int) -> None:
        self.full()

    def time_incremental_step(self, format_name: str, pages: int) -> None:
        self.incremental()

    def track_full_to_incremental_step(self, format_name: str, pages: int) -> float:
        return _median_ratio(self.full, self.incremental, 9)

    def time_fork(self, format_name: str, pages: int) -> None:
        fork_core(Workspace(self.player.executor.objects), self.last.step_id, 1, fresh=True)


class Waiting:
    """A step of a call that goes on after a wait and waits again, at a depth of its stack."""

    params = (1, 50)
    param_names = ("depth",)

    def setup(self, depth: int) -> None:
        self.player = player = _Player("framed-sha256", Guests())
        born = player.born(player.core(guest("waiter"), {"image": True, "pages": 64}))
        player.tell(player.blob(struct.pack("BB", depth, 200)))
        self.last = player.keep(player.make(born))
        player.tell(player.blob(b""))

    def time_wait(self, depth: int) -> None:
        self.player.make(self.last)
