"""The law of actors whose code is a module in their own core.

Spec: ``wasm/transition``, ``wasm/capabilities``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.cores import find
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.law import Foreign, Law
from gritstone_conformance.model.module_nodes import module_names
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.abi import CannotTell
from gritstone_conformance.model.wasm.calls import ask_module, make_module_step
from gritstone_conformance.model.wasm.creators import refused_merge, refuses_sender
from gritstone_conformance.model.wasm.outside import outside_fault

__all__ = ["MODULES"]


class _Modules(Law):
    """Modules; see ``Law``."""

    is_exclusive = True
    outside_path = "core/wasm"

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is ``wasm:`` and a path."""
        return module_names(data, format_name) is not None

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return the step that the module makes."""
        try:
            return make_module_step(shelf, context, proposal, last)
        except CannotTell as problem:
            raise Foreign from problem

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return the answer of the module."""
        try:
            return ask_module(shelf, step, name, args)
        except CannotTell as problem:
            raise Foreign from problem

    def makes_first_step(self, shelf: Shelf, core: bytes) -> bool:
        """Return whether the actor is no fork.

        Spec: :rule:`wasm.fork.no-run`.
        """
        return find(shelf, core, ("wasm", "fork")) is None

    def refused_sender(self, shelf: Shelf, last: bytes, sender: bytes) -> str | None:
        """Return the rule of grants for a sender whose updates the actor refuses."""
        return "wasm.grant.update" if refuses_sender(shelf, last, sender) else None

    def refused_merge(self, shelf: Shelf, core: bytes, merged: bytes) -> str | None:
        """Return the rule of a merge that changes what an update may not change."""
        return refused_merge(shelf, core, merged)

    def outside_fault(
        self, shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes | None, made: bytes
    ) -> Failure | None:
        """Return what is wrong with grants, host nodes, units or the creator."""
        return outside_fault(shelf, actor, proposal, last, made)

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule on host nodes below ``core/wasm``, and that on results elsewhere."""
        return "wasm.image.nodes" if field_path.startswith("core/wasm") else "wasm.call.result"


MODULES: Final = _Modules()
