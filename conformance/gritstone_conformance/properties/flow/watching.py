"""An oracle that judges every message of a guarded flow by its policy, without the model's transition.

It knows the program and the policy as data (``strategies.flow_guarded``), and reads the messages and the log. It is
much smaller than the transition: it does not compute what a flow has to do, only whether it was allowed to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, digest, encode
from gritstone_conformance.properties.flow.conversation import Said
from gritstone_conformance.properties.flow.scene import FlowScene, Outgoing
from gritstone_conformance.strategies.flow_guarded import GIVEN, Argument, Atom, Condition, Guarded, Work

__all__ = ["Watch"]

_Place = tuple[str, str | None]
_RECEIVERS: Final = {
    "flow.timer": ("clock",),
    "flow.erase": ("desk",),
    "flow.report": ("edge",),
    "flow.call": ("bank", "edge"),
}


class _NoValue(Exception):  # noqa: N818 - an outcome of an expression
    """An atom or an argument is an error."""


@dataclass
class _Open:
    """A call that was not settled for good.

    Attributes:
        packet: its packet.
        attempts: how many were sent.
        failures: how many of them ended with a timeout or an error that may be retried.
        cost: what is reserved for the current attempt.
    """

    packet: bytes
    attempts: int = 0
    failures: int = 0
    cost: int = 0


@dataclass
class Watch:
    """What the oracle knows of one flow.

    Attributes:
        guarded, policy, whens: the program, the policy, and its conditions.
        carried: what the flows before have spent: calls, tokens and steps.
        calls, tokens: what this flow has spent.
        facts, outputs, parts: values of tools, of nodes, and of subs in the open parallel.
        erased: the refs whose erasure a control peer has requested.
        gate: whether the newest decision of ``gate`` was ``then``.
        open: open calls by place.
        read: how many messages to each receiver were judged.
        paid: how many calls of ``pay`` were judged.
    """

    guarded: Guarded
    policy: dict[str, Any]
    whens: dict[str, Condition]
    carried: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("calls", "tokens", "steps"), 0))
    calls: int = 0
    tokens: int = 0
    steps: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    gate: bool = False
    ended: bool = False
    open: dict[_Place, _Open] = field(default_factory=dict)
    read: set[bytes] = field(default_factory=set)
    paid: int = 0

    def successor(self, guarded: Guarded) -> Watch:
        """Return the watch of the flow that continues this one."""
        spent = {"calls": self.calls, "tokens": self.tokens, "steps": self.steps}
        carried = {name: self.carried[name] + each for name, each in spent.items()}
        return Watch(
            guarded, self.policy, self.whens, carried, facts=dict(self.facts), erased=set(self.erased), paid=self.paid
        )

    def observe(self, scene: FlowScene, said: Said | None) -> None:
        """Judge the newest step, which read one message; raises AssertionError where the policy does not allow it."""
        new = self._new(scene)
        calls = [each for each in new if each.mt == "flow.call"]
        for event in scene.state["log"]:
            place = event.get("node", ""), event.get("sub")
            match event["e"]:
                case "settled":
                    self._settle(scene, place, event, said)
                case "decided":
                    self._decide(event)
                case "entered" | "ended":
                    self._move(event)
                case "resumed":
                    self._resume(scene, event, said)
                case "failed" if place[1] is not None:
                    self.parts[place[1]] = None
                case "erased":
                    assert _sender_of(said) == scene.peers["desk"], "only a control peer erases"
                    self.erased |= {*event["refs"]}
                case "called":
                    found = next(each for each in calls if self._is_of(scene, each, place, event["attempt"]))
                    calls.remove(found)
                    self._judge(scene, place, found)
        assert not calls, "each call is in the log"

    def _new(self, scene: FlowScene) -> list[Outgoing]:
        """Return the messages that were not judged; their receivers are those of their types."""
        found: list[Outgoing] = []
        for mt, names in _RECEIVERS.items():
            fresh = [each for each in scene.sent(mt) if each.identity not in self.read]
            assert {each.receiver for each in fresh} <= {scene.peers[name] for name in names}, f"{mt} to another actor"
            found += fresh
        self.read |= {each.identity for each in found}
        continued = scene.entries.get("next")
        assert set(scene.bench.executor.shelf.mail(scene.actor.value.outbox)) <= {*scene.peers.values(), continued}
        return found

    # --- events ----------------------------------------------------------------------------------------------

    def _is_of(self, scene: FlowScene, call: Outgoing, place: _Place, attempt: int) -> bool:
        document: Any = scene.value(scene.packet_of(call)["doc"])
        found = document["node"], document.get("sub")
        return found == place and dict(call.message.headers)["attempt"] == str(attempt)

    def _move(self, event: dict[str, Any]) -> None:
        assert not self.ended, "nothing is entered after the end"
        self.ended = event["e"] == "ended"
        if event["e"] == "entered":
            self.parts.clear()
            self.open.clear()
            self.steps += 1
            self._assert_within("max_steps", self.carried["steps"], self.steps)

    def _decide(self, event: dict[str, Any]) -> None:
        condition, then, other = self.guarded.branches[event["node"]]
        value = _holds(condition, {"input": GIVEN, "out": self.outputs})
        assert event["taken"] == (then if value else other), "a branch is left by the exit of its condition"
        self.gate = value if event["node"] == "gate" else self.gate

    def _resume(self, scene: FlowScene, event: dict[str, Any], said: Said | None) -> None:
        assert said is not None, "a message resumes a wait"
        assert said[0] == "flow.event", "an event resumes a wait"
        assert said[2] == scene.peers["desk"], "the event is from the listed peer"
        document: Any = scene.value(scene.bench.executor.shelf.names(said[1])["doc"])
        assert (document["node"], document["event"]) == (event["node"], "go")
        assert event["value"] == digest(document["value"])

    def _settle(self, scene: FlowScene, place: _Place, event: dict[str, Any], said: Said | None) -> None:
        assert said is not None, "a message settles a call"
        found, work = self.open[place], self.guarded.works[place]
        tool = self.policy["tools"][work.tool]
        usage = tool.get("cost", 0)
        if said[0] == "flow.result":
            entries = scene.bench.executor.shelf.names(said[1])
            assert said[2] == scene.peers[tool["peer"]], "a result is from the peer of the tool"
            assert entries["request"] == found.packet, "a result is of an open call"
        if event["outcome"] in ("ok", "error"):
            document: Any = scene.value(entries["doc"])
            assert 1 <= document["attempt"] <= found.attempts, "the attempt was sent"
            assert document["outcome"] == event["outcome"]
            usage = document.get("usage", usage)
        assert event["usage"] == usage, "the usage is that of the result, or the cost"
        self.tokens += usage
        found.cost = 0
        if event["outcome"] == "ok":
            assert event["value"] == digest(document["value"])
            self._accept(place, work, document["value"])
        elif event["outcome"] == "timeout" or (event["outcome"] == "error" and document["error"]["retry"]):
            found.failures += 1
        else:
            del self.open[place]

    def _accept(self, place: _Place, work: Work, value: Any) -> None:
        del self.open[place]
        allowed = work.members.get("one_of")
        if allowed is not None and not any(encode(value) == encode(each) for each in allowed):
            return
        self.facts[work.tool] = value
        if place[1] is None:
            self.outputs[place[0]] = value
        else:
            self.parts[place[1]] = value

    # --- calls -----------------------------------------------------------------------------------------------

    def _judge(self, scene: FlowScene, place: _Place, call: Outgoing) -> None:
        """Judge a call by the policy and the program."""
        work, entries = self.guarded.works[place], scene.packet_of(call)
        tool, document = self.policy["tools"][work.tool], scene.value(entries["doc"])
        assert isinstance(document, dict)
        assert not self.ended, "nothing is called after the end"
        assert document["tool"] == work.tool
        assert call.receiver == scene.peers[tool["peer"]], "a call goes to the peer of its tool"
        fixed = scene.bench.executor.shelf.names(scene.actor.identity)
        assert (entries["flow"], entries["program"]) == (scene.actor.identity, fixed["program"])
        assert entries["policy"] == fixed["policy"], "the policy is that of the first core"
        spaces = {"input": GIVEN, "out": self.outputs, "dep": self.parts}
        args = {name: _rendered(each, spaces) for name, each in work.args.items()}
        assert encode(document["args"]) == encode(args), "arguments are inserted once"
        assert args.keys() <= {*tool["params"]}, "the arguments are those of the tool"
        for name, value in args.items():
            refs = _refs_in(value)
            assert not refs or name in tool.get("refs", ()), "a ref is sent only where it may be"
            assert not refs & self.erased, "what is erased is not sent"
        when = self.whens.get(work.tool)
        assert when is None or _holds(when, {"input": GIVEN, "args": args, "tool": self.facts}), "`when` holds"
        assert not tool.get("guarded") or self.gate, "the guard was passed"
        self._spend(place, call, work, tool)
        self.paid += work.tool == "pay"

    def _spend(self, place: _Place, call: Outgoing, work: Work, tool: dict[str, Any]) -> None:
        attempt, cost = int(dict(call.message.headers)["attempt"]), tool.get("cost", 0)
        found = self.open.setdefault(place, _Open(call.packet))
        assert found.packet == call.packet, "all attempts have one packet"
        assert attempt == found.attempts + 1 == found.failures + 1, "an attempt follows a failure"
        assert attempt <= work.members.get("retry", {"max_attempts": 1})["max_attempts"]
        found.attempts, found.cost = attempt, cost
        self.calls += 1
        self.steps += place[1] is not None and attempt == 1
        reserved = sum(each.cost for each in self.open.values())
        self._assert_within("max_steps", self.carried["steps"], self.steps)
        self._assert_within("max_calls", self.carried["calls"], self.calls)
        self._assert_within("max_tokens", self.carried["tokens"], self.tokens + reserved)

    def _assert_within(self, limit: str, carried: int, spent: int) -> None:
        assert spent <= self.guarded.program["limits"].get(limit, 10**9), f"{limit} of the program"
        assert carried + spent <= self.policy["limits"][limit], f"{limit} of the policy"


# --- conditions, arguments and values ------------------------------------------------------------------------------


def _holds(condition: Condition, spaces: dict[str, dict[str, Any]]) -> bool:
    """Return whether a condition is true; one with an error is not."""
    try:
        return any(all(_is_true(atom, spaces) for atom in atoms) for atoms in condition)
    except _NoValue:
        return False


def _is_true(atom: Atom, spaces: dict[str, dict[str, Any]]) -> bool:
    space = spaces.get(atom.space, {})
    if atom.op in ("has", "lacks"):
        return (atom.name in space) == (atom.op == "has")
    if atom.name not in space:
        raise _NoValue
    value = space[atom.name]
    if type(value) is not type(atom.constant) and (value is not None or atom.op == "<="):
        raise _NoValue
    if atom.op == "<=":
        return bool(value <= atom.constant)
    return bool((value == atom.constant) == (atom.op == "=="))


def _rendered(argument: Argument, spaces: dict[str, dict[str, Any]]) -> Any:
    if not argument.space:
        return argument.value
    assert argument.name in spaces[argument.space], "an argument has a value"
    value = spaces[argument.space][argument.name]
    if argument.around is None:
        return value
    assert type(value) in (str, int), "only texts and ints are inserted into texts"
    return f"{argument.around[0]}{value}{argument.around[1]}"


def _sender_of(said: Said | None) -> bytes | None:
    return None if said is None else said[2]


def _refs_in(value: Any) -> set[str]:
    if isinstance(value, Ref):
        return {value.name}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_refs_in, items))
