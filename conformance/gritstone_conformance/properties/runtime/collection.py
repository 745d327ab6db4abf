"""Names and collection: which actors are kept, which are collected, and what a prune leaves."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import (
    GENESIS,
    MOST_STEPS,
    LockstepModel,
    StartOptions,
    start_args,
)
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAP_MS: Final = 400
_PAUSE_S: Final = 0.02


def _creator(lockstep: LockstepModel) -> bytes:
    """Return an actor that runs the program in each message."""
    return lockstep.born(b"creator")


def collected(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Actors that are not held, not named and whose mail was read are collected, with those that they set free."""
    rule = "runtime.collect.collected"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = _creator(lockstep)
    cores = [stage.core(b"c%d" % number) for number in range(tape.within(1, 4))]
    empty = stage.program(b"")
    for _ in range(tape.within(2, 9)):
        word = tape.below(8)
        to = tape.pick(cores)
        if word < 3:
            lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), to))
        elif word < 5:
            other = tape.pick([*(core for core in cores if _has_room(lockstep, core)), creator, to, lockstep.agent])
            say = stage.program(programs.send(0, 1), other, empty)
            lockstep.tell(creator, stage.program(programs.send(0, 1), to, say))
        elif word == 5:
            lockstep.tell(
                creator, stage.program(b"".join(programs.release(number) for number in range(len(cores))), *cores)
            )
        elif word == 6:
            _name(lockstep, f"actors/{tape.pick(('x', 'y'))}", tape.pick((None, to)))
        else:
            lockstep.collect(rule=rule)
            lockstep.refs(rule=rule)
    lockstep.tell(creator, stage.program(b"".join(programs.release(number) for number in range(len(cores))), *cores))
    for sender, message in lockstep.mail():
        lockstep.ack(sender, message)
    lockstep.collect(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.run(rule=rule)
    lockstep.export(rule=rule)


def _has_room(lockstep: LockstepModel, actor: bytes) -> bool:
    """Return whether an actor may be sent a message so that a free schedule has one way to read what waits for it.

    For an actor without a head mail waits: with two messages, its genesis leaves open which of them is read first.
    """
    mailroom = lockstep.model.mailroom
    return actor in mailroom.heads or not any(True for _ in mailroom.mail(actor))


def _name(lockstep: LockstepModel, name: str, target: bytes | None) -> None:
    held = lockstep.pair.model.references.get(name)
    if held != target:
        lockstep.fill()
        lockstep.request(lockstep.pair.cas(Change(name, held, target)))


def held_actors_kept(trial: Trial, fmt: Format) -> None:
    """An entry of another keeps, a name keeps, unread mail keeps; an entry for oneself and other references do not."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator, absent = _creator(lockstep), stage.core(b"absent")
    empty = stage.program(b"")
    for reason in ("held", "named", "self", "mail", "outside"):
        child = stage.core(reason.encode())
        free = stage.program(programs.release(0), child)
        lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
        if reason == "self":
            say = stage.program(programs.send(programs.ACTOR, 0), empty)
            lockstep.tell(creator, stage.program(programs.send(0, 1), child, say))
            _name(lockstep, "actors-of/child", child)
        elif reason in ("mail", "outside"):
            say = stage.program(programs.send(0, 1), absent if reason == "mail" else lockstep.agent, empty)
            lockstep.tell(creator, stage.program(programs.send(0, 1), child, say))
        elif reason == "named":
            _name(lockstep, "actors/child", child)
        if reason != "held":
            lockstep.tell(creator, free)
        lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
        if reason == "held":
            lockstep.tell(creator, free)
        elif reason == "named":
            _name(lockstep, "actors/child", None)
        elif reason == "mail":
            lockstep.tell(
                creator, stage.program(programs.send(0, 1), child, stage.program(programs.release(0), absent))
            )
            lockstep.tell(creator, free)
        for sender, message in lockstep.mail():
            lockstep.ack(sender, message)
        lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def failing_actors_kept(trial: Trial, fmt: Format) -> None:
    """What keeps an actor keeps it also while it is marked or has declined its mail, and nothing else does."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator, absent = _creator(lockstep), stage.core(b"absent")
    ask = stage.program(programs.send(0, 1), absent, stage.program(b""))
    troubles = {"plain": b"", "marked": programs.fail(), "declined": programs.leave("k")}
    children = []
    for trouble, ops in troubles.items():
        for reason in ("held", "named", "mail", "nothing"):
            child = stage.core(f"{trouble} {reason}".encode())
            children.append(child)
            lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
            if reason == "mail":
                lockstep.tell(creator, stage.program(programs.send(0, 1), child, ask))
            lockstep.tell(creator, stage.program(programs.send(0, 1), child, stage.program(ops)))
            if reason == "named":
                _name(lockstep, f"actors/{trouble}", child)
            if reason != "held":
                lockstep.tell(creator, stage.program(programs.release(0), child))
            lockstep.collect(rule=rule)
            lockstep.refs(rule=rule)
    for trouble in troubles:
        _name(lockstep, f"actors/{trouble}", None)
    for child in children:
        lockstep.tell(creator, stage.program(programs.release(0), child))
    lockstep.collect(rule="runtime.collect.collected")
    lockstep.refs(rule="runtime.collect.collected")
    lockstep.export(rule=rule)


def failing_actors_hold_others(trial: Trial, fmt: Format) -> None:
    """An actor holds others also while it is marked, has declined its mail or is away with a head."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = _creator(lockstep)
    troubles = {"marked": programs.fail(), "declined": programs.leave("k"), "away": b"", "plain": b""}
    holders = []
    for trouble, ops in troubles.items():
        holder, child = (stage.core(f"{trouble} {role}".encode()) for role in ("holder", "child"))
        holders.append(holder)
        for each in (holder, child):
            lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), each))
        say = stage.program(programs.send(0, 1), child, stage.program(b""))
        lockstep.tell(creator, stage.program(programs.send(0, 1), holder, say))
        lockstep.tell(creator, stage.program(programs.release(0), child))
        lockstep.tell(creator, stage.program(programs.send(0, 1), holder, stage.program(ops)))
    lockstep.stop()
    _name(lockstep, f"archived/{holders[2].hex()}", lockstep.model.mailroom.heads[holders[2]])
    lockstep.start()
    lockstep.run(rule=rule)
    lockstep.collect(rule=rule)
    lockstep.refs(rule=rule)
    for holder in holders:
        lockstep.tell(creator, stage.program(programs.release(0), holder))
        lockstep.collect(rule="runtime.collect.collected")
        lockstep.refs(rule="runtime.collect.collected")
    lockstep.export(rule=rule)


def held_by_another_runtime(trial: Trial, fmt: Format) -> None:
    """What another runtime of the process has changed since this one last looked decides what is collected."""
    rule = "runtime.collect.seen"
    stage = Stage(Graph(fmt))
    creator, child = stage.core(b"creator"), stage.core(b"child")
    create, free = stage.program(programs.send(0, 0, "genesis"), child), stage.program(programs.release(0), child)
    say = stage.program(programs.send(0, 1), child, stage.program(b""))
    fixture = FreeScheduleFixture(trial, fmt)
    fixture.start()
    fixture.start("second")
    fixture.put(stage.graph)
    fixture.inject([Injection(creator, GENESIS, creator)])
    fixture.run()
    for content in (create, free):
        fixture.inject([Injection(creator, (), content)])
        fixture.run()
    fixture.inject([Injection(creator, (), say)], "second")
    fixture.flush()
    trial.expect("runtime.run", {"runtime": "second", "max_steps": 1}, RAN, rule="runtime.route.rest")
    fixture.ask("runtime.collect", {"runtime": fixture.runtime}, ok(removed=[]), rule)
    fixture.run("second")
    fixture.ask("runtime.collect", {"runtime": fixture.runtime}, ok(removed=[]), rule)
    fixture.inject([Injection(creator, (), free)], "second")
    fixture.run("second")
    fixture.ask("runtime.collect", {"runtime": fixture.runtime}, ok(removed=[child.hex()]), "runtime.collect.collected")
    fixture.flush()
    fixture.check(is_whole=False)


def mail_to_collected_actors(trial: Trial, fmt: Format) -> None:
    """Mail to an actor that is gone does not keep its sender."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = _creator(lockstep)
    child, writer = stage.core(b"child"), stage.core(b"writer")
    say = stage.program(programs.send(0, 1), child, stage.program(b""))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), writer))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
    lockstep.tell(creator, stage.program(programs.release(0), child))
    lockstep.collect(rule=rule)
    lockstep.tell(creator, stage.program(programs.send(0, 1), writer, say))
    lockstep.collect(rule=rule)
    lockstep.tell(creator, stage.program(programs.release(0), writer))
    lockstep.collect(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def mark_removed_with_head(trial: Trial, fmt: Format) -> None:
    """A mark goes with the head of its actor, and a mark without a head stays."""
    rule = "runtime.collect.collected"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = _creator(lockstep)
    child, bad = stage.core(b"child"), stage.core(b"bad", program=stage.blob(programs.fail()))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
    lockstep.tell(creator, stage.program(programs.send(0, 1), child, stage.program(programs.fail())))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), bad))
    lockstep.tell(creator, stage.program(programs.release(0) + programs.release(1), child, bad))
    lockstep.refs(rule=rule)
    lockstep.collect(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def unread_update_holds_marked_actor(trial: Trial, fmt: Format) -> None:
    """An unread update keeps a marked actor; if it is withdrawn, the actor is collected, and no update reaches it."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 1)))
    stage = lockstep.stage
    creator = stage.core(b"creator")
    contents = {
        b"run": stage.tree(k=stage.blob(b"v")),
        b"refused": stage.blob(b""),
        b"withdrawn": stage.tree(l=stage.blob(b"w")),
    }

    def tell(ops: bytes, *operands: bytes) -> None:
        lockstep.inject(creator, stage.program(ops, *operands))
        lockstep.choose(0, rule=rule)

    lockstep.inject(creator, creator, headers=GENESIS)
    lockstep.choose(0)
    for title, content in contents.items():
        child = stage.core(title)
        free, update = programs.release(0), programs.send(0, 1, "update", b"s")
        for ops, sent in (
            (programs.send(0, 0, "genesis"), child),
            (programs.send(0, 1), stage.program(programs.fail())),
        ):
            tell(ops, child, sent)
            lockstep.choose(0, rule="runtime.fail.mark")
        lockstep.choose(0, rule="runtime.receipt.form")
        tell(update, child, content)
        lockstep.collect(rule=rule)
        if title != b"withdrawn":
            lockstep.choose(0, rule="runtime.fail.unmark")
            lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
        tell(free, child, content)
        lockstep.collect(rule="runtime.collect.collected")
        tell(update, child, content)
        for _ in range(2):
            lockstep.ready(rule="runtime.collect.final")
            lockstep.refs(rule="runtime.collect.final")
            lockstep.restart(rule="runtime.collect.final")
    lockstep.export(rule=rule)


def collection_is_final(trial: Trial, fmt: Format) -> None:
    """An actor that was collected is final: no genesis message creates it again, also after a start."""
    rule = "runtime.collect.final"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator, other = _creator(lockstep), lockstep.born(b"other")
    say = stage.program(programs.send(0, 1, "effect.x"), lockstep.agent, stage.blob(b""))
    child = stage.core(b"child", program=stage.blob(programs.append("log", b"g")))
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    lockstep.tell(creator, stage.program(programs.send(0, 1), child, say), rule=rule)
    for sender, message in lockstep.mail():
        lockstep.ack(sender, message)
    lockstep.tell(creator, stage.program(programs.release(0), child))
    lockstep.collect(rule="runtime.collect.collected")
    lockstep.refs(rule="runtime.collect.collected")
    for mode in (b"q", b"s"):
        lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis", mode), child), rule=rule)
        lockstep.query(child, "get", b"log", rule=rule)
        lockstep.restart(rule=rule)
        lockstep.run(rule=rule)
        lockstep.refs(rule=rule)
    lockstep.tell(other, stage.program(programs.send(0, 0), child), rule=rule)
    lockstep.tell(child, child, "genesis", rule=rule)
    lockstep.tell(child, say, rule=rule)
    lockstep.mail(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.collect(rule="runtime.collect.collected")
    lockstep.export(rule=rule)


def ended_twice(trial: Trial, fmt: Format) -> None:
    """Two runtimes on one store agree on who is gone."""
    rule = "runtime.collect.final"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator, child = _creator(lockstep), stage.core(b"child")
    lockstep.ask_plainly("runtime.start", start_args(lockstep.terms, runtime="second"), ok(agent=lockstep.agent.hex()))
    rest = ok(cause="rest", steps={"$": "any"}, parked=[])
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    lockstep.tell(creator, stage.program(programs.release(0), child))
    lockstep.ask_plainly("runtime.run", {"runtime": "second", "max_steps": MOST_STEPS}, rest, rule)
    lockstep.collect(rule="runtime.collect.collected")
    lockstep.ask_plainly("runtime.collect", {"runtime": "second"}, ok(removed=[]), rule)
    lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    lockstep.ask_plainly("runtime.run", {"runtime": "second", "max_steps": MOST_STEPS}, rest, rule)
    lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def names_are_inert(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Names make no step, and nothing depends on them."""
    rule = "runtime.name.inert"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    a, b = lockstep.born(b"a"), lockstep.born(b"b")
    for number in range(tape.within(2, 6)):
        target = tape.pick((None, a, b, stage.core(b"nobody")))
        _name(lockstep, f"actors/{tape.pick(('a', 'b', 'log'))}", target)
        lockstep.run(rule=rule)
        lockstep.refs(rule=rule)
        lockstep.tell(
            a, stage.program(programs.append("log", b"%d" % number) + programs.send(0, 1), b, stage.program(b""))
        )
        lockstep.query(a, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def pruned(trial: Trial, fmt: Format) -> None:
    """A prune next to a started runtime loses nothing that a reference reaches."""
    rule = "runtime.prune.running"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor = lockstep.born(b"a")
    for number in range(4):
        say = stage.program(programs.append("log", b"%d" % number) + programs.sleep(5))
        lockstep.tell(actor, say, "cleanup" if number == 2 else "", rule=rule)
        lockstep.pair.model.prune()
        lockstep.request(("grit.prune", {"store": "s", "pins": []}, {"ok": {"removed": {"$": "any"}}}, rule))
        lockstep._put = len(stage.graph.encodings)
        lockstep.export(rule=rule)
    late = stage.core(b"late", again=actor)
    lockstep.inject(late, late, headers=GENESIS, rule=rule)
    lockstep.run(rule=rule)
    lockstep.export(rule=rule)


def _head(fixture: FreeScheduleFixture, actor: bytes) -> Json:
    """Return the reference to the head of an actor, as listed."""
    args: dict[str, Json] = {"store": fixture.handle, "prefix": f"heads/{actor.hex()}", "after": None, "limit": 1}
    return fixture.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False))["refs"]


def pruned_meanwhile(trial: Trial, fmt: Format) -> None:
    """A prune leaves what a run in progress reads, also where nothing else leads to it any more."""
    rule = "runtime.prune.running"
    stage = Stage(Graph(fmt))
    actor, sender, other = stage.core(b"a"), stage.core(b"sender"), stage.core(b"other")
    asker, asked = stage.core(b"asker"), stage.core(b"asked")
    ask = programs.query(0, "get", 1, "got") + programs.sleep(_NAP_MS)
    asks, forgets = stage.program(ask, asked, stage.blob(b"k")), stage.program(programs.delete("k"))
    says_once = stage.program(programs.write("k", b"said once"))
    slow = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    quick, empty = stage.program(programs.append("log", b"q")), stage.program(b"")
    says = [stage.program(programs.send(0, 1, "", b"s"), actor, content) for content in (slow, quick)]
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, sender, other, asker, asked))
    fixture.inject([Injection(asked, (), says_once)])
    fixture.run()
    for moves, mail in (
        (sender, (Injection(sender, (), says[0]),)),  # the slow message is sent
        (other, (Injection(asker, (), asks), Injection(other, (), empty), Injection(other, (), empty, "signal"))),
        (sender, (Injection(sender, (), says[1]),)),  # while it is being run, it is superseded
        (sender, (Injection(sender, (("mt", "cleanup"),), empty),)),  # the sender forgets that it sent
        (asked, (Injection(asked, (("mt", "cleanup"),), forgets),)),  # and the queried actor forgets its answer
    ):
        before = _head(fixture, moves)
        fixture.inject(mail)
        time.sleep(_PAUSE_S)
        if _head(fixture, moves) == before:  # else the runtime runs between requests as well
            args = {"runtime": fixture.runtime, "max_steps": 1}
            trial.expect("runtime.run", args, ok(cause={"$": "any"}, steps={"$": "any"}, parked=[]), rule=rule)
    trial.expect("grit.prune", {"store": fixture.handle, "pins": []}, ok(removed={"$": "any"}), rule=rule)
    args = {"runtime": fixture.runtime, "max_steps": MOST_STEPS}
    trial.expect("runtime.run", args, ok(cause="rest", steps={"$": "any"}, parked=[]), rule=rule)
    whole = ok(bytes={"$": "any"}, cursor={"$": "any"})
    trial.expect("grit.export", {"store": fixture.handle, "cursor": None}, whole, rule=rule)
    fixture.check(is_whole=False)


PROPERTIES: Final = (
    *in_each_format(
        *("runtime/collect/collected", collected, "runtime.collect.collected", "runtime.collect.held"),
        given=tape(50),
        examples=16,
    ),
    *in_each_format("runtime/collect/kept", held_actors_kept, "runtime.collect.held"),
    *in_each_format(
        "runtime/collect/failing-actor-kept",
        failing_actors_kept,
        "runtime.collect.held",
        "runtime.collect.collected",
        cost=300,
    ),
    *in_each_format(
        "runtime/collect/failing-actor-holds",
        failing_actors_hold_others,
        "runtime.collect.held",
        "runtime.collect.collected",
    ),
    *in_each_format(
        "runtime/collect/held-elsewhere",
        held_by_another_runtime,
        "runtime.collect.seen",
        "runtime.collect.collected",
        *HISTORY_RULES,
    ),
    *in_each_format("runtime/collect/marked", mark_removed_with_head, "runtime.collect.collected"),
    *in_each_format(
        "runtime/collect/unread-update-holds",
        unread_update_holds_marked_actor,
        *("runtime.collect.held", "runtime.collect.collected", "runtime.collect.final", "runtime.fail.unmark"),
        features=("external", "schedule"),
    ),
    *in_each_format("runtime/collect/final", collection_is_final, "runtime.collect.final", "runtime.collect.collected"),
    *in_each_format("runtime/collect/two-runtimes", ended_twice, "runtime.collect.final", "runtime.collect.collected"),
    *in_each_format("runtime/collect/mail-to-collected", mail_to_collected_actors, "runtime.collect.held"),
    *in_each_format(
        "runtime/name/inert",
        names_are_inert,
        "runtime.name.inert",
        reach={"grit.cas accepted": 0.12},
        given=tape(24),
        examples=8,
    ),
    *in_each_format("runtime/prune/between", pruned, "runtime.prune.running"),
    *in_each_format("runtime/prune/meanwhile", pruned_meanwhile, "runtime.prune.running", *HISTORY_RULES),
)
