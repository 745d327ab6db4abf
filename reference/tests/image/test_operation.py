"""Operations: savepoints, failure steps, the order of messages, limits and fuel."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gritstone.grit import ObjectId
from gritstone.image.requests import Request

from .stage import Program, Stage


@dataclass
class Play:
    """Actors of one principal that may send each other everything, and count the notices that they read."""

    stage: Stage
    owner: ObjectId
    actors: dict[str, ObjectId] = field(default_factory=dict)

    def run(self, name: str, program: Program) -> str:
        failure = self.stage.run_program(self.actors[name], program).failure
        return "committed" if failure is None else str(failure)

    def tree(self, program: Program) -> ObjectId:
        return self.stage.program(program)

    def values(self, names: str = "xyzwf") -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for name, actor in self.actors.items():
            values = {one: self.stage.value(actor, one) for one in names}
            found[name] = {one: int(value) for one, value in values.items() if value is not None}
        return {name: values for name, values in found.items() if values}


@pytest.fixture
def play(stage: Stage) -> Play:
    """Return four actors A to D of one principal."""
    owner = stage.born()
    made = Play(stage, owner)
    for name in "ABCD":
        made.actors[name] = stage.born(
            owner=owner,
            caps={"send.*.*": stage.agent, "send.*.image.*": stage.agent},
            entry={"run": "*", "tell": "*"},
            code={"failed": Program().add("f", 1), "tell": Program().add("told", 1)},
            name=name,
        )
    return made


def number(name: str, value: int) -> Program:
    return Program().add(name, value)


def test_join_commits_both_actors(play: Play) -> None:
    inner = play.tree(number("y", 1))
    assert play.run("A", number("x", 1).send(play.actors["B"], "j", "run", inner)) == "committed"
    assert play.values() == {"A": {"x": 1}, "B": {"y": 1}}


def test_failure_of_root_undoes_its_writes(play: Play) -> None:
    assert play.run("A", number("x", 1).fail()) == "rejected/failed"
    assert play.values() == {}


def test_failure_of_joined_actor_undoes_all(play: Play) -> None:
    inner = play.tree(number("y", 1).fail("no"))
    assert play.run("A", number("x", 1).send(play.actors["B"], "j", "run", inner)) == "rejected/no"
    assert play.values() == {}


def test_failure_after_savepoint_undoes_savepoint(play: Play) -> None:
    kept, lost = play.tree(number("y", 1)), play.tree(Program().fail())
    outer = Program().send(play.actors["B"], "v", "run", kept).send(play.actors["C"], "j", "run", lost)
    assert play.run("A", outer) == "rejected/failed"
    assert play.values() == {}


def test_failed_savepoint_is_undone_alone(play: Play) -> None:
    lost, kept = play.tree(number("y", 31).fail()), play.tree(number("z", 33))
    outer = number("x", 30).send(play.actors["B"], "v", "run", lost).send(play.actors["C"], "j", "run", kept)
    assert play.run("A", outer) == "committed"
    assert play.values() == {"A": {"x": 30, "f": 1}, "C": {"z": 33}}
    record = play.stage.record_text(play.stage.engine.seq)
    assert record.count("savepoint ") == 1
    assert record.count("rejected/failed") == 1


def test_failure_below_savepoint_undoes_savepoint(play: Play) -> None:
    deep = play.tree(number("z", 1).fail())
    middle = play.tree(number("y", 1).send(play.actors["C"], "j", "run", deep))
    assert play.run("A", number("x", 1).send(play.actors["B"], "v", "run", middle)) == "committed"
    assert play.values() == {"A": {"x": 1, "f": 1}}


def test_failed_savepoint_undoes_inner_savepoint(play: Play) -> None:
    kept, lost = play.tree(number("z", 1)), play.tree(Program().fail())
    middle = number("y", 1).send(play.actors["C"], "v", "run", kept).send(play.actors["D"], "j", "run", lost)
    assert play.run("A", number("x", 1).send(play.actors["B"], "v", "run", play.tree(middle))) == "committed"
    assert play.values() == {"A": {"x": 1, "f": 1}}


def test_inner_savepoint_fails_alone(play: Play) -> None:
    lost = play.tree(number("z", 1).fail())
    middle = play.tree(number("y", 1).send(play.actors["C"], "v", "run", lost))
    assert play.run("A", Program().send(play.actors["B"], "v", "run", middle)) == "committed"
    assert play.values() == {"B": {"y": 1, "f": 1}}


def test_savepoint_to_oneself(play: Play) -> None:
    lost = play.tree(number("x", 51).fail())
    assert play.run("A", number("x", 50).send(0xF0, "v", "run", lost)) == "committed"
    assert play.values() == {"A": {"x": 50, "f": 1}}


def test_savepoint_that_joins_its_sender(play: Play) -> None:
    back, lost = play.tree(number("x", 9)), play.tree(Program().fail())
    middle = Program().send(play.actors["A"], "j", "run", back).send(0xF0, "j", "run", lost)
    assert play.run("A", number("x", 1).send(play.actors["B"], "v", "run", play.tree(middle))) == "committed"
    assert play.values() == {"A": {"x": 1, "f": 1}}


def test_post_of_failed_savepoint_is_not_sent(play: Play) -> None:
    lost, kept = play.tree(number("z", 1)), play.tree(number("w", 1))
    middle = play.tree(Program().send(play.actors["C"], "p", "run", lost).fail())
    outer = Program().send(play.actors["B"], "v", "run", middle).send(play.actors["D"], "p", "run", kept)
    assert play.run("A", outer) == "committed"
    assert play.values() == {"A": {"f": 1}}
    play.stage.rest()
    assert play.values() == {"A": {"f": 1}, "D": {"w": 1}}


def test_failed_post_sends_notice_as_post(play: Play) -> None:
    lost = play.tree(Program().fail())
    assert play.run("A", Program().send(play.actors["B"], "p", "run", lost)) == "committed"
    assert play.stage.rest() == 2
    assert play.values() == {"A": {"f": 1}}


def test_join_behind_unread_post_is_out_of_order(play: Play) -> None:
    note = play.stage.text("n")
    both = Program().send(play.actors["B"], "p", "tell", note).send(play.actors["B"], "j", "tell", note)
    assert play.run("A", both) == "rejected/order"
    assert play.run("A", Program().send(play.actors["B"], "p", "tell", note)) == "committed"
    assert play.run("A", Program().send(play.actors["B"], "j", "tell", note)) == "rejected/order"
    play.stage.rest()
    assert play.run("A", Program().send(play.actors["B"], "j", "tell", note)) == "committed"
    assert play.stage.value(play.actors["B"], "told") == b"2"


def test_join_of_enclosing_frame_is_not_overtaken(play: Play) -> None:
    note = play.stage.text("n")
    again = play.tree(Program().send(play.actors["C"], "j", "tell", note))
    middle = play.tree(Program().send(play.actors["A"], "j", "run", again))
    outer = Program().send(play.actors["B"], "v", "run", middle).send(play.actors["C"], "j", "tell", note)
    assert play.run("A", outer) == "committed"
    assert "rejected/order" in play.stage.record_text(play.stage.engine.seq)
    assert play.stage.value(play.actors["C"], "told") == b"1"


def test_notice_that_would_overtake_is_a_post(play: Play) -> None:
    note = play.stage.text("n")
    # B has posted to A before its savepoint fails, so the notice waits behind this post.
    assert play.run("B", Program().send(play.actors["A"], "p", "tell", note)) == "committed"
    assert play.run("A", Program().send(play.actors["B"], "v", "run", play.tree(Program().fail()))) == "committed"
    assert play.values() == {}
    play.stage.rest()
    assert play.values() == {"A": {"f": 1}}
    assert play.stage.value(play.actors["A"], "told") == b"1"


def test_roots_are_all_or_none(play: Play) -> None:
    stage = play.stage
    good, bad = stage.program(number("x", 1)), stage.program(Program().fail("no"))
    messages = [Request(play.actors[name], [("mt", "run")], good) for name in "ABC"]
    assert stage.request([*messages, Request(play.actors["D"], [("mt", "run")], bad)]).failure is not None
    assert play.values() == {}
    assert stage.request(messages).failure is None
    assert play.values() == {name: {"x": 1} for name in "ABC"}


def test_expected_core_is_checked(play: Play) -> None:
    stage, actor = play.stage, play.actors["A"]
    position = stage.engine.base.position(actor)
    assert position is not None
    core = position.step.core.hex()
    program = stage.program(number("x", 1))
    assert stage.ask(actor, "run", program, expect=core).failure is None
    assert str(stage.ask(actor, "run", program, expect=core).failure) == "rejected/stale"
    assert stage.value(actor, "x") == b"1"


def test_budget_is_spent_by_two_of_three(play: Play) -> None:
    stage, actor = play.stage, play.actors["A"]
    assert play.run("A", number("x", 500)) == "committed"
    spend = stage.program(Program().add("x", -200))
    outcomes = [stage.ask(actor, "run", spend).failure for _ in range(3)]
    assert [None if one is None else str(one) for one in outcomes] == [None, None, "rejected/range"]


def nested(play: Play, depth: int) -> Program:
    program = number("x", 1)
    for _ in range(depth):
        program = Program().send(0xF0, "v", "run", play.tree(program))
    return program


@pytest.mark.parametrize(("depth", "outcome"), [(16, "committed"), (17, "exhausted/depth")])
def test_depth_of_savepoints_is_limited(play: Play, depth: int, outcome: str) -> None:
    assert play.run("A", nested(play, depth)) == outcome
    assert play.values() == ({"A": {"x": 1}} if outcome == "committed" else {})


def test_steps_are_limited_also_in_savepoints(play: Play) -> None:
    loop = Program().send(0xF0, "j", "loop", 0xF2)
    code = play.stage.tree({"code": {"loop": loop}})
    assert play.stage.ask(play.actors["A"], "image.install", code).failure is None
    begin = play.tree(Program().send(0xF0, "j", "loop", play.stage.text("c")))
    outer = Program().send(play.actors["A"], "v", "run", begin)
    assert play.run("B", outer) == "exhausted/steps"


def test_fuel_is_exact_and_not_refilled(stage: Stage) -> None:
    actor = stage.born(quota={"fuel": 10})
    assert stage.run_program(actor, Program().spin(8)).failure is None
    assert stage.record_text(stage.engine.seq).splitlines()[4] == "fuel 10"
    assert str(stage.run_program(actor, Program().spin(9)).failure) == "exhausted/fuel"
    spin = stage.program(Program().spin(3))
    outer = Program().send(0xF0, "v", "run", spin).spin(3)
    assert str(stage.run_program(actor, outer).failure) == "exhausted/fuel"
    assert stage.record_text(stage.engine.seq).splitlines()[4] == "fuel 7"


def test_timers_fire_by_due_time_and_order_of_setting(stage: Stage) -> None:
    actor = stage.born(code={"tick": Program().count("n", "+").add("n", 1)}, n="0")
    log = stage.born(code={"t": Program().add("t", 1)})
    assert log != actor
    set_two = Program()
    for delay in (100, 50):
        set_two.send(0xF0, "j", "image.timer", stage.text(f"{delay} a"))
    assert stage.run_program(actor, set_two).failure is None
    first = stage.engine.seq
    more = Program()
    for delay in (50, 0):
        more.send(0xF0, "j", "image.timer", stage.text(f"{delay} a"))
    assert stage.run_program(actor, more).failure is None
    stage.rest()
    assert stage.engine.seq == first + 2
    stage.clock(100)
    stage.rest()
    fired = [
        stage.record_text(seq).splitlines()[3] for seq in range(first + 2, stage.engine.seq + 1) if seq != first + 3
    ]
    assert len(fired) == 4
    assert all("missing/handler" in stage.record_text(seq) for seq in (first + 2, first + 4, first + 5, first + 6))
    assert stage.engine.has_work is False
