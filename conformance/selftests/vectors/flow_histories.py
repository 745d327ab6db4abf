"""Histories of flows for the audits: the flows, whose only peer is the agent, and what a forger writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Message
from gritstone_conformance.strategies.flow_programs import REFUND
from gritstone_conformance.strategies.flow_runs import call, end, program
from selftests.model.flow_scene import SEALED, FlowScene
from selftests.vectors.agent_histories import AgentHistory

__all__ = ["CONTROLLED", "FACT", "LOOP", "ONE", "PARALLEL", "REFUNDED", "RETRIED", "WAIT", "FlowHistory", "StartedFlow"]

_REFS: Final = {"card": SEALED, "customer": SEALED}


class FlowHistory(AgentHistory, FlowScene):
    """A flow to which the agent sends each message in a step of its own."""

    @property
    def agent(self) -> bytes:
        return self.edge

    @property
    def objects(self) -> Store:
        assert self.store is not None
        return self.store

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        message = super().queue(mt, content, **headers)
        self.deliver(message)
        return message

    # --- what a forger writes ------------------------------------------------------------------------------

    def instead(self, mt: str, content: bytes) -> None:
        """Replace the effects of the newest step by those of another message in the place of the covered one."""
        assert self.sent is not None
        previous = Shelf.over(self.objects).message(self.sent).previous
        self.pretend(self.put(Message(previous, (("mt", mt),), content)))

    def answered(self, **members: Any) -> bytes:
        """Add the packet of a result of the newest call."""
        document = self.document({"attempt": 1, **members})
        return self.tree(request=self.newest("flow.call"), doc=document)

    def call_more(self, attempt: int = 1, refs: tuple[str, ...] = (), **members: Any) -> None:
        """Send a call that the flow did not send; members replace those of the newest request."""
        request = self.value(Shelf.over(self.objects).names(self.newest("flow.call"))["doc"])
        entries = {name: self.entries[name] for name in ("program", "policy")} | {"flow": self.actor}
        if refs:
            entries["refs"] = self.tree(**{name: self.blob(_REFS[name], ct="sealed") for name in refs})
        packet = self.tree(doc=self.document({**request, **members}), **entries)
        self.say("flow.call", packet, attempt=str(attempt))

    def say(self, mt: str, content: bytes, **headers: str) -> None:
        """Send a message behind the newest one to the agent."""
        pairs = tuple(sorted({"mt": mt, **headers}.items()))
        self.alter_outbox(self.put(Message(self.outbox.get(self.agent), pairs, content)))

    def resend(self, **headers: str) -> None:
        """Send the newest message with other headers."""
        message = Shelf.over(self.objects).message(self.outbox[self.agent])
        pairs = tuple(sorted({**dict(message.headers), **headers}.items()))
        self.alter_outbox(self.put(Message(message.previous, pairs, message.content)))

    def set_state(self, **members: Any) -> None:
        """Replace members of the state."""
        self.alter_core("state", self.document({**self.state, **members}))


@dataclass(frozen=True, slots=True)
class StartedFlow:
    """A flow that is started; the members of the policy are in addition to its tools and its control peer."""

    nodes: dict[str, Any]
    policy: dict[str, Any]
    limits: dict[str, int] | None = None

    def started(self, fmt: Format) -> FlowHistory:
        """Return the history after the first step."""
        tools = {"t": {"peer": "edge", "params": ["x"], "cost": 5}, **self.policy.get("tools", {})}
        policy = {"flow_policy": 1, "timer": "edge", "eraser": "edge", **self.policy, "tools": tools}
        return FlowHistory(fmt, program("a", self.limits, **self.nodes), policy, {"x": 1}, refs={"card": SEALED})


class _Refund(StartedFlow):
    """The refund of the text."""

    def started(self, fmt: Format) -> FlowHistory:
        """Return the history after the first step."""
        refs = {"customer": SEALED}
        return FlowHistory(fmt, REFUND.program, REFUND.policy, {**REFUND.input}, refs=refs)


# --- flows -------------------------------------------------------------------------------------------------------

_OUT: Final = end(output="$out.a")
REFUNDED: Final = _Refund({}, {})
ONE: Final = StartedFlow({"a": call(), "e": _OUT}, {})
RETRIED: Final = StartedFlow({"a": call(retry={"max_attempts": 3, "backoff_ms": 200}, timeout_ms=1_000), "e": _OUT}, {})
LOOP: Final = StartedFlow(
    {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}},
    {"limits": {"max_replans": 1}, "control": {"replan": ["edge"]}},
    {"max_visits": 5, "max_calls": 1},
)
FACT: Final = StartedFlow(
    {"a": call("b"), "b": call(tool="u")},
    {"tools": {"u": {"peer": "edge", "params": ["x"], "when": "not has $tool.t or $tool.t != 'stop'"}}},
)
PARALLEL: Final = StartedFlow(
    {
        "a": {
            "kind": "parallel",
            "calls": {
                "b": {"tool": "t", "args": {}},
                "c": {"tool": "t", "args": {"x": "$dep.b"}, "depends_on": ["b"]},
                "d": {"tool": "t", "args": {}},
            },
            "next": "e",
        },
        "e": _OUT,
    },
    {},
)
WAIT: Final = StartedFlow({"a": {"kind": "wait", "event": "go", "next": "e"}, "e": _OUT}, {"events": {"go": ["edge"]}})
CONTROLLED: Final = StartedFlow({"a": call(), "e": _OUT}, {"control": {"cancel": ["edge"], "erase": ["edge"]}})
