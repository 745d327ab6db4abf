"""What can be seen of a step of a Wasm actor without running its module: grants, host nodes, units, the creator.

Spec: ``wasm/classes``: an auditor that does not run modules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Step
from gritstone_conformance.model.wasm.calls import Found, find_call
from gritstone_conformance.model.wasm.creators import creator_of
from gritstone_conformance.model.wasm.documents import CT_CBOR, State
from gritstone_conformance.model.wasm.grants import AuditedStep
from gritstone_conformance.model.wasm.image import manifest_at, read_image, state_at

__all__ = ["outside_fault"]

_HOST_NODES = ("state", "module", "memory", "creator")


def outside_fault(shelf: Shelf, actor: bytes, proposal: Proposal, last: bytes | None, made: bytes) -> Failure | None:
    """Return what is wrong with a step, as the failure that its call should have been, or None.

    Args:
        shelf: objects.
        actor: the actor.
        proposal: what the step covers.
        last: the step before, or None.
        made: the step.
    """
    content = shelf.message(proposal.covered[0][1]).content
    core = content if last is None else shelf.step(last).core
    entry = "wit_update" if proposal.kind == "update" else "wit"
    try:
        found = find_call(shelf, core, content if entry == "wit_update" else core, entry)
        _Outside(shelf, proposal, last, core, shelf.step(made), found, entry == "wit_update").check()
    except Failure as failure:
        return failure
    return None


@dataclass(frozen=True, slots=True)
class _Outside:
    """One step that is looked at from outside."""

    shelf: Shelf
    proposal: Proposal
    last: bytes | None
    core: bytes
    step: Step
    found: Found
    updates: bool

    def check(self) -> None:
        """Raise Failure where something is wrong."""
        audit = self._audit()
        audit.check()
        state = self._new_state()
        if state is not None:
            self._check_state(state, audit.tanks() if self.found.manifest.tank is not None else 0)
        if not self.updates:
            self._check_image()
            self._check_creator()

    def _audit(self) -> AuditedStep:
        """Return the audit of the step without its host nodes."""
        old = None if self.last is None else self.shelf.step(self.last)
        inbox, outbox = (self.shelf.mail(old.inbox), self.shelf.mail(old.outbox)) if old is not None else ({}, {})
        known = frozenset(inbox) | frozenset(sender for sender, _ in self.proposal.covered)
        bare = WorkingTree(self.shelf, self.shelf.names(self.step.core))
        for name in _HOST_NODES:
            before = find(self.shelf, self.core, ("wasm", name))
            if before is not None:
                bare.put(("wasm", name), before)
            elif bare.find(("wasm", name)) is not None:
                bare.delete(("wasm", name))
        step = replace(self.step, core=bare.seal())
        return AuditedStep(self.shelf, self.core, self.found.manifest, dict(outbox), known, step, self.updates)

    def _new_state(self) -> State | None:
        """Return the state behind the step; raises Failure where it is not there exactly as it is granted."""
        manifest = self.found.manifest
        there = find(self.shelf, self.step.core, ("wasm", "state"))
        if not manifest.keeps_state:
            kept = self.updates and there == find(self.shelf, self.core, ("wasm", "state"))
            if there is not None and not kept:
                raise _nodes("a state that is not kept")
            return None
        state = state_at(self.shelf, self.step.core, manifest)
        if there != self.shelf.put(Blob(CT_CBOR, state.encode())):
            raise _nodes("no state, or one with other members than are granted")
        return state

    def _check_state(self, state: State, tanks: int) -> None:
        manifest, old = self.found.manifest, self.found.state
        spent = state.used - old.used - tanks
        if not 0 < spent <= self.found.budget:
            raise Failure("failed", f"used grew by {spent} without a change of tanks", "wasm.fuel.used")
        if manifest.tank is not None and state.used > manifest.tank:
            raise Failure("failed", "used is above the tank", "wasm.fuel.tank")
        if state.random is not None and old.random is not None:
            moved = state.random[1] - old.random[1]
            if state.random[0] != old.random[0] or not 0 <= moved <= 2 * spent:
                raise Failure("failed", "randomness went another way", "wasm.random.stream")
        if self.updates and (state.pages, state.mutable, state.suspended) != (old.pages, old.mutable, old.suspended):
            raise Failure("failed", "an update changed the image", "wasm.call.update")

    def _check_image(self) -> None:
        manifest, core = self.found.manifest, self.step.core
        if not manifest.image:
            if any(find(self.shelf, core, ("wasm", name)) is not None for name in ("module", "memory")):
                raise _nodes("an image that is not granted")
            return
        state = state_at(self.shelf, core, manifest)
        image = read_image(self.shelf, core, manifest, state, self.found.module, self.found.module_id)
        if image is None:
            raise _nodes("no image of the module that ran")

    def _check_creator(self) -> None:
        there = find(self.shelf, self.step.core, ("wasm", "creator"))
        wanted = find(self.shelf, self.core, ("wasm", "creator"))
        manifest = manifest_at(self.shelf, self.core)
        if self.proposal.kind == "cleanup" and manifest is not None and manifest.update is None:
            assert self.last is not None
            wanted = creator_of(self.shelf, self.last)
        if there != wanted:
            raise Failure("failed", "another creator", "wasm.grant.creator")


def _nodes(words: str) -> Failure:
    return Failure("failed", words, "wasm.image.nodes")
