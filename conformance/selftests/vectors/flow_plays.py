"""Runs of flows as vectors. Names that end alike are twins: they differ in one message, one member or one entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.cases import Case
from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene
from gritstone_conformance.strategies.flow_programs import REFUND
from gritstone_conformance.strategies.flow_runs import TOOLS, call, end, program
from selftests.vectors.flow_profile_plays import Drafts, profile_plays
from selftests.vectors.flow_runs import RunDraft, case_of_run, started
from selftests.vectors.flow_scripts import (
    DONE,
    LOST,
    OUT,
    Script,
    all_of,
    asked,
    calling,
    control,
    error,
    fire,
    nothing,
    ok,
    replayed,
    said,
)

__all__ = ["play_cases"]

_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}
_RETRY: Final = {"max_attempts": 2, "backoff_ms": 200}


def play_cases() -> dict[str, list[Case]]:
    """Return the cases by topic, each draft in both formats."""
    topics: dict[str, list[Case]] = {}
    for draft in _drafts():
        for fmt in FORMATS.values():
            topics.setdefault(draft.name.partition("/")[0], []).append(case_of_run(draft, fmt))
    return topics


def _drafts() -> Iterator[RunDraft]:
    own = (_runs, _starts, _results, _policies, _parallels, _waits, _budgets, _erasures, _plans, _ignored)
    for drafts in (*own, profile_plays):
        for name, rules, script, ends in drafts():
            yield RunDraft(name, tuple(rules.split()), script, tuple(ends))


# --- whole runs ----------------------------------------------------------------------------------------------


def _refund(answer: str, *then: Script) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        draft = REFUND
        scene.start(draft.program, {**draft.policy, "eraser": "desk"}, draft.input, {"customer": SEALED}, rule=rule)
        scene.ok(answer, rule=rule, usage=120)
        all_of(*then, asked("trace", "state", "accepts", "wut"), replayed)(scene, rule)

    return script


def _runs() -> Drafts:
    yield (
        "run/refund-yes",
        "step.function trace.exact replay.identical query.state query.wut",
        _refund("yes", ok("R-1")),
        DONE,
    )
    yield "run/refund-no", "step.function trace.exact replay.identical query.state", _refund("no", ok("R-1")), DONE
    yield "run/refund-neither", "step.exits result.one-of", _refund("maybe"), LOST

    def smallest(scene: FlowScene, rule: str) -> None:
        scene.start(program("e"), {"flow_policy": 1, "tools": {}}, rule=rule)
        asked("trace", "state")(scene, rule)

    yield "run/smallest", "trace.complete query.state start.frozen", smallest, ("admitted", "entered", "ended")
    loop = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}}
    again = calling(all_of(ok("again"), ok("done"), asked("trace"), replayed), loop, limits={"max_visits": 5})
    yield (
        "run/loop",
        "step.exits step.quiescent trace.binds",
        again,
        ("settled", "entered", "decided", "entered", "ended"),
    )


def _starts() -> Drafts:
    def extra(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()}, rejected=True, entries={"extra": scene.stranger})

    yield "start/extra-entry", "core.closed check.same", extra, ("rejected", "ended")

    def name(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()}, entries={"name": scene.blob(b"1")})

    yield "start/name", "core.closed start.frozen call.exact policy.whole", name, ("admitted", "entered", "called")
    bad = {"a": call("nope")}
    yield "start/unknown-target", "check.same", calling(nothing, bad, rejected=True), ("rejected", "ended")
    again = said("genesis", lambda scene: scene.actor.identity)
    same = all_of(ok(), again, asked("trace"))
    yield "start/duplicate", "start.duplicate", calling(same), DONE
    update = said("update", lambda scene: scene.tree(x=scene.stranger))
    yield "start/update", "start.update", calling(update), ("admitted", "entered", "called")

    def puppet(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()})
        actor = scene.bench.born(b"puppet")
        code = scene.blob(b"external:flow/1", ct="s")
        actor.tell(scene.tree(wit=code, wit_query=code), "update", rule="flow.start.born")
        note = actor.send(scene.blob(b""), "note")
        scene.bench.step(actor.identity, actor.head, [(scene.bench.outside, note)], rule="flow.start.born")

    yield "start/born-as-a-puppet", "start.born", puppet, ("admitted", "entered", "called")

    def cut(sender: str) -> Script:
        cleanup = said("cleanup", lambda scene: scene.blob(b""), sender)
        return all_of(control("cancel"), cleanup, asked("trace"), replayed)

    yield "start/cut", "replay.closed trace.exact", calling(cut("desk")), ("cut",)
    yield "start/cut-by-another", "replay.closed trace.exact", calling(cut("edge")), ("ended",)


# --- results -------------------------------------------------------------------------------------------------


def _results() -> Drafts:
    yield "result/ok", "result.sender result.evidence", calling(ok("v")), DONE
    value = {"outcome": "ok", "value": "v"}
    other = said("flow.result", lambda scene: _answer(scene, value), "bank")
    yield "result/other-sender", "result.sender step.ignored", calling(other), ("wrong-sender",)
    yield "result/without-a-value", "result.malformed", calling(_told({"outcome": "ok"})), LOST
    yield "result/null", "result.malformed", calling(_told({"outcome": "ok", "value": None})), DONE
    yield (
        "result/evidence",
        "result.evidence",
        calling(lambda scene, rule: scene.ok("v", rule=rule, proof=scene.stranger)),
        DONE,
    )
    limited = {"a": call(one_of=["yes", "no"]), "e": OUT}
    yield "result/one-of", "result.one-of", calling(ok("yes"), limited), DONE
    yield "result/one-of-with-a-blank", "result.one-of", calling(ok("yes "), limited), LOST

    def new(name: str) -> Script:
        return lambda scene, rule: scene.ok(
            Ref(name), rule=rule, refs=scene.tree(new=scene.blob(SEALED + b"n", ct="sealed"))
        )

    yield "result/new-ref", "result.refs call.refs", calling(new("new")), DONE
    yield "result/unknown-ref", "result.refs", calling(new("nope")), LOST
    retried = {"a": call(retry=_RETRY, timeout_ms=1_000), "e": OUT}
    yield "retry/backoff", "retry.schedule status.suspended", calling(error(), retried), ("settled", "timer")
    yield (
        "retry/again",
        "retry.schedule call.exact",
        calling(all_of(error(), fire), retried),
        ("fired", "called", "timer"),
    )
    thrice = all_of(error(), fire, error())
    yield "retry/no-more", "retry.schedule", calling(thrice, retried), LOST
    yield "retry/not-asked", "retry.schedule", calling(error(retry=False), retried), LOST
    late = all_of(fire, lambda scene, rule: scene.ok("late", attempt=1, rule=rule))
    yield "timeout/late-result", "timeout.race result.first-wins", calling(late, retried), DONE
    once = {"a": call(timeout_ms=1_000), "e": OUT}
    yield "timeout/first", "timeout.race", calling(all_of(fire, ok("late")), once), ("terminal",)
    yield "timeout/second", "timeout.race", calling(all_of(ok("v"), fire), once), ("terminal",)

    def pending(scene: FlowScene, rule: str) -> None:
        scene.pending(rule=rule)

    yield "timeout/pending", "timeout.pending status.suspended", calling(all_of(pending, fire), once), ("stale-timer",)
    yield "timeout/not-pending", "timeout.pending", calling(fire, once), ("fired", *LOST)
    two = all_of(ok("first"), ok("second"))
    yield "result/second", "result.first-wins status.absorbing", calling(two), ("terminal",)


def _answer(scene: FlowScene, members: dict[str, Any]) -> bytes:
    return scene.packet({"attempt": 1, **members}, request=scene.calls()[-1].packet)


def _told(members: dict[str, Any]) -> Script:
    return said("flow.result", lambda scene: _answer(scene, members))


# --- policies and dispatch -----------------------------------------------------------------------------------


def _policies() -> Drafts:
    def dispatched(args: Any, **tool: Any) -> Script:
        tools = {**TOOLS, "t": {"peer": "edge", "params": ["x", "card"], **tool}}
        return calling(
            nothing,
            {"a": call(args=args)},
            tools=tools,
            given={"card": Ref("card"), "big": "x" * 33_000} if "big" in str(args) else {"card": Ref("card")},
        )

    sent, denied = ("admitted", "entered", "called"), ("admitted", "entered", "denied", "failed", "ended")
    yield "policy/when-true", "policy.when", dispatched({"x": 1}, when="$args.x == 1"), sent
    yield "policy/when-false", "policy.when policy.every-path", dispatched({"x": 1}, when="$args.x == 2"), denied
    yield "policy/when-unbound", "policy.when", dispatched({"card": 1}, when="$args.x == 1"), denied
    yield "policy/ref-permitted", "policy.refs call.refs", dispatched({"card": ["$input.card"]}, refs=["card"]), sent
    yield "policy/ref-denied", "policy.refs", dispatched({"x": ["$input.card"]}, refs=["card"]), denied
    lost = ("admitted", "entered", "failed", "ended")
    yield "policy/args-unbound", "tmpl.dispatch", dispatched({"x": "$input.nope"}), lost
    yield "policy/args-bound", "tmpl.dispatch", dispatched({"x": "$input.x"}), sent
    yield "policy/args-too-long", "tmpl.dispatch", dispatched({"x": ["$input.big", "$input.big"]}), lost
    fact = {"a": call("b"), "b": call(tool="u")}
    yield (
        "policy/fact",
        "policy.facts policy.deny-by-default",
        calling(ok("go"), fact),
        ("settled", "entered", "called"),
    )
    stopped = ("settled", "entered", "denied", "failed", "ended")
    yield "policy/fact-stops", "policy.facts policy.every-path", calling(ok("stop"), fact), stopped
    named = {"a": call("b"), "b": call(tool="v", args={"x": "$out.a"})}
    yield (
        "policy/value-names-a-peer",
        "policy.deny-by-default",
        calling(ok("desk"), named),
        ("settled", "entered", "called"),
    )


# --- parallels -----------------------------------------------------------------------------------------------


def _parallel(calls: dict[str, Any], **members: Any) -> dict[str, Any]:
    subs = {name: {"tool": "t", "args": {}, **each} for name, each in calls.items()}
    return {"a": {"kind": "parallel", "calls": subs, "next": "e", **members}, "e": OUT}


def _sub(key: str, value: Any = "v") -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        if value is None:
            scene.error(call=scene.call_of(key), retry=False, rule=rule)
        else:
            scene.ok(value, call=scene.call_of(key), rule=rule)

    return script


def _parallels() -> Drafts:
    three: dict[str, Any] = {"b": {}, "aa": {}, "c": {}}
    called = ("admitted", "entered", "called", "called", "called")
    yield "par/key-order", "par.order", calling(nothing, _parallel(three)), called
    yield "par/width", "par.order par.progress", calling(_sub("b"), _parallel(three, width=2)), ("settled", "called")
    both = {"a": {}, "b": {"depends_on": ["a"], "args": {"x": "$dep.a"}}}
    yield "par/depends", "par.depends", calling(_sub("a", "A"), _parallel(both)), ("settled", "called")
    null = {"a": {"optional": True}, "b": {"depends_on": ["a"], "args": {"x": "$dep.a"}}}
    yield (
        "par/depends-on-a-failure",
        "par.depends",
        calling(_sub("a", None), _parallel(null)),
        ("settled", "failed", "called"),
    )
    first = all_of(_sub("a", "A"), _sub("b", "B"), asked("trace"))
    second = all_of(_sub("b", "B"), _sub("a", "A"), asked("trace"))
    two: dict[str, Any] = {"a": {}, "b": {}}
    yield "par/first-first", "par.schedule-free step.fold", calling(first, _parallel(two)), DONE
    yield "par/second-first", "par.schedule-free step.order", calling(second, _parallel(two)), DONE
    stop = all_of(_sub("a", None), _sub("b", "B"))
    yield (
        "par/stop",
        "par.stop",
        calling(stop, _parallel({**two, "c": {"depends_on": ["b"]}})),
        ("settled", "failed", "ended"),
    )
    limited = calling(stop, _parallel({**two, "c": {}}), limits={"max_calls": 2})
    yield "par/stop-by-a-limit", "par.stop", limited, ("settled", "ended")
    optional = {"a": {"optional": True}, "b": {}}
    yield "par/optional", "par.optional", calling(stop, _parallel(optional)), DONE
    narrow = all_of(_sub("a", None), _sub("b"))
    yield "par/progress", "par.progress", calling(narrow, _parallel(optional, width=1)), DONE


# --- waits, budgets ------------------------------------------------------------------------------------------


def _waits() -> Drafts:
    nodes = {"a": _WAIT, "e": OUT}
    done = ("resumed", "entered", "ended")

    def event(**other: Any) -> Script:
        return lambda scene, rule: scene.event("v", rule=rule, **other)

    yield "wait/event", "wait.bound wait.transparent", calling(event(), nodes), done
    for name, member in (("node", "e"), ("visit", 2), ("event", "stop")):
        yield (
            f"wait/other-{name}",
            "wait.bound step.ignored",
            calling(event(**{name: member}), nodes),
            ("wrong-binding",),
        )

    def other(scene: FlowScene, rule: str) -> None:
        scene.event("v", "bank", rule=rule)

    yield "wait/other-sender", "wait.bound", calling(other, nodes), ("wrong-sender",)
    yield "wait/twice", "wait.once", calling(all_of(event(), event()), nodes), ("terminal",)


def _budgets() -> Drafts:
    nodes = {"a": call("b"), "b": call("c"), "c": call(), "e": end(output="$out.c")}
    run = all_of(ok(), ok(), ok())
    stop = ("settled", "entered", "ended")
    for name, exact in (("steps", 4), ("calls", 3), ("tokens", 9)):
        for slug, limit, ends in (
            ("exact", exact, DONE),
            ("one-less", exact - 1, ("settled", "ended") if name == "steps" else stop),
        ):
            then = run if slug == "exact" or name == "steps" else all_of(ok(), ok())
            limits = {f"max_{name}": limit}
            yield f"budget/{name}-{slug}", f"budget.{name}", calling(then, nodes, limits=limits), ends
            yield f"budget/{name}-{slug}-of-the-policy", "budget.both", calling(then, nodes, bounds=limits), ends
    loop = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 1", "then": "a", "else": "e"}}
    visits = calling(all_of(ok(1), ok(1)), loop, limits={"max_visits": 2})
    yield "budget/visits", "budget.visits", visits, ("settled", "entered", "decided", "ended")
    stalled = calling(all_of(ok(1), ok(1)), loop, limits={"max_visits": 9, "max_stalled": 2})
    yield "budget/stalled", "budget.stalled trace.complete", stalled, ("settled", "entered", "decided", "ended")
    branches = {f"n{number}": _branch(f"n{number + 1}") for number in range(999)}
    more = {"a": _branch("n0"), **branches, "n999": _branch("e")}
    entered = ("admitted", *(("entered", "decided") * 1_000), "ended")
    yield "budget/moves", "budget.moves step.bound", calling(nothing, more, limits={"max_steps": 10_000}), entered


def _branch(to: str) -> dict[str, Any]:
    return {"kind": "branch", "if": "$input.x == 1", "then": to, "else": "e"}


# --- erasing, successors, what is ignored --------------------------------------------------------------------


def _erasures() -> Drafts:
    erase = control("erase", refs=["card"])
    yield "erase/request", "erase.asked erase.appended", calling(erase), ("erased",)
    yield "erase/again", "erase.asked", calling(all_of(erase, erase)), ("erased-before",)

    def gone(scene: FlowScene, rule: str) -> None:
        scene.erased(rule=rule)

    yield "erase/gone", "erase.asked erase.appended", calling(all_of(erase, ok(), gone)), ("gone",)
    nodes = {"a": call("b"), "b": call(args={"card": Ref("card")})}
    yield "erase/sent", "erase.denied", calling(ok(), nodes), ("settled", "entered", "called")
    denied = ("settled", "entered", "denied", "failed", "ended")
    yield "erase/denied", "erase.denied", calling(all_of(erase, ok()), nodes), denied


def _plans() -> Drafts:
    nodes = {"a": call("b"), "b": call()}
    plan = program("x", x=call(args={"x": "$prior.a"}))

    def replan(whole: Any = plan) -> Script:
        return control("replan", program=whole)

    def begun(scene: FlowScene, rule: str) -> None:
        later = scene.successor(rule=rule)
        later.read(rule)
        later.ok(9, rule=rule)
        later.query("trace", rule)

    ended = all_of(ok("A"))
    limits = {"max_calls": 1}
    yield (
        "replan/continued",
        "replan.only-interrupted replan.rechecked",
        calling(all_of(ended, replan()), nodes, limits=limits),
        ("continued",),
    )
    yield "replan/running", "replan.only-interrupted", calling(replan(), nodes, limits=limits), ("not-interrupted",)
    twice = all_of(ended, replan(), replan(program("x", x=call())))
    yield "replan/twice", "replan.once", calling(twice, nodes, limits=limits), ("already-continued",)
    defective = all_of(ended, replan(program("x", x=call("nope"))))
    yield "replan/defective", "replan.rechecked", calling(defective, nodes, limits=limits), ("rejected-plan",)
    yield (
        "replan/begun",
        "replan.carries replan.heir",
        calling(all_of(ended, replan(), begun), nodes, limits=limits),
        ("continued",),
    )

    def stranger(scene: FlowScene, rule: str) -> None:
        later = scene.successor(rule=rule)
        later.actor.tips.clear()
        later.send("flow.start", scene.packet(flow=scene.entries["next"]), rule=rule)

    yield (
        "replan/other-sender",
        "replan.heir",
        calling(all_of(ended, replan(), stranger), nodes, limits=limits),
        ("continued",),
    )


def _ignored() -> Drafts:
    cancel = control("cancel")
    yield "status/cancelled", "status.absorbing step.ignored", calling(all_of(cancel, cancel)), ("terminal",)
    other = said("flow.cancel", lambda scene: scene.packet(flow=scene.stranger), "desk")
    yield (
        "status/other-flow",
        "step.ignored query.accepts",
        calling(all_of(other, asked("accepts"))),
        ("wrong-binding",),
    )
    note = said("note", lambda scene: scene.blob(b""))
    yield "status/note", "step.ignored value.no-ids", calling(note), ("unknown-message",)

    def forged(scene: FlowScene, rule: str) -> None:
        value = scene.actor.value
        scene.replay("replay.refused", scene.stranger)
        step = type(value)(value.previous, value.actor, value.inbox, value.outbox, scene.stranger)
        scene.replay(rule, scene.bench.add(step))

    yield "replay/forged", "replay.first-divergence replay.refused", calling(all_of(ok(), forged)), DONE
