"""A flow at work: its core, its outbox and its state, as the transition changes them.

Each member of the state has the name that it has in the grammar. Trees of the core are read and written as maps.

Spec: ``flow/core``, ``flow/steps``, ``flow/budgets``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.flow.limits import FLOW, PROGRAM_BYTES, VALUE_BYTES
from gritstone_conformance.model.flow.objects import Documents, document, put_tree, read_document
from gritstone_conformance.model.flow.paths import Environment
from gritstone_conformance.model.flow.values import Map, Value
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message

__all__ = ["OF_OPEN_NODE", "TERMINAL", "Flow", "Place"]

TERMINAL: Final = ("rejected", "succeeded", "failed", "budget_exceeded", "stalled")

OF_OPEN_NODE: Final = ("visit", "flight", "done", "stop")
"""Members of the state that only a flow with an open node has."""

_CARRIED: Final = {"max_steps": "steps", "max_calls": "calls", "max_tokens": "tokens"}
_NOTHING: Final = {"calls": 0, "replans": 0, "steps": 0, "tokens": 0}


@dataclass(frozen=True, slots=True)
class Place:
    """A node, or a sub of a parallel."""

    node: str
    sub: str | None = None

    @property
    def key(self) -> str:
        """The name in ``flight`` and ``timers``."""
        return self.node if self.sub is None else self.sub

    @property
    def members(self) -> dict[str, Any]:
        """The members ``node`` and ``sub`` of events, documents and failures."""
        return {"node": self.node} if self.sub is None else {"node": self.node, "sub": self.sub}


@dataclass(frozen=True, slots=True)
class _Input(Mapping[str, Value]):
    """The input as a map, read when something in it is looked up."""

    flow: Flow

    def __getitem__(self, name: str) -> Value:
        value: Value = self.flow.input[name]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.flow.input)

    def __len__(self) -> int:
        return len(self.flow.input)


@dataclass(slots=True)
class Flow:
    """A flow in one transition.

    Attributes:
        shelf: objects.
        actor: the flow's id.
        entries: the entries of its core, without ``state``.
        outbox: the working outbox.
        state: the state without ``log`` and ``seq``.
        log: the events of this step.
        entered: nodes that this step has entered.
        moves: nodes that were entered for the current message.
        target: the node that is entered next, if one is to be entered.
        must_pump: whether the open parallel is to be pumped.
        documents_read: ids of the program, the policy and the input to their values.
    """

    shelf: Shelf
    actor: bytes
    entries: dict[str, bytes]
    outbox: dict[bytes, bytes]
    state: dict[str, Any]
    log: list[Map] = field(default_factory=list)
    entered: int = 0
    moves: int = 0
    target: str | None = None
    must_pump: bool = False
    documents_read: dict[bytes, Any] = field(default_factory=dict)

    @property
    def program(self) -> Any:
        """The program."""
        return self._fixed(self.entries["program"], PROGRAM_BYTES)

    @property
    def policy(self) -> Any:
        """The document of the policy."""
        return self._fixed(self.shelf.names(self.entries["policy"])["doc"], VALUE_BYTES)

    @property
    def input(self) -> Any:
        """The input."""
        return self._fixed(self.entries["input"], VALUE_BYTES)

    def _fixed(self, identity: bytes, most: int) -> Any:
        """Return the value of a document that no step changes; it is read once."""
        if identity not in self.documents_read:
            self.documents_read[identity] = read_document(self.shelf, identity, most)
        return self.documents_read[identity]

    @property
    def carry(self) -> Any:
        """What the flows before have spent."""
        return read_document(self.shelf, self.entries["carry"]) if "carry" in self.entries else _NOTHING

    @property
    def erased(self) -> Any:
        """The names of refs whose erasure was requested."""
        return read_document(self.shelf, self.entries["erased"]) if "erased" in self.entries else []

    def tree(self, name: str) -> dict[str, bytes]:
        """Return a copy of the entries of a tree of the core; an absent tree has none."""
        return dict(self.shelf.names(self.entries[name])) if name in self.entries else {}

    def set_tree(self, name: str, entries: Mapping[str, bytes]) -> None:
        """Replace a tree of the core; one without entries is absent."""
        self.entries.pop(name, None)
        if entries:
            self.entries[name] = put_tree(self.shelf, entries)

    def add(self, name: str, key: str, target: bytes) -> None:
        """Set an entry of a tree of the core."""
        self.set_tree(name, {**self.tree(name), key: target})

    def remove(self, name: str, key: str) -> None:
        """Remove an entry of a tree of the core, if it is there."""
        self.set_tree(name, {each: target for each, target in self.tree(name).items() if each != key})

    def peer(self, name: str | None) -> bytes | None:
        """Return the actor of a peer of the policy, or None."""
        if name is None or "peers" not in self.tree("policy"):
            return None
        return self.shelf.names(self.tree("policy")["peers"]).get(name)

    def peers(self, names: list[str]) -> list[bytes]:
        """Return the actors of some peers."""
        return [actor for actor in map(self.peer, names) if actor is not None]

    def element(self, place: Place) -> Any:
        """Return the node or the sub at a place."""
        node = self.program["nodes"][place.node]
        return node if place.sub is None else node["calls"][place.sub]

    def tool(self, place: Place) -> Any:
        """Return the entry of the policy for the tool that a place calls."""
        return self.policy["tools"][self.element(place)["tool"]]

    def environment(self, **more: Mapping[str, Value]) -> Environment:
        """Return an environment with the input and further namespaces."""
        return {"input": _Input(self), **more}

    def documents(self, name: str) -> Documents:
        """Return a tree of documents of the core as a map of values."""
        return Documents(self.shelf, self.tree(name))

    def logs(self, event: str, /, **members: Value) -> None:
        """Log an event."""
        self.log.append({"e": event, **members})

    def logs_at(self, event: str, place: Place, /, **members: Value) -> None:
        """Log an event of a node or a sub."""
        self.logs(event, **place.members, **members)

    def put(self, value: Value) -> bytes:
        """Store the document of a value and return its id."""
        return self.shelf.put(document(value))

    def send(self, receiver: bytes, content: bytes, **headers: str) -> None:
        """Queue a message behind the last one to the same receiver.

        Spec: :rule:`flow.call.exact`.
        """
        message = Message(self.outbox.get(receiver), tuple(headers.items()), content)
        self.outbox[receiver] = self.shelf.put(message)

    def least(self, limit: str) -> int:
        """Return the smaller of the limits of the program and of the policy."""
        return min(self._limit(self.program, limit, "program"), self._limit(self.policy, limit, "policy"))

    def would_exceed(self, limit: str, number: int) -> bool:
        """Return whether a number of steps, calls or tokens exceeds a limit.

        Spec: :rule:`flow.budget.both`.
        """
        total = number + self.carry[_CARRIED[limit]]
        return number > self._limit(self.program, limit, "program") or total > self._limit(self.policy, limit, "policy")

    def _limit(self, document: Any, limit: str, of: str) -> int:
        number: int = document.get("limits", {}).get(limit, FLOW[limit][of])
        return number

    @property
    def most_replans(self) -> int:
        """How many successors in sequence the policy permits."""
        return self._limit(self.policy, "max_replans", "policy")

    def seal(self, seq: int) -> bytes:
        """Store the core and return its id.

        Args:
            seq: how many events were logged before this step.
        """
        if self.state["status"] in ("running", "suspended"):
            phases = [flight["phase"] for flight in self.state["flight"].values()]
            is_suspended = all(phase in ("pending", "waiting") for phase in phases)
            self.state["status"] = "suspended" if is_suspended else "running"
        state = {**self.state, "seq": seq + len(self.log), "log": self.log}
        return put_tree(self.shelf, {**self.entries, "state": self.put(state)})
