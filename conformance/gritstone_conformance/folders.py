"""Folders for an implementation to write to; reading is restricted, and removal works for any content.

The implementation may have put a link, a pipe or a device where a file is expected: only regular files up to a maximum
size are read, and links are not followed. It may have removed permissions, nested directories deeper than a path can
name, or replaced a folder by a link: only the content of the folder is removed, or the link itself.

Spec: :rule:`suite.files.given-only`, :rule:`suite.bounds.each`.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from typing import Final

__all__ = [
    "MOST_FILE_BYTES",
    "fresh_folder",
    "given_entries",
    "read_given",
    "remove_folder",
    "remove_folders",
    "without_folders",
    "write_given",
]

MOST_FILE_BYTES: Final = 256 << 20
"""The size of the largest file of an implementation that is read."""

_NAME: Final = rf"/{tempfile.gettempprefix()}[a-z0-9_]{{8}}"
_FOLDER: Final = re.compile(re.escape(tempfile.gettempdir()) + _NAME + _NAME)
_made: Final[set[str]] = set()
"""Folders that are not removed yet."""
_MOST_FILES: Final = 100_000
_KINDS: Final = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_MOST_SECONDS: Final = 60.0
_PIECE: Final = 1 << 20


def fresh_folder() -> str:
    """Return the absolute path of a new, empty directory for an implementation, alone in its parent directory.

    Files that an implementation writes next to it, for example before a rename, are removed with it. Its name does not
    reveal the suite (:rule:`suite.request.neutral`).
    """
    folder = tempfile.mkdtemp(dir=tempfile.mkdtemp())
    _made.add(folder)
    return folder


def without_folders(text: str) -> str:
    """Return a text with the path of each folder made by :func:`fresh_folder` replaced by ``{place}``."""
    return _FOLDER.sub("{place}", text)


def read_given(path: str | os.PathLike[str], most: int = MOST_FILE_BYTES) -> bytes | str:
    """Return the bytes of a file that an implementation wrote, or a description of what is there instead."""
    try:
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            return _kind_words(kind)
        # it may have been replaced: do not follow a link or wait for a pipe
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_opened(number, most)
        finally:
            os.close(number)
    except OSError as problem:
        return f"cannot read the file: {problem.strerror}"


def write_given(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace the content of a file that an implementation wrote, or create the file; do not follow a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write(content)


def _read_opened(number: int, most: int) -> bytes | str:
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        return _kind_words(found.st_mode)
    if found.st_size > most:
        return f"a file of {found.st_size} bytes"
    pieces: list[bytes] = []
    left = most + 1
    while left > 0 and (piece := os.read(number, min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces) if left > 0 else f"a file of more than {most} bytes"


def _kind_words(kind: int) -> str:
    return next((words for is_kind, words in _KINDS if is_kind(kind)), "no file")


def given_entries(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the paths of everything below a folder, at most 100,000; do not follow links."""
    waiting = [os.fspath(folder)]
    left = _MOST_FILES
    while waiting and left > 0:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                left -= 1
                if left < 0:
                    return
                yield entry.path
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def remove_folders() -> None:
    """Remove all remaining folders made by :func:`fresh_folder`."""
    for folder in list(_made):
        remove_folder(folder)


def remove_folder(folder: str) -> None:
    """Remove a folder with its content; ignore whatever the system refuses to remove.

    For a folder made by :func:`fresh_folder`, also remove everything next to it.
    """
    if folder in _made:
        _made.discard(folder)
        folder = os.path.dirname(folder)
    with contextlib.suppress(OSError):
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            os.unlink(folder)
            return
        until = time.monotonic() + _MOST_SECONDS
        while _flatten(folder) and time.monotonic() < until:
            pass
        os.rmdir(folder)


def _flatten(folder: str) -> bool:
    """Remove files, and move the content of directories up into the folder; return whether directories are left.

    A path is never longer than two names below the folder, however deeply the directories were nested.
    """
    number = 0
    more = False
    for path in _directories(folder):
        for below in _directories(path):
            _take_rights(below)
            while os.path.lexists(target := os.path.join(folder, f"moved-{number}")):
                number += 1
            os.rename(below, target)
            more = True
        os.rmdir(path)
    return more


def _directories(folder: str) -> list[str]:
    """Remove everything in a folder except directories, and return these."""
    _take_rights(folder)
    kept = []
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            kept.append(path)
        else:
            os.unlink(path)
    return kept


def _take_rights(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)  # a directory, not a link: the caller has checked
