"""The clock, timers and posts: when each runs, in which order, and that each runs once."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.properties.image.imaged import ANY, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.image.ops import ACTOR, Draft, append
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "Watch"]

_CLOCK: Final = "image.clock.forward"
_DUE: Final = "image.timer.due"
_ONCE: Final = "image.timer.once"
_ORDER: Final = "image.timer.order"
_TURN: Final = "image.post.turn"
_LASTING: Final = "image.timer.lasting"
_CANCEL: Final = "image.timer.cancel"
_IFF: Final = "image.post.iff"
_HELD: Final = "image.post.held"
_POSTS: Final = "image.post.order"
_RUN: Final = "image.runtime.run"

_TOP: Final = (1 << 63) - 1


class Watch(Imaged):
    """An image with actors that keep the letters of their timers and posts in the order in which they ran.

    Attributes:
        log: an actor with a handler for each letter, which the others may send.
        actors: two principals with handlers that join the log; ascending by id.
    """

    def __init__(self, trial: Trial, fmt: Format, *, durable: bool = False) -> None:
        super().__init__(trial, fmt, durable=durable)
        stage, letters = self.stage, "abcdefgh"
        code = {each: stage.draft().raw(append("order", each.encode())).seal() for each in letters}
        self.log_actor = stage.actor("log", entry=dict.fromkeys(letters, "*"), code=code)
        handlers = {each: stage.draft().join(self.log_actor, each, stage.empty()).seal() for each in letters}
        handlers["bad"], handlers["failed"] = stage.draft().fail().seal(), stage.draft().add("f", 1).seal()
        caps, entry = ("send.*.*", "read.*", "spawn"), dict.fromkeys((*letters, "run", "bad"), "*")
        self.actors = sorted(stage.actor(f"w{each}", caps=caps, entry=entry, code=handlers) for each in range(3))
        self.create(self.log_actor, *self.actors)

    def timer(self, draft: Draft, delay: int, mt: str) -> Draft:
        """Append a timer to a program."""
        return draft.join(ACTOR, "image.timer", self.stage.text(f"{delay} {mt}"))

    def ran(self, wanted: str) -> None:
        """Check the letters that have run in the model."""
        found = self.at(self.log_actor, "order") or b""
        assert found == wanted.encode(), f"the model ran {found!r}, the script expects {wanted}"


def clock(trial: Trial, fmt: Format) -> None:
    """The clock goes forward by one operation each, not back, and not beyond 2^63 - 1; nothing else moves it."""
    imaged = Imaged(trial, fmt)
    for now in (0, 1_000, 1_000, 999, 0, 1_001, 1 << 63, (1 << 64) - 1, _TOP, _TOP, _TOP - 1):
        imaged.clock(now, rule=_CLOCK)
        imaged.world(rule=_CLOCK)
    actors = imaged.cast("A")
    imaged.play(actors, "A{x=1}", rule=_CLOCK)
    imaged.run(rule=_CLOCK)
    imaged.restart(rule=_CLOCK)
    imaged.clock(5, rule=_CLOCK)
    imaged.rollback(imaged.seq, rule=_CLOCK)
    late = imaged.stage.draft().join(ACTOR, "image.timer", imaged.stage.text("1 tick"))
    imaged.order(actors["A"], late, "malformed/timer", rule=_CLOCK)
    imaged.order(actors["A"], imaged.stage.draft().join(ACTOR, "image.timer", imaged.stage.text("0 tick")), rule=_CLOCK)
    imaged.run(rule=_CLOCK)
    imaged.expects(actors["A"], t=1)
    imaged.log(rule=_CLOCK)
    imaged.judge(rule=_CLOCK)


def due(trial: Trial, fmt: Format) -> None:
    """A timer fires at the first run with a clock of at least its due time, and not one millisecond before."""
    watch = Watch(trial, fmt)
    (one, *_) = watch.actors
    watch.clock(1_000)
    watch.order(one, watch.timer(watch.stage.draft(), 50, "a"), rule=_DUE)
    for now, ran in ((1_000, ""), (1_049, ""), (1_050, "a"), (1_050, "a"), (2_000, "a")):
        watch.clock(now, rule=_DUE)
        watch.run(rule=_DUE)
        watch.ran(ran)
        watch.world(rule=_DUE)
    watch.order(one, watch.timer(watch.stage.draft(), 0, "b"), rule=_DUE)
    watch.ran("a")
    watch.list_actors(rule=_DUE)
    watch.run(rule=_DUE)
    watch.ran("ab")
    watch.order(one, watch.timer(watch.stage.draft(), 5, "c"))
    watch.clock(1 << 62, rule=_DUE)
    watch.run(rule=_DUE)
    watch.ran("abc")
    watch.log(rule=_DUE)
    watch.judge(rule=_DUE)


def once(trial: Trial, fmt: Format) -> None:
    """A timer fires once, whether its operation commits or fails; its program does not see the entry."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage = watch.stage
    for mt in ("a", "bad", "absent"):
        watch.order(one, watch.timer(stage.draft(), 0, mt), rule=_ONCE)
    looks = stage.draft().read(ACTOR, "image/timers", "early").put("core", 0xF3)
    again = watch.timer(stage.draft().put("own", 0xF3), 0, "b").join(ACTOR, "look", stage.empty()).seal()
    watch.say(two, "image.install", stage.install(again=again, look=looks.seal()))
    watch.order(two, watch.timer(stage.draft(), 0, "again"), rule=_ONCE)
    watch.run(1, rule=_ONCE)
    watch.restart(rule=_ONCE)
    watch.run(rule=_ONCE)
    watch.ran("ab")
    watch.clock(10)
    watch.run(rule=_ONCE)
    watch.list_actors(rule=_ONCE)
    watch.log(rule=_ONCE)
    watch.judge(rule=_ONCE)


def in_order(trial: Trial, fmt: Format) -> None:
    """Timers fire by due time, then by the number of the operation, then by their place in it; before any post."""
    watch = Watch(trial, fmt)
    one, two, three = watch.actors
    stage = watch.stage
    watch.order(one, watch.timer(watch.timer(stage.draft(), 100, "a"), 50, "b"), rule=_ORDER)
    watch.order(two, watch.timer(watch.timer(stage.draft(), 50, "c"), 0, "d"), rule=_ORDER)
    watch.run(rule=_ORDER)
    watch.ran("d")
    watch.clock(100)
    watch.order(three, stage.draft().post(one, "e", stage.empty()).post(ACTOR, "f", stage.empty()), rule=_ORDER)
    watch.run(rule=_ORDER)
    watch.ran("dbcaef" if one < three else "dbcafe")
    lost = watch.timer(stage.draft(), 0, "g").fail().seal()
    both = stage.draft().save(ACTOR, "run", lost).join(ACTOR, "run", watch.timer(stage.draft(), 0, "a").seal())
    watch.order(one, watch.timer(both, 0, "b"), rule=_ORDER)  # an undone timer has an index too
    watch.operate(
        letter(two, "run", watch.timer(watch.timer(stage.draft(), 5, "c"), 5, "d").seal()),
        letter(one, "run", watch.timer(stage.draft(), 5, "e").seal()),
        rule=_ORDER,
    )
    watch.list_actors(rule=_ORDER)
    watch.clock(1_000)
    watch.run(rule=_ORDER)
    watch.log(rule=_ORDER)
    watch.judge(rule=_ORDER)


def turns(trial: Trial, fmt: Format) -> None:
    """Of a due timer and a post, the one of the earlier operation runs first; of one operation, the timer."""
    watch = Watch(trial, fmt)
    one, two, three = watch.actors
    stage = watch.stage
    watch.order(one, watch.timer(stage.draft(), 0, "a"), rule=_TURN)
    watch.order(two, stage.draft().post(one, "b", stage.empty()), rule=_TURN)
    watch.order(three, watch.timer(stage.draft(), 0, "c").post(two, "d", stage.empty()), rule=_TURN)
    watch.order(two, stage.draft().post(three, "e", stage.empty()), rule=_TURN)
    watch.order(one, watch.timer(stage.draft(), 0, "f"), rule=_TURN)
    watch.run(1, rule=_TURN)
    watch.restart(rule=_TURN)
    watch.run(rule=_TURN)
    watch.ran("abcdef")
    watch.log(rule=_TURN)
    watch.judge(rule=_TURN)


def behind_posts(trial: Trial, fmt: Format) -> None:
    """A timer waits for the posts of R to its actor; other posts of the actor wait for the timer."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage = watch.stage
    watch.order(one, watch.timer(stage.draft(), 0, "a"), rule=_ORDER)
    watch.order(two, watch.timer(stage.draft(), 0, "b"), rule=_ORDER)
    watch.inject(one, stage.empty(), "c", rule=_ORDER)
    watch.order(two, stage.draft().post(one, "d", stage.empty()), rule=_ORDER)
    watch.inject(one, stage.empty(), "e", rule=_ORDER)
    watch.run(1, rule=_ORDER)
    watch.run(1, rule=_ORDER)
    watch.restart(rule=_ORDER)
    watch.run(rule=_ORDER)
    watch.log(rule=_ORDER)
    watch.judge(rule=_ORDER)


def cancelled(trial: Trial, fmt: Format) -> None:
    """A cancelled timer does not fire, also if it was due; others stay, and each is cancelled by its handle."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage = watch.stage

    def cancel(*handles: bytes) -> Draft:
        draft = stage.draft()
        for handle in handles:
            draft.join(ACTOR, "image.cancel", stage.text(handle.hex()))
        return draft

    watch.order(one, watch.timer(watch.timer(watch.timer(stage.draft(), 5, "a"), 5, "a"), 9, "b"))
    first, second, third = watch.timers(one)
    watch.order(two, cancel(first), "missing/timer", rule=_CANCEL)
    watch.order(one, cancel(first).fail(), "rejected/failed", rule=_CANCEL)
    watch.clock(100)
    watch.order(one, cancel(first), rule=_CANCEL)
    watch.order(one, cancel(first), "missing/timer", rule=_CANCEL)
    watch.order(one, cancel(first, third), "missing/timer", rule=_CANCEL)
    watch.list_actors(rule=_CANCEL)
    watch.run(rule=_CANCEL)
    watch.order(one, cancel(second), "missing/timer", rule=_CANCEL)
    watch.order(one, watch.timer(stage.draft(), 5, "c"))
    (handle,) = watch.timers(one)
    watch.restart()
    watch.order(one, watch.timer(cancel(handle), 5, "d"), rule=_CANCEL)
    watch.clock(200)
    watch.run(rule=_CANCEL)
    watch.order(one, watch.timer(stage.draft(), 0, "e"))
    watch.say(one, "image.cancel", stage.text(watch.timers(one)[0].hex()), "rejected/capability", rule=_CANCEL)
    watch.run(rule=_CANCEL)
    watch.log(rule=_CANCEL)
    watch.judge(rule=_CANCEL)


def lasting(trial: Trial, fmt: Format) -> None:
    """A timer keeps its due time over installs, reverts, restarts and time without a runtime, and runs new code."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage = watch.stage
    first = watch.core(one)
    watch.clock(100)
    watch.order(one, watch.timer(stage.draft(), 50, "a").write("x", "1"), rule=_LASTING)
    kept = watch.timers(one)
    new = stage.draft().join(watch.log_actor, "h", stage.empty()).seal()
    watch.say(one, "image.install", stage.install(a=new))
    watch.list_actors(rule=_LASTING)
    watch.clock(149)
    watch.restart(rule=_LASTING)
    watch.run(rule=_LASTING)
    assert watch.timers(one) == kept, "it is not due"
    watch.say(one, "image.revert", stage.tree(core=first), rule=_LASTING)
    assert watch.timers(one) == kept, "a revert keeps timers"
    watch.say(one, "image.install", stage.install(a=new))
    watch.rollback(watch.seq - 1, rule=_LASTING)
    watch.list_actors(rule=_LASTING)
    watch.say(one, "image.install", stage.install(a=new))
    watch.clock(150)
    watch.restart(rule=_LASTING)
    watch.run(rule=_LASTING)
    watch.ran("h")
    watch.order(two, watch.timer(stage.draft(), 500, "b"))
    watch.say(two, "image.destroy", stage.empty(), rule=_LASTING)
    watch.clock(10_000)
    watch.run(rule=_LASTING)
    watch.ran("h")
    watch.judge(rule=_LASTING)


def posts(trial: Trial, fmt: Format) -> None:
    """A post runs exactly once if the step that sent it is part of a world, and never if it was undone."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage, empty = watch.stage, watch.stage.empty()
    watch.order(one, stage.draft().post(two, "a", empty).fail(), "rejected/failed", rule=_IFF)
    watch.order(one, stage.draft().save(ACTOR, "run", stage.draft().post(two, "b", empty).fail().seal()), rule=_IFF)
    watch.run(rule=_IFF)
    watch.ran("")
    watch.order(one, stage.draft().post(two, "c", empty).post(two, "bad", empty).post(two, "d", empty), rule=_IFF)
    watch.world(rule=_HELD)
    watch.ran("")
    watch.run(1, rule=_IFF)
    watch.restart(rule=_IFF)
    watch.mail(rule=_HELD)
    watch.list_actors(rule=_HELD)
    watch.ran("c")
    watch.run(rule=_IFF)
    watch.run(rule=_IFF)
    watch.restart(rule=_IFF)
    watch.run(rule=_IFF)
    watch.ran("cd")
    watch.expects(one, f=2)
    endless = stage.draft().add("n", 1).post(ACTOR, "on", empty).seal()
    watch.say(two, "image.install", stage.install(again=endless))
    loop = stage.install(again=stage.draft().add("n", 1).post(ACTOR, "again", empty).seal())
    watch.say(two, "image.install", loop)
    watch.inject(two, empty, "again")
    for _ in range(3):
        assert watch.run(5, rule=_RUN) == "max-steps", "the posts never end"
        watch.world(rule=_RUN)
    watch.judge(rule=_IFF)


def held(trial: Trial, fmt: Format) -> None:
    """Nothing but a run makes operations of posts and timers: not a start, a request, a clock, or time."""
    watch = Watch(trial, fmt)
    one, two, _ = watch.actors
    stage, empty = watch.stage, watch.stage.empty()
    watch.order(one, watch.timer(stage.draft(), 0, "a").post(two, "b", empty), rule=_HELD)
    watch.clock(10, rule=_HELD)
    watch.say(two, "c", empty, rule=_HELD)
    watch.mail(rule=_HELD)
    watch.query(one, "get", b"x", rule=_HELD)
    watch.restart(rule=_HELD)
    watch.list_actors(rule=_HELD)
    watch.rollback(watch.seq, rule=_HELD)
    watch.ran("c")
    watch.world(rule=_HELD)
    watch.refs(rule=_HELD)
    watch.run(rule=_HELD)
    watch.ran("cab")
    watch.judge(rule=_HELD)


def order_of_posts(trial: Trial, fmt: Format) -> None:
    """Posts run by the operation that sent them, then by sender, step, receiver and place, also after a restart."""
    for restarts in (False, True):
        watch = Watch(trial, fmt)
        low, middle, high = watch.actors
        stage, empty = watch.stage, watch.stage.empty()
        watch.order(high, stage.draft().post(low, "a", empty), rule=_POSTS)
        second = stage.draft().post(high, "e", empty).post(low, "f", empty).seal()
        first = stage.draft().join(middle, "run", second).join(low, "run", second)
        first.post(high, "b", empty).post(middle, "c", empty).post(high, "d", empty)
        watch.order(low, first, rule=_POSTS)
        watch.inject(low, empty, "g", rule=_POSTS)
        watch.order(middle, stage.draft().post(middle, "h", empty), rule=_POSTS)
        if restarts:
            watch.restart(rule=_POSTS)
        watch.run(2, rule=_POSTS)
        if restarts:
            watch.restart(rule=_POSTS)
        watch.run(rule=_POSTS)
        watch.ran("acbdfefegh")
        roots = [parse_record(record).roots for record in watch.log(rule=_POSTS)]
        assert len(roots) == watch.seq + 1, "one record for each operation"
        watch.judge(rule=_POSTS)
        watch.close()


def drawn(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Drawn timers, posts, cancels, clocks and restarts run in the order of the worlds that they make."""
    watch = Watch(trial, fmt)
    stage, now = watch.stage, 0
    for _ in range(12):
        choice, actor = tape.below(8), tape.pick(watch.actors)
        if choice < 3:
            draft = stage.draft()
            for _ in range(tape.within(1, 3)):
                watch.timer(draft, 10 * tape.below(4), tape.pick(("a", "b", "bad")))
            watch.order(actor, draft, ANY, rule=_ORDER)
        elif choice < 5:
            draft = stage.draft()
            for _ in range(tape.within(1, 3)):
                draft.post(tape.pick(watch.actors), tape.pick(("c", "d", "bad")), stage.empty())
            watch.order(actor, draft, ANY, rule=_POSTS)
        elif choice == 5:
            now += 10 * tape.below(3)
            watch.clock(now, rule=_ORDER)
            trial.reach("clock")
        elif choice == 6 and watch.timers(actor):
            handle = tape.pick(watch.timers(actor))
            cancel = stage.draft().join(ACTOR, "image.cancel", stage.text(handle.hex()))
            watch.order(actor, cancel, ANY, rule=_CANCEL)
            trial.reach("cancel")
        else:
            if tape.once_in(2):
                watch.restart()
            watch.run(tape.pick((1_000, 1, 3)), rule=_ORDER)
            trial.reach("run")
    watch.run(rule=_ORDER)
    watch.judge(rule=_ORDER)


PROPERTIES: Final = (
    *of_images("clock/forward", clock, _CLOCK),
    *of_images("timer/due", due, _DUE),
    *of_images("timer/once", once, _ONCE),
    *of_images("timer/order", in_order, _ORDER),
    *of_images("post/turn", turns, _TURN),
    *of_images("timer/behind-posts", behind_posts, _ORDER),
    *of_images("timer/cancel", cancelled, _CANCEL),
    *of_images("timer/lasting", lasting, _LASTING),
    *of_images("post/iff", posts, _IFF, _HELD, _RUN),
    *of_images("post/held", held, _HELD),
    *of_images("post/order", order_of_posts, _POSTS),
    *of_images(
        "timer/drawn",
        drawn,
        _ORDER,
        _POSTS,
        _CANCEL,
        given=tape(120),
        examples=20,
        reach={"clock": 0.3, "cancel": 0.1, "run": 0.5},
    ),
)
