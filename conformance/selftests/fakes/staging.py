"""Run scenarios on the model, with a schedule that a seed selects."""

from __future__ import annotations

import random

from gritstone_conformance.model.choices import choices, run_freely
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.runtime import Config, Runtime, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.programs import bounce, fail, send
from gritstone_conformance.strategies.scenarios import SCENARIO_TAPE, Injection, Scenario, Stage, build
from gritstone_conformance.strategies.tape import Tape

__all__ = ["ball_game", "drawn", "run_lowest", "run_scenario"]

GENESIS = (("mt", "genesis"),)


def drawn(fmt: Format, seed: int, *, cleanups: bool = False) -> Scenario:
    """Return the scenario of a seed."""
    return build(Tape(random.Random(seed).randbytes(SCENARIO_TAPE)), fmt, cleanups=cleanups)


def run_scenario(scenario: Scenario, seed: int) -> Runtime:
    """Run a scenario to rest with a free schedule."""
    source = random.Random(seed)
    runtime = _begin(scenario)
    for number, injection in enumerate(scenario.injections):
        _inject(runtime, injection)
        run_freely(runtime, source, 10_000 if number in scenario.pauses else source.randrange(4))
    assert run_freely(runtime, source) == "rest"
    return runtime


def run_lowest(scenario: Scenario) -> Runtime:
    """Send all messages, then always run the actor with the lowest id: a control message first, else all its mail."""
    runtime = _begin(scenario)
    for injection in scenario.injections:
        _inject(runtime, injection)
    while listed := choices(runtime):
        mine = [proposal for actor, proposal in listed if actor == listed[0][0]]
        controls = [proposal for proposal in mine if proposal.kind != "ordinary"]
        runtime.run(listed[0][0], controls[0] if controls else max(mine, key=lambda each: len(each.covered)))
    return runtime


def ball_game(fmt: Format, *, limit: int | None = 3) -> Scenario:
    """Return the golden history S3, where two actors bounce a message ``limit`` times; for None S4, where b fails."""
    stage = Stage(Graph(fmt))
    a, b = stage.core(b"a"), stage.core(b"b")
    ball = stage.program(fail() if limit is None else bounce(limit))
    content = stage.program(send(0, 1), b, ball)
    injections = (Injection(a, GENESIS, a), Injection(b, GENESIS, b), Injection(a, (), content))
    return Scenario(stage.graph, (a, b), injections, max_attempts=1 if limit is None else 3)


def _begin(scenario: Scenario) -> Runtime:
    store = Store(scenario.graph.format)
    scenario.graph.fill(store)
    return start(store, "test", Config(10, 100, scenario.max_attempts))


def _inject(runtime: Runtime, injection: Injection) -> None:
    try:
        runtime.agent.inject(injection.to, injection.headers, injection.content, injection.mode)
    except Refusal as refusal:
        if refusal.kinds != {"rejected"}:  # only a signal that moves back may be rejected
            raise
