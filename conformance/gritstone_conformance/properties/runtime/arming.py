"""Arming: a process kills itself at the write that was armed and at no other, and counts every write.

Everything else that is said of killed runtimes rests on this: see ``crashes``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Asked, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_EXACT: Final = "harness.fault.exact"
_ALL: Final = "harness.fault.counts-all"


@dataclass(slots=True)
class _Drill:
    """Two durable stores in one process, and requests of which some change one of them.

    Attributes:
        stores: the pairs, by handle.
        requests: in order; each with the handle of the store that it changes, or None.
    """

    stores: dict[str, Pair]
    requests: list[tuple[Asked, str | None]]


def _drill(trial: Trial, fmt: Format, process: SubjectLike) -> _Drill:
    stores = {handle: open_durable(trial, fmt, handle, process) for handle in ("s", "t")}
    one, other = (fmt.encode(Blob((), data)) for data in (b"one", b"other"))
    s, t = stores["s"], stores["t"]
    requests: list[tuple[Asked, str | None]] = [
        (s.put(one), "s"),
        (s.get(fmt.hash(one)), None),
        (t.put(other), "t"),
        (t.has([fmt.hash(one)]), None),
        (s.cas(Change("tags/one", None, fmt.hash(one))), "s"),
        (s.refs(), None),
    ]
    return _Drill(stores, requests)


def kills_at_the_armed_write(trial: Trial, fmt: Format) -> None:
    """Armed for a write, the process dies by SIGKILL at that one, before or after it, and at no other.

    Which write is whose is known from a rehearsal. An implementation may count differently from run to run; so a death
    in the wrong place counts only if another rehearsal gives the same numbers, and the death comes again.
    """
    victim = trial.spawn()
    counts = _rehearse(trial, fmt, victim)
    deaths: list[_Death] = []
    for index, count in enumerate(counts):
        if count:
            first, last = sum(counts[:index]) + 1, sum(counts[: index + 1])
            deaths += [_Death(index, first, "before"), _Death(index, last, "after")]
    for death in deaths:
        if _wrong_death(trial, fmt, victim, death) is None:
            continue
        victim.kill()
        same_again = counts == _rehearse(trial, fmt, victim)
        victim.kill()
        again = _wrong_death(trial, fmt, victim, death) if same_again else None
        if again is not None:
            trial.fail(again.expected, again.got, words=again.words, rule=_EXACT)
        victim.kill()
    for when in ("before", "after"):
        drill = _drill(trial, fmt, victim)
        _arm(trial, victim, 2 * sum(counts) + 50, when)
        if _run(trial, victim, drill) is not None:
            trial.fail("a living process", "a dead one", words="it died at a write that did not come", rule=_EXACT)
        _arm(trial, victim, NEVER, when)
        extra = drill.stores["s"].put(fmt.encode(Blob((), b"extra")))
        trial.expect_many([extra, *(pair.close() for pair in drill.stores.values())], rule=_EXACT, on=victim)


@dataclass(frozen=True, slots=True)
class _Death:
    """A death that is due.

    Attributes:
        index: the request in progress.
        number: the number of the write.
        when: ``before``: it is the first write of the request; ``after``: it is the last one.
    """

    index: int
    number: int
    when: str


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with a death."""

    expected: Json
    got: Json
    words: str


def _rehearse(trial: Trial, fmt: Format, victim: SubjectLike) -> list[int]:
    """Return how many writes each request takes."""
    drill = _drill(trial, fmt, victim)
    _arm(trial, victim, NEVER, "before")
    counts = [_count(trial, victim)]
    for asked, changes in drill.requests:
        trial.expect_many([asked], on=victim)
        counts.append(_count(trial, victim))
        if changes is not None and counts[-1] == counts[-2]:
            trial.fail("a larger count", counts[-1], words=f"{asked[0]} is not counted", rule=_ALL)
    for pair in drill.stores.values():
        pair.expect(pair.close())
    return [after - before for before, after in pairwise(counts)]


def _wrong_death(trial: Trial, fmt: Format, victim: SubjectLike, death: _Death) -> _Wrong | None:
    """Kill the process at a write; returns what is wrong with where it died, or with what is there afterwards.

    A process that looked at the stores of a death goes on to the next one; so half as many have to be started.
    """
    drill = _drill(trial, fmt, victim)
    _arm(trial, victim, 1, "before")  # the next one replaces it
    _arm(trial, victim, death.number, death.when)
    died = _run(trial, victim, drill)
    victim.kill()
    if died != death.index:
        got = "unharmed" if died is None else f"dead at request {died}"
        return _Wrong(f"dead at request {death.index}", got, "it did not die at the write it was armed for")
    changed = [handle for _, handle in drill.requests[: death.index] if handle is not None]
    for handle, pair in drill.stores.items():
        pair.expect(pair.open(create=False))
        there = _size(trial, pair, victim)
        is_due = drill.requests[death.index][1] == handle and death.when == "after"
        due = changed.count(handle) + is_due
        if there != due:
            words = "a write is there that it died before" if there > due else "a write is lost that it died after"
            return _Wrong(due, there, words)
        pair.expect(pair.close())
    return None


def _size(trial: Trial, pair: Pair, victim: SubjectLike) -> int:
    """Return how many objects and references of the drill a store has."""
    ids = [identity.hex() for identity in pair.model.objects]
    asked: list[Asked] = [
        ("grit.has", {"store": pair.handle, "ids": list(ids)}, ok(has={"$": "any"})),
        (
            *("grit.refs", {"store": pair.handle, "prefix": "", "after": None, "limit": 9}),
            ok(refs={"$": "any"}, more=False),
        ),
    ]
    objects, refs = trial.expect_many(asked, on=victim)
    return sum(objects["has"]) + len(refs["refs"])


def _run(trial: Trial, victim: SubjectLike, drill: _Drill) -> int | None:
    """Ask the requests one by one; returns the index of the one at which the process died, or None."""
    for index, asked in enumerate([*(asked for asked, _ in drill.requests), ("ping", {}, ok())]):
        try:
            trial.expect_many([asked], on=victim)
        except SubjectFault as fault:
            if not fault.is_sigkill:
                if not fault.cause.startswith("dead:"):
                    raise
                trial.fail("dead:signal-KILL", fault.cause, words="it died otherwise than by SIGKILL", rule=_EXACT)
            return index
    return None


def _arm(trial: Trial, process: SubjectLike, number: int, when: str) -> None:
    trial.expect("fault.arm", {"writes": number, "when": when}, ok(), rule=_EXACT, on=process)


def _count(trial: Trial, process: SubjectLike) -> int:
    count: int = trial.expect("fault.count", {}, ok(writes={"$": "any"}), rule=_ALL, on=process)["writes"]
    return count


def durable_writes_counted(trial: Trial, fmt: Format) -> None:
    """Whatever changes a durable store is counted, of every operation and every store; what is in memory is not."""
    process = trial.subject
    second = open_durable(trial, fmt, "t")
    _check_counted(trial, "grit.put", lambda: second.expect(second.put(fmt.encode(Blob((), b"there")))))
    memory = open_memory(trial, fmt, "m")
    before = _count(trial, process)
    memory.expect(memory.put(fmt.encode(Blob((), b"in memory"))))
    if _count(trial, process) != before:
        trial.fail(before, "more", words="what is in memory is counted", rule=_EXACT)
    lockstep = LockstepModel(trial, fmt, StartOptions(), durable=True)
    stage, pair = lockstep.stage, lockstep.pair
    lockstep.flush()

    def check(op: str, work: Callable[[], object]) -> None:
        def run() -> None:
            work()
            lockstep.flush()

        _check_counted(trial, op, run)

    first, other = stage.blob(b"first"), stage.blob(b"other")
    check("grit.put", lockstep.fill)
    check("grit.cas", lambda: lockstep.request(pair.cas(Change("tags/x", None, first))))
    check("grit.cas", lambda: lockstep.request(pair.cas(Change("tags/x", first, other))))
    check("grit.cas", lambda: lockstep.request(pair.cas(Change("tags/x", other, None))))
    for asked in pair.take(_brought(fmt)):
        check("grit.import", partial(lockstep.request, asked))
    actor = stage.core(b"actor")
    child = stage.core(b"child")
    say = stage.program(programs.send(0, 1) + programs.send(2, 2, "genesis"), lockstep.agent, first, child)
    free = stage.program(programs.release(0), child)
    check("grit.put", lockstep.fill)
    for content, mt in ((actor, "genesis"), (say, ""), (free, "")):
        check("runtime.inject", partial(lockstep.inject, actor, content, mt))
        check("runtime.run", lockstep.run)
    ((sender, message),) = lockstep.mail()
    check("runtime.ack", lambda: lockstep.ack(sender, message))
    check("runtime.collect", lockstep.collect)
    check("runtime.release", lambda: lockstep.release(actor))
    check("runtime.cut", lockstep.cut)
    if "erase" in trial.claims.features:
        check("grit.erase", lambda: lockstep.request(pair.erase(other)))
    pair.model.prune()
    check("grit.prune", lambda: lockstep.request(("grit.prune", {"store": "s", "pins": []}, ok(removed={"$": "any"}))))


def _brought(fmt: Format) -> bytes:
    graph, store = Graph(fmt), Store(fmt)
    graph.references = {"tags/brought": graph.add(Blob((), b"brought"))}
    graph.fill(store)
    return store.export()


def _check_counted(trial: Trial, op: str, work: Callable[[], object]) -> None:
    before = _count(trial, trial.subject)
    work()
    if _count(trial, trial.subject) <= before:
        trial.fail("a larger count", before, words=f"{op} is not counted", rule=_ALL)


def armed_behind_a_write(trial: Trial, fmt: Format) -> None:
    """A ``fault.arm`` that is sent together with a write counts only the writes of later requests."""
    victim = trial.spawn()
    pair = open_durable(trial, fmt, "s", victim)
    asked = [pair.put(fmt.encode(Blob((), bytes((number,))))) for number in range(8)]
    asked += [("fault.arm", {"writes": 1, "when": "before"}, ok()), ("ping", {}, ok())]
    try:
        pair.expect(*asked)
    except SubjectFault as fault:
        if not fault.cause.startswith("dead:"):
            raise
        trial.fail("a reply", fault.cause, words="the process died at a write of an earlier request", rule=_EXACT)
    victim.kill()


_FEATURES: Final = ("external", "durable", "fault.kill")

PROPERTIES: Final = (
    *in_each_format(
        "harness/fault/exact",
        kills_at_the_armed_write,
        _EXACT,
        _ALL,
        features=_FEATURES,
        once=True,
        kind="crash",
        cost=1_200,
    ),
    *in_each_format("harness/fault/behind-a-write", armed_behind_a_write, _EXACT, features=_FEATURES),
    *in_each_format("harness/fault/counted", durable_writes_counted, _ALL, _EXACT, features=_FEATURES),
)
