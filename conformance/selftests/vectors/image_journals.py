"""Drafts of vectors of the journal, of what a savepoint that failed leaves, and of runs to rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_drafts import Drafts, Program, held, still

__all__ = ["journal_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")


def journal_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_journals, _undone, _runs):
        yield from drafts()


# --- the journal -----------------------------------------------------------------------------------------------


def _journals() -> Drafts:
    for slug, rules in (
        ("steps", "op.step op.fifo"),
        ("lines", "op.only-writer op.record"),
        ("records", "op.record"),
        ("pairs", "op.one-step"),
        ("chain", "serial.chain"),
        ("left", "op.rest"),
        ("reports", "op.report"),
    ):
        yield f"journal/{slug}", rules, partial(_journal, text=_TEXTS[slug])
    yield "journal/reads-of-a-failure", "op.record serial.read", _reads_of_failure


_TEXTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "steps": (
        ("A{x=1 join A{x+1 join A{x+1}}}", COMMITTED),
        ("A{x+1}; A{x+1}; B{x+1}; A{!}", "rejected/failed"),
        ("A{save B{join B{x+1} !} join B{x+1 join B{x+1}}}", COMMITTED),
    ),
    "lines": (("A{x=1 join B{x=1 join C{x=1 join D{x=1}}}}", COMMITTED), ("D{save A{!}}", COMMITTED)),
    "records": (("D{x=1 join B{x=1} join C{x=1} join A{x=1}}", COMMITTED), ("B{save C{~5 !} ~3}", COMMITTED)),
    "pairs": (("A{x=1}; B{x=1}", COMMITTED), ("A{!}; B{x=2}", "rejected/failed"), ("A{post B{x=3}}", COMMITTED)),
    "chain": (("A{x=1 join B{x=1 join A{x=2}}}", COMMITTED), ("A{x=3 join B{x=3}}", COMMITTED)),
    "left": (
        ("A{join A{x=1} save A{y=1} join B{join A{z=1}}}", COMMITTED),
        (
            "A{join B{x+1} join B{x+1} join B{x+1} join B{x+1} join B{x+1} join B{x+1} join B{x+1} save B{x+1}}",
            COMMITTED,
        ),
        ("A{save B{join A{!}} join C{x=1}}", COMMITTED),
    ),
    "reports": (
        ("A{save B{save C{!inner} join B{!outer}}}", COMMITTED),
        ("A{save B{!first} save B{!second} join A{!third}}", "rejected/third"),
        ("A{save B{~200000}}", "exhausted/fuel"),
    ),
}


def _journal(imaged: Imaged, text: tuple[tuple[str, str], ...]) -> None:
    """Operations on four actors, and the log of all."""
    actors = imaged.cast(*"ABCD")
    for program, ends in text:
        imaged.play(actors, program, ends)
    imaged.run()
    imaged.log()


def _reads_of_failure(imaged: Imaged) -> None:
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    imaged.order(actors["A"], stage.draft().read(actors["B"], "name", "x").fail(), "rejected/failed")
    imaged.log()


# --- what a savepoint that failed leaves --------------------------------------------------------------------------


def _undone() -> Drafts:
    for slug, build in _EFFECTS.items():
        yield f"undone/{slug}", "op.no-half op.savepoint", partial(_effect_undone, build=build)


def _effect_undone(imaged: Imaged, build: Callable[[Imaged, bytes, bytes], Program]) -> None:
    """A savepoint of A to B has one effect and fails; afterwards B can do the same."""
    stage = imaged.stage
    one, other = (held(imaged, name, *_ALL, "spawn", "read.*", to_all="job") for name in "ab")
    third = held(imaged, "c", *_ALL, to_all="job")
    unchanged = still(imaged, other, third)
    effect = build(imaged, other, third)
    failing = stage.draft().raw(effect.ops)
    failing._operands.extend(effect._operands)
    inner = failing.join(ops.ACTOR, "nothing", stage.empty()).seal()
    imaged.order(one, stage.draft().save(other, "run", inner))
    unchanged()
    imaged.list_actors()
    imaged.run()
    unchanged()
    imaged.order(other, build(imaged, other, third))
    imaged.run()


def _tool_of(imaged: Imaged, other: bytes) -> bytes:
    return imaged.stage.actor("tool", owner=other, granter=other)


_EFFECTS: Final[dict[str, Callable[[Imaged, bytes, bytes], Program]]] = {
    "write": lambda imaged, other, third: imaged.stage.draft().write("x", "1"),
    "post": lambda imaged, other, third: imaged.stage.draft().post(third, "run", imaged.stage.draft().seal()),
    "mail": lambda imaged, other, third: imaged.stage.draft().post(imaged.agent, "note", imaged.stage.empty()),
    "timer": lambda imaged, other, third: imaged.stage.draft().join(
        ops.ACTOR, "image.timer", imaged.stage.text("9 tick")
    ),
    "subscription": lambda imaged, other, third: imaged.stage.draft().join(
        third, "image.subscribe.e", imaged.stage.empty()
    ),
    "capability": lambda imaged, other, third: imaged.stage.draft().join(
        third, "image.grant", imaged.stage.text("read.*")
    ),
    "creation": lambda imaged, other, third: imaged.stage.draft().join(
        _tool_of(imaged, other), "genesis", _tool_of(imaged, other)
    ),
    "install": lambda imaged, other, third: imaged.stage.draft().join(
        ops.ACTOR, "run", imaged.stage.draft().add("n", 1).seal()
    ),
    "destruction": lambda imaged, other, third: (
        imaged.stage.draft()
        .join(_tool_of(imaged, other), "genesis", _tool_of(imaged, other))
        .join(_tool_of(imaged, other), "image.destroy", imaged.stage.empty())
    ),
}


# --- runs ---------------------------------------------------------------------------------------------------------


def _runs() -> Drafts:
    yield "run/to-rest", "runtime.run", _to_rest
    yield "run/a-few-steps", "runtime.run", _few_steps
    yield "run/post-to-itself", "post.iff runtime.run", _post_to_itself
    yield "run/nothing-runs-by-itself", "post.held", _nothing_by_itself
    yield "run/first-steps-are-posted", "runtime.inject runtime.run", _injected


def _to_rest(imaged: Imaged) -> None:
    """Posts of posts, timers of posts and what the outside sent are run until nothing is left."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    timer = stage.draft().join(ops.ACTOR, "image.timer", stage.text("0 tick")).seal()
    imaged.play(actors, "A{post B{x=1 post A{x=1 post B{!}}}}")
    imaged.inject(actors["B"], timer, "run")
    imaged.run()
    imaged.expects(actors["B"], t=1, x=1)
    imaged.expects(actors["A"], f=1, x=1)
    imaged.run()


def _few_steps(imaged: Imaged) -> None:
    """A run ends between two operations, when enough steps were made."""
    actors = imaged.cast(*"AB")
    imaged.play(actors, "A{post B{x+1 join A{x+1}} post B{x+1} post A{y=1}}")
    for most in (1, 1, 1, 1):
        imaged.run(most)
        imaged.world()


def _post_to_itself(imaged: Imaged) -> None:
    actors = imaged.cast("A")
    imaged.play(actors, "A{post A{x+1 post A{x+1}} post A{x+1}}")
    imaged.run()
    imaged.expects(actors["A"], x=3)


def _nothing_by_itself(imaged: Imaged) -> None:
    """A request, the clock and an injection run neither posts nor timers."""
    actors = imaged.cast(*"AB")
    stage = imaged.stage
    imaged.play(actors, "A{post B{x=1}}")
    imaged.order(actors["A"], stage.draft().join(ops.ACTOR, "image.timer", stage.text("0 tick")))
    imaged.world()
    imaged.play(actors, "A{y=1}")
    imaged.clock(5)
    imaged.inject(actors["A"], stage.draft().seal(), "run")
    imaged.world()
    imaged.expects(actors["B"], x=None)
    imaged.run()
    imaged.expects(actors["B"], x=1)


def _injected(imaged: Imaged) -> None:
    """Each injection is an operation without roots; an acknowledgement is one only if it moves the cursor."""
    actors = imaged.cast("A")
    stage, agent = imaged.stage, imaged.agent
    imaged.order(actors["A"], stage.draft().post(agent, "note", stage.text("1")).post(agent, "note", stage.text("2")))
    first, second = imaged.mail()
    for _, message in (first, first, second, first):
        imaged.ack(actors["A"], message)
        imaged.log()
    imaged.inject(actors["A"], stage.draft().write("x", "1").seal(), "run")
    imaged.log()
    imaged.run()
