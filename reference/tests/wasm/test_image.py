"""Images of guests: written, read, restored, and refused where they have a defect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone.errors import Rejected
from gritstone.grit import Blob, ObjectId, Store, Tree
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import GuestState
from gritstone.wasm.engine import Instance
from gritstone.wasm.image import NO_PAGES, Page, page_tree, read_image, restore_image, write_pages
from gritstone.wit import Objects
from gritstone.wit.workspace import Workspace

_MODULE = """(module (memory 1 4) (data (i32.const 10) "data") (global $a (mut i32) (i32.const 5))
(global i32 (i32.const 1)) (global $b (mut i64) (i64.const -1))
(func (export "wit") (result i32)
  (global.set $a (i32.sub (global.get $a) (i32.const 10)))
  (global.set $b (i64.mul (global.get $b) (i64.const 3)))
  (drop (memory.grow (i32.const 1)))
  (memory.fill (i32.const 8) (i32.const 0) (i32.const 20))
  (i32.store8 (i32.const 65535) (i32.add (i32.load8_u (i32.const 65535)) (i32.const 1)))
  (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 7))
  (i32.load8_u (i32.const 65535))))"""


@pytest.fixture
def workspace(memory_store: Store) -> Workspace:
    return Workspace(Objects(memory_store.format, memory_store.limits, memory_store.get))


def _state(instance: Instance) -> GuestState:
    return GuestState(pages=instance.pages, globals=tuple(instance.read_globals()))


def _write(workspace: Workspace, instance: Instance, before: Mapping[int, Page]) -> ObjectId | None:
    return page_tree(workspace, write_pages(workspace, instance, before))


def _memory(instance: Instance) -> bytes:
    return instance.read(0, instance.memory_bytes)


def test_restored_image_equals_the_written_one(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace
) -> None:
    data = wat(_MODULE)
    first = start(data)
    for turn in range(1, 4):
        assert first.run("wit") == turn
        root = _write(workspace, first, NO_PAGES)
        state = _state(first)
        second = start(data)
        restore_image(second, state, read_image(workspace, state, root, second.prepared.admitted))
        assert (_memory(second), _state(second)) == (_memory(first), state)
        assert _write(workspace, second, NO_PAGES) == root
        first = second
    assert first.read(10, 4) == bytes(4), "no data segment shines through"
    assert first.read_globals() == [2**32 - 25, 2**64 - 27]


def test_unchanged_pages_are_not_stored_again(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace
) -> None:
    instance = start(wat(_MODULE))
    instance.run("wit")
    instance.write(0, bytes(PAGE_BYTES))
    root = _write(workspace, instance, NO_PAGES)
    pages = read_image(workspace, _state(instance), root, instance.prepared.admitted)
    assert sorted(pages) == [1]
    instance.write(5, b"x")
    made = set(workspace.made)
    again = _write(workspace, instance, pages)
    assert len(set(workspace.made) - made) == 3, "a page and the two trees above it"
    other = Workspace(workspace.objects)
    assert _write(other, instance, NO_PAGES) == again


def test_zero_memory_has_no_pages(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace
) -> None:
    instance = start(wat("i32.const 0", head="(memory 3)"))
    assert _write(workspace, instance, NO_PAGES) is None
    assert _write(workspace, start(wat("i32.const 0")), NO_PAGES) is None


@settings(max_examples=25)
@given(st.dictionaries(st.integers(0, 300), st.integers(1, 255), max_size=4))
def test_page_names_are_their_numbers(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace, marks: Mapping[int, int]
) -> None:
    instance = start(wat("i32.const 0", head="(memory 301)"), pages=301)
    for number, mark in marks.items():
        instance.write(number * PAGE_BYTES + number, bytes((mark,)))
    root = _write(workspace, instance, NO_PAGES)
    names = set()
    if root is not None:
        for high, tree_id in _entries(workspace, root).items():
            names |= {f"{high}/{low}" for low in _entries(workspace, tree_id)}
    assert names == {f"{number // 256:02x}/{number % 256:02x}" for number in marks}
    pages = read_image(workspace, _state(instance), root, instance.prepared.admitted)
    assert {number: page.data[number] for number, page in pages.items()} == dict(marks)


def _entries(workspace: Workspace, tree_id: ObjectId) -> Mapping[str, ObjectId]:
    tree = workspace.tree(tree_id)
    assert tree is not None
    return tree.entries


def _page(workspace: Workspace, data: bytes, headers: Mapping[str, str] | None = None) -> ObjectId:
    return workspace.put(Blob(headers or {}, data))


_ONES = b"\1" * PAGE_BYTES


@pytest.mark.parametrize(
    ("data", "names", "is_good"),
    [
        (_ONES, ("00", "00"), True),
        (_ONES, ("00", "01"), True),
        (_ONES, ("00", "02"), False),
        (_ONES, ("01", "00"), False),
        (_ONES, ("00", "0"), False),
        (_ONES, ("00", "0A"), False),
        (_ONES, ("0", "00"), False),
        (_ONES, ("00", "000"), False),
        (_ONES[1:], ("00", "00"), False),
        (_ONES + b"\1", ("00", "00"), False),
        (bytes(PAGE_BYTES), ("00", "00"), False),
        (bytes(PAGE_BYTES - 1) + b"\1", ("00", "00"), True),
    ],
)
def test_image_pages_are_checked(
    wat: Callable[..., bytes],
    start: Callable[..., Instance],
    workspace: Workspace,
    data: bytes,
    names: tuple[str, str],
    is_good: bool,
) -> None:
    admitted = start(wat(_MODULE)).prepared.admitted
    root = workspace.put(Tree({names[0]: workspace.put(Tree({names[1]: _page(workspace, data)}))}))
    state = GuestState(pages=2, globals=(0, 0))
    if is_good:
        assert [page.data for page in read_image(workspace, state, root, admitted).values()] == [data]
        return
    with pytest.raises(Rejected) as caught:
        read_image(workspace, state, root, admitted)
    assert caught.value.code == "unresolved:image"


def test_image_with_a_wrong_kind_is_rejected(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace
) -> None:
    admitted = start(wat(_MODULE)).prepared.admitted
    state = GuestState(pages=2, globals=(0, 0))
    page = _page(workspace, _ONES)
    tree = workspace.put(Tree({"00": page}))
    for root in (page, tree, workspace.put(Tree({"00": workspace.put(Tree({"00": tree}))}))):
        with pytest.raises(Rejected):
            read_image(workspace, state, root, admitted)
    headed = _page(workspace, _ONES, {"ct": "x"})
    with pytest.raises(Rejected):
        read_image(workspace, state, workspace.put(Tree({"00": workspace.put(Tree({"00": headed}))})), admitted)


@pytest.mark.parametrize(
    ("state", "is_good"),
    [
        (GuestState(pages=1, globals=(2**32 - 1, 2**64 - 1)), True),
        (GuestState(pages=4, globals=(0, 0)), True),
        (GuestState(pages=0, globals=(0, 0)), False),
        (GuestState(pages=5, globals=(0, 0)), False),
        (GuestState(pages=1, globals=(2**32, 0)), False),
        (GuestState(pages=1, globals=(0,)), False),
        (GuestState(pages=1, globals=(0, 0, 0)), False),
        (GuestState(), False),
    ],
)
def test_image_state_is_checked(
    wat: Callable[..., bytes], start: Callable[..., Instance], workspace: Workspace, state: GuestState, is_good: bool
) -> None:
    admitted = start(wat(_MODULE)).prepared.admitted
    if is_good:
        assert read_image(workspace, state, None, admitted) == {}
        return
    with pytest.raises(Rejected) as caught:
        read_image(workspace, state, None, admitted)
    assert caught.value.code == "unresolved:image"
