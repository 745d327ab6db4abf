"""Guests: valid cores, both laws, fuel of manifests and operations, and memory that is undone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import wasmtime

from gritstone.errors import Refusal
from gritstone.grit import FORMATS, Blob, ObjectId
from gritstone.image import IMAGES
from gritstone.image.code import PLAIN_IMAGES
from gritstone.image.record import decode_record
from gritstone.wasm.documents import encode_item
from gritstone.wasm.guests import Guests
from gritstone.wit import PUPPETS, External, Laws

from .stage import Program, Stage

_TOOL = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "size" (func $size (param i32) (result i32)))
  (import "grit" "find" (func $find (param i32 i32 i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "message" (func $message (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "mail" (func $mail (param i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory 1)
  (data (i32.const 2000) "0") (data (i32.const 3000) "%(path)s") (data (i32.const 3010) "to")
  (data (i32.const 3020) "mt\\00note\\00op\\00join\\00") (data (i32.const 3040) "garbage")
  (func (export "wit") (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 512))
    (i32.store8 (i32.const 2000) (i32.add (i32.load8_u (i32.const 2000)) (i32.const 1)))
    (drop (call $covered (i32.const 0) (i32.const 64) (i32.const 96)))
    (drop (call $link (i32.const 96) (i32.const 1) (i32.const 128)))
    (if (i32.eq (call $size (i32.const 128)) (i32.const 4)) (then unreachable))
    (if (i32.eq (call $size (i32.const 128)) (i32.const 5)) (then (loop (br 0))))
    (if (i32.eq (call $size (i32.const 128)) (i32.const 6)) (then (return (i32.const 7))))
    (if (i32.eq (call $size (i32.const 128)) (i32.const 7)) (then (return (i32.const 0))))
    (drop (call $input (i32.const 0) (i32.const 160)))
    (drop (call $input (i32.const 1) (i32.const 192)))
    (drop (call $input (i32.const 2) (i32.const 224)))
    (drop (call $input (i32.const 5) (i32.const 256)))
    (drop (call $input (i32.const 4) (i32.const 288)))
    (drop (call $blob (i32.const 3040) (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 384)))
    (drop (call $blob (i32.const 2000) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 384)))
    (if (i32.ge_s (call $find (i32.const 224) (i32.const 3010) (i32.const 2) (i32.const 352)) (i32.const 0))
      (then
        (drop (call $find (i32.const 288) (i32.const 352) (i32.const 32) (i32.const 320)))
        (drop (call $message (i32.const 320) (i32.const 3020) (i32.const 16) (i32.const 128) (i32.const 416)))
        (drop (call $mail (i32.const 288) (i32.const 352) (i32.const 416) (i32.const 288)))))
    (drop (call $place (i32.const 224) (i32.const 3000) (i32.const %(size)d) (i32.const 384) (i32.const 224)))
    (drop (call $step (i32.const 192) (i32.const 160) (i32.const 256) (i32.const 288) (i32.const 224) (i32.const 448)))
    (drop (call $result (i32.const 448)))
    (i32.const 0))
  (func (export "wit_query") (result i32) (i32.const 0)))"""


def tool(path: str = "n") -> bytes:
    """Return a guest that counts its calls at a path, and sends the content to the actor at ``to`` of its core.

    A content of 4 bytes traps, one of 5 never ends, one of 6 fails, and one of 7 declines.
    """
    return bytes(wasmtime.wat2wasm(_TOOL % {"path": path, "size": len(path)}))


@pytest.fixture(params=sorted(FORMATS))
def stage(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return an image that runs guests."""
    return guest_stage(loop, request.param)


def guest_stage(loop: asyncio.AbstractEventLoop, format_name: str) -> Stage:
    return Stage(loop, FORMATS[format_name], laws=Laws(External(PUPPETS), IMAGES, Guests()))


def core(stage: Stage, owner: ObjectId, module: bytes, to: ObjectId | None = None, **more: Any) -> ObjectId:
    """Store the first core of a guest."""
    manifest: dict[str, Any] = {"fuel": 20_000, "send": "any", "image": True, "v": 1, **more.pop("manifest", {})}
    wasm = {"manifest": stage.blob(encode_item(manifest), {"ct": "cbor"})}
    node = more.pop("node", "wasm:code/tool.wasm")
    code = {"tool.wasm": stage.blob(module, {"ct": "application/wasm"})}
    aim = {} if to is None else {"to": to}
    more = {"caps": {"send.*.note": stage.agent}, "entry": {"do": "*"}, **more}
    return stage.core(owner=owner, wit=node, wit_query=node, **{"code": code, "wasm": wasm, **aim, **more})


def begun(stage: Stage, actor: ObjectId) -> str | None:
    """Create an actor; return why that failed or was refused."""
    try:
        failure = stage.ask(actor, "genesis", actor).failure
    except Refusal as error:
        return f"{error.kind}/{error.code}"
    return None if failure is None else str(failure)


def listener(stage: Stage, **more: Any) -> ObjectId:
    """Create a principal that counts notes and notices."""
    code = {"note": Program().add("got", 1), "failed": Program().add("f", 1)}
    return stage.born(code=code, entry={"note": "*"}, caps={"send.*.*": stage.agent}, **more)


def do(stage: Stage, actor: ObjectId, content: bytes = b"") -> str | None:
    failure = stage.ask(actor, "do", stage.blob(content)).failure
    return None if failure is None else str(failure)


def fuel(stage: Stage) -> int:
    """Return the fuel of the newest operation."""
    return decode_record(stage.record_text(stage.engine.seq).encode()).fuel


def test_guest_answers_and_keeps_its_memory(stage: Stage) -> None:
    owner = listener(stage)
    guest = core(stage, owner, tool(), owner)
    assert begun(stage, guest) is None
    assert [do(stage, guest) for _ in range(3)] == [None] * 3
    assert (stage.value(guest, "n"), stage.value(owner, "got")) == (b"3", b"3")
    stage.open()
    assert do(stage, guest) is None
    assert stage.value(guest, "n") == b"4"


def test_what_a_guest_made_and_did_not_use_is_not_stored(stage: Stage) -> None:
    owner = listener(stage)
    guest = core(stage, owner, tool(), owner)
    assert begun(stage, guest) is None
    assert do(stage, guest) is None
    format_ = stage.store.format
    made = [Blob({}, data) for data in (b"1", b"garbage")]
    ids = [format_.object_id(format_.encode(one, stage.store.limits)) for one in made]
    assert stage.store.has(ids) == [True, False]


def test_fuel_and_steps_are_equal_in_both_formats(loop: asyncio.AbstractEventLoop) -> None:
    def spent(name: str) -> list[tuple[str | None, int]]:
        stage = guest_stage(loop, name)
        owner = listener(stage)
        guest = core(stage, owner, tool(), owner)
        assert begun(stage, guest) is None
        return [(do(stage, guest, content), fuel(stage)) for content in (b"", b"x" * 100, b"trap", b"loops", b"")]

    first, second = (spent(name) for name in sorted(FORMATS))
    assert first == second
    assert first[0][1] > 100


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"trap", "rejected/failed:trap:unreachable"),
        (b"loops", "exhausted/exhausted:fuel"),
        (b"failed", "rejected/failed:guest:7"),
        (b"decline", "rejected/declined"),
    ],
)
def test_failed_call_is_undone(stage: Stage, content: bytes, failure: str) -> None:
    owner = listener(stage)
    guest = core(stage, owner, tool(), owner)
    assert begun(stage, guest) is None
    assert do(stage, guest) is None
    assert do(stage, guest, content) == failure
    save = Program().send(guest, "v", "do", stage.blob(content))
    assert stage.run_program(owner, save).failure is None
    (undone,) = decode_record(stage.record_text(stage.engine.seq).encode()).savepoints
    assert str(undone.failure) == failure
    assert stage.value(owner, "f") == b"1"
    assert do(stage, guest) is None
    assert (stage.value(guest, "n"), stage.value(owner, "got")) == (b"2", b"2")


def test_narrower_law_counts(stage: Stage) -> None:
    owner = listener(stage)
    cases = [
        ({}, {"send.*.note": stage.agent}, None),
        ({}, {"send.*.other": stage.agent}, "rejected/capability"),
        ({"send": None}, {"send.*.note": stage.agent}, "rejected/failed:denied:send"),
        ({"send": None}, {}, "rejected/failed:denied:send"),
    ]
    for number, (manifest, caps, failure) in enumerate(cases):
        granted = {key: value for key, value in {"send": "any", **manifest}.items() if value is not None}
        wasm = {"manifest": stage.blob(encode_item({"v": 1, "fuel": 20_000, **granted}), {"ct": "cbor"})}
        guest = core(stage, owner, tool(), owner, caps=caps, wasm=wasm, case=str(number))
        assert begun(stage, guest) is None
        assert do(stage, guest) == failure


def test_guest_does_not_change_its_code(stage: Stage) -> None:
    owner = listener(stage)
    guest = core(stage, owner, tool("src"), manifest={"code": True})
    assert begun(stage, guest) is None
    assert do(stage, guest) == "rejected/location"


def test_budget_is_exact(stage: Stage) -> None:
    owner = listener(stage)
    guest = core(stage, owner, tool())
    assert begun(stage, guest) is None
    assert do(stage, guest) is None
    first = fuel(stage)
    assert do(stage, guest) is None
    needed = fuel(stage)
    message = 1 + needed - first
    assert message > 64, "the guest kept a page"
    for limit, failure in ((needed, None), (needed - 1, "exhausted/fuel"), (message, "exhausted/fuel")):
        quota = "".join(f"{name} {limit if name == 'fuel' else 1_000_000}\n" for name in stage.quota)
        assert stage.ask(owner, "image.quota", stage.text(quota)).failure is None
        assert do(stage, guest) == failure
        assert fuel(stage) == limit
    other = core(stage, owner, tool(), manifest={"fuel": first - 2}, case="own")
    stage.ask(owner, "image.quota", stage.text(quota.replace(f"fuel {message}\n", "fuel 1000000\n")))
    assert begun(stage, other) is None
    assert do(stage, other) == "exhausted/exhausted:fuel"
    assert fuel(stage) == first - 1


def test_valid_guests(stage: Stage) -> None:
    owner = listener(stage)
    unknown = bytes(
        wasmtime.wat2wasm('(module (import "env" "f" (func)) (func (export "wit") (result i32) (i32.const 0)))')
    )
    one_entry = bytes(wasmtime.wat2wasm('(module (func (export "wit") (result i32) (i32.const 0)))'))
    assert begun(stage, core(stage, owner, unknown)) == "rejected/import"
    assert begun(stage, core(stage, owner, one_entry)) == "malformed/program"
    assert begun(stage, core(stage, owner, b"no module")) == "malformed/program"
    assert begun(stage, core(stage, owner, tool(), manifest={"v": 2})) == "malformed/program"
    outside = core(stage, owner, tool(), node="wasm:tool", tool=stage.blob(tool(), {"ct": "application/wasm"}))
    assert begun(stage, outside) == "malformed/program"
    mixed = stage.core(owner=owner, wit="wasm:code/tool.wasm", code={"tool.wasm": stage.blob(tool())})
    assert begun(stage, mixed) == "rejected/import"


def test_programs_become_a_guest_and_the_reverse(stage: Stage) -> None:
    owner = listener(stage)
    actor = stage.born(owner=owner, entry={"do": "*"}, code={"do": Program().add("n", 5)})
    node = stage.text("wasm:code/tool.wasm")
    module = stage.blob(tool(), {"ct": "application/wasm"})
    parts = {"wit": node, "wit_query": node, "code": {"tool.wasm": module}}
    assert stage.ask(actor, "image.install", stage.tree(parts)).failure is None
    assert do(stage, actor) is None
    assert stage.value(actor, "n") == b"1"


def test_image_without_guests_refuses_them(loop: asyncio.AbstractEventLoop) -> None:
    for laws in (Laws(IMAGES), Laws(PLAIN_IMAGES, Guests())):
        stage = Stage(loop, FORMATS["cbor-blake3"], laws=laws)
        assert begun(stage, core(stage, listener(stage), tool())) == "rejected/import"
