"""Crossings of ``runtime``: one request that concerns one actor, in each state of actor, mail, agent and store.

A row of the table ``runtime/actors`` defines the state. The schedule is chosen and the clock is that of the suite, so
the model determines each reply and the whole store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.crossing_rows import NUMBERS, each_row
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.trial import Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_TERMS: Final = StartOptions(schedule="chosen", clock="suite", config=Config(10, 40, 2))
_MOST_CHOICES: Final = 40
_AWAY: Final = ("moved", "archived", "gone")
_MOST_TIME: Final = 1 << 63
_FROZEN: Final = {"frozen": b"k\n", "frozen-whole": b"k"}  # a line without its end freezes everything
_EXACT: Final = "runtime.schedule.exact"
_STILL: Final = "runtime.away.still"
_STOPPED: Final = "runtime.fail.stop"
_STORES: Final = "harness.state.isolated"
_CONTINUE: Final = "runtime.recover.continue"
_RULES: Final = (
    *(_EXACT, _STILL, _STOPPED, _CONTINUE, "runtime.away.mail", "runtime.agent.inject", "runtime.agent.inject-refused"),
    *("runtime.agent.mail", "runtime.query.rest", "runtime.release.entries", "runtime.release.refused"),
    *("runtime.release.resume", "runtime.cut.step", "runtime.cut.unread", "runtime.collect.collected"),
    *("runtime.collect.held", "runtime.retry.delay", "runtime.prune.running", "runtime.route.absent"),
    *("runtime.run.declined", "runtime.recover.mark", "runtime.history.bundle", _STORES),
)
_EFFECT_RULES: Final = ("runtime.effect.open", "runtime.effect.linked")


@dataclass
class _Crossing:
    """One row on its way.

    Attributes:
        row: the row.
        lockstep: both runtimes.
        actor: the actor that the request concerns.
        other: an actor that is always there.
        log: a program that writes down that it was read.
        speaks: a program of the actor that sends something to the agent.
        update: a content that unmarks the actor.
        forked: the stores that were left for a copy.
    """

    row: Row
    lockstep: LockstepModel
    actor: bytes
    other: bytes
    log: bytes
    speaks: bytes
    update: bytes
    forked: list[Pair] = field(default_factory=list)


def cross(trial: Trial, row: Row) -> None:
    """Run a row that kills no process."""
    fmt = FORMATS[row["format"]]
    pair = open_durable(trial, fmt) if row["backend"] == "durable" else open_memory(trial, fmt)
    for _ in _scene(pair, row):
        raise AssertionError("the row kills no process")


def cross_killed(trial: Trial, row: Row, process: SubjectLike, handle: str) -> Iterator[None]:
    """Run a row on a durable store in another process; yield where the process is killed."""
    yield from _scene(open_durable(trial, FORMATS[row["format"]], handle, process), row)


def _scene(pair: Pair, row: Row) -> Iterator[None]:
    """Make the state, make the request, do what comes later, run to rest, look at all there is, and collect."""
    crossing = _started(pair, row)
    _make_state(crossing)
    yield from _later(crossing, row["before"])
    _request(crossing)
    if row["later"] == "again":
        _request(crossing)
    else:
        yield from _later(crossing, row["later"])
    _look(crossing)
    _settle(crossing)
    _look(crossing)
    _let_go(crossing)
    crossing.lockstep.export(rule="runtime.history.bundle")
    for each in crossing.forked:
        each.expect(each.refs(rule=_STORES))


def _let_go(crossing: _Crossing) -> None:
    """Release and collect, and send the actor another message, which continues the chain also if it is away."""
    lockstep = crossing.lockstep
    lockstep.release(crossing.other, rule="runtime.release.entries")
    lockstep.collect(rule="runtime.collect.held")  # unread mail of the other actor to the actor holds it
    lockstep.refs(rule="runtime.collect.held")
    lockstep.release(crossing.actor, rule="runtime.release.entries")
    lockstep.inject(crossing.actor, crossing.log, rule="runtime.release.resume")


def _started(pair: Pair, row: Row) -> _Crossing:
    lockstep = LockstepModel(pair.trial, pair.model.format, _TERMS, pair=pair)
    stage = lockstep.stage
    other = stage.core(b"other")
    log = stage.program(programs.append("log", b"x"))
    mt = "effect.x" if row["outside"] == "effect" else "note"
    speaks = stage.program(programs.send(0, 1, mt), lockstep.agent, stage.blob(b"said"))
    frozen = {"frozen": stage.blob(_FROZEN[row["core"]])} if row["core"] in _FROZEN else {}
    actor, update = stage.core(b"a", **frozen), stage.tree(k=stage.blob(b"v"))
    crossing = _Crossing(row, lockstep, actor, other, log, speaks, update)
    _tell(crossing, other, other, genesis=True)
    return crossing


def _make_state(crossing: _Crossing) -> None:
    """Bring the actor, its mail to the outside, and the mail of its peer into the state of the row."""
    lockstep, row, actor = crossing.lockstep, crossing.row, crossing.actor
    if row["actor"] not in ("unborn", "expected"):
        _tell(crossing, actor, actor, genesis=True)
    if row["outside"] != "nothing":
        _tell(crossing, actor, crossing.speaks)
    if row["outside"] == "acknowledged":
        lockstep.ack(*lockstep.mail(rule="runtime.agent.mail")[0], rule="runtime.agent.mail")
    _bring(crossing, row["actor"])
    if row["peer"] == "unread":
        _send(crossing)
    if row["own"] != "nothing":
        note = lockstep.inject(lockstep.agent, crossing.log)
        if row["own"] == "acknowledged" and note is not None:
            lockstep.ack(lockstep.agent, note, rule="runtime.agent.mail")


def _bring(crossing: _Crossing, state: str) -> None:
    lockstep, actor, stage = crossing.lockstep, crossing.actor, crossing.lockstep.stage
    match state:
        case "expected" | "unread":
            lockstep.inject(actor, crossing.log)
        case "marked" | "marked-unread":
            _tell(crossing, actor, stage.program(programs.fail()))
            if state == "marked-unread":
                lockstep.inject(actor, crossing.update, "update", "signal")
        case "delayed":
            lockstep.inject(actor, stage.program(programs.try_again(1) + programs.append("log", b"z")))
            _choose_of(crossing, actor)
        case "held":
            _tell(crossing, actor, stage.program(programs.leave("k") + programs.append("log", b"h")))
        case "released" | "collected":
            lockstep.release(actor, rule="runtime.release.entries")
            if state == "collected":
                lockstep.collect(rule="runtime.collect.collected")
        case "closed-with-head":
            _leave(crossing, "closed", stays=True)
        case _ if state in _AWAY:
            _leave(crossing, state, stays=False)


def _leave(crossing: _Crossing, space: str, *, stays: bool) -> None:
    """Make the actor away at its head."""
    lockstep, digits = crossing.lockstep, crossing.actor.hex()
    head = lockstep.model.mailroom.heads[crossing.actor]
    changes = [Change(f"{space}/{digits}", None, head)]
    if not stays:
        changes.append(Change(f"heads/{digits}", head, None))
    lockstep.stop()
    lockstep.request(lockstep.pair.cas(*changes))
    lockstep.start(rule=_STILL)


def _later(crossing: _Crossing, word: str) -> Iterator[None]:
    """Do what happens before or after the request; yield where the process is killed."""
    lockstep = crossing.lockstep
    match word:
        case "restart":
            lockstep.restart(rule=_CONTINUE)
        case "reopen":
            lockstep.reopen(rule=_CONTINUE)
        case "kill":
            lockstep.flush()
            yield
            lockstep.revive(rule=_CONTINUE)
        case "fork":
            crossing.forked.append(lockstep.fork(rule="runtime.history.bundle"))
        case "nothing":
            pass
        case _:
            _OPERATIONS[word](crossing)


def _request(crossing: _Crossing) -> None:
    _OPERATIONS[crossing.row["operation"]](crossing)


def _inject(crossing: _Crossing, *, content: bytes, mt: str = "", mode: str = "queue") -> None:
    crossing.lockstep.inject(crossing.actor, content, mt, mode, rule=_state_rule(crossing, "runtime.agent.inject"))


def _send(crossing: _Crossing) -> None:
    """Make the other actor send something to the actor."""
    lockstep = crossing.lockstep
    content = lockstep.stage.program(programs.send(0, 1), crossing.actor, crossing.log)
    lockstep.inject(crossing.other, content)
    _choose_of(crossing, crossing.other)


def _ack(crossing: _Crossing) -> None:
    """Acknowledge the newest mail of the actor, or mail that there is not."""
    lockstep, rule = crossing.lockstep, "runtime.agent.mail"
    listed = [each for each in lockstep.mail(rule=rule) if each[0] == crossing.actor]
    lockstep.ack(*(listed[-1] if listed else (crossing.actor, crossing.log)), rule=rule)


def _resolve(crossing: _Crossing) -> None:
    """Answer the effect of the actor, or one that there is not."""
    names = crossing.lockstep.effects(rule="runtime.effect.open")
    name = names[0] if names else f"{crossing.actor.hex()}.{crossing.log.hex()}"
    crossing.lockstep.resolve(name, "ok", b"answer", rule="runtime.effect.linked")


def _time(crossing: _Crossing) -> None:
    lockstep = crossing.lockstep
    now_ms = lockstep.model.now_ms
    later_ms = now_ms + NUMBERS[crossing.row["number"]]
    lockstep.time(later_ms if later_ms < _MOST_TIME else now_ms + 1, rule="runtime.retry.delay")


_OPERATIONS: Final[Mapping[str, Callable[[_Crossing], object]]] = {
    "inject": lambda it: _inject(it, content=it.log),
    "inject-signal": lambda it: _inject(it, content=it.log, mode="signal"),
    "inject-update": lambda it: _inject(it, content=it.update, mt="update"),
    "inject-genesis": lambda it: _inject(it, content=it.actor, mt="genesis"),
    "inject-cleanup": lambda it: _inject(it, content=it.log, mt="cleanup"),
    "send": _send,
    "query": lambda it: it.lockstep.query(it.actor, "get", b"log", rule="runtime.query.rest"),
    "ack": _ack,
    "release": lambda it: it.lockstep.release(it.actor, rule="runtime.release.entries"),
    "release-with-other": lambda it: it.lockstep.release(it.other, it.actor, rule="runtime.release.refused"),
    "cut": lambda it: it.lockstep.cut(rule="runtime.cut.step"),
    "collect": lambda it: it.lockstep.collect(rule="runtime.collect.held"),
    "resolve": _resolve,
    "choose": lambda it: it.lockstep.choose(NUMBERS[it.row["number"]], rule=_EXACT),
    "time": _time,
    "prune": lambda it: it.lockstep.prune_store(rule="runtime.prune.running"),
}
"""Operation -> its requests."""


def _tell(crossing: _Crossing, to: bytes, content: bytes, *, genesis: bool = False) -> None:
    """Inject a message and run its actor until it has no choice."""
    crossing.lockstep.inject(to, content, GENESIS if genesis else ())
    for _ in range(_MOST_CHOICES):
        if not _choose_of(crossing, to):
            return


def _choose_of(crossing: _Crossing, actor: bytes) -> bool:
    """Make the first choice of an actor, after its delay; return whether there was one."""
    lockstep = crossing.lockstep
    due = lockstep.model.next_due_ms()
    for number, (who, _) in enumerate(choices(lockstep.model)):
        if who == actor:
            lockstep.choose(number, rule=_EXACT)
            return True
    if due is not None:
        lockstep.time(due, rule="runtime.retry.delay")
        return True
    return False


def _settle(crossing: _Crossing) -> None:
    """Make choices until there are none, and move the time where an actor waits."""
    lockstep = crossing.lockstep
    rule = _state_rule(crossing, _EXACT)
    for _ in range(_MOST_CHOICES):
        due = lockstep.model.next_due_ms()
        if lockstep.ready(rule=rule):
            lockstep.choose(0, rule=rule)
        elif due is not None:
            lockstep.time(due, rule="runtime.retry.delay")
        else:
            return


def _look(crossing: _Crossing) -> None:
    """Look at all there is."""
    lockstep, rule = crossing.lockstep, _state_rule(crossing, _EXACT)
    lockstep.ready(rule=rule)
    lockstep.mail(rule="runtime.agent.mail")
    if crossing.row["outside"] == "effect" or crossing.row["operation"] == "resolve":
        lockstep.effects(rule="runtime.effect.open")
    lockstep.query(crossing.actor, "get", b"log", rule="runtime.query.rest")
    lockstep.refs(rule=rule)
    lockstep.flush()


def _state_rule(crossing: _Crossing, usual: str) -> str:
    """Return the rule that the state of the actor decides, or the usual one."""
    lockstep = crossing.lockstep
    if lockstep.model.mailroom.is_away(crossing.actor):
        return "runtime.away.mail" if usual == "runtime.agent.inject" else _STILL
    return _STOPPED if lockstep.model.is_marked(crossing.actor) and usual == _EXACT else usual


def _rules(features: Iterable[str]) -> tuple[str, ...]:
    """Return the rules that a row with these features judges."""
    return (*_RULES, *(_EFFECT_RULES if "effects" in features else ()))


PROPERTIES: Final[tuple[Property, ...]] = each_row(
    "runtime/actors", cross, _rules, features=("clock", "external", "schedule"), scene=cross_killed
)
