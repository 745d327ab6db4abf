"""Functions of WASI that libraries use for files, and descriptors that hold their files over removals and renamings."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.sandbox.file_moves import expect_steps
from gritstone_conformance.properties.sandbox.scene import SandboxScene, of_sandboxes
from gritstone_conformance.strategies.wasi_descriptors import Move
from gritstone_conformance.strategies.wasi_probe import APPEND, CREATE, EXCLUSIVE

__all__ = ["PROPERTIES"]

_HELD, _FUNCTIONS, _FOLDER_RULE = "sandbox.files.held", "sandbox.files.functions", "sandbox.files.folder"
_IS_FOLDER, _IS_FILE = 3, 4
_BEGIN, _HERE = 0, 1
_Steps = list[tuple[Move, list[int]]]


def _read(data: bytes) -> list[int]:
    return [1, len(data), int.from_bytes(data, "little")]


def _listed(entries: dict[str, int]) -> list[int]:
    """Return what ``list`` emits of a folder: names with the types of their files."""
    return [sum((1 << 24) + ord(name[0]) * kind for name, kind in entries.items())]


def removed(scene: SandboxScene) -> None:
    """A descriptor of a file that was removed reads and writes this file, and not a new one at its path."""
    steps: _Steps = [
        (("open", 0, "f", 0, 0), [1]),
        (("open", 1, "f", 0, 0), [1]),
        (("remove", "f"), [1]),
        (("open", 2, "f", 0, 0), [0]),
        (("read", 0, 3), _read(b"old")),
        (("write", 0, "er"), [1]),
        (("read", 1, 8), _read(b"older")),
        (("open", 3, "f", CREATE | EXCLUSIVE, 0), [1]),
        (("write", 3, "new"), [1]),
        (("write", 0, "!"), [1]),
        (("seek", 0, 0, _BEGIN), [1, 0]),
        (("read", 0, 8), _read(b"older!")),
        (("stat", 0), [1, _IS_FILE, 6]),
        (("close", 0), [1]),
        (("write", 1, "?"), [1]),
        (("seek", 3, 0, _BEGIN), [1, 0]),
        (("read", 3, 8), _read(b"new")),
    ]
    expect_steps(scene, steps, {"f": b"old"}, {"f": b"new"}, _HELD)


def renamed(scene: SandboxScene) -> None:
    """A descriptor of a file that was renamed, or replaced, keeps its file and its place."""
    steps: _Steps = [
        (("open", 0, "f", 0, 0), [1]),
        (("read", 0, 2), _read(b"so")),
        (("rename", "f", "g"), [1]),
        (("open", 1, "f", CREATE, 0), [1]),
        (("write", 1, "other"), [1]),
        (("read", 0, 8), _read(b"me text")),
        (("write", 0, "."), [1]),
        (("open", 2, "onto", 0, 0), [1]),
        (("rename", "g", "onto"), [1]),
        (("read", 2, 8), _read(b"replaced")),
        (("write", 2, "!"), [1]),
        (("write", 0, "."), [1]),
        (("rename", "from", "f"), [1]),
        (("write", 1, "s"), [1]),
    ]
    before = {"f": b"some text", "onto": b"replaced", "from": b"moved"}
    expect_steps(scene, steps, before, {"onto": b"some text..", "f": b"moved"}, _HELD)


def rights(scene: SandboxScene) -> None:
    """The folder has a status with the rights that libraries look for, whether it has files or not."""
    for files in ({}, {"f": b"text"}):
        expect_steps(scene, [(("folder",), [1, _IS_FOLDER, 1, 1])], files, files, _FOLDER_RULE)


def descriptions(scene: SandboxScene) -> None:
    """Files and folders have their types and sizes, by path and by descriptor, also after a change."""
    steps: _Steps = [
        (("stat-path", "f"), [1, _IS_FILE, 4]),
        (("stat-path", "d/empty"), [1, _IS_FILE, 0]),
        (("stat-path", "missing"), [0, 0, 0]),
        (("open", 0, "f", 0, 0), [1]),
        (("status", 0), [1, _IS_FILE, 0]),
        (("stat", 0), [1, _IS_FILE, 4]),
        (("tell", 0), [1, 0]),
        (("read", 0, 3), _read(b"tex")),
        (("tell", 0), [1, 3]),
        (("write-at", 0, "!", 6), [1]),
        (("read-at", 0, 6), [1, 1, ord("!")]),
        (("read-at", 0, 5), [1, 1, 0]),
        (("read-at", 0, 7), [1, 0, 0]),
        (("tell", 0), [1, 3]),
        (("stat", 0), [1, _IS_FILE, 7]),
        (("resize", 0, 9), [1]),
        (("stat-path", "f"), [1, _IS_FILE, 9]),
        (("resize", 0, 2), [1]),
        (("stat", 0), [1, _IS_FILE, 2]),
        (("read", 0, 8), _read(b"")),
        (("sync", 0), [1]),
        (("sync-data", 0), [1]),
        (("flags", 0, APPEND), [1]),
        (("status", 0), [1, _IS_FILE, APPEND]),
        (("write", 0, "at"), [1]),
        (("flags", 0, 0), [1]),
        (("seek", 0, 0, _BEGIN), [1, 0]),
        (("write", 0, "s"), [1]),
    ]
    after = {"f": b"seat", "d/empty": b""}
    expect_steps(scene, steps, {"f": b"text", "d/empty": b""}, after, _FUNCTIONS)


def folders(scene: SandboxScene) -> None:
    """Folders are made, listed, renamed and removed; one with a file is not removed."""
    steps: _Steps = [
        (("list", "."), _listed({"d": _IS_FOLDER, "f": _IS_FILE})),
        (("list", "d"), _listed({"a": _IS_FILE, "e": _IS_FOLDER})),
        (("make", "new"), [1]),
        (("make", "new"), [0]),
        (("make", "missing/new"), [0]),
        (("make", "new/x"), [1]),
        (("stat-path", "missing"), [0, 0, 0]),
        (("list", "new"), _listed({"x": _IS_FOLDER})),
        (("open", 0, "new/x/file", CREATE, 0), [1]),
        (("write", 0, "text"), [1]),
        (("unmake", "new/x"), [0]),
        (("rename", "new/x", "y"), [1]),
        (("list", "."), _listed({"d": _IS_FOLDER, "f": _IS_FILE, "new": _IS_FOLDER, "y": _IS_FOLDER})),
        (("unmake", "new"), [1]),
        (("remove", "d/e/b"), [1]),
        (("unmake", "d/e"), [1]),
        (("unmake", "d/e"), [0]),
        (("unmake", "f"), [0]),
        (("open", 1, "f/g", CREATE, 0), [0]),
        (("list", "d"), _listed({"a": _IS_FILE})),
        (("write", 0, "."), [1]),
    ]
    before = {"f": b"1", "d/a": b"2", "d/e/b": b"3"}
    expect_steps(scene, steps, before, {"f": b"1", "d/a": b"2", "y/file": b"text."}, _FUNCTIONS)


def long_folders(scene: SandboxScene) -> None:
    """A folder that is listed in many calls has each entry once."""
    names = {chr(letter) * 7: b"" for letter in range(ord("a"), ord("z") + 1)}
    expect_steps(scene, [(("list", "."), _listed(dict.fromkeys(names, _IS_FILE)))], names, names, _FUNCTIONS)


def renumbered(scene: SandboxScene) -> None:
    """A descriptor that is renumbered takes the place of another one, which is closed."""
    steps: _Steps = [
        (("open", 0, "f", 0, 0), [1]),
        (("open", 1, "g", 0, 0), [1]),
        (("read", 0, 1), _read(b"a")),
        (("renumber", 0, 1), [1]),
        (("read", 0, 1), [0, 0, 0]),
        (("read", 1, 2), _read(b"bc")),
        (("seek", 1, 0, _HERE), [1, 3]),
        (("write", 1, "d"), [1]),
        (("close", 1), [1]),
        (("close", 1), [0]),
    ]
    expect_steps(scene, steps, {"f": b"abc", "g": b"123"}, {"f": b"abcd", "g": b"123"}, _FUNCTIONS)


_FILES: Final = ("files",)

PROPERTIES: Final = (
    of_sandboxes("sandbox/files/removed", removed, _HELD, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/renamed", renamed, _HELD, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/rights", rights, _FOLDER_RULE, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/descriptions", descriptions, _FUNCTIONS, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/folders", folders, _FUNCTIONS, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/long-folders", long_folders, _FUNCTIONS, features=_FILES, abi="wasi"),
    of_sandboxes("sandbox/files/renumbered", renumbered, _FUNCTIONS, features=_FILES, abi="wasi"),
)
