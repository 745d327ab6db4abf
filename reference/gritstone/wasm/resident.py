"""Images that stay in memory, so that the next call of the same actor neither reads nor compares its pages.

A resident image is a file in memory with the bytes of an image, and the ids of its pages. A guest gets a private
mapping of it: it sees these bytes, and what it writes is its own. The kernel knows which pages of such a mapping were
written to; so after the call only those are looked at, hashed, and written into the file, which then is the new image.

An image is found by the id of its tree, so it is right whatever became of the call that left it. Where the kernel does
not tell, there are none, and all pages are compared.

Spec: :rule:`wasm.image.complete`, :rule:`wasm.image.residue`, :rule:`wasm.image.nodes`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections import OrderedDict
from functools import cache
from typing import TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.wasm.binary import PAGE_BYTES

__all__ = ["LEAST_PAGES", "Key", "Resident", "Residents"]

LEAST_PAGES = 16
"""Smaller memories are compared as fast."""

_KEPT_BYTES = 512 << 20
_MOST_AGES = 64
_PAGEMAP = "/proc/self/pagemap"
_ENTRY = 8  # bytes for each page of the machine
_PRESENT, _SWAPPED, _OF_FILE = 63, 62, 61
_FAILED = ctypes.c_void_p(-1).value

Key: TypeAlias = tuple[object, ObjectId, int]
"""Whose objects they are, the tree of the pages, and how many pages the memory has."""


class Resident:
    """Be an image that stays in memory.

    Attributes:
        pages: the ids of the pages that are not all zero, by number.
    """

    def __init__(self) -> None:
        self.pages: dict[int, ObjectId] = {}
        self._file = os.memfd_create("image", os.MFD_CLOEXEC)
        self._size = 0

    def __del__(self) -> None:
        os.close(self._file)

    @property
    def size(self) -> int:
        """Say how long it is, in bytes."""
        return self._size

    def map_at(self, address: int) -> None:
        """Put a private mapping of it where the memory of a guest begins that is as long."""
        flags = mmap.MAP_PRIVATE | _MAP_FIXED
        found = _mmap()(address, self._size, mmap.PROT_READ | mmap.PROT_WRITE, flags, self._file, 0)
        if found == _FAILED:
            raise MemoryError("an image cannot be mapped")

    def written(self, address: int) -> list[int]:
        """List the pages that a guest has written to since the mapping was put there."""
        machine = mmap.PAGESIZE
        with open(_PAGEMAP, "rb", buffering=0) as file:
            file.seek(address // machine * _ENTRY)
            entries = file.read(self._size // machine * _ENTRY)
        lanes = int.from_bytes(b"\1\0\0\0\0\0\0\0" * (len(entries) // _ENTRY), "little")
        bits = int.from_bytes(entries, "little")
        present, swapped, of_file = (bits >> place & lanes for place in (_PRESENT, _SWAPPED, _OF_FILE))
        own = ((present | swapped) & ~of_file).to_bytes(len(entries), "little")
        width = PAGE_BYTES // machine * _ENTRY
        zero = bytes(width)
        return [at // width for at in range(0, len(own), width) if own[at : at + width] != zero]

    def resize(self, size: int) -> None:
        """Make it longer; what is new is zero."""
        os.ftruncate(self._file, size)
        self._size = size

    def write(self, number: int, page_id: ObjectId | None, data: bytes | memoryview) -> None:
        """Put a page into it; without an id, one that is all zero."""
        os.pwrite(self._file, data, number * PAGE_BYTES)
        if page_id is None:
            self.pages.pop(number, None)
        else:
            self.pages[number] = page_id


class Residents:
    """Keep images, those that were used last; each is one caller's alone while it is out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, Resident] = OrderedDict()
        self._size = 0
        self._ages: OrderedDict[int, object] = OrderedDict()

    def are_wanted(self, age: object) -> bool:
        """Tell whether the same memory of objects has asked before, and the kernel can do it."""
        with self._lock:
            is_known = id(age) in self._ages
            self._ages[id(age)] = age
            if len(self._ages) > _MOST_AGES:
                self._ages.popitem(last=False)
        return is_known and self.are_possible()

    def take(self, key: Key) -> Resident | None:
        """Take an image out."""
        with self._lock:
            found = self._found.pop(key, None)
            if found is not None:
                self._size -= found.size
            return found

    def put(self, key: Key, resident: Resident) -> None:
        """Put an image in, and let go of what is too much."""
        with self._lock:
            old = self._found.pop(key, None)
            self._size += resident.size - (0 if old is None else old.size)
            self._found[key] = resident
            while self._size > _KEPT_BYTES:
                _, oldest = self._found.popitem(last=False)
                self._size -= oldest.size

    @staticmethod
    @cache
    def are_possible() -> bool:
        """Tell whether the kernel says what was written to: tried once."""
        try:
            resident = Resident()
            resident.resize(4 * PAGE_BYTES)
            room = mmap.mmap(-1, resident.size)
        except (AttributeError, OSError):
            return False
        view = (ctypes.c_char * len(room)).from_buffer(room)
        try:
            resident.map_at(ctypes.addressof(view))
            read = room[0], room[PAGE_BYTES]
            room[2 * PAGE_BYTES + 5] = 1
            return read == (0, 0) and resident.written(ctypes.addressof(view)) == [2]
        except (MemoryError, OSError):
            return False
        finally:
            del view
            room.close()


_MAP_FIXED = 0x10  # of Linux


@cache
def _mmap() -> ctypes._FuncPointer:
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
    ]  # fmt: skip
    return function
