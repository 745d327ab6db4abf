"""Crossings: two things of an image that happen at once, of which each alone is judged elsewhere."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import ANY, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.image.worlds import copied, forked
from gritstone_conformance.strategies.image.ops import ACTOR, Draft, delete
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_HARD: Final = "image.quota.hard"
_RECOUNT: Final = "image.quota.recount"
_ROLLBACK: Final = "image.world.rollback"
_LASTING: Final = "image.timer.lasting"
_PINNED: Final = "image.code.pinned"
_QUIET: Final = "image.gone.quiet"
_FORK: Final = "image.world.fork"
_SAVE: Final = "image.op.savepoint"
_HALF: Final = "image.op.no-half"
_NOTICE: Final = "image.op.notice"
_RESUME: Final = "image.restart.resume"
_ONCE: Final = "image.request.once"
_DEMO: Final = "image.durable.ack"


def _use(imaged: Imaged, resource: str, one: bytes, other: bytes) -> Draft:
    """Begin a program that uses one unit of a resource."""
    stage, draft = imaged.stage, imaged.stage.draft()
    child = stage.actor("child", owner=one, granter=one)
    match resource:
        case "timers":
            return draft.join(ACTOR, "image.timer", stage.text("900 tick"))
        case "posts":
            return draft.post(other, "tick", stage.empty())
        case "subs":
            return draft.join(ACTOR, "image.subscribe.e", stage.empty())
        case _:
            return draft.join(child, "genesis", child)


def quota_in_a_savepoint(trial: Trial, fmt: Format) -> None:
    """Usage at the bound counts what is left of a savepoint: nothing if it is undone, all of it if it is not."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage = imaged.stage
    imaged.play(actors, "A{save B{!}}")
    for name in ("timers", "posts", "subs", "actors"):
        limits = {name: 1}
        imaged.limit(one, **limits)
        kept = _use(imaged, name, one, two).seal()
        lost = _use(imaged, name, one, two).fail().seal()
        imaged.order(two, stage.draft().save(one, "run", lost).save(one, "run", lost), rule=_HARD)
        imaged.order(two, stage.draft().save(one, "run", kept).save(one, "run", lost), rule=_HARD)
        imaged.world(rule=_HARD)
        if name in ("timers", "posts"):
            imaged.order(two, stage.draft().save(one, "run", kept), f"exhausted/{name}", rule=_HARD)
        imaged.run(rule=_HARD)
    for_a_time = stage.draft().write("b", "0123456789").save(two, "run", stage.draft().fail().seal()).raw(delete("b"))
    imaged.limit(one, bytes=1)
    imaged.order(one, for_a_time, rule=_RECOUNT)
    imaged.log(rule=_RECOUNT)
    imaged.judge(rule=_HARD)


def timer_during_rollback(trial: Trial, fmt: Format) -> None:
    """A timer that is due stays over a rollback, and fires after it with the code of the earlier world."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage = imaged.stage
    early = imaged.seq
    imaged.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")).write("x", "1"))
    imaged.say(one, "image.install", stage.install(tick=stage.draft().add("new", 1).seal()))
    child = stage.actor(
        "child", owner=two, caps=(), entry={"run": "*"}, code={"tick": stage.draft().add("t", 1).seal()}
    )
    imaged.create(child)
    imaged.order(child, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")))
    imaged.clock(5)
    imaged.rollback(early, rule=_ROLLBACK)
    imaged.list_actors(rule=_LASTING)
    imaged.restart(rule=_LASTING)
    imaged.run(rule=_LASTING)
    imaged.expects(one, t=1, new=None, x=None)
    imaged.rollback(early + 1, rule=_ROLLBACK)  # the timer that has fired does not come back
    imaged.list_actors(rule=_ROLLBACK)
    imaged.clock(1_000)
    imaged.run(rule=_LASTING)
    imaged.expects(one, t=None, x=1)
    imaged.judge(rule=_ROLLBACK)


def install_within(trial: Trial, fmt: Format) -> None:
    """An install in a savepoint that is undone, or next to an emission, changes no code of the operation."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage, empty = imaged.stage, imaged.stage.empty()
    old, new = stage.draft().add("old", 1).seal(), stage.draft().add("new", 1).seal()
    child = stage.actor("child", owner=one, granter=one, entry={"go": "*"}, code={"go": old, "on.e": old})
    imaged.order(one, stage.draft().join(child, "genesis", child))
    install = stage.install(go=new, **{"on.e": new})
    lost = stage.draft().join(child, "image.install", install).join(child, "go", empty).fail().seal()
    draft = (
        stage.draft().save(two, "run", stage.draft().fail().seal()).save(ACTOR, "run", lost).join(child, "go", empty)
    )
    imaged.order(one, draft, rule=_PINNED)
    imaged.expects(child, old=1, new=None)
    imaged.say(child, "image.grant", stage.text(f"send.{one.hex()}.image.subscribe.e"))
    imaged.say(child, "image.entry", stage.text("run\n*"))
    imaged.order(child, stage.draft().join(one, "image.subscribe.e", empty))
    emits = stage.draft().join(child, "image.install", install).join(ACTOR, "image.emit.e", empty)
    imaged.order(one, emits, rule=_PINNED)
    imaged.expects(child, old=2, new=None)
    imaged.order(one, stage.draft().post(child, "go", empty))
    imaged.run(rule="image.code.next")
    imaged.expects(child, old=2, new=1)
    imaged.order(one, stage.draft().join(ACTOR, "image.emit.e", empty), rule="image.code.next")
    imaged.expects(child, old=2, new=2)
    imaged.judge(rule=_PINNED)


def destroy_with_mail(trial: Trial, fmt: Format) -> None:
    """An actor with unread mail is not destroyed in a savepoint either; after its mail was read it is."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage, empty = imaged.stage, imaged.stage.empty()
    child = stage.actor("child", owner=one, granter=one, entry={"run": "*"})
    imaged.order(one, stage.draft().join(child, "genesis", child))
    imaged.order(one, stage.draft().post(child, "run", stage.draft().add("x", 1).seal()))
    (three,) = imaged.cast("C").values()
    destroy = stage.draft().join(child, "image.destroy", empty).seal()
    imaged.order(three, stage.draft().save(two, "run", destroy), rule=_QUIET)
    imaged.order(three, stage.draft().save(child, "image.destroy", empty), rule=_QUIET)
    imaged.rollback(1, "rejected/busy", rule=_QUIET)
    imaged.run(rule=_QUIET)
    imaged.expects(child, x=1)
    twice = stage.draft().save(child, "image.destroy", empty).join(two, "run", stage.draft().add("y", 1).seal())
    imaged.order(three, twice, rule=_QUIET)
    imaged.list_actors(rule=_QUIET)
    undone = stage.draft().save(two, "image.destroy", empty).join(two, "run", stage.draft().seal())
    imaged.order(three, undone, ANY, rule=_QUIET)
    imaged.world(rule=_QUIET)
    imaged.judge(rule=_QUIET)


def fork_at_a_failure(trial: Trial, fmt: Format) -> None:
    """A fork at an operation that failed goes on as the image did, with its notices and its keys."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    two, stage = actors["B"], imaged.stage
    imaged.play(actors, "A{post B{!} post B{x+1}}")
    imaged.run(1)
    bad = letter(two, "run", stage.draft().fail().seal())
    imaged.operate(bad, key="bad", ends="rejected/failed")
    at = imaged.seq
    imaged.run()
    after = imaged.world()
    fork = forked(imaged, at, "s2", _FORK)
    fork.operate(bad, key="bad", ends="rejected/failed", rule=_FORK)
    fork.run(rule=_FORK)
    assert fork.world(rule=_FORK) == after, "the fork did as the image"
    again = forked(imaged, at - 1, "s3", _FORK)
    again.operate(bad, key="bad", ends="rejected/failed", rule=_ONCE)
    again.run(rule=_FORK)
    assert again.world(rule=_FORK) == after, "the fork did as the image"
    imaged.rollback(at, rule=_ROLLBACK)
    imaged.judge(rule=_FORK)


def deep_undo(trial: Trial, fmt: Format) -> None:
    """All kinds of effects in nested savepoints are undone with their frame, and with no other one."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B", "C")
    one, two, three = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    children = [stage.actor(f"c{number}", owner=one, granter=one, entry={"run": "*"}) for number in range(4)]

    def works(number: int, *, fails: bool) -> bytes:
        child, draft = children[number], stage.draft().add(f"w{number}", 1)
        draft.join(child, "genesis", child).join(child, "run", stage.draft().add("k", 1).seal())
        draft.join(ACTOR, "image.timer", stage.text(f"{number} tick")).post(two, "tick", empty)
        draft.join(two, f"image.subscribe.e{number}", empty).join(
            three, "image.grant", stage.text(f"read.{child.hex()}")
        )
        if number < 3:
            draft.save(ACTOR, "run", works(number + 1, fails=not fails))
        return (draft.join(three, "run", stage.draft().fail().seal()) if fails else draft).seal()

    imaged.order(two, stage.draft().save(one, "run", works(0, fails=False)).write("y", "1"), ANY, rule=_HALF)
    imaged.world(rule=_HALF)
    imaged.list_actors(rule=_HALF)
    imaged.order(two, stage.draft().save(one, "run", works(0, fails=True)).write("y", "2"), ANY, rule=_HALF)
    imaged.list_actors(rule=_HALF)
    imaged.clock(10)
    imaged.run(rule=_HALF)
    imaged.log(rule=_SAVE)
    imaged.judge(rule=_HALF)


def notices_of_the_gone(trial: Trial, fmt: Format) -> None:
    """A notice goes to a sender that is there; an actor with a post that may fail cannot be destroyed before."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    imaged.play(actors, "A{post B{!}}")
    imaged.order(two, stage.draft().join(one, "image.destroy", empty), "rejected/busy", rule=_NOTICE)
    imaged.run(1, rule=_NOTICE)
    imaged.say(one, "image.destroy", empty, "rejected/busy", rule=_NOTICE)  # the notice is unread
    imaged.run(rule=_NOTICE)
    imaged.say(one, "image.destroy", empty, rule=_NOTICE)
    imaged.judge(rule=_NOTICE)


def many_rights(trial: Trial, fmt: Format) -> None:
    """An export, an import and a restart in the middle of a life with every kind of entry change nothing."""
    imaged = Imaged(trial, fmt)
    actors = imaged.cast("A", "B")
    one, two = actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    imaged.say(one, "image.entry", stage.text(f"pay\n{two.hex()}"))
    imaged.order(two, stage.draft().join(one, "image.subscribe.spent", empty))
    imaged.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")).post(two, "tick", empty))
    imaged.limit(two, posts=3, timers=1)
    imaged.inject(two, stage.draft().add("x", 1).seal(), "run")
    copy = copied(imaged, "s2", _RESUME)
    for each in (imaged, copy):
        each.restart(rule=_RESUME)
        each.run(2, rule=_RESUME)
        each.restart(rule=_RESUME)
        each.clock(5, rule=_RESUME)
        each.run(rule=_RESUME)
        each.list_actors(rule=_RESUME)
    assert copy.world(rule=_RESUME) == imaged.world(rule=_RESUME), "both did the same"
    copy.judge(rule=_RESUME)


def workspace(trial: Trial, fmt: Format) -> None:
    """A principal makes a tool, a timer and a subscription; a stranger tries all axes; after a kill all is there."""
    imaged = Imaged(trial, fmt, durable=True)
    stage, empty = imaged.stage, imaged.stage.empty()
    (owner,) = imaged.cast("P").values()
    stranger = stage.actor("stranger", caps=("send.*.ask", "send.*.image.install"), entry={"run": "*"})
    imaged.create(stranger)
    tool = stage.actor(
        "tool", owner=owner, granter=owner, entry={"ask": (owner,)}, code={"ask": stage.draft().add("n", 1).seal()}
    )
    made = stage.draft().join(tool, "genesis", tool).join(tool, "ask", empty)
    imaged.order(owner, made.join(ACTOR, "image.timer", stage.text("5 tick")), rule=_DEMO)
    imaged.say(owner, "image.subscribe.spent", empty, rule=_DEMO)
    attacks = (
        (stage.draft().raw(b"\x51"), "malformed/program"),
        (stage.draft().write("image/owner", owner.hex()), "rejected/location"),
        (stage.draft().join(tool, "image.install", stage.install(ask=stage.draft().seal())), "rejected/location"),
        (stage.draft().join(tool, "ask", empty), "rejected/entry"),
        (stage.draft().join(tool, "run", stage.draft().seal()), "rejected/capability"),
        (stage.draft().write("x", "1").fail(), "rejected/failed"),
    )
    for draft, ends in attacks:
        imaged.order(stranger, draft, ends, rule=_DEMO)
    before = imaged.world(rule=_DEMO)
    imaged.flush()
    trial.subject.kill()
    imaged.revive(rule=_DEMO)
    assert imaged.world(rule=_DEMO) == before, "the root is the same"
    imaged.order(owner, stage.draft().join(tool, "ask", empty), rule=_DEMO)
    imaged.expects(tool, n=2)
    imaged.clock(5)
    imaged.run(rule=_RESUME)
    imaged.judge(rule=_DEMO)


def destroyed_owner_of_the_new(trial: Trial, fmt: Format) -> None:
    """A principal is not destroyed in the operation in which an actor of it was created, unless that one was before."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage, empty = imaged.stage, imaged.stage.empty()
    child = stage.actor("child", owner=one)
    birth, owner = letter(child, "genesis", child), letter(one, "image.destroy", empty)
    imaged.operate(birth, owner, ends="rejected/busy", rule=_QUIET)
    made = stage.actor("made", owner=one, granter=one)
    imaged.operate(letter(one, "run", stage.draft().join(made, "genesis", made).seal()), rule=_QUIET)
    imaged.operate(letter(made, "image.destroy", empty), birth, owner, ends="rejected/busy", rule=_QUIET)
    ends = (letter(made, "image.destroy", empty), letter(child, "image.destroy", empty))
    imaged.operate(birth, letter(two, "image.destroy", empty), *ends, owner, rule=_QUIET)
    imaged.list_actors(rule=_QUIET)
    imaged.judge(rule=_QUIET)


PROPERTIES: Final = (
    *of_images("crossing/quota-in-a-savepoint", quota_in_a_savepoint, _HARD, _RECOUNT),
    *of_images("crossing/timer-during-rollback", timer_during_rollback, _ROLLBACK, _LASTING),
    *of_images("crossing/install-within", install_within, _PINNED, "image.code.next"),
    *of_images("crossing/destroy-with-mail", destroy_with_mail, _QUIET),
    *of_images("crossing/destroyed-owner-of-the-new", destroyed_owner_of_the_new, _QUIET),
    *of_images("crossing/fork-at-a-failure", fork_at_a_failure, _FORK, _ROLLBACK, _ONCE),
    *of_images("crossing/deep-undo", deep_undo, _HALF, _SAVE),
    *of_images("crossing/notices-of-the-gone", notices_of_the_gone, _NOTICE),
    *of_images("crossing/many-rights", many_rights, _RESUME),
    *of_images(
        "crossing/workspace", workspace, _DEMO, _RESUME, features=("durable",), once=True, kind="crash", cost=100
    ),
)
