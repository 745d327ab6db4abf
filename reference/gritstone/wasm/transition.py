"""The transition of an actor whose code is a module in its own core.

::

    1   a first core with ``wasm/fork``     no code makes the first step
    2   manifest, and its pages             ``Guests.resolve``
    3   node, module path, module
    4   state and image
    5   an instance, restored or new        ``GuestCode._run``
    6   the entry runs within the budget
    7   an end other than by returning 0
    8   no result, or the step before       the executor of ``wit``
    9   admission;                          the executor of ``wit``
        audit                               ``GuestCode._finish``
    10  host nodes                          ``GuestCode._finish``; admission again by the executor

What is kept from call to call is keyed by ids: compiled code by that of the module, never anything of an actor.

Spec: the chapter *The transition* of ``wasm``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.objects import NO_HEADERS, Blob, Mailbox, ObjectId
from gritstone.wasm.arguments import Inputs
from gritstone.wasm.call import Call
from gritstone.wasm.capabilities import audit
from gritstone.wasm.cores import is_wasm_actor, manifest_of, module_path, node_defect, state_of, wasm_path
from gritstone.wasm.creator import creator_of, refuses_update
from gritstone.wasm.documents import Manifest, State, state_blob
from gritstone.wasm.engine import Engine, Instance, Prepared
from gritstone.wasm.hosting import host_nodes
from gritstone.wasm.image import NO_PAGES, Page, read_image, restore_image, write_memory
from gritstone.wasm.interface import INITIALIZE
from gritstone.wasm.playing import Ask, play
from gritstone.wit.code import Code, Draft, Play, Question, Request, Run
from gritstone.wit.failures import failure
from gritstone.wit.paths import Path, find
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind
from gritstone.wit.workspace import Workspace

__all__ = ["GuestCode", "Guests"]

_MOST_PAGES = 65_536
_MOST_U63 = 2**63 - 1


def _no_log(text: bytes) -> None:
    """Keep nothing of a log."""


class Guests:
    """Resolve ``wasm:<path>``; see ``nodes.Guests``.

    Attributes:
        engine: what runs modules.
        most_pages: the largest ``pages`` of a manifest that is carried out.
        log: takes what guests log.
    """

    def __init__(
        self, engine: Engine, *, most_pages: int = _MOST_PAGES, log: Callable[[bytes], None] = _no_log
    ) -> None:
        self.engine = engine
        self.most_pages = most_pages
        self.log = log

    def resolve(
        self, workspace: Workspace, core: Mapping[str, ObjectId], node: str, source: Mapping[str, ObjectId]
    ) -> Code | None:
        """Give the code of a node; see ``nodes.Guests``.

        Spec: :rule:`wasm.call.order`, :rule:`wasm.module.node`, :rule:`wasm.manifest.not-lowered`.
        """
        path = module_path(workspace, source, node)
        if path is None and not is_wasm_actor(workspace, core):
            return None
        manifest = manifest_of(workspace, core)
        if manifest.pages > self.most_pages:
            raise host_limit("pages", "wasm.manifest.not-lowered", manifest.pages, self.most_pages)
        module_id = None if path is None else find(workspace, source, path)
        module = None if module_id is None else _blob(workspace, module_id)
        if module_id is None or module is None:
            raise node_defect(node)
        prepared = self.engine.prepare(module_id, module.data, node, manifest.pages)
        state = state_of(workspace, core, manifest)
        pages = None
        if manifest.image and node != "wit_update" and wasm_path(workspace, core, "module") == module_id:
            pages = read_image(workspace, state, wasm_path(workspace, core, "memory"), prepared.admitted)
            if state.call is not None and node == "wit":
                raise host_limit("a suspended call", "wasm.wait.host")
        return GuestCode(self, node, module_id, prepared, manifest, state, pages)

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
        paths = (module_path(workspace, core, node) for node in ("wit", "wit_query"))
        return tuple(path for path in paths if path is not None)


@dataclass(frozen=True, slots=True)
class GuestCode:
    """Be the code of one call; see ``code.Code``.

    Attributes:
        guests: who resolved it.
        entry: the node, and the export that is run.
        module_id: the id of the module.
        prepared: the module, ready to run.
        manifest: that of the core.
        state: that of the core, as far as the manifest grants it.
        pages: the pages of the image that counts; None if none does.
    """

    guests: Guests
    entry: str
    module_id: ObjectId
    prepared: Prepared
    manifest: Manifest
    state: State
    pages: Mapping[int, Page] | None

    @property
    def budget(self) -> int:
        """Give the units that the call begins with."""
        manifest = self.manifest
        if manifest.tank is None:
            return manifest.fuel
        return min(manifest.fuel, max(0, manifest.tank - self.state.used))

    def step(self, run: Run) -> Play:
        """Make a step.

        Spec: :rule:`wasm.call.result`, :rule:`wasm.call.atomic`.
        """
        call, instance = yield from self._run(run.workspace, _inputs(run))
        if call.result is None:
            return None if run.last is None else run.last.step_id
        spent = self.budget - instance.fuel

        def finish(position: Position) -> ObjectId:
            return self._finish(run, position, call, instance, spent)

        return Draft(call.result, finish)

    def query(self, question: Question) -> Play:
        """Answer a query.

        Spec: :rule:`wasm.call.query`, :rule:`wasm.random.still`.
        """
        call, _ = yield from self._run(question.workspace, _asked(question))
        return call.result

    def _run(self, workspace: Workspace, inputs: Inputs) -> Generator[Request, Any, tuple[Call, Instance]]:
        """Run the entry to its end, in an instance of its own; gives the call and the instance."""
        state = self.state

        def run(ask: Ask) -> tuple[Call, Instance]:
            call = Call(workspace, self.manifest, inputs, ask, self.guests.log, state.random, state.clock)
            instance = self._instance(call)
            code = instance.run(self.entry)
            if code:
                raise failure("failed", "the guest failed", rule="wasm.outcome.guest", detail=f"guest:{code}")
            return call, instance

        asks = self.manifest.query and inputs.query_name is None and self.prepared.imports("query")
        return (yield from play(run, in_thread=asks))

    def _instance(self, call: Call) -> Instance:
        """Make the instance of a call: restored, or new and initialised.

        Spec: :rule:`wasm.call.initialize`, :rule:`wasm.call.fresh`, :rule:`wasm.image.prepared`.
        """
        instance = self.guests.engine.instantiate(self.prepared, call)
        instance.fuel = self.budget
        if self.pages is not None:
            restore_image(instance, self.state, self.pages)
        elif self.prepared.exports(INITIALIZE):
            instance.run(INITIALIZE)
        return instance

    def _finish(self, run: Run, position: Position, call: Call, instance: Instance, spent: int) -> ObjectId:
        """Audit an admitted step, and put the host nodes into its core; gives the id of the step with them.

        Spec: :rule:`wasm.image.nodes`, :rule:`wasm.grant.spawn-tank`.
        """
        is_update = self.entry == "wit_update"
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
            nodes["module"] = self.module_id
            nodes["memory"] = write_memory(run.workspace, instance, self.pages or NO_PAGES)
        if self.manifest.keeps_state:
            nodes["state"] = run.workspace.put(state_blob(state))
        if run.proposal.kind is MessageKind.CLEANUP and self.manifest.update is None:
            creator = creator_of(run)
            if creator is not None:
                nodes["creator"] = creator
        return host_nodes(run.workspace, position, nodes)


def _inputs(run: Run) -> Inputs:
    """Give the inputs of a transition."""
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
    """Give the inputs of a query."""
    position = question.position
    step = position.step
    ids = {0: step.actor, 1: position.step_id, 2: step.core, 7: position.step_id}
    if step.inbox is not None:
        ids[3] = step.inbox
    if step.outbox is not None:
        ids[4] = step.outbox
    ids[6] = question.workspace.put(Blob(NO_HEADERS, question.args))
    return Inputs(ids, query_name=question.name)


def _blob(workspace: Workspace, object_id: ObjectId) -> Blob | None:
    """Give a blob; None for anything else, and for an erased one."""
    value = workspace.look(object_id)
    return value if isinstance(value, Blob) else None


def host_limit(what: str, rule: str, got: object = None, expected: object = None) -> Refusal:
    """Make the refusal of what this host does not carry out."""
    return failure("exhausted", what, rule=rule, detail="host", got=got, expected=expected)
