"""Guests: code of the form ``wasm:<path>``, and the other rules of actors that have it.

A host registers ``Guests`` in its ``Laws``. The modules that admit and run guests are imported on first use, because
many hosts never run one.

Spec: :rule:`wasm.module.node`, :rule:`wasm.call.order`, :rule:`wasm.fork.no-run`, :rule:`wasm.grant.frozen`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gritstone.grit.objects import ObjectId
from gritstone.wasm.capabilities import keeps_wasm, stays_guest
from gritstone.wasm.cores import NODES, module_path, node_path, wasm_path
from gritstone.wasm.creator import refuses_sender
from gritstone.wit.code import Code, Run
from gritstone.wit.laws import Law
from gritstone.wit.paths import ALPHABETS, Path
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.engine import WasmEngine

__all__ = ["Guests", "no_log"]

_MOST_PAGES = 65_536


def no_log(text: bytes) -> None:
    """Discard a log text."""


class Guests(Law):
    """WebAssembly modules in the core: the form ``wasm:<path>``.

    Attributes:
        most_pages: the maximum supported ``pages`` of a manifest.
        suspends: whether calls can be suspended at ``wait``.
        log: receives the log texts of guests.
    """

    is_exclusive = True

    def __init__(
        self,
        *,
        most_pages: int = _MOST_PAGES,
        suspends: bool = True,
        log: Callable[[bytes], None] = no_log,
        engine: WasmEngine | None = None,
        limit_ms: int = 0,
    ) -> None:
        """Create the guests.

        Args:
            most_pages: the maximum supported ``pages`` of a manifest.
            suspends: whether calls can be suspended at ``wait``.
            log: receives the log texts of guests.
            engine: the engine; None to create one on first use.
            limit_ms: the maximum time of a call in milliseconds; 0 for no limit.
        """
        self.most_pages = most_pages
        self.suspends = suspends
        self.log = log
        self._engine = engine
        self._limit_ms = limit_ms

    def within(self, limit_ms: int) -> Guests:
        """Return these guests with calls that take at most ``limit_ms`` milliseconds; 0 for no limit.

        Spec: :rule:`wit.transition.class`.
        """
        if limit_ms == self._limit_ms:
            return self
        return Guests(most_pages=self.most_pages, suspends=self.suspends, log=self.log, limit_ms=limit_ms)

    @property
    def engine(self) -> WasmEngine:
        """Return the engine."""
        if self._engine is None:
            # Imported on first use: it takes longer than the start of a host that never runs a guest.
            from gritstone.wasm.engine import WasmEngine

            self._engine = WasmEngine(limit_ms=self._limit_ms)
        return self._engine

    def admit(self, module_id: ObjectId, module: bytes, pages: int) -> None:
        """Admit and compile a module in advance; the first step of an actor with it uses the result.

        Args:
            module_id: the id of the blob that contains the module.
            module: the bytes of the module.
            pages: the maximum size of its memory in pages.

        Raises:
            Rejected: the module is not admitted.
        """
        self.engine.prepare(module_id, module, "wit", pages)

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data names a module in a core."""
        return module_path(data, ALPHABETS[format_name]) is not None

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        source: Mapping[str, ObjectId],
        data: bytes | None,
    ) -> Code:
        """Return the code of a node; see ``Law.resolve``."""
        from gritstone.wasm.transition import prepare_call  # on first use, as the engine

        path = None if data is None else module_path(data, ALPHABETS[workspace.objects.format.name])
        return prepare_call(self, workspace, core, node, source, path)

    def makes_first_step(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
        """Return whether code makes the first step, which is not the case for a fork.

        Spec: :rule:`wasm.fork.no-run`.
        """
        return wasm_path(workspace, core, "fork") is None

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId]) -> bool:
        """Return whether the actor refuses updates from the sender.

        Spec: :rule:`wasm.grant.update`.
        """
        return refuses_sender(run)

    def refuses_merge(self, run: Run, merged: Mapping[str, ObjectId]) -> bool:
        """Return whether the merged core changes entries that only the host writes, or has code of another form.

        Spec: :rule:`wasm.grant.update`, :rule:`wasm.grant.update-stays`.
        """
        return not (keeps_wasm(run.workspace, run.core, merged) and stays_guest(run.workspace, run.core, merged))

    def frozen_paths(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...]:
        """Return the module paths of a core.

        Spec: :rule:`wasm.grant.frozen`.
        """
        paths = (node_path(workspace, core, node) for node in NODES)
        return tuple(path for path in paths if path is not None)
