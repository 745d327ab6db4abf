"""Host calls: what they answer, what they cost, what they leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gritstone.errors import Rejected
from gritstone.grit import (
    CBOR_BLAKE3,
    FRAMED_SHA256,
    Blob,
    Format,
    Mailbox,
    MemoryEngine,
    Message,
    ObjectId,
    Step,
    Store,
    Tree,
)
from gritstone.runtime.agent import make_agent
from gritstone.wasm.arguments import Inputs
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import DEFAULT_MANIFEST, Clock
from gritstone.wasm.engine import Instance, WasmEngine
from gritstone.wasm.host_functions import GuestCall
from gritstone.wasm.interface import ABSENT, ERASED, FAILED, INVALID, KIND, LIMIT, UNKNOWN
from gritstone.wasm.stream import random_bytes
from gritstone.wasm.waiting import Suspension
from gritstone.wit import Objects
from gritstone.wit.workspace import Workspace

_STEPS = {
    FRAMED_SHA256.name: "735f3a854a345219d8af101f005fa6028ff9686478f3fc0627bed8d9d7169cfa",
    CBOR_BLAKE3.name: "ba629cf2684a050f8f945a7b571067493048a9765be410f149bcc20d5641b67c",
}
_BUDGET = 10**9


def _nobody(actor: ObjectId, name: str, args: bytes) -> ObjectId | None:
    raise Rejected("no code answers", rule="wit.query.answers")


@pytest.fixture
def workspace(format_: Format) -> Workspace:
    store = Store.open(MemoryEngine(), format_)
    return Workspace(Objects(store.format, store.limits, store.get))


class Desk:
    """GuestCall functions of ``grit`` as a guest would, with arguments that are laid into its memory."""

    def __init__(self, call: GuestCall, instance: Instance) -> None:
        self.call = call
        self.instance = instance
        self.spent = 0

    def ask(self, name: str, *arguments: int | bytes) -> int:
        """GuestCall a function; bytes are laid out, and their pointer is passed."""
        at, plain = 1_024, []
        for one in arguments:
            if isinstance(one, bytes):
                self.instance.write(at, one)
                plain.append(at)
                at += len(one) + 8
            else:
                plain.append(one)
        before = self.instance.fuel
        result = self.call.call(self.instance, name, plain)
        self.spent = before - self.instance.fuel
        assert result is not None
        return result

    def id(self, at: int = 0) -> ObjectId:
        return self.instance.read(at, 32)

    def put(self, *values: Any) -> list[ObjectId]:
        """Make objects that are in scope."""
        ids = [self.call.workspace.put(value) for value in values]
        self.call.scope.update(ids)
        return ids


@pytest.fixture
def desk(wat: Callable[..., bytes], engine: WasmEngine, workspace: Workspace) -> Desk:
    call = GuestCall(workspace, DEFAULT_MANIFEST, Inputs({}), _nobody, lambda text: None, Suspension(0))
    instance = engine.instantiate(engine.prepare(b"desk", wat("i32.const 0", head="(memory 2)"), "wit", 256), call)
    instance.fuel = _BUDGET
    return Desk(call, instance)


# --- a guest ---------------------------------------------------------------------------------------------


def _counter_call(workspace: Workspace, counter: bytes) -> GuestCall:
    module = workspace.put(Blob({"ct": "application/wasm"}, counter))
    wit = workspace.put(Blob({}, b"wasm:code/main.wasm"))
    core = workspace.put(Tree({"code": workspace.put(Tree({"main.wasm": module})), "wit": wit}))
    agent = make_agent(workspace, "demo")
    genesis = workspace.put(Message(None, {"mt": "genesis"}, core))
    inbox = workspace.put(Mailbox({agent: genesis}))
    inputs = Inputs({0: core, 2: core, 5: inbox}, ((agent, genesis),))
    return GuestCall(workspace, DEFAULT_MANIFEST, inputs, _nobody, lambda text: None, Suspension(0))


def test_counter_makes_a_step(engine: WasmEngine, workspace: Workspace, counter: bytes) -> None:
    call = _counter_call(workspace, counter)
    prepared = engine.prepare(b"counter", counter, "wit", 256)
    instance = engine.instantiate(prepared, call)
    instance.fuel = 3_804
    assert instance.run("wit") == 0
    assert instance.fuel == 0
    assert call.result is not None
    assert call.result.hex() == _STEPS[workspace.objects.format.name]
    poor = engine.instantiate(prepared, _counter_call(workspace, counter))
    poor.fuel = 3_803
    with pytest.raises(Exception, match="the fuel is spent") as caught:
        poor.run("wit")
    assert getattr(caught.value, "code", None) == "exhausted:fuel"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('(call $fail (i32.const -1) (i32.const 0) (i32.const 0)) i32.const 0', "failed:guest:4294967295"),
        ('(call $fail (i32.const 0) (i32.const 0) (i32.const 0)) i32.const 0', "failed:guest:0"),
        ('(call $fail (i32.const 0) (i32.const 0) (i32.const 65537)) i32.const 0', "failed:trap:memory-bounds"),
        ('(drop (call $clock)) i32.const 0', "failed:denied:clock"),
        ('(call $wait)', "failed:denied:wait"),
    ],
)  # fmt: skip
def test_refusal_of_a_host_function_ends_the_call(
    wat: Callable[..., bytes], engine: WasmEngine, workspace: Workspace, counter: bytes, body: str, code: str
) -> None:
    head = (
        '(import "grit" "fail" (func $fail (param i32 i32 i32))) (import "grit" "clock" (func $clock (result i64)))'
        '(import "grit" "wait" (func $wait (result i32))) (memory 1)'
        '(func (export "asyncify_start_unwind") (param i32)) (func (export "asyncify_start_rewind") (param i32))'
        '(func (export "asyncify_stop_unwind")) (func (export "asyncify_stop_rewind"))'
        '(func (export "asyncify_get_state") (result i32) i32.const 0)'
        '(global (export "grit_wait_area") i32 (i32.const 8))'
    )
    data = wat(body, head=head)
    instance = engine.instantiate(engine.prepare(data, data, "wit", 256), _counter_call(workspace, counter))
    instance.fuel = _BUDGET
    with pytest.raises(Rejected) as caught:
        instance.run("wit")
    assert caught.value.code == code


# --- functions -------------------------------------------------------------------------------------------


def test_only_ids_written_for_the_guest_are_in_scope(desk: Desk) -> None:
    blob = desk.call.workspace.put(Blob({}, b"x"))
    assert desk.ask("kind", blob) == UNKNOWN
    assert desk.ask("kind", bytes(32)) == UNKNOWN
    assert desk.ask("kind", b"\1" * 32) == UNKNOWN
    desk.call.inputs = Inputs({6: blob})
    assert desk.ask("input", 0, 0) == ABSENT
    assert desk.ask("input", 8, 0) == INVALID
    assert desk.ask("input", 6, 0) == 1
    assert (desk.id(), desk.spent) == (blob, 104)
    assert desk.ask("kind", blob) == 1
    assert desk.spent == 104


def test_covered_messages_are_returned_in_order(desk: Desk) -> None:
    workspace = desk.call.workspace
    content = workspace.put(Blob({}, b""))
    message = workspace.put(Message(None, {"mt": "x"}, content))
    actor = workspace.put(Tree({"wit": content}))
    desk.call.inputs = Inputs({}, [(actor, message)])
    assert desk.ask("covered", 0, 0, 32) == 0
    assert (desk.id(0), desk.id(32), desk.spent) == (actor, message, 100 + (64 + 128 + 11 + 7) // 8)
    assert desk.ask("covered", 1, 0, 32) == ABSENT
    assert desk.spent == 100


def test_read_returns_the_data_of_blobs(desk: Desk) -> None:
    blob, tree = desk.put(Blob({"b": "2", "a": "1"}, b"0123456789"), Tree({"x": desk.put(Blob({}, b""))[0]}))
    assert desk.ask("size", blob) == 10
    assert desk.ask("read", blob, 7, 0, 9) == 3
    assert (desk.instance.read(0, 4), desk.spent) == (b"789\0", 105)
    assert desk.ask("read", blob, 10, 0, 9) == 0
    assert desk.ask("read", blob, 2**32 - 1, 0, 9) == 0
    assert desk.ask("read", tree, 0, 0, 9) == KIND
    assert desk.ask("headers", blob, 0, 8) == 8
    assert desk.instance.read(0, 8) == b"a\x001\0b\x002\0"
    desk.instance.write(0, bytes(8))
    assert desk.ask("headers", blob, 0, 7) == 8
    assert desk.instance.read(0, 8) == bytes(8)


def test_link_returns_the_edges_of_steps_and_messages(desk: Desk) -> None:
    (blob,) = desk.put(Blob({}, b""))
    (tree,) = desk.put(Tree({"x": blob}))
    message, step = desk.put(Message(None, {}, blob), Step(None, tree, None, None, tree))
    assert desk.ask("link", message, 0, 0) == ABSENT
    assert desk.spent == 104 + 16
    assert desk.ask("link", message, 1, 0) == 1
    assert desk.ask("link", message, 2, 0) == INVALID
    assert desk.ask("link", step, 1, 0) == 2
    assert desk.spent == 104 + (192 + 32) // 8
    assert desk.ask("link", step, 4, 0) == 2
    assert desk.ask("link", step, 5, 0) == INVALID
    assert desk.ask("link", tree, 9, 0) == KIND


def test_entries_are_ordered_by_their_bytes(desk: Desk) -> None:
    one, two, three = desk.put(*(Blob({}, bytes((number,))) for number in range(3)))
    desk.call.scope.clear()
    (tree,) = desk.put(Tree({"b": one, "aa": two, "c": three}))
    found = []
    for index in range(3):
        length = desk.ask("entry", tree, index, 64, 2, 0)
        found.append((desk.instance.read(64, length), desk.id()))
    assert found == [(b"aa", two), (b"b", one), (b"c", three)]
    assert desk.ask("entry", tree, 3, 64, 2, 0) == ABSENT
    desk.instance.write(0, bytes(96))
    assert desk.ask("entry", tree, 0, 64, 1, 0) == 2
    assert desk.instance.read(0, 96) == bytes(96)
    (box,) = desk.put(Mailbox({tree: one}))
    desk.call.scope -= {tree, one}
    assert desk.ask("entry", box, 0, 64, 32, 0) == 32
    assert desk.call.scope >= {tree, one}


def test_find_follows_paths(desk: Desk) -> None:
    (blob,) = desk.put(Blob({}, b""))
    (low,) = desk.put(Tree({"y": blob}))
    (tree,) = desk.put(Tree({"x": low}))
    assert desk.ask("find", tree, b"x/y", 3, 0) == 1
    assert (desk.id(), desk.spent) == (blob, 100 + 5 + (41 + 41 + 32 + 7) // 8)
    assert desk.ask("find", tree, b"x/y/z", 5, 0) == ABSENT
    assert desk.spent == 100 + 5 + (41 + 41 + 7) // 8
    for path in (b"", b"/", b"x/", b"..", b"x/" * 1_024 + b"y", b"a" * 256):
        assert desk.ask("find", tree, path, len(path), 0) == INVALID
    assert desk.ask("find", tree, b"/".join([b"x"] * 1_024), 2_047, 0) == ABSENT
    assert desk.ask("find", blob, b"", 0, 0) == KIND
    (box,) = desk.put(Mailbox({tree: blob}))
    assert desk.ask("find", box, tree, 32, 0) == 1
    assert desk.ask("find", box, low, 32, 0) == ABSENT
    assert desk.ask("find", box, tree, 31, 0) == INVALID


def test_place_sets_and_removes_entries(desk: Desk) -> None:
    workspace = desk.call.workspace
    (blob,) = desk.put(Blob({}, b""))
    assert desk.ask("place", bytes(32), b"a/b", 3, blob, 0) == 0
    assert desk.spent == 1_000 + 9 + (32 + 41 + 41 + 7) // 8
    tree = desk.id()
    assert tree == workspace.put(Tree({"a": workspace.put(Tree({"b": blob}))}))
    assert desk.ask("place", tree, b"a/b/c", 5, blob, 0) == 0
    assert desk.ask("place", desk.id(), b"a/b/c", 5, bytes(32), 0) == 0
    assert desk.id() == bytes(32)
    assert desk.ask("place", tree, b"a/c", 3, bytes(32), 0) == ABSENT
    assert desk.spent == 1_000 + 9 + (41 + 41 + 7) // 8
    assert desk.ask("place", bytes(32), b"a", 1, bytes(32), 0) == ABSENT
    assert desk.ask("place", blob, b"a", 1, blob, 0) == KIND
    assert desk.ask("place", tree, b"a", 1, b"\1" * 32, 0) == UNKNOWN
    assert desk.ask("place", tree, b"/", 1, b"\1" * 32, 0) == INVALID
    (message,) = desk.put(Message(None, {}, blob))
    assert desk.ask("place", tree, b"a", 1, message, 0) == KIND


def test_charge_of_the_example_has_the_specified_units(desk: Desk) -> None:
    (blob,) = desk.put(Blob({}, b""))
    (tree,) = desk.put(Tree({"code": blob, "wit": blob}))
    assert desk.ask("place", tree, b"count", 5, blob, 0) == 0
    assert desk.spent == 1_009 + 32


def test_mail_sets_and_removes_entries(desk: Desk) -> None:
    workspace = desk.call.workspace
    (blob,) = desk.put(Blob({}, b""))
    actor, message = desk.put(Tree({"x": blob}), Message(None, {}, blob))
    assert desk.ask("mail", bytes(32), actor, message, 0) == 0
    assert (desk.id(), desk.spent) == (workspace.put(Mailbox({actor: message})), 1_000 + 12 + (32 + 72) // 8)
    box = desk.id()
    assert desk.ask("mail", box, actor, bytes(32), 0) == 0
    assert desk.id() == bytes(32)
    assert desk.ask("mail", bytes(32), actor, bytes(32), 0) == ABSENT
    assert desk.ask("mail", box, blob, message, 0) == KIND
    assert desk.ask("mail", box, actor, actor, 0) == KIND
    assert desk.ask("mail", box, bytes(32), message, 0) == UNKNOWN


@pytest.mark.parametrize("text", [b"a", b"a\0", b"a\0b", b"a\0b\0a\0c\0", b"\0b\0", b"a b\0c\0", b"a\0\n\0"])
def test_invalid_header_lists_are_rejected(desk: Desk, text: bytes) -> None:
    assert desk.ask("blob", b"", 0, text, len(text), 0) == INVALID
    assert desk.ask("message", b"\1" * 32, text, len(text), b"\1" * 32, 0) == INVALID


def test_blobs_messages_and_steps_are_made(desk: Desk) -> None:
    workspace = desk.call.workspace
    assert desk.ask("blob", b"data", 4, b"b\0\0a\x001\0", 7, 0) == 0
    assert desk.id() == workspace.put(Blob({"a": "1", "b": ""}, b"data"))
    assert desk.spent == 1_000 + 2 + -(-(32 + 64 + 4 + 10 + 9) // 8)
    blob = desk.id()
    assert desk.ask("message", bytes(32), b"", 0, blob, 0) == 0
    assert (desk.id(), desk.spent) == (workspace.put(Message(None, {}, blob)), 1_000 + 8 + (32 + 128) // 8)
    message = desk.id()
    assert desk.ask("message", message, b"", 0, message, 0) == KIND
    (tree,) = desk.put(Tree({"x": blob}))
    assert desk.ask("step", bytes(32), tree, bytes(32), bytes(32), tree, 0) == 0
    assert (desk.id(), desk.spent) == (workspace.put(Step(None, tree, None, None, tree)), 1_048)
    assert desk.ask("step", bytes(32), bytes(32), bytes(32), bytes(32), tree, 0) == UNKNOWN
    assert desk.ask("step", tree, tree, bytes(32), bytes(32), tree, 0) == KIND


def test_raw_lifts_scope_and_kind_of_edges(desk: Desk) -> None:
    desk.call.manifest = replace(DEFAULT_MANIFEST, raw=True)
    alien = b"\1" * 32
    assert desk.ask("step", alien, alien, alien, alien, alien, 0) == 0
    assert desk.ask("message", bytes(32), b"", 0, bytes(32), 0) == UNKNOWN
    assert desk.ask("place", alien, b"a", 1, alien, 0) == UNKNOWN
    assert desk.ask("result", alien) == 0
    assert desk.call.result == alien


def test_last_valid_result_is_used(desk: Desk) -> None:
    (blob,) = desk.put(Blob({}, b""))
    assert desk.ask("result", blob) == 0
    assert (desk.call.result, desk.spent) == (blob, 104)
    assert desk.ask("result", b"\1" * 32) == UNKNOWN
    assert desk.call.result == blob
    assert desk.ask("result", bytes(32)) == 0
    assert desk.call.result is None


def test_objects_above_the_weight_limit_are_refused(
    wat: Callable[..., bytes], engine: WasmEngine, workspace: Workspace
) -> None:
    call = GuestCall(workspace, DEFAULT_MANIFEST, Inputs({}), _nobody, lambda text: None, Suspension(0))
    data = wat("i32.const 0", head="(memory 140)")
    instance = engine.instantiate(engine.prepare(data, data, "wit", 256), call)
    instance.fuel = _BUDGET
    most = 8_388_000 - 64
    assert call.call(instance, "blob", [64, most, 0, 0, 0]) == 0
    before = instance.fuel
    assert call.call(instance, "blob", [64, most + 1, 0, 0, 0]) == LIMIT
    assert before - instance.fuel == 1_000 + -(-(most + 1) // 8) + -(-8_388_001 // 8)


@pytest.mark.parametrize(("pointer", "size", "is_good"), [(0, 0, True), (-8, 8, True), (-8, 9, False), (0, 1, False)])
def test_range_outside_of_memory_traps(desk: Desk, pointer: int, size: int, is_good: bool) -> None:
    at = 2 * PAGE_BYTES + pointer
    if is_good:
        assert desk.ask("log", at, size) == 0
        assert desk.spent == 100 + -(-size // 8)
        return
    with pytest.raises(Rejected) as caught:
        desk.ask("log", at, size)
    assert caught.value.code == "failed:trap:memory-bounds"


def test_range_beyond_4_gib_does_not_wrap(desk: Desk) -> None:
    for name, arguments in {"kind": (2**32 - 16,), "log": (16, 2**32 - 8), "random": (2**32 - 1, 2)}.items():
        with pytest.raises(Rejected) as caught:
            desk.ask(name, *arguments)
        assert caught.value.code == "failed:trap:memory-bounds"


@pytest.mark.parametrize("name", ["random", "clock", "attempt", "query", "wait"])
def test_ungranted_functions_are_denied(desk: Desk, name: str) -> None:
    arguments: Mapping[str, tuple[int, ...]] = {"random": (0, 1), "query": (0, 0, 0, 0, 0)}
    before = desk.instance.fuel
    with pytest.raises(Rejected) as caught:
        desk.ask(name, *arguments.get(name, ()))
    assert caught.value.code == f"failed:denied:{name}"
    assert before - desk.instance.fuel == (10_008 if name == "query" else 100)


def test_random_continues_its_stream(desk: Desk) -> None:
    key = bytes(range(32))
    whole = random_bytes(key, 0, 100)
    assert whole[:32].hex() == "43840600bc81db123e47ff9c26c205856b3b5d6fde6c428f87b8aa02ff9ce557"
    desk.call.random = key, 0
    parts = b""
    for size in (0, 1, 31, 33, 35):
        assert desk.ask("random", 0, size) == 0
        assert desk.spent == 100 + -(-size // 2)
        parts += desk.instance.read(0, size)
    assert (parts, desk.call.random) == (whole, (key, 100))
    desk.call.random = key, 2**63 - 2
    assert desk.ask("random", 0, 2) == LIMIT
    assert desk.ask("random", 0, 1) == 0


def test_clock_advances_by_its_tick(desk: Desk) -> None:
    desk.call.manifest = replace(DEFAULT_MANIFEST, clock=Clock(2**63 - 3, 2))
    desk.call.clock = 2**63 - 3
    assert [desk.ask("clock") for _ in range(3)] == [2**63 - 3, 2**63 - 1, 1]


def test_attempt_fuel_and_query_name_are_returned(desk: Desk) -> None:
    desk.call.manifest = replace(DEFAULT_MANIFEST, attempt=True)
    desk.call.inputs = Inputs({}, attempt=2**32 - 1)
    assert desk.ask("attempt") == -1
    assert desk.ask("fuel") == desk.instance.fuel
    assert desk.ask("query_name", 0, 9) == ABSENT
    desk.call.inputs = Inputs({}, query_name="é")
    assert desk.ask("query_name", 0, 9) == 2
    assert desk.instance.read(0, 2) == "é".encode()


def test_query_returns_the_answer_of_another_actor(desk: Desk) -> None:
    blob, answer = desk.put(Blob({}, b"args"), Blob({}, b"answer"))
    (actor,) = desk.put(Tree({"x": blob}))
    desk.call.scope.remove(answer)
    desk.call.manifest = replace(DEFAULT_MANIFEST, query=True)
    assert desk.ask("query", actor, b"q", 1, blob, 0) == FAILED
    asked = []

    def ask(*question: Any) -> ObjectId | None:
        asked.append(question)
        return answer if question[1] == "q" else None

    desk.call.ask = ask
    assert desk.ask("query", actor, b"q", 1, blob, 0) == 1
    assert (desk.id(), desk.spent) == (answer, 10_000 + 9 + 4)
    assert desk.ask("query", actor, b"", 0, blob, 0) == ABSENT
    assert asked == [(actor, "q", b"args"), (actor, "", b"args")]
    assert desk.ask("query", actor, b"\xff", 1, blob, 0) == INVALID
    assert desk.ask("query", blob, b"q", 1, blob, 0) == KIND
    assert desk.ask("query", actor, b"q", 1, actor, 0) == KIND


def test_erased_object_counts_as_a_blob(desk: Desk, format_: Format) -> None:
    store = Store.open(MemoryEngine(), format_)
    blob = store.put(format_.encode(Blob({}, b"x"), store.limits))
    store.erase(blob)
    desk.call.workspace = Workspace(Objects(format_, store.limits, store.get))
    desk.call.scope.add(blob)
    assert desk.ask("kind", blob) == 1
    assert desk.ask("size", blob) == ERASED
    assert desk.ask("read", blob, 0, 0, 9) == ERASED
    assert desk.ask("headers", blob, 0, 9) == ERASED
