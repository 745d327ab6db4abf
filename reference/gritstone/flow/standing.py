"""Where a flow is: its last step, its state, and what it waits for.

A flow that has ended is *archived*: ``archived/<flow>`` leads to its last step in the place of ``heads/<flow>``. So the
entries of the agent for it can be dropped, and a start on the store does not read it.

Spec: ``flow/core``, :ref:`runtime-away`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gritstone.errors import Missing, Refusal
from gritstone.flow.begin import is_flow
from gritstone.flow.core import read_document
from gritstone.flow.replay import Replay, replay
from gritstone.flow.state import TERMINAL
from gritstone.flow.trace import trace_at
from gritstone.flow.values import Value, in_key_order
from gritstone.grit.objects import Blob, ObjectId, Step
from gritstone.grit.store import Store
from gritstone.runtime.away import away_step
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position, load_position
from gritstone.wit.workspace import Workspace

__all__ = [
    "Open",
    "Outcome",
    "Status",
    "Stored",
    "agent_name",
    "find_flow",
    "flows_of",
    "open_of",
    "outcome_of",
    "status_of",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a flow has ended.

    Attributes:
        flow: its id.
        status: ``succeeded``, ``failed``, ``budget_exceeded``, ``stalled`` or ``rejected``.
        output: its result; None if it has none.
        failure: class and place of the failure; None if there is none.
    """

    flow: ObjectId
    status: str
    output: Value
    failure: Mapping[str, Value] | None

    @property
    def succeeded(self) -> bool:
        """Return whether the flow has succeeded."""
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class Status:
    """What a flow does at a step.

    Attributes:
        flow: its id.
        step: the step.
        status: one of eight words, see ``states.json``.
        at: the open node; None if there is none.
        visit: the visit of the open node; 0 if there is none.
        steps: the nodes that were entered, and the subs that began.
        calls: the attempts of calls.
        tokens: the tokens of all calls.
        open: the phase of each open call or wait, by node, or by sub in a parallel.
        output: the result; None if there is none.
        failure: class and place of the failure; None if there is none.
    """

    flow: ObjectId
    step: ObjectId
    status: str
    at: str | None
    visit: int
    steps: int
    calls: int
    tokens: int
    open: Mapping[str, str]
    output: Value
    failure: Mapping[str, Value] | None

    @property
    def has_ended(self) -> bool:
        """Return whether the status is final."""
        return self.status in TERMINAL


class Open(NamedTuple):
    """What a flow waits for.

    Attributes:
        calls: phase and attempt by the packet of each open call.
        timers: the packets of the open timers.
    """

    calls: Mapping[ObjectId, Mapping[str, Value]]
    timers: frozenset[ObjectId]


def state_of(workspace: Workspace, core: Mapping[str, ObjectId]) -> Mapping[str, Value]:
    """Return the document ``state`` of a core."""
    state: Mapping[str, Value] = read_document(workspace, core["state"])
    return state


def open_of(workspace: Workspace, core: Mapping[str, ObjectId], state: Mapping[str, Value]) -> Open:
    """Return what a flow waits for."""
    flight = state.get("flight", {})
    sent = _tree(workspace, core, "sent") if "done" in state else {state["at"]: core.get("sent")}
    calls = {packet: flight[key] for key, packet in sent.items() if packet is not None and key in flight}
    return Open(calls, frozenset(_tree(workspace, core, "timers").values()))


def _tree(workspace: Workspace, core: Mapping[str, ObjectId], name: str) -> Mapping[str, ObjectId]:
    """Return the entries of a tree of a core, which is empty if it is absent."""
    tree = workspace.tree(core[name]) if name in core else None
    return {} if tree is None else tree.entries


def status_of(workspace: Workspace, position: Position) -> Status:
    """Return the status of a flow at a step."""
    state = state_of(workspace, position.core)
    return Status(
        flow=position.step.actor,
        step=position.step_id,
        status=state["status"],
        at=state["at"],
        visit=state.get("visit", 0),
        steps=state["steps"],
        calls=state["calls"],
        tokens=state["tokens"],
        open={key: one["phase"] for key, one in state.get("flight", {}).items()},
        output=in_key_order(state.get("output")),  # copies, because the caller may change them
        failure=in_key_order(state.get("failure")),
    )


def outcome_of(status: Status) -> Outcome:
    """Return the outcome of a flow that has ended."""
    return Outcome(status.flow, status.status, status.output, status.failure)


# --- without a runtime -------------------------------------------------------------------------------------


def agent_name(store: Store) -> str | None:
    """Return the name of the agent of a store; None if it has none."""
    with store.snapshot() as snapshot:
        agent = snapshot.target("runtime/agent")
    workspace = _workspace(store)
    tree = None if agent is None else workspace.tree(agent)
    blob = None if tree is None or "name" not in tree.entries else workspace.blob(tree.entries["name"])
    return None if blob is None else blob.data.decode("utf-8")


def _workspace(store: Store) -> Workspace:
    return Workspace(Objects(store.format, store.limits, store.get))


def flows_of(store: Store, prefix: str = "") -> Iterator[Stored]:
    """Yield the flows of a store whose ids, as text, begin with a prefix."""
    for space in ("heads", "archived"):
        with store.snapshot() as snapshot:
            places = [(name, step) for name, step in snapshot.references(f"{space}/{prefix}")]
        for name, step in places:
            if name.startswith(f"{space}/{prefix}"):
                found = _stored(store, bytes.fromhex(name.partition("/")[2]), step)
                if found is not None:
                    yield found


def find_flow(store: Store, prefix: str) -> Stored:
    """Return the flow whose id, as text, begins with a prefix.

    Raises:
        Missing: there is none, or more than one.
    """
    found = []
    for one in flows_of(store, prefix):
        found.append(one)
        if len(found) > 1:
            break
    if len(found) != 1:
        what = "no flow has" if not found else "several flows have"
        raise Missing(f"{what} this id", rule="flow.replay.refused", got=prefix)
    return found[0]


def _stored(store: Store, flow: ObjectId, step: ObjectId) -> Stored | None:
    workspace = _workspace(store)
    try:
        value = workspace.look(step)
        if not isinstance(value, Step) or value.actor != flow or not is_flow(workspace, flow):
            return None
        return Stored(workspace, load_position(workspace.objects, step, flow))
    except Refusal:
        return None


@dataclass(frozen=True, slots=True)
class Stored:
    """A flow of a store, read without a runtime.

    Attributes:
        workspace: supplies objects.
        position: its last step.
    """

    workspace: Workspace
    position: Position

    @property
    def flow(self) -> ObjectId:
        """Return its id."""
        return self.position.step.actor

    def status(self) -> Status:
        """Return its status."""
        return status_of(self.workspace, self.position)

    def program(self) -> Value:
        """Return its program.

        Raises:
            Missing: the program was erased (code ``erased``).
        """
        return in_key_order(read_document(self.workspace, self.position.core["program"], most=1 << 20))

    def trace(self) -> list[Value]:
        """Return its canonical trace."""
        events: list[Value] = in_key_order(trace_at(self.workspace, self.position.step_id))
        return events

    def replay(self) -> Replay:
        """Compute its steps again.

        Raises:
            Missing: an object that is needed was erased or pruned.
        """
        return replay(self.workspace.objects, self.position.step_id)

    def events_after(self, step: ObjectId | None) -> list[Value]:
        """Return the events that were logged after a step, ignored ones too, in their order."""
        return events_between(self.workspace, step, self.position.step_id)


def events_between(workspace: Workspace, after: ObjectId | None, step: ObjectId) -> list[Value]:
    """Return the events of the steps after one step up to another, in their order."""
    found: list[list[Value]] = []
    at: ObjectId | None = step
    core = None
    while at is not None and at != after:
        value = workspace.look(at)
        assert isinstance(value, Step), "a chain has steps"
        previous = None if value.previous is None else workspace.look(value.previous)
        core = previous.core if isinstance(previous, Step) else None
        if value.core != core:  # else the step has no event
            tree = workspace.tree(value.core)
            assert tree is not None, "the core of a flow is a tree"
            found.append(state_of(workspace, tree.entries)["log"])
        at = value.previous
    return [event for log in reversed(found) for event in log]


def load_standing(objects: Objects, store: Store, flow: ObjectId) -> Position | None:
    """Return the last step of an archived flow; None if it is not archived."""
    with store.snapshot() as snapshot:
        stopped = away_step(snapshot, flow)
    return None if stopped is None else load_position(objects, stopped[1], flow)


def payload_of(workspace: Workspace, target: ObjectId) -> bytes | None:
    """Return the payload of a sealed blob; None if it was erased."""
    blob = workspace.look(target)
    return blob.data[16:] if isinstance(blob, Blob) else None
