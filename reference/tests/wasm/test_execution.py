"""Executions: what code gets, what it cannot have, and going on when its fuel is gone."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit import Change, Store
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.kit.executions import (
    Environment,
    Execution,
    Failed,
    OutOfFuel,
    Sandbox,
    SecurityViolation,
    Trapped,
    fork,
    spawn,
)
from gritstone.kit.executions.sandbox import Delivery
from gritstone.wasm import Guests, admission, engine
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.documents import manifest_blob, read_manifest
from gritstone.wit.paths import ALPHABETS

Assemble = Callable[..., bytes]

_SEND = """
  (drop (call $find (global.get $core) (i32.const 200) (i32.const 17) (global.get $letter)))
  (drop (call $message (global.get $zero) (i32.const 300) (i32.const 14) (global.get $content) (global.get $new)))
  (drop (call $mail (global.get $out) (global.get $letter) (global.get $new) (global.get $out)))"""
_SPIN = "(loop (br 0))"
_DRAW = """(drop (call $random (i32.const 1400) (i32.const 8)))
  (drop (call $blob (i32.const 1400) (i32.const 8) (i32.const 0) (i32.const 0) (global.get $content)))"""


# --- running ---------------------------------------------------------------------------------------------


def test_counter_execution_counts_its_runs(counter: bytes) -> None:
    execution = spawn(counter)
    assert execution.read("count") == bytes((1, 0, 0, 0))
    result = execution.run()
    assert (result.outcome, result.error, result.sent) == ("step", None, ())
    assert result.snapshot_id == execution.snapshot_id
    assert result.fuel_spent == 3_824
    assert execution.run(b"x", {"mt": "hello"}).snapshot_id == execution.snapshot_id != result.snapshot_id
    assert execution.read("count") == bytes((3, 0, 0, 0))
    assert execution.read("no/such") is execution.read("code") is None
    assert execution.result is not None
    assert execution.result.snapshot_id == execution.snapshot_id


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(array("B", data))])
def test_spawn_accepts_any_bytes_like_module(counter: bytes, kind: Callable[[bytes], Any]) -> None:
    assert spawn(kind(counter)).snapshot_id == spawn(counter).snapshot_id


def test_spawn_admits_a_module_once(counter: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    admitted = []

    def admit(data: bytes, entry: str, pages: int) -> AdmittedModule:
        admitted.append(entry)
        return admit_module(data, entry, pages)

    for module in (admission, engine):
        monkeypatch.setattr(module, "admit_module", admit)
    sandbox = Sandbox(guests=Guests())
    for _ in range(2):
        spawn(counter, sandbox=sandbox).run()
    assert admitted == ["wit"]


def test_unreachable_objects_of_a_step_are_not_stored(guest: Callable[..., bytes]) -> None:
    make = """(loop
      (i32.store (i32.const 3000) (i32.add (i32.load (i32.const 3000)) (i32.const 1)))
      (drop (call $blob (i32.const 3000) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 3040)))
      (br_if 0 (i32.lt_u (i32.load (i32.const 3000)) (i32.const 500))))"""
    execution = spawn(guest("a", make + "PLACE"))
    execution.sandbox.store.prune()
    assert execution.run(b"x").outcome == "step"
    assert execution.read("a") == b"x"
    assert execution.sandbox.store.prune() < 10, "not one of 500"


def test_execution_without_a_store_keeps_nothing(counter: bytes) -> None:
    execution = spawn(counter, Environment(persistent=False))
    assert execution.run().fuel_spent is None
    assert execution.read("count") == bytes((1, 0, 0, 0))


def test_declined_message_makes_no_step(wat: Assemble) -> None:
    text = """(module (import "grit" "input" (func $input (param i32 i32) (result i32)))
      (import "grit" "result" (func $result (param i32) (result i32)))
      (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32))) (memory 1)
      (func (export "wit") (result i32)
        (if (i32.ge_s (call $input (i32.const 1) (i32.const 0)) (i32.const 0)) (then (return (i32.const 0))))
        (drop (call $input (i32.const 0) (i32.const 32))) (drop (call $input (i32.const 5) (i32.const 64)))
        (drop (call $input (i32.const 2) (i32.const 96)))
        (drop (call $step (i32.const 0) (i32.const 32) (i32.const 64) (i32.const 0) (i32.const 96) (i32.const 128)))
        (call $result (i32.const 128))))"""
    execution = spawn(wat(text))
    before = execution.snapshot_id
    result = execution.run()
    assert (result.outcome, result.snapshot_id) == ("declined", before)


@pytest.mark.parametrize("word", ["genesis", "update", "cleanup", "receipt"])
def test_control_messages_are_rejected(counter: bytes, word: str) -> None:
    with pytest.raises(Rejected):
        spawn(counter).run(b"", {"mt": word})


def test_one_sandbox_holds_many_executions(counter: bytes) -> None:
    sandbox = Sandbox()
    made = [spawn(counter, sandbox=sandbox) for _ in range(3)]
    made[1].run()
    assert len({one.actor for one in made}) == 3
    assert [one.read("count") for one in made] == [bytes((n, 0, 0, 0)) for n in (1, 2, 1)]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_execution_continues_in_a_reopened_store(tmp_path: Path, counter: bytes, name: str) -> None:
    engine = LmdbEngine(tmp_path / "store", create=True)
    sandbox = Sandbox(Store.open(engine, FORMATS[name]))
    actor = spawn(counter, sandbox=sandbox).actor
    engine.close()
    engine = LmdbEngine(tmp_path / "store", create=False)
    again = Execution(Sandbox(Store.open(engine, FORMATS[name], create=False)), actor)
    snapshot = again.run().snapshot_id
    assert snapshot is not None
    assert again.read("count") == bytes((2, 0, 0, 0))
    assert fork(snapshot, sandbox=again.sandbox).read("count") == bytes((2, 0, 0, 0))
    engine.close()


def test_foreign_move_is_detected(counter: bytes) -> None:
    sandbox = Sandbox()
    execution = spawn(counter, sandbox=sandbox)
    name, head = f"heads/{execution.actor.hex()}", sandbox.head(execution.actor)

    class Hasty(Sandbox):
        def position(self, actor: bytes) -> Any:
            found = super().position(actor)
            if actor == self.agent:
                self.store.update_references([Change(name, head, None)])
            return found

    with pytest.raises(Rejected) as caught:
        Hasty(sandbox.store).deliver(execution.actor, sandbox.agent, {})
    assert caught.value.code == "conflict"


def test_foreign_prune_is_survived(counter: bytes) -> None:
    class Hasty(Sandbox):
        wanted = False

        def _commit(self, *args: Any) -> Delivery:
            if self.wanted:
                self.wanted = False
                self.store.prune()
            return super()._commit(*args)

    sandbox = Hasty()
    execution = spawn(counter, sandbox=sandbox)
    before = execution.snapshot_id
    sandbox.wanted = True
    with pytest.raises(Rejected) as caught:
        execution.run(b"what only this message leads to")
    assert (caught.value.code, execution.snapshot_id) == ("conflict", before)
    assert execution.run(b"what only this message leads to").outcome == "step"


# --- what it may not -------------------------------------------------------------------------------------


def test_unknown_import_is_refused_at_spawn(wat: Assemble) -> None:
    body = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
    with pytest.raises(SecurityViolation) as caught:
        spawn(wat("(i32.const 0)", head=body))
    assert caught.value.reason == "import"


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ("unreachable", Trapped, "trap:unreachable"),
        ("(i32.const 7)", Trapped, "guest:7"),
        ("(i32.const 0)", Failed, "failed"),
        (_SPIN + "(i32.const 0)", OutOfFuel, "fuel"),
    ],
)
def test_failed_run_raises_its_outcome(wat: Assemble, body: str, kind: type[Failed], reason: str) -> None:
    with pytest.raises(Failed) as caught:
        spawn(wat(body), Environment(max_fuel=1_000))
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.snapshot_id) == (reason, None)


def test_spawn_rejects_bytes_that_are_no_module() -> None:
    for code in (b"", b"import os"):
        with pytest.raises(Failed) as caught:
            spawn(code)
        assert caught.value.code == "unresolved:module"


def test_memory_limit_of_the_environment_applies(wat: Assemble) -> None:
    body = "(i32.eq (memory.grow (i32.const 15)) (i32.const -1))"
    with pytest.raises(Failed) as caught:
        spawn(wat(body, head="(memory 1)"), Environment(max_memory_mb=1))
    assert caught.value.code == "failed", "there is room for 16 pages"
    with pytest.raises(Trapped) as caught:
        spawn(wat(body.replace("15", "16"), head="(memory 1)"), Environment(max_memory_mb=1))
    assert caught.value.reason == "guest:1"


def test_time_limit_of_the_environment_applies(guest: Callable[..., bytes]) -> None:
    sandbox = Sandbox(guests=Guests(limit_ms=100))
    execution = spawn(guest(act=_SPIN), Environment(max_fuel=2**62, persistent=False), sandbox=sandbox)
    before = execution.snapshot_id
    with pytest.raises(Failed) as caught:
        execution.run()
    assert (caught.value.code, execution.snapshot_id) == ("timeout", before)


# --- messages out ----------------------------------------------------------------------------------------


def test_egress_is_denied(guest: Callable[..., bytes]) -> None:
    # Without a peer the id is that of the message itself, so there is no actor of that id either.
    with pytest.raises(SecurityViolation) as caught:
        spawn(guest(act=_SEND.replace("(global.get $letter)", "(global.get $core)"))).run(b"x")
    assert caught.value.reason == "denied:send"


def test_egress_is_read_and_answered(guest: Callable[..., bytes]) -> None:
    execution = spawn(guest(act=_SEND), Environment(network_egress=True))
    assert execution.result is not None
    assert execution.result.sent == ()
    (letter,) = execution.run(b"http://example.org/").sent
    assert (letter.headers, letter.content) == ({"mt": "effect.get"}, b"http://example.org/")
    (other,) = execution.run(b"next", {"mt": "effect.ok", "reply": letter.message_id}).sent
    assert other.content == b"next"


def test_equal_seeds_give_equal_random_bytes(guest: Callable[..., bytes]) -> None:
    drawn = []
    for seed in (1, 1, (1).to_bytes(32, "big"), 2):
        execution = spawn(guest("drawn", _DRAW + "PLACE"), Environment(seed=seed))
        execution.run()
        drawn.append(execution.read("drawn"))
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]
    with pytest.raises(SecurityViolation) as caught:
        spawn(guest("drawn", _DRAW + "PLACE")).run()
    assert caught.value.reason == "denied:random"


# --- fuel ------------------------------------------------------------------------------------------------


def test_execution_continues_after_refuelling(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820))
    before = execution.snapshot_id
    for _ in range(2):
        with pytest.raises(OutOfFuel) as caught:
            execution.run(b"one")
        assert caught.value.snapshot_id == execution.snapshot_id == before
    assert len(execution.unread) == 2
    result = execution.continue_(10_000)
    assert result.outcome == "step"
    assert not execution.unread
    assert execution.read("count") == bytes((3, 0, 0, 0))
    with pytest.raises(Rejected):
        execution.continue_()


def test_run_out_of_fuel_stays_at_the_checkpoint(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    before = execution.snapshot_id
    result = execution.run(b"one")
    assert (result.outcome, result.snapshot_id, result.fuel_spent) == ("exhausted:fuel", before, 3_820)
    assert isinstance(result.error, OutOfFuel)
    assert execution.continue_(3_821).error is not None
    assert execution.continue_(3_824).error is None
    reached = execution.read("count")
    assert reached == bytes((2, 0, 0, 0))


def test_first_step_out_of_fuel_continues_with_more(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=10, on_timeout="checkpoint"))
    assert execution.snapshot_id is None
    assert execution.result is not None
    assert execution.result.error is not None
    with pytest.raises(Rejected):
        execution.run()
    assert execution.continue_(10_000).outcome == "step"
    assert execution.read("count") == bytes((1, 0, 0, 0))


def test_one_of_several_messages_suffices(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    for content in (b"one", b"two"):
        execution.run(content)
    assert execution.continue_(3_822).error is not None
    assert [content for content, _ in execution.unread] == [b"one", b"two"]


def test_evaluator_receives_the_text_as_a_file(guest: Callable[..., bytes]) -> None:
    execution = spawn("print(1)", evaluator=guest("fs/code"))
    assert execution.read("fs/code") == b"print(1)"
    with pytest.raises(SecurityViolation) as caught:
        execution.run(b"print(2)")
    assert caught.value.reason == "denied:mount"
    for code, evaluator in (("text", None), (b"module", b"module")):
        with pytest.raises(ValueError, match="evaluator"):
            spawn(code, evaluator=evaluator)


@pytest.mark.parametrize(
    "values",
    [
        {"max_memory_mb": 0},
        {"max_memory_mb": 4_097},
        {"max_fuel": 0},
        {"max_fuel": 2**63},
        {"on_timeout": "stop"},
        {"seed": b"short"},
        {"seed": -1},
        {"seed": 2**256},
        {"mounts": {"/a/b": "."}},
        {"mounts": {"/": "."}},
        {"mounts": {"/a": ".", "a": "."}},
    ],
)
def test_invalid_environments_are_rejected(values: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(values)).removesuffix("s")):
        Environment(**values)


def test_manifests_are_written_as_they_are_read() -> None:
    environment = Environment(max_memory_mb=7, mounts={"w": "."}, max_fuel=9, seed=3)
    for manifest in (environment.manifest(), environment.manifest(reads=("code",)), Environment().manifest()):
        blob = manifest_blob(manifest)
        assert read_manifest(blob, ALPHABETS["cbor-blake3"].name) == manifest
