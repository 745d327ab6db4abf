"""Operations that change references in one update, killed at each durable write: all is as before, or as after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Property, SubjectLike, Trial

__all__ = ["PROPERTIES", "Half", "kill_at_each_write"]

_MOST_WRITES: Final = 40  # of one request
_FEATURES: Final = ("external", "durable", "fault.kill")


@dataclass(frozen=True, slots=True)
class Half:
    """One request that changes references.

    Attributes:
        before: the store before it.
        op: the operation.
        args: its arguments, without the handle.
        answer: what the reply to it is.
        after: the references after it.
        rule: the rule that is violated where a kill leaves a part of it.
        setting: a request of each started runtime before it, which changes nothing in the store.
    """

    before: bytes
    op: str
    args: dict[str, Json]
    answer: dict[str, Json]
    after: dict[str, bytes]
    rule: str
    setting: tuple[str, dict[str, Json]] | None = None

    @property
    def of_runtime(self) -> bool:
        """Whether a runtime is asked, and not a store."""
        return self.op.startswith(("runtime.", "session."))


def kill_at_each_write(trial: Trial, fmt: Format, halves: list[Half]) -> None:
    """Kill a process before each durable write of some requests, and judge which references are there."""
    victim, deaths = trial.spawn(), 0
    for half in halves:
        for number in range(1, _MOST_WRITES):
            is_dead = _dies(trial, fmt, victim, half, number)
            deaths += is_dead
            if not is_dead:
                break
    trial.remark = f"{deaths} deaths, before every durable write"


def _dies(trial: Trial, fmt: Format, victim: SubjectLike, half: Half, number: int) -> bool:
    """Kill a process at a write of a request and judge what it left; returns whether there was such a write."""
    store = FreeScheduleFixture(trial, fmt, opening=StoreOptions(trial.directory(), victim))
    data: dict[str, Json] = {"bytes": to_base64(half.before), "more": False}
    store.ask("grit.import", {"store": "s", **data}, ok(objects={"$": "any"}, refs={"$": "any"}))
    _start(trial, store, half)
    before = _references(trial, store, half.rule)
    handle: dict[str, Json] = {"runtime": store.runtime} if half.of_runtime else {"store": "s"}
    trial.expect("fault.arm", {"writes": number, "when": "before"}, ok(), on=victim)
    try:
        trial.expect(half.op, {**handle, **half.args}, half.answer, on=victim, rule=half.rule)
        trial.expect("fault.arm", {"writes": NEVER, "when": "before"}, ok(), on=victim)
    except SubjectFault as fault:
        if not fault.is_sigkill:
            raise
        victim.kill()
        store = FreeScheduleFixture(
            trial, fmt, opening=StoreOptions(store.directory, victim, create=False), rule=half.rule
        )
        store.flush()
        is_dead = True
    else:
        is_dead = False
    after = {name: target.hex() for name, target in half.after.items()}
    found = _references(trial, store, half.rule)
    if found != after and (not is_dead or found != before):
        words = "a kill leaves a part of an update" if is_dead else "not the references that were expected"
        trial.fail(after, found, path="refs", words=words, rule=half.rule)
    if found == before != after:
        _start(trial, store, half)
        trial.expect(half.op, {**handle, **half.args}, half.answer, on=victim, rule=half.rule)
        if (found := _references(trial, store, half.rule)) != after:
            trial.fail(after, found, path="refs", words="the request cannot be repeated after a kill", rule=half.rule)
    store.close()
    return is_dead


def _start(trial: Trial, store: FreeScheduleFixture, half: Half) -> None:
    if half.of_runtime:
        store.start()
    store.flush()
    if half.setting is not None:
        op, args = half.setting
        trial.expect(op, {"runtime": store.runtime, **args}, ok(), on=store.process, rule=half.rule)


def _references(trial: Trial, store: FreeScheduleFixture, rule: str) -> dict[str, str]:
    args: dict[str, Json] = {"store": store.handle, "prefix": "", "after": None, "limit": 4096}
    expect = ok(refs={"$": "any"}, more=False)
    return dict(trial.expect("grit.refs", args, expect, on=store.process, rule=rule)["refs"])


def released(trial: Trial, fmt: Format) -> None:
    """A release drops the entries of all named actors in one update, from the outbox and the inbox."""
    lockstep = _double(trial, fmt)
    actors = [lockstep.born(b"%d" % number) for number in range(3)]
    says = lockstep.stage.program(programs.send(0, 1), lockstep.agent, lockstep.stage.blob(b"said"))
    for actor in actors[:2]:
        lockstep.tell(actor, says)
        lockstep.ack(*lockstep.mail()[0])
        lockstep.tell(actor, lockstep.stage.program(programs.release(0), lockstep.agent))
    kill_at_each_write(trial, fmt, [_half(lockstep, "release", actors, "runtime.release.entries")])


def cut(trial: Trial, fmt: Format) -> None:
    """A cut moves the agent's head by one update, from its head before."""
    lockstep = _double(trial, fmt)
    lockstep.tell(lockstep.born(), lockstep.stage.program(programs.append("log", b"t")))
    kill_at_each_write(trial, fmt, [_half(lockstep, "cut", [], "runtime.cut.step")])


def collected(trial: Trial, fmt: Format) -> None:
    """A collection removes each actor with its head and its mark in one update, and sets ``gone``."""
    lockstep = _double(trial, fmt)
    stage = lockstep.stage
    creator, mortals = lockstep.born(b"creator"), [stage.core(b"%d" % number) for number in range(3)]
    for mortal in mortals:
        lockstep.tell(creator, stage.program(programs.send(0, 0, "genesis"), mortal))
    lockstep.tell(creator, stage.program(programs.send(0, 1), mortals[0], stage.program(programs.fail())))
    lockstep.tell(mortals[1], stage.program(programs.send(0, 0, "genesis"), stage.core(b"below")))
    lockstep.release(mortals[1])
    free = b"".join(programs.release(number) for number in range(3))
    lockstep.tell(creator, stage.program(free, *mortals))
    kill_at_each_write(trial, fmt, [_half(lockstep, "collect", [], "runtime.collect.collected")])


def _double(trial: Trial, fmt: Format) -> LockstepModel:
    return LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))


def _half(lockstep: LockstepModel, word: str, actors: list[bytes], rule: str) -> Half:
    """Carry an operation of the runtime out on the model; returns it as it is before."""
    lockstep.fill()
    lockstep.flush()
    lockstep.ask_plainly("grit.close", {"store": "s"}, ok())
    lockstep.flush()
    before = lockstep.pair.model.export()
    args: dict[str, Json] = {}
    answers: dict[str, Callable[[], dict[str, Json]]] = {
        "release": lambda: ok(released=[actor.hex() for actor in lockstep.model.agent.release(actors)]),
        "cut": lambda: ok(step=lockstep.model.agent.cut().hex()),
        "collect": lambda: ok(removed=[actor.hex() for actor in lockstep.model.collect()]),
    }
    if actors:
        args = {"actors": [actor.hex() for actor in actors]}
    answer = answers[word]()
    return Half(before, f"runtime.{word}", args, answer, dict(lockstep.pair.model.references), rule)


def _each(name: str, body: Callable[[Trial, Format], None], rule: str) -> tuple[Property, ...]:
    return in_each_format(name, body, rule, features=_FEATURES, once=True, kind="crash", cost=600)


PROPERTIES: Final = (
    *_each("runtime/release/killed", released, "runtime.release.entries"),
    *_each("runtime/cut/killed", cut, "runtime.cut.step"),
    *_each("runtime/collect/killed", collected, "runtime.collect.collected"),
)
