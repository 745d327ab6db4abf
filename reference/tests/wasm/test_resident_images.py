"""Images that stay in memory: the same steps as without them, whatever the guest writes and whatever fails."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone.errors import Refusal
from gritstone.grit import CBOR_BLAKE3, ObjectId
from gritstone.kit.executions import Environment, Execution, Sandbox, load, spawn
from gritstone.optional.isolation import Isolated
from gritstone.optional.resident_images import ResidentImages, copy_memory
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import GuestState
from gritstone.wasm.guests import Guests
from gritstone.wasm.image import ZERO_PAGE, Page, read_image
from gritstone.wasm.instance import Instance
from gritstone.wit import Executor, Objects, read_proposal
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

_PAGES = 20
_WRITER = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory 20) (data (i32.const 70000) "begin")
  (func (export "wit") (result i32) (local $at i32)
    (drop (call $covered (i32.const 0) (i32.const 0) (i32.const 32)))
    (drop (call $link (i32.const 32) (i32.const 1) (i32.const 64)))
    (memory.fill (i32.const 4096) (i32.const 0) (i32.const 1024))
    (drop (call $read (i32.const 64) (i32.const 0) (i32.const 4096) (i32.const 1024)))
    (local.set $at (i32.const 4096))
    (block $end (loop $next
      (br_if $end (i32.eqz (i32.load (local.get $at))))
      (if (i32.eq (i32.load (local.get $at)) (i32.const 1)) (then (drop (memory.grow (i32.const 1))))
        (else (i32.store8 (i32.sub (i32.load (local.get $at)) (i32.const 2)) (i32.load (i32.add (local.get $at)
          (i32.const 4))))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $next)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 8192))
    (drop (call $input (i32.const 0) (i32.const 32)))
    (drop (call $input (i32.const 1) (i32.const 64)))
    (drop (call $input (i32.const 5) (i32.const 96)))
    (drop (call $input (i32.const 2) (i32.const 160)))
    (drop (call $step (i32.const 64) (i32.const 32) (i32.const 96) (i32.const 128) (i32.const 160) (i32.const 192)))
    (drop (call $result (i32.const 192)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 8192))
    (i32.const 0)))"""
"""A guest that writes bytes where the message says, or grows its memory; beyond the memory it traps."""

_FILLER = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory PAGES)
  (func (export "wit") (result i32)
    (i32.store (i32.const 458752) (i32.add (i32.load (i32.const 458752)) (i32.const 1)))
    (i32.store (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 65600)) (i32.const 1))
    (drop (call $input (i32.const 0) (i32.const 0)))
    (drop (call $input (i32.const 1) (i32.const 32)))
    (drop (call $input (i32.const 2) (i32.const 64)))
    (drop (call $input (i32.const 5) (i32.const 96)))
    (if (call $step (i32.const 32) (i32.const 0) (i32.const 96) (i32.const 160) (i32.const 64) (i32.const 128))
      (then (return (i32.const 1))))
    (call $result (i32.const 128))))"""
"""A guest that counts in page 7 and writes to its last page but one."""

_writes = st.lists(
    st.tuples(st.integers(8_192, (_PAGES + 3) * PAGE_BYTES), st.sampled_from([0, 1, 7])) | st.just((-1, 0)),
    max_size=6,
)


def _orders(writes: list[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack("<II", 1 if at < 0 else at + 2, value) for at, value in writes)


class GuestSteps:
    """One actor that runs with one memory of objects, so that its images can stay."""

    def __init__(self, bench: Any, actor: bytes) -> None:
        self.bench = bench
        self.actor = actor
        store = bench.store
        self.objects = Objects(store.format, store.limits, store.get)


def _end(guest: GuestSteps, head: Any, message: bytes) -> bytes | str | None:
    """Make a step with images that may stay; gives it as ``Bench.step`` does."""
    executor = Executor(guest.objects, guest.bench.laws)
    last = None if head is None else load_position(guest.objects, head, guest.actor)
    proposal = read_proposal(guest.objects.load, guest.actor, last, [(guest.bench.sender, message)])
    play = executor.transition(executor.prepare(guest.actor, last, proposal, 1))
    try:
        next(play)
    except Refusal as refusal:
        return refusal.code
    except StopIteration as stop:
        guest.bench.keep(stop.value.workspace)
        found: bytes = stop.value.position.step_id
        return found
    raise AssertionError("unexpected query")


@pytest.fixture(scope="module")
def writer(wat: Callable[..., bytes]) -> bytes:
    return wat(_WRITER)


@pytest.fixture(scope="module")
def filler(wat: Callable[..., bytes]) -> bytes:
    return wat(_FILLER.replace("PAGES", "64"))


@pytest.fixture(scope="module")
def residents(guests: Guests) -> ResidentImages:
    if isinstance(guests, Isolated):
        pytest.skip("they are in another process")
    if not ResidentImages.are_wanted(1 << 20):
        pytest.skip("the kernel does not say what was written to")
    images = guests.engine.images
    if not isinstance(images, ResidentImages):
        pytest.skip("plain code keeps no images")
    return images


@settings(max_examples=25)
@given(turns=st.lists(_writes, min_size=3, max_size=7), forgets=st.sets(st.integers(0, 6), max_size=1))
def test_steps_equal_those_without_resident_images(
    make_bench: Callable[..., Any], writer: bytes, residents: ResidentImages, turns: Any, forgets: set[int]
) -> None:
    bench = make_bench(CBOR_BLAKE3)
    core = bench.core(writer, {"image": True, "pages": _PAGES + 2})
    guest = GuestSteps(bench, core)
    message = bench.message(None, core)
    head = _end(guest, None, message)
    assert head == bench.step(core, None, (bench.sender, message))
    assert isinstance(head, bytes)
    for turn, writes in enumerate(turns):
        if turn in forgets:
            guest.objects.forget()
        next_message = bench.message(message, bench.blob(_orders(writes)))
        made = _end(guest, head, next_message)
        assert made == bench.step(core, head, (bench.sender, next_message))
        if isinstance(made, bytes):
            head, message = made, next_message
            state = bench.state(core, head)
            assert state.pages is not None


def test_images_stay_after_calls_that_start_from_them(
    make_bench: Callable[..., Any], writer: bytes, residents: ResidentImages
) -> None:
    bench = make_bench(CBOR_BLAKE3)
    core = bench.core(writer, {"image": True, "pages": _PAGES})
    guest = GuestSteps(bench, core)
    heads: list[Any] = [None]
    messages: list[Any] = [None]
    for turn in range(5):
        content = core if turn == 0 else bench.blob(_orders([(100_000 + turn, turn)]))
        messages.append(bench.message(messages[-1], content))
        heads.append(_end(guest, heads[-1], messages[-1]))

    def are_kept() -> list[bool]:
        memories = [bench.wasm_of(core, head)["memory"] for head in heads[1:]]
        return [residents.find((guest.objects.age, memory, _PAGES)) is not None for memory in memories]

    assert are_kept() == [True] * 5
    # A call that fails, and one from an earlier step, leave all images as they are.
    failing = bench.message(messages[-1], bench.blob(_orders([(_PAGES * PAGE_BYTES, 1)])))
    assert _end(guest, heads[-1], failing) == "failed:trap:memory-bounds"
    assert _end(guest, heads[-2], messages[-1]) == heads[-1]
    assert are_kept() == [True] * 5


def test_first_runs_and_siblings_start_from_resident_images(
    filler: bytes, residents: ResidentImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[GuestState] = []

    def count_images(
        workspace: Workspace, state: GuestState, memory: ObjectId | None, admitted: AdmittedModule
    ) -> Mapping[int, Page]:
        read.append(state)
        return read_image(workspace, state, memory, admitted)

    monkeypatch.setattr("gritstone.optional.resident_images.read_image", count_images)
    execution = spawn(filler, sandbox=Sandbox(guests=Guests()))
    execution.run()
    children = [execution.fork() for _ in range(5)]
    apart = load_copy(execution)
    for one in (*children, execution, *children):
        one.run()
    assert read == []
    apart.run()
    assert len(read) == 1, "in another sandbox nothing is resident yet"
    assert {one.read("wasm/state") for one in children} == {(apart.run(), apart.read("wasm/state"))[1]}
    assert len(read) == 1


def load_copy(execution: Execution) -> Execution:
    """Return the execution, as it is in a sandbox of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        execution.save(path)
        return load(path, sandbox=Sandbox(guests=Guests()))


def test_only_touched_pages_of_a_large_memory_are_read(
    wat: Callable[..., bytes], residents: ResidentImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    read = Instance.read

    def count_reads(instance: Instance, at: int, size: int) -> bytes:
        sizes.append(size)
        return read(instance, at, size)

    monkeypatch.setattr(Instance, "read", count_reads)
    module = wat(_FILLER.replace("PAGES", "65536"))  # 4 GiB
    execution = spawn(module, Environment(max_memory_mb=4_096), sandbox=Sandbox(guests=Guests()))
    execution.run()
    assert len(sizes) < 1_000, "the kernel may give 2 MiB at once, which is 32 pages"
    assert isinstance(execution.read("wasm/memory/00/07"), bytes)
    assert isinstance(execution.read("wasm/memory/ff/fe"), bytes)


def test_erased_page_is_a_defect_of_the_image(
    make_bench: Callable[..., Any], writer: bytes, residents: ResidentImages
) -> None:
    bench = make_bench(CBOR_BLAKE3)
    core = bench.core(writer, {"image": True, "pages": _PAGES})
    guest = GuestSteps(bench, core)
    message, head = None, None
    for turn in range(4):
        message = bench.message(message, bench.blob(b"") if turn else core)
        head = _end(guest, head, message)
    page = bench.workspace.tree(bench.wasm_of(core, head)["memory"]).entries["00"]
    bench.store.erase(bench.workspace.tree(page).entries["01"])
    guest.objects.forget()
    message = bench.message(message, bench.blob(b""))
    assert _end(guest, head, message) == "unresolved:image"


@pytest.mark.parametrize(("bound", "most"), [("_KEPT_BYTES", 3 * PAGE_BYTES), ("_KEPT_FILES", 3)])
def test_kept_images_have_a_bound(monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    monkeypatch.setattr(f"gritstone.optional.resident_images.{bound}", most)
    residents, age = ResidentImages(), object()
    keys = [(age, bytes((number,)), 1) for number in range(4)]
    for key in keys:
        residents.put(key, copy_memory({}, memoryview(ZERO_PAGE)))
    assert [residents.find(key) is not None for key in keys] == [False, True, True, True]
    assert residents.size_bytes == 3 * PAGE_BYTES


def test_number_of_unused_images_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone.optional.resident_images._KEPT_LEFT", 2)
    residents, age = ResidentImages(), object()
    keys = [(age, bytes((number,)), 1) for number in range(5)]
    image = copy_memory({}, memoryview(ZERO_PAGE))
    residents.put(keys[0], image)
    for number, (before, after) in enumerate(pairwise(keys)):
        image = image.after({number: (b"i", bytes((number,)) * PAGE_BYTES)})
        residents.put(after, image, before)
    assert [residents.find(key) is not None for key in keys] == [False, False, True, True, True]
    assert residents.size_bytes == (1 + 2 + 3 + 4) * PAGE_BYTES, "the file counts once, the pages that differ each time"


def test_image_with_many_changed_pages_gets_its_own_file(
    make_bench: Callable[..., Any], writer: bytes, residents: ResidentImages
) -> None:
    bench = make_bench(CBOR_BLAKE3)
    core = bench.core(writer, {"image": True, "pages": _PAGES})
    guest = GuestSteps(bench, core)
    message, head, files = None, None, set()
    for turn in range(40):
        write = _orders([(PAGE_BYTES * (turn % 18 + 1), turn + 1)])
        message = bench.message(message, bench.blob(write) if turn else core)
        head = _end(guest, head, message)
        found = residents.find((guest.objects.age, bench.wasm_of(core, head)["memory"], _PAGES))
        assert found is not None
        assert len(found.over) <= 16
        files.add(found.file)
    assert len(files) == 3
