"""Messages to a flow, drawn: most fit what the flow waits for, others are late, repeated, forged or damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, Outgoing
from gritstone_conformance.strategies.flow_runs import VALUES, draw_program
from gritstone_conformance.strategies.tape import Tape

__all__ = ["GIVEN", "REFS", "Conversation", "Said"]

GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}
REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}

Said = tuple[str, bytes, bytes, dict[str, str]]
"""Type, content, sender, and further headers of a message."""

_ODD: Final[tuple[Any, ...]] = (
    *(None, [], 1, {}, {"attempt": 1}, {"attempt": -1, "outcome": "ok", "value": 1}, b"\x81", b""),
    *(
        {"attempt": 1, "outcome": "maybe"},
        {"attempt": 1, "outcome": "ok"},
        {"attempt": 1, "outcome": "pending", "value": 1},
    ),
    *({"attempt": 1, "outcome": "ok", "value": 1, "next": "e"}, {"attempt": True, "outcome": "ok", "value": 1}),
    *(
        {"attempt": 1, "outcome": "ok", "value": 1, "usage": -1},
        {"attempt": 1, "outcome": "ok", "value": 1, "usage": 10**12 + 1},
    ),
    *({"attempt": 1, "outcome": "error", "error": {"class": "", "retry": True}}, {"attempt": 1, "outcome": "error"}),
)
"""Documents that are not results."""


@dataclass
class Conversation:
    """Draws the messages of one run.

    Attributes:
        scene: the flow.
        tape: decides.
        older: the messages before.
    """

    scene: FlowScene
    tape: Tape
    older: list[Said] = field(default_factory=list)

    def say(self, rule: str) -> None:
        """Send a message, and ask for the step that reads it."""
        mt, content, sender, headers = self.message()
        self.scene.send(mt, content, sender, rule=rule, **headers)

    def queue(self) -> None:
        """Send a message that stays unread."""
        mt, content, sender, headers = self.message()
        self.scene.queue(mt, content, sender, **headers)

    def message(self) -> Said:
        """Draw a message that fits the state of the flow, or rarely another one."""
        kinds = (*self._likely() * 6, *_KINDS)
        if self.older and self.tape.once_in(12):
            return self.tape.pick(self.older[::-1])
        mt, content, sender, headers = _MAKERS[self.tape.pick(kinds)](self)
        if self.tape.once_in(16):
            sender = self.tape.pick((self.scene.stranger, self.scene.actor.identity, *self.scene.peers.values()))
        self.older.append((mt, content, sender, headers))
        return self.older[-1]

    def _likely(self) -> tuple[str, ...]:
        state, found = self.scene.state, []
        phases = {flight["phase"] for flight in state.get("flight", {}).values()}
        found += ["ok", "ok", "ok", "error"] if phases & {"called", "pending", "backoff"} else []
        found += ["event"] if "waiting" in phases else []
        found += ["fired"] if "timers" in self.scene.entries else []
        found += ["replan"] if state["status"] in ("budget_exceeded", "stalled") else []
        return tuple(found)

    # --- messages ------------------------------------------------------------------------------------------

    def _call(self) -> Outgoing | None:
        """Return an open call, seldom one from before."""
        calls, entries = self.scene.calls(), self.scene.entries
        shelf = self.scene.bench.executor.shelf
        sent = entries.get("sent")
        packets = [] if sent is None else [*shelf.names(sent).values()] if "done" in self.scene.state else [sent]
        is_open = [call for call in calls if call.packet in packets]
        if not calls or (is_open and not self.tape.once_in(8)):
            calls = is_open
        return self.tape.pick(calls[::-1]) if calls else None

    def _result(self, members: Any) -> Said:
        call = self._call()
        if call is None:
            return self._unknown()
        attempt = int(dict(call.message.headers)["attempt"])
        attempt += self.tape.pick((0,) * 12 + (-1, -2, 1))
        entries = {"request": call.packet}
        if self.tape.once_in(3):
            payload = self.tape.pick((SEALED, SEALED + b"2", SEALED + b"3", b"short"))
            sealed = self.scene.blob(payload, ct="sealed" if self.tape.below(4) else "s")
            entries["refs"] = self.scene.tree(**{self.tape.pick(("new", "card", "spare")): sealed})
        if self.tape.once_in(6):
            entries["proof"] = self.scene.blob(b"evidence")
        value = members if not isinstance(members, dict) else {**members, "attempt": max(attempt, 0)}
        return "flow.result", self.scene.packet(**entries, doc=self.scene.document(value)), call.receiver, {}

    def _ok(self) -> Said:
        members: dict[str, Any] = {"outcome": "ok", "value": self.tape.pick(VALUES)}
        return self._result(
            members | ({"usage": self.tape.pick((0, 1, 2, 5, 1, 1, 1, 10**12))} if self.tape.below(2) else {})
        )

    def _error(self) -> Said:
        if self.tape.once_in(4):
            return self._result({"outcome": "pending"})
        error = {"class": self.tape.pick(("no", "x" * 64, "x" * 65)), "retry": self.tape.below(3) > 0}
        return self._result({"outcome": "error", "error": error, **({"usage": 2} if self.tape.below(2) else {})})

    def _odd(self) -> Said:
        value = self.tape.pick(_ODD)
        call = self._call()
        if call is None or self.tape.below(2):
            kind = self.tape.pick(("event", "cancel", "erase", "erased", "replan", "start", "fired", "result"))
            names = ("doc", "flow", "program", "policy", "timer", "request", "refs", "x")
            entries = {self.tape.pick(names): self.scene.stranger for _ in range(2)}
            return f"flow.{kind}", self.scene.packet(**{**entries, "doc": self.scene.document(value)}), self._peer(), {}
        return "flow.result", self.scene.packet(value, request=call.packet), call.receiver, {}

    def _peer(self) -> bytes:
        return self.tape.pick([*self.scene.peers.values()])

    def _fired(self) -> Said:
        timers = self.scene.sent("flow.timer")
        if not timers:
            return self._unknown()
        return "flow.fired", self.scene.packet(timer=self.tape.pick(timers[::-1]).packet), self.scene.peers["clock"], {}

    def _event(self) -> Said:
        other: dict[str, Any] = {"event": self.tape.pick(("go", "go", "stop"))}
        node = self.scene.state["at"]
        if node is not None and "waiting" in str(self.scene.state["flight"]):
            program: Any = self.scene.value(self.scene.entries["program"])
            other = {"event": program["nodes"][node]["event"]}
        way = self.tape.below(20)
        odd: tuple[dict[str, Any], ...] = (
            *({"node": "e"}, {"visit": 7}, {"event": "other"}, {"flow": self.scene.stranger}),
            *({"program": self.scene.document(1)}, {"policy": self.scene.stranger}),
        )
        other |= odd[way] if way < len(odd) else {}
        if self.tape.once_in(3):
            sealed = self.scene.blob(self.tape.pick((SEALED, SEALED + b"3")), ct="sealed")
            other["refs"] = self.scene.tree(**{self.tape.pick(("new", "card")): sealed})
        return "flow.event", self.scene.event_packet(self.tape.pick(VALUES), **other), self.scene.peers["desk"], {}

    def _control(self, name: str, **more: Any) -> Said:
        packet = self.scene.control_packet(**more)
        if self.tape.once_in(8):
            packet = self.scene.packet(flow=self.scene.stranger)
        return f"flow.{name}", packet, self.scene.peers["desk"], {}

    def _cancel(self) -> Said:
        return self._control("cancel" if self.tape.once_in(4) else "start")

    def _erase(self) -> Said:
        choices = ("card", "spare", "card spare", "spare card", "new", "nope", "", "card card")
        return self._control("erase", refs=self.tape.pick(choices).split())

    def _erased(self) -> Said:
        requests = self.scene.sent("flow.erase") or self.scene.calls()
        packet = self.tape.pick(requests[::-1]).packet if requests else self.scene.stranger
        return "flow.erased", self.scene.packet(request=packet), self.scene.peers["desk"], {}

    def _replan(self) -> Said:
        return self._control("replan", program=draw_program(self.tape, "plan"))

    def _receipt(self) -> Said:
        call = self._call()
        reply = "0" * 64 if call is None else call.identity.hex()
        reply = self.tape.pick((reply, reply, reply, reply.upper(), reply[:-1], "0" * 64))
        headers = {"reply": reply} if self.tape.below(8) else {}
        return "receipt", self.scene.blob(b""), self.scene.peers["desk"], headers

    def _unknown(self) -> Said:
        content = self.scene.blob(b"") if self.tape.below(2) else self.scene.packet(1, flow=self.scene.actor.identity)
        return self.tape.pick(("note", "", "flow.call", "flow.result", "FLOW.CANCEL")), content, self._peer(), {}


_MAKERS: Final[dict[str, Callable[[Conversation], Said]]] = {
    "ok": Conversation._ok,
    "error": Conversation._error,
    "odd": Conversation._odd,
    "fired": Conversation._fired,
    "event": Conversation._event,
    "cancel": Conversation._cancel,
    "erase": Conversation._erase,
    "erased": Conversation._erased,
    "replan": Conversation._replan,
    "receipt": Conversation._receipt,
    "unknown": Conversation._unknown,
}
_KINDS: Final = tuple(_MAKERS)
