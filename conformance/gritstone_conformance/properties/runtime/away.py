"""Away: an actor with a reference ``archived``, ``closed``, ``gone`` or ``moved`` makes no step, and loses no mail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms
from gritstone_conformance.properties.runtime.house import RAN, House, Opening
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
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


def _move(double: Double, *changes: tuple[str, bytes | None]) -> None:
    """Stop the runtime, set or remove references, and start it again."""
    double.stop()
    double.fill()
    references = double.pair.model.references
    double.request(double.pair.cas(*(Change(name, references.get(name), target) for name, target in changes)))
    double.start(rule=_STILL)


def _leave(double: Double, space: str, actor: bytes) -> tuple[str, bytes]:
    """Make an actor away at its head, as the operations of other profiles do; returns the reference and the step."""
    name, head = f"{space}/{actor.hex()}", double.model.mailroom.heads[actor]
    _move(double, (f"heads/{actor.hex()}", None), (name, head))
    return name, head


def still(trial: Trial, fmt: Format) -> None:
    """An actor that is away makes no step, whatever it is sent; when it is back, it reads what waited, in order."""
    for space in _SPACES:
        double = Double(trial, fmt, Terms(config=Config(0, 0, 1)))
        stage = double.stage
        actor, friend = double.born(b"a"), double.born(b"friend")
        double.tell(actor, stage.program(programs.append("log", b"1")))
        name, head = _leave(double, space, actor)
        says = stage.program(programs.append("log", b"2"))
        update = stage.tree(k=stage.blob(b"v"))
        for content, mt in ((says, ""), (update, "update"), (actor, "genesis"), (says, "cleanup")):
            double.tell(actor, content, mt, rule=_MAIL)
            double.tell(friend, says, rule=_STILL)
            double.refs(rule=_STILL)
        double.query(actor, "step", rule=_STILL)
        double.collect(rule=_KEPT)
        double.request(double.pair.prune(rule=_KEPT))
        double._put = len(stage.graph.encodings)
        double.restart(rule=_STILL)
        double.run(rule=_STILL)
        double.refs(rule=_KEPT)
        _move(double, (name, None), (f"heads/{actor.hex()}", head))
        double.run(rule=_MAIL)
        double.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def unborn(trial: Trial, fmt: Format) -> None:
    """A genesis message from any sender creates no actor that is away, also after a start, and creates it later."""
    for space in _SPACES:
        double = Double(trial, fmt)
        stage = double.stage
        creator, child, own = double.born(b"creator"), stage.core(b"child"), stage.core(b"own")
        blob = stage.blob(b"anything")
        name = f"{space}/{child.hex()}"
        _move(double, (name, blob), (f"{space}/{own.hex()}", own))
        double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child), rule=_STILL)
        double.inject(own, own, mode="signal", headers=GENESIS, rule=_MAIL)
        double.run(rule=_STILL)
        double.refs(rule=_STILL)
        double.restart(rule=_STILL)
        double.run(rule=_STILL)
        double.collect(rule=_KEPT)
        double.refs(rule=_KEPT)
        _move(double, (name, None))
        double.run(rule=_MAIL)
        double.refs(rule=_MAIL)
        double.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def resurrected(trial: Trial, fmt: Format) -> None:
    """An actor that lived, was collected and is closed is not created again by the genesis message that it once had."""
    for space in _SPACES:
        double = Double(trial, fmt)
        stage = double.stage
        creator, child = double.born(b"creator"), stage.core(b"child")
        double.tell(creator, stage.program(programs.send(0, 0, "genesis"), child))
        name, _ = _leave(double, space, child)
        double.run(rule=_STILL)
        double.refs(rule=_STILL)
        double.restart(rule=_STILL)
        double.run(rule=_STILL)
        double.refs(rule=_STILL)
        _move(double, (name, None))
        double.run(rule=_MAIL)
        double.export(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def with_a_head(trial: Trial, fmt: Format) -> None:
    """An actor with a head that is away stands still, marked or not, until the last of its references is removed."""
    double = Double(trial, fmt, Terms(config=Config(0, 0, 1)))
    stage = double.stage
    actor, marked = double.born(b"a"), double.born(b"marked")
    double.tell(marked, stage.program(programs.fail()))
    blob = stage.blob(b"anything")
    says, update = stage.program(programs.append("log", b"x")), stage.tree(k=stage.blob(b"v"))
    for number, space in enumerate(_SPACES):
        other = _SPACES[number - 1]
        names = [f"{one}/{each.hex()}" for one in (space, other) for each in (actor, marked)]
        _move(double, *((name, blob) for name in names))
        for each, content, mt in ((actor, says, ""), (marked, update, "update"), (actor, says, "cleanup")):
            double.tell(each, content, mt, rule=_STILL)
        double.query(actor, "step", rule=_STILL)
        double.refs(rule=_STILL)
        _move(double, *((name, None) for name in names[:2]))
        double.run(rule=_STILL)
        double.refs(rule=_STILL)
        _move(double, (names[2], None))
        double.run(rule=_MAIL)
        _move(double, (names[3], None))
        double.run(rule=_MAIL)
        double.refs(rule=_MAIL)
        double.tell(marked, stage.program(programs.fail()))
    double.export(rule=_MAIL)


def chosen(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever references are set and removed between runs, only actors that are not away have choices."""
    double = Double(trial, fmt, Terms("chosen", "suite", Config(0, 0, 2)))
    stage = double.stage
    cores = [stage.core(b"%d" % number) for number in range(3)]
    blob = stage.blob(b"anything")
    contents = [stage.program(programs.append("log", b"x")), stage.program(programs.fail()), stage.tree(k=blob)]
    double.fill()
    for _ in range(tape.within(3, 12)):
        actor = tape.pick(cores)
        word = tape.below(8)
        name = f"{tape.pick(_SPACES)}/{actor.hex()}"
        if word < 2:
            double.inject(actor, actor, mode="signal", headers=GENESIS, rule=_MAIL)
        elif word == 2:
            double.inject(actor, contents[2], "update", rule=_MAIL)
        elif word < 5:
            double.inject(actor, tape.pick(contents), rule=_MAIL)
        elif word == 5:
            head = double.model.mailroom.heads.get(actor)
            changes = [(name, head or blob)]
            _move(double, *(changes if head is None or tape.once_in(2) else [*changes, (f"heads/{actor.hex()}", None)]))
        elif word == 6:
            held = [each for each in double.pair.model.references if each.endswith(f"/{actor.hex()}")]
            _move(double, *((each, None) for each in held if each.partition("/")[0] in _SPACES))
        else:
            double.collect(rule=_KEPT)
        while double.ready(rule=_STILL):
            double.choose(tape.below(4), rule=_STILL)
        double.refs(rule=_KEPT)
    double.export(rule=_STILL)


def meanwhile(trial: Trial, fmt: Format) -> None:
    """An actor that becomes away while a run of it is in progress makes no step by that run, and gets no mark."""
    naps = programs.sleep(_NAP_MS)
    for space in _SPACES:
        stage = Stage(Graph(fmt))
        others = [stage.core(b"other %d" % number) for number in range(3)]
        actor, failing = stage.core(b"a"), stage.core(b"failing")
        child = stage.core(b"child", program=stage.blob(naps))
        slow, fails = stage.program(naps + programs.append("log", b"z")), stage.program(naps + programs.fail())
        empty = stage.program(b"")
        house = House(trial, fmt, Terms(config=Config(0, 0, 1)))
        house.start()
        house.put(stage.graph)
        house.inject(Injection(each, GENESIS, each) for each in (actor, failing, *others))
        house.run()
        house.inject([Injection(actor, (), slow), Injection(failing, (), fails), Injection(child, GENESIS, child)])
        house.inject(Injection(each, (), empty) for each in others)
        trial.expect("runtime.run", {"runtime": house.runtime, "max_steps": 3}, RAN, rule="runtime.route.rest")
        before = _references(house)
        leaving = (actor, failing, child)
        if _leave_now(house, space, leaving, before):  # else a run was over before
            house.play()
            time.sleep(2 * _NAP_MS / 1000)
            house.run()
            wanted = {**before, **{f"{space}/{each.hex()}": each.hex() for each in leaving}}
            found = _references(house)
            if found != wanted:
                words = f"{space}: an actor that is away made a step or got a mark"
                trial.fail(wanted, found, words=words, rule=_EXPECTED)
        house.check(rules={"mark": _EXPECTED})
        house.close()


def _leave_now(house: House, space: str, actors: tuple[bytes, ...], before: Mapping[str, str]) -> bool:
    """Make actors away if their heads are as listed; returns whether they were."""
    changes: list[Json] = []
    for actor in actors:
        name = f"heads/{actor.hex()}"
        head = bytes.fromhex(before[name]) if name in before else None
        changes += [Change(name, head, head).to_json(), Change(f"{space}/{actor.hex()}", None, actor).to_json()]
    return isinstance(house.trial.observe("grit.cas", {"store": house.handle, "changes": changes}), Ok)


def _references(house: House) -> dict[str, str]:
    """Return all references of the store."""
    args: dict[str, Json] = {"store": house.handle, "prefix": "", "after": None, "limit": 100}
    refs = house.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=house.process)["refs"]
    return dict(refs)


def killed(trial: Trial, fmt: Format) -> None:
    """A start after a kill creates no actor again that is away, and loses none of its mail."""
    stage = Stage(Graph(fmt))
    actors = {space: stage.core(space.encode()) for space in _SPACES}
    says = stage.program(programs.append("log", b"x"))
    directory, victim = trial.directory(), trial.spawn()
    house = House(trial, fmt, opening=Opening(directory=directory, process=victim))
    house.start()
    house.put(stage.graph)
    house.inject(Injection(each, GENESIS, each) for each in actors.values())
    house.run()
    heads = {name: bytes.fromhex(target) for name, target in _references(house).items() if name.startswith("heads/")}
    changes: list[Json] = []
    for space, actor in actors.items():
        name = f"heads/{actor.hex()}"
        changes += [Change(name, heads[name], None).to_json()]
        changes += [Change(f"{space}/{actor.hex()}", None, heads[name]).to_json()]
    house.stop()
    house.ask("grit.cas", {"store": house.handle, "changes": changes}, ok())
    house.start()
    house.inject(Injection(each, (), says) for each in actors.values())
    house.play()
    before = _references(house)
    victim.kill()
    again = House(trial, fmt, opening=Opening(directory=directory, process=victim, create=False))
    again.sent = house.sent
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
    *in_each_format("runtime/away/still", still, _STILL, _MAIL, _KEPT),
    *in_each_format("runtime/away/unborn", unborn, _STILL, _MAIL, _KEPT),
    *in_each_format("runtime/away/resurrected", resurrected, _STILL, _MAIL),
    *in_each_format("runtime/away/with-a-head", with_a_head, _STILL, _MAIL),
    *in_each_format(
        "runtime/away/chosen",
        chosen,
        *(_STILL, _MAIL, _KEPT),
        given=tape(60),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format("runtime/away/meanwhile", meanwhile, _EXPECTED, *HISTORY_RULES, cost=900),
    *in_each_format(
        "runtime/away/killed", killed, _STILL, _MAIL, *HISTORY_RULES, features=("external", "durable"), kind="crash"
    ),
)
