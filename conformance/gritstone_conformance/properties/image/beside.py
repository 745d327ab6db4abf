"""Two runtimes on one image: in turns, and at the same time; their operations have one order, and none is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import from_base64
from gritstone_conformance.properties.image.imaged import Imaged, Letter, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.runtime.beside import Background
from gritstone_conformance.properties.runtime.judging import StoreFacts, check_export, export
from gritstone_conformance.properties.runtime.lockstep import start_args
from gritstone_conformance.replies import Json, Ok, Reply
from gritstone_conformance.strategies.image.ops import ACTOR, count, expect
from gritstone_conformance.trial import SubjectLike, Trial

__all__ = ["PROPERTIES"]

_CHAIN: Final = "image.serial.chain"
_READ: Final = "image.serial.read"
_BUDGET: Final = "image.serial.budget"
_CONFLICT: Final = "image.op.conflict"
_ATOMIC: Final = "image.op.atomic"
_CUT: Final = "image.world.cut"
_ONCE: Final = "image.request.once"
_ANY: Final[Json] = {"$": "any"}


def spenders(trial: Trial, fmt: Format) -> None:
    """Of n spenders exactly as many commit as the budget pays for, one after the other."""
    for budget, price in ((500, 200), (500, 500), (500, 501), (500, 1), (0, 1)):
        imaged = Imaged(trial, fmt)
        stage = imaged.stage
        code = {"buy": stage.draft().raw(count("n", b"-")).seal()}
        shop = stage.actor("shop", entry={"pay": "*"}, code={"pay": stage.draft().add("sold", 1).seal()})
        caps = (f"send.{shop.hex()}.pay",)
        actor = stage.actor("a", {"n": stage.text(str(budget))}, caps=caps, code=code)
        imaged.create(shop, actor)
        paid = stage.text(str(price))
        tries = min(budget // price + 2, 6)
        for number in range(tries):
            ends = "committed" if (number + 1) * price <= budget else "rejected/range"
            imaged.say(actor, "buy", paid, ends, rule=_BUDGET)
        both = stage.draft().raw(count("n", b"-")).join(shop, "pay", paid).seal()
        imaged.say(actor, "image.install", stage.install(buy=both))
        imaged.operate(*(letter(actor, "buy", paid) for _ in range(3)), ends="", rule=_BUDGET)
        imaged.judge(rule=_BUDGET)
        imaged.close()


class _Turns(Imaged):
    """An image with two runtimes, which are asked in turns."""

    def __init__(self, trial: Trial, fmt: Format, *, durable: bool = False) -> None:
        super().__init__(trial, fmt, durable=durable)
        self._others: list[Callable[[], None]] = []

    def second_runtime(self) -> None:
        """Start another runtime on the same handle."""
        args = start_args(self.terms, self.pair.handle, "second")
        self.ask_plainly("runtime.start", args, ok(agent=self.agent.hex()), _CHAIN)
        first = self.runtime

        def turn() -> None:
            self.runtime = "second" if self.runtime == first else first

        self._others.append(turn)

    def second_process(self) -> None:
        """Open the durable store in another process, and start a runtime there."""
        self.flush()
        here, there = self.pair, self.pair.beside("t", self.trial.spawn())
        there.expect(("runtime.start", start_args(self.terms, "t", "second"), ok(agent=self.agent.hex())))
        first = self.runtime

        def turn() -> None:
            self.flush()
            self.pair, self.runtime = (there, "second") if self.runtime == first else (here, first)

        self._others.append(turn)

    def turn(self) -> None:
        """Ask the other runtime from now on."""
        self._others[0]()


def _in_turns(turns: _Turns) -> None:
    """Make requests of two runtimes in turns whose results depend on all that the other one did."""
    actors = turns.cast("A", "B")
    one, two = actors.values()
    stage, empty = turns.stage, turns.stage.empty()
    child = stage.actor("child", owner=one, granter=one, entry={"run": "*"})
    again = stage.draft().join(child, "genesis", child)
    works: Sequence[Callable[[], object]] = (
        lambda: turns.play(actors, "A{x=1 join B{y=1}}", rule=_CHAIN),
        lambda: turns.play(actors, "A{x+1 join B{y+1}}", rule=_CHAIN),
        lambda: turns.order(one, stage.draft().join(child, "genesis", child), rule=_CHAIN),
        lambda: turns.order(one, stage.draft().join(child, "run", stage.draft().add("k", 1).seal()), rule=_CHAIN),
        lambda: turns.say(one, "image.install", stage.install(go=stage.draft().add("g", 1).seal()), rule=_CHAIN),
        lambda: turns.say(one, "go", empty, rule="image.code.next"),
        lambda: turns.clock(100, rule=_CHAIN),
        lambda: turns.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("0 tick")), rule=_CHAIN),
        lambda: turns.play(actors, "B{post A{x+1} post A{!}}", rule=_CHAIN),
        lambda: turns.run(rule=_CHAIN),
        lambda: turns.say(one, "image.revoke", stage.text("spawn"), rule=_CHAIN),
        lambda: turns.order(one, again, "rejected/capability", rule="image.cap.stored"),
        lambda: turns.order(one, stage.draft().post(turns.agent, "note", empty), rule=_CHAIN),
        lambda: turns.ack_all(rule=_CHAIN),
        lambda: turns.operate(letter(two, "run", stage.draft().add("p", 1).seal()), key="k", rule=_ONCE),
        lambda: turns.operate(letter(two, "run", stage.draft().add("p", 1).seal()), key="k", rule=_ONCE),
        lambda: turns.limit(two, fuel=2),
        lambda: turns.play(actors, "B{x=1 y=2}", "exhausted/fuel", rule="image.quota.recount"),
        lambda: turns.rollback(turns.seq - 1, rule=_CHAIN),
        lambda: turns.order(child, stage.draft().write("z", "1"), rule=_CHAIN),
        lambda: turns.order(one, stage.draft().join(child, "image.destroy", empty), rule=_CHAIN),
        lambda: turns.say(child, "run", empty, "refused rejected/gone", rule="image.gone.final"),
        lambda: turns.run(rule=_CHAIN),
        lambda: turns.list_actors(rule=_CHAIN),
    )
    for work in works:
        turns.turn()
        work()
    turns.world(rule=_CHAIN)
    turns.turn()
    turns.world(rule=_CHAIN)
    turns.log(rule=_CHAIN)
    turns.judge(rule=_CHAIN)


def one_process(trial: Trial, fmt: Format) -> None:
    """Two runtimes on one handle, asked in turns, each see what the other one did."""
    turns = _Turns(trial, fmt)
    turns.second_runtime()
    _in_turns(turns)


def two_processes(trial: Trial, fmt: Format) -> None:
    """Two processes on one durable store, asked in turns, each see what the other one did."""
    turns = _Turns(trial, fmt, durable=True)
    turns.second_process()
    _in_turns(turns)


class _Shared:
    """A durable store with an image, and two processes with a runtime each.

    Attributes:
        imaged: the image as it was before both work at the same time; its model ends there.
        sides: the processes, and the handles of their runtimes.
    """

    def __init__(self, trial: Trial, fmt: Format) -> None:
        self.trial = trial
        self.imaged = Imaged(trial, fmt, durable=True)
        self.sides: list[tuple[SubjectLike, str]] = [(trial.subject, self.imaged.runtime)]

    def begin(self) -> None:
        """Put all objects, and start the other side."""
        imaged = self.imaged
        imaged.fill()
        imaged.flush()
        other = self.trial.spawn()
        there = imaged.pair.beside("t", other)
        there.expect(("runtime.start", start_args(imaged.terms, "t", "second"), ok(agent=imaged.agent.hex())))
        self.sides.append((other, "second"))

    def at_once(self, *requests: Sequence[Letter]) -> list[dict[str, Json]]:
        """Make one request for each side at the same time, and return the outcomes; a refusal is a fault."""
        running = [
            Background(process, "image.request", {"runtime": runtime, "messages": [each.to_json() for each in letters]})
            for (process, runtime), letters in zip(self.sides, requests, strict=True)
        ]
        return [self._outcome(each.reply()) for each in running]

    def _outcome(self, reply: Reply) -> dict[str, Json]:
        if not isinstance(reply, Ok):
            words = "a request is refused because another runtime works on the image"
            self.trial.fail("ok", answer_of(reply), words=words, rule=_CONFLICT)
        return dict(reply.value)

    def judge(self, rule: str, made: int) -> None:
        """Judge the history: one order of all operations, each complete."""
        process, runtime = self.sides[1]
        args: dict[str, Json] = {"runtime": runtime, "from": 0, "limit": 4096}
        found = self.trial.expect("image.log", args, ok(records=_ANY, more=False), on=process, rule=rule)["records"]
        numbers = [parse_record(from_base64(record)).seq for record in found]
        if numbers != list(range(self.imaged.seq + 1 + made)):
            words = "not one record for each operation"
            self.trial.fail(self.imaged.seq + 1 + made, numbers[-1], words=words, rule=rule)
        data = export(self.trial, "t", process, rule=rule)
        check_export(self.trial, data, at_rest=False, known=StoreFacts(is_whole=False))


def budget_at_once(trial: Trial, fmt: Format) -> None:
    """Two processes that spend one budget at the same time spend it exactly, and neither is refused."""
    shared = _Shared(trial, fmt)
    imaged = shared.imaged
    stage = imaged.stage
    actor = stage.actor("a", {"n": stage.text("500")}, code={"buy": stage.draft().raw(count("n", b"-")).seal()})
    imaged.create(actor)
    buy = letter(actor, "buy", stage.text("70"))
    shared.begin()
    replies = [reply for _ in range(6) for reply in shared.at_once([buy], [buy])]
    committed = sum(reply["outcome"] == {"committed": {}} for reply in replies)
    if committed != 7:
        trial.fail(7, committed, words="not as many spenders as the budget pays for", rule=_BUDGET)
    if len({reply["seq"] for reply in replies}) != len(replies):
        numbers: list[Json] = sorted(reply["seq"] for reply in replies)
        trial.fail("different numbers", numbers, words="two operations have one number", rule=_CHAIN)
    shared.judge(_CHAIN, len(replies))


def skew(trial: Trial, fmt: Format) -> None:
    """Of two operations that each read what the other one writes, one sees the other, so both never commit blindly."""
    shared = _Shared(trial, fmt)
    imaged = shared.imaged
    stage = imaged.stage
    zero = {"x": stage.text("0")}
    one, two = (stage.actor(name, zero, caps=("read.*",), entry={"run": "*"}) for name in "ab")
    imaged.create(one, two)
    takes = [
        letter(own, "run", stage.draft().read(other, "x", "seen").raw(expect("seen", b"0")).write("x", "1").seal())
        for own, other in ((one, two), (two, one))
    ]
    resets = [letter(actor, "run", stage.draft().write("x", "0").seal()) for actor in (one, two)]
    shared.begin()
    for _ in range(4):
        replies = shared.at_once([takes[0]], [takes[1]])
        committed = [reply["outcome"] for reply in replies].count({"committed": {}})
        if committed != 1:
            trial.fail(1, committed, words="both operations of a write skew commit", rule=_READ)
        shared.at_once([resets[0]], [resets[1]])
    shared.judge(_READ, 16)


def seen_from_outside(trial: Trial, fmt: Format) -> None:
    """A reader next to an operation sees all of its heads or none, and a whole world in each export."""
    shared = _Shared(trial, fmt)
    imaged = shared.imaged
    actors = imaged.cast(*"ABCDE")
    stage = imaged.stage
    adds = stage.draft().add("x", 1).seal()
    letters = [letter(actor, "run", adds) for actor in actors.values()]
    shared.begin()
    reader, _ = shared.sides[1]
    writer, runtime = shared.sides[0]
    args: dict[str, Json] = {"runtime": runtime, "messages": [each.to_json() for each in letters]}
    seen: list[dict[str, str]] = []
    for _ in range(8):
        running = Background(writer, "image.request", args)
        try:
            for _ in range(3):
                seen.append(_heads(trial, reader))
                data = export(trial, "t", reader, rule=_CUT)
                check_export(trial, data, at_rest=False, known=StoreFacts(is_whole=False))
        finally:
            reply = running.reply()
        if not isinstance(reply, Ok):
            trial.fail("ok", answer_of(reply), words="a request fails next to a reader", rule=_CONFLICT)
    names = [f"heads/{actor.hex()}" for actor in (*actors.values(), imaged.agent, imaged.image.kernel)]
    for before, after in pairwise(seen):
        moved = {name for name in names if before[name] != after[name]}
        if moved not in (set(), set(names)):
            trial.fail(sorted(names), sorted(moved), words="a reader sees a part of an operation", rule=_ATOMIC)
    shared.judge(_ATOMIC, 8)


def _heads(trial: Trial, reader: SubjectLike) -> dict[str, str]:
    args: dict[str, Json] = {"store": "t", "prefix": "heads/", "after": None, "limit": 4096}
    return dict(trial.expect("grit.refs", args, ok(refs=_ANY, more=False), on=reader, rule=_ATOMIC)["refs"])


def runs_at_once(trial: Trial, fmt: Format) -> None:
    """Two runtimes that run the same posts and timers at the same time run each of them once."""
    shared = _Shared(trial, fmt)
    imaged = shared.imaged
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage = imaged.stage
    draft = stage.draft().join(ACTOR, "image.timer", stage.text("0 tick"))
    for _ in range(12):
        draft.post(two, "tick", stage.empty())
    imaged.order(one, draft)
    shared.begin()
    args: list[dict[str, Json]] = [{"runtime": runtime, "max_steps": 1_000} for _, runtime in shared.sides]
    sides = zip(shared.sides, args, strict=True)
    running = [Background(process, "runtime.run", each) for (process, _), each in sides]
    replies = [each.reply() for each in running]
    for reply in replies:
        if not isinstance(reply, Ok) or reply.value["cause"] != "rest":
            trial.fail("rest", answer_of(reply), words="a run next to another one is not at rest", rule=_CONFLICT)
    shared.judge("image.post.iff", 13)


PROPERTIES: Final = (
    *of_images("serial/spenders", spenders, _BUDGET),
    *of_images("serial/turns", one_process, _CHAIN, _ONCE),
    *of_images("serial/processes", two_processes, _CHAIN, _ONCE, features=("shared",)),
    *of_images("serial/budget", budget_at_once, _BUDGET, _CHAIN, _CONFLICT, features=("shared",), once=True),
    *of_images("serial/skew", skew, _READ, _CONFLICT, features=("shared",), once=True),
    *of_images("serial/atomic", seen_from_outside, _ATOMIC, _CUT, _CONFLICT, features=("shared",), once=True),
    *of_images("serial/runs", runs_at_once, "image.post.iff", _CONFLICT, features=("shared",), once=True),
)
