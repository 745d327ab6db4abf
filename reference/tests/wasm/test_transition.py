"""Transitions of Wasm actors: order of defects, host nodes, images, updates, queries, and creators."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.grit import Blob, Step
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.stream import random_bytes

_IMPORTS = "".join(
    f'(import "grit" "{name}" (func ${name} {("(param" + " i32" * count + ")") if count else ""} (result {result})))'
    for name, count, result in [
        ("input", 2, "i32"), ("covered", 3, "i32"), ("place", 5, "i32"), ("blob", 5, "i32"), ("step", 6, "i32"),
        ("result", 1, "i32"), ("random", 2, "i32"), ("clock", 0, "i64"), ("attempt", 0, "i32"), ("query", 5, "i32"),
        ("find", 4, "i32"), ("read", 4, "i32"),
    ]
)  # fmt: skip


def guest(wat: Callable[..., bytes], body: str, *, more: str = "", heap: str = "(memory 1)", head: str = "") -> bytes:
    """Make a guest that runs a body, and puts the 16 bytes that it left at 1,024 into ``v`` of its core.

    Queries answer with them. ``head`` runs before in the transition alone.
    """
    return wat(
        f"""(module {_IMPORTS} {heap} (data (i32.const 0) "v") {more}
        (func $body {body})
        (func $wit (export "wit") (export "wit_update") (result i32)
          (memory.fill (i32.const 32) (i32.const 0) (i32.const 256))
          {head} (call $body)
          (drop (call $input (i32.const 0) (i32.const 32)))
          (drop (call $input (i32.const 1) (i32.const 64)))
          (drop (call $input (i32.const 5) (i32.const 96)))
          (drop (call $input (i32.const 4) (i32.const 128)))
          (drop (call $input (i32.const 2) (i32.const 160)))
          (drop (call $blob (i32.const 1024) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 192)))
          (drop (call $place (i32.const 160) (i32.const 0) (i32.const 1) (i32.const 192) (i32.const 160)))
          (drop (call $step (i32.const 64) (i32.const 32) (i32.const 96) (i32.const 128) (i32.const 160)
            (i32.const 224)))
          (drop (call $result (i32.const 224)))
          (i32.const 0))
        (func (export "wit_query") (result i32)
          (call $body)
          (drop (call $blob (i32.const 1024) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 192)))
          (drop (call $result (i32.const 192)))
          (i32.const 0)))"""
    )


_COUNT = "(i32.store (i32.const 1024) (i32.add (i32.load (i32.const 1024)) (i32.const 1)))"
_QUERY = b"wasm:code/main.wasm"


def value(bench: Any, actor: bytes, step: bytes) -> bytes:
    blob = bench.workspace.load(bench.core_of(actor, step)["v"])
    assert isinstance(blob, Blob)
    return blob.data


def number(bench: Any, actor: bytes, step: bytes) -> int:
    found: int = struct.unpack_from("<I", value(bench, actor, step))[0]
    return found


def seconds(bench: Any, core: bytes, **headers: str) -> tuple[bytes, Any, Any]:
    """Make two steps."""
    first = bench.born(core)
    assert isinstance(first, bytes), first
    return core, first, bench.tell(core, first, **headers)


# --- what is found first ---------------------------------------------------------------------------------


def test_defects_are_found_in_order(bench: Any, wat: Callable[..., bytes]) -> None:
    good, bad = guest(wat, "nop"), b"\0asm"
    image = {"image": True}
    module = (bench.blob(good, ct="application/wasm"),)
    cases: list[tuple[Any, bytes, dict[str, Any], Any]] = [
        ({"x": 1}, bad, {"wit": b"wasm:a:b"}, "unresolved"),
        ({"x": 1}, bad, {"wit": b"wasm:nowhere"}, "unresolved:manifest"),
        ({"fuel": 0}, bad, {}, "unresolved:manifest"),
        ({"pages": 1_025}, bad, {"wit": b"wasm:nowhere"}, "exhausted:host"),
        ({"pages": 1_024}, bad, {"wit": b"wasm:nowhere"}, "unresolved:node"),
        (image, bad, {"wit": b"wasm:code", "wasm": {"state": b""}}, "unresolved:node"),
        (image, bad, {"wasm": {"state": b""}}, "unresolved:module"),
        ({**image, "pages": 0}, good, {"wasm": {"state": b""}}, "unresolved:limit"),
        (image, good, {"wasm": {"state": b""}}, "unresolved:image"),
        (image, good, {"wasm": {"module": module}}, "unresolved:image"),
        ({}, good, {"wasm": {"state": b"", "module": module}}, bytes),
    ]
    for manifest, code, entries, outcome in cases:
        found = bench.born(bench.core(code, manifest, **entries))
        assert (type(found) is outcome) if outcome is bytes else (found == outcome)


def test_erased_module_is_unresolved(bench: Any, wat: Callable[..., bytes]) -> None:
    data = guest(wat, "nop")
    core = bench.core(data)
    assert isinstance(bench.born(core), bytes)
    bench.store.erase(bench.blob(data, ct="application/wasm"))
    assert bench.born(core) == "unresolved:node"


def test_other_node_forms_in_a_wasm_actor_are_unresolved(bench: Any, wat: Callable[..., bytes]) -> None:
    core = bench.core(guest(wat, "nop"), {"code": True, "update": "any"}, wit_query=b"external:puppet/1")
    step = bench.born(core)
    assert bench.ask(step) == "unresolved:node"
    content = bench.nested({"wit_update": b"external:puppet/1"})
    assert bench.tell(core, step, content, mt="update") == "unresolved:node"
    without = bench.core(guest(wat, "nop"))
    assert bench.ask(bench.born(without)) == "unresolved:node"


def test_wasm_query_in_another_actor_resolves(bench: Any, wat: Callable[..., bytes]) -> None:
    core = bench.nested({"wit": b"external:puppet/1", "wit_query": b"wasm:m", "m": guest(wat, _COUNT)})
    step = bench.born(core)
    assert bench.ask(step) == b"\1" + bytes(15)


# --- images ----------------------------------------------------------------------------------------------


def test_memory_and_globals_are_kept_between_calls(bench: Any, wat: Callable[..., bytes]) -> None:
    body = (
        """(global.set $g (i64.add (global.get $g) (i64.const 5))) (i64.store (i32.const 1032) (global.get $g))
      (i32.store8 (i32.add (i32.const 65536) (i32.load (i32.const 1024))) (i32.const 1))"""
        + _COUNT
    )
    data = guest(wat, body, heap="(memory 2)", more="(global $g (mut i64) (i64.const -1))")
    core, first, second = seconds(bench, bench.core(data, {"image": True}, wit_query=_QUERY))
    third = bench.tell(core, second)
    assert [value(bench, core, one) for one in (first, second, third)] == [
        struct.pack("<Qq", n, 5 * n - 1) for n in (1, 2, 3)
    ]
    assert bench.ask(third) == bench.ask(third) == struct.pack("<Qq", 4, 19)
    assert bench.state(core, third).globals == (14,)
    memory = bench.wasm_of(core, third)
    assert memory["module"] == bench.blob(data, ct="application/wasm")
    assert bench.workspace.tree(memory["memory"]).entries.keys() == {"00"}


def test_call_without_image_starts_new(bench: Any, wat: Callable[..., bytes]) -> None:
    core, first, second = seconds(bench, bench.core(guest(wat, _COUNT), {}, wit_query=_QUERY))
    assert number(bench, core, first) == number(bench, core, second) == 1
    assert bench.wasm_of(core, second).keys() == {"manifest"}
    assert bench.ask(second) == b"\1" + bytes(15)


def test_initialize_runs_only_in_new_instances(bench: Any, wat: Callable[..., bytes]) -> None:
    start = """(func (export "_initialize") (i32.store (i32.const 1028) (i32.add (i32.load (i32.const 1028))
      (i32.const 100))) (i32.store (i32.const 1024) (i32.const 7)))"""
    data = guest(wat, _COUNT, more=start)
    core, first, second = seconds(bench, bench.core(data, {"image": True}))
    assert value(bench, core, first)[:8] == struct.pack("<II", 8, 100)
    assert value(bench, core, second)[:8] == struct.pack("<II", 9, 100)
    core, first, second = seconds(bench, bench.core(data))
    assert value(bench, core, second)[:8] == struct.pack("<II", 8, 100)


def test_prepared_image_is_restored(bench: Any, wat: Callable[..., bytes]) -> None:
    data = guest(wat, _COUNT, more='(func (export "_initialize") unreachable)')
    page = b"v" + bytes(1_023) + struct.pack("<I", 41) + bytes(PAGE_BYTES - 1_028)
    wasm = {
        "state": (bench.document({"v": 1, "used": 5, "pages": 1, "globals": []}),),
        "module": (bench.blob(data, ct="application/wasm"),),
        "memory": {"00": {"00": page}},
    }
    core = bench.core(data, {"image": True, "tank": 1_000_000}, wasm=wasm)
    first = bench.born(core)
    assert number(bench, core, first) == 42
    assert bench.state(core, first).used > 5
    wasm["module"] = (bench.blob(data),)
    assert bench.born(bench.core(data, {"image": True}, wasm=wasm)) == "failed:trap:unreachable"


def test_call_of_another_module_starts_new(bench: Any, wat: Callable[..., bytes]) -> None:
    manifest = {"image": True, "random": bytes(32), "clock": {"start": 5, "tick": 2}}
    body = "(drop (call $clock)) (drop (call $random (i32.const 1040) (i32.const 3)))" + _COUNT
    core, _first, second = seconds(bench, bench.core(guest(wat, body), manifest))
    assert number(bench, core, second) == 2
    code = bench.nested({"code": {"main.wasm": guest(wat, "nop" + body)}})
    changed = bench.tell(core, second, code, mt="update")
    assert bench.wasm_of(core, changed) == bench.wasm_of(core, second), "an update without code runs nothing"
    third = bench.tell(core, changed)
    assert number(bench, core, third) == 1
    state = bench.state(core, third)
    assert (state.random, state.clock) == ((bytes(32), 9), 11)
    assert state.used > bench.state(core, second).used


def test_revoked_grants_are_removed(bench: Any, wat: Callable[..., bytes]) -> None:
    data = guest(wat, _COUNT)
    core, _, second = seconds(bench, bench.core(data, {"image": True}))
    assert bench.wasm_of(core, second).keys() == {"manifest", "state", "module", "memory"}
    plain = bench.nested({"wasm": {"manifest": (bench.document({"v": 1, "tank": 10**9}),)}})
    third = bench.tell(core, bench.tell(core, second, plain, mt="update"))
    assert bench.wasm_of(core, third).keys() == {"manifest", "state"}
    assert bench.state(core, third).pages is None
    assert bench.state(core, third).used > bench.state(core, second).used


def test_foreign_suspended_call_is_rejected(bench: Any, wat: Callable[..., bytes], quiescent: Any) -> None:
    bench.laws = quiescent
    data = (
        '(module (import "grit" "wait" (func (result i32))) (global (export "grit_wait_area") i32 (i32.const 0))'
        '(func (export "asyncify_start_unwind") (export "asyncify_start_rewind") (param i32))'
        '(func (export "asyncify_stop_unwind") (export "asyncify_stop_rewind"))'
        '(func (export "asyncify_get_state") (export "wit") (export "wit_query") (result i32) (i32.const 0)))'
    )
    module = wat(data)
    wasm = {
        "state": (bench.document({"v": 1, "used": 0, "pages": 0, "globals": [], "call": "wit"}),),
        "module": (bench.blob(module, ct="application/wasm"),),
    }
    core = bench.core(module, {"image": True}, wasm=wasm, wit_query=_QUERY)
    assert bench.born(core) == "exhausted:host"


# --- random, clock, fuel ---------------------------------------------------------------------------------


def test_random_and_clock_advance_only_with_steps(bench: Any, wat: Callable[..., bytes]) -> None:
    key = bytes(range(32))
    body = """(drop (call $random (i32.const 1024) (i32.const 8))) (i64.store (i32.const 1032) (call $clock))
      (if (i32.eq (call $covered (i32.const 9) (i32.const 0) (i32.const 0)) (i32.const -1)) (then))"""
    fails = "(if (i32.eq (call $attempt) (i32.const 2)) (then unreachable))"
    data = guest(wat, body, head=fails)
    manifest = {"random": key, "clock": {"start": 2**63 - 3, "tick": 2}, "attempt": True}
    core, first, second = seconds(bench, bench.core(data, manifest, wit_query=_QUERY))
    stream = random_bytes(key, 0, 24)
    clock = [2**63 - 3, 2**63 - 1, 1]
    expected = [stream[8 * n : 8 * n + 8] + struct.pack("<q", clock[n]) for n in range(3)]
    message = bench.message(bench.position(core, second).inbox[bench.sender])
    assert bench.step(core, second, (bench.sender, message), attempt=2) == "failed:trap:unreachable"
    assert bench.ask(second) == bench.ask(second) == expected[2]
    third = bench.tell(core, second)
    assert [value(bench, core, one) for one in (first, second, third)] == expected


def test_tank_is_shared_by_all_steps(bench: Any, wat: Callable[..., bytes]) -> None:
    probe = bench.born(bench.core(guest(wat, "nop"), {"tank": 1_000_000}))
    core = bench.position(bench.workspace.load(probe).actor, probe).step.actor
    costs = bench.state(core, probe).used
    actor = bench.core(guest(wat, "nop"), {"tank": 2 * costs + 20})
    first = bench.born(actor)
    second = bench.tell(actor, first)
    assert bench.state(actor, second).used <= 2 * costs + 20
    assert bench.tell(actor, second) == "exhausted:fuel"
    more = bench.nested({"wasm": {"manifest": (bench.document({"v": 1, "tank": 10**9}),)}})
    refilled = bench.tell(actor, second, more, mt="update")
    assert isinstance(bench.tell(actor, refilled), bytes)


def test_used_units_stop_at_their_maximum(bench: Any, wat: Callable[..., bytes]) -> None:
    state = (bench.document({"v": 1, "used": 2**63 - 2}),)
    core = bench.core(guest(wat, "nop"), {"clock": {"start": 0, "tick": 0}}, wasm={"state": state})
    assert bench.state(core, bench.born(core)).used == 2**63 - 1


# --- declined and failed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("(i32.const 0)", None),
        ("(i32.const 7)", "failed:guest:7"),
        ("(i32.const -1)", "failed:guest:4294967295"),
        ("(drop (call $input (i32.const 7) (i32.const 0))) (drop (call $result (i32.const 0))) (i32.const 0)", None),
        ("(drop (call $input (i32.const 2) (i32.const 0))) (drop (call $result (i32.const 0))) (i32.const 0)",
         "illegal-step"),
        ("(drop (call $input (i32.const 2) (i32.const 0))) (drop (call $result (i32.const 0)))"
         "(drop (call $result (i32.const 64))) (i32.const 0)", None),
        ("(i32.wrap_i64 (call $clock))", "failed:denied:clock"),
    ],
)  # fmt: skip
def test_each_end_of_a_call_has_its_outcome(
    bench: Any, wat: Callable[..., bytes], body: str, outcome: str | None
) -> None:
    data = wat(f'(module {_IMPORTS} (memory 1) (func (export "wit") (result i32) {body}))')
    first = bench.born(bench.core(guest(wat, "nop"), {"code": True}))
    core = bench.workspace.load(first).actor
    changed = bench.tell(core, first, bench.nested({"code": {"main.wasm": data}}), mt="update")
    assert bench.tell(core, changed) == outcome
    assert bench.born(bench.core(data)) == (outcome or "failed")


def test_failed_call_leaves_no_state(bench: Any, wat: Callable[..., bytes]) -> None:
    body = _COUNT + "(if (i32.eq (i32.load (i32.const 1024)) (call $attempt)) (then unreachable))"
    core = bench.core(guest(wat, body), {"image": True, "attempt": True})
    message = (bench.sender, bench.message(None, core))
    assert bench.step(core, None, message) == "failed:trap:unreachable"
    first = bench.step(core, None, message, attempt=9)
    assert number(bench, core, first) == 1


def test_query_in_a_transition_runs_on_a_thread(bench: Any, wat: Callable[..., bytes]) -> None:
    body = """(drop (call $input (i32.const 0) (i32.const 300)))
      (drop (call $blob (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 340)))
      (i32.store (i32.const 1024) (call $query (i32.const 300) (i32.const 0) (i32.const 1) (i32.const 340)
        (i32.const 400)))"""
    core = bench.core(guest(wat, body), {"query": True})
    first = bench.born(core)
    assert struct.unpack_from("<i", value(bench, core, first))[0] == -6, "there are no heads to ask"


# --- updates ---------------------------------------------------------------------------------------------


def test_update_runs_its_own_code(bench: Any, wat: Callable[..., bytes]) -> None:
    manifest = {"image": True, "clock": {"start": 0, "tick": 3}}
    core, _first, second = seconds(bench, bench.core(guest(wat, _COUNT), manifest))
    update = guest(wat, "(drop (call $clock)) (i64.store (i32.const 1024) (i64.const 77))" + _COUNT)
    content = bench.nested({"wit_update": b"wasm:x/y", "x": {"y": update}})
    third = bench.tell(core, second, content, mt="update")
    assert number(bench, core, third) == 78, "a new instance"
    before, after = bench.wasm_of(core, second), bench.wasm_of(core, third)
    assert {name for name in before if before[name] != after[name]} == {"state"}
    old, new = bench.state(core, second), bench.state(core, third)
    assert (new.pages, new.globals, old.clock, new.clock) == (1, (), 0, 3)
    assert new.used > old.used
    assert number(bench, core, bench.tell(core, third)) == 3, "the image stayed"


@pytest.mark.parametrize("way", ["merged", "by code"])
def test_update_of_a_stranger_is_refused(bench: Any, wat: Callable[..., bytes], way: str) -> None:
    stranger = bench.nested({"name": b"stranger"})
    content = {"note": b"x"} if way == "merged" else {"wit_update": b"wasm:m", "m": guest(wat, _COUNT)}
    update = bench.nested(content)
    for manifest, takes in [({}, False), ({"update": "any"}, True), ({"update": "some"}, False)]:
        core = bench.core(guest(wat, "nop"), {})
        first = bench.born(core)
        if manifest:
            given = {"wasm": {"manifest": (bench.document({"v": 1, **manifest}),)}}
            first = bench.tell(core, first, bench.nested(given), mt="update")
        after = bench.tell(core, first, update, stranger, mt="update")
        assert (bench.core_of(core, after) != bench.core_of(core, first)) is takes
        assert stranger in bench.position(core, after).inbox


def test_named_creator_replaces_the_sender(bench: Any, wat: Callable[..., bytes]) -> None:
    other = bench.nested({"name": b"other"})
    core = bench.core(guest(wat, "nop"), {}, wasm={"creator": (other,)})
    first = bench.born(core)
    update = bench.nested({"note": b"x"})
    assert "note" not in bench.core_of(core, bench.tell(core, first, update, mt="update"))
    assert "note" in bench.core_of(core, bench.tell(core, first, update, other, mt="update"))


def test_cleanup_keeps_the_creator(bench: Any, wat: Callable[..., bytes]) -> None:
    core, _first, second = seconds(bench, bench.core(guest(wat, "nop")))
    third = bench.tell(core, second, mt="cleanup")
    assert bench.workspace.load(third).previous is None
    assert bench.wasm_of(core, third) == {"creator": bench.sender}
    update = bench.nested({"note": b"x"})
    assert "note" in bench.core_of(core, bench.tell(core, third, update, mt="update"))
    open_ = bench.core(guest(wat, "nop"), {"update": "any"})
    step = bench.tell(open_, bench.born(open_), mt="cleanup")
    assert bench.wasm_of(open_, step).keys() == {"manifest"}


@pytest.mark.parametrize(
    ("wasm", "takes"),
    [
        ({"manifest": b"defect"}, True),
        ({"peers": {"a": b""}}, True),
        ({"state": b""}, False),
        ({"module": b""}, False),
        ({"memory": b""}, False),
        ({"creator": b""}, False),
        ({"other": b""}, False),
        (b"", False),
    ],
)
def test_update_without_code_changes_only_open_entries(
    bench: Any, wat: Callable[..., bytes], wasm: Any, takes: bool
) -> None:
    core, _, second = seconds(bench, bench.core(guest(wat, "nop"), {"image": True}))
    after = bench.tell(core, second, bench.nested({"wasm": wasm, "note": b"x"}), mt="update")
    assert ("note" in bench.core_of(core, after)) is takes
    same = bench.tell(core, second, bench.nested({"wasm": {"state": (bench.wasm_of(core, second)["state"],)}}),
                      mt="update")  # fmt: skip
    assert bench.core_of(core, same) == bench.core_of(core, second)


def test_module_paths_of_a_frozen_core_do_not_change(bench: Any, wat: Callable[..., bytes]) -> None:
    content = bench.nested({"code": {"main.wasm": b"x"}})
    for frozen, takes in [(b"", False), (b"note\n", False), (None, True)]:
        entries = {} if frozen is None else {"frozen": frozen}
        core = bench.core(guest(wat, "nop"), **entries)
        first = bench.born(core)
        after = bench.tell(core, first, content, mt="update")
        assert (bench.core_of(core, after) != bench.core_of(core, first)) is takes


def test_fully_frozen_core_accepts_no_host_nodes(bench: Any, wat: Callable[..., bytes]) -> None:
    data = wat(
        f"""(module {_IMPORTS} (memory 1) (func (export "wit") (result i32)
          (drop (call $input (i32.const 0) (i32.const 32)))
          (drop (call $input (i32.const 5) (i32.const 96)))
          (drop (call $input (i32.const 2) (i32.const 160)))
          (call $step (i32.const 64) (i32.const 32) (i32.const 96) (i32.const 128) (i32.const 160) (i32.const 224))
          (drop (call $result (i32.const 224)))))"""
    )
    assert bench.born(bench.core(data, {"image": True}, frozen=b"whole")) == "illegal-step"
    assert isinstance(bench.born(bench.core(data, {}, frozen=b"whole")), bytes)
    assert isinstance(bench.born(bench.core(data, {"image": True}, frozen=b"code\n")), bytes)


# --- forks -----------------------------------------------------------------------------------------------


def test_first_step_of_a_fork_runs_no_code(bench: Any, wat: Callable[..., bytes]) -> None:
    for entries in ({}, {"wit": b"wasm:nowhere"}):
        core = bench.core(guest(wat, "unreachable"), wasm={"fork": {"n": b"0"}}, **entries)
        first = bench.born(core)
        step = bench.workspace.load(first)
        assert isinstance(step, Step)
        assert (step.previous, step.outbox, step.core) == (None, None, core)
        assert bench.position(core, first).inbox.keys() == {bench.sender}
    assert bench.tell(core, first) == "unresolved:node"


def test_other_actors_may_use_the_fork_entry(bench: Any) -> None:
    core = bench.nested({"wit": b"external:absent/x", "wasm": {"fork": b""}})
    assert bench.born(core) == "unresolved"


def test_erased_blob_made_again_stays_erased(bench: Any, wat: Callable[..., bytes]) -> None:
    body = """(drop (call $blob (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 300)))
      (i32.store (i32.const 1024) (call $read (i32.const 300) (i32.const 0) (i32.const 340) (i32.const 8)))"""
    core = bench.core(guest(wat, body))
    assert struct.unpack_from("<i", value(bench, core, bench.born(core)))[0] == 1
    bench.store.erase(bench.blob(b"v"))
    assert struct.unpack_from("<i", value(bench, core, bench.born(core)))[0] == -7
