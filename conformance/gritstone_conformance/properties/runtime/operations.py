"""Running and stopping: waiting costs nothing, a slow actor delays no other, and a stopped runtime is over."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import (
    GENESIS,
    MOST_STEPS,
    LockstepModel,
    StartOptions,
    start_args,
)
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_IDLE_S: Final = 0.05  # processor time in any second of waiting
_ACTORS: Final = 300  # at rest
_SLEEPERS, _SLEEP_MS = 10, 500
_ALL_S: Final = 2.5
_SOME: Final = 30  # steps of a game that takes more
_TRIES: Final = 3
_STOP_S: Final = 5.0
_LONG_NAP_MS, _BYE_S = 4_500, 4.0  # less than the deadline of a bye
_NAP_MS: Final = 150
_HELD: Final = {"lost": "runtime.run.declined"}  # the rule that is named where mail is left that waits for nothing


def _check_idle(trial: Trial, rule: str) -> None:
    """Fail where a second of waiting takes processor time."""
    watch = Stopwatch(trial)
    time.sleep(1)
    used = watch.worked_s()
    if used > _IDLE_S:
        trial.fail(f"less than {_IDLE_S} s", f"{used:.3f} s", words="waiting takes processor time", rule=rule)


def waiting_mail(trial: Trial, fmt: Format) -> None:
    """Mail for an actor that does not exist waits, in its order and at no cost, and is read after the genesis."""
    rule = "runtime.route.absent"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    sender, target = lockstep.born(b"sender"), stage.core(b"target")
    logs = [stage.program(programs.append("log", b"%d" % number)) for number in range(3)]
    lockstep.tell(target, logs[0], rule=rule)
    lockstep.tell(target, stage.core(b"other"), "genesis", rule="wit.genesis.identity")
    lockstep.tell(sender, stage.program(programs.send(0, 1), target, logs[1]), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.flush()
    _check_idle(trial, rule)
    lockstep.restart(rule=rule)
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.stop()
    lockstep.flush()
    fixture = _waiting_house(trial, fmt)
    fixture.check()


def genesis_behind(trial: Trial, fmt: Format) -> None:
    """A genesis message behind other mail waits with it, until a genesis message that is first creates the actor."""
    rule = "runtime.route.absent"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    sender, target, other = lockstep.born(b"sender"), stage.core(b"target"), stage.core(b"other")
    logs = [stage.program(programs.append("log", b"%d" % number)) for number in range(2)]
    lockstep.tell(target, logs[0], rule=rule)
    lockstep.tell(target, target, "genesis", rule=rule)
    lockstep.tell(target, logs[1], rule=rule)
    lockstep.refs(rule=rule)
    lockstep.restart(rule=rule)
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.tell(sender, stage.program(programs.send(0, 0, "genesis"), target), rule=rule)
    lockstep.query(target, "get", b"log", rule=rule)
    lockstep.tell(other, logs[0], rule=rule)
    lockstep.tell(other, other, "genesis", "signal", rule=rule)
    lockstep.query(other, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def _waiting_house(trial: Trial, fmt: Format) -> FreeScheduleFixture:
    """Keep mail of three senders waiting for an actor that a fourth creates: the distribution over steps is free."""
    stage = Stage(Graph(fmt))
    target, maker = stage.core(b"target"), stage.core(b"maker")
    senders = [stage.core(b"sender %d" % number) for number in range(3)]
    log = stage.program(programs.append("log", b"x"))
    say = stage.program(programs.send(0, 1) + programs.send(0, 1, "two"), target, log)
    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(handle="t"))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (*senders, maker))
    fixture.inject(Injection(sender, (), say) for sender in senders)
    fixture.inject([Injection(target, (), log)])
    fixture.run()
    fixture.check()
    graph = Stage(Graph(fmt))
    make = graph.program(programs.send(0, 0, "genesis"), graph.core(b"target"))
    fixture.put(graph.graph)
    fixture.inject([Injection(maker, (), make)])
    fixture.run()
    return fixture


def idle(trial: Trial, fmt: Format) -> None:
    """A store with many actors, and with mail that waits for each reason, is at rest at no cost."""
    stage = Stage(Graph(fmt))
    actors = [stage.core(b"actor %d" % number) for number in range(_ACTORS)]
    failing, away, absent = stage.core(b"failing"), stage.core(b"away"), stage.core(b"absent")
    log = stage.program(programs.append("log", b"x"))
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    tell, poison = stage.program(programs.send(programs.SENDER, 0), log), stage.program(programs.fail())
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (*actors, failing, away))
    fixture.run()
    change: Json = {"name": f"archived/{away.hex()}", "old": None, "new": away.hex()}
    fixture.stop()
    fixture.ask("grit.cas", {"store": fixture.handle, "changes": [change]}, ok())
    fixture.start()
    fixture.inject(
        [
            *(Injection(failing, (), content) for content in (poison, log)),
            *(Injection(each, (), log) for each in (away, absent)),
            Injection(actors[0], (), held),
            Injection(actors[1], (), tell),
        ]
    )
    fixture.run()
    _check_idle(trial, "runtime.run.idle")
    fixture.check()


def to_itself(trial: Trial, fmt: Format) -> None:
    """Mail to oneself arrives like any other."""
    rule = "runtime.route.self"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor = lockstep.born(b"a")
    content = stage.program(programs.append("log", b"end"))
    for number in range(5):
        ops = programs.append("log", b"%d" % number) + programs.send(programs.ACTOR, 0)
        content = stage.program(ops, content)
    lockstep.tell(actor, content, rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def declined(trial: Trial, fmt: Format) -> None:
    """What was declined is not run again until something changes, and costs nothing meanwhile."""
    rule = "runtime.run.declined"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, other = lockstep.born(b"a"), lockstep.born(b"b")
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    lockstep.inject(actor, held)
    lockstep.run(1, rule="runtime.run.reply")  # a declined run is no step
    lockstep.refs(rule=rule)
    lockstep.flush()
    _check_idle(trial, rule)
    lockstep.tell(other, stage.program(programs.append("log", b"x")), rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def declined_again(trial: Trial, fmt: Format) -> None:
    """Each new message makes a declined message a choice again, however often; declined again, it is no choice."""
    rule = "runtime.run.declined"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 3)))
    stage = lockstep.stage
    actor, senders = stage.core(b"a"), [stage.core(b"sender %d" % number) for number in range(2)]

    def settle() -> None:
        while lockstep.ready(rule=rule):
            lockstep.choose(0, rule=rule)
        lockstep.refs(rule=rule)

    for each in (actor, *senders):
        lockstep.inject(each, each, headers=GENESIS)
    settle()
    for number in range(6):
        held = stage.program(programs.leave("k") + programs.append("log", b"%d" % number))
        if number % 3 == 0:
            lockstep.inject(actor, held)
        else:
            lockstep.inject(senders[number % 2], stage.program(programs.send(0, 1), actor, held))
        settle()
        lockstep.flush()
    lockstep.inject(
        senders[0], stage.program(programs.send(0, 1, "", b"s"), actor, stage.program(programs.write("k", b"v")))
    )
    settle()
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def held_mail_woken(trial: Trial, fmt: Format) -> None:
    """Mail behind a held message waits with it, and other channels wake both, also after a start."""
    stage = Stage(Graph(fmt))
    actor, other = stage.core(b"a"), stage.core(b"b")
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    behind = stage.program(programs.append("log", b"behind"))
    wake = stage.program(programs.send(0, 1), actor, stage.program(programs.write("k", b"v")))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, other))
    fixture.inject([Injection(actor, (), held), Injection(actor, (), behind)])
    fixture.run()
    fixture.check(rules=_HELD)
    fixture.stop()
    fixture.start()
    fixture.run()
    fixture.check(rules=_HELD)
    fixture.inject([Injection(other, (), wake)])
    fixture.run()
    verdict = fixture.check(rules=_HELD)
    assert verdict.history is not None
    chain = verdict.history.chains[actor]
    names = verdict.history.shelf.names(chain.steps[-1].core)
    blob = verdict.history.shelf.blob(names["log"]) if "log" in names else None
    got = None if blob is None else blob.data.decode()
    if got != "heldbehind":
        trial.fail(
            "heldbehind", got, words="mail that was held is not read once it may be", rule="runtime.run.declined"
        )


def withdrawn_mail(trial: Trial, fmt: Format) -> None:
    """Mail that its sender takes back is not read, and what waited for it no longer waits."""
    rule = "runtime.route.rest"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor, other = lockstep.born(b"a"), lockstep.born(b"b")
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    lockstep.tell(other, stage.program(programs.send(0, 1), actor, held), rule=rule)
    lockstep.tell(actor, stage.program(programs.append("log", b"cleanup")), "cleanup", rule="wit.cleanup.begin")
    lockstep.refs(rule="wit.cleanup.begin")
    lockstep.tell(other, stage.program(programs.release(0), actor), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.tell(actor, stage.program(programs.write("k", b"v")), rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def cleaned_meanwhile(trial: Trial, fmt: Format) -> None:
    """Mail that arrives while a cleanup is being run makes no failure of it, and is covered afterwards."""
    rule = "wit.cleanup.begin"
    stage = Stage(Graph(fmt))
    actor, other = stage.core(b"a"), stage.core(b"b")
    slow = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"c"))
    log = stage.program(programs.append("log", b"m"))
    say = stage.program(programs.sleep(_NAP_MS // 4) + programs.send(0, 1), actor, log)
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, other))
    fixture.run()
    fixture.inject([Injection(actor, (("mt", "cleanup"),), slow), Injection(other, (), say)])
    args = {"runtime": fixture.runtime, "max_steps": MOST_STEPS}
    trial.expect("runtime.run", args, ok(cause="rest", steps={"$": "any"}, parked=[]), rule=rule)
    verdict = fixture.check(is_whole=False)
    assert verdict.history is not None
    step = verdict.history.chains[actor].steps[-1]
    data = verdict.history.shelf.blob(verdict.history.shelf.names(step.core).get("log", b""))
    got = "" if data is None else data.data.decode()
    if sorted(got) != ["c", "m"]:
        trial.fail("c and m", got, words="a cleanup and the mail that arrives during it are both read", rule=rule)


def independent(trial: Trial, fmt: Format) -> None:
    """Ten actors that sleep half a second each are all done in two and a half, and others go on meanwhile."""
    rule = "runtime.run.independent"
    stage = Stage(Graph(fmt))
    sleepers = [stage.core(b"sleeper %d" % number) for number in range(_SLEEPERS)]
    failing, players = stage.core(b"failing"), [stage.core(b"one"), stage.core(b"two")]
    nap = stage.program(programs.sleep(_SLEEP_MS) + programs.append("log", b"z"))
    ball = stage.program(programs.send(0, 1), players[1], stage.program(programs.bounce(30)))
    poison = stage.program(programs.fail())
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(100, 100, 3)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (*sleepers, failing, *players))
    fixture.run()
    for left in reversed(range(_TRIES)):
        watch = Stopwatch(trial)
        fixture.inject(
            [
                *(Injection(each, (), nap) for each in sleepers),
                Injection(failing, (), poison),
                Injection(players[0], (), ball),
            ]
        )
        asked = {"runtime": fixture.runtime, "actor": players[1].hex(), "name": "get", "args": to_base64(b"bounces")}
        bounces = trial.expect("runtime.query", asked, ok(step={"$": "any"}, result={"$": "any"}), rule=rule)["result"]
        if bounces is None:  # else the runtime runs between requests as well, and the game goes on
            trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": _SOME}, RAN, rule=rule)
        first = watch.waiting_s()
        fixture.run()
        seconds = watch.waiting_s()
        if first <= _SLEEP_MS / 1000 and seconds <= _ALL_S:
            break
        if first > _SLEEP_MS / 1000 and not left:
            trial.fail(
                f"{_SOME} steps while others sleep", f"after {first:.2f} s", words="sleeping actors hold up others"
            )
        if seconds > _ALL_S and not left:
            words = "ten sleeping actors take longer than two and a half seconds"
            trial.fail(f"at most {_ALL_S} s", f"{seconds:.2f} s", words=words, rule=rule)
    fixture.check()


def run_of_a_moved_head(trial: Trial, fmt: Format) -> None:
    """What a run gives whose head was moved meanwhile, by another runtime on the store, is not adopted."""
    with relying(trial, partial(_unmoved, trial, fmt), "the same mail with one runtime", rule="runtime.head.cas"):
        _moved_meanwhile(trial, fmt)


def _unmoved(trial: Trial, fmt: Format) -> None:
    stage = Stage(Graph(fmt))
    actor = stage.core(b"a")
    logs = [stage.program(programs.sleep(1) + programs.append("log", word)) for word in (b"z", b"y")]
    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(handle="control"))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject([Injection(actor, GENESIS, actor)])
    fixture.run()
    for log in logs:
        fixture.inject([Injection(actor, (), log)])
        fixture.run()
    fixture.check()


def _moved_meanwhile(trial: Trial, fmt: Format) -> None:
    rule = "runtime.head.cas"
    stage = Stage(Graph(fmt))
    actor, others = stage.core(b"a"), [stage.core(b"other %d" % number) for number in range(3)]
    nap = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    empty, late = stage.program(b""), stage.program(programs.append("log", b"y"))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.start("second")
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, *others))
    fixture.run()
    fixture.inject([Injection(actor, (), nap), *(Injection(each, (), empty) for each in others)])
    trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 2}, RAN, rule=rule)
    fixture.inject([Injection(actor, (), late, "signal")], "second")
    fixture.run("second")
    heads = {"store": fixture.handle, "prefix": "heads/", "after": None, "limit": 10}
    before = trial.expect("grit.refs", heads, ok(refs={"$": "any"}, more=False))["refs"]
    time.sleep(2 * _NAP_MS / 1000)
    fixture.run()
    trial.expect("grit.refs", heads, ok(refs=before, more=False), rule=rule)
    fixture.check()


def serial(trial: Trial, fmt: Format) -> None:
    """One transition of an actor is in progress at a time, each from the head that the one before left."""
    stage = Stage(Graph(fmt))
    actor = stage.core(b"a")
    nap = [stage.program(programs.sleep(10) + programs.append("log", b"%d" % number)) for number in range(20)]
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject([Injection(actor, GENESIS, actor)])
    fixture.run()
    watch = Stopwatch(trial)
    fixture.inject(Injection(actor, (), each) for each in nap)
    fixture.run()
    seconds = watch.passed_s()
    if seconds < 0.2:
        words = "transitions of one actor overlap"
        trial.fail("at least 0.2 s", f"{seconds:.3f} s", words=words, rule="runtime.head.serial")
    fixture.check()


def many_steps(trial: Trial, fmt: Format) -> None:
    """A run that may take more steps than a word of 32 bits counts goes to rest."""
    stage = Stage(Graph(fmt))
    actor = stage.core(b"a")
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    for most in (2**31, 2**32, 2**32 + 1, 2**53 - 1):
        fixture.inject([Injection(actor, GENESIS, actor)])
        fixture.flush()
        args = {"runtime": fixture.runtime, "max_steps": most}
        rest = ok(cause="rest", steps={"$": "any"}, parked={"$": "any"})
        trial.expect("runtime.run", args, rest, rule="runtime.run.reply")
    fixture.check()


def stopped(trial: Trial, fmt: Format) -> None:
    """After a stop nothing is adopted and nothing is left; ``now`` does not wait for what sleeps."""
    rule = "runtime.stop.clean"
    stage = Stage(Graph(fmt))
    actor, slow = stage.core(b"a"), stage.core(b"slow")
    nap, long = (stage.program(programs.sleep(milliseconds)) for milliseconds in (150, 7000))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, slow))
    fixture.run()
    fixture.inject([Injection(actor, (), nap)])
    fixture.stop("drain")
    fixture.check(at_rest=False)
    fixture.start()
    fixture.run()
    fixture.check()
    fixture.inject([Injection(slow, (), long), Injection(actor, (), nap)])  # the nap keeps its step for the run
    any_cause = ok(cause={"$": "any"}, steps={"$": "any"}, parked={"$": "any"})
    fixture.ask("runtime.run", {"runtime": fixture.runtime, "max_steps": 1}, any_cause)
    fixture.flush()
    watch = Stopwatch(trial)
    fixture.stop("now")
    fixture.flush()
    seconds = watch.waiting_s()
    if seconds > _STOP_S:
        trial.fail(f"within {_STOP_S} s", f"{seconds:.2f} s", words="a stop waits for what sleeps", rule=rule)
    before = fixture.check(at_rest=False).history
    fixture.start()
    fixture.stop("now")
    fixture.flush()
    time.sleep(0.25)
    after = fixture.check(at_rest=False).history
    assert before is not None
    assert after is not None
    if before.references != after.references:
        trial.fail("the references as they were", "others", words="a step is adopted after a stop", rule=rule)


def ended(trial: Trial, fmt: Format) -> None:
    """A ``bye`` does not wait for what sleeps, and the step of it is not adopted."""
    rule = "runtime.stop.bye"
    directory = trial.directory()
    stage = Stage(Graph(fmt))
    quick, slow = stage.core(b"quick"), stage.core(b"slow")
    log = stage.program(programs.append("log", b"x"))
    nap = stage.program(programs.sleep(_LONG_NAP_MS) + programs.append("log", b"z"))
    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory, trial.spawn()))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (quick, slow))
    fixture.run()
    fixture.inject([Injection(slow, (), nap), Injection(quick, (), log)])
    since_run = Stopwatch(trial, fixture.process)
    trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 1}, RAN, on=fixture.process, rule=rule)
    since_bye = Stopwatch(trial, fixture.process)
    trial.expect("bye", {}, ok(), on=fixture.process, rule=rule)
    seconds, has_slept = since_bye.waiting_s(), since_run.passed_s() >= 0.9 * _LONG_NAP_MS / 1000
    if seconds > _BYE_S:
        trial.fail(f"within {_BYE_S} s", f"{seconds:.2f} s", words="a bye waits for what sleeps", rule=rule)
    again = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory, create=False))
    verdict = again.check(at_rest=False)
    assert verdict.history is not None
    steps = len(verdict.history.chains[slow].steps)
    # the run may begin with the one that sleeps, and wait for it; the bye of a busy machine may come too late
    if steps != 1 and not has_slept:
        trial.fail("1 step", f"{steps} steps", words="a step is adopted after a bye", rule=rule)


def handles(trial: Trial, fmt: Format) -> None:
    """A handle is bound once, is free after a stop or after its store is closed, and unknown before a start."""
    lockstep = LockstepModel(trial, fmt)
    actor = lockstep.born(b"a")
    lockstep.ask_plainly("runtime.start", start_args(lockstep.terms), {"refused": "rejected"}, "runtime.stop.clean")
    lockstep.ask_plainly("runtime.mail", {"runtime": "nobody"}, {"refused": "missing"})
    lockstep.ask_plainly("runtime.start", start_args(lockstep.terms, runtime="second"), ok(agent=lockstep.agent.hex()))
    lockstep.ask_plainly("runtime.stop", {"runtime": "second", "how": "drain"}, ok())
    lockstep.ask_plainly("runtime.stop", {"runtime": "second", "how": "now"}, {"refused": "missing"})
    lockstep.tell(actor, lockstep.stage.program(programs.append("log", b"x")))
    lockstep.export()
    lockstep.ask_plainly("grit.close", {"store": "s"}, ok())
    lockstep.ask_plainly("runtime.mail", {"runtime": "r"}, {"refused": "missing"}, "runtime.stop.clean")
    lockstep.flush()


def delays(trial: Trial, fmt: Format) -> None:
    """The next attempt begins no earlier than the delay, and no later than a second after it."""
    rule = "runtime.retry.delay-system"
    for failures, least in ((1, 0.1), (2, 0.3)):
        lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(100, 1000, 3)))
        actor = lockstep.born(b"a")
        content = lockstep.stage.program(programs.try_again(failures) + programs.append("log", b"x"))
        lockstep.fill()
        lockstep.flush()
        watch = Stopwatch(trial)
        lockstep.tell(actor, content)
        lockstep.flush()
        passed, waiting = watch.passed_s(), watch.waiting_s()
        if passed < least or waiting > least + failures * 1.0:
            words = "a message is tried again too early or too late"
            trial.fail(f"{least} to {least + failures} s", f"{passed:.3f} s", words=words, rule=rule)
        lockstep.export(rule="runtime.retry.count")
        trial.expect("grit.close", {"store": "s"}, ok())


PROPERTIES: Final = (
    *in_each_format("runtime/run/many-steps", many_steps, "runtime.run.reply", *HISTORY_RULES),
    *in_each_format("runtime/route/behind-mail", genesis_behind, "runtime.route.absent", "wit.genesis.first"),
    *in_each_format(
        *("runtime/route/waiting", waiting_mail),
        *("runtime.route.absent", "wit.genesis.identity", "runtime.history.bundle"),
        cost=1_000,
        once=True,
    ),
    *in_each_format(
        *("runtime/run/idle", idle, "runtime.run.idle", "runtime.route.rest", "runtime.history.bundle"),
        cost=1_000,
        once=True,
    ),
    *in_each_format("runtime/route/self", to_itself, "runtime.route.self"),
    *in_each_format(
        "runtime/run/declined", declined, "runtime.run.declined", "runtime.run.reply", cost=1_000, once=True
    ),
    *in_each_format(
        *("runtime/run/declined-again", declined_again, "runtime.run.declined", "runtime.schedule.exact"),
        features=("external", "schedule"),
    ),
    *in_each_format("runtime/run/woken", held_mail_woken, "runtime.run.declined"),
    *in_each_format("runtime/cleanup/meanwhile", cleaned_meanwhile, "wit.cleanup.begin", *HISTORY_RULES),
    *in_each_format(
        *("runtime/route/withdrawn", withdrawn_mail, "runtime.route.rest", "wit.cleanup.begin", "runtime.route.sent"),
    ),
    *in_each_format("runtime/run/independent", independent, "runtime.run.independent", once=True),
    *in_each_format("runtime/head/stale", run_of_a_moved_head, "runtime.head.cas", "runtime.recover.continue"),
    *in_each_format("runtime/head/serial", serial, "runtime.head.serial"),
    *in_each_format("runtime/stop/clean", stopped, "runtime.stop.clean", "runtime.run.cancel"),
    *in_each_format(
        "runtime/stop/bye",
        ended,
        "runtime.stop.bye",
        *HISTORY_RULES,
        features=("external", "durable"),
        once=True,
    ),
    *in_each_format("runtime/stop/handles", handles, "runtime.stop.clean"),
    *in_each_format("runtime/retry/delay-system", delays, "runtime.retry.delay-system", "runtime.retry.count"),
)
