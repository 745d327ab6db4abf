"""Free schedules: whatever a runtime runs when, the history that it leaves is legal, and nothing is lost."""

from __future__ import annotations

import random
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.choices import run_freely
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.refusals import Refusal, ok
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import GENESIS, StartOptions
from gritstone_conformance.properties.runtime.situations import note_situations
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.strategies import programs, scenarios
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Scenario, Stage
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "scenario"]


def scenario(*, fails: bool = True, asks: bool = True, cleanups: bool = False) -> Given:
    """Draw ``scenario``, and ``seed``: a number for the other choices."""

    def given(fmt: Format) -> dict[str, st.SearchStrategy[Any]]:
        drawn = scenarios.scenarios(fmt, fails=fails, asks=asks, cleanups=cleanups)
        return {"scenario": drawn, "seed": st.integers(0, 255)}

    return given


def _terms(drawn: Scenario) -> StartOptions:
    return StartOptions(config=Config(1, 2, drawn.max_attempts))


def run(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """Whatever actors do, the history is legal; at rest nothing is left, a start changes nothing, the heads answer."""
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario))
    fixture.start()
    fixture.run_scenario(scenario)
    verdict = fixture.check()
    assert verdict.history is not None
    _check_parked(trial, fixture)
    for actor, chain in verdict.history.chains.items():
        head = chain.ids[-1].hex()
        if actor != verdict.history.agent:
            args = {"runtime": fixture.runtime, "actor": actor.hex(), "name": "nobody", "args": ""}
            answers = [ok(step=head, result=None), {"refused": "rejected", "code": "unresolved"}]
            fixture.ask("runtime.query", args, {"any": answers}, "runtime.query.rest")
    references = verdict.history.references
    fixture.stop()
    fixture.start()
    fixture.run()
    listed = sorted([name, target.hex()] for name, target in references.items())
    expect = ok(refs=listed, more=False)
    if any(name.startswith("failed/") for name in references) or seed % 2:
        fixture.ask("grit.refs", {"store": fixture.handle, "prefix": "", "after": None, "limit": 4096}, expect)
        fixture.flush()
        return
    fixture.ask("grit.refs", {"store": fixture.handle, "prefix": "", "after": None, "limit": 4096}, expect, _QUIET)
    fixture.inject(scenario.injections[-2:])
    fixture.run()
    fixture.check()


_QUIET: Final = "runtime.recover.quiet"


def _check_parked(trial: Trial, fixture: FreeScheduleFixture) -> None:
    """The marked actors are those that the references say."""
    assert fixture.last is not None
    marked = sorted(name[7:] for name in fixture.last.references if name.startswith("failed/"))
    parked = [actor for actor, _ in fixture.run()["parked"]]
    if parked != marked:
        trial.fail(marked, parked, words="parked are not the marked actors", rule="runtime.fail.mark")


def midway(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """At any moment no head is ahead of its senders: what its step covers was sent by steps that are there too."""
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario))
    fixture.start()
    note_situations(trial, scenario)
    fixture.put(scenario.graph)
    for injection in scenario.injections:
        fixture.inject([injection])
        fixture.check(at_rest=False, rules=_AHEAD)
        any_cause = ok(cause={"$": "any"}, steps={"$": "any"}, parked={"$": "any"})
        fixture.ask("runtime.run", {"runtime": fixture.runtime, "max_steps": 1 + seed % 3}, any_cause)
        fixture.check(at_rest=False, rules=_AHEAD)


_AHEAD: Final = {"unsent": "runtime.head.before-route", "cycle": "runtime.head.before-route"}


def cut(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """With cleanups, collecting and pruning in between the history is legal, and each collected actor is gone."""
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario))
    fixture.start()
    note_situations(trial, scenario)
    fixture.put(scenario.graph)
    half = len(scenario.injections) // 2
    fixture.inject(scenario.injections[:half])
    fixture.run()
    fixture.check(is_whole=False)
    fixture.flush()
    trial.expect("runtime.collect", {"runtime": fixture.runtime}, ok(removed={"$": "any"}))
    fixture.check(is_whole=False)
    pruned = ok(removed={"$": "any"})
    pins: list[str] = [identity.hex() for identity in scenario.graph.encodings]
    trial.expect("grit.prune", {"store": fixture.handle, "pins": pins}, pruned, rule="runtime.prune.running")
    fixture.inject(scenario.injections[half:])
    fixture.run()
    fixture.check(is_whole=False)


def resumed(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """A store that another runtime left at any moment goes on: mail that its heads hold unread is delivered."""
    note_situations(trial, scenario)
    source, rng = Store(fmt), random.Random(seed)
    scenario.graph.fill(source)
    runtime = start(source, "test", Config(1, 2, scenario.max_attempts))
    for injection in scenario.injections:
        try:
            runtime.agent.inject(injection.to, injection.headers, injection.content, injection.mode)
        except Refusal:
            continue
        run_freely(runtime, rng, rng.randrange(3))
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario))
    data = source.export()
    fixture.ask(
        *("grit.import", {"store": fixture.handle, "bytes": to_base64(data), "more": False}),
        ok(objects={"$": "any"}, refs=len(source.references)),
    )
    fixture.start()
    fixture.last = check_history(scan(data), max_attempts=scenario.max_attempts).history
    fixture.run()
    fixture.check(rules={"lost": "runtime.recover.mail"})


def two_runtimes(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """Two runtimes on one store do not fork a head: a head moves only from the step that was run."""
    control = partial(_one_runtime, trial, fmt, scenario)
    with relying(trial, control, "the scenario with one runtime", rule="runtime.head.cas"):
        _two_runtimes(trial, fmt, scenario, seed)


def _one_runtime(trial: Trial, fmt: Format, scenario: Scenario) -> None:
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario), StoreOptions(handle="control"))
    fixture.start()
    fixture.run_scenario(scenario)
    fixture.check()


def _two_runtimes(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    fixture = FreeScheduleFixture(trial, fmt, _terms(scenario))
    names = ("r-one", "r-two")
    for name in names:
        fixture.start(name)
    note_situations(trial, scenario)
    fixture.put(scenario.graph)
    for number, injection in enumerate(scenario.injections):
        fixture.inject([injection], names[number % 2])
        if number in scenario.pauses:
            fixture.run(names[seed >> number & 1])
    for name in (*names, *names):
        fixture.run(name)
    fixture.stop(runtime="r-one")
    fixture.stop(runtime="r-two")
    fixture.start()
    fixture.run()
    fixture.check()


def several_workers(trial: Trial, fmt: Format, scenario: Scenario, seed: int) -> None:
    """With several transitions at the same time all holds as before."""
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(1, 2, scenario.max_attempts), workers=4))
    fixture.start()
    fixture.run_scenario(scenario)
    fixture.check()


def known_shapes(trial: Trial, fmt: Format) -> None:
    """Fan-out and fan-in, chains, ping-pong, mail to oneself, signals that overtake queues: all are legal histories."""
    stage = Stage(Graph(fmt))
    hub = stage.core(b"hub")
    workers = [stage.core(b"worker %d" % number) for number in range(20)]
    back = stage.program(programs.append("log", b"."))
    reply = stage.program(programs.send(programs.SENDER, 0) + programs.send(programs.SENDER, 0, "now", b"s"), back)
    fan = b"".join(programs.send(at, at, "genesis") + programs.send(at, 20) for at in range(20))
    pair = stage.program(programs.bounce(40))
    chain = stage.program(programs.append("log", b"end"))
    for worker in workers:
        chain = stage.program(programs.send(0, 1), worker, chain)
    own = stage.program(programs.send(programs.ACTOR, 0), stage.program(programs.send(programs.ACTOR, 0), back))
    mail = (
        Injection(hub, GENESIS, hub),
        Injection(hub, (), stage.program(fan, *workers, reply)),
        Injection(hub, (), stage.program(programs.send(0, 1), workers[0], pair)),
        Injection(hub, (), chain),
        Injection(hub, (), own),
        Injection(hub, (), stage.program(fan, *workers, reply)),
    )
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.run_scenario(Scenario(stage.graph, (hub,), mail))
    verdict = fixture.check()
    if verdict.actors != 21:
        trial.fail(21, verdict.actors, words="not all actors were created", rule="runtime.route.rest")


def fenced(trial: Trial, fmt: Format) -> None:
    """Control messages between ordinary mail, all sent before anything runs, are read alone and in their turn."""
    stage = Stage(Graph(fmt))
    actor, other = stage.core(b"a", program=stage.blob(programs.append("log", b"g"))), stage.core(b"b")
    log = [stage.program(programs.append("log", b"%d" % number)) for number in range(5)]
    update = stage.tree(k=stage.blob(b"new"), c=stage.tree(d=stage.blob(b"d")))
    says = programs.send(0, 1) + programs.send(0, 2, "update") + programs.send(0, 3) + programs.send(0, 0, "genesis")
    typed: tuple[tuple[str, bytes], ...] = (
        *(("genesis", actor), ("", log[0]), ("", log[1]), ("update", update), ("", log[2])),
        *(("genesis", actor), ("", log[3]), ("update", stage.blob(b"refused")), ("", log[4])),
    )
    mail = [Injection(actor, (("mt", mt),) if mt else (), content) for mt, content in typed]
    mail.append(Injection(other, GENESIS, other))
    mail.append(Injection(other, (), stage.program(says, actor, log[0], update, log[1])))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.run_scenario(Scenario(stage.graph, (actor, other), tuple(mail)))
    fixture.check()


def overtaken(trial: Trial, fmt: Format) -> None:
    """What a signal superseded before it was read is not read after it, whatever is sent later."""
    stage = Stage(Graph(fmt))
    actors = [stage.core(b"a"), stage.core(b"b")]
    maker, other = stage.core(b"maker"), stage.core(b"other")
    log = [stage.program(programs.append("log", b"%d" % number)) for number in range(4)]
    make = stage.program(programs.send(0, 0, "genesis") + programs.send(1, 1, "genesis"), *actors)
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject([Injection(maker, GENESIS, maker), Injection(other, GENESIS, other), Injection(maker, (), make)])
    fixture.run()
    fixture.inject(Injection(actors[0], (), content, mode) for content, mode in zip(log, _MODES, strict=True))
    fixture.inject(Injection(actors[1], (), content, "signal") for content in log)
    fixture.run()
    for content in log:
        fixture.inject([Injection(other, (), content)])
        fixture.run()
    fixture.check()


_MODES: Final = ("queue", "queue", "signal", "queue")

_RULES: Final = tuple(dict.fromkeys(("runtime.history.bundle", "runtime.route.rest", *HISTORY_RULES)))

PROPERTIES: Final = (
    *in_each_format(
        "runtime/history/free",
        run,
        *_RULES,
        _QUIET,
        "runtime.query.rest",
        "runtime.agent.inject",
        reach={"signal after queue": 0.1, "mail after a pause": 0.35, "an update": 0.05},
        given=scenario(),
        examples=39,
        once=True,
    ),
    *in_each_format(
        "runtime/head/midway",
        midway,
        "runtime.head.before-route",
        *_RULES,
        given=scenario(),
        examples=8,
    ),
    *in_each_format(
        "runtime/history/cut",
        cut,
        *_RULES,
        "wit.cleanup.begin",
        "runtime.prune.running",
        reach={"mail after a pause": 0.06},
        given=scenario(cleanups=True),
        examples=16,
        once=True,
    ),
    *in_each_format(
        "runtime/recover/resumed",
        resumed,
        "runtime.recover.mail",
        *_RULES,
        reach={"signal after queue": 0.1, "mail after a pause": 0.3},
        given=scenario(),
        examples=16,
    ),
    *in_each_format(
        "runtime/head/two-runtimes",
        two_runtimes,
        "runtime.head.cas",
        *_RULES,
        reach={"mail after a pause": 0.07},
        given=scenario(),
        examples=13,
    ),
    *in_each_format(
        "runtime/history/workers",
        several_workers,
        "runtime.history.bundle",
        "runtime.head.serial",
        *_RULES[1:],
        given=scenario(),
        features=("external", "threads"),
        examples=16,
    ),
    *in_each_format("runtime/history/fenced", fenced, "wit.proposal.fence", *_RULES),
    *in_each_format("runtime/history/overtaken", overtaken, "runtime.route.superseded", *_RULES),
    *in_each_format("runtime/history/shapes", known_shapes, *_RULES, "runtime.route.self"),
)
