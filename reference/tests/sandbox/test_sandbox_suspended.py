"""Suspended calls: parts, what they use, and what a failure and an export leave of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gritstone.errors import Invalid, Malformed
from gritstone.sandbox import Instance, Limits, Sandbox, read_instance, write_instance
from gritstone.sandbox.instances import Suspended

WORK = """(local $n i64)
  (loop $more
    (local.set $n (i64.add (local.get $n) (i64.const 1)))
    (br_if $more (i64.lt_u (local.get $n) (i64.const 1000))))
  (drop (memory.grow (i32.const 1)))"""
TRAP = "(if (i64.gt_u (global.get $calls) (i64.const 101)) (then unreachable))"


def working(counter: Callable[..., bytes], end: str = "") -> bytes:
    """Return a counter that works between the change of its state and its output."""
    return counter("(call $work) " + end, f"(func $work {WORK})")


def parted(fuel: int | None) -> Limits:
    return Limits(fuel=fuel, suspend=True)


@pytest.fixture
def suspended(sandbox: Sandbox, counter: Callable[..., bytes]) -> Instance:
    """Return a counter whose first call is suspended after 1,000 units."""
    call = sandbox.run(working(counter), parted(1_000))
    assert (call.outcome, call.output, call.used) == ("suspended", b"", 1_000)
    assert call.instance is not None
    return call.instance


def test_parts_make_one_call(sandbox: Sandbox, counter: Callable[..., bytes], suspended: Instance) -> None:
    whole = sandbox.run(working(counter), Limits())
    part = sandbox.again(suspended, parted(500))
    assert (part.outcome, part.used) == ("suspended", 500)
    assert part.instance is not None
    last = sandbox.again(part.instance, parted(whole.used - 1_500))
    assert (last.outcome, last.output, last.used) == ("done", whole.output, whole.used - 1_500)
    assert last.instance == whole.instance


def test_part_without_suspend_fails_and_ends_the_call(sandbox: Sandbox, suspended: Instance) -> None:
    call = sandbox.again(suspended, Limits(fuel=10))
    assert (call.outcome, call.used, call.instance) == ("exhausted:fuel", 10, replace(suspended, suspended=None))


def test_trap_in_a_later_part_ends_the_call(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    first = sandbox.run(working(counter, TRAP), Limits()).instance
    assert first is not None
    part = sandbox.again(first, parted(1_000)).instance
    assert part is not None
    call = sandbox.again(part, parted(1_000_000))
    assert (call.outcome, call.instance) == ("failed:trap:unreachable", first)


def test_timeout_of_a_repeated_part_uses_no_negative_fuel(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    endless = counter("(loop (br 0))")
    part = sandbox.run(endless, parted(2_000_000_000)).instance
    assert part is not None
    call = sandbox.again(part, Limits(fuel=1_000, ms=1, suspend=True))
    assert call.outcome in ("timeout", "suspended")
    assert 0 <= call.used <= 1_000


def test_limit_of_pages_is_that_of_the_first_part(sandbox: Sandbox, suspended: Instance) -> None:
    assert suspended.suspended == Suspended(1_000, 1_024, None)
    call = sandbox.again(suspended, Limits(fuel=1_000_000, pages=1))
    assert call.instance is not None
    assert (call.outcome, call.instance.size) == ("done", 2)


def test_suspended_part_takes_its_fuel_out_of_the_tank(sandbox: Sandbox, suspended: Instance) -> None:
    assert suspended.tank.left == 0
    call = sandbox.again(suspended, parted(None))
    assert (call.outcome, call.used) == ("suspended", 0)
    assert call.instance == suspended
    failed = sandbox.again(suspended, Limits())
    assert (failed.outcome, failed.used, failed.instance) == ("exhausted:fuel", 0, replace(suspended, suspended=None))


@pytest.mark.parametrize("table", [None, 0, 7])
def test_export_has_the_suspended_call(suspended: Instance, table: int | None) -> None:
    changed = replace(suspended, suspended=Suspended(0, 16, table))
    assert read_instance(write_instance(changed)) == changed


def test_suspended_run_repeats_its_start_function(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    start = "(func $begin (global.set $calls (i64.const 500))) (start $begin)"
    whole = sandbox.run(counter(more=start), Limits())
    part = sandbox.run(counter(more=start), parted(whole.used - 1)).instance
    assert part is not None
    last = sandbox.again(read_instance(write_instance(part)), Limits(fuel=9))
    assert (last.outcome, last.output, last.used) == ("done", whole.output, 1)
    assert last.instance == whole.instance


@pytest.mark.parametrize(
    "call",
    [
        Suspended(1, 0, None),
        Suspended(1, 65_537, None),
        Suspended(2**62 + 1, 16, None),
        Suspended(1, 16, None, "missing"),
        Suspended(1, 16, None, "memory"),
    ],
)
def test_suspended_call_that_cannot_be_is_invalid(suspended: Instance, call: Suspended) -> None:
    with pytest.raises((Invalid, Malformed)):
        read_instance(write_instance(replace(suspended, suspended=call)))
