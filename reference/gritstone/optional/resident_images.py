"""Images that stay in memory, so that the next call from the same image neither reads nor compares its pages.

A resident image is a file in memory, the pages that differ from it, and the ids of all pages. A guest gets a private
mapping of the file with the other pages written over it: it sees the image, and what it writes is its own. The kernel
reports which pages of the mapping were written, so only those are compared and hashed after the call. What the guest
leaves is another image that shares the file; when many pages differ, it gets a file of its own.

An image never changes, so any number of calls start from it at once: a parent and all its forks share one file.

An image is found by the id of its tree, so it is right whatever became of the call that left it. Where the kernel does
not report written pages, there are no resident images, and all pages are compared.

Spec: :rule:`wasm.image.complete`, :rule:`wasm.image.residue`, :rule:`wasm.image.nodes`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.wasm.binary import PAGE_BYTES

__all__ = [
    "ZERO_PAGE",
    "Key",
    "PageChange",
    "ResidentImage",
    "ResidentImages",
    "copy_memory",
    "copy_pages",
    "touched_pages",
]

ZERO_PAGE = bytes(PAGE_BYTES)

_LEAST_BYTES = 16 * PAGE_BYTES  # smaller memories are compared as fast
_KEPT_BYTES = 512 << 20
_KEPT_FILES = 64  # each takes a descriptor
_KEPT_LEFT = 16  # images
_LEAST_OWN = 16  # pages
_OWN_PART = 8
_PAGEMAP = "/proc/self/pagemap"
_ENTRY = 8  # bytes for each page of the machine
_PRESENT, _SWAPPED, _OF_FILE = 63, 62, 61
_FAILED = ctypes.c_void_p(-1).value

Key: TypeAlias = tuple[object, ObjectId, int]
"""Whose objects they are, the tree of the pages, and how many pages the memory has."""

PageChange: TypeAlias = tuple[ObjectId | None, bytes]
"""The id and the bytes of a page that was written; without an id, a page that is all zero."""


class _File:
    """A file in memory that nobody writes to once it is made."""

    def __init__(self, size_bytes: int, parts: Iterable[tuple[int, bytes | memoryview]]) -> None:
        """Make one that is zero but for its parts.

        Args:
            size_bytes: how long it is.
            parts: bytes, and where they begin.

        Raises:
            OSError: the machine has no room for it.
        """
        self.size_bytes = size_bytes
        self._descriptor = os.memfd_create("image", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, size_bytes)
        for start, data in parts:
            view, done = memoryview(data), 0
            while done < len(view):
                done += os.pwrite(self._descriptor, view[done:], start + done)

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)

    def map_at(self, address: int) -> None:
        """Put a private mapping of the file where the memory of a guest begins that is at least as long."""
        flags = mmap.MAP_PRIVATE | _MAP_FIXED
        found = _mmap()(address, self.size_bytes, mmap.PROT_READ | mmap.PROT_WRITE, flags, self._descriptor, 0)
        if found == _FAILED:
            raise MemoryError("an image cannot be mapped")


@dataclass(frozen=True, slots=True)
class ResidentImage:
    """An image that stays in memory.

    Attributes:
        pages: the ids of the pages that are not all zero, by number.
        over: the bytes of the pages that differ from the file, by number.
        file: where the other pages are.
    """

    pages: Mapping[int, ObjectId]
    over: Mapping[int, bytes]
    file: _File

    def map_at(self, memory: memoryview, address: int) -> None:
        """Let the memory of a guest, which is at least as long as the image and otherwise new, hold it."""
        self.file.map_at(address)
        for number, data in self.over.items():
            memory[number * PAGE_BYTES : (number + 1) * PAGE_BYTES] = data

    def after(self, changes: Mapping[int, PageChange]) -> ResidentImage:
        """Return the image that a guest leaves which has changed pages, by number."""
        if not changes:
            return self
        pages = {number: page_id for number, page_id in self.pages.items() if number not in changes}
        pages |= {number: page_id for number, (page_id, _) in changes.items() if page_id is not None}
        return ResidentImage(pages, {**self.over, **{number: data for number, (_, data) in changes.items()}}, self.file)

    @property
    def is_apart(self) -> bool:
        """Whether so many pages differ from the file that a file of its own is better."""
        return len(self.over) > max(_LEAST_OWN, self.file.size_bytes // PAGE_BYTES // _OWN_PART)


def copy_memory(pages: Mapping[int, ObjectId], memory: memoryview) -> ResidentImage:
    """Make an image of a memory.

    Args:
        pages: the ids of the pages that are not all zero, by number.
        memory: all of the memory.

    Raises:
        OSError: the machine has no room for it.
    """
    runs = _runs(sorted(pages))
    parts = ((start * PAGE_BYTES, memory[start * PAGE_BYTES : end * PAGE_BYTES]) for start, end in runs)
    return ResidentImage(pages, {}, _File(len(memory), parts))


def copy_pages(pages: Mapping[int, tuple[ObjectId, bytes]], size_bytes: int) -> ResidentImage:
    """Make an image of pages.

    Args:
        pages: the ids and the bytes of the pages that are not all zero, by number.
        size_bytes: how long the memory is.

    Raises:
        OSError: the machine has no room for it.
    """
    parts = ((number * PAGE_BYTES, data) for number, (_, data) in pages.items())
    return ResidentImage({number: one for number, (one, _) in pages.items()}, {}, _File(size_bytes, parts))


class ResidentImages:
    """Keep images, those that were used last.

    An image that a call has gone on from is kept for its forks, but only a few of those are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, ResidentImage] = OrderedDict()
        self._left: OrderedDict[Key, None] = OrderedDict()
        self._uses: Counter[_File] = Counter()
        self._size = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes the kept images take: each file once, and all pages that differ from one."""
        return self._size

    def find(self, key: Key) -> ResidentImage | None:
        """Return an image if it is kept."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                if key in self._left:
                    self._left.move_to_end(key)
            return found

    def put(self, key: Key, resident: ResidentImage, left: Key | None = None) -> None:
        """Keep an image, and let go of what is too much.

        Args:
            key: what it is found by.
            resident: the image.
            left: what the image is found by that the call has started from.
        """
        with self._lock:
            self._remove(key)
            self._left.pop(key, None)
            self._found[key] = resident
            self._size += len(resident.over) * PAGE_BYTES
            self._size += 0 if self._uses[resident.file] else resident.file.size_bytes
            self._uses[resident.file] += 1
            if left is not None and left != key and left in self._found:
                self._left[left] = None
                self._left.move_to_end(left)
            while len(self._left) > _KEPT_LEFT:
                self._remove(self._left.popitem(last=False)[0])
            while self._size > _KEPT_BYTES or len(self._uses) > _KEPT_FILES:
                oldest = next(iter(self._found))
                self._left.pop(oldest, None)
                self._remove(oldest)

    def _remove(self, key: Key) -> None:
        resident = self._found.pop(key, None)
        if resident is None:
            return
        self._size -= len(resident.over) * PAGE_BYTES
        self._uses[resident.file] -= 1
        if not self._uses[resident.file]:
            del self._uses[resident.file]
            self._size -= resident.file.size_bytes

    @staticmethod
    def are_wanted(size_bytes: int) -> bool:
        """Return whether an image of so many bytes can be kept and is worth it."""
        return _LEAST_BYTES <= size_bytes <= _KEPT_BYTES and _kernel_reports()


def touched_pages(address: int, size_bytes: int, *, written: bool) -> list[int]:
    """List the pages of a memory that the machine has pages for, by their numbers.

    Args:
        address: where the memory begins.
        size_bytes: how long it is.
        written: whether pages do not count that still are those of a file which is mapped there.

    Returns:
        Ascending numbers; all of them if the memory is small, or if the kernel does not report it.
    """
    if size_bytes < _LEAST_BYTES or not _kernel_reports():
        return list(range(size_bytes // PAGE_BYTES))
    return _touched(address, size_bytes, written=written)


def _touched(address: int, size_bytes: int, *, written: bool) -> list[int]:
    machine = mmap.PAGESIZE
    with open(_PAGEMAP, "rb", buffering=0) as file:
        file.seek(address // machine * _ENTRY)
        entries = file.read(size_bytes // machine * _ENTRY)
    lanes = int.from_bytes(b"\1\0\0\0\0\0\0\0" * (len(entries) // _ENTRY), "little")
    bits = int.from_bytes(entries, "little")
    found = (bits >> _PRESENT | bits >> _SWAPPED) & lanes
    if written:
        found &= ~(bits >> _OF_FILE)
    own = found.to_bytes(len(entries), "little")
    width = PAGE_BYTES // machine * _ENTRY
    zero = bytes(width)
    return [at // width for at in range(0, len(own), width) if own[at : at + width] != zero]


@cache
def _kernel_reports() -> bool:
    """Return whether the kernel reports what was written to: tried once."""
    try:
        room = mmap.mmap(-1, 4 * PAGE_BYTES)
    except OSError:
        return False
    view = (ctypes.c_char * len(room)).from_buffer(room)
    address = ctypes.addressof(view)
    try:
        room[PAGE_BYTES] = 1
        before = _touched(address, len(room), written=False)
        _File(len(room), [(PAGE_BYTES, b"\1")]).map_at(address)
        read = room[0], room[PAGE_BYTES]
        room[2 * PAGE_BYTES + 5] = 1
        return (before, read, _touched(address, len(room), written=True)) == ([1], (0, 1), [2])
    except (AttributeError, MemoryError, OSError):
        return False
    finally:
        del view
        room.close()


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the runs of ascending numbers: where each begins, and where it has ended."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = runs[-1][0], number + 1
        else:
            runs.append((number, number + 1))
    return runs


_MAP_FIXED = 0x10  # of Linux


@cache
def _mmap() -> ctypes._FuncPointer:
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
    ]  # fmt: skip
    return function
