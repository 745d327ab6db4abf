"""One flow of a host: its end, its state, its history, and the messages of people and programs to it.

Spec: ``flow/messages``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from gritstone.errors import Rejected
from gritstone.flow.calls import ToolError, failure_reply, reply_of
from gritstone.flow.engine import Engine
from gritstone.flow.orders import Order, Prepare
from gritstone.flow.program import Program
from gritstone.flow.replay import Replay, replay
from gritstone.flow.sending import Sending, packet_of, put_refs, result_packet
from gritstone.flow.standing import Outcome, Status, events_between, open_of, state_of, status_of
from gritstone.flow.trace import trace_at
from gritstone.flow.values import Value, document, encode_value, in_key_order, key_order
from gritstone.grit.objects import ObjectId, Tree
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["Flow", "Keeper"]

_T = TypeVar("_T")


class Keeper(Protocol):
    """What a flow needs of its host.

    Attributes:
        engine: the engine; its methods belong to the thread of the host.
        orders: held while a message of a caller is sent.
        salt: returns the salt of a sealed blob.
    """

    engine: Engine
    orders: threading.Lock
    salt: Callable[[], bytes]

    @property
    def is_closed(self) -> bool:
        """Return whether the host was closed."""

    def post(self, function: Callable[[], None]) -> None:
        """Call a function in the thread of the host."""

    def ask(self, question: Callable[[], _T]) -> _T:
        """Call a function between two rounds; return its result."""

    def await_(self, future: Future[_T]) -> _T:
        """Return the result of a future."""

    def results(self, flows: Iterable[Flow], timeout: float | None = None) -> list[Outcome]:
        """Wait for the ends of flows."""


class Flow:
    """One flow of a host.

    Attributes:
        id: its id.
    """

    def __init__(self, host: Keeper, flow: ObjectId) -> None:
        self._host = host
        self.id = flow

    def __repr__(self) -> str:
        return f"<Flow {self.id.hex()[:12]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flow) and other.id == self.id and other._host is self._host

    def __hash__(self) -> int:
        return hash(self.id)

    # --- its end and its state ---------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Outcome:
        """Wait for the end of the flow.

        Args:
            timeout: in seconds; None to wait without a limit.

        Raises:
            TimeoutError: the time is over; the flow continues.
            Stuck: the flow cannot continue.
            Missing: the store does not have the flow.
        """
        return self._host.results([self], timeout)[0]

    run = result

    def status(self) -> Status:
        """Return the status of the flow.

        Raises:
            Missing: the store does not have the flow.
        """
        return self._host.ask(lambda: status_of(self._workspace(), self._position()))

    def trace(self) -> list[Value]:
        """Return the canonical trace: the events, in their order."""
        return self._host.ask(lambda: in_key_order(trace_at(self._workspace(), self._position().step_id)))

    def trace_data(self) -> bytes:
        """Return the encoding of the canonical trace. It is the same in all object formats and implementations."""
        return encode_value(self.trace(), None)

    def replay(self) -> Replay:
        """Compute all steps again; ``differs`` is None if they are the same.

        Raises:
            Missing: an object that is needed was erased.
        """
        return self._host.ask(lambda: replay(self._host.engine.world.objects, self._position().step_id))

    def watch(self) -> Iterator[Value]:
        """Yield the events as they are logged, from the first one on, until the flow has ended.

        Raises:
            Stuck: the flow cannot continue.
        """
        changes: queue.SimpleQueue[None] = queue.SimpleQueue()
        changed: Callable[[], None] = lambda: changes.put(None)  # noqa: E731 - compared by identity
        self._host.ask(lambda: self._host.engine.watch(self.id, changed))
        try:
            seen: ObjectId | None = None
            while True:
                after = seen
                seen, events, has_ended = self._host.ask(lambda after=after: self._events_after(after))  # type: ignore[misc]
                yield from events
                if has_ended:
                    return
                self._host.ask(lambda: self._host.engine.check_stuck(self.id))
                changes.get()
        finally:
            if not self._host.is_closed:
                self._host.ask(lambda: self._host.engine.unwatch(self.id, changed))

    def _events_after(self, step: ObjectId | None) -> tuple[ObjectId, list[Value], bool]:
        position, workspace = self._position(), self._workspace()
        events = events_between(workspace, step, position.step_id)
        return position.step_id, in_key_order(events), status_of(workspace, position).has_ended

    # --- messages ----------------------------------------------------------------------------------------

    def deliver(self, event: str, value: Value = None, *, refs: Mapping[str, bytes] | None = None) -> bool:
        """Send an event to the open wait; return whether it has resumed the flow.

        Args:
            event: the name of the event in the policy.
            value: the value, the output of the wait.
            refs: payloads of new sealed blobs, by the names of the refs in the value.

        Raises:
            Malformed, Exhausted: the value is not one of a flow.
        """
        blobs = put_refs(refs or {}, self._host.salt)

        def prepare(position: Position) -> Sending | None:
            state = state_of(self._workspace(), position.core)
            if all(one["phase"] != "waiting" for one in state.get("flight", {}).values()):
                return None
            members = {"node": state["at"], "visit": state["visit"], "event": event, "value": value}
            edges = {name: position.core[name] for name in ("program", "policy")}
            return Sending(self.id, "flow.event", packet_of({"flow": self.id, **edges}, members, blobs))

        return any(one["e"] == "resumed" for one in self._order(prepare))

    def complete(self, key: bytes, value: object) -> bool:
        """Answer a call whose tool has returned ``PENDING``; return whether the call was open.

        Args:
            key: the key of the call.
            value: what the tool would have returned: a value, a ``Result``, or a ``ToolError`` for a failure.
        """
        reply = failure_reply(value) if isinstance(value, ToolError) else reply_of(value)
        blobs = put_refs(reply.refs, self._host.salt)

        def prepare(position: Position) -> Sending | None:
            workspace = self._workspace()
            state = state_of(workspace, position.core)
            flight = open_of(workspace, position.core, state).calls.get(key)
            if flight is None or flight["phase"] == "backoff":
                return None
            return Sending(self.id, "flow.result", result_packet(key, flight["attempt"], reply, blobs))

        return any(one["e"] == "settled" for one in self._order(prepare))

    def cancel(self) -> bool:
        """Cancel the flow; return whether that has ended it. The policy must allow it."""
        events = self._order(lambda position: Sending(self.id, "flow.cancel", packet_of({"flow": self.id})))
        return any(one["e"] == "ended" for one in events)

    def erase(self, *names: str) -> bool:
        """Erase the payloads of sealed blobs for ever; return whether the flow has requested it.

        The bytes are removed from the store soon after this returns. The policy must allow it, and have an eraser.
        """
        value = {"refs": sorted(set(names), key=key_order)}
        events = self._order(lambda position: Sending(self.id, "flow.erase", packet_of({"flow": self.id}, value)))
        return any(one["e"] == "erased" for one in events)

    def replan(self, program: Program) -> Flow:
        """Continue an interrupted flow with another program; return the successor.

        Raises:
            Rejected: the flow has no successor; the code is the reason, such as ``rejected-plan``.
        """

        def build(workspace: Workspace) -> ObjectId:
            return workspace.put(Tree({"flow": self.id, "program": workspace.put(document(program.data))}))

        events = self._order(lambda position: Sending(self.id, "flow.replan", build))
        if not any(one["e"] == "continued" for one in events):
            reasons = [one["why"] for one in events if one["e"] == "ignored"]
            code = reasons[-1] if reasons else None
            raise Rejected("the flow has no successor", rule="flow.replan.only-interrupted", code=code, got=code)
        return Flow(self._host, self._host.ask(lambda: self._position().core["next"]))

    def _order(self, prepare: Prepare) -> Sequence[Value]:
        """Carry out an order, one at a time for the whole host; return what the flow has logged for it."""
        host = self._host
        events: Future[Sequence[Value]] = Future()
        with host.orders:
            host.post(lambda: host.engine.order(Order(self.id, prepare, events)))
            return host.await_(events)

    def _position(self) -> Position:
        return self._host.engine.position(self.id)

    def _workspace(self) -> Workspace:
        return Workspace(self._host.engine.world.objects)
