"""The transition of an actor whose code is a module in its own core.

::

    1   a first core with ``wasm/fork``     the first step is made without code
    2   manifest, and its pages             ``prepare_call``
    3   node, module path, module
    4   state and image
    5   an instance, restored or new        ``GuestCode._call``
    6   the entry runs within the budget
    7   any end except returning 0
    8   no result, or the previous step     the executor of ``wit``
    9   admission;                          the executor of ``wit``
        audit                               ``GuestCode._finish``
    10  host nodes                          ``GuestCode._finish``; admission again by the executor

Caches between calls are keyed by ids: compiled code by the id of the module. State of an actor is never cached.

Spec: the chapter *The transition* of ``wasm``.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, ObjectId, Step, Tree
from gritstone.wasm.arguments import Inputs
from gritstone.wasm.capabilities import audit
from gritstone.wasm.cores import manifest_of, state_of, tree_at, wasm_path
from gritstone.wasm.creator import creator_of
from gritstone.wasm.documents import GuestState, Manifest, state_blob
from gritstone.wasm.failures import host_failure
from gritstone.wasm.guest_host import GuestHost
from gritstone.wasm.guest_thread import Ask, AsksTooEarly, GuestThread, ask_later, ask_nobody, has_room
from gritstone.wasm.host_functions import GuestCall
from gritstone.wasm.image import CallImage
from gritstone.wasm.instance import Instance, NativeStackOverflow, Prepared, trap
from gritstone.wasm.interface import INITIALIZE
from gritstone.wasm.waiting import Suspension
from gritstone.wit.code import CodeRun, Draft, Question, Request, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import Path, find
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind
from gritstone.wit.workspace import Workspace

__all__ = ["Bounds", "GuestCode", "host_limit", "prepare_call"]

_MOST_U63 = 2**63 - 1


def prepare_call(
    guests: GuestHost,
    workspace: Workspace,
    core: Mapping[str, ObjectId],
    node: str,
    source: Mapping[str, ObjectId],
    path: Path | None,
) -> GuestCode:
    """Load and check everything that a call needs, in order, before code of the guest runs.

    Args:
        guests: the host that runs the call.
        workspace: supplies objects.
        core: the entries of the core that the call starts from.
        node: ``wit``, ``wit_query`` or ``wit_update``.
        source: the entries that contain the node.
        path: the module path of the node; None if it has none.

    Raises:
        Rejected: a check failed (code ``unresolved`` and the cause, after a colon).
        Exhausted: this host does not run the call (code ``exhausted:host``).

    Spec: :rule:`wasm.call.order`, :rule:`wasm.module.node`, :rule:`wasm.manifest.not-lowered`.
    """
    manifest = manifest_of(workspace, core)
    if manifest.pages > guests.most_pages:
        raise host_limit("pages", "wasm.manifest.not-lowered", manifest.pages, guests.most_pages)
    module_id = None if path is None else find(workspace, source, path)
    module = None if module_id is None else workspace.look(module_id)
    if module_id is None or not isinstance(module, Blob):
        raise failure("unresolved", f"{node}: no module", rule="wasm.module.node", detail="node")
    prepared = guests.engine.prepare(module_id, module.data, node, manifest.pages)
    state = state_of(workspace, core, manifest)
    image = guests.engine.images.begin()
    if manifest.image and node != "wit_update" and wasm_path(workspace, core, "module") == module_id:
        image.open(workspace, state, wasm_path(workspace, core, "memory"), prepared.admitted)
        if state.call is not None and node == "wit" and not guests.suspends:
            raise host_limit("a suspended call", "wasm.wait.host")
    return GuestCode(guests, node, module_id, prepared, manifest, state, image)


@dataclass(slots=True)
class Bounds:
    """The bounds of a call that may neither query nor wait, and has fewer units than its manifest grants.

    Attributes:
        units: the most units.
        spent: the units that the call spent, once it has ended in any way.
    """

    units: int
    spent: int = 0


@dataclass(frozen=True, slots=True)
class GuestCode:
    """The code of one call; see ``code.Code``.

    Attributes:
        guests: the host that resolved it.
        entry: the node, which is also the name of the export to run.
        module_id: the id of the module.
        prepared: the module, ready to run.
        manifest: the manifest of the core.
        state: the state of the core, as far as the manifest grants it.
        image: the image that it starts from, if any, and the writer of the next one.
        bounds: additional bounds; None for none.
    """

    guests: GuestHost
    entry: str
    module_id: ObjectId
    prepared: Prepared
    manifest: Manifest
    state: GuestState
    image: CallImage
    bounds: Bounds | None = None

    @property
    def budget(self) -> int:
        """Return the units at the start of the call."""
        manifest = self.manifest
        units = manifest.fuel
        if manifest.tank is not None:
            units = min(units, max(0, manifest.tank - self.state.used))
        return units if self.bounds is None else min(units, self.bounds.units)

    def step(self, run: Run) -> CodeRun:
        """Make a step.

        Spec: :rule:`wasm.call.result`, :rule:`wasm.call.atomic`.
        """
        call, instance = yield from self._run(run.workspace, _inputs(run))
        if call.result is None:
            if call.waiting.is_suspended:
                raise trap("wait")
            return None if run.last is None else run.last.step_id
        return Draft(call.result, lambda position: self._finish(run, position, call, instance))

    def query(self, question: Question) -> CodeRun:
        """Answer a query.

        Spec: :rule:`wasm.call.query`, :rule:`wasm.random.still`.
        """
        call, _ = yield from self._run(question.workspace, _asked(question))
        return call.result

    def _run(self, workspace: Workspace, inputs: Inputs) -> Generator[Request, Any, tuple[GuestCall, Instance]]:
        """Make the call, again if it turns out to need another compiler or a separate thread.

        A call that begins again has left no trace: its objects are in no step, and its instance is dropped.
        """
        prepared = self.prepared
        may_ask = (
            self.bounds is None and self.manifest.query and inputs.query_name is None and prepared.imports("query")
        )
        on_thread = not has_room()
        while True:
            try:
                if not on_thread:
                    return self._call(workspace, inputs, prepared, ask_later if may_ask else ask_nobody)
                return (yield from GuestThread(partial(self._call, workspace, inputs, prepared)).play())
            except AsksTooEarly:
                on_thread = True
            except NativeStackOverflow:
                prepared = self.guests.engine.steady(self.module_id, prepared)
            except MemoryError as error:
                raise host_failure("no memory for a guest") from error

    def _call(self, workspace: Workspace, inputs: Inputs, prepared: Prepared, ask: Ask) -> tuple[GuestCall, Instance]:
        """Run the entry to its end in an instance: restored, or new and initialised; return the call and the instance.

        Spec: :rule:`wasm.call.initialize`, :rule:`wasm.call.fresh`, :rule:`wasm.image.prepared`.
        """
        state = self.state
        waiting = Suspension(self.budget)
        manifest = self.manifest if self.bounds is None else replace(self.manifest, query=False)
        call = GuestCall(workspace, manifest, inputs, ask, self.guests.log, waiting, state.random, state.clock)
        instance = self.guests.engine.instantiate(prepared, call)
        instance.fuel = self.budget
        try:
            code = self._enter(call, instance)
        finally:
            if self.bounds is not None:
                self.bounds.spent = self.budget - waiting.left(instance)
        if code:
            raise failure("failed", "the guest failed", rule="wasm.outcome.guest", detail=f"guest:{code}")
        return call, instance

    def _enter(self, call: GuestCall, instance: Instance) -> int:
        """Restore or initialise an instance, and run the entry; return what it returns."""
        state, waiting = self.state, call.waiting
        if self.image.counts:
            self.image.restore(instance, state)
        elif instance.prepared.exports(INITIALIZE):
            instance.run(INITIALIZE)
        may_wait = self.guests.suspends and self.manifest.image and self.entry == "wit"
        waiting.is_granted = self.bounds is None and may_wait
        resumes = self.image.counts and state.call == self.entry
        return waiting.run(instance, self.entry, resumes=resumes)

    def _finish(self, run: Run, position: Position, call: GuestCall, instance: Instance) -> ObjectId:
        """Audit an admitted step, and add the host nodes to its core; return the id of the resulting step.

        Spec: :rule:`wasm.image.nodes`, :rule:`wasm.grant.spawn-tank`.
        """
        is_update = self.entry == "wit_update"
        spent = self.budget - instance.fuel
        tanks = audit(run, self.manifest, position, is_update=is_update)
        used = self.state.used + spent + tanks
        if self.manifest.tank is not None and used > self.manifest.tank:
            raise failure("failed", "the tanks of births", rule="wasm.grant.spawn-tank", detail="denied:spawn")
        state = replace(self.state, used=min(used, _MOST_U63), random=call.random, clock=call.clock)
        if is_update:
            nodes: dict[str, ObjectId | None] = {}
        else:
            nodes = dict.fromkeys(("state", "module", "memory"))
            state = replace(state, pages=None, globals=None, call=None)
        if self.manifest.image and not is_update:
            state = replace(state, pages=instance.pages, globals=tuple(instance.read_globals()))
            state = replace(state, call="wit" if call.waiting.is_suspended else None)
            nodes["module"] = self.module_id
            nodes["memory"] = self.image.write(run.workspace, instance)
        if self.manifest.keeps_state:
            nodes["state"] = run.workspace.put(state_blob(state))
        if run.proposal.kind is MessageKind.CLEANUP and self.manifest.update is None:
            creator = creator_of(run)
            if creator is not None:
                nodes["creator"] = creator
        return _host_nodes(run.workspace, position, nodes)


def _host_nodes(workspace: Workspace, position: Position, nodes: Mapping[str, ObjectId | None]) -> ObjectId:
    """Set host nodes in the core of a step; a tree ``wasm`` without entries is removed.

    Args:
        workspace: where objects are made.
        position: the step.
        nodes: the id for each name below ``wasm``; None to remove the entry.

    Returns:
        The id of the changed step; the same id if its core is unchanged.

    Spec: :rule:`wasm.image.nodes`.
    """
    before = tree_at(workspace, position.core.get("wasm"))
    put = {name: target for name, target in nodes.items() if target is not None}
    after = {name: target for name, target in before.items() if name not in nodes} | put
    if after == before:
        return position.step_id
    core = {name: target for name, target in position.core.items() if name != "wasm"}
    if after:
        core["wasm"] = workspace.put(Tree(after))
    step = position.step
    return workspace.put(Step(step.previous, step.actor, step.inbox, step.outbox, workspace.put(Tree(core))))


def _inputs(run: Run) -> Inputs:
    """Return the inputs of a transition."""
    ids = {0: run.actor, 2: run.core_id}
    last = run.last
    before: Mapping[ObjectId, ObjectId] = {}
    if last is not None:
        before = last.inbox
        ids[7] = last.step_id
        if run.proposal.kind is not MessageKind.CLEANUP:
            ids[1] = last.step_id
        if last.step.inbox is not None:
            ids[3] = last.step.inbox
        if last.step.outbox is not None:
            ids[4] = last.step.outbox
    ids[5] = run.workspace.put(Mailbox({**before, **run.proposal.mailbox}))
    covered = [(sender, message) for sender, messages in run.proposal.covered for message in messages]
    return Inputs(ids, covered, attempt=run.attempt)


def _asked(question: Question) -> Inputs:
    """Return the inputs of a query."""
    position = question.position
    step = position.step
    ids = {0: step.actor, 1: position.step_id, 2: step.core, 7: position.step_id}
    if step.inbox is not None:
        ids[3] = step.inbox
    if step.outbox is not None:
        ids[4] = step.outbox
    ids[6] = question.workspace.put(Blob(NO_HEADERS, question.args))
    return Inputs(ids, query_name=question.name)


def host_limit(what: str, rule: str, got: object = None, expected: object = None) -> Refusal:
    """Return the refusal of a call that this host does not run."""
    return failure("exhausted", what, rule=rule, detail="host", got=got, expected=expected)
