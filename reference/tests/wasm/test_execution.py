"""Executions: what code gets, what it cannot have, and going on, apart and elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Exhausted, Invalid, Malformed, Rejected
from gritstone.grit import Change, MemoryEngine, Store, export_bundle
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.wasm import (
    Environment,
    Execution,
    Failed,
    Guests,
    OutOfFuel,
    Sandbox,
    SecurityViolation,
    Trapped,
    fork,
    load,
    spawn,
)
from gritstone.wasm.documents import manifest_blob, read_manifest
from gritstone.wasm.sandbox import Delivery
from gritstone.wasm.signature import public_key
from gritstone.wit.paths import ALPHABETS

SECRET = bytes(range(32))

Assemble = Callable[..., bytes]

_IMPORTS = """
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "find" (func $find (param i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "mail" (func $mail (param i32 i32 i32 i32) (result i32)))
  (import "grit" "message" (func $message (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (import "grit" "random" (func $random (param i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
"""

_GUEST = """(module %s
  (memory 1)
  (data (i32.const 200) "wasm/peers/egress") (data (i32.const 300) "mt\\00effect.get\\00")
  (data (i32.const 2000) "PATH")
  (global $zero i32 (i32.const 1000)) (global $new i32 (i32.const 1040)) (global $actor i32 (i32.const 1080))
  (global $last i32 (i32.const 1120)) (global $core i32 (i32.const 1160)) (global $out i32 (i32.const 1200))
  (global $in i32 (i32.const 1240)) (global $letter i32 (i32.const 1280)) (global $content i32 (i32.const 1320))
  (func (export "wit") (result i32)
    (drop (call $input (i32.const 0) (global.get $actor))) (drop (call $input (i32.const 2) (global.get $core)))
    (drop (call $input (i32.const 4) (global.get $out))) (drop (call $input (i32.const 5) (global.get $in)))
    (if (i32.ge_s (call $input (i32.const 1) (global.get $last)) (i32.const 0)) (then
      (drop (call $covered (i32.const 0) (global.get $new) (global.get $letter)))
      (drop (call $link (global.get $letter) (i32.const 1) (global.get $content)))
      ACT))
    (drop (call $step (global.get $last) (global.get $actor) (global.get $in) (global.get $out) (global.get $core)
      (global.get $new)))
    (call $result (global.get $new))))
"""

_PLACE = """(drop (call $place (global.get $core) (i32.const 2000) (i32.const SIZE) (global.get $content)
  (global.get $core)))"""
_REMOVE = _PLACE.replace("$content", "$zero")
_SEND = """
  (drop (call $find (global.get $core) (i32.const 200) (i32.const 17) (global.get $letter)))
  (drop (call $message (global.get $zero) (i32.const 300) (i32.const 14) (global.get $content) (global.get $new)))
  (drop (call $mail (global.get $out) (global.get $letter) (global.get $new) (global.get $out)))"""
_SPIN = "(loop (br 0))"
_DRAW = """(drop (call $random (i32.const 1400) (i32.const 8)))
  (drop (call $blob (i32.const 1400) (i32.const 8) (i32.const 0) (i32.const 0) (global.get $content)))"""


@pytest.fixture
def guest(wat: Assemble) -> Callable[..., bytes]:
    """Make a module that does something for every message but the first: put its content at a path, or more."""

    def make(path: str = "fs/workspace/out.txt", act: str = _PLACE) -> bytes:
        text = _GUEST % _IMPORTS
        return wat(text.replace("ACT", act).replace("SIZE", str(len(path))).replace("PATH", path.replace("\\", "\\\\")))

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "isolated"
    (made / "src").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / "src" / "a.txt").write_bytes(b"a")
    (made / "b.txt").write_bytes(b"b")
    return made


def mounted(folder: Path, **more: Any) -> Environment:
    return Environment(mounts={"/workspace": folder}, **more)


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- running ---------------------------------------------------------------------------------------------


def test_a_counter(counter: bytes) -> None:
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


def test_nothing_is_kept_if_nobody_wants_it(counter: bytes) -> None:
    execution = spawn(counter, Environment(persistent=False))
    assert execution.run().fuel_spent is None
    assert execution.read("count") == bytes((1, 0, 0, 0))


def test_a_code_that_declines(wat: Assemble) -> None:
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
def test_messages_that_are_not_for_the_code(counter: bytes, word: str) -> None:
    with pytest.raises(Rejected):
        spawn(counter).run(b"", {"mt": word})


def test_many_in_one_sandbox(counter: bytes) -> None:
    sandbox = Sandbox()
    made = [spawn(counter, sandbox=sandbox) for _ in range(3)]
    made[1].run()
    assert len({one.actor for one in made}) == 3
    assert [one.read("count") for one in made] == [bytes((n, 0, 0, 0)) for n in (1, 2, 1)]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_store_of_ones_own(tmp_path: Path, counter: bytes, name: str) -> None:
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


def test_somebody_else_moves_it(counter: bytes) -> None:
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


def test_somebody_prunes_the_store(counter: bytes) -> None:
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


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("fs/other/x", "denied:mount"),
        ("fs/workspace", None),
        ("wit", "denied:code"),
        ("code/main.wasm", "denied:code"),
        ("wasm/manifest", "denied:host"),
        ("anything/else", None),
    ],
)
def test_paths(guest: Callable[..., bytes], folder: Path, path: str, reason: str | None) -> None:
    execution = spawn(guest(path), mounted(folder))
    before = execution.snapshot_id
    if reason is None:
        assert execution.run(b"x").outcome == "step"
        return
    with pytest.raises(SecurityViolation) as caught:
        execution.run(b"x")
    assert caught.value.reason == reason
    assert caught.value.snapshot_id == execution.snapshot_id == before
    assert isinstance(caught.value, Rejected)
    assert tree_of(folder) == {"src/a.txt": b"a", "b.txt": b"b"}


def test_imports(wat: Assemble) -> None:
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
def test_failures(wat: Assemble, body: str, kind: type[Failed], reason: str) -> None:
    with pytest.raises(Failed) as caught:
        spawn(wat(body), Environment(max_fuel=1_000))
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.snapshot_id) == (reason, None)


def test_no_module() -> None:
    for code in (b"", b"import os"):
        with pytest.raises(Failed) as caught:
            spawn(code)
        assert caught.value.code == "unresolved:module"


def test_memory(wat: Assemble) -> None:
    body = "(i32.eq (memory.grow (i32.const 15)) (i32.const -1))"
    with pytest.raises(Failed) as caught:
        spawn(wat(body, head="(memory 1)"), Environment(max_memory_mb=1))
    assert caught.value.code == "failed", "there is room for 16 pages"
    with pytest.raises(Trapped) as caught:
        spawn(wat(body.replace("15", "16"), head="(memory 1)"), Environment(max_memory_mb=1))
    assert caught.value.reason == "guest:1"


def test_time(guest: Callable[..., bytes]) -> None:
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


def test_seeds(guest: Callable[..., bytes]) -> None:
    drawn = []
    for seed in (1, 1, (1).to_bytes(32, "big"), 2):
        execution = spawn(guest("drawn", _DRAW + _PLACE), Environment(seed=seed))
        execution.run()
        drawn.append(execution.read("drawn"))
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]
    with pytest.raises(SecurityViolation) as caught:
        spawn(guest("drawn", _DRAW + _PLACE)).run()
    assert caught.value.reason == "denied:random"


# --- fuel ------------------------------------------------------------------------------------------------


def test_out_of_fuel_and_on(counter: bytes) -> None:
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


def test_a_checkpoint(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    before = execution.snapshot_id
    result = execution.run(b"one")
    assert (result.outcome, result.snapshot_id, result.fuel_spent) == ("exhausted:fuel", before, 3_820)
    assert isinstance(result.error, OutOfFuel)
    assert execution.continue_(3_821).error is not None
    assert execution.continue_(3_824).error is None
    reached = execution.read("count")
    assert reached == bytes((2, 0, 0, 0))


def test_a_checkpoint_before_the_first_step(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=10, on_timeout="checkpoint"))
    assert execution.snapshot_id is None
    assert execution.result is not None
    assert execution.result.error is not None
    with pytest.raises(Rejected):
        execution.run()
    assert execution.continue_(10_000).outcome == "step"
    assert execution.read("count") == bytes((1, 0, 0, 0))


def test_one_message_of_several_that_suffices(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    for content in (b"one", b"two"):
        execution.run(content)
    assert execution.continue_(3_822).error is not None
    assert [content for content, _ in execution.unread] == [b"one", b"two"]


# --- files -----------------------------------------------------------------------------------------------


def test_files(guest: Callable[..., bytes], folder: Path, tmp_path: Path) -> None:
    execution = spawn(guest("fs/workspace/src/c.txt"), mounted(folder))
    assert execution.files("/workspace") == {"b.txt": b"b", "src/a.txt": b"a"}
    execution.run(b"c")
    assert execution.diff("workspace").created == ("src/c.txt",)
    out = tmp_path / "out"
    execution.write_files("/workspace", out)
    assert tree_of(out) == {"b.txt": b"b", "src/a.txt": b"a", "src/c.txt": b"c"}
    assert tree_of(folder) == {"b.txt": b"b", "src/a.txt": b"a"}
    with pytest.raises(Rejected):
        execution.write_files("/workspace", out)


def test_an_empty_mount(guest: Callable[..., bytes]) -> None:
    execution = spawn(guest(), Environment(mounts={"workspace": None}))
    assert execution.files("workspace") == {}
    execution.run(b"x")
    assert execution.files("workspace") == {"out.txt": b"x"}
    assert execution.diff("workspace").created == ("out.txt",)


def test_diff(guest: Callable[..., bytes], folder: Path) -> None:
    execution = spawn(guest("fs/workspace/b.txt"), mounted(folder))
    assert execution.diff("workspace") == type(execution.diff("workspace"))((), (), ())
    execution.run(b"c")
    assert execution.diff("workspace").modified == ("b.txt",)
    other = spawn(guest("fs/workspace/src", _REMOVE), mounted(folder))
    other.run()
    assert other.diff("workspace").deleted == ("src/a.txt",)
    assert other.fork().diff("workspace").deleted == (), "a fork begins with what is there"


@pytest.mark.parametrize("what", ["link", "dangling", "link to a folder", "pipe"])
def test_folders_come_in_whole_or_not(counter: bytes, folder: Path, tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    match what:
        case "pipe":
            os.mkfifo(folder / "src" / "x")
        case "link":
            (folder / "src" / "x").symlink_to(outside / "secret")
        case "dangling":
            (folder / "src" / "x").symlink_to("nowhere")
        case _:
            (folder / "src" / "x").symlink_to(outside)
    with pytest.raises(Rejected):
        spawn(counter, mounted(folder))
    with pytest.raises(OSError, match="absent"):
        spawn(counter, Environment(mounts={"w": folder / "absent"}))


def test_names_that_cannot_be_written(counter: bytes, folder: Path) -> None:
    (folder / "a\nb").write_bytes(b"")
    with pytest.raises(Invalid):
        spawn(counter, mounted(folder))


def test_folders_in_each_other(counter: bytes, folder: Path) -> None:
    deep = folder / ("x/" * 256)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"")
    spawn(counter, mounted(folder))
    (deep / "x").mkdir()
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))


def test_bounds(counter: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone.wasm.folders.MOST_FILES", 4)
    spawn(counter, mounted(folder))
    monkeypatch.setattr("gritstone.wasm.folders.MOST_FILES", 3)
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))
    monkeypatch.undo()
    with open(folder / "large", "wb") as file:
        file.truncate(8_387_937)
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))


@pytest.mark.parametrize("name", ["a\\..\\b", "c:x", "x/y\\z", "x/" * 256 + "y"])
def test_names_that_are_not_written_out(guest: Callable[..., bytes], folder: Path, tmp_path: Path, name: str) -> None:
    execution = spawn(guest(f"fs/workspace/{name}"), mounted(folder))
    execution.run(b"x")
    assert name in execution.files("workspace")
    with pytest.raises(Rejected):
        execution.write_files("workspace", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_to_write_to_is_no_link(guest: Callable[..., bytes], folder: Path, tmp_path: Path) -> None:
    execution = spawn(guest(), mounted(folder))
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(Rejected):
        execution.write_files("workspace", tmp_path / "link")
    execution.write_files("workspace", real)


def test_a_text_and_its_evaluator(guest: Callable[..., bytes]) -> None:
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
def test_environments_that_are_none(values: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(values)).removesuffix("s")):
        Environment(**values)


def test_manifests_are_written_as_they_are_read() -> None:
    environment = Environment(max_memory_mb=7, mounts={"w": "."}, max_fuel=9, seed=3)
    for manifest in (environment.manifest(), environment.manifest(reads=("code",)), Environment().manifest()):
        blob = manifest_blob(manifest)
        assert read_manifest(blob, ALPHABETS["cbor-blake3"].name) == manifest


# --- forks and other places ------------------------------------------------------------------------------


def test_forks(counter: bytes) -> None:
    execution = spawn(counter)
    execution.run()
    forks = [execution.fork(), execution.fork()]
    execution.run()
    forks[0].run()
    forks[0].run()
    assert [one.read("count") for one in (execution, *forks)] == [bytes((n, 0, 0, 0)) for n in (3, 4, 2)]
    assert execution.snapshot_id is not None
    assert fork(execution.snapshot_id, sandbox=execution.sandbox).read("count") == bytes((3, 0, 0, 0))


def test_a_fork_takes_over_what_was_not_read(counter: bytes) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820))
    with pytest.raises(OutOfFuel):
        execution.run(b"one")
    branch = execution.fork()
    assert branch.continue_(5_000).outcome == "step"
    assert branch.read("count") == bytes((2, 0, 0, 0))
    assert len(execution.unread) == 1


def test_save_and_load(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    execution.run(b"one")
    execution.save(tmp_path / "x.grit")
    other = load(tmp_path / "x.grit")
    assert other.snapshot_id == execution.snapshot_id
    assert other.run(b"two").snapshot_id == execution.run(b"two").snapshot_id, "the same step, wherever it is made"
    assert other.read("count") == bytes((3, 0, 0, 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.grit"]


def test_what_was_not_read_goes_along(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter, Environment(max_fuel=3_820, on_timeout="checkpoint"))
    execution.run(b"one", {"mt": "x"})
    execution.run(b"two")
    execution.save(tmp_path / "x.grit")
    other = load(tmp_path / "x.grit")
    assert other.unread == ((b"one", {"mt": "x"}), (b"two", {}))
    assert other.continue_(5_000).outcome == "step"
    assert other.read("count") == bytes((3, 0, 0, 0))
    for one in (execution, other):
        assert not [name for name, _ in one.sandbox.store.list_references("unread/")[0]]


def test_it_moves_there_and_back(counter: bytes, tmp_path: Path) -> None:
    here, there = Sandbox(), Sandbox()
    execution = spawn(counter, sandbox=here)
    execution.save(tmp_path / "x.grit", move=True)
    with pytest.raises(Rejected):
        execution.run()
    assert execution.read("count") == bytes((1, 0, 0, 0))
    moved = load(tmp_path / "x.grit", sandbox=there)
    moved.run()
    moved.save(tmp_path / "y.grit", move=True)
    name = f"moved/{execution.actor.hex()}"
    here.store.update_references([Change(name, here.place(execution.actor), None)])
    again = load(tmp_path / "y.grit", sandbox=here)
    again.run()
    assert again.read("count") == bytes((3, 0, 0, 0))
    assert execution.snapshot_id == again.snapshot_id


def test_a_move_that_fails_does_not_happen(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    with pytest.raises(OSError, match="absent"):
        execution.save(tmp_path / "absent" / "x.grit", move=True)
    assert execution.run().outcome == "step"


def test_signed(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    path = tmp_path / "x.grit"
    execution.save(path, secret=SECRET)
    assert load(path, keys=[public_key(SECRET)]).read("count") == bytes((1, 0, 0, 0))
    with pytest.raises(Rejected) as caught:
        load(path, keys=[b"k" * 32])
    assert caught.value.code == "signature"
    execution.run()
    execution.save(path)
    with pytest.raises(Rejected) as caught:
        load(path, keys=[public_key(SECRET)])
    assert caught.value.code == "signature"


def test_files_that_are_no_execution(counter: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.grit"
    path.write_bytes(b"")
    with pytest.raises(Malformed):
        load(path)
    execution = spawn(counter)
    store = execution.sandbox.store

    def write(*names: str) -> None:
        with store.snapshot() as snapshot:
            path.write_bytes(b"".join(export_bundle(snapshot, list(names))))

    head = f"heads/{execution.actor.hex()}"
    agent = f"heads/{execution.sandbox.agent.hex()}"
    store.update_references([Change("tags/x", None, execution.sandbox.place(execution.actor))])
    for names in ([head, agent], [head, "runtime/agent"], ["tags/x"], [agent], [head, "tags/x"]):
        write(*names)
        sandbox = Sandbox()
        before = sandbox.store.list_references()
        with pytest.raises(Rejected):
            load(path, sandbox=sandbox)
        assert sandbox.store.list_references() == before
    write(head)
    assert load(path).snapshot_id == execution.snapshot_id


def test_another_format(counter: bytes, tmp_path: Path) -> None:
    execution = spawn(counter)
    execution.save(tmp_path / "x.grit")
    other = Sandbox(Store.open(MemoryEngine(), FORMATS["framed-sha256"]))
    with pytest.raises(Rejected) as caught:
        load(tmp_path / "x.grit", sandbox=other)
    assert caught.value.code == "format"
