"""Images that stay in memory, so that the next call from the same image neither reads nor compares its pages.

A resident image is a file in memory, the pages that differ from it, and the ids of all pages. A guest gets a private
mapping of the file with the other pages written over it: it sees the image, and what it writes is its own. The kernel
reports which pages of the mapping were written, so only those are compared and hashed after the call. What the guest
leaves is another image that shares the file; when many pages differ, it gets a file of its own.

An image never changes, so any number of calls start from it at once: a parent and all its forks share one file.

An image is found by the id of its tree, so it is correct whatever happened to the call that left it. If the kernel does
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
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from gritstone.grit.objects import NO_HEADERS, Blob, ObjectId
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import GuestState
from gritstone.wasm.image import ZERO_PAGE, CallImage, Images, check_state, page_tree, read_image, write_pages
from gritstone.wasm.instance import Instance
from gritstone.wit.workspace import Workspace

__all__ = ["Key", "PageChange", "ResidentImage", "ResidentImages", "copy_memory"]

_LEAST_BYTES = 16 * PAGE_BYTES  # smaller memories are compared as fast without an image
_KEPT_BYTES = 512 << 20
_KEPT_FILES = 64  # each uses a file descriptor
_KEPT_LEFT = 16  # images
_LEAST_OWN = 16  # pages
_OWN_PART = 8
_PAGEMAP = "/proc/self/pagemap"
_ENTRY = 8  # bytes of the page map for each page of the machine
_PRESENT, _SWAPPED, _OF_FILE = 63, 62, 61
_FAILED = ctypes.c_void_p(-1).value

Key: TypeAlias = tuple[object, ObjectId, int]
"""The owner of the objects, the id of the tree of pages, and the number of pages of the memory."""

PageChange: TypeAlias = tuple[ObjectId | None, bytes]
"""The id and the bytes of a written page; the id is None for a page that is all zero."""


class _File:
    """A file in memory that is not written after its creation."""

    def __init__(self, size_bytes: int, parts: Iterable[tuple[int, bytes | memoryview]]) -> None:
        """Create a file that is zero except for its parts.

        Args:
            size_bytes: the length of the file.
            parts: pairs of an offset and the bytes there.

        Raises:
            OSError: the machine has not enough memory.
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
        """Map the file privately over the start of a guest's memory, which must be at least as long."""
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
        """Map the image into the memory of a guest, which must be at least as long as the image and otherwise zero."""
        self.file.map_at(address)
        for number, data in self.over.items():
            memory[number * PAGE_BYTES : (number + 1) * PAGE_BYTES] = data

    def after(self, changes: Mapping[int, PageChange]) -> ResidentImage:
        """Return the image that results from changed pages, by number."""
        if not changes:
            return self
        pages = {number: page_id for number, page_id in self.pages.items() if number not in changes}
        pages |= {number: page_id for number, (page_id, _) in changes.items() if page_id is not None}
        return ResidentImage(pages, {**self.over, **{number: data for number, (_, data) in changes.items()}}, self.file)

    @property
    def is_apart(self) -> bool:
        """Return whether so many pages differ from the file that the image should have its own file."""
        return len(self.over) > max(_LEAST_OWN, self.file.size_bytes // PAGE_BYTES // _OWN_PART)


def copy_memory(pages: Mapping[int, ObjectId], memory: memoryview) -> ResidentImage:
    """Create an image of a memory.

    Args:
        pages: the ids of the pages that are not all zero, by number.
        memory: the whole memory.

    Raises:
        OSError: the machine has not enough memory.
    """
    runs = _runs(sorted(pages))
    parts = ((start * PAGE_BYTES, memory[start * PAGE_BYTES : end * PAGE_BYTES]) for start, end in runs)
    return ResidentImage(pages, {}, _File(len(memory), parts))


def copy_pages(pages: Mapping[int, tuple[ObjectId, bytes]], size_bytes: int) -> ResidentImage:
    """Create an image of pages.

    Args:
        pages: the ids and the bytes of the pages that are not all zero, by number.
        size_bytes: the length of the memory.

    Raises:
        OSError: the machine has not enough memory.
    """
    parts = ((number * PAGE_BYTES, data) for number, (_, data) in pages.items())
    return ResidentImage({number: one for number, (one, _) in pages.items()}, {}, _File(size_bytes, parts))


class _ResidentCallImage(CallImage):
    """The image of a call that starts from a resident image if there is one, and leaves one."""

    __slots__ = ("_key", "_resident", "_residents")

    def __init__(self, residents: ResidentImages) -> None:
        super().__init__()
        self._residents = residents
        self._resident: ResidentImage | None = None
        self._key: Key | None = None

    def open(self, workspace: Workspace, state: GuestState, memory: ObjectId | None, admitted: AdmittedModule) -> None:
        check_state(state, admitted)
        self.counts = True
        size_bytes = (state.pages or 0) * PAGE_BYTES
        if memory is not None and self._residents.are_wanted(size_bytes):
            self._key = workspace.objects.age, memory, state.pages or 0
            self._resident = self._residents.find(self._key)
            if self._resident is not None:
                return
        self._pages = read_image(workspace, state, memory, admitted)
        if self._key is not None:
            with suppress(OSError):
                pages = {number: (page.id, page.data) for number, page in self._pages.items()}
                self._resident = copy_pages(pages, size_bytes)
                self._residents.put(self._key, self._resident)

    def restore(self, instance: Instance, state: GuestState) -> None:
        if self._resident is None:
            super().restore(instance, state)
            return
        instance.restore(state.pages, state.globals)
        self._resident.map_at(instance.memory, _address(instance))

    def write(self, workspace: Workspace, instance: Instance) -> ObjectId | None:
        """Write the image that an instance leaves; it is also kept, because the next call usually starts from it."""
        resident = self._resident
        if resident is None:
            numbers = _touched_or_loaded(instance) | self._pages.keys()
            pages = write_pages(workspace, instance, self._pages, sorted(numbers))
        else:
            resident = resident.after(_read_changes(workspace, instance, resident))
            pages = resident.pages
        memory = page_tree(workspace, pages)
        if memory is None or not self._residents.are_wanted(instance.memory_bytes):
            return memory
        with suppress(OSError):
            if resident is None or resident.is_apart:
                resident = copy_memory(pages, instance.memory)
            self._residents.put((workspace.objects.age, memory, instance.pages), resident, self._key)
        return memory


def _address(instance: Instance) -> int:
    """Return the address of the memory of an instance in the process."""
    return ctypes.addressof(ctypes.c_char.from_buffer(instance.memory))


def _touched_or_loaded(instance: Instance) -> set[int]:
    """Return the numbers of the pages of a new memory that may be other than zero.

    Pages that the operating system never allocated are zero and are not read, so the cost depends on the used pages.
    """
    if not instance.pages:
        return set()
    numbers = set(touched_pages(_address(instance), instance.memory_bytes, written=False))
    for segment in instance.prepared.admitted.module.segments:
        if segment.offset is not None and segment.size:  # an engine may map these pages from a file
            last = (segment.offset + segment.size - 1) // PAGE_BYTES
            numbers.update(range(segment.offset // PAGE_BYTES, last + 1))
    return numbers


def _read_changes(workspace: Workspace, instance: Instance, before: ResidentImage) -> Mapping[int, PageChange]:
    """Store only the pages that an instance changed after it started from a resident image.

    Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.zero`.
    """
    changes: dict[int, PageChange] = {}
    for number in touched_pages(_address(instance), instance.memory_bytes, written=True):
        data = instance.read(number * PAGE_BYTES, PAGE_BYTES)
        if before.over.get(number) == data:
            continue
        page_id = None if data == ZERO_PAGE else workspace.put(Blob(NO_HEADERS, data))
        if page_id != before.pages.get(number):
            changes[number] = page_id, data
    return changes


class ResidentImages(Images):
    """A cache of recently used images.

    An image from which a call has started is kept for its forks, but only a few such images are kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, ResidentImage] = OrderedDict()
        self._left: OrderedDict[Key, None] = OrderedDict()
        self._uses: Counter[_File] = Counter()
        self._size = 0

    def begin(self) -> CallImage:
        """Return the image of a new call."""
        return _ResidentCallImage(self)

    @property
    def size_bytes(self) -> int:
        """Return the total size of the kept images: each file once, and all pages that differ from a file."""
        return self._size

    def find(self, key: Key) -> ResidentImage | None:
        """Return the image of a key, or None if it is not kept."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                if key in self._left:
                    self._left.move_to_end(key)
            return found

    def put(self, key: Key, resident: ResidentImage, left: Key | None = None) -> None:
        """Store an image, and drop images beyond the limits.

        Args:
            key: the key of the image.
            resident: the image.
            left: the key of the image from which the call started.
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
        """Return whether an image of ``size_bytes`` bytes can be kept and is worth keeping."""
        return _LEAST_BYTES <= size_bytes <= _KEPT_BYTES and _kernel_reports()


def touched_pages(address: int, size_bytes: int, *, written: bool) -> list[int]:
    """Return the numbers of the pages of a memory that the machine has allocated.

    Args:
        address: the address of the memory.
        size_bytes: the length of the memory.
        written: whether to leave out pages that are still those of a file mapped there.

    Returns:
        Ascending numbers; all pages if the memory is small, or if the kernel does not report them.
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
    """Return whether the kernel reports written pages, as found by one trial."""
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
    """Return the runs of ascending numbers, each as its first number and the number after its last one."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = runs[-1][0], number + 1
        else:
            runs.append((number, number + 1))
    return runs


_MAP_FIXED = 0x10  # the value on Linux


@cache
def _mmap() -> ctypes._FuncPointer:
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
    ]  # fmt: skip
    return function
