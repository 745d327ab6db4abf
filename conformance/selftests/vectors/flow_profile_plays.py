"""Runs of flows as vectors of the rules that bind the whole profile, and runs in which documents were erased."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene
from gritstone_conformance.strategies.flow_runs import TOOLS, call
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
    ok,
    replayed,
    said,
)

__all__ = ["Drafts", "profile_plays"]

Drafts = Iterator[tuple[str, str, Script, tuple[str, ...]]]
"""Name, rules, script and the log of the last step of each run."""

_CUT: Final = said("cleanup", lambda scene: scene.blob(b""), "desk")
_TWO: Final[dict[str, Any]] = {"a": call("b"), "b": call(), "e": OUT}
_RETRIED: Final[dict[str, Any]] = {"a": call(retry={"max_attempts": 2, "backoff_ms": 200}), "e": OUT}
_AGAIN: Final[dict[str, Any]] = {
    "a": call("b"),
    "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"},
    "e": OUT,
}


def profile_plays() -> Drafts:
    """Yield the runs."""
    for drafts in (_calls, _begins, _ends, _values, _erasures):
        yield from drafts()


def _calls() -> Drafts:
    called = ("fired", "called")
    yield "call/key-of-a-retry", "call.key-stable", calling(all_of(error(), fire), _RETRIED), called
    loop = calling(ok("again"), _AGAIN, limits={"max_visits": 2})
    yield "call/key-of-a-visit", "call.key-stable", loop, ("settled", "entered", "decided", "entered", "called")

    def first(scene: FlowScene, rule: str) -> None:
        sent = scene.calls()[0]
        scene.ok("v", call=sent, rule=rule)
        scene.ok("v", call=sent, rule=rule)

    yield "call/once", "call.once", calling(first, _TWO), ("unknown-request",)

    def receipt(scene: FlowScene, rule: str) -> None:
        scene.receipt(rule=rule)

    yield "call/undeliverable", "call.undeliverable", calling(receipt), LOST

    def late(scene: FlowScene, rule: str) -> None:
        first = scene.calls()[0]
        all_of(error(), fire)(scene, rule)
        scene.receipt(call=first, rule=rule)

    yield "call/undeliverable-late", "call.undeliverable", calling(late, _RETRIED), ("unknown-request",)
    subs = {name: {"tool": "t", "args": {}} for name in ("b", "c")}
    parallel = {"a": {"kind": "parallel", "calls": subs, "next": "e"}, "e": OUT}

    def stopped(scene: FlowScene, rule: str) -> None:
        scene.pending(call=scene.call_of("b"), rule=rule)
        scene.error(call=scene.call_of("c"), retry=False, rule=rule)
        scene.ok("v", call=scene.call_of("b"), rule=rule)
        scene.query("trace", rule)

    yield "call/recorded", "call.recorded", calling(stopped, parallel), LOST


def _begins() -> Drafts:
    bad = {"a": {**call("e", timeout_ms=5), "next": "nope"}, "e": OUT}
    rejected = calling(asked("trace", "accepts"), bad, rejected=True)
    yield "start/rejected", "check.before-effect", rejected, ("rejected", "ended")

    def twice(scene: FlowScene, rule: str) -> None:
        for sender in ("desk", "edge"):
            scene.send("genesis", scene.actor.identity, sender, rule=rule)
        scene.ok("v", rule=rule)
        scene.send("genesis", scene.actor.identity, "bank", rule=rule)
        scene.query("trace", rule)

    yield "start/by-several", "start.identity", calling(twice), DONE
    yield "start/cleanup", "start.cleanup", calling(all_of(control("cancel"), _CUT)), ("cut",)
    yield "start/cleanup-while-running", "start.cleanup", calling(_CUT), ("admitted", "entered", "called")
    edge = said("cleanup", lambda scene: scene.blob(b""), "edge")
    yield "start/cleanup-by-another", "start.cleanup", calling(all_of(control("cancel"), edge)), ("ended",)
    bad = {"a": call("nope")}
    yield "start/cleanup-rejected", "start.cleanup", calling(_CUT, bad, rejected=True), ("rejected", "ended")


def _ends() -> Drafts:
    again = all_of(ok(), control("cancel"), ok())
    yield "status/one-report", "status.report", calling(again), ("terminal",)
    failing = {"a": call("e", on_error="b"), "b": call("e"), "e": OUT}
    caught = ("settled", "failed", "entered", "called")
    yield "run/on-error", "check.static-is-dynamic", calling(error(retry=False), failing), caught
    looped = all_of(ok("again"), ok("done"), asked("trace"))
    ends = ("settled", "entered", "decided", "entered", "ended")
    yield "run/edges", "check.static-is-dynamic", calling(looped, _AGAIN, limits={"max_visits": 2}), ends

    def silent(scene: FlowScene, rule: str) -> None:
        pair, head, name = scene.bench.pair, scene.actor.head, "tags/head"
        scene.flush()
        pair.expect(pair.cas(Change(name, None, head), rule=f"flow.{rule}"))
        scene.replay(rule)
        scene.flush()
        pair.expect(pair.cas(Change(name, head, None), rule=f"flow.{rule}"))

    yield "replay/silent", "replay.silent", calling(all_of(ok(), silent)), DONE


def _values() -> Drafts:
    sent = ("settled", "entered", "called")
    named: dict[str, Any] = {"next": "e", "tool": "u", "peer": "bank", "max_calls": 1, "args": {"x": 2}}
    for slug, value in (("text", "v"), ("names", named), ("node", "e"), ("null", None)):
        yield f"result/data-{slug}", "result.data-only", calling(all_of(ok(value), asked("trace")), _TWO), sent
    nodes = {"a": call("b", args={"card": Ref("card")}), "b": call(args={"card": "$out.a"}), "e": OUT}

    def sealed(scene: FlowScene, rule: str) -> None:
        scene.ok(Ref("new"), refs=scene.tree(new=scene.blob(SEALED + b"n", ct="sealed")), rule=rule)
        scene.control("erase", refs=["card", "spare"], rule=rule)
        scene.ok("v", rule=rule)
        scene.query("trace", rule)

    tools = {**TOOLS, "t": {"peer": "edge", "params": ["x", "card"], "refs": ["card"]}}
    yield "result/payload", "secret.by-ref", calling(sealed, nodes, tools=tools), DONE


def _without(name: str, *then: Script) -> Script:
    """Return the script that erases an entry of the core, or the output of a node, while a result is unread."""

    def script(scene: FlowScene, rule: str) -> None:
        answer = scene.packet({"attempt": 1, "outcome": "ok", "value": 9}, request=scene.calls()[-1].packet)
        scene.queue("flow.result", answer)
        entry, _, inner = name.partition("/")
        target = scene.entries[entry]
        scene.erase(dict(scene.bench.executor.shelf.names(target))[inner] if inner else target)
        all_of(*then)(scene, rule)

    return script


def _read(scene: FlowScene, rule: str) -> None:
    scene.read(rule)


def _erasures() -> Drafts:
    start, nothing = ("admitted", "entered", "called"), ()
    for name, log in (("program", start), ("policy/doc", start), ("state", nothing)):
        yield f"erase/needed-{name.partition('/')[0]}", "step.erased", calling(_without(name, _read)), log
    yield "erase/needless-input", "step.erased", calling(_without("input", _read)), DONE
    late = {"a": call("b"), "b": call("c"), "c": call(args={"x": "$out.a"}), "e": OUT}
    yield (
        "erase/needed-output",
        "step.erased",
        calling(all_of(ok("A"), _without("out/a", _read)), late),
        ("settled", "entered", "called"),
    )
    other = {**late, "c": call(args={"x": "$out.b"})}
    yield (
        "erase/needless-output",
        "step.erased",
        calling(all_of(ok("A"), _without("out/a", _read)), other),
        ("settled", "entered", "called"),
    )
    every = asked("state", "trace", "accepts", "wut")
    yield "erase/queries-without-state", "query.erased", calling(_without("state", every)), nothing
    yield "erase/queries-without-program", "query.erased", calling(_without("program", every)), start
    yield "erase/queries-without-input", "query.erased", calling(_without("input", every)), start
    yield "erase/replay-without-input", "replay.refused", calling(_without("input", replayed)), start
    yield "erase/replay-without-state", "replay.refused", calling(_without("state", replayed)), nothing
    yield "erase/replay-with-all", "replay.identical", calling(all_of(ok(), replayed)), DONE
