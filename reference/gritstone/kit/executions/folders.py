"""Folders: how files of this machine are copied into a core and out of it.

A folder is read completely or not at all: plain files and folders within limits, and no links, devices or sockets. It
is written only into an empty folder, under names that have no meaning in a file system. Whatever a guest has done to
its files, only these files are read or written. Each entry is opened relative to the open folder that contains it, and
never through a link, so another process that replaces a folder by a link meanwhile does not lead out of it.

Spec: :rule:`wasm.grant.nothing-else`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.files import sync_folder
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
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
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
    with _opened(str(folder), _FOLDER) as descriptor:
        return _read(workspace, descriptor, folder, _Bounds(), 0)


@contextmanager
def _opened(name: str, flags: int, within: int | None = None) -> Iterator[int]:
    """Open a folder by its name, in the folder ``within`` if there is one."""
    descriptor = os.open(name, flags, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(workspace: Workspace, folder: int, path: Path, bounds: _Bounds, depth: int) -> ObjectId | None:
    """Store an open folder as a tree; the path is for messages only."""
    if depth > _DEEPEST:
        raise Exhausted("folders too deep", rule=_RULE, got=ascii(str(path)), expected=f"at most {_DEEPEST}")
    entries: dict[str, ObjectId] = {}
    with os.scandir(folder) as found:
        listed = sorted(found, key=lambda one: one.name)
    for entry in listed:
        below = path / entry.name
        with _only_plain(below):
            if entry.is_dir(follow_symlinks=False):
                bounds.add(below)
                with _opened(entry.name, _FOLDER | os.O_NOFOLLOW, folder) as inner:
                    target = _read(workspace, inner, below, bounds, depth + 1)
            else:
                data = _read_plain(entry.name, folder, below)
                bounds.add(below, len(data))
                target = workspace.put(Blob(NO_HEADERS, data))
        if target is not None:
            entries[entry.name] = target
    return workspace.put(Tree(entries)) if entries else None


@contextmanager
def _only_plain(path: Path) -> Iterator[None]:
    """Raise a refusal if an entry is a link or a socket, also if it has just become one."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            raise
        raise Rejected("a link or a socket in a folder", rule=_RULE, got=ascii(str(path))) from error


def _read_plain(name: str, folder: int, path: Path) -> bytes:
    """Read a plain file, without following a link or blocking on another kind of file."""
    with open(os.open(name, _READ, dir_fd=folder), "rb") as file:
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
    """Write files into a folder that is empty or does not exist; they are durable then.

    Args:
        files: data by path, with slashes between names.
        folder: the destination. Its parent must exist.

    Raises:
        Rejected: the folder is not empty, or a name has a meaning in the file system; nothing was written.
        OSError: the file system reported an error; what was written is removed again.
    """
    for path in files:
        names = path.split("/")
        if len(names) > _DEEPEST or any(name in ("", ".", "..") or _FOREIGN & set(name) for name in names):
            raise Rejected("a name that is not written out", rule=_RULE, got=ascii(path))
    if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
        raise Rejected("files go into an empty folder only", rule=_RULE, got=ascii(str(folder)))
    is_new = not folder.exists()
    if is_new:
        folder.mkdir(0o700)
        sync_folder(folder.parent)
    made: list[str] = []
    with _opened(str(folder), _FOLDER | os.O_NOFOLLOW) as descriptor:
        try:
            _write(descriptor, files, made)
        except BaseException:
            for name in made:
                _remove(descriptor, name)
            if is_new:
                folder.rmdir()
            raise


def _write(folder: int, files: Mapping[str, bytes], made: list[str]) -> None:
    """Write files into an open folder, and sync each of them and the folder; collect the names that were made in it."""
    below: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = data
            continue
        with open(os.open(name, _WRITE, 0o600, dir_fd=folder), "wb") as file:
            made.append(name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for name, inner in below.items():
        os.mkdir(name, 0o700, dir_fd=folder)
        made.append(name)
        with _opened(name, _FOLDER | os.O_NOFOLLOW, folder) as descriptor:
            _write(descriptor, inner, [])
    os.fsync(folder)


def _remove(folder: int, name: str) -> None:
    """Remove a file, or a folder with its content, from an open folder."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)
