"""Results of calls: their senders, their forms, which of them counts, and when a call is tried again."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.strategies.flow_values import KINDS
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_OUT: Final = end(output="$out.a")
_GIVEN: Final[dict[str, Any]] = {"x": 1}
_REFS: Final = {"card": SEALED}
_ODD: Final[tuple[Any, ...]] = (None, "x", 1, {}, True)
_RETRY: Final = {"max_attempts": 3, "backoff_ms": 200}


def _calling(scene: FlowScene, **members: Any) -> FlowScene:
    """Start a flow that calls ``t``, and ends with its output."""
    nodes = {"a": call(**members), "e": _OUT, "f": end("failure", output="lost")}
    return scene.start(program("a", **_reached(nodes)), policy(), _GIVEN, _REFS)


def _reached(nodes: dict[str, Any]) -> dict[str, Any]:
    return nodes if "on_error" in nodes["a"] else {name: node for name, node in nodes.items() if name != "f"}


def senders(trial: Trial, fmt: Format) -> None:
    """A message of each kind from each actor but the one that the text lists has no effect."""
    scene = _calling(FlowScene(trial, fmt), timeout_ms=50)
    packet = scene.calls()[0].packet
    told = {
        "flow.result": scene.packet({"attempt": 1, "outcome": "ok", "value": 1}, request=packet),
        "flow.fired": scene.packet(timer=scene.sent("flow.timer")[0].packet),
        "flow.cancel": scene.control_packet(),
        "flow.erase": scene.control_packet(refs=["card"]),
        "receipt": scene.blob(b""),
    }
    others = [*scene.peers.values(), scene.stranger, scene.actor.identity]
    for mt, content in told.items():
        headers = {"reply": scene.calls()[0].identity.hex()} if mt == "receipt" else {}
        for sender in others:
            with scene.fork():
                scene.send(mt, content, sender, rule="result.sender", **headers)
    scene.flush()


def first_wins(trial: Trial, fmt: Format) -> None:
    """The first ``ok`` of any attempt is the output, also in a backoff; later ones change nothing."""
    scene = _calling(FlowScene(trial, fmt), retry=_RETRY, timeout_ms=50)
    scene.fire(rule="timeout.race")
    with scene.fork():
        scene.ok("late", attempt=1, rule="result.first-wins")
        scene.ok("later", attempt=1, rule="result.first-wins")
    scene.error(attempt=1, rule="step.ignored")
    scene.fire(rule="retry.schedule")
    for attempt in (1, 2):
        with scene.fork():
            scene.ok("first", attempt=attempt, rule="result.first-wins")
            assert scene.state["output"] == "first", "the first ok counts"
            scene.ok("second", attempt=3 - attempt, rule="result.first-wins")
            scene.fire(rule="timeout.race")
    for attempt in (0, 3, 2**63 - 1):
        scene.ok("none", attempt=attempt, rule="step.ignored")
    scene.pending(attempt=1, rule="step.ignored")
    scene.pending(rule="timeout.pending")
    scene.ok("early", attempt=1, rule="result.first-wins")
    scene.flush()


_RESULT: Final[dict[str, Any]] = {"attempt": 1, "outcome": "ok", "value": 1, "usage": 2}
_OTHERS: Final[tuple[dict[str, Any], ...]] = (
    _RESULT,
    {"attempt": 1, "outcome": "pending"},
    {"attempt": 1, "outcome": "error", "error": {"class": "no", "retry": True}},
)
_NUMBERS: Final = (0, -1, 10**12, 10**12 + 1, "1", True, None, [1])


def malformed(trial: Trial, fmt: Format) -> None:
    """A result that is not of its form settles the call as bad, if its attempt can be read; else it is ignored."""
    scene = _calling(FlowScene(trial, fmt), on_error="f", retry=_RETRY)
    values: list[Any] = [*KINDS.values(), b"", b"\x81", b"\xa1\x67attempt\x01\0", {}]
    result: dict[str, Any]
    for result in _OTHERS:
        values += [{name: each for name, each in result.items() if name != absent} for absent in result]
        values += [{**result, name: each} for name in (*result, "other", "next") for each in _ODD]
    values += [{**_RESULT, "usage": number} for number in _NUMBERS]
    values += [{**_OTHERS[2], "error": error} for error in ({}, {"class": "no"}, {"class": "", "retry": True})]
    values += [{**_OTHERS[2], "error": {"class": "x" * size, "retry": False}} for size in (1, 64, 65)]
    request = scene.calls()[0].packet
    for value in values:
        with scene.fork():
            scene.send("flow.result", scene.packet(value, request=request), rule="result.malformed")
    contents = [scene.blob(b""), scene.packet(request=request), scene.packet(_RESULT), request]
    contents += [scene.packet(_RESULT, request=scene.blob(b"no tree"))]
    plain = scene.blob(b"\xa3", ct="s")
    contents += [scene.packet(request=request, doc=target) for target in (plain, request)]
    for content in contents:
        with scene.fork():
            scene.send("flow.result", content, rule="result.malformed")
    scene.flush()


def one_of(trial: Trial, fmt: Format) -> None:
    """Only a value that equals a text of the list is accepted; nothing is trimmed, folded or searched."""
    scene = _calling(FlowScene(trial, fmt), one_of=["yes", "no", "1"], on_error="f")
    for value in ("yes", "no", "1", "Yes", "yes ", " yes", "yes\n", "yes.", "y", "", "yes no", 1, True, None, ["yes"]):
        with scene.fork():
            scene.ok(value, rule="result.one-of")
    scene.flush()


def refs(trial: Trial, fmt: Format) -> None:
    """Refs of a result are sealed, and have names that are free or name the same blob; unknown refs are bad."""
    scene = _calling(FlowScene(trial, fmt), on_error="f")
    blobs = {
        "same": scene.blob(SEALED, ct="sealed"),
        "other": scene.blob(SEALED + b"3", ct="sealed"),
        "plain": scene.blob(SEALED, ct="s"),
        "salt": scene.blob(bytes(16), ct="sealed"),
        "short": scene.blob(bytes(15), ct="sealed"),
        "more": scene.blob(SEALED, ct="sealed", x="y"),
        "tree": scene.stranger,
    }
    values: tuple[Any, ...] = (1, Ref("card"), Ref("new"), [{"k": Ref("new")}, Ref("card")], Ref("nope"))
    for name in ("card", "new", "Bad", "x" * 64):
        for target in blobs.values():
            for value in values[:3]:
                with scene.fork():
                    scene.ok(value, refs=scene.tree(**{name: target}), rule="result.refs")
    for value in values:
        with scene.fork():
            scene.ok(value, refs=scene.tree(new=blobs["other"]), rule="result.refs")
        with scene.fork():
            scene.ok(value, rule="result.refs")
    with scene.fork():
        scene.ok(1, refs=blobs["same"], rule="result.refs")
    members = {"attempt": 1, "outcome": "error", "error": {"class": "no", "retry": False}}
    for target in (blobs["plain"], scene.tree(card=blobs["other"]), scene.tree(new=blobs["other"])):
        packet = scene.packet(members, request=scene.calls()[0].packet, refs=target)
        with scene.fork():
            scene.send("flow.result", packet, rule="result.evidence")
    scene.flush()


def evidence(trial: Trial, fmt: Format) -> None:
    """Further entries of a result change neither the core nor the outbox."""
    scene = _calling(FlowScene(trial, fmt))
    found = set()
    proofs: tuple[dict[str, Any], ...] = (
        {},
        {"proof": scene.blob(b"p")},
        {"next": scene.stranger, "output": scene.blob(b"2"), "tool": scene.stranger},
        {"flow": scene.stranger, "program": scene.document(1), "sub": scene.stranger},
    )
    for proof in proofs:
        with scene.fork():
            scene.ok("v", rule="result.evidence", **proof)
            found.add((scene.actor.value.core, scene.actor.value.outbox))
    assert len(found) == 1, "evidence has no effect in the model"
    scene.flush()


def schedule(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A call that fails each time has as many attempts as it may, with doubled delays up to 30 seconds."""
    most, backoff = tape.within(1, 10), tape.pick((0, 1, 200, 20_000, 30_000))
    retry = {"max_attempts": most, **({"backoff_ms": backoff} if backoff or tape.below(2) else {})}
    scene = _calling(FlowScene(trial, fmt), retry=retry, timeout_ms=50)
    for number in range(1, most + 1):
        if tape.below(2):
            scene.fire(rule="retry.schedule")
        else:
            scene.error(rule="retry.schedule", attempt=number)
        if number < most and backoff:
            scene.fire(rule="retry.schedule")
    assert scene.state["status"] == "failed", "all attempts failed"
    assert len(scene.calls()) == most, "each attempt was sent"
    scene.flush()


def not_retried(trial: Trial, fmt: Format) -> None:
    """Errors that must not be retried, bad results, other values and receipts end a call at once."""
    scene = FlowScene(trial, fmt)
    for members in ({"retry": _RETRY}, {"retry": _RETRY, "one_of": ["yes"]}, {}):
        _calling(scene, on_error="f", **members)
        with scene.fork():
            scene.error(retry=False, rule="retry.schedule")
        with scene.fork():
            scene.ok(1, usage=-1, rule="result.malformed")
        with scene.fork():
            scene.receipt(rule="retry.schedule")
        with scene.fork():
            scene.ok("no", rule="result.one-of")
        with scene.fork():
            scene.error(rule="retry.schedule")
    scene.flush()


def races(trial: Trial, fmt: Format) -> None:
    """Of a result and the timer of its attempt, the first that is read counts, in one step and in two."""
    scene = FlowScene(trial, fmt)
    for retry in ({}, {"retry": {"max_attempts": 2}}, {"retry": _RETRY}):
        _calling(scene, timeout_ms=50, **retry)
        timer = scene.packet(timer=scene.sent("flow.timer")[0].packet)
        result = scene.packet({"attempt": 1, "outcome": "ok", "value": 1}, request=scene.calls()[0].packet)
        told = (("flow.result", result, "edge"), ("flow.fired", timer, "clock"))
        for order in (told, told[::-1]):
            with scene.fork():
                for mt, content, sender in (*order, *order):
                    scene.send(mt, content, sender, rule="timeout.race")
            with scene.fork():
                for mt, content, sender in order:
                    scene.queue(mt, content, sender)
                scene.read("timeout.race")
    scene.flush()


def pending(trial: Trial, fmt: Format) -> None:
    """An attempt that was answered with ``pending`` does not time out; its result still counts."""
    scene = _calling(FlowScene(trial, fmt), timeout_ms=50, retry={"max_attempts": 3})
    scene.pending(rule="timeout.pending")
    scene.fire(rule="timeout.pending")
    scene.pending(rule="step.ignored")
    with scene.fork():
        scene.ok(1, rule="timeout.pending")
    with scene.fork():
        scene.error(rule="timeout.pending")
        scene.ok(2, attempt=1, rule="result.first-wins")
    scene.receipt(rule="timeout.pending")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("result/senders", senders, "result.sender"),
    *of_runs("result/first-wins", first_wins, "result.first-wins", "timeout.race", "step.ignored", "retry.schedule"),
    *of_runs("result/malformed", malformed, "result.malformed"),
    *of_runs("result/one-of", one_of, "result.one-of"),
    *of_runs("result/refs", refs, "result.refs", "result.evidence"),
    *of_runs("result/evidence", evidence, "result.evidence"),
    *of_runs("retry/schedule", schedule, "retry.schedule", given=tape(24), examples=10),
    *of_runs("retry/never", not_retried, "retry.schedule", "result.malformed", "result.one-of"),
    *of_runs("timeout/races", races, "timeout.race"),
    *of_runs("timeout/pending", pending, "timeout.pending", "step.ignored", "result.first-wins"),
)
