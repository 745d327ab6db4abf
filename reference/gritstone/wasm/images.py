"""The image that one call starts from, and the one that it leaves, whether they stay in memory or not.

Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.complete`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from gritstone.grit.objects import ObjectId
from gritstone.optional.resident_images import Key, ResidentImage, ResidentImages, copy_memory, copy_pages
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.documents import State
from gritstone.wasm.image import (
    NO_PAGES,
    Page,
    check_state,
    page_tree,
    read_changes,
    read_image,
    restore_image,
    write_pages,
)
from gritstone.wasm.instance import Instance
from gritstone.wit.workspace import Workspace

__all__ = ["Image"]


class Image:
    """The image of one call.

    Attributes:
        counts: whether the call starts from it; else it is only written.
    """

    __slots__ = ("_key", "_pages", "_residents", "counts")

    def __init__(self, residents: ResidentImages) -> None:
        """Begin without an image."""
        self.counts = False
        self._residents = residents
        self._pages: Mapping[int, Page] | ResidentImage = NO_PAGES
        self._key: Key | None = None

    def open(self, workspace: Workspace, state: State, memory: ObjectId | None, admitted: AdmittedModule) -> None:
        """Find the image that a call starts from; see ``read_image``.

        Raises:
            Rejected: it has a defect (code ``unresolved:image``).
            Missing: the store has lost something of it.
        """
        check_state(state, admitted)
        self.counts = True
        size_bytes = (state.pages or 0) * PAGE_BYTES
        if memory is not None and self._residents.are_wanted(size_bytes):
            self._key = workspace.objects.age, memory, state.pages or 0
            found = self._residents.find(self._key)
            if found is not None:
                self._pages = found
                return
        pages = read_image(workspace, state, memory, admitted)
        self._pages = pages
        if self._key is not None:
            with suppress(OSError):
                resident = copy_pages({number: (page.id, page.data) for number, page in pages.items()}, size_bytes)
                self._residents.put(self._key, resident)
                self._pages = resident

    def restore(self, instance: Instance, state: State) -> None:
        """Give it to a new instance."""
        restore_image(instance, state, self._pages)

    def write(self, workspace: Workspace, instance: Instance) -> ObjectId | None:
        """Write what an instance leaves; returns what is to stand at ``wasm/memory``.

        The first call of an actor keeps its image in memory, too: an actor that has an image mostly goes on from it.
        """
        before, resident = self._pages, None
        if isinstance(before, ResidentImage):
            resident = before.after(read_changes(workspace, instance, before))
            pages = resident.pages
        else:
            pages = write_pages(workspace, instance, before)
        memory = page_tree(workspace, pages)
        if memory is None or not self._residents.are_wanted(instance.memory_bytes):
            return memory
        with suppress(OSError):
            if resident is None or resident.is_apart:
                resident = copy_memory(pages, instance.memory)
            self._residents.put((workspace.objects.age, memory, instance.pages), resident, self._key)
        return memory
