"""Order: messages are taken first in, first out; a join does not overtake a post; each channel is a queue."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import Draft, append, delete
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_FIFO: Final = "image.op.fifo"
_ORDER: Final = "image.op.order"
_QUEUED: Final = "image.message.queued"
_STEP: Final = "image.op.step"
_REST: Final = "image.op.rest"
_ONLY: Final = "image.op.only-writer"

_LATE: Final = "rejected/order"


def first_in_first_out(trial: Trial, fmt: Format) -> None:
    """Messages are read in the order in which they were sent, over all actors; a savepoint is read to its end."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    stage = imaged.stage
    code = {each: stage.draft().raw(append("order", each.encode())).seal() for each in "abcdef"}
    log = stage.actor("log", entry=dict.fromkeys((*code, "run"), "*"), code=code)
    imaged.create(log)

    def noted(letters: str) -> bytes:
        draft = stage.draft()
        for each in letters:
            draft.join(log, each, stage.empty())
        return draft.seal()

    def logged(wanted: bytes) -> None:
        found = imaged.at(log, "order")
        assert found == wanted, f"the order of the model is {found!r}, the script expects {wanted!r}"
        imaged.order(log, stage.draft().raw(delete("order")), rule=_FIFO)

    def note(draft: Draft, each: str) -> Draft:
        return draft.join(log, each, stage.empty())

    inner = note(stage.draft(), "c").join(actors["C"], "run", noted("d")).seal()
    outer = note(stage.draft().join(actors["B"], "run", inner), "a").join(actors["C"], "run", noted("b"))
    imaged.order(actors["A"], outer, rule=_FIFO)
    logged(b"acbd")
    saved = note(stage.draft().save(actors["B"], "run", inner), "a").join(actors["C"], "run", noted("b"))
    imaged.order(actors["A"], saved, rule=_FIFO)
    logged(b"cdab")
    two = stage.draft().join(actors["B"], "run", noted("ab")).save(actors["C"], "run", noted("cd"))
    imaged.order(actors["A"], note(two, "e"), rule=_FIFO)
    logged(b"cdeab")
    three = (letter(actors[name], "run", noted(each)) for name, each in (("A", "ab"), ("B", "cd"), ("A", "ef")))
    imaged.operate(*three, rule=_FIFO)
    logged(b"abcdef")
    imaged.log(rule=_STEP)
    imaged.judge(rule=_FIFO)


def overtaking(trial: Trial, fmt: Format) -> None:
    """A join or a savepoint on a channel with an unread post, or with mail of an enclosing frame, is refused."""
    cases = (
        ("A{post B{y=1} join B{y=2}}", _LATE),
        ("A{post B{y=1} save B{y=2}}", _LATE),
        ("A{join B{y=1} post B{y=2}}", COMMITTED),
        ("A{save B{y=1} post B{y=2}}", COMMITTED),
        ("A{join B{y=1} save B{y=2} join B{y=3}}", COMMITTED),
        ("A{join A{x=1} join A{x=2}}", COMMITTED),
        ("A{post A{x=1} join A{x=2}}", _LATE),
        ("A{join A{join A{x=1}}}", COMMITTED),
        ("A{save A{join A{x=1}}}", COMMITTED),
        ("A{save B{join A{join C{z=1}}} join C{z=2}}", COMMITTED),
        ("A{save B{join A{post C{z=1}}} join C{z=2}}", COMMITTED),
        ("A{save B{save A{join B{y=1}}} join B{y=2}}", COMMITTED),
        ("A{post C{z=1} save B{join A{x=1}}}", COMMITTED),
        ("A{join B{join C{z=1} post A{x=1}} join C{z=2}}", COMMITTED),
    )
    for text, ends in cases:
        imaged = Imaged(trial, fmt)
        actors = imaged.cast("A", "B", "C")
        imaged.play(actors, text, ends, rule=_ORDER)
        imaged.world(rule=_ORDER)
        imaged.run(rule=_ORDER)
        imaged.judge(rule=_ORDER)
        imaged.close()


def waiting_posts(trial: Trial, fmt: Format) -> None:
    """A post of an earlier operation keeps joins off its channel until it was read; other channels are free."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    imaged.play(actors, "A{post B{y+1} post C{z+1}}")
    for text, ends in (
        ("A{join B{y+1}}", _LATE),
        ("A{save B{y+1}}", _LATE),
        ("A{post B{y+1}}", COMMITTED),
        ("B{join A{x+1}}", COMMITTED),
        ("C{join B{y+1}}", COMMITTED),
        ("B{save A{join C{z+1}}}", COMMITTED),
        ("A{join A{x+1} save A{x+1}}", COMMITTED),
    ):
        imaged.play(actors, text, ends, rule=_ORDER)
    imaged.world(rule=_ORDER)
    imaged.run(1, rule=_ORDER)
    imaged.play(actors, "A{join B{y+1}}", _LATE, rule=_ORDER)
    imaged.run(rule=_ORDER)
    imaged.play(actors, "A{join B{y+1} join C{z+1}}", rule=_ORDER)
    imaged.judge(rule=_ORDER)


def channels(trial: Trial, fmt: Format) -> None:
    """Each message of an actor stands behind the last one that it sent to the receiver, in whatever mode."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    imaged.play(actors, "A{join B{y+1} save B{y+1} join B{!}}", "rejected/failed", rule=_QUEUED)
    imaged.play(actors, "A{join B{y+1} save B{y+1 !} join B{y+1} post B{y+1}}", rule=_QUEUED)
    imaged.world(rule=_QUEUED)
    imaged.play(actors, "A{x+1};A{x+1}", rule=_QUEUED)
    imaged.inject(actors["A"], imaged.stage.draft().add("x", 1).seal(), "run", rule=_QUEUED)
    imaged.inject(actors["A"], imaged.stage.draft().add("x", 1).seal(), "run", rule=_QUEUED)
    imaged.play(actors, "A{x+1}", "refused rejected/order", rule=_QUEUED)
    imaged.run(rule=_QUEUED)
    imaged.play(actors, "A{x+1}", rule=_QUEUED)
    imaged.judge(rule=_QUEUED)


def nothing_left(trial: Trial, fmt: Format) -> None:
    """When an operation is durable, none of its joins and savepoints is unread, and its posts are."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    imaged.play(actors, "A{join B{join C{join A{x+1}} save C{z+1}} save B{y+1} post C{z+1}}", rule=_REST)
    imaged.world(rule=_REST)
    imaged.list_actors(rule=_REST)
    imaged.log(rule=_ONLY)
    imaged.refs(rule=_ONLY)
    imaged.run(rule=_REST)
    imaged.play(actors, "C{join A{join B{join C{join A{x+1}}}}}", rule=_STEP)
    imaged.judge(rule=_REST)


PROPERTIES: Final = (
    *of_images("order/fifo", first_in_first_out, _FIFO, _STEP),
    *of_images("order/overtaking", overtaking, _ORDER),
    *of_images("order/waiting-posts", waiting_posts, _ORDER),
    *of_images("order/channels", channels, _QUEUED),
    *of_images("order/nothing-left", nothing_left, _REST, _ONLY, _STEP),
)
