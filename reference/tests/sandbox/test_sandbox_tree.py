"""The tree of granted files: what is held, removed, moved and limited."""

from __future__ import annotations

import pytest

from gritstone.errors import Malformed
from gritstone.sandbox import World
from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.sandbox.tree import File, Folder, Tree
from gritstone.sandbox.world import read_world, write_world

MIB = 1 << 20


def free(units: int) -> None:
    """Charge nothing."""


def file_at(tree: Tree, path: str) -> File:
    node = tree.place(tree.root, path).existing()
    assert isinstance(node, File)
    return node


def rename(tree: Tree, old: str, new: str) -> None:
    tree.rename(tree.place(tree.root, old), tree.place(tree.root, new), free)


def test_removed_file_counts_until_no_descriptor_holds_it() -> None:
    tree = Tree({"f": bytes(15 * MIB), "g": b""})
    held, other = file_at(tree, "f"), file_at(tree, "g")
    tree.hold(held)
    tree.unlink(tree.place(tree.root, "f"))
    with pytest.raises(ErrnoError) as refused:
        tree.resize(other, 2 * MIB, free)
    assert refused.value.number == Errno.FBIG
    tree.release(held)
    tree.resize(other, 2 * MIB, free)


def test_folder_moves_with_its_files_and_keeps_them() -> None:
    tree = Tree({"a/b/c": b"1", "d": b"2"}, ("e",))
    rename(tree, "a/b", "e")
    assert tree.files() == {"d": b"2", "e/c": b"1"}
    assert tree.folders() == ("a",)


@pytest.mark.parametrize(
    ("old", "new", "number"),
    [
        ("a", "a/b/x", Errno.INVAL),
        ("a", "d", Errno.NOTDIR),
        ("d", "a", Errno.ISDIR),
        ("e", "a", Errno.NOTEMPTY),
        ("x", "y", Errno.NOENT),
        (".", "y", Errno.INVAL),
        ("a", "x" * 255 + "/y", Errno.NOENT),
    ],
)
def test_renaming_that_posix_forbids_is_refused(old: str, new: str, number: Errno) -> None:
    tree = Tree({"a/b/c": b"1", "d": b"2"}, ("e",))
    with pytest.raises(ErrnoError) as refused:
        rename(tree, old, new)
    assert refused.value.number == number
    assert tree.files() == {"a/b/c": b"1", "d": b"2"}


def test_path_that_would_be_too_long_is_refused() -> None:
    tree = Tree({}, ("x",))
    folder = tree.root
    for _ in range(16):
        made = tree.create(tree.place(folder, "n" * 255), is_folder=True)
        assert isinstance(made, Folder)
        folder = made
    with pytest.raises(ErrnoError) as refused:
        tree.create(tree.place(folder, "n" * 255), is_folder=True)
    assert refused.value.number == Errno.NAMETOOLONG
    with pytest.raises(ErrnoError):
        rename(tree, "n" * 255, "x/" + "n" * 255)


def test_export_keeps_empty_folders_and_times() -> None:
    world = World(files={"a/f": b"1"}, folders=("e",), times={"": (None, 5), "a/f": (7, None)})
    assert read_world(write_world(world)) == world


@pytest.mark.parametrize(
    "world",
    [
        World(files={"a": b"", "a/b": b""}),
        World(files={"a": b""}, folders=("a",)),
        World(files={}, folders=("b", "a")),
        World(files={}, folders=("../a",)),
        World(files={}, times={"a": (1, 1)}),
        World(folders=("a",)),
    ],
)
def test_export_of_files_that_do_not_fit_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        read_world(write_world(world))
