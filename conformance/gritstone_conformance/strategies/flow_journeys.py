"""Journeys of flows: runs of ``flow/1``, one message a step, for ``gritstone resume``.

The sender of the mail is the starter and every peer of the policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.attachment.claims import EXECUTORS
from gritstone_conformance.model.flow.values import Value, decode, encode
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.flow_programs import REFUND
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.strategies.journeys import Itinerary
from gritstone_conformance.strategies.talks import Talk

__all__ = ["FLOW_JOURNEYS", "FlowJourney"]

_SEALED: Final = bytes(range(16)) + b"4111 1111 1111 1111"
_PEERS: Final = ("bank", "clock", "desk", "edge")


class _Run(Talk):
    """A run of a flow."""

    def start(self, whole: Any, rules: Any, given: Any = None, refs: tuple[str, ...] = ()) -> None:
        """Start a flow."""
        code = self.blob(b"external:flow/1", "s")
        peers = self.tree(**dict.fromkeys(_PEERS, self.host))
        entries = {"input": self.document({} if given is None else given), "program": self.document(whole)}
        entries["policy"] = self.tree(doc=self.document(rules), peers=peers)
        if refs:
            entries["refs"] = self.tree(**dict.fromkeys(refs, self.blob(_SEALED, "sealed")))
        self.actor = self.tree(wit=code, wit_query=code, **entries)
        self.say("genesis", self.actor)

    def document(self, value: Any) -> bytes:
        """Add a document."""
        return self.blob(encode(value), "cbor")

    def packet(self, value: Any = None, **entries: bytes) -> bytes:
        """Add a packet; None stands for no document."""
        return self.tree(**({} if value is None else {"doc": self.document(value)}), **entries)

    def newest_packet(self, mt: str, **members: Value) -> bytes:
        """Return the newest packet of a type whose document has these members."""
        at: bytes | None = self.newest()
        while at is not None:
            message = self.shelf.message(at)
            if dict(message.headers)["mt"] == mt and self._has(message.content, members):
                return self.adopt(message.content)
            at = message.previous
        raise AssertionError(f"no {mt} with {members}")

    def _has(self, packet: bytes, members: dict[str, Value]) -> bool:
        blob = self.shelf.get(self.shelf.names(packet)["doc"])
        assert isinstance(blob, Blob)
        found: Any = decode(blob.data, None)
        return all(found.get(name) == each for name, each in members.items())

    def answer(self, attempt: int, members: dict[str, Any], **of: Value) -> None:
        """Send the result of an attempt of the newest call whose request has these members."""
        request = self.newest_packet("flow.call", **of)
        self.say("flow.result", self.packet({"attempt": attempt, **members}, request=request))

    def ok(self, value: Any, attempt: int = 1, **of: Value) -> None:
        """Answer a call with a value and a usage."""
        self.answer(attempt, {"outcome": "ok", "value": value, "usage": 2}, **of)

    def error(self, attempt: int = 1, *, retry: bool = True, **of: Value) -> None:
        """Answer a call with an error."""
        self.answer(attempt, {"outcome": "error", "error": {"class": "no", "retry": retry}}, **of)

    def fire(self, why: str) -> None:
        """Fire the newest timer of a kind."""
        self.say("flow.fired", self.packet(timer=self.newest_packet("flow.timer", why=why)))

    def event(self, value: Any, node: str, visit: int = 1) -> None:
        """Send the event ``go``."""
        names = self.shelf.names(self.actor)
        fixed = {"flow": self.actor, "program": names["program"], "policy": names["policy"]}
        self.say("flow.event", self.packet({"node": node, "visit": visit, "event": "go", "value": value}, **fixed))

    def successor(self) -> bytes:
        """Return the first core of the successor."""
        assert self.head is not None, "it has begun"
        return self.shelf.names(self.shelf.step(self.head).core)["next"]

    def control(self, name: str, **more: Any) -> None:
        """Send a message of control: a cancel, an erase of ``refs``, or a replan with ``program``."""
        entries = {"program": self.document(more["program"])} if "program" in more else {}
        value = {"refs": more["refs"]} if "refs" in more else None
        self.say(f"flow.{name}", self.packet(value, flow=self.actor, **entries))


_OUT: Final = end(output="$out.a")
_LOOP: Final = {
    "a": call("b", retry={"max_attempts": 3, "backoff_ms": 200}, timeout_ms=1_000),
    "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"},
    "e": _OUT,
}


def _refund(run: _Run) -> None:
    """Run the refund of the text, and erase the customer after its end."""
    run.start(REFUND.program, REFUND.policy, REFUND.input, REFUND.refs)
    run.ok("yes")
    run.ok("R-1", tool="refund")
    run.control("erase", refs=["customer"])
    run.say("flow.erased", run.packet(request=run.newest_packet("flow.erase")))


def _loop(run: _Run) -> None:
    """Call a tool in a loop: an error, its delay, a timeout, a late result, and results."""
    run.start(program("a", {"max_visits": 3}, **_LOOP), policy())
    run.error()
    run.fire("backoff")
    run.fire("timeout")
    run.ok("again")
    run.error(visit=2)
    run.fire("backoff")
    run.answer(2, {"outcome": "pending"}, visit=2)
    run.ok("again", 2, visit=2)
    run.ok("done", visit=3)


def _parallel(run: _Run) -> None:
    """Run a parallel whose subs depend on each other: a failure that is optional, a retry, and results."""
    subs: dict[str, Any] = {
        "a": {"tool": "t", "args": {"x": 1}},
        "b": {"tool": "t", "args": {"x": 2}, "optional": True},
        "c": {"tool": "v", "args": {"x": 3}, "retry": {"max_attempts": 2}},
        "d": {"tool": "t", "args": {"x": ["$dep.a", "$dep.b"]}, "depends_on": ["a", "b"]},
    }
    run.start(program("a", a={"kind": "parallel", "calls": subs, "width": 3, "next": "e"}, e=_OUT), policy())
    run.error(retry=False, sub="b")
    run.error(sub="c")
    run.ok("A", sub="a")
    run.ok("late", sub="c")
    run.ok("D", sub="d")


def _wait(run: _Run) -> None:
    """Wait for an event between two calls; events of another visit, a second event and a note are ignored."""
    nodes = {"a": call("w"), "w": {"kind": "wait", "event": "go", "timeout_ms": 50, "next": "b"}}
    run.start(program("a", **nodes, b=call(args={"x": "$out.w"}), e=_OUT), policy())
    run.ok("v")
    run.event("early", "w", 2)
    run.say("note", run.blob(b""))
    run.event({"by": "desk"}, "w")
    run.event("second", "w")
    run.ok("done", node="b")


def _replan(run: _Run) -> None:
    """Reach a limit, and continue with another program."""
    run.start(program("a", {"max_visits": 3, "max_calls": 1}, **_LOOP), policy())
    run.control("replan", program=program("x", x=call()))
    run.ok("again")
    run.control("replan", program=program("x", x=call(args={"nope": 1})))
    run.control("replan", program=program("x", x=call(args={"x": "$prior.a"})))


def _successor(run: _Run) -> None:
    """Run the flow that continues another one: planned by two genesis messages, and started."""
    _replan(run)
    run.messages.clear()
    run.host, run.actor, run.head = run.actor, run.adopt(run.successor()), None
    run.say("genesis", run.actor)
    run.say("genesis", run.actor)
    run.say("flow.start", run.packet(flow=run.actor))
    run.say("flow.start", run.packet(flow=run.actor))


def _cancelled(run: _Run) -> None:
    """Run a parallel that is cancelled while a call waits for its delay; results after it are ignored."""
    subs = {name: {"tool": "t", "args": {}, "retry": {"max_attempts": 2, "backoff_ms": 9}} for name in ("a", "b")}
    run.start(program("a", a={"kind": "parallel", "calls": subs, "next": "e"}), policy())
    run.error(sub="a")
    run.control("cancel")
    run.ok("late", sub="b")
    run.fire("backoff")


@dataclass(frozen=True, slots=True)
class FlowJourney:
    """A run of a flow.

    Attributes:
        name: its name.
        run: makes the run.
        is_of_agent: whether the sender of the mail can be the agent of a runtime; the sender to a successor is a flow.
    """

    name: str
    run: Callable[[_Run], None]
    is_of_agent: bool = True

    def is_claimed_by(self, claims: Claims) -> bool:
        """Return whether an implementation makes the required claims."""
        return "flow" in claims.profiles or EXECUTORS["flow"] in claims.features

    def plan(self, fmt: Format) -> Itinerary:
        """Return the journey in a format."""
        run = _Run(fmt)
        self.run(run)
        return run.itinerary()


FLOW_JOURNEYS: Final = (
    FlowJourney("flow-refund", _refund),
    FlowJourney("flow-loop", _loop),
    FlowJourney("flow-parallel", _parallel),
    FlowJourney("flow-wait", _wait),
    FlowJourney("flow-replan", _replan),
    FlowJourney("flow-successor", _successor, is_of_agent=False),
    FlowJourney("flow-cancelled", _cancelled),
)
"""All journeys of flows."""
