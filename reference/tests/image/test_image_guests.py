"""The calls for programs and the command line run guests: an actor whose code becomes a module."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from gritstone.grit.formats import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob
from gritstone.grit.store import Store
from gritstone.image import Actor, Image
from gritstone.image.command import main

_NODE = "wasm:code/tool.wasm"
_MODULE = bytes(
    wasmtime.wat2wasm("""(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "size" (func $size (param i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory 1)
  (data (i32.const 1000) "lastdone")
  (func (export "wit") (result i32)
    (drop (call $covered (i32.const 0) (i32.const 0) (i32.const 32)))
    (drop (call $link (i32.const 32) (i32.const 1) (i32.const 64)))
    (if (i32.eq (call $size (i32.const 64)) (i32.const 4)) (then unreachable))
    (drop (call $input (i32.const 0) (i32.const 96)))
    (drop (call $input (i32.const 1) (i32.const 128)))
    (drop (call $input (i32.const 2) (i32.const 160)))
    (drop (call $input (i32.const 5) (i32.const 192)))
    (drop (call $input (i32.const 4) (i32.const 224)))
    (drop (call $blob (i32.const 1004) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 256)))
    (drop (call $place (i32.const 160) (i32.const 1000) (i32.const 4) (i32.const 256) (i32.const 160)))
    (drop (call $step (i32.const 128) (i32.const 96) (i32.const 192) (i32.const 224) (i32.const 160) (i32.const 288)))
    (drop (call $result (i32.const 288)))
    (i32.const 0))
  (func (export "wit_query") (result i32) (i32.const 0)))""")
)
"""A guest that puts ``done`` at ``last`` of its core, and traps for a content of 4 bytes."""


def add_tool(image: Image) -> Actor:
    """Create the principal ``tool`` and make a guest of it."""
    actor = image.principal("tool", entry={"do": "*"})
    module = Blob({"ct": "application/wasm"}, _MODULE)
    content = {"wit": _NODE, "wit_query": _NODE, "code": {"tool.wasm": module}}
    image.request(actor.message("image.install", content)).require()
    return actor


def test_image_runs_a_guest() -> None:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as image:
        tool = add_tool(image)
        assert image.request(tool.message("do", "go")).failed is None
        assert image.read(tool, "last") == "done"


def test_image_undoes_a_guest_that_traps() -> None:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as image:
        tool = add_tool(image)
        assert str(image.request(tool.message("do", "trap")).failed) == "rejected/failed:trap:unreachable"
        assert image.read(tool, "last") is None


def test_command_runs_a_guest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "world"
    store = open_durable(folder, CBOR_BLAKE3)
    with Image(store) as image:
        add_tool(image)
    store.close()
    assert main(["send", str(folder), "tool", "do", "trap"]) == 1
    assert "rejected/failed:trap:unreachable" in capsys.readouterr().out
    assert main(["send", str(folder), "tool", "do", "go"]) == 0
    assert main(["show", str(folder), "tool"]) == 0
    assert 'last "done"' in capsys.readouterr().out
