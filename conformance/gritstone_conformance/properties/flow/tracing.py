"""Traces, replays and queries: what is logged, what a trace binds, and where a forged history differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, encode
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Mailbox, Message, Step, Tree
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import call, draw_policy, draw_program, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RETRY: Final = {"max_attempts": 2, "backoff_ms": 5}
_NODES: Final[dict[str, Any]] = {
    "a": call("b", retry=_RETRY, timeout_ms=9, on_error="w"),
    "b": {"kind": "branch", "if": "$out.a == 'go on'", "then": "p", "else": "w"},
    "p": {
        "kind": "parallel",
        "calls": {
            "x": {"tool": "t", "args": {"card": "$input.card"}},
            "ab": {"tool": "u", "args": {}, "optional": True},
            "y": {"tool": "v", "args": {"y": Ref("spare"), "x": 1}},
        },
        "next": "w",
        "on_error": "w",
    },
    "w": {"kind": "wait", "event": "go", "next": "e", "timeout_ms": 9},
    "e": end(output="$out.w"),
}


def _run(scene: FlowScene, rule: str, **members: Any) -> FlowScene:
    """Run a flow through all its nodes; members replace parts of it."""
    whole = program("a", None, **{**_NODES, **members.get("nodes", {})})
    given = {**GIVEN, **members.get("given", {})}
    scene.start(whole, members.get("rules", policy()), given, REFS, rule=rule)
    scene.error(rule=rule)
    scene.fire(rule=rule)
    scene.ok("go on", rule=rule, usage=members.get("usage", 1))
    scene.send("note", scene.blob(b""), rule=rule)
    for key, value in (("y", "y"), ("x", members.get("value", "x")), ("ab", None)):
        found = scene.call_of(key)
        if value is None:
            scene.pending(call=found, rule=rule)
            scene.error(call=found, retry=False, rule=rule)
        else:
            scene.ok(value, call=found, attempt=1, rule=rule)
    scene.control("erase", refs=["card"], rule=rule)
    scene.erased(rule=rule)
    scene.event(members.get("event", "v"), rule=rule)
    return scene


def complete(trial: Trial, fmt: Format) -> None:
    """Each step logs everything that happened, in its order, and ``seq`` counts all events."""
    scene = _run(FlowScene(trial, fmt), "trace.complete")
    names = {each["e"] for each in scene.trace}
    assert names >= {"admitted", "entered", "decided", "called", "timer", "fired", "settled", "pending"}, (
        "more is logged"
    )
    scene.query("state", "trace.complete")
    scene.flush()


def exact(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The trace at each step is the canonical one: without ignored messages, with the events of subs in key order."""
    scene = FlowScene(trial, fmt)
    scene.start(draw_program(tape), draw_policy(tape), GIVEN, REFS, rule="trace.exact", rejected=None)
    talk, heads = Conversation(scene, tape), [scene.actor.head]
    for _ in range(tape.within(4, 10)):
        talk.say("trace.complete")
        heads.append(scene.actor.head)
    for head in heads:
        assert head is not None, "each step is there"
        scene.bench.query(head, "trace", rule="flow.trace.exact")
    scene.flush()


def no_ids(trial: Trial, fmt: Format) -> None:
    """No document of a core or of a packet has the id of an object: each object that is named is an edge."""
    scene = _run(FlowScene(trial, fmt), "value.no-ids")
    shelf = scene.bench.executor.shelf
    packets = [
        scene.packet_of(each)
        for mt in ("flow.call", "flow.timer", "flow.erase", "flow.report")
        for each in scene.sent(mt)
    ]
    ids = {scene.actor.identity, scene.actor.head, *scene.entries.values(), *scene.peers.values()}
    documents = [scene.entries["state"], *(packet["doc"] for packet in packets)]
    for document in documents:
        blob = shelf.blob(document)
        assert blob is not None, "a document is a blob"
        assert not any(each and (each in blob.data or each.hex().encode() in blob.data) for each in ids), "an id"
    scene.flush()


def stretches(trial: Trial, fmt: Format) -> None:
    """Events of subs are sorted over the steps of a parallel; other events between them divide them."""
    scene = FlowScene(trial, fmt)
    subs = {name: {"tool": "t", "args": {}, "timeout_ms": 5} for name in ("b", "aa", "a", "c")}
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e"}}
    scene.start(program("p", None, **nodes), policy(), GIVEN, REFS, rule="trace.exact")
    for number, key in enumerate(("c", "aa", "b", "a")):
        scene.ok(key, call=scene.call_of(key), rule="trace.exact")
        if number == 1:
            scene.control("erase", refs=["card"], rule="trace.exact")
        scene.send("note", scene.blob(b""), rule="trace.exact")
        scene.query("trace", "trace.exact")
    scene.flush()


def binds(trial: Trial, fmt: Format) -> None:
    """Another program, policy, input, argument, result or value of an event has another trace hash."""
    scene = FlowScene(trial, fmt)
    others: tuple[dict[str, Any], ...] = (
        *({}, {"given": {"y": 2}}, {"value": "z"}, {"value": ["x"]}, {"event": "w"}, {"event": None}, {"usage": 2}),
        *({"rules": policy(limits={"max_steps": 9_999})}, {"nodes": {"e": end(output="$out.a")}}),
        *({"nodes": {"a": {**_NODES["a"], "args": {"x": 2}}}}, {"nodes": {"a": {**_NODES["a"], "args": {"x": "2"}}}}),
    )
    hashes = set()
    for other in others:
        _run(scene, "trace.binds", **other)
        scene.query("trace", "trace.binds")
        hashes.add(scene.trace_hash)
    assert len(hashes) == len(others), "each has its own hash"
    scene.flush()


# --- replay --------------------------------------------------------------------------------------------------


def identical(trial: Trial, fmt: Format) -> None:
    """A chain replays without a difference, up to each of its steps, and each time."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    for step in _chain(scene):
        for _ in range(2):
            scene.replay("replay.identical", step)
    scene.control("cancel", rule="step.function")
    scene.send("cleanup", scene.blob(b""), "desk", rule="step.function")
    scene.replay("replay.identical")
    scene.control("erase", refs=["spare"], rule="step.function")
    scene.replay("replay.identical")
    scene.flush()


def _chain(scene: FlowScene) -> list[bytes]:
    """Return the steps from the first to the head."""
    found, at = [], scene.actor.head
    while at is not None:
        found.append(at)
        at = scene.bench.executor.shelf.step(at).previous
    return found[::-1]


def _forged(scene: FlowScene, chain: list[bytes], at: int, change: Any) -> bytes:
    """Return the head of the chain with one step changed, and the later ones put on it as they are."""
    shelf, head = scene.bench.executor.shelf, chain[at - 1] if at else None
    for number in range(at, len(chain)):
        step = replace(shelf.step(chain[number]), previous=head)
        head = scene.bench.add(change(step) if number == at else step)
    assert head is not None, "the chain has steps"
    return head


def divergences(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A change of any field, and a step that was dropped, added or exchanged, is found where it is first."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    chain, shelf = _chain(scene), scene.bench.executor.shelf
    at = tape.below(len(chain))
    step = shelf.step(chain[at])
    core, inbox, outbox = dict(shelf.names(step.core)), shelf.mail(step.inbox), shelf.mail(step.outbox)
    state: Any = scene.value(core["state"])

    def of_core(entries: dict[str, bytes]) -> Any:
        return lambda each: replace(each, core=scene.bench.add(Tree(tuple(entries.items()))))

    def of_state(**members: Any) -> Any:
        changed = {name: each for name, each in {**state, **members}.items() if each is not ...}
        return of_core({**core, "state": scene.document(changed)})

    changes = [
        of_state(seq=state["seq"] + 1),
        of_state(log=state["log"][:-1]),
        of_state(log=[*state["log"], {"e": "cut"}]),
        of_state(status="failed" if state["status"] != "failed" else "succeeded"),
        of_state(calls=state["calls"] + 1),
        of_state(idle=state["idle"] + 1),
        of_core({**core, "x": scene.stranger}),
        of_core({**core, "input": scene.document({})}),
        of_core({**core, "program": scene.document(program("e"))}),
        of_core({**core, "policy": scene.stranger}),
        of_core({name: each for name, each in core.items() if name != "name"} | {"starter": scene.stranger}),
        lambda each: replace(each, outbox=None if outbox else each.inbox),
        lambda each: replace(each, inbox=scene.bench.add(Mailbox(((scene.stranger, next(iter(inbox.values()))),)))),
    ]
    for change in changes:
        scene.replay("replay.first-divergence", _forged(scene, chain, at, change))
    if 0 < at < len(chain) - 1:
        dropped = [each for each in chain if each != chain[at]]
        scene.replay("replay.first-divergence", _forged(scene, dropped, at, lambda each: each))
        swapped = [*chain[:at], chain[at + 1], chain[at], *chain[at + 2 :]]
        scene.replay("replay.first-divergence", _forged(scene, swapped, at, lambda each: each))
        doubled = [*chain[: at + 1], *chain[at:]]
        scene.replay("replay.first-divergence", _forged(scene, doubled, at + 1, lambda each: each))
    scene.flush()


def closed(trial: Trial, fmt: Format) -> None:
    """A first step with the program or the policy of another flow differs at 0, also in a cut history."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    shelf, chain = scene.bench.executor.shelf, _chain(scene)
    names = {**shelf.names(scene.actor.identity)}
    others = {
        "program": scene.document(program("e")),
        "policy": scene.tree(doc=scene.document(policy(timer="desk")), peers=scene.tree(**scene.peers)),
        "input": scene.document({}),
    }
    for name, target in others.items():
        other = scene.tree(**{**names, name: target})
        forged = _forged(scene, chain, 0, lambda each, other=other: replace(each, actor=other))
        scene.replay("replay.closed", forged)
    scene.control("cancel", rule="step.function")
    scene.send("cleanup", scene.blob(b""), "desk", rule="step.function")
    root = scene.actor.value
    for name in (*others, "starter", "out"):
        entries = {**shelf.names(root.core), name: others.get(name, scene.stranger)}
        scene.replay("replay.closed", scene.bench.add(replace(root, core=scene.tree(**entries))))
    scene.flush()


def refused(trial: Trial, fmt: Format) -> None:
    """An absent step is missing; another object, and a step of an actor that is no flow, are invalid."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    first = _chain(scene)[0]
    puppet = scene.bench.born(b"puppet")
    assert puppet.head is not None, "the puppet has a head"
    ids = [fmt.hash(b"absent"), bytes(32), scene.actor.identity, scene.stranger, scene.blob(b""), puppet.head]
    ids.append(scene.bench.add(Message(None, (), scene.stranger)))
    step = scene.bench.executor.shelf.step(first)
    ids.append(scene.bench.add(Step(None, scene.stranger, step.inbox, None, step.core)))
    for each in ids:
        scene.replay("replay.refused", each)
    scene.replay("replay.identical", first)
    scene.flush()


def damaged(trial: Trial, fmt: Format) -> None:
    """A chain with an object that is not a step is invalid; with another actor, or another kind of part, differs."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    chain, blob = _chain(scene), scene.blob(b"x")
    document, first = scene.document(1), scene.actor.identity
    for previous in (blob, scene.stranger, scene.bench.executor.shelf.step(chain[0]).inbox):
        forged = _forged(scene, [blob, *chain[1:]], 1, lambda each, previous=previous: replace(each, previous=previous))
        scene.replay("replay.refused", forged)
    other = scene.first_core(program("e"), policy(), GIVEN, REFS, name=blob)
    kinds = [{name: each} for name in ("inbox", "outbox", "core") for each in (blob, scene.stranger, document, first)]
    for changed in (*kinds, *({"actor": each} for each in (other, scene.stranger, blob))):
        for at in (0, 1, len(chain) - 2):
            forged = _forged(scene, chain, at, lambda each, changed=changed: replace(each, **changed))
            scene.replay("replay.first-divergence", forged)
    scene.flush()


# --- queries -------------------------------------------------------------------------------------------------


def answers(trial: Trial, fmt: Format) -> None:
    """The queries have their answers whatever the arguments are, at each step; every other name has none."""
    scene = _run(FlowScene(trial, fmt), "step.function")
    for step in _chain(scene):
        for name in ("state", "trace", "accepts", "wut", "", "STATE", "states", "log", "Wut"):
            for args in (b"", b"x", encode(1)):
                rule = {"wut": "query.wut", "accepts": "query.accepts"}.get(name, "query.state")
                scene.bench.query(step, name, args, rule=f"flow.{rule}")
    scene.flush()


def accepted(trial: Trial, fmt: Format, tape: Tape) -> None:
    """``accepts`` has the messages that the flow does not ignore: of calls, timers, waits and control."""
    scene = FlowScene(trial, fmt)
    rules: Any = draw_policy(tape)
    if tape.below(2):
        control = {name: tape.pick((["edge", "clock", "bank"], ["desk"], [])) for name in ("cancel", "erase", "replan")}
        rules |= {"control": control, "events": {"go": ["clock", "edge", "bank"], "stop": ["edge"]}}
    scene.start(draw_program(tape), rules, GIVEN, REFS, rejected=None)
    scene.query("accepts", "query.accepts")
    talk = Conversation(scene, tape)
    for _ in range(tape.within(4, 12)):
        accepts: Any = scene.value(scene.bench.executor.query(scene.actor.head or b"", "accepts", b""))
        mt, content, sender, headers = talk.message()
        scene.send(mt, content, sender, rule="query.accepts", **headers)
        fits = [each for each in accepts if each["mt"] == mt]
        is_ignored = "ignored" in {each["e"] for each in scene.state["log"]}
        assert fits or is_ignored, "the model ignores what it does not accept"
        scene.query("accepts", "query.accepts")
    scene.flush()


def ordered(trial: Trial, fmt: Format) -> None:
    """The peers of an element are in key order, shorter names first; an element without peers is omitted."""
    scene = FlowScene(trial, fmt)
    names = ["edge", "clock", "bank"]
    lists: tuple[dict[str, Any], ...] = ({"cancel": names, "erase": names[::-1], "replan": []}, {"cancel": []}, {})
    wait = {"kind": "wait", "event": "go", "next": "e"}
    for control in lists:
        rules = policy(control=control, events={"go": names}, agent=..., eraser=...)
        scene.start(program("w", w={**wait, "next": "a"}, a=call()), rules, GIVEN, REFS)
        scene.query("accepts", "query.accepts")
        scene.event(1, "edge", rule="wait.bound")
        scene.query("accepts", "query.accepts")
    scene.flush()


def sealed(trial: Trial, fmt: Format) -> None:
    """A flow that took new refs lists them among those that can be erased."""
    scene = FlowScene(trial, fmt).start(program("a", a=call("b"), b=call()), policy(), {"x": 1})
    scene.query("accepts", "query.accepts")
    scene.ok(1, refs=scene.tree(new=scene.blob(SEALED, ct="sealed")), rule="result.refs")
    scene.query("accepts", "query.accepts")
    scene.control("erase", refs=["new"], rule="erase.asked")
    scene.query("accepts", "query.accepts")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("trace/complete", complete, "trace.complete"),
    *of_runs("trace/exact", exact, "trace.exact", "trace.complete", given=tape(300), examples=20),
    *of_runs("value/no-ids", no_ids, "value.no-ids"),
    *of_runs("trace/stretches", stretches, "trace.exact"),
    *of_runs("trace/binds", binds, "trace.binds"),
    *of_runs("replay/identical", identical, "replay.identical"),
    *of_runs("replay/divergences", divergences, "replay.first-divergence", given=tape(1), examples=8),
    *of_runs("replay/closed", closed, "replay.closed"),
    *of_runs("replay/damaged", damaged, "replay.refused", "replay.first-divergence"),
    *of_runs("replay/refused", refused, "replay.refused", "replay.identical"),
    *of_runs("query/answers", answers, "query.state", "query.wut", "query.accepts"),
    *of_runs("query/accepted", accepted, "query.accepts", given=tape(300), examples=25),
    *of_runs("query/ordered", ordered, "query.accepts", "wait.bound"),
    *of_runs("query/sealed", sealed, "query.accepts", "result.refs", "erase.asked"),
)
