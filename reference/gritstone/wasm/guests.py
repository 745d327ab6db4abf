"""Guests: code of the form ``wasm:<path>``, and what else holds for actors that have it.

This is what a host gives to ``Codes``. What judges and runs modules is loaded when the first one comes: many hosts
never meet one.

Spec: :rule:`wasm.module.node`, :rule:`wasm.call.order`, :rule:`wasm.fork.no-run`, :rule:`wasm.grant.frozen`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gritstone.grit.objects import ObjectId
from gritstone.wasm.cores import NODES, is_wasm_actor, node_path, wasm_path
from gritstone.wasm.creator import refuses_update
from gritstone.wit.code import Code, Run
from gritstone.wit.paths import Path
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.engine import Engine

__all__ = ["Guests", "no_log"]

_MOST_PAGES = 65_536


def no_log(text: bytes) -> None:
    """Keep nothing of a log."""


class Guests:
    """Resolve ``wasm:<path>``; see ``nodes.Guests``.

    Attributes:
        most_pages: the largest ``pages`` of a manifest that is carried out.
        suspends: whether calls can be suspended at ``wait``.
        log: takes what guests log.
    """

    def __init__(
        self,
        *,
        most_pages: int = _MOST_PAGES,
        suspends: bool = True,
        log: Callable[[bytes], None] = no_log,
        engine: Engine | None = None,
        limit_ms: int = 0,
    ) -> None:
        """Be ready to run guests.

        Args:
            most_pages: the largest ``pages`` of a manifest that is carried out.
            suspends: whether calls can be suspended at ``wait``.
            log: takes what guests log.
            engine: what runs them; None for one that is made when it is needed.
            limit_ms: how many milliseconds a call may take; 0 for any.
        """
        self.most_pages = most_pages
        self.suspends = suspends
        self.log = log
        self._engine = engine
        self._limit_ms = limit_ms

    def within(self, limit_ms: int) -> Guests:
        """Give guests of this kind whose calls take no longer than so many milliseconds; 0 for any.

        Spec: :rule:`wit.transition.class`.
        """
        if limit_ms == self._limit_ms:
            return self
        return Guests(most_pages=self.most_pages, suspends=self.suspends, log=self.log, limit_ms=limit_ms)

    @property
    def engine(self) -> Engine:
        """Give what runs modules."""
        if self._engine is None:
            # Loaded by need: it takes longer than the start of a host that never runs a guest.
            from gritstone.wasm.engine import Engine

            self._engine = Engine(limit_ms=self._limit_ms)
        return self._engine

    def admit(self, module_id: ObjectId, module: bytes, pages: int) -> None:
        """Admit and compile a module that is to make steps; its first step then uses the result.

        Args:
            module_id: the id of the blob that holds it.
            module: its bytes.
            pages: the largest memory that it may have.

        Raises:
            Rejected: the module is not admitted.
        """
        self.engine.prepare(module_id, module, "wit", pages)

    def resolve(
        self, workspace: Workspace, core: Mapping[str, ObjectId], node: str, source: Mapping[str, ObjectId]
    ) -> Code | None:
        """Give the code of a node; see ``nodes.Guests``."""
        path = node_path(workspace, source, node)
        if path is None and not is_wasm_actor(workspace, core):
            return None
        from gritstone.wasm.transition import prepare_call

        return prepare_call(self, workspace, core, node, source, path)

    def makes_first_step(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
        """Tell whether code makes a first step; see ``nodes.Guests``.

        Spec: :rule:`wasm.fork.no-run`.
        """
        return wasm_path(workspace, core, "fork") is None or not is_wasm_actor(workspace, core)

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId], merged: Mapping[str, ObjectId] | None) -> bool:
        """Tell whether an update is refused; see ``nodes.Guests``."""
        return refuses_update(run, content, merged)

    def fixed_paths(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...]:
        """Give the module paths of a core; see ``nodes.Guests``.

        Spec: :rule:`wasm.grant.frozen`.
        """
        paths = (node_path(workspace, core, node) for node in NODES)
        return tuple(path for path in paths if path is not None)
