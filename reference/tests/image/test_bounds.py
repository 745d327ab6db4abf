"""What an operation needs: memory within its fuel, and no object in the store that no step reaches."""

from __future__ import annotations

import tracemalloc

import pytest

from gritstone.errors import Missing
from gritstone.grit.objects import Blob, ObjectId

from .stage import QUOTA, Program, Stage, data, path

_LARGE = 900_000
_MOST = 32 << 20


def append(program: Program, at: str, value: bytes) -> Program:
    program.data += b"A" + path(at) + data(value)
    return program


def fuel(stage: Stage) -> int:
    text = stage.record_text(stage.engine.seq)
    return int(text.partition("\nfuel ")[2].partition("\n")[0])


def peak(stage: Stage, actor: ObjectId, program: Program) -> tuple[str, int]:
    """Return how an operation ends, and the most memory that it needs."""
    tree = stage.program(program)
    tracemalloc.start()
    try:
        failure = stage.ask(actor, "run", tree).failure
        return str(failure), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def appends(stage: Stage) -> Program:
    """Append to a large blob: each append makes a blob of 900 KB."""
    program = Program().put("p", stage.blob(b"x" * _LARGE))
    for _ in range(1_500):
        append(program, "p", b"y")
    return program


def trees(stage: Stage) -> Program:
    """Use the core in its present state after each change of a wide tree: each use makes a tree of 500 KB."""
    wide = stage.tree({f"{number:05}": stage.blob(b"") for number in range(7_000)})
    program = Program().put("wide", wide)
    for number in range(1_500):
        program.put("wide/x", wide if number % 2 else stage.blob(b"")).put("core", 0xF3)
    return program


def joins(stage: Stage) -> Program:
    """Begin a step for each change of a large blob: each step makes a blob of 900 KB."""
    program = Program().put("p", stage.blob(b"x" * _LARGE))
    again = stage.program(append(Program(), "p", b"y"))
    for _ in range(900):
        program.send(0xF0, "j", "run", again)
    return program


def contents(stage: Stage) -> Program:
    """Send the core in its present state: each message holds a tree of 500 KB, which the outbox reaches."""
    wide = stage.tree({f"{number:05}": stage.blob(b"") for number in range(7_000)})
    program = Program().put("wide", wide)
    for number in range(900):
        program.put("wide/x", wide if number % 2 else stage.blob(b"")).send(0xF0, "p", "note", 0xF3)
    return program


@pytest.mark.parametrize("attack", [appends, trees, joins, contents])
def test_memory_is_bounded_by_the_fuel(stage: Stage, attack: object) -> None:
    assert callable(attack)
    actor = stage.born(quota=QUOTA)
    ended, most = peak(stage, actor, attack(stage))
    assert ended == "exhausted/fuel"
    assert 0.9 * QUOTA["fuel"] < fuel(stage) <= QUOTA["fuel"]
    assert most < 1_024 * QUOTA["fuel"] + _MOST


def test_replaced_data_does_not_stay_in_memory(stage: Stage) -> None:
    actor = stage.born(quota={**QUOTA, "fuel": 1_000_000})
    program = Program().put("p", stage.blob(b"x" * _LARGE))
    for _ in range(300):
        append(program, "p", b"y")
    ended, most = peak(stage, actor, program)
    assert ended == "None"
    assert stage.value(actor, "p") == b"x" * _LARGE + b"y" * 300
    assert most < _MOST, "300 blobs of 900 KB were made"


def test_only_what_a_step_reaches_is_stored(stage: Stage) -> None:
    actor = stage.born(quota=QUOTA)
    program = append(append(Program().write("p", b"first"), "p", b" second"), "p", b" third").put("core", 0xF3)
    fails = stage.program(Program().write("q", b"undone").fail())
    program.write("p", b"last").put("core", stage.blob(b"")).send(0xF0, "v", "run", fails)
    assert stage.run_program(actor, program).failure is None
    assert stage.value(actor, "p") == b"last"

    def stored(made: bytes) -> bytes:
        format_ = stage.store.format
        return stage.store.get(format_.object_id(format_.encode(Blob({}, made), stage.store.limits)))

    for made in (b"first", b"first second", b"first second third", b"undone"):
        with pytest.raises(Missing):
            stored(made)
    assert stored(b"last")


def test_core_that_was_used_is_kept_after_replaced_data_is_dropped(stage: Stage) -> None:
    """A tree that was stored for a ref, and did not change since, is part of the next one."""
    actor = stage.born(quota={**QUOTA, "fuel": 1_000_000, "bytes": 10_000_000})
    program = Program().write("deep/a/b", b"kept").put("first", 0xF3).put("p", stage.blob(b"x" * _LARGE))
    for _ in range(8):
        append(program, "p", b"y")
    program.write("other", b"1").put("second", 0xF3).delete("p").delete("second/p")
    assert stage.run_program(actor, program).failure is None
    for at in ("deep/a/b", "first/deep/a/b", "second/deep/a/b", "second/first/deep/a/b"):
        assert stage.value(actor, at) == b"kept"
