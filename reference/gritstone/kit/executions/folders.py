"""Folders: how files of this machine are copied into a core and out of it.

A folder is read completely or not at all: plain files and folders within limits, and no links, devices or sockets. It
is written only into an empty folder, under names that have no meaning in a file system. Whatever a guest has done to
its files, only these files are read or written.

Spec: :rule:`wasm.grant.nothing-else`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.grit.objects import NO_HEADERS, Blob, Kind, ObjectId, Tree
from gritstone.wit.workspace import Workspace

__all__ = [
    "MOST_BYTES",
    "MOST_FILES",
    "Diff",
    "compare_files",
    "list_files",
    "read_file",
    "read_files",
    "read_folder",
    "write_folder",
]

MOST_FILES = 65_536  # in one folder, including its subfolders
MOST_BYTES = 268_435_456  # of all files of one folder
_DEEPEST = 256  # maximum nesting depth of folders
_FILE_BYTES = 8_387_936  # the largest blob that a guest itself can make, without headers
_RULE = "wasm.grant.nothing-else"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FOREIGN = frozenset("\\/:\0")


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between two states of the files of a mount; paths are relative to the mount.

    Attributes:
        created: files that are new.
        modified: files whose bytes differ.
        deleted: files that no longer exist.
    """

    created: tuple[str, ...]
    modified: tuple[str, ...]
    deleted: tuple[str, ...]


class _Bounds:
    """A counter of files and bytes that raises a refusal above the limits."""

    def __init__(self) -> None:
        self._files = self._bytes = 0

    def add(self, path: object, size_bytes: int = 0) -> None:
        self._files += 1
        self._bytes += size_bytes
        if self._files > MOST_FILES or self._bytes > MOST_BYTES:
            raise Exhausted(
                "a folder too large",
                rule=_RULE,
                got=ascii(str(path)),
                expected=f"at most {MOST_FILES} files with {MOST_BYTES} bytes together",
            )


# --- into a core -----------------------------------------------------------------------------------------


def read_folder(workspace: Workspace, folder: Path) -> ObjectId | None:
    """Store a folder as a tree; folders that contain no files are left out.

    Returns:
        The id of the tree; None if there are no files.

    Raises:
        OSError: the folder does not exist, or cannot be read.
        Rejected: the folder contains something other than plain files and folders.
        Invalid: a name cannot be written in the format.
        Exhausted: the folder or a file is too large.
    """
    return _read(workspace, folder, _Bounds(), 0)


def _read(workspace: Workspace, folder: Path, bounds: _Bounds, depth: int) -> ObjectId | None:
    if depth > _DEEPEST:
        raise Exhausted("folders too deep", rule=_RULE, got=ascii(str(folder)), expected=f"at most {_DEEPEST}")
    entries: dict[str, ObjectId] = {}
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda one: one.name):
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                bounds.add(path)
                target = _read(workspace, path, bounds, depth + 1)
            else:
                data = _read_plain(path)
                bounds.add(path, len(data))
                target = workspace.put(Blob(NO_HEADERS, data))
            if target is not None:
                entries[entry.name] = target
    return workspace.put(Tree(entries)) if entries else None


def _read_plain(path: Path) -> bytes:
    """Read a plain file, without following a link or blocking on another kind of file."""
    if path.is_symlink():
        raise Rejected("a link in a folder", rule=_RULE, got=ascii(str(path)))
    with open(os.open(path, _READ), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Rejected("no plain file", rule=_RULE, got=ascii(str(path)))
        if status.st_size > _FILE_BYTES:
            raise Exhausted(
                "a file too large", rule=_RULE, got=ascii(str(path)), expected=f"at most {_FILE_BYTES} bytes"
            )
        return file.read(_FILE_BYTES)


# --- in a core -------------------------------------------------------------------------------------------


def list_files(workspace: Workspace, root: ObjectId | None) -> dict[str, ObjectId]:
    """Return the files below a tree by their paths, ascending; a blob or None has no files.

    Raises:
        Missing: an object is absent.
        Exhausted: there are too many files.
    """
    bounds = _Bounds()
    return dict(sorted(_walk(workspace, root, bounds)))


def _walk(workspace: Workspace, root: ObjectId | None, bounds: _Bounds) -> Iterator[tuple[str, ObjectId]]:
    waiting = [] if root is None else [("", root)]
    while waiting:
        prefix, target = waiting.pop()
        tree = workspace.tree(target)
        for name, child in () if tree is None else tree.entries.items():
            bounds.add(prefix + name)
            if workspace.kind(child) is Kind.TREE:
                waiting.append((f"{prefix}{name}/", child))
            else:
                yield prefix + name, child


def read_file(workspace: Workspace, target: ObjectId) -> bytes:
    """Return the data of a file.

    Raises:
        Missing: the file is absent or erased.
        Invalid: the object is not a blob.
    """
    blob = workspace.blob(target)
    if blob is None:
        raise Invalid("no file", rule=_RULE, got=target.hex())
    return blob.data


def read_files(workspace: Workspace, root: ObjectId | None) -> dict[str, bytes]:
    """Return the data of all files below a tree, by their paths.

    Raises:
        Missing: a file is absent or erased.
        Invalid: a file is not a blob.
        Exhausted: there are too many files, or they are too large.
    """
    bounds = _Bounds()
    found = {}
    for path, target in list_files(workspace, root).items():
        found[path] = read_file(workspace, target)
        bounds.add(path, len(found[path]))
    return found


def compare_files(before: Mapping[str, ObjectId], after: Mapping[str, ObjectId]) -> Diff:
    """Return the difference between two states."""
    return Diff(
        tuple(path for path in after if path not in before),
        tuple(path for path, target in after.items() if before.get(path, target) != target),
        tuple(path for path in before if path not in after),
    )


# --- out of a core ---------------------------------------------------------------------------------------


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder that is empty or does not exist.

    Args:
        files: data by path, with slashes between names.
        folder: the destination. Its parent must exist.

    Raises:
        Rejected: the folder is not empty, or a name has a meaning in the file system; nothing was written.
        OSError: the file system reported an error.
    """
    for path in files:
        names = path.split("/")
        if len(names) > _DEEPEST or any(name in ("", ".", "..") or _FOREIGN & set(name) for name in names):
            raise Rejected("a name that is not written out", rule=_RULE, got=ascii(path))
    if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
        raise Rejected("files go into an empty folder only", rule=_RULE, got=ascii(str(folder)))
    folder.mkdir(exist_ok=True)
    made = {""}
    for path, data in files.items():
        names = path.split("/")[:-1]
        for depth in range(1, len(names) + 1):
            below = "/".join(names[:depth])
            if below not in made:
                (folder / below).mkdir()
                made.add(below)
        with open(os.open(folder / path, _WRITE, 0o666), "wb") as file:
            file.write(data)
