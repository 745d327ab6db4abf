"""Asking: an answer is of a step of the actor, at rest and meanwhile, and never of an older one than before."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def asked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """At rest the head answers, and never a step older than one that was acknowledged."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actors = [lockstep.born(b"a"), lockstep.born(b"b")]
    for number in range(tape.within(1, 6)):
        actor = tape.pick(actors)
        lockstep.tell(actor, stage.program(programs.append("log", b"%d" % number)))
        for each in actors:
            lockstep.query(each, tape.pick(("step", "get", "wut", "nobody", "fail")), b"log", rule="runtime.query.rest")
        lockstep.refs(rule="runtime.query.rest")
        lockstep.query(actor, "step", rule="runtime.query.monotone")
    lockstep.query(stage.core(b"nobody"), "step", rule="wit.query.answers")
    lockstep.query(lockstep.agent, "step", rule="wit.query.answers")
    lockstep.export(rule="wit.query.pure")


def asked_meanwhile(trial: Trial, fmt: Format) -> None:
    """While actors run, answers come from steps of the actor, and never from an older one than before.

    How many steps there are between two answers is the runtime's business: it may have come to rest already.
    """
    rule = "runtime.query.monotone"
    stage = Stage(Graph(fmt))
    one, two = stage.core(b"one"), stage.core(b"two")
    ball = stage.program(programs.send(0, 1), two, stage.program(programs.bounce(150)))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (one, two))
    fixture.run()
    fixture.inject([Injection(one, (), ball)])
    args = {"runtime": fixture.runtime, "name": "step", "args": ""}
    expect = ok(step={"$": "any"}, result={"$": "any"})
    some = {"runtime": fixture.runtime, "max_steps": 7}
    listed = {"store": fixture.handle, "prefix": "heads/", "after": None, "limit": 10}
    seen: dict[bytes, list[str]] = {one: [], two: []}
    for _ in range(15):
        trial.expect("runtime.run", some, RAN)
        for actor, steps in seen.items():
            steps.append(trial.expect("runtime.query", {**args, "actor": actor.hex()}, expect, rule=rule)["step"])
        refs = dict(trial.expect("grit.refs", listed, ok(refs={"$": "any"}, more=False))["refs"])
        for actor, steps in seen.items():
            steps.append(refs.get(f"heads/{actor.hex()}", "none"))
    fixture.run()
    verdict = fixture.check()
    assert verdict.history is not None
    for actor, steps in seen.items():
        places = {step.hex(): number for number, step in enumerate(verdict.history.chains[actor].ids)}
        order = [places.get(step, -1) for step in steps]
        if order != sorted(order) or -1 in order:
            trial.fail("steps of the actor, none older than before", order, words="an answer goes back", rule=rule)


PROPERTIES: Final = (
    *in_each_format(
        *("runtime/query/rest", asked, "runtime.query.rest", "runtime.query.monotone", "wit.query.pure"),
        given=tape(24),
        examples=10,
    ),
    *in_each_format("runtime/query/meanwhile", asked_meanwhile, "runtime.query.monotone"),
)
