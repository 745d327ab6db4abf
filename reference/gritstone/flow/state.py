"""The document ``state`` of a core, and a flow while a step changes it.

Spec: ``flow/steps``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import NamedTuple

from gritstone.flow.core import Core, remember
from gritstone.flow.plan import Node, Plan, Work
from gritstone.flow.values import Value, encode_value, names_of_refs
from gritstone.grit.objects import Message, ObjectId

__all__ = ["INTERRUPTED", "TERMINAL", "Failed", "Flow", "Place", "State"]

INTERRUPTED = frozenset({"budget_exceeded", "stalled"})
TERMINAL = INTERRUPTED | {"rejected", "succeeded", "failed"}

_NO_CARRY = MappingProxyType({"steps": 0, "calls": 0, "tokens": 0, "replans": 0})
_COUNTERS = ("steps", "calls", "tokens", "reserved", "idle", "seq")
_COUNTS = attrgetter(*_COUNTERS)
_ALWAYS = itemgetter("status", "at", *_COUNTERS)
_OPTIONS = frozenset({"visit", "stop", "failure"})
_CHANGED = frozenset({"visits", "flight", "done"})  # in place


class Place(NamedTuple):
    """A call or a wait, or a sub of a parallel.

    Attributes:
        node: the name of the node.
        sub: the name of the sub; None outside of parallels.
    """

    node: str
    sub: str | None = None

    @property
    def key(self) -> str:
        """Return the name in ``flight``, ``sent`` and ``timers``."""
        return self.node if self.sub is None else self.sub

    def members(self) -> dict[str, Value]:
        """Return the members of documents and events that name this place."""
        return {"node": self.node} if self.sub is None else {"node": self.node, "sub": self.sub}


class Failed(NamedTuple):
    """The end of a call without an output.

    Attributes:
        failure: the failure.
        is_budget: whether a limit would have been exceeded.
    """

    failure: Value
    is_budget: bool = False


@dataclass(slots=True, eq=False)
class State:
    """The members of the document ``state``; those that are absent are None or empty.

    Attributes:
        status: one of eight words.
        at: the open node.
        steps: entered nodes and begun subs.
        calls: sent attempts.
        tokens: the usage of settled attempts.
        reserved: the costs of open attempts.
        idle: nodes in sequence that changed no output.
        seq: logged events.
        visit: the visit of the open node.
        visits: visits by node, if they are counted.
        flight: phase and attempt by node or sub.
        done: by sub, whether it succeeded; only in a parallel.
        stop: why a parallel stops.
        failure: why the flow failed.
        output: the result, in a list of at most one element.
    """

    status: str = "running"
    at: str | None = None
    steps: int = 0
    calls: int = 0
    tokens: int = 0
    reserved: int = 0
    idle: int = 0
    seq: int = 0
    visit: int = 0
    visits: dict[str, int] | None = None
    flight: dict[str, dict[str, Value]] = field(default_factory=dict)
    done: dict[str, bool] | None = None
    stop: Value = None
    failure: Value = None
    output: list[Value] = field(default_factory=list)

    @classmethod
    def read(cls, value: Value) -> State:
        """Return the state of a document, as a copy to change."""
        state = cls(*_ALWAYS(value))
        for name in value.keys() & _OPTIONS:
            setattr(state, name, value[name])
        for name in value.keys() & _CHANGED:
            setattr(state, name, dict(value[name]))
        if "output" in value:
            state.output = [value["output"]]
        return state

    def document(self, log: list[Value]) -> bytes:
        """Return the encoding of the document with the events of a step."""
        counts = zip(_COUNTERS, _COUNTS(self), strict=True)
        value: dict[str, Value] = {"v": 1, "status": self.status, "at": self.at, "log": log, **dict(counts)}
        if self.at is not None:
            value |= {"visit": self.visit, "flight": self.flight}
        for name in ("visits", "done", "stop", "failure"):
            member = getattr(self, name)
            if member is not None:
                value[name] = member
        if self.output:
            value["output"] = self.output[0]
        data = encode_value(value, None)
        remember(data, value)  # for the next step
        return data


class Flow:
    """A flow while a step changes it.

    Attributes:
        actor: its id.
        core: its core.
        plan: its program under its policy.
        state: its state.
        outbox: what it has sent, by receiver.
        log: the events of this step.
        entered: how many nodes were entered in this step.
        entered_before: how many of them for earlier messages.
    """

    def __init__(
        self, actor: ObjectId, core: Core, plan: Plan, state: State, outbox: Mapping[ObjectId, ObjectId]
    ) -> None:
        self.actor = actor
        self.core = core
        self.plan = plan
        self.state = state
        self.outbox = dict(outbox)
        self.log: list[Value] = []
        self.entered = 0
        self.entered_before = 0
        self._sent: dict[str, ObjectId] | None = None

    def log_event(self, event: str, /, **members: Value) -> None:
        """Log an event. Spec: :rule:`flow.trace.complete`."""
        self.log.append({"e": event, **members})

    def send(self, receiver: ObjectId, headers: Mapping[str, str], content: ObjectId) -> None:
        """Queue a message behind the last one to a receiver. Spec: :rule:`flow.call.exact`."""
        message = Message(self.outbox.get(receiver), headers, content)
        self.outbox[receiver] = self.core.workspace.put(message)

    def packet(self, value: Value, data: bytes, **entries: ObjectId) -> ObjectId:
        """Store a packet with a document, the flow and the blobs of the refs in it; return its id.

        Spec: :rule:`flow.call.refs`.
        """
        core = self.core
        names = names_of_refs(value)
        if names:
            refs = core.tree("refs")
            entries["refs"] = core.put_tree({name: refs[name] for name in names})
        return core.put_tree({"doc": core.put_document(data), "flow": self.actor, **entries})

    def erased(self) -> list[str]:
        """Return the refs whose erasure was requested."""
        return list(self.core.value("erased")) if "erased" in self.core.entries else []

    def carry(self) -> Mapping[str, int]:
        """Return what the flows before have spent."""
        if "carry" not in self.core.entries:
            return _NO_CARRY
        found: Mapping[str, int] = self.core.value("carry")
        return found

    def has_replans(self) -> bool:
        """Return whether the policy permits one more successor."""
        return self.carry()["replans"] < self.plan.bounds["max_replans"]

    def exceeds(self, name: str, count: int) -> bool:
        """Return whether a count is above ``max_<name>`` of the program, or with ``carry`` above that of the policy.

        Spec: :rule:`flow.budget.both`.
        """
        limit, before = f"max_{name}", self.carry()[name]
        return count > self.plan.limits[limit] or before + count > self.plan.bounds[limit]

    def smaller(self, limit: str) -> int:
        """Return the smaller of the limits of the program and of the policy."""
        return min(self.plan.limits[limit], self.plan.bounds[limit])

    def node(self) -> Node:
        """Return the open node."""
        assert self.state.at is not None, "a node is open"
        return self.plan.nodes[self.state.at]

    def work(self, place: Place) -> Work:
        """Return the work of a call or a sub."""
        node = self.plan.nodes[place.node]
        work = node.work if place.sub is None else node.subs[place.sub]
        assert work is not None, "the place is a call"
        return work

    @property
    def is_parallel(self) -> bool:
        """Return whether the open node is a parallel."""
        return self.state.done is not None

    def place(self, key: str) -> Place:
        """Return the place of a key of ``flight``."""
        assert self.state.at is not None, "a node is open"
        return Place(self.state.at, key) if self.is_parallel else Place(key)

    # --- packets of open calls -----------------------------------------------------------------------------

    def sent(self) -> dict[str, ObjectId]:
        """Return the packets of the open calls by key, to change."""
        if self._sent is None:
            if self.is_parallel:
                self._sent = dict(self.core.tree("sent"))
            elif self.state.at is not None and "sent" in self.core.entries:
                self._sent = {self.state.at: self.core.entries["sent"]}
            else:
                self._sent = {}
        return self._sent

    def write(self) -> ObjectId:
        """Store the core after the step; return its id."""
        state, core = self.state, self.core
        if state.at is not None:
            phases = {flight["phase"] for flight in state.flight.values()}
            state.status = "suspended" if phases <= {"pending", "waiting"} else "running"
        state.seq += len(self.log)
        if self._sent is not None:
            core.entries.pop("sent", None)
            if self._sent:
                core.entries["sent"] = core.put_tree(self._sent) if self.is_parallel else self._sent[state.at or ""]
        return core.write(state.document(self.log))
