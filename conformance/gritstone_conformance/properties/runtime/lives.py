"""Names and life: what keeps an actor, what ends it, and what a prune leaves."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.double import GENESIS, MOST_STEPS, Double, Terms, start_args
from gritstone_conformance.properties.runtime.house import RAN, House
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
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


def _creator(double: Double) -> bytes:
    """Return an actor that runs the program in each message."""
    return double.born(b"creator")


def collected(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Actors that are not held, not named and whose mail was read are collected, with those that they set free."""
    rule = "runtime.collect.collected"
    double = Double(trial, fmt)
    stage = double.stage
    creator = _creator(double)
    cores = [stage.core(b"c%d" % number) for number in range(tape.within(1, 4))]
    empty = stage.program(b"")
    for _ in range(tape.within(2, 9)):
        word = tape.below(8)
        to = tape.pick(cores)
        if word < 3:
            double.tell(creator, stage.program(programs.send(0, 0, "genesis"), to))
        elif word < 5:
            other = tape.pick([*(core for core in cores if _has_room(double, core)), creator, to, double.agent])
            say = stage.program(programs.send(0, 1), other, empty)
            double.tell(creator, stage.program(programs.send(0, 1), to, say))
        elif word == 5:
            double.tell(
                creator, stage.program(b"".join(programs.release(number) for number in range(len(cores))), *cores)
            )
        elif word == 6:
            _name(double, f"actors/{tape.pick(('x', 'y'))}", tape.pick((None, to)))
        else:
            double.collect(rule=rule)
            double.refs(rule=rule)
    double.tell(creator, stage.program(b"".join(programs.release(number) for number in range(len(cores))), *cores))
    for sender, message in double.mail():
        double.ack(sender, message)
    double.collect(rule=rule)
    double.refs(rule=rule)
    double.run(rule=rule)
    double.export(rule=rule)


def _has_room(double: Double, actor: bytes) -> bool:
    """Return whether an actor may be sent a message so that a free schedule has one way to read what waits for it.

    For an actor without a head mail waits: with two messages, its genesis leaves open which of them is read first.
    """
    mailroom = double.model.mailroom
    return actor in mailroom.heads or not any(True for _ in mailroom.mail(actor))


def _name(double: Double, name: str, target: bytes | None) -> None:
    held = double.pair.model.references.get(name)
    if held != target:
        double.fill()
        double.request(double.pair.cas(Change(name, held, target)))


def kept(trial: Trial, fmt: Format) -> None:
    """An entry of another keeps, a name keeps, unread mail keeps; an entry for oneself and other references do not."""
    rule = "runtime.collect.held"
    double = Double(trial, fmt)
    stage = double.stage
    creator, absent = _creator(double), stage.core(b"absent")
    empty = stage.program(b"")
    for reason in ("held", "named", "self", "mail", "outside"):
        child = stage.core(reason.encode())
        free = stage.program(programs.release(0), child)
        double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
        if reason == "self":
            say = stage.program(programs.send(programs.ACTOR, 0), empty)
            double.tell(creator, stage.program(programs.send(0, 1), child, say))
            _name(double, "actors-of/child", child)
        elif reason in ("mail", "outside"):
            say = stage.program(programs.send(0, 1), absent if reason == "mail" else double.agent, empty)
            double.tell(creator, stage.program(programs.send(0, 1), child, say))
        elif reason == "named":
            _name(double, "actors/child", child)
        if reason != "held":
            double.tell(creator, free)
        double.collect(rule=rule)
        double.refs(rule=rule)
        if reason == "held":
            double.tell(creator, free)
        elif reason == "named":
            _name(double, "actors/child", None)
        elif reason == "mail":
            double.tell(creator, stage.program(programs.send(0, 1), child, stage.program(programs.release(0), absent)))
            double.tell(creator, free)
        for sender, message in double.mail():
            double.ack(sender, message)
        double.collect(rule=rule)
        double.refs(rule=rule)
    double.export(rule=rule)


def kept_in_trouble(trial: Trial, fmt: Format) -> None:
    """What keeps an actor keeps it also while it is marked or has declined its mail, and nothing else does."""
    rule = "runtime.collect.held"
    double = Double(trial, fmt)
    stage = double.stage
    creator, absent = _creator(double), stage.core(b"absent")
    ask = stage.program(programs.send(0, 1), absent, stage.program(b""))
    troubles = {"plain": b"", "marked": programs.fail(), "declined": programs.leave("k")}
    children = []
    for trouble, ops in troubles.items():
        for reason in ("held", "named", "mail", "nothing"):
            child = stage.core(f"{trouble} {reason}".encode())
            children.append(child)
            double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
            if reason == "mail":
                double.tell(creator, stage.program(programs.send(0, 1), child, ask))
            double.tell(creator, stage.program(programs.send(0, 1), child, stage.program(ops)))
            if reason == "named":
                _name(double, f"actors/{trouble}", child)
            if reason != "held":
                double.tell(creator, stage.program(programs.release(0), child))
            double.collect(rule=rule)
            double.refs(rule=rule)
    for trouble in troubles:
        _name(double, f"actors/{trouble}", None)
    for child in children:
        double.tell(creator, stage.program(programs.release(0), child))
    double.collect(rule="runtime.collect.collected")
    double.refs(rule="runtime.collect.collected")
    double.export(rule=rule)


def held_in_trouble(trial: Trial, fmt: Format) -> None:
    """An actor holds others also while it is marked, has declined its mail or is away with a head."""
    rule = "runtime.collect.held"
    double = Double(trial, fmt)
    stage = double.stage
    creator = _creator(double)
    troubles = {"marked": programs.fail(), "declined": programs.leave("k"), "away": b"", "plain": b""}
    holders = []
    for trouble, ops in troubles.items():
        holder, child = (stage.core(f"{trouble} {role}".encode()) for role in ("holder", "child"))
        holders.append(holder)
        for each in (holder, child):
            double.tell(creator, stage.program(programs.send(0, 0, "genesis"), each))
        say = stage.program(programs.send(0, 1), child, stage.program(b""))
        double.tell(creator, stage.program(programs.send(0, 1), holder, say))
        double.tell(creator, stage.program(programs.release(0), child))
        double.tell(creator, stage.program(programs.send(0, 1), holder, stage.program(ops)))
    double.stop()
    _name(double, f"archived/{holders[2].hex()}", double.model.mailroom.heads[holders[2]])
    double.start()
    double.run(rule=rule)
    double.collect(rule=rule)
    double.refs(rule=rule)
    for holder in holders:
        double.tell(creator, stage.program(programs.release(0), holder))
        double.collect(rule="runtime.collect.collected")
        double.refs(rule="runtime.collect.collected")
    double.export(rule=rule)


def held_elsewhere(trial: Trial, fmt: Format) -> None:
    """What another runtime of the process has changed since this one last looked decides what is collected."""
    rule = "runtime.collect.seen"
    stage = Stage(Graph(fmt))
    creator, child = stage.core(b"creator"), stage.core(b"child")
    create, free = stage.program(programs.send(0, 0, "genesis"), child), stage.program(programs.release(0), child)
    say = stage.program(programs.send(0, 1), child, stage.program(b""))
    house = House(trial, fmt)
    house.start()
    house.start("second")
    house.put(stage.graph)
    house.inject([Injection(creator, GENESIS, creator)])
    house.run()
    for content in (create, free):
        house.inject([Injection(creator, (), content)])
        house.run()
    house.inject([Injection(creator, (), say)], "second")
    house.play()
    trial.expect("runtime.run", {"runtime": "second", "max_steps": 1}, RAN, rule="runtime.route.rest")
    house.ask("runtime.collect", {"runtime": house.runtime}, ok(removed=[]), rule)
    house.run("second")
    house.ask("runtime.collect", {"runtime": house.runtime}, ok(removed=[]), rule)
    house.inject([Injection(creator, (), free)], "second")
    house.run("second")
    house.ask("runtime.collect", {"runtime": house.runtime}, ok(removed=[child.hex()]), "runtime.collect.collected")
    house.play()
    house.check(is_whole=False)


def mail_to_the_gone(trial: Trial, fmt: Format) -> None:
    """Mail to an actor that is gone does not keep its sender."""
    rule = "runtime.collect.held"
    double = Double(trial, fmt)
    stage = double.stage
    creator = _creator(double)
    child, writer = stage.core(b"child"), stage.core(b"writer")
    say = stage.program(programs.send(0, 1), child, stage.program(b""))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), writer))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
    double.tell(creator, stage.program(programs.release(0), child))
    double.collect(rule=rule)
    double.tell(creator, stage.program(programs.send(0, 1), writer, say))
    double.collect(rule=rule)
    double.tell(creator, stage.program(programs.release(0), writer))
    double.collect(rule=rule)
    double.refs(rule=rule)
    double.export(rule=rule)


def marked_too(trial: Trial, fmt: Format) -> None:
    """A mark goes with the head of its actor, and a mark without a head stays."""
    rule = "runtime.collect.collected"
    double = Double(trial, fmt)
    stage = double.stage
    creator = _creator(double)
    child, bad = stage.core(b"child"), stage.core(b"bad", program=stage.blob(programs.fail()))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
    double.tell(creator, stage.program(programs.send(0, 1), child, stage.program(programs.fail())))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), bad))
    double.tell(creator, stage.program(programs.release(0) + programs.release(1), child, bad))
    double.refs(rule=rule)
    double.collect(rule=rule)
    double.refs(rule=rule)
    double.export(rule=rule)


def updated_in_trouble(trial: Trial, fmt: Format) -> None:
    """An unread update keeps a marked actor; if it is withdrawn, the actor is collected, and no update reaches it."""
    rule = "runtime.collect.held"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 1)))
    stage = double.stage
    creator = stage.core(b"creator")
    contents = {
        b"run": stage.tree(k=stage.blob(b"v")),
        b"refused": stage.blob(b""),
        b"withdrawn": stage.tree(l=stage.blob(b"w")),
    }

    def tell(ops: bytes, *operands: bytes) -> None:
        double.inject(creator, stage.program(ops, *operands))
        double.choose(0, rule=rule)

    double.inject(creator, creator, headers=GENESIS)
    double.choose(0)
    for title, content in contents.items():
        child = stage.core(title)
        free, update = programs.release(0), programs.send(0, 1, "update", b"s")
        for ops, sent in (
            (programs.send(0, 0, "genesis"), child),
            (programs.send(0, 1), stage.program(programs.fail())),
        ):
            tell(ops, child, sent)
            double.choose(0, rule="runtime.fail.mark")
        double.choose(0, rule="runtime.receipt.form")
        tell(update, child, content)
        double.collect(rule=rule)
        if title != b"withdrawn":
            double.choose(0, rule="runtime.fail.unmark")
            double.collect(rule=rule)
        double.refs(rule=rule)
        tell(free, child, content)
        double.collect(rule="runtime.collect.collected")
        tell(update, child, content)
        for _ in range(2):
            double.ready(rule="runtime.collect.final")
            double.refs(rule="runtime.collect.final")
            double.restart(rule="runtime.collect.final")
    double.export(rule=rule)


def updated_from_outside(trial: Trial, fmt: Format) -> None:
    """A marked actor with an unread update of the agent is neither released nor collected; afterwards it is both."""
    rule = "runtime.release.refused"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 1)))
    stage = double.stage
    actor, update = stage.core(b"a"), stage.tree(k=stage.blob(b"v"))
    for content, headers in ((actor, GENESIS), (stage.program(programs.fail()), ())):
        double.inject(actor, content, headers=headers)
        double.choose(0)
    double.release(actor, rule=rule)
    double.inject(actor, update, "update", "signal")
    double.release(actor, rule=rule)
    double.collect(rule="runtime.collect.held")
    double.refs(rule=rule)
    double.choose(0, rule="runtime.fail.unmark")
    double.release(actor, rule="runtime.release.entries")
    double.inject(actor, update, "update", "signal", rule="runtime.release.resume")
    double.collect(rule="runtime.collect.collected")
    double.refs(rule="runtime.collect.collected")
    double.inject(actor, update, "update", rule="runtime.away.mail")
    double.ready(rule="runtime.collect.final")
    double.release(actor, rule="runtime.release.entries")
    double.refs(rule="runtime.release.entries")
    double.export(rule=rule)


def final(trial: Trial, fmt: Format) -> None:
    """An actor that was collected has no second life: no genesis message creates it, also after a start."""
    rule = "runtime.collect.final"
    double = Double(trial, fmt)
    stage = double.stage
    creator, other = _creator(double), double.born(b"other")
    say = stage.program(programs.send(0, 1, "effect.x"), double.agent, stage.blob(b""))
    child = stage.core(b"child", program=stage.blob(programs.append("log", b"g")))
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    double.tell(creator, stage.program(programs.send(0, 1), child, say), rule=rule)
    for sender, message in double.mail():
        double.ack(sender, message)
    double.tell(creator, stage.program(programs.release(0), child))
    double.collect(rule="runtime.collect.collected")
    double.refs(rule="runtime.collect.collected")
    for mode in (b"q", b"s"):
        double.tell(creator, stage.program(programs.send(0, 0, "genesis", mode), child), rule=rule)
        double.query(child, "get", b"log", rule=rule)
        double.restart(rule=rule)
        double.run(rule=rule)
        double.refs(rule=rule)
    double.tell(other, stage.program(programs.send(0, 0), child), rule=rule)
    double.tell(child, child, "genesis", rule=rule)
    double.tell(child, say, rule=rule)
    double.mail(rule=rule)
    double.refs(rule=rule)
    double.collect(rule="runtime.collect.collected")
    double.export(rule=rule)


def ended_twice(trial: Trial, fmt: Format) -> None:
    """Two runtimes on one store agree on who is gone."""
    rule = "runtime.collect.final"
    double = Double(trial, fmt)
    stage = double.stage
    creator, child = _creator(double), stage.core(b"child")
    double.ask_plainly("runtime.start", start_args(double.terms, runtime="second"), ok(agent=double.agent.hex()))
    rest = ok(cause="rest", steps={"$": "any"}, parked=[])
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    double.tell(creator, stage.program(programs.release(0), child))
    double.ask_plainly("runtime.run", {"runtime": "second", "max_steps": MOST_STEPS}, rest, rule)
    double.collect(rule="runtime.collect.collected")
    double.ask_plainly("runtime.collect", {"runtime": "second"}, ok(removed=[]), rule)
    double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=rule)
    double.ask_plainly("runtime.run", {"runtime": "second", "max_steps": MOST_STEPS}, rest, rule)
    double.refs(rule=rule)
    double.export(rule=rule)


def inert(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Names make no step, and nothing depends on them."""
    rule = "runtime.name.inert"
    double = Double(trial, fmt)
    stage = double.stage
    a, b = double.born(b"a"), double.born(b"b")
    for number in range(tape.within(2, 6)):
        target = tape.pick((None, a, b, stage.core(b"nobody")))
        _name(double, f"actors/{tape.pick(('a', 'b', 'log'))}", target)
        double.run(rule=rule)
        double.refs(rule=rule)
        double.tell(
            a, stage.program(programs.append("log", b"%d" % number) + programs.send(0, 1), b, stage.program(b""))
        )
        double.query(a, "get", b"log", rule=rule)
    double.export(rule=rule)


def pruned(trial: Trial, fmt: Format) -> None:
    """A prune next to a started runtime loses nothing that a reference reaches."""
    rule = "runtime.prune.running"
    double = Double(trial, fmt)
    stage = double.stage
    actor = double.born(b"a")
    for number in range(4):
        say = stage.program(programs.append("log", b"%d" % number) + programs.sleep(5))
        double.tell(actor, say, "cleanup" if number == 2 else "", rule=rule)
        double.pair.model.prune()
        double.request(("grit.prune", {"store": "s", "pins": []}, {"ok": {"removed": {"$": "any"}}}, rule))
        double._put = len(stage.graph.encodings)
        double.export(rule=rule)
    late = stage.core(b"late", again=actor)
    double.inject(late, late, headers=GENESIS, rule=rule)
    double.run(rule=rule)
    double.export(rule=rule)


def _head(house: House, actor: bytes) -> Json:
    """Return the reference to the head of an actor, as listed."""
    args: dict[str, Json] = {"store": house.handle, "prefix": f"heads/{actor.hex()}", "after": None, "limit": 1}
    return house.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False))["refs"]


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
    house = House(trial, fmt, Terms(config=Config(0, 0, 1)))
    house.start()
    house.put(stage.graph)
    house.inject(Injection(each, GENESIS, each) for each in (actor, sender, other, asker, asked))
    house.inject([Injection(asked, (), says_once)])
    house.run()
    for moves, mail in (
        (sender, (Injection(sender, (), says[0]),)),  # the slow message is sent
        (other, (Injection(asker, (), asks), Injection(other, (), empty), Injection(other, (), empty, "signal"))),
        (sender, (Injection(sender, (), says[1]),)),  # while it is being run, it is superseded
        (sender, (Injection(sender, (("mt", "cleanup"),), empty),)),  # the sender forgets that it sent
        (asked, (Injection(asked, (("mt", "cleanup"),), forgets),)),  # and the queried actor forgets its answer
    ):
        before = _head(house, moves)
        house.inject(mail)
        time.sleep(_PAUSE_S)
        if _head(house, moves) == before:  # else the runtime runs between requests as well
            args = {"runtime": house.runtime, "max_steps": 1}
            trial.expect("runtime.run", args, ok(cause={"$": "any"}, steps={"$": "any"}, parked=[]), rule=rule)
    trial.expect("grit.prune", {"store": house.handle, "pins": []}, ok(removed={"$": "any"}), rule=rule)
    args = {"runtime": house.runtime, "max_steps": MOST_STEPS}
    trial.expect("runtime.run", args, ok(cause="rest", steps={"$": "any"}, parked=[]), rule=rule)
    whole = ok(bytes={"$": "any"}, cursor={"$": "any"})
    trial.expect("grit.export", {"store": house.handle, "cursor": None}, whole, rule=rule)
    house.check(is_whole=False)


PROPERTIES: Final = (
    *in_each_format(
        *("runtime/life/collected", collected, "runtime.collect.collected", "runtime.collect.held"),
        given=tape(50),
        examples=16,
    ),
    *in_each_format("runtime/life/kept", kept, "runtime.collect.held"),
    *in_each_format(
        "runtime/life/kept-in-trouble", kept_in_trouble, "runtime.collect.held", "runtime.collect.collected", cost=300
    ),
    *in_each_format(
        "runtime/life/held-in-trouble", held_in_trouble, "runtime.collect.held", "runtime.collect.collected"
    ),
    *in_each_format(
        "runtime/life/held-elsewhere",
        held_elsewhere,
        "runtime.collect.seen",
        "runtime.collect.collected",
        *HISTORY_RULES,
    ),
    *in_each_format("runtime/life/marked", marked_too, "runtime.collect.collected"),
    *in_each_format(
        "runtime/life/updated-in-trouble",
        updated_in_trouble,
        *("runtime.collect.held", "runtime.collect.collected", "runtime.collect.final", "runtime.fail.unmark"),
        features=("external", "schedule"),
    ),
    *in_each_format(
        "runtime/life/updated-from-outside",
        updated_from_outside,
        *("runtime.release.refused", "runtime.collect.held", "runtime.collect.collected", "runtime.collect.final"),
        features=("external", "schedule"),
    ),
    *in_each_format("runtime/life/final", final, "runtime.collect.final", "runtime.collect.collected"),
    *in_each_format("runtime/life/two-runtimes", ended_twice, "runtime.collect.final", "runtime.collect.collected"),
    *in_each_format("runtime/life/mail-to-the-gone", mail_to_the_gone, "runtime.collect.held"),
    *in_each_format(
        "runtime/name/inert", inert, "runtime.name.inert", reach={"grit.cas accepted": 0.12}, given=tape(24), examples=8
    ),
    *in_each_format("runtime/prune/between", pruned, "runtime.prune.running"),
    *in_each_format("runtime/prune/meanwhile", pruned_meanwhile, "runtime.prune.running", *HISTORY_RULES),
)
