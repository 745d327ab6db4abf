"""Calls of a sandbox: outcomes, limits, and what an instance is after each end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gritstone.sandbox import Limits, Sandbox
from gritstone.sandbox.instances import write_instance

FUEL = Limits(fuel=1_000_000)
GROW = "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))"
FAIL_THIRD = "(if (i64.eq (global.get $calls) (i64.const 103)) (then (i32.store (i32.const 8192) (i32.const 9)) {end}))"


def test_output_is_that_of_the_exported_memory(sandbox: Sandbox, counter: Callable[..., bytes], words: object) -> None:
    call = sandbox.run(counter(), FUEL)
    assert (call.outcome, call.output) == ("done", (101).to_bytes(8, "little") + (1).to_bytes(8, "little"))


@pytest.mark.parametrize("size", [0, 1, 4_080, 4_081, 2**32 - 1])
def test_output_is_at_most_the_part_of_the_abi(sandbox: Sandbox, counter: Callable[..., bytes], size: int) -> None:
    call = sandbox.run(counter(f"(i32.store (i32.const 8) (i32.const {size}))"), FUEL)
    assert len(call.output) == min(size, 4_080)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("unreachable", "failed:trap:unreachable"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "failed:trap:divide-by-zero"),
        ("(drop (i32.load (i32.const 65536)))", "failed:trap:memory-bounds"),
        ("(loop (br 0))", "exhausted:fuel"),
        ("(call $deep)", "failed:trap:stack-overflow"),
    ],
)
def test_failure_has_the_outcome_of_its_cause(
    sandbox: Sandbox, counter: Callable[..., bytes], body: str, outcome: str
) -> None:
    call = sandbox.run(counter(body, "(func $deep (call $deep))"), Limits(fuel=50_000_000))
    assert (call.outcome, call.output) == (outcome, b"")


def test_fuel_of_exactly_the_used_units_suffices(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    used = sandbox.run(counter(), FUEL).used
    exact, less = (sandbox.run(counter(), Limits(fuel=units)) for units in (used, used - 1))
    assert (exact.outcome, exact.used) == ("done", used)
    assert (less.outcome, less.used) == ("exhausted:fuel", used - 1)
    assert sandbox.run(counter(), Limits()).used == used


def test_loop_without_fuel_limit_ends_at_the_time_limit(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    call = sandbox.run(counter("(loop (br 0))"), Limits(ms=50))
    assert call.outcome == "timeout"
    assert call.used > 0
    assert sandbox.run(counter(), Limits(ms=60_000)).outcome == "done"
    deadline = time.monotonic() + 10
    while any(thread.name == "ticks" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the clock stops with the call"
        time.sleep(0.01)


def test_state_is_kept_between_calls(
    sandbox: Sandbox, counter: Callable[..., bytes], words: Callable[[bytes], list[int]]
) -> None:
    call = sandbox.run(counter(GROW), FUEL)
    reports = [words(call.output)]
    for _ in range(2):
        assert call.instance is not None
        call = sandbox.again(call.instance, FUEL)
        reports.append(words(call.output))
    assert reports == [[101, 1], [102, 2], [103, 3]]


def test_zeros_over_a_data_segment_are_kept(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    end = "(i64.store (i32.const 16) (i64.load (i32.const 8192))) (i32.store (i32.const 8192) (i32.const 0))"
    first = sandbox.run(counter(end), FUEL)
    assert first.output[:4] == b"\1\2\3\0"
    assert first.instance is not None
    assert sandbox.again(first.instance, FUEL).output[:4] == bytes(4)


@pytest.mark.parametrize("end", ["unreachable", "(loop (br 0))"])
def test_failed_call_leaves_the_instance_as_it_was(
    sandbox: Sandbox, counter: Callable[..., bytes], words: Callable[[bytes], list[int]], end: str
) -> None:
    call = sandbox.run(counter(FAIL_THIRD.format(end=end)), FUEL)
    assert call.instance is not None
    before = sandbox.again(call.instance, FUEL).instance
    assert before is not None
    failed = sandbox.again(before, FUEL)
    assert failed.outcome in ("failed:trap:unreachable", "exhausted:fuel")
    assert failed.instance is before
    assert write_instance(failed.instance) == write_instance(before)


def test_first_call_that_fails_leaves_the_initial_state(
    sandbox: Sandbox, counter: Callable[..., bytes], words: Callable[[bytes], list[int]]
) -> None:
    low = sandbox.run(counter(), Limits(fuel=5))
    assert low.outcome == "exhausted:fuel"
    assert low.instance is not None
    assert words(sandbox.again(low.instance, FUEL).output) == [101, 1]


def test_call_that_fails_at_the_limit_of_fuel_can_be_repeated_with_more(
    sandbox: Sandbox, counter: Callable[..., bytes], words: Callable[[bytes], list[int]]
) -> None:
    first = sandbox.run(counter(GROW), FUEL)
    assert first.instance is not None
    needed = sandbox.again(first.instance, FUEL).used
    failed = sandbox.again(first.instance, Limits(fuel=needed - 1))
    assert failed.outcome == "exhausted:fuel"
    assert failed.instance is not None
    repeated = sandbox.again(failed.instance, Limits(fuel=needed))
    assert (repeated.outcome, words(repeated.output)) == ("done", [102, 2])


def test_memory_grows_to_the_limit_of_the_call(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    first = sandbox.run(counter(GROW), Limits(fuel=1_000_000, pages=2))
    assert first.instance is not None
    limited = sandbox.again(first.instance, Limits(fuel=1_000_000, pages=2))
    assert limited.outcome == "failed:trap:unreachable"
    assert sandbox.again(first.instance, Limits(fuel=1_000_000, pages=3)).outcome == "done"
    assert sandbox.again(first.instance, Limits(fuel=1_000_000, pages=1)).outcome == "exhausted:memory"


@pytest.mark.parametrize(("limit", "outcome"), [(2, "unresolved:limit"), (3, "done"), (None, "done")])
def test_elements_of_tables_are_limited(
    sandbox: Sandbox, counter: Callable[..., bytes], limit: int | None, outcome: str
) -> None:
    assert sandbox.run(counter(more="(table 3 funcref)"), Limits(fuel=1_000_000, table=limit)).outcome == outcome


@pytest.mark.parametrize(
    ("replaced", "by", "outcome"),
    [
        (b"\0asm", b"\0asn", "unresolved:module"),
        (b"\3run", b"\3ruN", "unresolved:export"),
        (b"\6memory", b"\6memorY", "unresolved:export"),
    ],
)
def test_module_that_may_not_run_is_reported(
    sandbox: Sandbox, counter: Callable[..., bytes], replaced: bytes, by: bytes, outcome: str
) -> None:
    call = sandbox.run(counter().replace(replaced, by), FUEL)
    assert (call.outcome, call.output, call.used, call.instance) == (outcome, b"", 0, None)


def test_larger_memory_than_the_limit_is_unresolved(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    assert sandbox.run(counter(), Limits(pages=0)).outcome == "unresolved:limit"


@pytest.mark.parametrize("name", ["memory-is-no-entry", "_start"])
def test_name_of_an_export_that_is_no_function_changes_nothing(
    sandbox: Sandbox, counter: Callable[..., bytes], name: str
) -> None:
    assert sandbox.run(counter(more=f'(global (export "{name}") i32 (i32.const 0))'), FUEL).outcome == "done"


def test_data_segment_outside_the_memory_fails_the_run(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    outcome = sandbox.run(counter(more='(data (i32.const 65535) "ab")'), FUEL).outcome
    assert outcome in ("failed:trap:memory-bounds", "unresolved:module")


def test_unused_instances_share_nothing_with_their_forks(
    sandbox: Sandbox, counter: Callable[..., bytes], words: Callable[[bytes], list[int]]
) -> None:
    origin = sandbox.run(counter(), FUEL).instance
    assert origin is not None
    x, y = (sandbox.again(origin, FUEL).instance for _ in range(2))
    assert x is not None
    assert y is not None
    assert [words(sandbox.again(one, FUEL).output)[0] for one in (x, x, y, origin)] == [103, 103, 103, 102]


def test_unchanged_pages_are_shared_with_the_state_before(sandbox: Sandbox, counter: Callable[..., bytes]) -> None:
    fill = "(i32.store (i32.const 65536) (i32.const 7))"
    first = sandbox.run(counter(GROW + fill), FUEL).instance
    assert first is not None
    second = sandbox.again(first, FUEL).instance
    assert second is not None
    assert second.pages[1] is first.pages[1]
    assert second.pages[0] is not first.pages[0]
    assert set(second.pages) == {0, 1}
