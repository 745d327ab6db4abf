"""Tanks: what a call takes, what copies share, and what an export carries."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gritstone.errors import Exhausted
from gritstone.harness.claims import Claims
from gritstone.harness.operations import Session
from gritstone.harness.sandbox_operations import SANDBOX_OPERATIONS
from gritstone.harness.sandboxes import Sandboxes
from gritstone.sandbox import Limits, Sandbox, Tank, read_instance, write_instance

LIMITS = {"fuel": 1_000_000, "pages": 16, "table": None, "ms": None}
REST = {**LIMITS, "fuel": None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_tank_gives_what_it_has_and_no_more() -> None:
    tank = Tank(10)
    tank.take(4)
    with pytest.raises(Exhausted, match="at most 6, got 7"):
        tank.take(7)
    tank.take(6)
    assert tank.left == 0
    tank.give(3)
    assert tank.left == 3


def test_tank_without_limit_stays_without_limit() -> None:
    tank = Tank()
    tank.take(2**60)
    tank.give(1)
    assert tank.left is None


def test_calls_of_all_copies_take_from_one_tank(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    first = sandbox.run(counter(), Limits(fuel=10_000))
    assert first.instance is not None
    assert first.instance.tank.left == 10_000 - first.used
    one = sandbox.again(first.instance, Limits())
    other = sandbox.again(first.instance, Limits())
    assert one.instance is not None
    assert other.instance is not None
    assert one.instance.tank is other.instance.tank is first.instance.tank
    assert first.instance.tank.left == 10_000 - first.used - one.used - other.used


def test_number_begins_a_new_tank(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    first = sandbox.run(counter(), Limits(fuel=10_000)).instance
    assert first is not None
    left = first.tank.left
    call = sandbox.again(first, Limits(fuel=500))
    assert call.instance is not None
    assert (call.instance.tank.left, first.tank.left) == (500 - call.used, left)


def test_failed_call_leaves_the_tank_as_it_was(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    code = counter("(if (i64.gt_u (global.get $calls) (i64.const 101)) (then unreachable))")
    first = sandbox.run(code, Limits(fuel=10_000)).instance
    assert first is not None
    left = first.tank.left
    for limits in (Limits(), Limits(fuel=50_000)):
        call = sandbox.again(first, limits)
        assert (call.outcome, call.used > 0, call.instance) == ("failed:trap:unreachable", True, first)
        assert call.instance is not None
        assert call.instance.tank.left == left


def test_first_call_that_fails_leaves_a_full_tank(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    call = sandbox.run(counter("unreachable"), Limits(fuel=10_000))
    assert call.instance is not None
    assert call.instance.tank.left == 10_000


def test_call_with_an_empty_tank_uses_nothing(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    used = sandbox.run(counter(), Limits()).used
    empty = sandbox.run(counter(), Limits(fuel=used)).instance
    assert empty is not None
    assert empty.tank.left == 0
    call = sandbox.again(empty, Limits())
    assert (call.outcome, call.output, call.used, call.instance) == ("exhausted:fuel", b"", 0, empty)


@pytest.mark.parametrize(
    ("left", "fuel", "imported"), [(None, None, None), (None, 0, 0), (None, 7, 7), (9, None, 0), (9, 0, 0), (9, 9, 9)]
)
def test_export_has_the_fuel_that_it_carries(
    sandbox: Sandbox, counter: Callable[..., bytes], left: int | None, fuel: int | None, imported: int | None
) -> None:
    kept = sandbox.run(counter(), Limits()).instance
    assert kept is not None
    data = write_instance(replace(kept, tank=Tank(left)), fuel)
    assert read_instance(data).tank.left == imported


def test_imports_of_the_same_bytes_share_a_tank(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    kept = sandbox.run(counter(), Limits()).instance
    assert kept is not None
    handles = Sandboxes()
    marks = [bytes(15) + bytes([number]) for number in (1, 1, 2)]
    made = [handles.snapshot(handles.add_import(write_instance(kept, 5, mark))) for mark in marks]
    made[0].tank.take(5)
    assert [one.tank.left for one in made] == [0, 0, 5]


def test_exports_of_a_client_carry_what_it_asks_for(client: Any, counter: Callable[..., bytes]) -> None:
    kept = client.ok("sandbox.run", module=b64(counter()), limits=LIMITS, grants={}, keep=True)
    snapshot = client.ok("sandbox.snapshot", instance=kept["instance"])["snapshot"]
    left = 1_000_000 - kept["used"]
    assert client.refused("sandbox.export", snapshot=snapshot, fuel=left + 1) == ("exhausted", None)
    data = [client.ok("sandbox.export", snapshot=snapshot, fuel=fuel)["bytes"] for fuel in (5, 5, left - 10, 0)]
    assert len({*data}) == 4
    assert client.ok("sandbox.export", snapshot=snapshot)["bytes"] == data[3]
    assert client.refused("sandbox.export", snapshot=snapshot, fuel=1) == ("exhausted", None)
    spent = client.ok("sandbox.again", instance=kept["instance"], limits=REST)
    assert (spent["outcome"], spent["used"]) == ("exhausted:fuel", 0)


def test_call_whose_state_has_no_room_takes_nothing(
    client: Any, counter: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = counter("(i32.store (i32.mul (i32.wrap_i64 (global.get $calls)) (i32.const 500)) (i32.const 1))")
    kept = client.ok("sandbox.run", module=b64(code), limits=LIMITS, grants={}, keep=True)
    monkeypatch.setattr(Sandboxes, "replace", lambda *_: False)
    failed = client.ok("sandbox.again", instance=kept["instance"], limits=REST)
    assert (failed["outcome"], failed["used"] > 0) == ("exhausted:memory", True)
    monkeypatch.undo()
    snapshot = client.ok("sandbox.snapshot", instance=kept["instance"])["snapshot"]
    client.ok("sandbox.export", snapshot=snapshot, fuel=1_000_000 - kept["used"])


def test_without_the_feature_null_is_no_limit(counter: Callable[..., bytes]) -> None:
    session = Session(Claims().without({"sandbox.tank"}))
    used = Sandbox().run(counter(), Limits()).used
    args = {"module": counter(), "limits": {**LIMITS, "fuel": used}, "grants": {}, "keep": True}
    kept = SANDBOX_OPERATIONS["sandbox.run"](session, args)
    assert isinstance(kept, dict)
    again = SANDBOX_OPERATIONS["sandbox.again"](session, {"instance": kept["instance"], "limits": REST})
    assert isinstance(again, dict)
    assert again["outcome"] == "done"
