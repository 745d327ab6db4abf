"""The model of metrics and of replay."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model.flow.metrics import _change_point, metrics
from gritstone_conformance.model.flow.operations import metrics_expected
from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.model.flow_replay import replay_expected
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Mailbox, Step, to_base64
from gritstone_conformance.replies import Ok, Refused
from selftests.model.flow_programs import INPUT, POLICY, REFUND
from selftests.model.flow_scene import SEALED, FlowScene

SERIES = [
    ("0" * 20 + "1" * 10, 20, 17302),
    ("0" * 10 + "1" * 10, 10, 11015),
    ("01" * 15, 1, -847),
    ("0" * 30, 1, -2321),
    ("0000000001011011", 9, 2943),
]


def entered(nodes: str) -> Any:
    return [{"e": "entered", "node": node, "visit": 1} for node in nodes.split()]


@pytest.mark.parametrize(
    ("nodes", "entropy", "density"),
    [
        ("a b c d e f g", 0, [0, 1]),
        ("a b a b a b a c", 463587, [5, 8]),
        ("read edit test edit test edit test done", 393555, [1, 2]),
        ("rewrite retry rewrite rollback retry patch retry", 666667, [3, 7]),
        ("", 0, [0, 1]),
        ("a", 0, [0, 1]),
        ("a a", 0, [1, 2]),
        ("a b a c a b a c a", 500000, [2, 3]),
    ],
)
def test_metrics_of_nodes(nodes: str, entropy: int, density: list[int]) -> None:
    found = metrics(entered(nodes), [])
    assert (found["transition_entropy"], found["rollback_density"]) == (entropy, density)
    assert found["path_variance"] == [0, 1]


def test_path_variance_is_a_mean() -> None:
    path = ["rewrite", "retry", "rewrite", "rollback", "retry", "patch", "retry"]
    nodes = entered(" ".join(path))
    assert metrics(nodes, [["read", "validate", "patch", "test"]])["path_variance"] == [6, 7]
    assert metrics(nodes, [[], path])["path_variance"] == [1, 2]
    assert metrics([], [[]])["path_variance"] == [0, 1]


@pytest.mark.parametrize(("series", "at", "millibits"), SERIES)
def test_change_points(series: str, at: int, millibits: int) -> None:
    found = _change_point([each == "1" for each in series])
    assert found == {"at": at, "millibits": millibits, "detected": millibits >= 4322}


def test_a_change_point_needs_a_series_of_a_length() -> None:
    assert _change_point([True]) is None
    assert _change_point([False, True]) is not None
    assert _change_point([True] * 4096) is not None
    assert _change_point([True] * 4097) is None


def test_churn() -> None:
    trace: Any = []
    calls = [("1", "x"), ("1", "x"), ("2", "x"), ("1", "y"), ("1", "y")]
    for args, value in calls:
        trace.append({"e": "called", "node": "n", "tool": "edit", "attempt": 1, "args": args * 64})
        trace.append({"e": "settled", "node": "n", "attempt": 1, "outcome": "ok", "usage": 2, "value": value * 64})
    found = metrics(trace, [])
    assert found["tool_churn"] == [2, 5]
    assert found["usage"] == [{"node": "n", "calls": 5, "tokens": 10}]
    assert metrics_expected(encode(trace), [])["ok"]["tool_churn"] == [2, 5]


@pytest.mark.parametrize(
    "trace", [{}, [5], [{"e": "other"}], [{"e": "cut", "more": 1}], [{"e": "entered", "node": "A"}]]
)
def test_other_values_are_not_traces(trace: Any) -> None:
    assert metrics_expected(encode(trace), []) == {"refused": "malformed"}
    assert metrics_expected(b"", []) == {"refused": "malformed"}


def finished(fmt: Format) -> FlowScene:
    scene = FlowScene(fmt, REFUND, POLICY, INPUT, refs={"customer": SEALED})
    scene.send("unknown", scene.blob(b""))
    scene.send("update", scene.tree(x=scene.blob(b"")))
    scene.result("yes")
    scene.result("R-1")
    return scene


def replayed(scene: FlowScene, head: bytes | None = None) -> Any:
    assert scene.store is not None
    assert scene.head is not None
    return replay_expected(scene.store, head or scene.head)


def test_replay_finds_no_difference(fmt: Format) -> None:
    scene = finished(fmt)
    assert replayed(scene) == {"ok": {"steps": 5, "differs": None}}
    assert metrics_expected(encode(scene.trace), [])["ok"]["rollback_density"] == [0, 1]


def test_replay_finds_the_first_difference(fmt: Format) -> None:
    scene = finished(fmt)
    step = scene.step
    first = scene.shelf.step(step.previous or b"").previous
    assert first is not None
    dropped = scene.put(Step(first, step.actor, step.inbox, step.outbox, step.core))
    assert replayed(scene, dropped) == {"ok": {"steps": 4, "differs": 3}}
    root = scene.put(Step(None, step.actor, step.inbox, step.outbox, step.core))
    assert replayed(scene, root) == {"ok": {"steps": 1, "differs": 0}}


def test_replay_compares_what_declines_and_what_fails(fmt: Format) -> None:
    scene = finished(fmt)
    step, head = scene.step, scene.head
    cleanup = scene.queue("cleanup", scene.blob(b""))
    inbox = scene.put(Mailbox(((scene.edge, cleanup),)))
    declined = scene.put(Step(head, step.actor, inbox, step.outbox, step.core))
    assert replayed(scene, declined) == {"ok": {"steps": 6, "differs": 5}}
    unread = scene.put(Step(head, step.actor, step.inbox, step.outbox, step.core))
    assert replayed(scene, unread) == {"ok": {"steps": 6, "differs": 5}}


def test_replay_needs_the_messages(fmt: Format) -> None:
    scene = finished(fmt)
    assert scene.store is not None
    assert scene.sent is not None
    del scene.store.objects[scene.sent]
    assert replayed(scene) == {"refused": "missing"}


def test_replay_refuses_what_is_not_a_chain(fmt: Format) -> None:
    scene = finished(fmt)
    assert replayed(scene, scene.actor) == {"refused": "invalid"}
    assert replayed(scene, bytes(31) + b"\x01") == {"refused": "missing"}
    step, other = scene.step, scene.tree(x=scene.blob(b""))
    for actor in (other, scene.blob(b"")):
        assert replayed(scene, scene.put(Step(None, actor, None, None, step.core))) == {"refused": "invalid"}


def test_a_trace_above_the_limit_of_objects_fails(fmt: Format) -> None:
    scene = finished(fmt)
    assert scene.store is not None
    scene.store.limits = Limits(object_bytes=100)
    with pytest.raises(Refusal, match="the query failed: failed"):
        scene.ask("trace")


def test_a_host_answers_the_operations() -> None:
    host = FlowHost()
    assert host.ask("flow.replay", {"store": "none", "step": bytes(32).hex()}) == Refused("missing")
    value, env = to_base64(encode("$input.x")), to_base64(encode({"input": {"x": 5}}))
    assert host.ask("flow.render", {"template": value, "env": env}) == Ok({"value": "BQ"})
