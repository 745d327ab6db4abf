"""Release and cut: the agent forgets actors and its past; nothing is lost, and nothing is delivered twice."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, StoreFacts, check_export
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ENTRIES: Final = "runtime.release.entries"
_KEPT: Final = "runtime.release.kept"
_REFUSED: Final = "runtime.release.refused"
_RESUME: Final = "runtime.release.resume"
_STEP: Final = "runtime.cut.step"
_UNREAD: Final = "runtime.cut.unread"
_PRUNE: Final = "runtime.cut.prune"


def _judge(trial: Trial, double: Double, rule: str) -> None:
    """The store is the model's, byte for byte, and its history is legal."""
    check_export(trial, double.export(rule=rule), at_rest=True, known=StoreFacts(is_whole=False))


def _says(double: Double, mt: str = "") -> bytes:
    """Return a program that sends something to the agent."""
    return double.stage.program(programs.send(0, 1, mt), double.agent, double.stage.blob(b"said"))


def dropped(trial: Trial, fmt: Format) -> None:
    """A release drops the entries that nothing depends on, all in one step, and reports of which actors."""
    double = Double(trial, fmt)
    actors = [double.born(b"%d" % number) for number in range(4)]
    log = double.stage.program(programs.append("log", b"t"))
    double.tell(actors[0], log)
    double.tell(actors[1], _says(double))
    double.ack(*double.mail()[0])
    double.release(*actors[:3], rule=_ENTRIES)
    double.mail(rule=_KEPT)
    double.refs(rule=_KEPT)
    double.release(*actors[:3], rule=_ENTRIES)
    double.release(actors[3], double.stage.core(b"unknown"), rule=_ENTRIES)
    double.refs(rule=_ENTRIES)
    double.mail(rule=_KEPT)
    _judge(trial, double, _ENTRIES)
    double.restart()
    double.mail(rule=_KEPT)
    double.collect(rule=_ENTRIES)
    double.release(*actors, rule=_ENTRIES)
    double.mail(rule=_KEPT)
    double.refs(rule=_ENTRIES)
    _judge(trial, double, _ENTRIES)


def refused(trial: Trial, fmt: Format) -> None:
    """The agent, and actors with unread mail from or to the agent, are not released, nor are those named with them."""
    double = Double(trial, fmt, Terms(schedule="chosen", clock="suite"))
    actors = [double.stage.core(b"%d" % number) for number in range(3)]
    for actor in actors:
        double.inject(actor, actor, headers=GENESIS)
        double.choose(0)
    absent = double.stage.core(b"absent")
    double.release(double.agent, rule=_REFUSED)
    double.release(actors[0], double.agent, rule=_REFUSED)
    double.inject(actors[0], double.stage.program(programs.append("log", b"t")))
    double.inject(absent, double.stage.blob(b"early"))
    double.release(actors[0], rule=_REFUSED)
    double.release(actors[1], actors[0], rule=_REFUSED)
    double.release(absent, rule=_REFUSED)
    double.refs(rule=_REFUSED)
    double.choose(0)
    double.release(actors[0], rule=_ENTRIES)
    double.inject(actors[1], _says(double))
    double.choose(0)
    double.release(actors[1], rule=_REFUSED)
    double.release(actors[2], actors[1], rule=_REFUSED)
    double.refs(rule=_REFUSED)
    double.ack(*double.mail()[0])
    double.release(*actors, rule=_ENTRIES)
    double.refs(rule=_ENTRIES)
    double.export(rule=_REFUSED)


def resumed(trial: Trial, fmt: Format) -> None:
    """What the agent sends to a released actor follows what the actor read last: mail, receipts and answers."""
    double = Double(trial, fmt, Terms(config=Config(0, 0, 1)))
    stage = double.stage
    one, other = double.born(b"one"), double.born(b"other")
    log = stage.program(programs.append("log", b"t"))
    for mode in ("queue", "queue", "signal", "signal"):
        double.tell(one, log, mode=mode, rule=_RESUME)
        double.release(one, rule=_ENTRIES)
        double.query(one, "get", b"log", rule=_RESUME)
    ask = stage.program(programs.send(0, 1), other, stage.program(programs.fail()))
    double.release(other)
    double.tell(one, ask)
    double.release(one)
    double.refs(rule=_RESUME)
    double.tell(other, stage.tree(log=stage.blob(b"u")), "update", rule=_RESUME)
    double.tell(one, log, rule=_RESUME)
    double.query(one, "get", b"log", rule=_RESUME)
    _judge(trial, double, _RESUME)


def answered(trial: Trial, fmt: Format) -> None:
    """The answer of an effect follows what the actor read last; open effects stay open over a cut."""
    double = Double(trial, fmt)
    actor, other = double.born(b"a"), double.born(b"b")
    for mt in ("effect.x", "note", "effect.y"):
        double.tell(actor, _says(double, mt))
    double.cut(rule=_STEP)
    first, second = double.effects(rule=_UNREAD)
    double.mail(rule=_UNREAD)
    double.resolve(second, "ok", b"two")
    double.run()
    double.cut(rule=_STEP)
    double.mail(rule=_UNREAD)
    double.resolve(first, "ok", b"one")
    double.run()
    double.release(actor, rule=_REFUSED)
    double.ack(*double.mail()[-1])
    double.release(actor, other, rule=_ENTRIES)
    double.cut(rule=_STEP)
    double.tell(actor, _says(double, "effect.z"), rule=_RESUME)
    double.resolve(double.effects(rule=_UNREAD)[0], "failed", b"no", rule=_RESUME)
    double.run()
    double.restart()
    double.effects(rule=_UNREAD)
    _judge(trial, double, _RESUME)


def cut(trial: Trial, fmt: Format) -> None:
    """A cut leaves one step of the agent, with everything that is unread, and lets the rest be pruned."""
    double = Double(trial, fmt)
    stage = double.stage
    double.cut(rule=_STEP)
    double.refs(rule=_STEP)
    actors = [double.born(b"%d" % number) for number in range(3)]
    log = stage.program(programs.append("log", b"t"))
    late = stage.core(b"late")
    double.tell(actors[0], log)
    double.tell(late, log)
    double.tell(double.agent, stage.blob(b"to the outside"))
    double.tell(actors[1], _says(double))
    double.cut(rule=_STEP)
    double.refs(rule=_STEP)
    double.ack(*next(each for each in double.mail() if each[0] == double.agent))
    for _ in range(2):
        double.mail(rule=_UNREAD)
        double.cut(rule=_STEP)
        double.refs(rule=_STEP)
        double.cut(rule=_STEP)
        double.mail(rule=_UNREAD)
        _prune(double)
        _judge(trial, double, _PRUNE)
        double.tell(actors[0], log, rule=_UNREAD)
        double.query(actors[0], "get", b"log", rule=_UNREAD)
    double.tell(late, late, mode="signal", rule=_UNREAD)
    double.release(actors[0], rule=_ENTRIES)
    same = double.cut(rule=_STEP)
    double.tell(actors[0], log)
    double.release(actors[0])
    assert double.cut(rule=_STEP) != same, "the note names the step before"
    double.restart()
    double.ack(*double.mail(rule=_UNREAD)[0])
    double.refs(rule=_UNREAD)
    _judge(trial, double, _STEP)


def _prune(double: Double) -> None:
    before = len(double.pair.model.objects)
    double.pair.model.prune()
    removed = before - len(double.pair.model.objects)
    double.ask_plainly("grit.prune", {"store": "s", "pins": []}, {"ok": {"removed": removed}}, _PRUNE)


def mixed(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever is sent, read, acknowledged, released, cut, collected and started again, in whatever order."""
    double = Double(trial, fmt)
    stage = double.stage
    actors = [double.born(b"%d" % number) for number in range(3)]
    contents = [stage.program(programs.append("log", b"t")), _says(double), _says(double, "effect.x")]
    contents.append(stage.program(programs.release(0), double.agent))
    for number in range(12):
        actor, word = tape.pick(actors), tape.below(10)
        if word < 4:
            if actor not in double.model.mailroom.heads:
                actor = double.born(b"heir %d" % number)
                actors.append(actor)
            mode = "signal" if tape.once_in(4) else "queue"
            double.tell(actor, tape.pick(contents), mode=mode, rule=_RESUME)
        elif word < 6:
            double.release(*dict.fromkeys([actor, tape.pick(actors)]), rule=_ENTRIES)
        elif word == 6:
            listed = double.mail(rule=_UNREAD)
            if listed:
                double.ack(*tape.pick(listed))
        elif word == 7:
            double.cut(rule=_STEP)
        elif word == 8:
            double.collect()
        else:
            double.restart()
        double.refs(rule=_ENTRIES)
        double.mail(rule=_KEPT)
    _judge(trial, double, _ENTRIES)


PROPERTIES: Final = (
    *in_each_format("runtime/release/dropped", dropped, _ENTRIES, _KEPT, _RESUME, *HISTORY_RULES),
    *in_each_format(
        *("runtime/release/refused", refused, _REFUSED, _ENTRIES), features=("external", "schedule", "clock")
    ),
    *in_each_format("runtime/release/resumed", resumed, _RESUME, _ENTRIES, *HISTORY_RULES),
    *in_each_format(
        "runtime/release/answered",
        answered,
        *(_RESUME, _STEP, _UNREAD, _REFUSED, _ENTRIES, *HISTORY_RULES),
        features=("external", "effects"),
    ),
    *in_each_format("runtime/cut/again", cut, _STEP, _UNREAD, _PRUNE, _ENTRIES, *HISTORY_RULES),
    *in_each_format(
        "runtime/release/mixed",
        mixed,
        *(_ENTRIES, _KEPT, _RESUME, _STEP, _UNREAD, *HISTORY_RULES),
        given=tape(80),
        examples=26,
        reach={"runtime.release accepted": 0.5},
    ),
)
