"""Files that are written for a user: complete and durable, or as they were before.

::

    .report.jsonl.gritstone-part     written and synced
    report.jsonl                     replaced by it, in one rename
    the folder                       synced

The suite does not import the reference, so each of them has this function. A process that is killed before the rename
leaves the earlier file as it was, and a part file, which the next writer of the same file removes. A part file is
locked while it is written, so a second writer waits for the first one.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import UsageError

__all__ = ["check_writable", "write_file"]

_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_file(path: Path, content: str | bytes, *, replace: bool = True) -> None:
    """Write a file, and the folders above it that are absent; it is durable then.

    A link is followed. A pipe or a device is written directly. An earlier file keeps its rights.

    Args:
        path: the file.
        content: its bytes, or its text.
        replace: whether an earlier file is replaced; otherwise it is an error.

    Raises:
        UsageError: it cannot be written there; an earlier file is as it was.
    """
    data = content if isinstance(content, bytes) else content.encode()
    try:
        if _is_direct(path):
            path.write_bytes(data)
        else:
            _write(Path(os.path.realpath(path)), data, replace=replace)
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem


def check_writable(path: Path, data: bytes) -> None:
    """Remove an earlier file, and check that another one with some data can be written.

    Raises:
        UsageError: it cannot.
    """
    try:
        if _is_direct(path):
            return
        target = Path(os.path.realpath(path))
        target.unlink(missing_ok=True)
        _make_folder(target.parent)
        part = _part_of(target)
        with open(_create(part), "wb") as file:
            try:
                file.write(data)
                file.flush()
            finally:
                part.unlink(missing_ok=True)
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem


def _is_direct(path: Path) -> bool:
    """Return whether a path is a pipe or a device."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def _write(target: Path, data: bytes, *, replace: bool) -> None:
    _make_folder(target.parent)
    part = _part_of(target)
    with open(_create(part), "wb") as file:
        try:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if replace:
                os.replace(part, target)
            else:
                os.link(part, target)
        finally:
            if _is_at(part, file.fileno()):
                part.unlink()
    _sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    """Create a folder and those above it, durably."""
    absent = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(absent):
        one.mkdir(exist_ok=True)
        _sync_folder(one.parent)


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it may be written, but not listed, so it cannot be opened
        os.sync()
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.gritstone-part")


def _create(part: Path) -> int:
    """Create a part file and lock it; remove one that a killed process has left."""
    while True:
        try:
            descriptor = os.open(part, _CREATE, 0o666)
        except FileExistsError:
            _remove_left(part)
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(part, descriptor):
            return descriptor
        os.close(descriptor)  # another writer has taken it for one that was left


def _remove_left(part: Path) -> None:
    """Wait until no process writes a part file, and remove it if it is still there."""
    try:
        descriptor = os.open(part, _LOOK)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(part, descriptor):
            os.unlink(part)
    finally:
        os.close(descriptor)


def _is_at(part: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(part), os.fstat(descriptor))
    except FileNotFoundError:
        return False
