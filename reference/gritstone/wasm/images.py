"""The image that one call starts from, and the one that it leaves, whether they stay in memory or not.

Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.complete`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.grit.objects import ObjectId
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.documents import State
from gritstone.wasm.image import (
    NO_PAGES,
    Page,
    check_state,
    page_tree,
    read_image,
    restore_image,
    write_changes,
    write_pages,
)
from gritstone.wasm.instance import Instance
from gritstone.wasm.resident import LEAST_PAGES, Key, Resident, Residents
from gritstone.wit.workspace import Workspace

__all__ = ["Image"]


class Image:
    """Be the image of one call.

    Attributes:
        counts: whether the call starts from it; else it is only written.
    """

    __slots__ = ("_key", "_pages", "_residents", "counts")

    def __init__(self, residents: Residents) -> None:
        """Begin without an image."""
        self.counts = False
        self._residents = residents
        self._pages: Mapping[int, Page] | Resident = NO_PAGES
        self._key: Key | None = None

    def open(self, workspace: Workspace, state: State, memory: ObjectId | None, admitted: AdmittedModule) -> None:
        """Find the image that a call starts from; see ``read_image``.

        Raises:
            Rejected: it has a defect (code ``unresolved:image``).
            Missing: the store has lost something of it.
        """
        check_state(state, admitted)
        self.counts = True
        if memory is not None and (state.pages or 0) >= LEAST_PAGES:
            self._key = workspace.objects.age, memory, state.pages or 0
            found = self._residents.take(self._key)
            if found is not None:
                self._pages = found
                return
        self._pages = read_image(workspace, state, memory, admitted)

    def restore(self, instance: Instance, state: State) -> None:
        """Give it to a new instance."""
        restore_image(instance, state, self._pages)

    def write(self, workspace: Workspace, instance: Instance) -> ObjectId | None:
        """Write what an instance leaves; gives what is to stand at ``wasm/memory``."""
        resident = self._pages
        if isinstance(resident, Resident):
            self._key = None
            write_changes(workspace, instance, resident)
            memory = page_tree(workspace, resident.pages)
        else:
            pages = write_pages(workspace, instance, resident)
            memory = page_tree(workspace, pages)
            # An actor that goes on in the same memory of objects will go on once more.
            if self._key is None or not self._residents.are_wanted(workspace.objects.age):
                return memory
            resident = _resident(instance, pages)
        if memory is not None:
            self._residents.put((workspace.objects.age, memory, instance.pages), resident)
        return memory

    def close(self) -> None:
        """Put back what stays in memory, if nothing else has become of it."""
        if self._key is not None and isinstance(self._pages, Resident):
            self._residents.put(self._key, self._pages)
            self._key = None


def _resident(instance: Instance, pages: Mapping[int, ObjectId]) -> Resident:
    made = Resident()
    made.resize(instance.memory_bytes)
    for number, page_id in pages.items():
        made.write(number, page_id, instance.page(number))
    return made
