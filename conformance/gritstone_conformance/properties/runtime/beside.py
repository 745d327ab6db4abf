"""Two runtimes on one store: what one changes while a run of the other is in progress.

Most cases have two processes on a durable store (feature ``shared``). The first begins a run that sleeps, and the
second acts meanwhile. What is asserted holds for every order of the two, also where the first was done before the
second began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Mailbox, Tree, to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN, FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES, export
from gritstone_conformance.properties.runtime.lockstep import GENESIS, MOST_STEPS, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.casting import PUPPET
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.trial import SubjectLike, Trial

__all__ = ["PROPERTIES", "Background"]

_NAP_MS: Final = 600
_CHILDREN: Final = 15
_PARKED: Final = ok(cause="rest", steps={"$": "any"}, parked={"$": "any"})
_HEAD_START_S: Final = 0.25  # for the run that sleeps


class _Pair:
    """One durable store, with a process and a runtime on each side.

    Attributes:
        stage: adds objects.
        actor: an actor that exists.
        first: the side whose run sleeps.
        second: the side that acts meanwhile.
    """

    def __init__(self, trial: Trial, fmt: Format, **entries: Callable[[Stage], bytes]) -> None:
        self.trial = trial
        self.stage = Stage(Graph(fmt))
        self.actor = self.stage.core(b"a", **{name: make(self.stage) for name, make in entries.items()})
        terms, directory = StartOptions(config=Config(0, 0, 1)), trial.directory()
        self.first = FreeScheduleFixture(trial, fmt, terms, StoreOptions(directory=directory))
        self.first.flush()
        self.second = FreeScheduleFixture(trial, fmt, terms, StoreOptions(directory, trial.spawn(), "t", create=False))
        self.second.flush()

    def begin(self) -> None:
        """Put all objects, start both runtimes, and create the actor."""
        self.first.put(self.stage.graph)
        self.first.start()
        self.first.inject([Injection(self.actor, GENESIS, self.actor)])
        self.first.run()
        self.second.start()
        self.second.flush()

    def run_beside(self, meanwhile: Callable[[], None]) -> None:
        """Run the first side to rest in a thread, and do something while it sleeps."""
        args: dict[str, Json] = {"runtime": self.first.runtime, "max_steps": MOST_STEPS}
        running = Background(self.trial.subject, "runtime.run", args)
        time.sleep(_HEAD_START_S)
        try:
            meanwhile()
        finally:
            reply = running.reply()
        if not isinstance(reply, Ok):
            self.trial.fail("rest", answer_of(reply), words="a run is refused", rule="runtime.route.rest")

    def references(self) -> dict[str, str]:
        """Return the head and the mark of the actor, as the second side lists them."""
        return _references(self.second, self.actor)

    def check(self, rule: str) -> None:
        """Run both sides to rest and judge the history; ``rule`` is blamed for a mark that is out of place."""
        self.second.run()
        self.first.run()
        self.first.sent += self.second.sent
        self.first.check(rules={"mark": rule, "overtaken": rule})


def _references(fixture: FreeScheduleFixture, actor: bytes) -> dict[str, str]:
    """Return the head and the mark of an actor, by the space of the reference."""
    found: dict[str, str] = {}
    for space in ("heads", "failed"):
        args: dict[str, Json] = {"store": fixture.handle, "prefix": f"{space}/{actor.hex()}", "after": None, "limit": 1}
        listed = fixture.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=fixture.process)
        found |= {name.partition("/")[0]: target for name, target in listed["refs"]}
    return found


class Background:
    """A request that is asked in a thread of its own."""

    def __init__(self, process: SubjectLike, op: str, args: dict[str, Json]) -> None:
        self._found: list[Reply | SubjectFault] = []
        self._thread = threading.Thread(target=self._ask, args=(process, op, args))
        self._thread.start()

    def _ask(self, process: SubjectLike, op: str, args: dict[str, Json]) -> None:
        try:
            self._found.append(process.ask(op, args))
        except SubjectFault as fault:
            self._found.append(fault)

    def reply(self) -> Reply:
        """Wait for the reply; raises SubjectFault."""
        self._thread.join()
        (found,) = self._found
        if isinstance(found, SubjectFault):
            raise found
        return found


def marked_after_the_head_moved(trial: Trial, fmt: Format) -> None:
    """A run that fails after another runtime moved the head of its actor sets no mark and sends no receipt."""
    rule = "runtime.fail.expected"
    pair = _Pair(trial, fmt)
    fails = pair.stage.program(programs.sleep(_NAP_MS) + programs.fail())
    says = pair.stage.program(programs.append("log", b"late"))
    pair.begin()
    pair.first.inject([Injection(pair.actor, (), fails)])

    def overtake() -> None:
        pair.second.inject([Injection(pair.actor, (), says, "signal")])
        pair.second.run()

    pair.run_beside(overtake)
    pair.check(rule)


def adopted_over_a_mark(trial: Trial, fmt: Format) -> None:
    """A run that began before another runtime marked the actor gives no step: the head stays where the mark is."""
    rule = "runtime.head.mark"
    pair = _Pair(trial, fmt)
    sleeps = pair.stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    fails = pair.stage.program(programs.fail())
    pair.begin()
    pair.first.inject([Injection(pair.actor, (), sleeps)])
    marked: dict[str, str] = {}

    def mark() -> None:
        pair.second.inject([Injection(pair.actor, (), fails, "signal")])
        pair.second.run()
        marked.update(pair.references())

    pair.run_beside(mark)
    if "failed" in marked and pair.references() != marked:
        words = "a marked actor ran something that is no update"
        trial.fail(marked, pair.references(), words=words, rule=rule)
    pair.check(rule)


def adopted_over_a_mark_in_one_process(trial: Trial, fmt: Format) -> None:
    """The same with two runtimes in one process, where the first sees the mark before its run ends."""
    rule = "runtime.head.mark"
    stage = Stage(Graph(fmt))
    actor, others = stage.core(b"a"), [stage.core(b"other %d" % number) for number in range(3)]
    sleeps = stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    fails, empty = stage.program(programs.fail()), stage.program(b"")
    fixture = FreeScheduleFixture(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    fixture.start()
    fixture.start("second")
    fixture.put(stage.graph)
    fixture.inject(Injection(each, GENESIS, each) for each in (actor, *others))
    fixture.run()
    fixture.inject([Injection(actor, (), sleeps), *(Injection(each, (), empty) for each in others)])
    trial.expect("runtime.run", {"runtime": fixture.runtime, "max_steps": 2}, RAN, rule="runtime.route.rest")
    fixture.inject([Injection(actor, (), fails, "signal")], "second")
    fixture.ask("runtime.run", {"runtime": "second", "max_steps": MOST_STEPS}, _PARKED, "runtime.fail.mark")
    fixture.flush()
    before = _references(fixture, actor)
    time.sleep(2 * _NAP_MS / 1000)
    fixture.ask("runtime.run", {"runtime": fixture.runtime, "max_steps": MOST_STEPS}, _PARKED, "runtime.fail.mark")
    fixture.flush()
    if "failed" in before and _references(fixture, actor) != before:
        words = "a marked actor ran something that is no update"
        trial.fail(before, _references(fixture, actor), words=words, rule=rule)
    fixture.check(rules={"mark": rule, "overtaken": rule})


def update_begun_before_the_mark(trial: Trial, fmt: Format) -> None:
    """An update whose run began before the actor was marked is run again, and then removes the mark."""
    rule = "runtime.head.mark"
    pair = _Pair(trial, fmt, on=lambda stage: stage.tree(job=stage.program(programs.fail())))
    stage = pair.stage
    fixed = stage.program(programs.append("log", b"w"))
    ops = programs.sleep(_NAP_MS) + programs.put("on/job", 0) + programs.append("log", b"u")
    update = stage.program(ops, fixed, wit_update=stage.blob(PUPPET, ("ct", "s")))
    pair.begin()
    job = Injection(pair.actor, (("mt", "job"),), stage.blob(b"work"))
    pair.first.put(stage.graph)
    pair.first.inject([Injection(pair.actor, (("mt", "update"),), update), job])

    def mark() -> None:
        """Mark the actor for the message behind the update, as an operator may."""
        args = {"store": pair.second.handle, "prefix": "runtime/", "after": None, "limit": 1}
        refs = ok(refs=[["runtime/agent", {"$": "any"}]], more=False)
        agent = trial.expect("grit.refs", args, refs, on=pair.second.process)["refs"][0][1]
        message = pair.first.sent[-1].message
        assert message is not None, "the injection was answered"
        data = fmt.encode(Mailbox(((bytes.fromhex(agent), message),)))
        pair.second.ask(
            "grit.put", {"store": pair.second.handle, "bytes": to_base64(data)}, ok(id=fmt.hash(data).hex())
        )
        change = Change(f"failed/{pair.actor.hex()}", None, fmt.hash(data)).to_json()
        pair.second.ask("grit.cas", {"store": pair.second.handle, "changes": [change]}, ok())
        pair.second.flush()

    pair.run_beside(mark)
    if "failed" in pair.references():
        trial.fail("no mark", "a mark", words="an update leaves a mark that its run did not see", rule=rule)
    pair.check(rule)


def held_while_collected(trial: Trial, fmt: Format) -> None:
    """An actor that is there once another head or a name holds it stays, whatever a collection saw before that."""
    rule = "runtime.collect.seen"
    pair = _Pair(trial, fmt)
    stage, creator = pair.stage, pair.actor
    children = [stage.core(b"child %d" % number) for number in range(_CHILDREN)]
    waits = stage.program(programs.leave("k"))  # declined, so that the head of the child stays
    creates = [stage.program(programs.send(0, 0, "genesis"), child) for child in children]
    frees = [stage.program(programs.release(0), child) for child in children]
    holds = [stage.program(programs.send(0, 1), child, waits) for child in children]
    pair.begin()
    kept: list[bytes] = []

    def hold() -> None:
        for number, child in enumerate(children):
            for content in (creates[number], frees[number]):
                pair.second.inject([Injection(creator, (), content)])
                pair.second.run()
            if number % 3:
                pair.second.inject([Injection(creator, (), holds[number])])
                pair.second.run()
            elif "heads" in _references(pair.second, child):
                change = Change(f"actors/c{number}", None, child).to_json()
                pair.second.ask("grit.cas", {"store": pair.second.handle, "changes": [change]}, ok())
            pair.second.flush()
            if "heads" in _references(pair.second, child):
                kept.append(child)

    with _Repeated(trial.subject, "runtime.collect", {"runtime": pair.first.runtime}):
        hold()
    for child in kept:
        if "heads" not in _references(pair.second, child):
            words = "an actor was collected that another head or a name held before"
            trial.fail("its head", child.hex(), words=words, rule=rule)
    pair.second.run()
    pair.first.sent += pair.second.sent
    pair.first.check(is_whole=False)


def pruned_before_adoption(trial: Trial, fmt: Format) -> None:
    """What a run has read and another process pruned is not adopted, also where a part of it was stored again."""
    rule = "runtime.head.closed"
    pair = _Pair(trial, fmt)
    stage, asker = pair.stage, pair.actor
    asked = stage.core(b"asked")
    writes, forgets = stage.program(programs.write("t/leaf", b"leaf")), stage.program(programs.delete("t"))
    asks = stage.program(programs.query(0, "get", 1, "got") + programs.sleep(_NAP_MS), asked, stage.blob(b"t"))
    leaf = fmt.hash(fmt.encode(Blob((), b"leaf")))
    tree = fmt.encode(Tree((("leaf", leaf),)))
    pair.begin()
    pair.first.inject([Injection(asked, GENESIS, asked), Injection(asked, (), writes)])
    pair.first.run()
    pair.first.inject([Injection(asker, (), asks)])

    def remove() -> None:
        """Make the queried actor forget the tree, prune it, and store it again without its leaf."""
        second = pair.second
        second.inject([Injection(asked, (("mt", "cleanup"),), forgets)])
        second.ask("runtime.run", {"runtime": second.runtime, "max_steps": 1}, RAN)
        second.stop("now")  # what it ran itself would be kept by the prune
        second.ask("grit.prune", {"store": second.handle, "pins": []}, ok(removed={"$": "any"}))
        second.ask("grit.put", {"store": second.handle, "bytes": to_base64(tree)}, ok(id=fmt.hash(tree).hex()))
        second.flush()

    pair.run_beside(remove)
    pair.first.sent += pair.second.sent
    pair.first.run()
    export(trial, pair.first.handle, rule=rule)
    pair.first.check(is_whole=False)


class _Repeated:
    """A request that a thread asks again and again until the context is left, which raises what went wrong."""

    def __init__(self, process: SubjectLike, op: str, args: dict[str, Json]) -> None:
        self._request = (process, op, args)
        self._over = threading.Event()
        self._fault: SubjectFault | None = None
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._thread.join()
        if self._fault is not None and error is None:
            raise self._fault

    def _repeat(self) -> None:
        try:
            process, op, args = self._request
            while not self._over.is_set():
                process.ask(op, args)
        except SubjectFault as fault:
            self._fault = fault


def _left_meanwhile(pair: _Pair, space: str, actor: bytes, injection: Injection) -> None:
    """Set a reference from another process while a run of an actor is in progress, and compare what is left of it."""
    rule = "runtime.away.expected"
    pair.begin()
    pair.first.inject([injection])
    before: dict[str, str] = {}
    left: list[bool] = []

    def leave() -> None:
        before.update(_references(pair.second, actor))
        head = bytes.fromhex(before["heads"]) if "heads" in before else None
        expected = Change(f"heads/{actor.hex()}", head, head), Change(f"{space}/{actor.hex()}", None, actor)
        args: dict[str, Json] = {"store": pair.second.handle, "changes": [change.to_json() for change in expected]}
        reply = pair.trial.observe("grit.cas", args, on=pair.second.process)
        left.append(isinstance(reply, Ok))  # else the run was over before

    pair.run_beside(leave)
    found = _references(pair.second, actor)
    if left == [True] and found != before:
        pair.trial.fail(before, found, words="an actor that is away made a step or got a mark", rule=rule)
    pair.check(rule)


def left_before_the_head(trial: Trial, fmt: Format) -> None:
    """A run gives no step if its actor is away when the run ends."""
    pair = _Pair(trial, fmt)
    slow = pair.stage.program(programs.sleep(_NAP_MS) + programs.append("log", b"z"))
    _left_meanwhile(pair, "archived", pair.actor, Injection(pair.actor, (), slow))


def left_before_the_birth(trial: Trial, fmt: Format) -> None:
    """A run gives no first step if its actor is away when the run ends."""
    pair = _Pair(trial, fmt)
    child = pair.stage.core(b"child", program=pair.stage.blob(programs.sleep(_NAP_MS)))
    _left_meanwhile(pair, "closed", child, Injection(child, GENESIS, child))


def left_before_the_mark(trial: Trial, fmt: Format) -> None:
    """A run that fails sets no mark if its actor is away when the run ends."""
    pair = _Pair(trial, fmt)
    slow = pair.stage.program(programs.sleep(_NAP_MS) + programs.fail())
    _left_meanwhile(pair, "moved", pair.actor, Injection(pair.actor, (), slow))


def collected_meanwhile(trial: Trial, fmt: Format) -> None:
    """A genesis that was begun before another runtime created and collected the actor creates nothing."""
    rule = "runtime.collect.final"
    pair = _Pair(trial, fmt)
    stage = pair.stage
    child = stage.core(b"child", program=stage.blob(programs.sleep(_NAP_MS)))
    make = stage.program(programs.send(0, 0, "genesis"), child)
    free = stage.program(programs.release(0), child)
    pair.begin()
    args: dict[str, Json] = {"runtime": pair.second.runtime, "max_steps": MOST_STEPS}
    late: list[Background] = []

    def begin_too() -> None:
        late.append(Background(pair.second.process or trial.subject, "runtime.run", args))

    pair.first.inject([Injection(pair.actor, (), make)])
    pair.run_beside(begin_too)
    pair.first.inject([Injection(pair.actor, (), free)])
    pair.first.run()
    pair.first.ask("runtime.collect", {"runtime": pair.first.runtime}, ok(removed=[child.hex()]), rule)
    pair.first.flush()
    late[0].reply()
    pair.second.run()
    pair.first.run()
    if found := _references(pair.second, child):
        trial.fail({}, found, words="an actor that is gone made a step", rule=rule)
    pair.first.check(is_whole=False)


_SHARED: Final = ("external", "durable", "shared")

PROPERTIES: Final = (
    *in_each_format(
        "runtime/shared/head-then-mark",
        marked_after_the_head_moved,
        "runtime.fail.expected",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/collected-meanwhile",
        collected_meanwhile,
        "runtime.collect.final",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=1_200,
    ),
    *in_each_format(
        "runtime/shared/mark-then-head",
        adopted_over_a_mark,
        "runtime.head.mark",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/away-then-head",
        left_before_the_head,
        "runtime.away.expected",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/away-then-birth",
        left_before_the_birth,
        "runtime.away.expected",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/away-then-mark",
        left_before_the_mark,
        "runtime.away.expected",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/head/mark-then-head",
        adopted_over_a_mark_in_one_process,
        "runtime.head.mark",
        *HISTORY_RULES,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/mark-then-update",
        update_begun_before_the_mark,
        "runtime.head.mark",
        "runtime.fail.unmark",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/collected",
        held_while_collected,
        "runtime.collect.seen",
        "runtime.collect.held",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
    *in_each_format(
        "runtime/shared/closure",
        pruned_before_adoption,
        "runtime.head.closed",
        "runtime.prune.running",
        *HISTORY_RULES,
        features=_SHARED,
        once=True,
        cost=900,
    ),
)
