"""Images: the memory and the mutable globals of a guest, as objects of its core.

A page is a blob of 64 KiB at ``wasm/memory/<hi>/<lo>``; a page of zeros is absent. So equal memories have equal ids,
and an unchanged page is the same object. The state contains the globals and the size of the memory.

Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.complete`, :rule:`wasm.image.zero`, :rule:`wasm.image.residue`,
:rule:`wasm.image.strict`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gritstone.errors import Missing, Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, ObjectId, Tree
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import GuestState
from gritstone.wasm.instance import Instance
from gritstone.wasm.reader import I32
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = [
    "NO_PAGES",
    "ZERO_PAGE",
    "CallImage",
    "Images",
    "Page",
    "check_state",
    "page_tree",
    "read_image",
    "restore_image",
    "write_pages",
]

ZERO_PAGE = bytes(PAGE_BYTES)

_DIGITS = re.compile(r"[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is not all zero."""

    id: ObjectId
    data: bytes


NO_PAGES: Mapping[int, Page] = MappingProxyType({})


class CallImage:
    """The image that one call starts from, and the one that it leaves.

    Attributes:
        counts: whether the call starts from an image; otherwise it only leaves one.
    """

    __slots__ = ("_pages", "counts")

    def __init__(self) -> None:
        """Start without an image."""
        self.counts = False
        self._pages = NO_PAGES

    def open(self, workspace: Workspace, state: GuestState, memory: ObjectId | None, admitted: AdmittedModule) -> None:
        """Read the image that the call starts from; see ``read_image``.

        Raises:
            Rejected: the image has a defect (code ``unresolved:image``).
            Missing: the store lacks a part of it.
        """
        self._pages = read_image(workspace, state, memory, admitted)
        self.counts = True

    def restore(self, instance: Instance, state: GuestState) -> None:
        """Restore the image in a new instance."""
        restore_image(instance, state, self._pages)

    def write(self, workspace: Workspace, instance: Instance) -> ObjectId | None:
        """Write the image that an instance leaves, and return the id for ``wasm/memory``, or None."""
        return page_tree(workspace, write_pages(workspace, instance, self._pages))


class Images:
    """The images of the calls of one engine."""

    def begin(self) -> CallImage:
        """Return the image of a new call."""
        return CallImage()


def read_image(
    workspace: Workspace, state: GuestState, memory: ObjectId | None, admitted: AdmittedModule
) -> Mapping[int, Page]:
    """Read and check the pages of the image that a call starts from.

    Args:
        workspace: provides objects.
        state: the state of the same core.
        memory: the id at ``wasm/memory``.
        admitted: the module that it is restored for.

    Raises:
        Rejected: the image has a defect (code ``unresolved:image``).
        Missing: the store lacks a part of it.

    Spec: :rule:`wasm.image.strict`.
    """
    check_state(state, admitted)
    pages: dict[int, Page] = {}
    for high, tree in _named(workspace, memory):
        for low, page_id in _named(workspace, tree):
            pages[high << 8 | low] = Page(page_id, _page_data(workspace, page_id))
    if pages and max(pages) >= (state.pages or 0):
        raise _defect("a page beyond the memory")
    return pages


def check_state(state: GuestState, admitted: AdmittedModule) -> None:
    """Check the part of a state that belongs to the image.

    Raises:
        Rejected: the image has a defect (code ``unresolved:image``).
    """
    if state.pages is None or state.globals is None:
        raise _defect("a state without an image")
    if state.call is not None and all(one.name != "wait" for one in admitted.module.imports):
        raise _defect("a suspended call of a module that never waits")
    kinds = [one.type for one in admitted.module.globals if one.mutable]
    if len(kinds) != len(state.globals):
        raise _defect("another number of globals")
    if any(kind == I32 and value >> 32 for kind, value in zip(kinds, state.globals, strict=True)):
        raise _defect("a global that does not fit")
    least, most = _bounds(admitted)
    if not least <= state.pages <= most:
        raise _defect("a memory of another size")


def _bounds(admitted: AdmittedModule) -> tuple[int, int]:
    """Return the minimum and the maximum number of pages of the memory of a module."""
    if not admitted.module.memories:
        return 0, 0
    limits = admitted.module.memories[0]
    return limits.least, admitted.pages if limits.most is None else min(limits.most, admitted.pages)


def _named(workspace: Workspace, tree_id: ObjectId | None) -> Iterator[tuple[int, ObjectId]]:
    """Yield the entries of a tree whose names are two hexadecimal digits; nothing for no tree."""
    if tree_id is None:
        return
    tree = workspace.tree(tree_id)
    if tree is None:
        raise _defect("a blob in the place of pages")
    for name, target in tree.entries.items():
        if _DIGITS.fullmatch(name) is None:
            raise _defect("a name that is no number of a page")
        yield int(name, 16), target


def _page_data(workspace: Workspace, page_id: ObjectId) -> bytes:
    try:
        blob = workspace.blob(page_id)
    except Missing as refusal:
        if refusal.code != "erased":
            raise
        blob = None
    if blob is None or blob.headers or len(blob.data) != PAGE_BYTES or blob.data == ZERO_PAGE:
        raise _defect("invalid page")
    return blob.data


def restore_image(instance: Instance, state: GuestState, pages: Mapping[int, Page]) -> None:
    """Restore in a new instance the memory and the globals of an image that was read for its module.

    Spec: :rule:`wasm.image.residue`, :rule:`wasm.image.complete`.
    """
    instance.restore(state.pages, state.globals)
    for segment in instance.prepared.admitted.module.segments:
        if segment.offset is not None:
            instance.write(segment.offset, bytes(segment.size))
    for number, page in pages.items():
        instance.write(number * PAGE_BYTES, page.data)


def write_pages(
    workspace: Workspace, instance: Instance, before: Mapping[int, Page], numbers: Iterable[int] | None = None
) -> Mapping[int, ObjectId]:
    """Store the pages of an instance's memory.

    Args:
        workspace: where the pages are stored.
        instance: the instance.
        before: known pages; an unchanged one is neither hashed nor stored again.
        numbers: the pages that may be other than zero, ascending; None for all pages.

    Returns:
        The ids of the pages that are not all zero, by number.

    Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.zero`.
    """
    pages: dict[int, ObjectId] = {}
    for number in range(instance.pages) if numbers is None else numbers:
        data = instance.read(number * PAGE_BYTES, PAGE_BYTES)
        known = before.get(number)
        if known is not None and known.data == data:
            pages[number] = known.id
        elif data != ZERO_PAGE:
            pages[number] = workspace.put(Blob(NO_HEADERS, data))
    return pages


def page_tree(workspace: Workspace, pages: Mapping[int, ObjectId]) -> ObjectId | None:
    """Store the tree of pages and return its id; None if there are no pages."""
    trees: dict[str, dict[str, ObjectId]] = {}
    for number, page_id in pages.items():
        trees.setdefault(f"{number >> 8:02x}", {})[f"{number & 0xFF:02x}"] = page_id
    if not trees:
        return None
    return workspace.put(Tree({name: workspace.put(Tree(entries)) for name, entries in trees.items()}))


def _defect(what: str) -> Refusal:
    return failure("unresolved", f"no image: {what}", rule="wasm.image.strict", detail="image")
