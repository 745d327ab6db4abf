"""A runtime that is killed at any durable write goes on, when it is started again, as if nothing had been."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import Format, Limits
from gritstone.harness.handles import Handles

CONFIG = {"max_attempts": 1, "base_ms": 0}


def prepare(stage: Any) -> dict[str, bytes]:
    """Run two actors that exchange messages, a third that sends to a failing one, and a fourth that creates a fifth."""
    stage.start(**CONFIG)
    a, b, c, d, e = stage.born("a", "b", "c", "d", "e")
    child = stage.core("child")
    stage.tell(a, b"S\0q\0\1", **{"00": b, "01": stage.program(b"B\0\0\0\2")})
    stage.tell(c, b"A\3log\0\1xS\0q\0\1A\3log\0\1y", **{"00": d, "01": stage.program(b"F")})
    stage.tell(e, b"S\0q\7genesis\0S\0q\0\1", **{"00": child, "01": stage.program(b"W\1k\0\1v")})
    return {"a": a, "b": b, "c": c, "d": d, "e": e, "child": child}


def outcome(stage: Any, actors: dict[str, bytes]) -> dict[str, Any]:
    refs = stage.refs()
    agent_tip = stage.entries(stage.head(stage.runtime.agent).outbox)[actors["c"]]
    receipts = 0
    while agent_tip is not None:
        message = stage.load(agent_tip)
        receipts += message.headers.get("mt") == "receipt"
        agent_tip = message.previous
    return {
        "names": sorted(refs),
        "bounces": [stage.data(actors[name], "bounces") for name in "ab"],
        "log": stage.data(actors["c"], "log"),
        "child": stage.data(actors["child"], "k"),
        "mark": stage.entries(refs[f"failed/{actors['d'].hex()}"]),
        "receipts": receipts,
        "parked": stage.runtime.parked() != [],
    }


def run_steps(stage: Any, steps: int) -> None:
    """Run to rest, by so many steps at a time."""
    while stage.run(steps).cause != "rest":
        pass


@pytest.fixture
def on_disk(format_: Format, tmp_path: Path, stage_on: Callable[[Any], Any]) -> Callable[[str], tuple[Any, Handles]]:
    """Open a durable store whose writes are counted, with a stage on it."""

    def open_one(name: str) -> tuple[Any, Handles]:
        handles = Handles()
        handles.open_durable("s", str(tmp_path / name), format_, Limits(), create=True)
        return stage_on(handles["s"].store), handles

    return open_one


@pytest.mark.parametrize("steps", [1, 100])
def test_kill_at_each_durable_write_recovers(on_disk: Callable[[str], tuple[Any, Handles]], steps: int) -> None:
    stage, handles = on_disk("undisturbed")
    actors = prepare(stage)
    before = handles.writes.count
    run_steps(stage, steps)
    writes = handles.writes.count - before
    expected = outcome(stage, actors)
    assert expected["receipts"] == 1
    handles.close_all()
    assert writes >= 1
    for number in range(1, writes + 1):
        for when in ("before", "after"):
            name = f"{number}-{when}"
            killed(partial(die, partial(on_disk, name), steps, number, when))
            stage, handles = on_disk(name)
            stage.start(**CONFIG)
            run_steps(stage, steps)
            assert outcome(stage, actors) == expected, (number, when)
            handles.close_all()


def die(opening: Callable[[], tuple[Any, Handles]], steps: int, number: int, when: str) -> None:
    stage, handles = opening()
    prepare(stage)
    handles.writes.arm(number, when)
    run_steps(stage, steps)


def killed(work: Callable[[], None]) -> None:
    """Do work in a process of its own, which has to be killed by it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_kill_during_the_start_recovers(on_disk: Callable[[str], tuple[Any, Handles]]) -> None:
    def start(when: str) -> None:
        stage, handles = on_disk(when)
        handles.writes.arm(1, when)
        stage.start(**CONFIG)

    for when in ("before", "after"):
        killed(partial(start, when))
        stage, handles = on_disk(when)
        runtime = stage.start(**CONFIG)
        assert set(stage.refs()) == {"runtime/agent", f"heads/{runtime.agent.hex()}"}
        assert len(stage.steps(runtime.agent)) == 1
        handles.close_all()


@pytest.mark.parametrize("when", ["before", "after"])
def test_acknowledged_injection_survives_a_kill(on_disk: Callable[[str], tuple[Any, Handles]], when: str) -> None:
    def inject(acknowledged: int) -> None:
        stage, handles = on_disk("s")
        stage.start(**CONFIG)
        (a,) = stage.born("a")
        content = stage.program(b"A\3log\0\1.")
        handles.writes.arm(4, when)
        for _ in range(4):
            stage.inject(a, content)
            os.write(acknowledged, b".")

    reading, writing = os.pipe()
    killed(partial(inject, writing))
    os.close(writing)
    acknowledged = len(os.read(reading, 100))
    os.close(reading)
    stage, handles = on_disk("s")
    stage.start(**CONFIG)
    stage.run()
    (a,) = set(stage.runtime.machine.world.actors) - {stage.runtime.agent}
    assert acknowledged == 3
    assert stage.data(a, "log") == b"." * (acknowledged + (when == "after"))
    handles.close_all()
