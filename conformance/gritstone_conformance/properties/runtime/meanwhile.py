"""What happens while a run is in progress: a delay ends, the actor is collected, the runtime is stopped."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Blob, to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import GENESIS, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_DELAY_MS: Final = 100
_NAP_MS: Final = 400


def delay_ends(trial: Trial, fmt: Format) -> None:
    """A message whose delay ends while its actor sleeps in another run is run again after that run."""
    rule = "runtime.retry.running"
    stage = Stage(Graph(fmt))
    actor, other = stage.core(b"a"), stage.core(b"other")
    fails_once = stage.program(programs.try_again(1) + programs.append("log", b"x"))
    sleeps = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    say = stage.program(programs.send(0, 1), actor, sleeps)
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(_DELAY_MS, _DELAY_MS, 3)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, other))
    fixture.run()
    fixture.inject([Injection(actor, (), fails_once), Injection(other, (), say)])
    fixture.run()
    args: dict[str, Json] = {"runtime": fixture.runtime, "actor": actor.hex(), "name": "get", "args": _LOG}
    answer = trial.expect("runtime.query", args, ok(step={"$": "any"}, result={"$": "any"}), rule="runtime.query.rest")
    wanted = {fmt.hash(fmt.encode(Blob((), data))).hex() for data in (b"xz", b"zx")}
    if answer["result"] not in wanted:
        words = "a message is not run again when its delay ends during a run"
        trial.fail("both messages read", answer["result"], words=words, rule=rule)
    fixture.check()


def collected(trial: Trial, fmt: Format) -> None:
    """The outcome of a run of a collected actor is not adopted, and no genesis message creates it again."""
    rule = "runtime.collect.running"
    stage = Stage(Graph(fmt))
    creator, child = stage.core(b"creator"), stage.core(b"child")
    create = stage.program(programs.send(0, 0, "genesis"), child)
    nap = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    say, free = stage.program(programs.send(0, 1), child, nap), stage.program(programs.release(0), child)
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject([Injection(creator, GENESIS, creator), Injection(creator, (), create)])
    fixture.run()
    for content in (say, free):
        fixture.inject([Injection(creator, (), content)])
        fixture.flush()
        trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 1}, RAN, rule="runtime.route.rest")
    removed = trial.expect("runtime.collect", {"runtime": fixture.runtime}, ok(removed={"$": "any"}))["removed"]
    fixture.run()
    time.sleep(_NAP_MS / 1000)
    fixture.run()
    head: dict[str, Json] = {"store": fixture.handle, "prefix": f"heads/{child.hex()}", "after": None, "limit": 1}
    if removed:  # else the run was over before the collection, which then finds the child with a newer head
        trial.expect("grit.refs", head, ok(refs=[], more=False), rule=rule)
    fixture.inject([Injection(creator, (), create)])
    fixture.run()
    if removed:
        trial.expect("grit.refs", head, ok(refs=[], more=False), rule="runtime.collect.final")
    fixture.check(is_whole=False)


def overtaken(trial: Trial, fmt: Format) -> None:
    """A signal that supersedes the message of a run in progress is covered once, whether or not that run is adopted."""
    stage = Stage(Graph(fmt))
    actor, other = stage.core(b"a"), stage.core(b"other")
    slow = stage.program(programs.sleep(_NAP_MS // 2) + programs.append("log", b"z"))
    log = stage.program(programs.append("log", b"x"))
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, other))
    fixture.run()
    fixture.inject([Injection(actor, (), slow, "signal"), Injection(other, (), log)])
    fixture.flush()
    trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 1}, RAN, rule="runtime.run.reply")
    fixture.inject([Injection(actor, (), log, "signal")])
    fixture.run()
    args: dict[str, Json] = {"runtime": fixture.runtime, "actor": actor.hex(), "name": "get", "args": _LOG}
    answer = trial.expect("runtime.query", args, ok(step={"$": "any"}, result={"$": "any"}), rule="runtime.query.rest")
    wanted = {fmt.hash(fmt.encode(Blob((), data))).hex() for data in (b"x", b"zx")}
    if answer["result"] not in wanted:
        words = "a signal that overtakes a run is not covered once"
        trial.fail("x, with or without z before it", answer["result"], words=words, rule="runtime.route.overtaken")
    fixture.check()


def drained(trial: Trial, fmt: Format) -> None:
    """A stop with ``drain`` waits for an actor that sleeps, adopts its step, and begins no run of its further mail.

    The sleeper has begun: another actor has slept and made a step since, and must not have held it up.
    """
    rule = "runtime.stop.drain"
    stage = Stage(Graph(fmt))
    sleeper, first, last = stage.core(b"sleeper"), stage.core(b"first"), stage.core(b"last")
    long = stage.program(programs.sleep(3 * _DELAY_MS + _NAP_MS) + programs.append("log", b"z"))
    behind = stage.tree(k=stage.blob(b"not read"))
    short = stage.program(programs.sleep(2 * _DELAY_MS) + programs.send(0, 1), last, stage.program(b""))
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (sleeper, first, last))
    fixture.run()
    update = Injection(sleeper, (("mt", "update"),), behind)
    fixture.inject([Injection(sleeper, (), long), update, Injection(first, (), short)])
    trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 2}, RAN, rule="runtime.run.independent")
    fixture.stop("drain")
    verdict = fixture.check(at_rest=False)
    assert verdict.history is not None, "the history is legal"
    chain, shelf = verdict.history.chains[sleeper], verdict.history.shelf
    read = [message for index in range(1, len(chain)) for _, message in chain.covered(shelf, index)]
    wanted = [each.message for each in fixture.sent if each.to == sleeper and each.content in (long, behind)]
    if read != wanted[:1]:
        words = "a stop does not wait for what sleeps" if not read else "a stop begins another run"
        trial.fail(1, len(read), words=words, rule=rule)
    fixture.start()
    fixture.run()
    fixture.check()


def drained_together(trial: Trial, fmt: Format) -> None:
    """A stop with ``drain`` waits for the last of several sleepers, marks those that fail, and tries nothing again."""
    rule = "runtime.stop.drain"
    stage = Stage(Graph(fmt))
    titles = (b"long", b"longer", b"fails", b"again", b"first", b"last")
    long, longer, fails, again, first, last = (stage.core(title) for title in titles)
    append = programs.append("log", b"z")
    sleeps = {actor: stage.program(programs.sleep(ms) + append) for actor, ms in ((long, 600), (longer, 1000))}
    short = stage.program(programs.sleep(2 * _DELAY_MS) + programs.send(0, 1), last, stage.program(b""))
    failing = stage.program(programs.sleep(800) + programs.fail())
    retried = stage.program(programs.try_again(1) + append)
    for config, actor, content in ((Config(0, 0, 1), fails, failing), (Config(700, 700, 2), again, retried)):
        fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=config))
        fixture.start()
        fixture.put(stage.graph)
        fixture.inject(Injection(each, GENESIS, each) for each in (*sleeps, actor, first, last))
        fixture.run()
        naps = [Injection(each, (), nap) for each, nap in sleeps.items()]
        fixture.inject([*naps, Injection(actor, (), content), Injection(first, (), short)])
        trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 2}, RAN, rule="runtime.run.independent")
        begun = _steps(fixture, actor)
        fixture.stop("drain")
        if any(_steps(fixture, each) != 2 for each in sleeps):
            trial.fail(2, [_steps(fixture, each) for each in sleeps], words="a stop leaves a sleeper", rule=rule)
        if _steps(fixture, actor) != begun:
            trial.fail(begun, _steps(fixture, actor), words="a stop tries a message again", rule=rule)
        marks: dict[str, Json] = {"store": fixture.handle, "prefix": f"failed/{fails.hex()}", "after": None, "limit": 1}
        found = trial.expect("grit.refs", marks, ok(refs={"$": "any"}, more=False))["refs"]
        if len(found) != (actor == fails):
            trial.fail(int(actor == fails), found, words="a stop does not mark an actor that failed", rule=rule)
        fixture.start()
        fixture.run()
        fixture.check()
        fixture.close()


def _steps(fixture: FreeScheduleFixture, actor: bytes) -> int:
    """Return how many steps an actor has made."""
    verdict = fixture.check(at_rest=False)
    assert verdict.history is not None, "the history is legal"
    return len(verdict.history.chains[actor])


_LOG: Final = to_base64(b"log")

PROPERTIES: Final = (
    *in_each_format("runtime/route/overtaken", overtaken, "runtime.route.overtaken", *HISTORY_RULES, cost=300),
    *in_each_format(
        "runtime/retry/delay-ends-while-running",
        delay_ends,
        "runtime.retry.running",
        *HISTORY_RULES,
        cost=600,
    ),
    *in_each_format(
        "runtime/collect/collected-while-running",
        collected,
        "runtime.collect.running",
        "runtime.collect.final",
        *HISTORY_RULES,
        cost=600,
        once=True,
    ),
    *in_each_format(
        "runtime/stop/drained",
        drained,
        "runtime.stop.drain",
        "runtime.stop.clean",
        *HISTORY_RULES,
        cost=900,
        once=True,
    ),
    *in_each_format(
        "runtime/stop/drained-together",
        drained_together,
        "runtime.stop.drain",
        *HISTORY_RULES,
        once=True,
        cost=900,
    ),
)
