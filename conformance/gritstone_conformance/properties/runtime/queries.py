"""Asking: an answer is of a step of the actor, at rest and meanwhile, and never of an older one than before."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.properties.runtime.double import GENESIS, Double
from gritstone_conformance.properties.runtime.house import RAN, House
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def asked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """At rest the head answers, and never a step older than one that was acknowledged."""
    double = Double(trial, fmt)
    stage = double.stage
    actors = [double.born(b"a"), double.born(b"b")]
    for number in range(tape.within(1, 6)):
        actor = tape.pick(actors)
        double.tell(actor, stage.program(programs.append("log", b"%d" % number)))
        for each in actors:
            double.query(each, tape.pick(("step", "get", "wut", "nobody", "fail")), b"log", rule="runtime.query.rest")
        double.refs(rule="runtime.query.rest")
        double.query(actor, "step", rule="runtime.query.monotone")
    double.query(stage.core(b"nobody"), "step", rule="wit.query.answers")
    double.query(double.agent, "step", rule="wit.query.answers")
    double.export(rule="wit.query.pure")


def asked_meanwhile(trial: Trial, fmt: Format) -> None:
    """While actors run, answers come from steps of the actor, and never from an older one than before.

    How many steps there are between two answers is the runtime's business: it may have come to rest already.
    """
    rule = "runtime.query.monotone"
    stage = Stage(Graph(fmt))
    one, two = stage.core(b"one"), stage.core(b"two")
    ball = stage.program(programs.send(0, 1), two, stage.program(programs.bounce(150)))
    house = House(trial, fmt)
    house.start()
    house.put(stage.graph)
    house.inject(Injection(each, GENESIS, each) for each in (one, two))
    house.run()
    house.inject([Injection(one, (), ball)])
    args = {"runtime": house.runtime, "name": "step", "args": ""}
    expect = ok(step={"$": "any"}, result={"$": "any"})
    some = {"runtime": house.runtime, "max_steps": 7}
    listed = {"store": house.handle, "prefix": "heads/", "after": None, "limit": 10}
    seen: dict[bytes, list[str]] = {one: [], two: []}
    for _ in range(15):
        trial.expect("runtime.run", some, RAN)
        for actor, steps in seen.items():
            steps.append(trial.expect("runtime.query", {**args, "actor": actor.hex()}, expect, rule=rule)["step"])
        refs = dict(trial.expect("grit.refs", listed, ok(refs={"$": "any"}, more=False))["refs"])
        for actor, steps in seen.items():
            steps.append(refs.get(f"heads/{actor.hex()}", "none"))
    house.run()
    verdict = house.check()
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
