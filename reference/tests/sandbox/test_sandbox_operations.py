"""Handles of instances and snapshots: what is closed, what stays, and how many there may be."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gritstone.errors import Exhausted
from gritstone.harness import Claims, sandboxes
from gritstone.harness.sandboxes import Sandboxes
from gritstone.sandbox import Instance, Limits, Sandbox, World

HELLO = {"protocol": [1], "suite": "test", "spec": "0.6", "frame_bytes": 16_777_216, "window": 64}
LIMITS = {"fuel": 1_000_000, "pages": 16, "table": None, "ms": None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def count(reply: dict[str, Any]) -> int:
    """Return the first word of an output."""
    text = reply["output"]
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:8], "little")


@pytest.fixture
def kept(client: Any, counter: Callable[..., bytes]) -> str:
    """Return the handle of a counter that was called once."""
    return str(client.ok("sandbox.run", module=b64(counter()), limits=LIMITS, grants={}, keep=True)["instance"])


@pytest.fixture
def instance(sandbox: Sandbox, counter: Callable[..., bytes]) -> Instance:
    found = sandbox.run(counter(), Limits()).instance
    assert found is not None
    return found


def test_run_without_keep_leaves_no_handle(client: Any, counter: Callable[..., bytes]) -> None:
    reply = client.ok("sandbox.run", module=b64(counter()), limits=LIMITS, grants={}, keep=False)
    assert (reply["outcome"], reply["instance"]) == ("done", None)


def test_refused_module_leaves_no_handle(client: Any) -> None:
    reply = client.ok("sandbox.run", module=b64(b"\0asm"), limits=LIMITS, grants={}, keep=True)
    assert reply == {"outcome": "unresolved:module", "output": "", "used": 0, "instance": None}


def test_forks_live_after_their_snapshot_and_their_origin_are_closed(client: Any, kept: str) -> None:
    snapshot = client.ok("sandbox.snapshot", instance=kept)["snapshot"]
    x, y = (client.ok("sandbox.resume", snapshot=snapshot)["instance"] for _ in range(2))
    assert count(client.ok("sandbox.again", instance=x, limits=LIMITS)) == 102
    client.ok("sandbox.close", handle=kept)
    client.ok("sandbox.close", handle=snapshot)
    assert [count(client.ok("sandbox.again", instance=one, limits=LIMITS)) for one in (x, y)] == [103, 102]
    for op, name in (("sandbox.resume", "snapshot"), ("sandbox.export", "snapshot"), ("sandbox.close", "handle")):
        assert client.refused(op, **{name: snapshot}) == ("missing", None)
    assert client.refused("sandbox.again", instance=kept, limits=LIMITS) == ("missing", None)
    assert client.refused("sandbox.snapshot", instance=kept) == ("missing", None)


def test_handle_of_the_other_kind_is_missing(client: Any, kept: str) -> None:
    snapshot = client.ok("sandbox.snapshot", instance=kept)["snapshot"]
    assert client.refused("sandbox.again", instance=snapshot, limits=LIMITS) == ("missing", None)
    assert client.refused("sandbox.export", snapshot=kept) == ("missing", None)


def test_snapshot_of_a_failed_instance_is_that_of_before(client: Any, kept: str) -> None:
    before = client.ok("sandbox.export", snapshot=client.ok("sandbox.snapshot", instance=kept)["snapshot"])
    failed = client.ok("sandbox.again", instance=kept, limits={**LIMITS, "fuel": 1})
    assert failed["outcome"] == "exhausted:fuel"
    after = client.ok("sandbox.export", snapshot=client.ok("sandbox.snapshot", instance=kept)["snapshot"])
    assert after == before
    imported = client.ok("sandbox.import", bytes=after["bytes"])["snapshot"]
    fork = client.ok("sandbox.resume", snapshot=imported)["instance"]
    assert count(client.ok("sandbox.again", instance=fork, limits=LIMITS)) == 102


def test_number_of_handles_is_limited(instance: Instance) -> None:
    handles = Sandboxes()
    last = [handles.add_instance(instance) if n % 2 else handles.add_snapshot(instance) for n in range(1_024)][-1]
    for add in (handles.add_instance, handles.add_snapshot):
        with pytest.raises(Exhausted):
            add(instance)
    handles.close(last)
    handles.add_instance(instance)


def test_bytes_of_all_instances_are_limited(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = replace(instance, world=World(files={"a": bytes(1_000)}))
    monkeypatch.setattr(sandboxes, "_MOST_BYTES", 2 * instance.weight + 1_000)
    handles = Sandboxes()
    one, other = handles.add_instance(instance), handles.add_instance(instance)
    assert handles.replace(one, heavy)
    assert not handles.replace(other, heavy)
    assert (handles.instance(one), handles.instance(other)) == (heavy, instance)
    with pytest.raises(Exhausted):
        handles.add_snapshot(instance)
    handles.close(one)
    assert handles.replace(other, heavy)
    assert handles.replace(other, instance)
    handles.add_snapshot(heavy)


def test_call_whose_state_has_no_room_is_exhausted(
    client: Any, counter: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "(i32.store (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 7))"
    grows, steady = (
        client.ok("sandbox.run", module=b64(module), limits=LIMITS, grants={}, keep=True)["instance"]
        for module in (counter(body), counter())
    )
    monkeypatch.setattr(sandboxes, "_MOST_BYTES", 0)
    reply = client.ok("sandbox.again", instance=grows, limits=LIMITS)
    assert (reply["outcome"], reply["output"]) == ("exhausted:memory", "")
    assert count(client.ok("sandbox.again", instance=steady, limits=LIMITS)) == 102
    monkeypatch.undo()
    assert count(client.ok("sandbox.again", instance=grows, limits=LIMITS)) == 102


@pytest.fixture
def client_without(attach: Callable[[Claims], Any]) -> Callable[..., Any]:
    """Return a function that makes a client of an adapter without some features."""
    return lambda *names: attach(Claims().without({f"sandbox.{name}" for name in names}))


ENDLESS = "(loop (br 0))"


def test_fuel_that_is_not_claimed_does_not_limit_a_call(
    client_without: Callable[..., Any], counter: Callable[..., bytes]
) -> None:
    client = client_without("fuel")
    assert "fuel_slack" not in client.ok("hello", **HELLO)["limits"]
    tight = {**LIMITS, "fuel": 1}
    reply = client.ok("sandbox.run", module=b64(counter()), limits=tight, grants={}, keep=True)
    assert (reply["outcome"], reply["used"]) == ("done", None)
    again = client.ok("sandbox.again", instance=reply["instance"], limits=tight)
    assert (again["outcome"], again["used"]) == ("done", None)
    late = client.ok("sandbox.run", module=b64(counter(ENDLESS)), limits={**tight, "ms": 50}, grants={}, keep=False)
    assert (late["outcome"], late["used"]) == ("timeout", None)


def test_time_that_is_not_claimed_does_not_limit_a_call(
    client_without: Callable[..., Any], counter: Callable[..., bytes]
) -> None:
    limits = {**LIMITS, "fuel": 100_000_000, "ms": 1}
    reply = client_without("time").ok("sandbox.run", module=b64(counter(ENDLESS)), limits=limits, grants={}, keep=False)
    assert (reply["outcome"], reply["used"]) == ("exhausted:fuel", 100_000_000)


def test_table_that_is_not_claimed_does_not_limit_a_call(
    client_without: Callable[..., Any], counter: Callable[..., bytes]
) -> None:
    asked = {"module": b64(counter(more="(table 9 funcref)")), "limits": {**LIMITS, "table": 8}, "grants": {}}
    assert client_without("table").ok("sandbox.run", **asked, keep=False)["outcome"] == "done"
    assert client_without().ok("sandbox.run", **asked, keep=False)["outcome"] == "unresolved:limit"


def test_traps_that_are_not_claimed_have_no_names(
    client_without: Callable[..., Any], counter: Callable[..., bytes]
) -> None:
    outcomes = [
        client.ok("sandbox.run", module=b64(counter("unreachable")), limits=LIMITS, grants={}, keep=False)["outcome"]
        for client in (client_without("traps"), client_without("fuel"))
    ]
    assert outcomes == ["failed", "failed:trap:unreachable"]


@pytest.mark.parametrize(
    "grants", [{"random": b64(bytes(31))}, {"files": {"../a": ""}}, {"env": {"A": 1}}, {"args": "a"}, {"net": True}]
)
def test_malformed_grants_are_an_error(client: Any, counter: Callable[..., bytes], grants: dict[str, Any]) -> None:
    reply = client.ask("sandbox.run", module=b64(counter()), limits=LIMITS, grants=grants, keep=False)
    assert "error" in reply
