"""Away: an actor with a reference ``archived``, ``closed``, ``gone`` or ``moved`` makes no step, and loses no mail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_STILL: Final = "runtime.away.still"
_MAIL: Final = "runtime.away.mail"
_KEPT: Final = "runtime.away.kept"
_EXPECTED: Final = "runtime.away.expected"
_NAP_MS: Final = 400
_SPACES: Final = ("archived", "closed", "gone", "moved")


def _move(lockstep: LockstepModel, *changes: tuple[str, bytes | None]) -> None:
    """Stop the runtime, set or remove references, and start it again."""
    lockstep.stop()
    lockstep.fill()
    references = lockstep.pair.model.references
    lockstep.request(lockstep.pair.cas(*(Change(name, references.get(name), target) for name, target in changes)))
    lockstep.start(rule=_STILL)


def _leave(lockstep: LockstepModel, space: str, actor: bytes) -> tuple[str, bytes]:
    """Make an actor away at its head, as the operations of other profiles do; returns the reference and the step."""
    name, head = f"{space}/{actor.hex()}", lockstep.model.mailroom.heads[actor]
    _move(lockstep, (f"heads/{actor.hex()}", None), (name, head))
    return name, head


def no_step_while_away(trial: Trial, fmt: Format) -> None:
    """An actor that is away makes no step, whatever it is sent; when it is back, it reads what waited, in order."""
    for space in _SPACES:
        lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
        stage = lockstep.stage
        actor, friend = lockstep.born(b"a"), lockstep.born(b"friend")
        lockstep.tell(actor, stage.program(programs.append("log", b"1")))
        name, head = _leave(lockstep, space, actor)
        says = stage.program(programs.append("log", b"2"))
        update = stage.tree(k=stage.blob(b"v"))
        for content, mt in ((says, ""), (update, "update"), (actor, "genesis"), (says, "cleanup")):
            lockstep.tell(actor, content, mt, rule=_MAIL)
            lockstep.tell(friend, says, rule=_STILL)
            lockstep.refs(rule=_STILL)
        lockstep.query(actor, "step", rule=_STILL)
        lockstep.collect(rule=_KEPT)
        lockstep.request(lockstep.pair.prune(rule=_KEPT))
        lockstep._put = len(stage.graph.encodings)
        lockstep.restart(rule=_STILL)
        lockstep.run(rule=_STILL)
        lockstep.refs(rule=_KEPT)
        _move(lockstep, (name, None), (f"heads/{actor.hex()}", head))
        lockstep.run(rule=_MAIL)
        lockstep.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def no_genesis_while_away(trial: Trial, fmt: Format) -> None:
    """A genesis message from any sender creates no actor that is away, also after a start, and creates it later."""
    for space in _SPACES:
        lockstep = LockstepModel(trial, fmt)
        stage = lockstep.stage
        creator, child, own = lockstep.born(b"creator"), stage.core(b"child"), stage.core(b"own")
        blob = stage.blob(b"anything")
        name = f"{space}/{child.hex()}"
        _move(lockstep, (name, blob), (f"{space}/{own.hex()}", own))
        lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=_STILL)
        lockstep.inject(own, own, mode="signal", headers=GENESIS, rule=_MAIL)
        lockstep.run(rule=_STILL)
        lockstep.refs(rule=_STILL)
        lockstep.restart(rule=_STILL)
        lockstep.run(rule=_STILL)
        lockstep.collect(rule=_KEPT)
        lockstep.refs(rule=_KEPT)
        _move(lockstep, (name, None))
        lockstep.run(rule=_MAIL)
        lockstep.refs(rule=_MAIL)
        lockstep.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def unread(trial: Trial, fmt: Format) -> None:
    """Unread mail to an actor that is away keeps its sender, unless that actor is gone."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = lockstep.born(b"creator")
    left: dict[str, tuple[bytes, str, bytes]] = {}
    for space in _SPACES:
        actor, writer = (stage.core(f"{space} {role}".encode()) for role in ("actor", "writer"))
        for each in (actor, writer):
            lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), each))
        left[space] = (actor, *_leave(lockstep, space, actor))
        say = stage.program(programs.send(0, 1), actor, stage.program(b""))
        lockstep.tell(creator, stage.program(programs.send(0, 1), writer, say))
        lockstep.tell(creator, stage.program(programs.release(0) + programs.release(1), actor, writer))
        lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
    for space in ("archived", "closed", "moved"):
        actor, name, head = left[space]
        _move(lockstep, (name, None), (f"heads/{actor.hex()}", head))
        lockstep.run(rule=_MAIL)
        lockstep.collect(rule="runtime.collect.collected")
        lockstep.refs(rule="runtime.collect.collected")
    lockstep.export(rule=rule)


def holding_nobody(trial: Trial, fmt: Format) -> None:
    """An actor that is away and has no head does not keep the actors to which it wrote from being collected."""
    rule = "runtime.collect.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    creator = lockstep.born(b"creator")
    for space in _SPACES:
        holder, child = (stage.core(f"{space} {role}".encode()) for role in ("holder", "child"))
        for each in (holder, child):
            lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), each))
        say = stage.program(programs.send(0, 1), child, stage.program(b""))
        lockstep.tell(creator, stage.program(programs.send(0, 1), holder, say))
        lockstep.tell(creator, stage.program(programs.release(0) + programs.release(1), holder, child))
        lockstep.inject(holder, stage.program(b""))  # an entry of the agent, which the collection of the child leaves
        lockstep.run(rule=rule)
        lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
        _leave(lockstep, space, holder)
        lockstep.collect(rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def resumed(trial: Trial, fmt: Format) -> None:
    """Mail to a released actor that is away follows what it read at the first step of it that a reference leads to."""
    rule = "runtime.release.resume"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    other, blob = lockstep.born(b"other"), stage.blob(b"anything")
    log = stage.program(programs.append("log", b"x"))
    targets = {
        b"only": {"moved": "last"},
        b"behind others": {"archived": "other", "closed": "blob", "moved": "last"},
        b"two": {"archived": "first", "gone": "last"},
        b"two more": {"closed": "last", "moved": "first"},
        b"none": {"archived": "other", "closed": "blob"},
    }
    for title, spaces in targets.items():
        actor = lockstep.born(title)
        steps = {"other": lockstep.model.mailroom.heads[other], "blob": blob}
        for when in ("first", "last"):
            lockstep.tell(actor, log)
            steps[when] = lockstep.model.mailroom.heads[actor]
        lockstep.release(actor, rule="runtime.release.entries")
        digits = actor.hex()
        away = [(f"{space}/{digits}", steps[target]) for space, target in spaces.items()]
        _move(lockstep, (f"heads/{digits}", None), *away)
        lockstep.inject(actor, log, rule=rule)
        lockstep.inject(actor, log, mode="signal", rule=rule)
        lockstep.refs(rule=rule)
        _move(lockstep, (f"heads/{digits}", steps["last"]), *((name, None) for name, _ in away))
        lockstep.run(rule=rule)
        lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def resurrected(trial: Trial, fmt: Format) -> None:
    """An actor that lived, was collected and is closed is not created again by the genesis message that it once had."""
    for space in _SPACES:
        lockstep = LockstepModel(trial, fmt)
        stage = lockstep.stage
        creator, child = lockstep.born(b"creator"), stage.core(b"child")
        lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
        name, _ = _leave(lockstep, space, child)
        lockstep.run(rule=_STILL)
        lockstep.refs(rule=_STILL)
        lockstep.restart(rule=_STILL)
        lockstep.run(rule=_STILL)
        lockstep.refs(rule=_STILL)
        _move(lockstep, (name, None))
        lockstep.run(rule=_MAIL)
        lockstep.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def with_a_head(trial: Trial, fmt: Format) -> None:
    """An actor with a head that is away stands still, marked or not, until the last of its references is removed."""
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    actor, marked = lockstep.born(b"a"), lockstep.born(b"marked")
    lockstep.tell(marked, stage.program(programs.fail()))
    blob = stage.blob(b"anything")
    says, update = stage.program(programs.append("log", b"x")), stage.tree(k=stage.blob(b"v"))
    for number, space in enumerate(_SPACES):
        other = _SPACES[number - 1]
        names = [f"{one}/{each.hex()}" for one in (space, other) for each in (actor, marked)]
        _move(lockstep, *((name, blob) for name in names))
        for each, content, mt in ((actor, says, ""), (marked, update, "update"), (actor, says, "cleanup")):
            lockstep.tell(each, content, mt, rule=_STILL)
        lockstep.query(actor, "step", rule=_STILL)
        lockstep.refs(rule=_STILL)
        _move(lockstep, *((name, None) for name in names[:2]))
        lockstep.run(rule=_STILL)
        lockstep.refs(rule=_STILL)
        _move(lockstep, (names[2], None))
        lockstep.run(rule=_MAIL)
        _move(lockstep, (names[3], None))
        lockstep.run(rule=_MAIL)
        lockstep.refs(rule=_MAIL)
        lockstep.tell(marked, stage.program(programs.fail()))
    lockstep.export(rule=_MAIL)


def no_choices_while_away(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever references are set and removed between runs, only actors that are not away have choices."""
    lockstep = LockstepModel(trial, fmt, StartOptions("chosen", "suite", Config(0, 0, 2)))
    stage = lockstep.stage
    cores = [stage.core(b"%d" % number) for number in range(3)]
    blob = stage.blob(b"anything")
    contents = [stage.program(programs.append("log", b"x")), stage.program(programs.fail()), stage.tree(k=blob)]
    lockstep.fill()
    for _ in range(tape.within(3, 12)):
        actor = tape.pick(cores)
        word = tape.below(8)
        name = f"{tape.pick(_SPACES)}/{actor.hex()}"
        if word < 2:
            lockstep.inject(actor, actor, mode="signal", headers=GENESIS, rule=_MAIL)
        elif word == 2:
            lockstep.inject(actor, contents[2], "update", rule=_MAIL)
        elif word < 5:
            lockstep.inject(actor, tape.pick(contents), rule=_MAIL)
        elif word == 5:
            head = lockstep.model.mailroom.heads.get(actor)
            changes = [(name, head or blob)]
            _move(
                lockstep, *(changes if head is None or tape.once_in(2) else [*changes, (f"heads/{actor.hex()}", None)])
            )
        elif word == 6:
            held = [each for each in lockstep.pair.model.references if each.endswith(f"/{actor.hex()}")]
            _move(lockstep, *((each, None) for each in held if each.partition("/")[0] in _SPACES))
        else:
            lockstep.collect(rule=_KEPT)
        while lockstep.ready(rule=_STILL):
            lockstep.choose(tape.below(4), rule=_STILL)
        lockstep.refs(rule=_KEPT)
    lockstep.export(rule=_STILL)


def away_during_a_run(trial: Trial, fmt: Format) -> None:
    """An actor that becomes away while a run of it is in progress makes no step by that run, and gets no mark."""
    naps = programs.sleep(_NAP_MS)
    for space in _SPACES:
        stage = Stage(Graph(fmt))
        others = [stage.core(b"other %d" % number) for number in range(3)]
        actor, failing = stage.core(b"a"), stage.core(b"failing")
        child = stage.core(b"child", program=stage.blob(naps))
        slow, fails = stage.program(naps + programs.append("log", b"z")), stage.program(naps + programs.fail())
        empty = stage.program(b"")
        fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
        fixture.start()
        fixture.put(stage.graph)
        fixture.inject(Injection(each, GENESIS, each) for each in (actor, failing, *others))
        fixture.run()
        fixture.inject([Injection(actor, (), slow), Injection(failing, (), fails), Injection(child, GENESIS, child)])
        fixture.inject(Injection(each, (), empty) for each in others)
        trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 3}, RAN, rule="runtime.route.rest")
        before = _references(fixture)
        leaving = (actor, failing, child)
        if _leave_now(fixture, space, leaving, before):  # else a run was over before
            fixture.flush()
            time.sleep(2 * _NAP_MS / 1000)
            fixture.run()
            wanted = {**before, **{f"{space}/{each.hex()}": each.hex() for each in leaving}}
            found = _references(fixture)
            if found != wanted:
                words = f"{space}: an actor that is away made a step or got a mark"
                trial.fail(wanted, found, words=words, rule=_EXPECTED)
        fixture.check(rules={"mark": _EXPECTED})
        fixture.close()


def _leave_now(fixture: FreeScheduleFixture, space: str, actors: tuple[bytes, ...], before: Mapping[str, str]) -> bool:
    """Make actors away if their heads are as listed; returns whether they were."""
    changes: list[Json] = []
    for actor in actors:
        name = f"heads/{actor.hex()}"
        head = bytes.fromhex(before[name]) if name in before else None
        changes += [Change(name, head, head).to_json(), Change(f"{space}/{actor.hex()}", None, actor).to_json()]
    return isinstance(fixture.trial.observe("grit.cas", {"store": fixture.handle, "changes": changes}), Ok)


def _references(fixture: FreeScheduleFixture) -> dict[str, str]:
    """Return all references of the store."""
    args: dict[str, Json] = {"store": fixture.handle, "prefix": "", "after": None, "limit": 100}
    refs = fixture.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=fixture.process)["refs"]
    return dict(refs)


def away_after_a_kill(trial: Trial, fmt: Format) -> None:
    """A start after a kill creates no actor again that is away, and loses none of its mail."""
    stage = Stage(Graph(fmt))
    actors = {space: stage.core(space.encode()) for space in _SPACES}
    says = stage.program(programs.append("log", b"x"))
    directory, victim = trial.directory(), trial.spawn()
    fixture = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory=directory, process=victim))
    fixture.start()
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in actors.values())
    fixture.run()
    heads = {name: bytes.fromhex(target) for name, target in _references(fixture).items() if name.startswith("heads/")}
    changes: list[Json] = []
    for space, actor in actors.items():
        name = f"heads/{actor.hex()}"
        changes += [Change(name, heads[name], None).to_json()]
        changes += [Change(f"{space}/{actor.hex()}", None, heads[name]).to_json()]
    fixture.stop()
    fixture.ask("grit.cas", {"store": fixture.handle, "changes": changes}, ok())
    fixture.start()
    fixture.inject(Injection(each, (), says) for each in actors.values())
    fixture.flush()
    before = _references(fixture)
    victim.kill()
    again = FreeScheduleFixture(trial, fmt, opening=StoreOptions(directory=directory, process=victim, create=False))
    again.sent = fixture.sent
    again.start()
    again.run()
    found = _references(again)
    if found != before:
        trial.fail(before, found, words="a start changed something of an actor that is away", rule=_STILL)
    again.check()
    again.stop()
    back: list[Json] = []
    for space, actor in actors.items():
        name = f"heads/{actor.hex()}"
        back += [Change(name, None, heads[name]).to_json()]
        back += [Change(f"{space}/{actor.hex()}", heads[name], None).to_json()]
    again.ask("grit.cas", {"store": again.handle, "changes": back}, ok())
    again.start()
    again.run()
    found = _references(again)
    waits = [
        space for space, actor in actors.items() if found[f"heads/{actor.hex()}"] == heads[f"heads/{actor.hex()}"].hex()
    ]
    if waits:
        trial.fail([], waits, words="mail of an actor that is back was not delivered", rule=_MAIL)
    again.check(rules={"lost": _MAIL})


PROPERTIES: Final = (
    *in_each_format("runtime/away/still", no_step_while_away, _STILL, _MAIL, _KEPT),
    *in_each_format("runtime/away/unborn", no_genesis_while_away, _STILL, _MAIL, _KEPT),
    *in_each_format("runtime/away/unread", unread, "runtime.collect.held", "runtime.collect.collected", _MAIL),
    *in_each_format("runtime/away/holding-nobody", holding_nobody, "runtime.collect.held", "runtime.collect.collected"),
    *in_each_format("runtime/away/resumed", resumed, "runtime.release.resume", "runtime.release.entries"),
    *in_each_format("runtime/away/resurrected", resurrected, _STILL, _MAIL),
    *in_each_format("runtime/away/with-a-head", with_a_head, _STILL, _MAIL),
    *in_each_format(
        "runtime/away/chosen",
        no_choices_while_away,
        *(_STILL, _MAIL, _KEPT),
        given=tape(60),
        features=("external", "schedule", "clock"),
        examples=26,
        once=True,
    ),
    *in_each_format("runtime/away/meanwhile", away_during_a_run, _EXPECTED, *HISTORY_RULES, once=True, cost=900),
    *in_each_format(
        "runtime/away/killed",
        away_after_a_kill,
        _STILL,
        _MAIL,
        *HISTORY_RULES,
        features=("external", "durable"),
        once=True,
        kind="crash",
    ),
)
