"""Operations: the default is to undo everything, a savepoint limits what is undone, and the sender gets a notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import ACTOR, Draft
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_DEFAULT: Final = "image.op.default"
_TOTAL: Final = "image.op.total"
_STEP: Final = "image.op.failure-step"
_SAVE: Final = "image.op.savepoint"
_HALF: Final = "image.op.no-half"
_NOTICE: Final = "image.op.notice"
_ROOTS: Final = "image.op.roots"
_INDEPENDENT: Final = "image.op.independent"
_EXPECT: Final = "image.op.expect"
_LIMITS: Final = "image.op.limits"
_REPORT: Final = "image.op.report"
_RECORD: Final = "image.op.record"
_ONE: Final = "image.op.one-step"

_FAILED: Final = "rejected/failed"
_Values = Mapping[str, dict[str, int | None]]

_TABLE: Final[tuple[tuple[str, str, _Values], ...]] = (
    ("A{x=1 join B{y=1}}", COMMITTED, {"A": {"x": 1}, "B": {"y": 1}}),
    ("A{x=1 !}", _FAILED, {"A": {"x": None}}),
    ("A{x=1 join B{y=1 !}}", _FAILED, {"A": {"x": None}, "B": {"y": None}}),
    ("A{save B{y=1} join C{!}}", _FAILED, {"B": {"y": None}}),
    ("A{x=30 save B{y=31 !} join C{z=33}}", COMMITTED, {"A": {"x": 30, "f": 1}, "B": {"y": None}, "C": {"z": 33}}),
    ("A{x=1 save B{y=1 join C{z=1 !}}}", COMMITTED, {"A": {"x": 1, "f": 1}, "B": {"y": None}, "C": {"z": None}}),
    (
        "A{x=1 save B{y=1 save C{z=1} join D{!}}}",
        COMMITTED,
        {"A": {"x": 1, "f": 1}, "B": {"y": None, "f": None}, "C": {"z": None}},
    ),
    ("A{save B{y=1 save C{z=1 !}}}", COMMITTED, {"A": {"f": None}, "B": {"y": 1, "f": 1}, "C": {"z": None}}),
    ("A{x=50 save A{x=51 !}}", COMMITTED, {"A": {"x": 50, "f": 1}}),
    ("A{x=1 save B{join A{x=9} join B{!}}}", COMMITTED, {"A": {"x": 1, "f": 1}, "B": {"f": None}}),
    ("A{save B{post C{z=1} !} post D{w=1}}", COMMITTED, {"A": {"f": 1}, "C": {"z": None}, "D": {"w": 1}}),
)
"""The table of the chapter of examples: a request, how it ends, and what is there at rest."""


def table(trial: Trial, fmt: Format) -> None:
    """Savepoints undo their own cascade, and nothing else; at rest the actors are as the table of examples says."""
    for text, ends, values in _TABLE:
        imaged = Imaged(trial, fmt)
        actors = imaged.cast("A", "B", "C", "D")
        imaged.play(actors, text, ends, rule=_SAVE)
        imaged.world(rule=_SAVE)
        imaged.run(rule=_SAVE)
        imaged.world(rule=_SAVE)
        for name, wanted in values.items():
            imaged.expects(actors[name], **wanted)
        imaged.log(rule=_REPORT)
        imaged.judge(rule=_SAVE)
        imaged.close()


def every_op(trial: Trial, fmt: Format) -> None:
    """A fault behind each op of a program undoes the operation, without any request by the actors."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage = imaged.stage
    text, nothing = stage.text("50 tick"), stage.empty()
    ops: list[Callable[[Draft], object]] = [
        lambda draft: draft.write("x", "1"),
        lambda draft: draft.add("n", 5),
        lambda draft: draft.put("d/e", text),
        lambda draft: draft.read(two, "name", "seen"),
        lambda draft: draft.join(two, "run", stage.draft().add("y", 1).seal()),
        lambda draft: draft.join(one, "image.timer", text),
        lambda draft: draft.join(one, "image.emit.spent", nothing),
        lambda draft: draft.join(two, "image.subscribe.sold", nothing),
        lambda draft: draft.post(imaged.agent, "note", nothing),
        lambda draft: draft.post(two, "tick", nothing),
    ]
    for fault in (_fails, _fails_with_code, _writes_a_right, _sends_without_receiver):
        for count in range(len(ops) + 1):
            draft = stage.draft()
            for op in ops[:count]:
                op(draft)
            imaged.order(one, fault(imaged, draft), ANY, rule=_DEFAULT)
    imaged.world(rule=_DEFAULT)
    imaged.expects(one, x=None, n=None)
    imaged.run(rule=_DEFAULT)
    imaged.mail(rule=_DEFAULT)
    imaged.judge(rule=_DEFAULT)


def _fails(imaged: Imaged, draft: Draft) -> Draft:
    return draft.fail()


def _fails_with_code(imaged: Imaged, draft: Draft) -> Draft:
    return draft.fail("no-stock")


def _writes_a_right(imaged: Imaged, draft: Draft) -> Draft:
    return draft.write("image/owner", "self")


def _sends_without_receiver(imaged: Imaged, draft: Draft) -> Draft:
    return draft.join(imaged.stage.text("a blob"), "run", imaged.stage.empty())


def total(trial: Trial, fmt: Format) -> None:
    """A failed operation leaves no actor, right, program, timer, subscription, post or destruction."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    one, two, three = actors.values()
    stage, agent = imaged.stage, imaged.agent
    child = stage.actor("child", owner=one, granter=one)
    orphan = stage.actor("orphan", owner=one, granter=one, caps=("spawn",))
    imaged.order(one, stage.draft().join(child, "genesis", child))
    nothing, before = stage.empty(), imaged.list_actors()
    works = (
        stage.draft()
        .join(orphan, "genesis", orphan)
        .join(two, "image.grant", stage.text(f"send.{agent.hex()}.note"))
        .join(one, "image.entry", stage.text("job\n*"))
        .join(child, "image.install", stage.install(job=stage.draft().add("x", 1).seal()))
        .join(two, "image.subscribe.sold", nothing)
        .join(one, "image.timer", stage.text("5 tick"))
        .join(child, "image.destroy", nothing)
        .post(three, "tick", nothing)
        .post(agent, "note", nothing)
        .write("x", "1")
    )
    whole = works.seal()
    imaged.operate(
        letter(one, "run", whole), letter(three, "run", stage.draft().fail().seal()), ends=_FAILED, rule=_TOTAL
    )
    assert imaged.list_actors(rule=_TOTAL) == before, "the model undoes everything"
    imaged.mail(rule=_TOTAL)
    imaged.world(rule=_TOTAL)
    imaged.run(rule=_TOTAL)
    imaged.world(rule=_TOTAL)
    saved = stage.draft().save(
        one, "run", stage.draft().join(one, "run", whole).join(three, "run", _failing(imaged)).seal()
    )
    imaged.order(two, saved, rule=_HALF)
    imaged.list_actors(rule=_HALF)
    imaged.mail(rule=_HALF)
    imaged.expects(two, f=1)
    imaged.say(one, "run", whole, rule=_TOTAL)
    imaged.list_actors(rule=_TOTAL)
    imaged.judge(rule=_TOTAL)


def _failing(imaged: Imaged) -> bytes:
    return imaged.stage.draft().fail().seal()


def failure_steps(trial: Trial, fmt: Format) -> None:
    """Each root of a failed operation is read by one failure step, in order; a genesis that fails is not sent."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{x=1};B{y=1};A{x=2 !}", _FAILED, rule=_STEP)
    imaged.world(rule=_STEP)
    core = imaged.stage.actor("late")
    bad = letter(actors["B"], "run", _failing(imaged))
    for ends, roots in (
        (_FAILED, (letter(core, "genesis", core), bad)),
        (_FAILED, (letter(core, "genesis", core), letter(core, "image.grant", imaged.stage.text("spawn")), bad)),
        ("missing/handler", (letter(core, "genesis", core), letter(core, "job", imaged.stage.empty()))),
    ):
        imaged.operate(*roots, ends=ends, rule=_STEP)
        imaged.world(rule=_STEP)
    imaged.create(core, rule=_STEP)
    imaged.world(rule=_STEP)
    imaged.play(actors, "A{x=3}", rule=_STEP)
    imaged.log(rule=_REPORT)
    imaged.judge(rule=_STEP)


def notices(trial: Trial, fmt: Format) -> None:
    """The sender of a savepoint or a post that failed gets one notice; R gets none, and a notice is about no notice."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    actors = imaged.cast("A", "B", "C")
    one, two, three = actors.values()
    imaged.play(actors, "A{save B{!broke} post B{!later} post A{!self}}", rule=_NOTICE)
    imaged.world(rule=_NOTICE)
    imaged.run(rule=_NOTICE)
    imaged.expects(one, f=3)
    reads = stage.draft().put("said", 0xF2).add("g", 1).seal()
    imaged.say(two, "image.install", stage.install(failed=reads))
    imaged.play(actors, "B{save C{!} save B{!} post C{!limit}}", rule=_NOTICE)
    imaged.run(rule=_NOTICE)
    imaged.expects(two, g=3)
    deaf = stage.install(failed=_failing(imaged))
    imaged.say(three, "image.install", deaf)
    imaged.play(actors, "C{z=1 save A{!}}", _FAILED, rule=_NOTICE)  # the notice is a join whose handler fails
    imaged.play(actors, "C{z=1 post A{!}}", rule=_NOTICE)
    imaged.run(rule=_NOTICE)
    imaged.expects(three, z=1, f=None)
    mute = stage.actor("mute", caps=("send.*.*",))
    imaged.create(mute)
    draft = stage.draft().save(one, "run", _failing(imaged)).post(one, "run", _failing(imaged))
    imaged.say(mute, "image.install", stage.install(go=draft.seal()))
    imaged.say(mute, "go", stage.empty(), rule=_NOTICE)  # without a handler a notice is only read
    imaged.run(rule=_NOTICE)
    imaged.mail(rule=_NOTICE)
    imaged.judge(rule=_NOTICE)


def notice_as_post(trial: Trial, fmt: Format) -> None:
    """A notice that would be out of order as a join is a post, and is read in an operation of its own."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "B{post A{x=1}}")
    imaged.play(actors, "A{y=1 save B{!}}", rule=_NOTICE)
    imaged.expects(actors["A"], y=1, x=None, f=None)
    imaged.world(rule=_NOTICE)
    imaged.run(rule=_NOTICE)
    imaged.expects(actors["A"], y=1, x=1, f=1)
    imaged.play(actors, "A{save B{save A{save B{!}} join B{!}}}", ANY, rule=_NOTICE)
    imaged.run(rule=_NOTICE)
    imaged.judge(rule=_NOTICE)


def five_roots(trial: Trial, fmt: Format) -> None:
    """Five roots are read in their order, all or none; a fault in any of them undoes the four others."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast(*"ABCDE")
    names = [*actors]
    for bad in names:
        text = ";".join(f"{name}{{x+1 {'!' if name == bad else ''}}}" for name in names)
        imaged.play(actors, text, _FAILED, rule=_ROOTS)
        imaged.world(rule=_ROOTS)
        for actor in actors.values():
            imaged.expects(actor, x=None)
    imaged.play(actors, ";".join(f"{name}{{x+1}}" for name in names), rule=_ROOTS)
    for actor in actors.values():
        imaged.expects(actor, x=1)
    imaged.play(actors, "A{x=5};A{x+1};B{x=7};A{x+1}", rule=_ROOTS)
    imaged.expects(actors["A"], x=7)
    imaged.play(actors, "A{x+1 join B{x+1}};B{x+1 join A{!}};C{x+1}", _FAILED, rule=_ROOTS)
    imaged.expects(actors["C"], x=1)
    imaged.log(rule=_RECORD)
    imaged.judge(rule=_ROOTS)


def most_roots(trial: Trial, fmt: Format) -> None:
    """A request of 32 messages is one operation, with one step of R and one of K."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, ";".join(("A{x+1}", "B{x+1}") * 16), rule=_ONE)
    imaged.expects(actors["A"], x=16)
    imaged.world(rule=_ONE)
    imaged.log(rule=_ONE)
    imaged.judge(rule=_ONE)


def independent(trial: Trial, fmt: Format) -> None:
    """Posts and timers that fail do not keep the others from running."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    imaged.say(actors["C"], "image.install", imaged.stage.install(tick=_failing(imaged)))
    timer, now = imaged.stage.text("0 tick"), imaged.stage.draft()
    imaged.order(actors["C"], now.join(0xF0, "image.timer", timer), rule=_INDEPENDENT)
    imaged.order(actors["A"], imaged.stage.draft().join(0xF0, "image.timer", timer), rule=_INDEPENDENT)
    imaged.play(actors, "A{post B{!} post B{x+1} post C{!} post C{x+1} post B{x+1 join C{!}} post B{x+1}}")
    imaged.run(rule=_INDEPENDENT)
    imaged.expects(actors["A"], t=1, f=3)
    imaged.expects(actors["B"], x=2)
    imaged.expects(actors["C"], x=1, t=None)
    imaged.play(actors, "B{x+1}", rule=_INDEPENDENT)
    imaged.judge(rule=_INDEPENDENT)


def stale(trial: Trial, fmt: Format) -> None:
    """A message that expects another core fails, so of two updates that expect the same core one is made."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage = imaged.stage
    adds = stage.draft().add("x", 1).seal()
    core = imaged.core(one)
    first = letter(one, "run", adds, expect=core.hex())
    imaged.operate(first, rule=_EXPECT)
    imaged.operate(first, ends="rejected/stale", rule=_EXPECT)
    for text in (core.hex()[:-1], imaged.core(one).hex().upper(), "", "self"):
        imaged.operate(letter(one, "run", adds, expect=text), ends="rejected/stale", rule=_EXPECT)
    now = imaged.core(one).hex()
    imaged.operate(letter(one, "run", adds), letter(one, "run", adds, expect=now), ends="rejected/stale", rule=_EXPECT)
    imaged.operate(letter(two, "run", adds), letter(one, "run", adds, expect=now), rule=_EXPECT)
    imaged.expects(one, x=2)
    stale_grant = letter(one, "image.grant", stage.text("spawn"), expect=now)
    imaged.operate(stale_grant, ends="rejected/stale", rule=_EXPECT)
    born = stage.actor("born")
    imaged.operate(letter(born, "genesis", born, expect=born.hex()), ends="rejected/stale", rule=_EXPECT)
    imaged.inject(one, adds, (("expect", imaged.core(one).hex()), ("mt", "run")), rule=_EXPECT)
    imaged.inject(one, adds, (("expect", imaged.core(one).hex()), ("mt", "run")), rule=_EXPECT)
    imaged.run(rule=_EXPECT)
    imaged.expects(one, x=3)
    imaged.judge(rule=_EXPECT)


def most_messages(trial: Trial, fmt: Format) -> None:
    """An operation takes 1,000 messages; one that would take another one fails, also within a savepoint."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B", fuel=1_000_000).values()
    stage = imaged.stage
    leaf, level = stage.draft().add("x", 1).seal(), stage.draft()
    for _ in range(99):
        level.join(one, "run", leaf)
    hundred = level.seal()  # 100 messages
    nine = stage.draft()
    for _ in range(9):
        nine.join(two, "run", hundred)
    rest = stage.draft()
    for _ in range(98):
        rest.join(two, "run", leaf)
    exact = nine.join(two, "run", rest.seal()).seal()  # 1 + 9 * 100 + 99
    imaged.say(one, "run", exact, rule=_LIMITS)
    over = letter(two, "run", leaf)
    imaged.operate(letter(one, "run", exact), over, ends="exhausted/steps", rule=_LIMITS)
    saved = stage.draft().save(one, "run", exact).add("y", 1)
    imaged.order(two, saved, "exhausted/steps", rule=_LIMITS)
    endless = stage.draft().join(0xF0, "run", 0xF2).seal()
    imaged.say(one, "run", endless, "exhausted/steps", rule=_LIMITS)
    again = stage.draft().save(0xF0, "run", endless)
    imaged.order(one, again, "exhausted/steps", rule=_LIMITS)
    imaged.expects(two, y=None)
    imaged.log(5, rule=_LIMITS)
    imaged.judge(rule=_LIMITS)


def deepest(trial: Trial, fmt: Format) -> None:
    """Savepoints can be 16 deep; one that would be deeper fails the operation, and not the frame around it."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    for depth, ends in ((16, COMMITTED), (17, "exhausted/depth"), (40, "exhausted/depth")):
        text = "A{x+1}"
        for name, _ in pairwise([*("BA" * depth)][: depth + 1]):
            text = f"{name}{{x+1 save {text}}}"
        imaged.play(actors, text, ends, rule=_LIMITS)
        imaged.world(rule=_LIMITS)
    imaged.play(actors, "A{" + "save B{x+1} " * 20 + "}", rule=_LIMITS)
    imaged.judge(rule=_LIMITS)


def most_heads(trial: Trial, fmt: Format) -> None:
    """A record has 1,000 lines of heads, reads and destroyed actors; an operation with another one fails."""
    imaged = Imaged(trial, fmt)
    (one,) = imaged.cast("A", fuel=1_000_000, actors=5_000, bytes=10_000_000).values()
    stage = imaged.stage
    cores = [stage.actor(f"{number}", owner=one, granter=one) for number in range(1000)]
    for begin, ends in ((cores[:200], COMMITTED), (cores[200:400], COMMITTED), (cores[400:], COMMITTED)):
        for at in range(0, len(begin), 100):
            draft = stage.draft()
            for core in begin[at : at + 100]:
                draft.join(core, "genesis", core)
            imaged.order(one, draft, ends)
    reads = [stage.draft() for _ in range(10)]
    for number, core in enumerate(cores):
        reads[number // 100].read(core, "name", "seen")
    programs = [draft.seal() for draft in reads]
    parts = [letter(one, "run", program) for program in programs]
    short = stage.draft()
    for core in cores[900:999]:
        short.read(core, "name", "seen")
    imaged.operate(*parts[:9], letter(one, "run", short.seal()), rule=_LIMITS)
    imaged.operate(*parts, ends="exhausted/heads", rule=_LIMITS)
    imaged.limit(one, fuel=1_000_000, actors=5_000, bytes=10_000_000, timers=0)
    timer = stage.draft().join(ACTOR, "image.timer", stage.text("5 tick"))
    imaged.order(one, timer, "exhausted/timers", rule=_LIMITS)
    last = letter(one, "run", timer.read(cores[999], "name", "seen").seal())
    imaged.operate(*parts[:9], letter(one, "run", short.seal()), last, ends="exhausted/heads", rule=_LIMITS)
    imaged.world(limit=1, rule=_LIMITS)
    imaged.log(imaged.seq - 1, rule=_LIMITS)
    imaged.flush()


PROPERTIES: Final = (
    *of_images("savepoint/table", table, _SAVE, _REPORT, _HALF),
    *of_images("savepoint/notices", notices, _NOTICE),
    *of_images("savepoint/notice-as-post", notice_as_post, _NOTICE),
    *of_images("operation/every-op", every_op, _DEFAULT),
    *of_images("operation/total", total, _TOTAL, _HALF),
    *of_images("operation/failure-steps", failure_steps, _STEP, _REPORT),
    *of_images("operation/five-roots", five_roots, _ROOTS, _RECORD),
    *of_images("operation/most-roots", most_roots, _ONE),
    *of_images("operation/independent", independent, _INDEPENDENT),
    *of_images("operation/stale", stale, _EXPECT),
    *of_images("limit/messages", most_messages, _LIMITS, once=True, cost=150),
    *of_images("limit/depth", deepest, _LIMITS),
    *of_images("limit/heads", most_heads, _LIMITS, once=True, cost=400),
)
