"""Functions of WASI in a sandbox: outputs, exits, grants and files, and what is refused without harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.sandbox import Limits, Sandbox, World

FUEL = Limits(fuel=10_000_000)
WRITE = {"fd_write": "(param i32 i32 i32 i32) (result i32)"}
SEEK = {"fd_seek": "(param i32 i64 i32 i32) (result i32)"}
READ = {"fd_read": "(param i32 i32 i32 i32) (result i32)"}
RANDOM = {"random_get": "(param i32 i32) (result i32)"}
CLOCK = {"clock_time_get": "(param i32 i64 i32) (result i32)"}
OPEN = {"path_open": "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)"}
UNLINK = {"path_unlink_file": "(param i32 i32 i32) (result i32)"}
RENAME = {"path_rename": "(param i32 i32 i32 i32 i32 i32) (result i32)"}
EXIT = {"proc_exit": "(param i32)"}
RIGHTS = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6  # to read, to write, and to move in a file

PRINT = "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"
"""Prints the range that is stored at addresses 0 and 4."""


def range_of(at: int, size: int) -> str:
    return f"(i32.store (i32.const 0) (i32.const {at})) (i32.store (i32.const 4) (i32.const {size}))"


def show(number: str) -> str:
    """Print a number of 4 bytes."""
    return f"(i32.store (i32.const 16) {number}) {range_of(16, 4)} {PRINT}"


def stored(at: int, text: str) -> str:
    return "".join(f"(i32.store8 (i32.const {at + n}) (i32.const {byte}))" for n, byte in enumerate(text.encode()))


def opened(path: str, options: int = 0, flags: int = 0) -> str:
    return (
        stored(64, path) + f"(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const {len(path)})"
        f"(i32.const {options}) (i64.const {RIGHTS}) (i64.const 0) (i32.const {flags}) (i32.const 32)))"
    )


def numbers(output: bytes) -> list[int]:
    return [int.from_bytes(output[at : at + 4], "little") for at in range(0, len(output), 4)]


@pytest.mark.parametrize(("code", "outcome"), [(0, "done"), (3, "failed:guest:3"), (-1, f"failed:guest:{2**32 - 1}")])
def test_exit_ends_the_call(sandbox: Sandbox, command: Callable[..., bytes], code: int, outcome: str) -> None:
    body = f"{show('(i32.const 9)')} (call $proc_exit (i32.const {code})) unreachable"
    call = sandbox.run(command(body, **WRITE, **EXIT), FUEL)
    assert call.outcome == outcome
    assert numbers(call.output) == ([9] if code == 0 else [])


def test_import_that_wasi_has_not_is_unresolved(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    assert sandbox.run(command("", fd_write="(param i32)"), FUEL).outcome == "unresolved:import"
    assert sandbox.run(command("", fd_print="(param i32)"), FUEL).outcome == "unresolved:import"


def test_buffers_outside_the_memory_trap(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    call = sandbox.run(command(range_of(65_536, 1) + PRINT, **WRITE), FUEL)
    assert call.outcome == "failed:trap:memory-bounds"


def test_overlapping_buffers_are_refused_before_they_are_copied(
    sandbox: Sandbox, command: Callable[..., bytes]
) -> None:
    fill = (
        "(local $i i32) (drop (memory.grow (i32.const 1023)))"
        "(loop (i32.store (i32.add (i32.const 132) (i32.shl (local.get $i) (i32.const 3))) (i32.const 67000000))"
        "(br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))"
    )
    write = "(call $fd_write (i32.const 1) (i32.const 128) (i32.const {}) (i32.const 8))"
    call = sandbox.run(command(fill + show(write.format(1024)) + show(write.format(1025)), **WRITE), Limits())
    assert (call.outcome, numbers(call.output)) == ("done", [22, 28])
    assert call.used < 9_000_000, "most of it for the growth of the memory: nothing was copied"


def test_output_is_limited(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    body = "(drop (memory.grow (i32.const 16)))" + range_of(0, 1 << 20) + PRINT
    again = "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))"
    call = sandbox.run(command(f"{body} (if (i32.ne {again} (i32.const 22)) (then unreachable))", **WRITE), FUEL)
    assert (call.outcome, len(call.output)) == ("done", 1 << 20)


def test_nothing_is_granted_by_default(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    body = (
        show("(call $random_get (i32.const 24) (i32.const 4))")
        + show("(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 24))")
        + opened("a")
        + show("(i32.load (i32.const 32))")
    )
    call = sandbox.run(command(body, **WRITE, **RANDOM, **CLOCK, **OPEN), FUEL)
    assert numbers(call.output) == [52, 52, 0]
    assert call.instance is not None
    assert call.instance.world == World()


def test_random_bytes_continue_and_a_failed_call_draws_none(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    draw = "(drop (call $random_get (i32.const 24) (i32.const 4)))" + show("(i32.load (i32.const 24))")
    world = World(random=bytes(32))
    two = numbers(sandbox.run(command(draw + draw, **WRITE, **RANDOM), FUEL, world).output)
    first = sandbox.run(command(draw, **WRITE, **RANDOM), FUEL, world)
    assert first.instance is not None
    failed = sandbox.again(first.instance, Limits(fuel=first.used - 1))
    assert failed.outcome == "exhausted:fuel"
    assert failed.instance is not None
    assert failed.instance.world.drawn == 4
    second = sandbox.again(failed.instance, FUEL)
    assert numbers(first.output + second.output) == two
    assert two[0] != two[1]


@pytest.mark.parametrize(("clock", "expected"), [(0, 77), (3, 77), (4, 28)])
def test_every_clock_shows_the_granted_time(
    sandbox: Sandbox, command: Callable[..., bytes], clock: int, expected: int
) -> None:
    number = f"(call $clock_time_get (i32.const {clock}) (i64.const 0) (i32.const 24))"
    body = f"(i32.store (i32.const 24) {number}) {show('(i32.load (i32.const 24))')}"
    if expected == 77:
        body = f"(drop {number}) {show('(i32.load (i32.const 24))')}"
    assert numbers(sandbox.run(command(body, **WRITE, **CLOCK), FUEL, World(clock=77)).output) == [expected]


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [(2, 0, 2), (-1, 2, 4), (-5, 2, 0), (0, 1, 0), (3, 1, 3), (2**31, 0, None), (-1, 0, None)],
)
def test_seek_moves_forwards_and_backwards(
    sandbox: Sandbox, command: Callable[..., bytes], offset: int, whence: int, place: int | None
) -> None:
    seek = f"(call $fd_seek (i32.const 4) (i64.const {offset}) (i32.const {whence}) (i32.const 40))"
    body = opened("a") + show(seek) + show("(i32.load (i32.const 40))")
    call = sandbox.run(command(body, **WRITE, **OPEN, **SEEK), FUEL, World(files={"a": b"12345"}))
    assert numbers(call.output) == ([28, 0] if place is None else [0, place])


def test_files_are_written_appended_renamed_and_removed(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    put = f"{stored(200, 'xy')} {range_of(200, 2)} (drop (call $fd_write (i32.load (i32.const 32)) {{}}))".format(
        "(i32.const 0) (i32.const 1) (i32.const 8)"
    )
    body = (
        opened("new", options=1)
        + put
        + put
        + opened("old", flags=1)
        + put
        + opened("cut", options=8)
        + put
        + stored(64, "gone")
        + "(drop (call $path_unlink_file (i32.const 3) (i32.const 64) (i32.const 4)))"
        + stored(64, "new")
        + stored(80, "d/n")
        + "(drop (call $path_rename (i32.const 3) (i32.const 64) (i32.const 3) "
        "(i32.const 3) (i32.const 80) (i32.const 3)))"
    )
    world = World(files={"cut": b"12345", "gone": b"", "old": b"1"}, folders=("d",))
    call = sandbox.run(command(body, **WRITE, **OPEN, **UNLINK, **RENAME), FUEL, world)
    assert call.outcome == "done"
    assert call.instance is not None
    assert call.instance.world.files == {"cut": b"xy", "d/n": b"xyxy", "old": b"1xy"}
    assert world.files == {"cut": b"12345", "gone": b"", "old": b"1"}, "the grants are those of one call"


BAD_PATHS = {
    **dict.fromkeys(["../a", "/a", "..", "d/../../a"], 76),
    "a/../b": 44,
    "missing/a": 44,
    "": 44,
    "a\0b": 28,
    "x" * 256: 37,
    "f/b": 54,
    "f/": 54,
    "a/": 31,
    "d": 31,
}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_invalid_path_is_refused(sandbox: Sandbox, command: Callable[..., bytes], path: str) -> None:
    body = opened(path, options=1).replace("(drop (call", "(i32.store (i32.const 40) (call")
    world = World(files={"f": b"1"}, folders=("d",))
    call = sandbox.run(command(body + show("(i32.load (i32.const 40))"), **WRITE, **OPEN), FUEL, world)
    assert numbers(call.output) == [BAD_PATHS[path]]
    assert call.instance is not None
    assert call.instance.world == world


@pytest.mark.parametrize("path", ["./f", ".//f", "d/../f", "d/./../f"])
def test_path_with_dots_leads_to_its_file(sandbox: Sandbox, command: Callable[..., bytes], path: str) -> None:
    body = opened(path) + show("(i32.load (i32.const 32))")
    world = World(files={"f": b"1"}, folders=("d",))
    assert numbers(sandbox.run(command(body, **WRITE, **OPEN), FUEL, world).output) == [4]


def test_long_path_is_refused_before_it_is_read(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    remove = "(call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const {}))"
    body = show(remove.format(4_097)) + show(remove.format(2**32 - 1))
    assert numbers(sandbox.run(command(body, **WRITE, **UNLINK), FUEL, World(files={})).output) == [37, 37]


def test_files_can_be_opened_next_to_many_others(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    files = {f"{number:04}": b"" for number in range(300)}
    body = opened("0299") + show("(i32.load (i32.const 32))")
    assert numbers(sandbox.run(command(body, **WRITE, **OPEN), FUEL, World(files=files)).output) == [4]


def test_number_and_size_of_files_are_limited(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    many = {f"{number:04}": b"" for number in range(4_096)}
    create = opened("new", options=1).replace("(drop (call", "(i32.store (i32.const 40) (call")
    body = create + show("(i32.load (i32.const 40))")
    assert numbers(sandbox.run(command(body, **WRITE, **OPEN), FUEL, World(files=many)).output) == [22]
    put = "(call $fd_write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 8))"
    body = opened("a", flags=1) + range_of(0, 8) + show(put)
    files = {"a": b"", "b": bytes((16 << 20) - 7)}
    call = sandbox.run(command(body, **WRITE, **OPEN), FUEL, World(files=files))
    assert numbers(call.output) == [22]
    assert call.instance is not None
    assert call.instance.world.files == files


def test_arguments_and_variables_are_granted(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    two = "(param i32 i32) (result i32)"
    body = (
        "(drop (call $args_sizes_get (i32.const 24) (i32.const 28)))"
        "(drop (call $environ_get (i32.const 40) (i32.const 100)))"
        + show("(i32.load (i32.const 24))")
        + show("(i32.load (i32.const 28))")
        + range_of(100, 8)
        + PRINT
    )
    world = World(args=("a", "ü"), env={"B": "2", "A": "1"})
    output = sandbox.run(command(body, **WRITE, args_sizes_get=two, environ_get=two), FUEL, world).output
    assert numbers(output[:8]) == [2, 5]
    assert output[8:] == b"A=1\0B=2\0"


def test_read_continues_after_the_bytes_that_were_read(sandbox: Sandbox, command: Callable[..., bytes]) -> None:
    read = range_of(100, 3) + "(drop (call $fd_read (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 24)))"
    each = read + show("(i32.load (i32.const 24))") + show("(i32.load8_u (i32.const 100))")
    output = sandbox.run(
        command(opened("a") + each * 3, **WRITE, **OPEN, **READ), FUEL, World(files={"a": b"12345"})
    ).output
    assert numbers(output) == [3, 49, 2, 52, 0, 52]
