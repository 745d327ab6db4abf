"""Suspending inside of a call: what a guest finds when it goes on, what it costs, and every misuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.kit.executions import load, spawn
from gritstone.wasm.engine import WasmEngine
from gritstone.wasm.guests import Guests
from gritstone.wit import Laws

_MANIFEST = {"fuel": 1_000_000, "image": True, "pages": 4}

_IMPORTS = """
  (import "grit" "wait" (func $wait (result i32)))
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (import "grit" "fuel" (func $fuel (result i64)))
"""

_MAKE = """
  (memory 1)
  (data (i32.const 16) "\\00\\04") (data (i32.const 1000) "count")
  (global $count (mut i32) (i32.const 0)) (global $total (mut i32) (i32.const 0))
  (func $make
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store8 (i32.const 2000) (global.get $count)) (i32.store16 (i32.const 2001) (global.get $total))
    (drop (call $input (i32.const 0) (i32.const 2048))) (drop (call $input (i32.const 1) (i32.const 2080)))
    (drop (call $input (i32.const 2) (i32.const 2112))) (drop (call $input (i32.const 4) (i32.const 2144)))
    (drop (call $input (i32.const 5) (i32.const 2176)))
    (drop (call $blob (i32.const 2000) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2208)))
    (drop (call $place (i32.const 2112) (i32.const 1000) (i32.const 5) (i32.const 2208) (i32.const 2240)))
    (drop (call $step (i32.const 2080) (i32.const 2048) (i32.const 2176) (i32.const 2144) (i32.const 2240)
      (i32.const 2272)))
    (drop (call $result (i32.const 2272))))
"""

_ASYNCIFY = {
    "start_unwind": "(param i32) (global.set $state (i32.const 1))",
    "stop_unwind": "(global.set $state (i32.const 0))",
    "start_rewind": "(param i32) (global.set $state (i32.const 2))",
    "stop_rewind": "(global.set $state (i32.const 0))",
    "get_state": "(result i32) (global.get $state)",
}

_WAITER = """
  (func $push (param i32) (i32.store (i32.load (i32.const 16)) (local.get 0))
    (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 4))))
  (func $pop (result i32) (i32.store (i32.const 16) (i32.sub (i32.load (i32.const 16)) (i32.const 4)))
    (i32.load (i32.load (i32.const 16))))
  (global $waits (mut i32) (i32.const 0))
  (func $down (param $n i32) (result i32) (local $r i32)
    (if (i32.eq (global.get $state) (i32.const 2)) (then (local.set $n (call $pop))))
    (if (i32.eqz (local.get $n)) (then
      (if (i32.eqz (global.get $state)) (then (call $make)))
      (loop $again
        (drop (call $wait))
        (if (i32.eq (global.get $state) (i32.const 1)) (then (call $push (local.get $n)) (return (i32.const 0))))
        (call $make)
        (global.set $waits (i32.add (global.get $waits) (i32.const 1)))
        (br_if $again (i32.lt_u (global.get $waits) (i32.const 3))))
      (return (i32.const 100))))
    (local.set $r (call $down (i32.sub (local.get $n) (i32.const 1))))
    (if (i32.eq (global.get $state) (i32.const 1)) (then (call $push (local.get $n)) (return (i32.const 0))))
    (i32.add (local.get $r) (local.get $n)))
  (func (export "wit") (result i32) (local $r i32)
    (local.set $r (call $down (i32.const DEPTH)))
    (if (i32.eq (global.get $state) (i32.const 1)) (then (return (i32.const 7))))
    (global.set $total (local.get $r))
    (call $make)
    (i32.const 0))
"""

Assemble = Callable[..., bytes]


def text(body: str, **changed: str) -> str:
    functions = "".join(
        f'(func (export "asyncify_{name}") {code})\n' for name, code in {**_ASYNCIFY, **changed}.items()
    )
    state = '(global $state (mut i32) (i32.const 0)) (global (export "grit_wait_area") i32 (i32.const 16))'
    return f"(module {_IMPORTS} {_MAKE} {state} {functions} {body})"


@pytest.fixture
def waiter(wat: Assemble) -> Callable[[int], bytes]:
    return lambda depth: wat(text(_WAITER.replace("DEPTH", str(depth))))


def host(bench: Any, **given: Any) -> Laws:
    """Return the laws of another host."""
    return Laws(Guests(most_pages=1_024, **given))


def heads(bench: Any, module: bytes, count: int, *, elsewhere: bool = False) -> list[bytes]:
    actor = bench.core(module, _MANIFEST)
    found = [bench.born(actor)]
    while len(found) < count:
        if elsewhere:
            bench.laws = host(bench, engine=WasmEngine())
        found.append(bench.tell(actor, found[-1]))
    assert all(isinstance(one, bytes) for one in found), found
    return found


def counted(bench: Any, head: bytes) -> tuple[int, int]:
    position = bench.workspace.load(head)
    data = bench.workspace.load(bench.core_of(position.actor, head)["count"]).data
    return data[0], int.from_bytes(data[1:], "little")


@pytest.mark.parametrize("depth", [0, 1, 50])
def test_suspended_call_resumes(bench: Any, waiter: Callable[[int], bytes], depth: int) -> None:
    found = heads(bench, waiter(depth), 6)
    total = 100 + depth * (depth + 1) // 2
    assert [counted(bench, one) for one in found] == [(1, 0), (2, 0), (3, 0), (5, total), (6, total), (8, total)]
    actor = bench.workspace.load(found[0]).actor
    assert [bench.state(actor, one).call for one in found] == ["wit", "wit", "wit", None, "wit", None]


def test_suspended_call_resumes_on_another_host(bench: Any, waiter: Callable[[int], bytes]) -> None:
    assert heads(bench, waiter(5), 5) == heads(bench, waiter(5), 5, elsewhere=True)


def test_winding_costs_no_fuel(bench: Any, waiter: Callable[[int], bytes]) -> None:
    spent = set()
    for depth in (0, 1, 50):
        found = heads(bench, waiter(depth), 3)
        actor = bench.workspace.load(found[0]).actor
        used = [bench.state(actor, one).used for one in found]
        spent.add((used[2] - used[1], counted(bench, found[2])))
    assert len(spent) == 1, "a step from one wait to the next costs the same at any depth"


def test_suspending_call_needs_exactly_its_fuel(bench: Any, waiter: Callable[[int], bytes]) -> None:
    actor = bench.core(waiter(9), _MANIFEST)
    used = bench.state(actor, bench.born(actor)).used
    for fuel, ends in ((used, True), (used - 1, False)):
        actor = bench.core(waiter(9), {**_MANIFEST, "fuel": fuel})
        outcome = bench.born(actor)
        assert isinstance(outcome, bytes) == ends
        assert ends or outcome == "exhausted:fuel"


def test_query_of_a_suspended_step_answers(bench: Any, wat: Assemble, waiter: Callable[[int], bytes]) -> None:
    module = wat(text(_WAITER.replace("DEPTH", "3") + '(func (export "wit_query") (result i32) (i32.const 0))'))
    actor = bench.core(module, _MANIFEST, wit_query=b"wasm:code/main.wasm")
    assert bench.ask(bench.born(actor)) is None


def test_suspended_call_of_other_code_is_dropped(bench: Any, waiter: Callable[[int], bytes]) -> None:
    actor = bench.core(waiter(3), _MANIFEST)
    head = bench.born(actor)
    new = bench.nested({"code": {"main.wasm": (bench.blob(waiter(4), ct="application/wasm"),)}})
    head = bench.tell(actor, head, new, mt="update")
    assert bench.state(actor, head).call == "wit"
    head = bench.tell(actor, head)
    assert counted(bench, head) == (1, 0)


def test_execution_resumes_a_waiting_call(waiter: Callable[[int], bytes], tmp_path: Path) -> None:
    execution = spawn(waiter(2))
    assert execution.result is not None
    assert execution.result.outcome == "suspended"
    assert execution.run(b"go on").outcome == "suspended"
    branch = execution.fork()
    execution.save(tmp_path / "x.grit")
    for one in (execution, branch, load(tmp_path / "x.grit")):
        assert one.read("count") == bytes((2, 0, 0))
        assert [one.continue_().outcome for _ in range(2)] == ["suspended", "step"]
        assert one.read("count") == bytes((5, 103, 0))
        with pytest.raises(Rejected):
            one.continue_()


# --- denied ----------------------------------------------------------------------------------------------

_PLAIN = '(func (export "wit") (result i32) (call $make) (drop (call $wait)) (i32.const 0))'


def test_wait_without_image_is_denied(bench: Any, wat: Assemble) -> None:
    assert bench.born(bench.core(wat(text(_PLAIN)), {"fuel": 100_000})) == "failed:denied:wait"
    assert isinstance(bench.born(bench.core(wat(text(_PLAIN)), _MANIFEST)), bytes)


def test_wait_outside_of_wit_is_denied(bench: Any, wat: Assemble) -> None:
    begun = '(func (export "_initialize") (drop (call $wait)))'
    assert bench.born(bench.core(wat(text(_PLAIN + begun)), _MANIFEST)) == "failed:denied:wait"
    asked = '(func (export "wit_query") (result i32) (call $wait))'
    actor = bench.core(wat(text(_PLAIN + asked)), _MANIFEST, wit_query=b"wasm:code/main.wasm")
    head = bench.born(actor)
    assert bench.ask(head) == "failed:denied:wait"
    update = wat(text('(func (export "wit_update") (result i32) (call $wait))'))
    content = bench.nested({"wit_update": b"wasm:u", "u": update})
    assert bench.tell(actor, head, content, mt="update") == "failed:denied:wait"


def test_host_without_suspension_refuses_the_call(bench: Any, waiter: Callable[[int], bytes]) -> None:
    actor = bench.core(waiter(2), _MANIFEST)
    head = bench.born(actor)
    bench.laws = host(bench, suspends=False)
    assert bench.born(actor) == "failed:denied:wait"
    assert bench.tell(actor, head) == "exhausted:host"
    bench.laws = host(bench)
    assert counted(bench, bench.tell(actor, head)) == (2, 0)


# --- misuse ----------------------------------------------------------------------------------------------


def suspending(after: str = "", before: str = "") -> str:
    """Return an entry that acts after its ``wait`` returned because it is to unwind, or before it."""
    return f'(func (export "wit") (result i32) {before} (call $make) (drop (call $wait)) {after} (i32.const 0))'


_LOOP = "(loop (br 0))"
_WAIT = "failed:trap:wait"


@pytest.mark.parametrize(
    ("body", "changed", "outcome"),
    [
        (suspending("(drop (call $fuel))"), {}, _WAIT),
        (suspending("(drop (call $wait))"), {}, _WAIT),
        (suspending("(drop (call $input (i32.const 0) (i32.const -1)))"), {}, _WAIT),
        (suspending(_LOOP), {}, _WAIT),
        (suspending("(unreachable)"), {}, "failed:trap:unreachable"),
        (suspending("(return (i32.const 5))"), {}, None),
        (suspending("(drop (call $result (i32.const 0)))"), {}, _WAIT),
        ('(func (export "wit") (result i32) (drop (call $wait)) (i32.const 0))', {}, _WAIT),
        (suspending(), {"get_state": "(result i32) (i32.const 0)"}, _WAIT),
        (suspending(), {"get_state": "(result i32) (i32.const 2)"}, _WAIT),
        (suspending(), {"get_state": f"(result i32) {_LOOP} (i32.const 1)"}, _WAIT),
        (suspending(), {"get_state": "(result i32) (drop (call $fuel)) (i32.const 1)"}, _WAIT),
        (suspending(), {"start_unwind": f"(param i32) {_LOOP}"}, _WAIT),
        (suspending(), {"start_unwind": "(param i32) (drop (call $wait))"}, _WAIT),
        (suspending(), {"start_unwind": "(param i32) (unreachable)"}, "failed:trap:unreachable"),
        (suspending(), {"stop_unwind": _LOOP}, _WAIT),
        (suspending(), {"stop_unwind": "(drop (call $fuel))"}, _WAIT),
        (suspending(), {"start_unwind": "(param i32) (if (i32.ne (local.get 0) (i32.const 16)) (then unreachable)) "
                                        "(global.set $state (i32.const 1))"}, None),
    ],
)  # fmt: skip
def test_invalid_suspension_traps(bench: Any, wat: Assemble, body: str, changed: dict[str, str], outcome: Any) -> None:
    found = bench.born(bench.core(wat(text(body, **changed)), _MANIFEST))
    if outcome is None:
        assert isinstance(found, bytes)
    else:
        assert found == outcome


_REWINDING = "(i32.eq (global.get $state) (i32.const 2))"


@pytest.mark.parametrize(
    ("body", "changed", "outcome"),
    [
        (suspending(), {}, None),
        (suspending(before=f"(if {_REWINDING} (then (return (i32.const 0))))"), {}, _WAIT),
        (suspending(before=f"(if {_REWINDING} (then (drop (call $fuel))))"), {}, _WAIT),
        (suspending(before=f"(if {_REWINDING} (then {_LOOP}))"), {}, _WAIT),
        (suspending(before=f"(if {_REWINDING} (then unreachable))"), {}, "failed:trap:unreachable"),
        (suspending(), {"get_state": "(result i32) (i32.const 1)"}, _WAIT),
        (suspending(), {"start_rewind": "(param i32) (drop (call $wait))"}, _WAIT),
        (suspending(), {"start_rewind": f"(param i32) {_LOOP}"}, _WAIT),
        (suspending(), {"stop_rewind": "(drop (call $fuel))"}, _WAIT),
        (suspending(), {"stop_rewind": _LOOP}, _WAIT),
        (suspending(), {"stop_rewind": "(unreachable)"}, "failed:trap:unreachable"),
    ],
)
def test_invalid_resumption_traps(bench: Any, wat: Assemble, body: str, changed: dict[str, str], outcome: Any) -> None:
    body = body.replace("(call $make) (drop", f"(if (i32.eqz {_REWINDING}) (then (call $make))) (drop")
    actor = bench.core(wat(text(body, **changed)), _MANIFEST)
    head = bench.born(actor)
    assert isinstance(head, bytes)
    # Without a result after it goes on, a call declines.
    assert bench.tell(actor, head) == outcome


def test_a_suspended_call_of_a_module_that_never_waits(bench: Any, counter: bytes) -> None:
    actor = bench.core(counter, _MANIFEST)
    head = bench.born(actor)
    nodes = dict(bench.wasm_of(actor, head))
    members = {"v": 1, "used": 0, "pages": 2, "globals": []}
    for call, outcome in (({}, bytes), ({"call": "wit"}, str)):
        nodes["state"] = bench.document({**members, **call})
        wasm = {name: (one,) for name, one in nodes.items()}
        found = bench.born(bench.core(counter, None, wasm=wasm))
        assert isinstance(found, outcome)
        assert outcome is bytes or found == "unresolved:image"
