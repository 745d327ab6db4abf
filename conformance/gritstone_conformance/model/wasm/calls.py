"""One call of a guest: what is found before it runs, its instance, its end, and what it leaves.

A call of a transition gives the id of a step that is audited and has its host nodes; one of a query gives an answer.

Spec: "One call" of ``wasm/transition``, ``wasm/outcomes``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gritstone_conformance.model.admission import admission_defects
from gritstone_conformance.model.cores import WorkingTree
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.module_nodes import module_at
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Step
from gritstone_conformance.model.wasm.admission import AdmittedModule, NotAdmitted, admit
from gritstone_conformance.model.wasm.creators import creator_of
from gritstone_conformance.model.wasm.documents import MOST, Manifest, State
from gritstone_conformance.model.wasm.grants import AuditedStep
from gritstone_conformance.model.wasm.image import Image, manifest_at, put_image, put_state, read_image, state_at
from gritstone_conformance.model.wasm.running import Guest, Left, run_guest
from gritstone_conformance.model.wasm.stand_in import stand_in

__all__ = ["Finish", "Found", "ask_module", "find_call", "guest_of", "make_module_step", "run_call", "run_query"]

_ENTRIES: Final = {"update": "wit_update"}


@dataclass(frozen=True, slots=True)
class Found:
    """What is found before a guest runs.

    Attributes:
        manifest: that of the core before.
        module: the module, admitted for the entry.
        data: its bytes.
        module_id: the id of its blob.
        state: the state, with what the manifest grants.
        image: the image that counts, or None.
    """

    manifest: Manifest
    module: AdmittedModule
    data: bytes
    module_id: bytes
    state: State
    image: Image | None

    @property
    def budget(self) -> int:
        """Return the units of the call.

        Spec: :rule:`wasm.fuel.tank`.
        """
        manifest = self.manifest
        return manifest.fuel if manifest.tank is None else min(manifest.fuel, max(manifest.tank - self.state.used, 0))


def find_call(shelf: Shelf, core: bytes, source: bytes, entry: str) -> Found:
    """Return what a call needs; raises Failure with the first defect in the order of the text.

    Args:
        shelf: objects.
        core: the core before.
        source: where node and module stand: that core, or the content of an update.
        entry: the name of the node and of the export.

    Spec: :rule:`wasm.call.order`.
    """
    manifest = manifest_at(shelf, core)
    if manifest is None:
        raise Failure("unresolved", "wasm/manifest is no manifest", "wasm.manifest.strict", "manifest")
    if manifest.pages > shelf.limits.wasm_pages:
        raise Failure("exhausted", f"{manifest.pages} pages", "wasm.manifest.not-lowered", "host")
    module_id = module_at(shelf, source, entry)
    if module_id is None or (blob := shelf.blob(module_id)) is None:
        raise Failure("unresolved", f"{entry} leads to no module", "wasm.module.node", "node")
    module = _admitted(blob, entry, manifest.pages)
    state = state_at(shelf, core, manifest)
    image = None if entry == "wit_update" else read_image(shelf, core, manifest, state, module, module_id)
    if image is not None and state.suspended and entry == "wit" and not shelf.limits.continuation:
        raise Failure("exhausted", "a suspended call", "wasm.wait.host", "host")
    return Found(manifest, module, blob.data, module_id, state, image)


def _admitted(blob: Blob, entry: str, pages: int) -> AdmittedModule:
    try:
        return admit(blob.data, entry, pages)
    except NotAdmitted as problem:
        raise Failure("unresolved", str(problem), "wasm.module.first", problem.code) from problem


def make_module_step(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> bytes:
    """Return the step that the module of a core, or of an update, makes.

    Raises:
        Declined: nothing was given, or the step it started from.
        Failure: every other end but a step.
        CannotTell: it cannot be followed here.
    """
    core, found, left = run_call(shelf, context, proposal, last)
    try:
        finish = Finish(shelf, context, proposal, last, core, found, left)
        return finish.admitted(finish.core_after(finish.audited()))
    except Failure as failure:
        failure.spent = left.spent
        raise


def run_call(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> tuple[bytes, Found, Left]:
    """Return the core before a transition, what is found there, and what the guest leaves.

    Raises:
        Failure: the guest did not return 0, or did not run.
        CannotTell: it cannot be followed here.
    """
    content = shelf.message(proposal.covered[0][1]).content
    core = content if last is None else shelf.step(last).core
    entry = _entry_of(proposal)
    found = find_call(shelf, core, content if proposal.kind == "update" else core, entry)
    guest = guest_of(shelf, context, proposal, last, core, found)
    return core, found, stand_in(shelf, guest, proposal, last) or run_guest(shelf, guest)


def _entry_of(proposal: Proposal) -> str:
    return _ENTRIES.get(proposal.kind, "wit")


def guest_of(
    shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None, core: bytes, found: Found
) -> Guest:
    """Return what is to run in a transition from a core."""
    old = None if last is None else shelf.step(last)
    cursors = shelf.mail(old.inbox) if old is not None else {}
    read = shelf.put_mail({**cursors, **proposal.tips})
    previous = None if proposal.kind == "cleanup" else last
    boxes = (None, None) if old is None else (old.inbox, old.outbox)
    given = (context.actor, previous, core, *boxes, read, None, last)
    return Guest(
        context,
        found.manifest,
        found.state,
        found.module,
        found.data,
        found.image,
        found.budget,
        _entry_of(proposal),
        given,
        proposal.covered,
    )


@dataclass(frozen=True, slots=True)
class Finish:
    """A call that returned 0: its audit and its host nodes."""

    shelf: Shelf
    context: Context
    proposal: Proposal
    last: bytes | None
    core: bytes
    found: Found
    left: Left

    def audited(self) -> int:
        """Check the result and return the tanks that it gives away; raises Failure or Declined.

        Spec: :rule:`wasm.call.result`.
        """
        if self.left.result is None or self.left.result == self.last:
            if self.last is None:
                raise Failure("failed", "nothing was given for a genesis message", "wasm.call.result")
            raise Declined
        self._admit(self.left.result)
        return self._audit(self.result)

    @property
    def result(self) -> Step:
        """The step that the guest gave."""
        assert self.left.result is not None
        return self.shelf.step(self.left.result)

    def core_after(self, tanks: int) -> bytes:
        """Return the core of the result with its host nodes."""
        state = self._state(tanks)
        core = WorkingTree(self.shelf, self.shelf.names(self.result.core))
        if self.proposal.kind == "update":
            if state is not None:
                put_state(core, self._kept(state))
        else:
            put_state(core, state)
            put_image(core, self.found.module_id if self.found.manifest.image else None, self.left.memory)
            if self.proposal.kind == "cleanup" and self.found.manifest.update is None:
                self._put_creator(core)
        return core.seal()

    def admitted(self, core: bytes) -> bytes:
        """Return the result with another core; raises Failure if it is not admitted."""
        finished = self.shelf.put(replace(self.result, core=core))
        if finished != self.left.result:
            self._admit(finished)
        return finished

    def _admit(self, result: bytes) -> None:
        defects = admission_defects(self.shelf, self.context.actor, self.last, self.proposal, result)
        if defects:
            kind = "exhausted" if defects[0].code == "exhausted" else "illegal-step"
            raise Failure(kind, defects[0].words, defects[0].rule)

    def _audit(self, step: Step) -> int:
        """Return the tanks that the step gives away; raises Failure."""
        old = None if self.last is None else self.shelf.step(self.last)
        outbox = self.shelf.mail(old.outbox) if old is not None else {}
        inbox = self.shelf.mail(old.inbox) if old is not None else {}
        known = frozenset(inbox) | frozenset(sender for sender, _ in self.proposal.covered)
        manifest, updates = self.found.manifest, self.proposal.kind == "update"
        audit = AuditedStep(self.shelf, self.core, manifest, dict(outbox), known, step, updates)
        audit.check()
        if manifest.tank is None:
            return 0
        tanks = audit.tanks()
        if self.found.state.used + self.left.spent + tanks > manifest.tank:
            raise Failure("failed", "more than the tank holds", "wasm.grant.spawn-tank", "denied:spawn")
        return tanks

    def _state(self, tanks: int) -> State | None:
        manifest = self.found.manifest
        if not manifest.keeps_state:
            return None
        used = min(self.found.state.used + self.left.spent + tanks, MOST)
        image = (self.left.pages, self.left.mutable) if manifest.image else (None, None)
        return replace(self.left.state, used=used, pages=image[0], mutable=image[1], suspended=self.left.suspended)

    def _kept(self, state: State) -> State:
        """Return the state after an update: the image stays as it was."""
        old = self.found.state
        return replace(state, pages=old.pages, mutable=old.mutable, suspended=old.suspended)

    def _put_creator(self, core: WorkingTree) -> None:
        assert self.last is not None
        creator = creator_of(self.shelf, self.last)
        if creator is not None:
            core.put(("wasm", "creator"), creator)


def ask_module(shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
    """Return the answer of the module of a step's core to a query, or None.

    Raises:
        Failure: the query fails.

    Spec: :rule:`wasm.call.query`.
    """
    left = run_query(shelf, step, name, args)
    if left.result is not None and not _is_answer(shelf, left.result):
        raise Failure("failed", "the answer is no blob or tree", "wasm.call.query")
    return left.result


def run_query(shelf: Shelf, step: bytes, name: str, args: bytes) -> Left:
    """Return what the module of a step's core leaves that answers a query; raises like :func:`ask_module`."""
    value = shelf.step(step)
    found = find_call(shelf, value.core, value.core, "wit_query")
    given = (value.actor, step, value.core, value.inbox, value.outbox, None, shelf.put(Blob((), args)), step)
    guest = Guest(
        Context(value.actor),
        found.manifest,
        found.state,
        found.module,
        found.data,
        found.image,
        found.budget,
        "wit_query",
        given,
        (),
        name,
    )
    return stand_in(shelf, guest, None, step) or run_guest(shelf, guest)


def _is_answer(shelf: Shelf, identity: bytes) -> bool:
    """Return whether an id leads to a blob or tree; with ``raw`` it may lead to nothing."""
    try:
        return shelf.kind(identity) in ("blob", "tree")
    except Refusal:
        return False
