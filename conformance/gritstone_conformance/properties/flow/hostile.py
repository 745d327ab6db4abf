"""Hostile results: models, tools and strangers that try to make a flow do what its policy does not allow.

Every step is compared with that of the model, and the oracle of ``watching`` judges every message of the flow.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.conversation import Said
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, Outgoing, of_runs
from gritstone_conformance.properties.flow.watching import Watch
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_guarded import GIVEN, Guarded, draw_guarded, draw_rules
from gritstone_conformance.strategies.flow_programs import REFUND
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_TAPE: Final = 400
_LEAST, _LARGEST = -(2**63), 2**63 - 1
_DEEPEST: Final[Any] = [[[[[[[[[[[[[[[["yes"]]]]]]]]]]]]]]]]
_RULE: Final = "policy.every-path"
_REFS: Final = {"customer": SEALED, "spare": SEALED + b"2"}

_VALUES: Final[tuple[Any, ...]] = (
    *(
        "yes",
        "no",
        "stop",
        "again",
        "yes ",
        "Yes",
        "",
        "True",
        "'yes' or True",
        "yes' or 'a' == 'a",
        "\u0000",
        "ｙｅｓ",
    ),
    *("$input.amount", "${input.customer}", "$input.customer", "${out.pay}", "$$", "$", "$args.amount <= 100", "{{x}}"),
    *("$input.order", "${input.order}", "$out.ask", "${out.ask}", "${input.amount}", "is ${input.order} it?", "$$$$"),
    *("pay", "gate.then", "bank", "desk", "e", "model", "max_calls", "__proto__", "constructor", "toString"),
    *(40, 100, 101, 0, -1, _LARGEST, _LEAST, True, False, None, "100", [100], {"amount": 100}),
    *(Ref("customer"), Ref("nope"), Ref("spare"), [Ref("customer")], {"to": Ref("customer"), "$ref": "customer"}),
    *({"$ref": "customer"}, {"kind": "call", "tool": "pay", "args": {"amount": 1}, "next": "e"}, {"next": "pay"}),
    *({"__proto__": {"amount": 1}}, {"guards": []}, {"tool": "pay", "peer": "edge"}, REFUND.program, REFUND.policy),
    *({"max_calls": 10_000}, {"outcome": "ok", "value": "yes"}, ["yes", "no"], {"yes": "yes"}, _DEEPEST, [_DEEPEST]),
    *("x" * 65_000, "x" * 70_000, ["x" * 32_000, "x" * 32_000], {"x" * 100: "yes"}, "\U0001f600" * 9, [[], {}, [[]]]),
)
"""Values of attackers: texts like templates and expressions, parts of programs, refs, and values at a limit."""

_MEMBERS: Final[tuple[dict[str, Any], ...]] = (
    *({"usage": 0}, {"usage": 1}, {"usage": 10**12}, {"usage": -1}, {"usage": 10**12 + 1}),
    *({"next": "pay"}, {"attempt": 0}, {"attempt": 2}, {"attempt": _LARGEST}, {"attempt": "1"}, {"outcome": "OK"}),
    *({"node": "pay"}, {"tool": "pay"}, {"value": ...}, {"error": {"class": "no", "retry": True}}, {"attempt": 1}),
)
"""Members that replace or add to those of a result; ``...`` removes one."""


class _Attack:
    """Draws the messages to one flow.

    Attributes:
        scene, tape: the flow, and what decides.
        plan: the program that was sent last as that of a successor, with its parts; None if it was another value.
    """

    def __init__(self, scene: FlowScene, tape: Tape) -> None:
        self.scene = scene
        self.tape = tape
        self.plan: Guarded | None = None

    def message(self) -> Said:
        """Draw a message: mostly a result of an open call."""
        state = self.scene.state
        calls = self._open()
        if "waiting" in str(state.get("flight")) and self.tape.below(3):
            return self._event()
        if calls and self.tape.below(6):
            return self._result(self.tape.pick(calls))
        if "timers" in self.scene.entries and self.tape.below(3):
            timers = self.scene.sent("flow.timer")
            return "flow.fired", self.scene.packet(timer=timers[-1].packet), self.scene.peers["clock"], {}
        if state["status"] in ("budget_exceeded", "stalled"):
            return self._replan(self.scene.peers["desk"])
        return self._forged()

    def _open(self) -> list[Outgoing]:
        flight = self.scene.state.get("flight", {})
        return [self.scene.call_of(key) for key in sorted(flight) if flight[key]["phase"] != "waiting"]

    def _result(self, call: Outgoing) -> Said:
        members: dict[str, Any] = {"attempt": int(dict(call.message.headers)["attempt"]), "outcome": "ok"}
        members["value"] = self.tape.pick(_VALUES)
        way = self.tape.below(9)
        if way == 6:
            error = {"class": self.tape.pick(("denied", "pay", "x" * 64)), "retry": bool(self.tape.below(3))}
            members = {"attempt": members["attempt"], "outcome": "error", "error": error}
        elif way == 7:
            members = {"attempt": members["attempt"], "outcome": "pending"}
        elif way < 5:
            members["value"] = self.tape.pick(("yes", "yes", 40))
        members |= self.tape.pick(_MEMBERS) if self.tape.once_in(4) else {}
        document = {name: each for name, each in members.items() if each is not ...}
        sender = self._sender() if self.tape.once_in(8) else call.receiver
        return "flow.result", self.scene.packet(document, request=call.packet, **self._evidence()), sender, {}

    def _evidence(self) -> dict[str, bytes]:
        """Draw further entries of a packet: parts of a flow of the attacker, or refs."""
        if not self.tape.once_in(3):
            return {}
        scene, name = self.scene, self.tape.pick(("customer", "nope", "spare", "refs"))
        sealed = scene.blob(self.tape.pick((SEALED, SEALED + b"9")), ct="sealed")
        program = scene.document(REFUND.program)
        choices: tuple[dict[str, bytes], ...] = (
            *({"refs": scene.tree(**{name: sealed})}, {"refs": sealed}, {"program": program}, {"next": program}),
            *({"policy": scene.tree(doc=scene.document(REFUND.policy))}, {"flow": scene.stranger}, {"sub": sealed}),
        )
        return self.tape.pick(choices)

    def _event(self) -> Said:
        bound: tuple[dict[str, Any], ...] = (
            {"visit": 9},
            {"node": "pay"},
            {"event": "stop"},
            {"flow": self.scene.stranger},
        )
        other = self.tape.pick(({}, {}, {}, *bound))
        sender = self._sender() if self.tape.once_in(3) else self.scene.peers["desk"]
        return "flow.event", self.scene.event_packet(self.tape.pick(_VALUES[:60]), **other), sender, {}

    def _sender(self) -> bytes:
        others = (self.scene.stranger, self.scene.actor.identity)
        return self.tape.pick((*others, *(self.scene.peers[name] for name in ("edge", "bank", "clock"))))

    def _replan(self, sender: bytes) -> Said:
        self.plan = draw_guarded(self.tape) if self.tape.below(3) else None
        program = self.tape.pick(_VALUES) if self.plan is None else self.plan.program
        return "flow.replan", self.scene.control_packet(program=program), sender, {}

    def _forged(self) -> Said:
        """Draw a message of control, an update or a cleanup, mostly from an actor that has no right to it."""
        scene, sender = self.scene, self._sender()
        way = self.tape.below(7)
        if way == 0:
            return self._replan(sender)
        if way == 1:
            return "flow.cancel", scene.control_packet(), sender, {}
        if way == 2:
            by = self.tape.pick((sender, scene.peers["desk"]))
            return "flow.erase", scene.control_packet(refs=["customer"]), by, {}
        if way == 3:
            return "update", scene.tree(policy=scene.tree(doc=scene.document(REFUND.policy))), sender, {}
        if way == 4:
            return "cleanup", scene.blob(b""), sender, {}
        if way == 5:
            return "flow.start", scene.control_packet(), sender, {}
        calls = scene.calls()
        reply = calls[-1].identity.hex() if calls else "0" * 64
        return "receipt", scene.blob(b""), sender, {"reply": reply}


def barriers(trial: Trial, fmt: Format, tape: Tape) -> None:
    """No result of a tool and no model output can change what the policy allows."""
    policy, whens = draw_rules(tape)
    guarded = draw_guarded(tape)
    scene = FlowScene(trial, fmt).start(guarded.program, policy, GIVEN, _REFS, rule=_RULE)
    watch, attack = Watch(guarded, policy, whens), _Attack(scene, tape)
    watch.observe(scene, None)
    events: set[str] = set()
    for _ in range(tape.within(8, 24)):
        _attacked(attack, watch)
        events |= {*scene.log}
        if watch.ended and "next" in scene.entries:
            trial.reach("continued")
            scene, watch = _continued(attack, watch)
            attack = _Attack(scene, tape)
        elif watch.ended and scene.state["status"] not in ("budget_exceeded", "stalled"):
            break
    for name, found in (("paid", watch.paid > 0), ("denied", "denied" in events), ("ended", watch.ended)):
        trial.reach(name, found)
    scene.replay(_RULE)
    scene.flush()


def _attacked(attack: _Attack, watch: Watch) -> None:
    """Send a message, and judge the step that reads it if there is one."""
    scene, said = attack.scene, attack.message()
    mt, content, sender, headers = said
    before = scene.actor.head
    scene.send(mt, content, sender, rule=_RULE, **headers)
    if scene.actor.head != before and mt != "update":
        watch.observe(scene, said)


def _continued(attack: _Attack, watch: Watch) -> tuple[FlowScene, Watch]:
    """Begin the successor; returns its scene and its watch."""
    assert attack.plan is not None, "only a drawn program has no defects"
    scene, after = attack.scene.successor(rule=_RULE), watch.successor(attack.plan)
    start = scene.read(_RULE)
    assert start is not None, "the flow begins"
    after.observe(scene, None)
    return scene, after


PROPERTIES: Final = (
    *of_runs(
        *("policy/hostile", barriers, "policy.every-path", "policy.deny-by-default", "result.sender", "result.refs"),
        given=tape(_TAPE),
        examples=40,
        reach={"paid": 0.05, "denied": 0.05, "ended": 0.3},
    ),
)
