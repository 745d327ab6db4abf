"""Runs of flows as vectors. Names that end alike are twins: they differ in one message, one member or one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from gritstone_conformance.cases import Case
from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene
from gritstone_conformance.strategies.flow_programs import REFUND
from gritstone_conformance.strategies.flow_runs import TOOLS, call, end, program
from selftests.vectors.flow_runs import RunDraft, case_of_run, started

__all__ = ["play_cases"]

Script = Callable[[FlowScene, str], object]

_OUT: Final = end(output="$out.a")
_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}
_RETRY: Final = {"max_attempts": 2, "backoff_ms": 200}
_DONE: Final = ("settled", "entered", "ended")
_LOST: Final = ("settled", "failed", "ended")


def play_cases() -> dict[str, list[Case]]:
    """Return the cases by topic, each draft in both formats."""
    topics: dict[str, list[Case]] = {}
    for draft in _drafts():
        for fmt in FORMATS.values():
            topics.setdefault(draft.name.partition("/")[0], []).append(case_of_run(draft, fmt))
    return topics


def _drafts() -> Iterator[RunDraft]:
    for drafts in (_runs, _starts, _results, _policies, _parallels, _waits, _budgets, _erasures, _plans, _ignored):
        for name, rules, script, ends in drafts():
            yield RunDraft(name, tuple(rules.split()), script, tuple(ends))


_Drafts = Iterator[tuple[str, str, Script, tuple[str, ...]]]


def _calling(then: Script, nodes: dict[str, Any] | None = None, **options: Any) -> Script:
    """Return the script that starts a flow, by default one with a call, and does more."""

    def script(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call(), "e": _OUT} if nodes is None else nodes, **options)
        then(scene, rule)

    return script


def _ok(value: Any = "v", **options: Any) -> Script:
    return lambda scene, rule: scene.ok(value, rule=rule, **options)


def _error(*, retry: bool = True) -> Script:
    return lambda scene, rule: scene.error(retry=retry, rule=rule)


def _fire(scene: FlowScene, rule: str) -> None:
    scene.fire(rule=rule)


def _all(*scripts: Script) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        for each in scripts:
            each(scene, rule)

    return script


def _said(mt: str, content: Callable[[FlowScene], bytes], sender: str = "edge") -> Script:
    """Return the script that sends a message of a peer."""
    return lambda scene, rule: scene.send(mt, content(scene), sender, rule=rule)


def _control(name: str, **more: Any) -> Script:
    return lambda scene, rule: scene.control(name, rule=rule, **more)


def _nothing(scene: FlowScene, rule: str) -> None:
    """Send nothing more."""


def _asked(*names: str) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        for name in names:
            scene.query(name, rule)

    return script


def _replayed(scene: FlowScene, rule: str) -> None:
    scene.replay(rule)


# --- whole runs ----------------------------------------------------------------------------------------------


def _refund(answer: str, *then: Script) -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        draft = REFUND
        scene.start(draft.program, {**draft.policy, "eraser": "desk"}, draft.input, {"customer": SEALED}, rule=rule)
        scene.ok(answer, rule=rule, usage=120)
        _all(*then, _asked("trace", "state", "accepts", "wut"), _replayed)(scene, rule)

    return script


def _runs() -> _Drafts:
    yield (
        "run/refund-yes",
        "step.function trace.exact replay.identical query.state query.wut",
        _refund("yes", _ok("R-1")),
        _DONE,
    )
    yield "run/refund-no", "step.function trace.exact replay.identical query.state", _refund("no", _ok("R-1")), _DONE
    yield "run/refund-neither", "step.exits result.one-of", _refund("maybe"), _LOST

    def smallest(scene: FlowScene, rule: str) -> None:
        scene.start(program("e"), {"flow_policy": 1, "tools": {}}, rule=rule)
        _asked("trace", "state")(scene, rule)

    yield "run/smallest", "trace.complete query.state start.frozen", smallest, ("admitted", "entered", "ended")
    loop = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}}
    again = _calling(_all(_ok("again"), _ok("done"), _asked("trace"), _replayed), loop, limits={"max_visits": 5})
    yield (
        "run/loop",
        "step.exits step.quiescent trace.binds",
        again,
        ("settled", "entered", "decided", "entered", "ended"),
    )


def _starts() -> _Drafts:
    def extra(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()}, rejected=True, entries={"extra": scene.stranger})

    yield "start/extra-entry", "core.closed check.same", extra, ("rejected", "ended")

    def name(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()}, entries={"name": scene.blob(b"1")})

    yield "start/name", "core.closed start.frozen call.exact policy.whole", name, ("admitted", "entered", "called")
    bad = {"a": call("nope")}
    yield "start/unknown-target", "check.same", _calling(_nothing, bad, rejected=True), ("rejected", "ended")
    again = _said("genesis", lambda scene: scene.actor.identity)
    same = _all(_ok(), again, _asked("trace"))
    yield "start/duplicate", "start.duplicate", _calling(same), _DONE
    update = _said("update", lambda scene: scene.tree(x=scene.stranger))
    yield "start/update", "start.update", _calling(update), ("admitted", "entered", "called")

    def puppet(scene: FlowScene, rule: str) -> None:
        started(scene, rule, {"a": call()})
        actor = scene.bench.born(b"puppet")
        code = scene.blob(b"external:flow/1", ct="s")
        actor.tell(scene.tree(wit=code, wit_query=code), "update", rule="flow.start.born")
        note = actor.send(scene.blob(b""), "note")
        scene.bench.step(actor.identity, actor.head, [(scene.bench.outside, note)], rule="flow.start.born")

    yield "start/born-as-a-puppet", "start.born", puppet, ("admitted", "entered", "called")

    def cut(sender: str) -> Script:
        cleanup = _said("cleanup", lambda scene: scene.blob(b""), sender)
        return _all(_control("cancel"), cleanup, _asked("trace"), _replayed)

    yield "start/cut", "replay.closed trace.exact", _calling(cut("desk")), ("cut",)
    yield "start/cut-by-another", "replay.closed trace.exact", _calling(cut("edge")), ("ended",)


# --- results -------------------------------------------------------------------------------------------------


def _results() -> _Drafts:
    yield "result/ok", "result.sender result.evidence", _calling(_ok("v")), _DONE
    value = {"outcome": "ok", "value": "v"}
    other = _said("flow.result", lambda scene: _answer(scene, value), "bank")
    yield "result/other-sender", "result.sender step.ignored", _calling(other), ("wrong-sender",)
    yield "result/without-a-value", "result.malformed", _calling(_told({"outcome": "ok"})), _LOST
    yield "result/null", "result.malformed", _calling(_told({"outcome": "ok", "value": None})), _DONE
    yield (
        "result/evidence",
        "result.evidence",
        _calling(lambda scene, rule: scene.ok("v", rule=rule, proof=scene.stranger)),
        _DONE,
    )
    limited = {"a": call(one_of=["yes", "no"]), "e": _OUT}
    yield "result/one-of", "result.one-of", _calling(_ok("yes"), limited), _DONE
    yield "result/one-of-with-a-blank", "result.one-of", _calling(_ok("yes "), limited), _LOST

    def new(name: str) -> Script:
        return lambda scene, rule: scene.ok(
            Ref(name), rule=rule, refs=scene.tree(new=scene.blob(SEALED + b"n", ct="sealed"))
        )

    yield "result/new-ref", "result.refs call.refs", _calling(new("new")), _DONE
    yield "result/unknown-ref", "result.refs", _calling(new("nope")), _LOST
    retried = {"a": call(retry=_RETRY, timeout_ms=1_000), "e": _OUT}
    yield "retry/backoff", "retry.schedule status.suspended", _calling(_error(), retried), ("settled", "timer")
    yield (
        "retry/again",
        "retry.schedule call.exact",
        _calling(_all(_error(), _fire), retried),
        ("fired", "called", "timer"),
    )
    thrice = _all(_error(), _fire, _error())
    yield "retry/no-more", "retry.schedule", _calling(thrice, retried), _LOST
    yield "retry/not-asked", "retry.schedule", _calling(_error(retry=False), retried), _LOST
    late = _all(_fire, lambda scene, rule: scene.ok("late", attempt=1, rule=rule))
    yield "timeout/late-result", "timeout.race result.first-wins", _calling(late, retried), _DONE
    once = {"a": call(timeout_ms=1_000), "e": _OUT}
    yield "timeout/first", "timeout.race", _calling(_all(_fire, _ok("late")), once), ("terminal",)
    yield "timeout/second", "timeout.race", _calling(_all(_ok("v"), _fire), once), ("terminal",)

    def pending(scene: FlowScene, rule: str) -> None:
        scene.pending(rule=rule)

    yield "timeout/pending", "timeout.pending status.suspended", _calling(_all(pending, _fire), once), ("stale-timer",)
    yield "timeout/not-pending", "timeout.pending", _calling(_fire, once), ("fired", *_LOST)
    two = _all(_ok("first"), _ok("second"))
    yield "result/second", "result.first-wins status.absorbing", _calling(two), ("terminal",)


def _answer(scene: FlowScene, members: dict[str, Any]) -> bytes:
    return scene.packet({"attempt": 1, **members}, request=scene.calls()[-1].packet)


def _told(members: dict[str, Any]) -> Script:
    return _said("flow.result", lambda scene: _answer(scene, members))


# --- policies and dispatch -----------------------------------------------------------------------------------


def _policies() -> _Drafts:
    def dispatched(args: Any, **tool: Any) -> Script:
        tools = {**TOOLS, "t": {"peer": "edge", "params": ["x", "card"], **tool}}
        return _calling(
            _nothing,
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
        _calling(_ok("go"), fact),
        ("settled", "entered", "called"),
    )
    stopped = ("settled", "entered", "denied", "failed", "ended")
    yield "policy/fact-stops", "policy.facts policy.every-path", _calling(_ok("stop"), fact), stopped
    named = {"a": call("b"), "b": call(tool="v", args={"x": "$out.a"})}
    yield (
        "policy/value-names-a-peer",
        "policy.deny-by-default",
        _calling(_ok("desk"), named),
        ("settled", "entered", "called"),
    )


# --- parallels -----------------------------------------------------------------------------------------------


def _parallel(calls: dict[str, Any], **members: Any) -> dict[str, Any]:
    subs = {name: {"tool": "t", "args": {}, **each} for name, each in calls.items()}
    return {"a": {"kind": "parallel", "calls": subs, "next": "e", **members}, "e": _OUT}


def _sub(key: str, value: Any = "v") -> Script:
    def script(scene: FlowScene, rule: str) -> None:
        if value is None:
            scene.error(call=scene.call_of(key), retry=False, rule=rule)
        else:
            scene.ok(value, call=scene.call_of(key), rule=rule)

    return script


def _parallels() -> _Drafts:
    three: dict[str, Any] = {"b": {}, "aa": {}, "c": {}}
    called = ("admitted", "entered", "called", "called", "called")
    yield "par/key-order", "par.order", _calling(_nothing, _parallel(three)), called
    yield "par/width", "par.order par.progress", _calling(_sub("b"), _parallel(three, width=2)), ("settled", "called")
    both = {"a": {}, "b": {"depends_on": ["a"], "args": {"x": "$dep.a"}}}
    yield "par/depends", "par.depends", _calling(_sub("a", "A"), _parallel(both)), ("settled", "called")
    null = {"a": {"optional": True}, "b": {"depends_on": ["a"], "args": {"x": "$dep.a"}}}
    yield (
        "par/depends-on-a-failure",
        "par.depends",
        _calling(_sub("a", None), _parallel(null)),
        ("settled", "failed", "called"),
    )
    first = _all(_sub("a", "A"), _sub("b", "B"), _asked("trace"))
    second = _all(_sub("b", "B"), _sub("a", "A"), _asked("trace"))
    two: dict[str, Any] = {"a": {}, "b": {}}
    yield "par/first-first", "par.schedule-free step.fold", _calling(first, _parallel(two)), _DONE
    yield "par/second-first", "par.schedule-free step.order", _calling(second, _parallel(two)), _DONE
    stop = _all(_sub("a", None), _sub("b", "B"))
    yield (
        "par/stop",
        "par.stop",
        _calling(stop, _parallel({**two, "c": {"depends_on": ["b"]}})),
        ("settled", "failed", "ended"),
    )
    optional = {"a": {"optional": True}, "b": {}}
    yield "par/optional", "par.optional", _calling(stop, _parallel(optional)), _DONE
    narrow = _all(_sub("a", None), _sub("b"))
    yield "par/progress", "par.progress", _calling(narrow, _parallel(optional, width=1)), _DONE


# --- waits, budgets ------------------------------------------------------------------------------------------


def _waits() -> _Drafts:
    nodes = {"a": _WAIT, "e": _OUT}
    done = ("resumed", "entered", "ended")

    def event(**other: Any) -> Script:
        return lambda scene, rule: scene.event("v", rule=rule, **other)

    yield "wait/event", "wait.bound wait.transparent", _calling(event(), nodes), done
    for name, member in (("node", "e"), ("visit", 2), ("event", "stop")):
        yield (
            f"wait/other-{name}",
            "wait.bound step.ignored",
            _calling(event(**{name: member}), nodes),
            ("wrong-binding",),
        )

    def other(scene: FlowScene, rule: str) -> None:
        scene.event("v", "bank", rule=rule)

    yield "wait/other-sender", "wait.bound", _calling(other, nodes), ("wrong-sender",)
    yield "wait/twice", "wait.once", _calling(_all(event(), event()), nodes), ("terminal",)


def _budgets() -> _Drafts:
    nodes = {"a": call("b"), "b": call("c"), "c": call(), "e": end(output="$out.c")}
    run = _all(_ok(), _ok(), _ok())
    stop = ("settled", "entered", "ended")
    for name, exact in (("steps", 4), ("calls", 3), ("tokens", 9)):
        for slug, limit, ends in (
            ("exact", exact, _DONE),
            ("one-less", exact - 1, ("settled", "ended") if name == "steps" else stop),
        ):
            then = run if slug == "exact" or name == "steps" else _all(_ok(), _ok())
            limits = {f"max_{name}": limit}
            yield f"budget/{name}-{slug}", f"budget.{name}", _calling(then, nodes, limits=limits), ends
            yield f"budget/{name}-{slug}-of-the-policy", "budget.both", _calling(then, nodes, bounds=limits), ends
    loop = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 1", "then": "a", "else": "e"}}
    visits = _calling(_all(_ok(1), _ok(1)), loop, limits={"max_visits": 2})
    yield "budget/visits", "budget.visits", visits, ("settled", "entered", "decided", "ended")
    stalled = _calling(_all(_ok(1), _ok(1)), loop, limits={"max_visits": 9, "max_stalled": 2})
    yield "budget/stalled", "budget.stalled trace.complete", stalled, ("settled", "entered", "decided", "ended")
    branches = {f"n{number}": _branch(f"n{number + 1}") for number in range(999)}
    more = {"a": _branch("n0"), **branches, "n999": _branch("e")}
    entered = ("admitted", *(("entered", "decided") * 1_000), "ended")
    yield "budget/moves", "budget.moves step.bound", _calling(_nothing, more, limits={"max_steps": 10_000}), entered


def _branch(to: str) -> dict[str, Any]:
    return {"kind": "branch", "if": "$input.x == 1", "then": to, "else": "e"}


# --- erasing, successors, what is ignored --------------------------------------------------------------------


def _erasures() -> _Drafts:
    erase = _control("erase", refs=["card"])
    yield "erase/request", "erase.asked erase.appended", _calling(erase), ("erased",)
    yield "erase/again", "erase.asked", _calling(_all(erase, erase)), ("erased-before",)

    def gone(scene: FlowScene, rule: str) -> None:
        scene.erased(rule=rule)

    yield "erase/gone", "erase.asked erase.appended", _calling(_all(erase, _ok(), gone)), ("gone",)
    nodes = {"a": call("b"), "b": call(args={"card": Ref("card")})}
    yield "erase/sent", "erase.denied", _calling(_ok(), nodes), ("settled", "entered", "called")
    denied = ("settled", "entered", "denied", "failed", "ended")
    yield "erase/denied", "erase.denied", _calling(_all(erase, _ok()), nodes), denied


def _plans() -> _Drafts:
    nodes = {"a": call("b"), "b": call()}
    plan = program("x", x=call(args={"x": "$prior.a"}))

    def replan(whole: Any = plan) -> Script:
        return _control("replan", program=whole)

    def begun(scene: FlowScene, rule: str) -> None:
        later = scene.successor(rule=rule)
        later.read(rule)
        later.ok(9, rule=rule)
        later.query("trace", rule)

    ended = _all(_ok("A"))
    limits = {"max_calls": 1}
    yield (
        "replan/continued",
        "replan.only-interrupted replan.rechecked",
        _calling(_all(ended, replan()), nodes, limits=limits),
        ("continued",),
    )
    yield "replan/running", "replan.only-interrupted", _calling(replan(), nodes, limits=limits), ("not-interrupted",)
    twice = _all(ended, replan(), replan(program("x", x=call())))
    yield "replan/twice", "replan.once", _calling(twice, nodes, limits=limits), ("already-continued",)
    defective = _all(ended, replan(program("x", x=call("nope"))))
    yield "replan/defective", "replan.rechecked", _calling(defective, nodes, limits=limits), ("rejected-plan",)
    yield (
        "replan/begun",
        "replan.carries replan.heir",
        _calling(_all(ended, replan(), begun), nodes, limits=limits),
        ("continued",),
    )

    def stranger(scene: FlowScene, rule: str) -> None:
        later = scene.successor(rule=rule)
        later.actor.tips.clear()
        later.send("flow.start", scene.packet(flow=scene.entries["next"]), rule=rule)

    yield (
        "replan/other-sender",
        "replan.heir",
        _calling(_all(ended, replan(), stranger), nodes, limits=limits),
        ("continued",),
    )


def _ignored() -> _Drafts:
    cancel = _control("cancel")
    yield "status/cancelled", "status.absorbing step.ignored", _calling(_all(cancel, cancel)), ("terminal",)
    other = _said("flow.cancel", lambda scene: scene.packet(flow=scene.stranger), "desk")
    yield (
        "status/other-flow",
        "step.ignored query.accepts",
        _calling(_all(other, _asked("accepts"))),
        ("wrong-binding",),
    )
    note = _said("note", lambda scene: scene.blob(b""))
    yield "status/note", "step.ignored value.no-ids", _calling(note), ("unknown-message",)

    def forged(scene: FlowScene, rule: str) -> None:
        value = scene.actor.value
        scene.replay("replay.refused", scene.stranger)
        step = type(value)(value.previous, value.actor, value.inbox, value.outbox, scene.stranger)
        scene.replay(rule, scene.bench.add(step))

    yield "replay/forged", "replay.first-divergence replay.refused", _calling(_all(_ok(), forged)), _DONE
