"""Release and cut: the agent forgets actors and its past; nothing is lost, and nothing is delivered twice."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, StoreFacts, check_export
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
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


def _judge(trial: Trial, lockstep: LockstepModel, rule: str) -> None:
    """The store is the model's, byte for byte, and its history is legal."""
    check_export(trial, lockstep.export(rule=rule), at_rest=True, known=StoreFacts(is_whole=False))


def _says(lockstep: LockstepModel, mt: str = "") -> bytes:
    """Return a program that sends something to the agent."""
    return lockstep.stage.program(programs.send(0, 1, mt), lockstep.agent, lockstep.stage.blob(b"said"))


def independent_entries_dropped(trial: Trial, fmt: Format) -> None:
    """A release drops the entries that nothing depends on, all in one step, and reports of which actors."""
    lockstep = LockstepModel(trial, fmt)
    actors = [lockstep.born(b"%d" % number) for number in range(4)]
    log = lockstep.stage.program(programs.append("log", b"t"))
    lockstep.tell(actors[0], log)
    lockstep.tell(actors[1], _says(lockstep))
    lockstep.ack(*lockstep.mail()[0])
    lockstep.release(*actors[:3], rule=_ENTRIES)
    lockstep.mail(rule=_KEPT)
    lockstep.refs(rule=_KEPT)
    lockstep.release(*actors[:3], rule=_ENTRIES)
    lockstep.release(actors[3], lockstep.stage.core(b"unknown"), rule=_ENTRIES)
    lockstep.refs(rule=_ENTRIES)
    lockstep.mail(rule=_KEPT)
    _judge(trial, lockstep, _ENTRIES)
    lockstep.restart()
    lockstep.mail(rule=_KEPT)
    lockstep.collect(rule=_ENTRIES)
    lockstep.release(*actors, rule=_ENTRIES)
    lockstep.mail(rule=_KEPT)
    lockstep.refs(rule=_ENTRIES)
    _judge(trial, lockstep, _ENTRIES)


def refused(trial: Trial, fmt: Format) -> None:
    """The agent, and actors with unread mail from or to the agent, are not released, nor are those named with them."""
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", clock="suite"))
    actors = [lockstep.stage.core(b"%d" % number) for number in range(3)]
    for actor in actors:
        lockstep.inject(actor, actor, headers=GENESIS)
        lockstep.choose(0)
    absent = lockstep.stage.core(b"absent")
    lockstep.release(lockstep.agent, rule=_REFUSED)
    lockstep.release(actors[0], lockstep.agent, rule=_REFUSED)
    lockstep.inject(actors[0], lockstep.stage.program(programs.append("log", b"t")))
    lockstep.inject(absent, lockstep.stage.blob(b"early"))
    lockstep.release(actors[0], rule=_REFUSED)
    lockstep.release(actors[1], actors[0], rule=_REFUSED)
    lockstep.release(absent, rule=_REFUSED)
    lockstep.refs(rule=_REFUSED)
    lockstep.choose(0)
    lockstep.release(actors[0], rule=_ENTRIES)
    lockstep.inject(actors[1], _says(lockstep))
    lockstep.choose(0)
    lockstep.release(actors[1], rule=_REFUSED)
    lockstep.release(actors[2], actors[1], rule=_REFUSED)
    lockstep.refs(rule=_REFUSED)
    lockstep.ack(*lockstep.mail()[0])
    lockstep.release(*actors, rule=_ENTRIES)
    lockstep.refs(rule=_ENTRIES)
    lockstep.export(rule=_REFUSED)


def marked(trial: Trial, fmt: Format) -> None:
    """A marked actor with an unread update of the agent is neither released nor collected; afterwards it is both."""
    rule = "runtime.release.refused"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 1)))
    stage = lockstep.stage
    actor, update = stage.core(b"a"), stage.tree(k=stage.blob(b"v"))
    for content, headers in ((actor, GENESIS), (stage.program(programs.fail()), ())):
        lockstep.inject(actor, content, headers=headers)
        lockstep.choose(0)
    lockstep.release(actor, rule=rule)
    lockstep.inject(actor, update, "update", "signal")
    lockstep.release(actor, rule=rule)
    lockstep.collect(rule="runtime.collect.held")
    lockstep.refs(rule=rule)
    lockstep.choose(0, rule="runtime.fail.unmark")
    lockstep.release(actor, rule="runtime.release.entries")
    lockstep.inject(actor, update, "update", "signal", rule="runtime.release.resume")
    lockstep.collect(rule="runtime.collect.collected")
    lockstep.refs(rule="runtime.collect.collected")
    lockstep.inject(actor, update, "update", rule="runtime.away.mail")
    lockstep.ready(rule="runtime.collect.final")
    lockstep.release(actor, rule="runtime.release.entries")
    lockstep.refs(rule="runtime.release.entries")
    lockstep.export(rule=rule)


def withdrawn(trial: Trial, fmt: Format) -> None:
    """A release withdraws unread mail to an actor that is away, and forgets unread mail of it, whatever marks it."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    log = stage.program(programs.append("log", b"t"))
    for number, space in enumerate(("moved", "archived", "closed", "gone", "closed")):
        actor = lockstep.born(b"%d" % number)
        lockstep.tell(actor, _says(lockstep))
        step = lockstep.model.mailroom.heads[actor]
        away = [Change(f"{space}/{actor.hex()}", None, step)]
        if number < 4:  # the last one has a head and is away nevertheless
            away.append(Change(f"heads/{actor.hex()}", step, None))
        _move(lockstep, *away)
        lockstep.inject(actor, log, rule=_ENTRIES)
        lockstep.restart()
        lockstep.release(actor, rule=_ENTRIES)
        lockstep.refs(rule=_ENTRIES)
        lockstep.mail(rule=_ENTRIES)
        _move(lockstep, *(Change(one.name, one.new, one.old) for one in away))
        lockstep.run(rule=_ENTRIES)
        lockstep.query(actor, "get", b"log", rule=_ENTRIES)
    lockstep.refs(rule=_ENTRIES)
    lockstep.flush()


def _move(lockstep: LockstepModel, *changes: Change) -> None:
    """Stop the runtime, change references, and start it again."""
    lockstep.stop()
    lockstep.request(lockstep.pair.cas(*changes))
    lockstep.start()


def resumed(trial: Trial, fmt: Format) -> None:
    """What the agent sends to a released actor follows what the actor read last: mail, receipts and answers."""
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    one, other = lockstep.born(b"one"), lockstep.born(b"other")
    log = stage.program(programs.append("log", b"t"))
    for mode in ("queue", "queue", "signal", "signal"):
        lockstep.tell(one, log, mode=mode, rule=_RESUME)
        lockstep.release(one, rule=_ENTRIES)
        lockstep.query(one, "get", b"log", rule=_RESUME)
    ask = stage.program(programs.send(0, 1), other, stage.program(programs.fail()))
    lockstep.release(other)
    lockstep.tell(one, ask)
    lockstep.release(one)
    lockstep.refs(rule=_RESUME)
    lockstep.tell(other, stage.tree(log=stage.blob(b"u")), "update", rule=_RESUME)
    lockstep.tell(one, log, rule=_RESUME)
    lockstep.query(one, "get", b"log", rule=_RESUME)
    _judge(trial, lockstep, _RESUME)


def answers_over_a_cut(trial: Trial, fmt: Format) -> None:
    """The answer of an effect follows what the actor read last; open effects stay open over a cut."""
    lockstep = LockstepModel(trial, fmt)
    actor, other = lockstep.born(b"a"), lockstep.born(b"b")
    for mt in ("effect.x", "note", "effect.y"):
        lockstep.tell(actor, _says(lockstep, mt))
    lockstep.cut(rule=_STEP)
    first, second = lockstep.effects(rule=_UNREAD)
    lockstep.mail(rule=_UNREAD)
    lockstep.resolve(second, "ok", b"two")
    lockstep.run()
    lockstep.cut(rule=_STEP)
    lockstep.mail(rule=_UNREAD)
    lockstep.resolve(first, "ok", b"one")
    lockstep.run()
    lockstep.release(actor, rule=_REFUSED)
    lockstep.ack(*lockstep.mail()[-1])
    lockstep.release(actor, other, rule=_ENTRIES)
    lockstep.cut(rule=_STEP)
    lockstep.tell(actor, _says(lockstep, "effect.z"), rule=_RESUME)
    lockstep.resolve(lockstep.effects(rule=_UNREAD)[0], "failed", b"no", rule=_RESUME)
    lockstep.run()
    lockstep.restart()
    lockstep.effects(rule=_UNREAD)
    _judge(trial, lockstep, _RESUME)


def cut_leaves_one_step(trial: Trial, fmt: Format) -> None:
    """A cut leaves one step of the agent, with everything that is unread, and lets the rest be pruned."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    lockstep.cut(rule=_STEP)
    lockstep.refs(rule=_STEP)
    actors = [lockstep.born(b"%d" % number) for number in range(3)]
    log = stage.program(programs.append("log", b"t"))
    late = stage.core(b"late")
    lockstep.tell(actors[0], log)
    lockstep.tell(late, log)
    lockstep.tell(lockstep.agent, stage.blob(b"to the outside"))
    lockstep.tell(actors[1], _says(lockstep))
    lockstep.cut(rule=_STEP)
    lockstep.refs(rule=_STEP)
    lockstep.ack(*next(each for each in lockstep.mail() if each[0] == lockstep.agent))
    for _ in range(2):
        lockstep.mail(rule=_UNREAD)
        lockstep.cut(rule=_STEP)
        lockstep.refs(rule=_STEP)
        lockstep.cut(rule=_STEP)
        lockstep.mail(rule=_UNREAD)
        _prune(lockstep)
        _judge(trial, lockstep, _PRUNE)
        lockstep.tell(actors[0], log, rule=_UNREAD)
        lockstep.query(actors[0], "get", b"log", rule=_UNREAD)
    lockstep.tell(late, late, mode="signal", rule=_UNREAD)
    lockstep.release(actors[0], rule=_ENTRIES)
    same = lockstep.cut(rule=_STEP)
    lockstep.tell(actors[0], log)
    lockstep.release(actors[0])
    assert lockstep.cut(rule=_STEP) != same, "the note names the step before"
    lockstep.restart()
    lockstep.ack(*lockstep.mail(rule=_UNREAD)[0])
    lockstep.refs(rule=_UNREAD)
    _judge(trial, lockstep, _STEP)


def _prune(lockstep: LockstepModel) -> None:
    before = len(lockstep.pair.model.objects)
    lockstep.pair.model.prune()
    removed = before - len(lockstep.pair.model.objects)
    lockstep.ask_plainly("grit.prune", {"store": "s", "pins": []}, {"ok": {"removed": removed}}, _PRUNE)


def any_order(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever is sent, read, acknowledged, released, cut, collected and started again, in whatever order."""
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actors = [lockstep.born(b"%d" % number) for number in range(3)]
    contents = [stage.program(programs.append("log", b"t")), _says(lockstep), _says(lockstep, "effect.x")]
    contents.append(stage.program(programs.release(0), lockstep.agent))
    for number in range(12):
        actor, word = tape.pick(actors), tape.below(10)
        if word < 4:
            if actor not in lockstep.model.mailroom.heads:
                actor = lockstep.born(b"heir %d" % number)
                actors.append(actor)
            mode = "signal" if tape.once_in(4) else "queue"
            lockstep.tell(actor, tape.pick(contents), mode=mode, rule=_RESUME)
        elif word < 6:
            lockstep.release(*dict.fromkeys([actor, tape.pick(actors)]), rule=_ENTRIES)
        elif word == 6:
            listed = lockstep.mail(rule=_UNREAD)
            if listed:
                lockstep.ack(*tape.pick(listed))
        elif word == 7:
            lockstep.cut(rule=_STEP)
        elif word == 8:
            lockstep.collect()
        else:
            lockstep.restart()
        lockstep.refs(rule=_ENTRIES)
        lockstep.mail(rule=_KEPT)
    _judge(trial, lockstep, _ENTRIES)


PROPERTIES: Final = (
    *in_each_format("runtime/release/dropped", independent_entries_dropped, _ENTRIES, _KEPT, _RESUME, *HISTORY_RULES),
    *in_each_format("runtime/release/withdrawn", withdrawn, _ENTRIES),
    *in_each_format(
        *("runtime/release/refused", refused, _REFUSED, _ENTRIES), features=("external", "schedule", "clock")
    ),
    *in_each_format(
        "runtime/release/marked",
        marked,
        *(_REFUSED, _ENTRIES, "runtime.collect.held", "runtime.collect.collected", "runtime.collect.final"),
        features=("external", "schedule"),
    ),
    *in_each_format("runtime/release/resumed", resumed, _RESUME, _ENTRIES, *HISTORY_RULES),
    *in_each_format(
        "runtime/release/answered",
        answers_over_a_cut,
        *(_RESUME, _STEP, _UNREAD, _REFUSED, _ENTRIES, *HISTORY_RULES),
        features=("external", "effects"),
    ),
    *in_each_format("runtime/cut/again", cut_leaves_one_step, _STEP, _UNREAD, _PRUNE, _ENTRIES, *HISTORY_RULES),
    *in_each_format(
        "runtime/release/mixed",
        any_order,
        *(_ENTRIES, _KEPT, _RESUME, _STEP, _UNREAD, *HISTORY_RULES),
        given=tape(80),
        examples=26,
        reach={"runtime.release accepted": 0.5},
        once=True,
    ),
)
