"""Images in which two rules meet: held timers, actors of the same operation, undone messages, and unusual names."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.image.timing import Watch
from gritstone_conformance.strategies.image.ops import ACTOR
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ATTENUATE: Final = "image.cap.attenuate"
_DUE: Final = "image.timer.due"
_ENTRY: Final = "image.entry.declared"
_EVENT: Final = "image.event.inside"
_FUEL: Final = "image.fuel.exact"
_GAINS: Final = "image.spawn.gains"
_HANDLER: Final = "image.program.handler"
_HARD: Final = "image.quota.hard"
_KERNEL: Final = "image.kernel.exact"
_LIST: Final = "image.list.exact"
_ONCE: Final = "image.request.once"
_ORDER: Final = "image.timer.order"
_POSTS: Final = "image.post.iff"
_QUIET: Final = "image.gone.quiet"
_READ: Final = "image.program.read"
_RUN: Final = "image.runtime.run"

_DOUBLE: Final = 1 << 53
"""The numbers from here on are not all doubles."""


def held_timers(trial: Trial, fmt: Format) -> None:
    """All timers of an actor that wait for a post of R fire once the post was read, also if its operation failed."""
    for post, ran in (("c", "cab"), ("bad", "ab")):
        watch = Watch(trial, fmt)
        (one, *_) = watch.actors
        watch.order(one, watch.timer(watch.timer(watch.stage.draft(), 0, "a"), 0, "b"), rule=_DUE)
        watch.inject(one, watch.stage.empty(), post, rule=_DUE)
        watch.run(rule=_DUE)
        watch.ran(ran)
        watch.judge(rule=_DUE)
        watch.close()


def exact_times(trial: Trial, fmt: Format) -> None:
    """Due times that a double does not represent are compared and listed exactly."""
    watch = Watch(trial, fmt)
    (one, *_) = watch.actors
    watch.order(one, watch.timer(watch.timer(watch.stage.draft(), _DOUBLE + 1, "a"), _DOUBLE, "b"), rule=_ORDER)
    watch.order(one, watch.timer(watch.stage.draft(), _DOUBLE + 5, "c"), rule=_DUE)
    watch.list_actors(rule=_LIST)
    for later, ran in ((4, "ba"), (5, "bac")):
        watch.clock(_DOUBLE + later, rule=_DUE)
        watch.run(rule=_DUE)
        watch.ran(ran)
        watch.world(rule=_DUE)
    watch.judge(rule=_ORDER)


def many_posts(trial: Trial, fmt: Format) -> None:
    """An actor that posts to itself again and again runs as often as there are steps."""
    imaged = Imaged(trial, fmt)
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    again = stage.draft().add("n", 1).post(ACTOR, "tick", stage.empty()).seal()
    imaged.say(actor, "image.install", stage.install(tick=again))
    imaged.order(actor, stage.draft().post(ACTOR, "tick", stage.empty()))
    imaged.run(1_100, rule=_POSTS)
    imaged.expects(actor, n=1_100)
    imaged.world(rule=_POSTS)
    imaged.flush()


def names_of_objects(trial: Trial, fmt: Format) -> None:
    """Keys and types may be names that objects of some languages have: they are not known unless they were given."""
    imaged = Imaged(trial, fmt)
    actor, other = imaged.cast("A", "B").values()
    stage = imaged.stage
    for name in ("constructor", "__proto__"):
        imaged.operate(letter(actor, "run", stage.draft().add("x", 1).seal()), key=name, rule=_ONCE)
        imaged.say(actor, name, stage.text("v"), "missing/handler", rule=_HANDLER)
        imaged.order(actor, stage.draft().join(other, name, stage.text("v")), "rejected/entry", rule=_ENTRY)
    imaged.expects(actor, x=2)
    imaged.judge(rule=_ONCE)


def gifts(trial: Trial, fmt: Format) -> None:
    """An actor may give what it gained in the same step, and each capability that it gives must be covered."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    maker = stage.actor("maker", caps=("spawn", "send.*.a*"), entry={"run": "*"})
    imaged.create(maker)
    first = stage.actor("first", owner=maker, granter=maker)
    second = stage.actor("second", owner=maker, granter=maker, caps=(f"send.{first.hex()}.pay",))
    imaged.order(maker, stage.draft().join(second, "genesis", second), "rejected/escalation", rule=_ATTENUATE)
    both = stage.draft().join(first, "genesis", first).join(second, "genesis", second)
    imaged.order(maker, both, rule=_ATTENUATE)
    covered = tuple(f"send.*.a{number:02}" for number in range(40))
    for name, caps in (("more", (*covered, "send.*.b")), ("less", covered)):
        heir = stage.actor(name, owner=maker, granter=maker, caps=caps)
        ends = "committed" if caps == covered else "rejected/escalation"
        imaged.order(maker, stage.draft().join(heir, "genesis", heir), ends, rule=_ATTENUATE)
    imaged.judge(rule=_ATTENUATE)


def new_subscriber(trial: Trial, fmt: Format) -> None:
    """An event reaches a subscriber that was created and subscribed in the same operation."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (source,) = imaged.cast("A").values()
    subscribe = stage.draft().join(source, "image.subscribe.e", stage.empty()).seal()
    code = {"go": subscribe, "on.e": stage.draft().add("seen", 1).seal()}
    caps, entry = (f"send.{source.hex()}.image.*",), {"go": "*"}
    born = stage.actor("born", owner=source, granter=source, caps=caps, entry=entry, code=code)
    emit = stage.draft().join(ACTOR, "run", stage.draft().join(ACTOR, "image.emit.e", stage.empty()).seal()).seal()
    order = stage.draft().join(born, "genesis", born).join(born, "image.entry", stage.text("go\n*"))
    imaged.order(source, order.join(born, "go", stage.empty()).join(ACTOR, "run", emit), rule=_EVENT)
    imaged.expects(born, seen=1)
    imaged.judge(rule=_EVENT)


def freed_subscription(trial: Trial, fmt: Format) -> None:
    """A subscription of a subscriber that an operation destroys leaves room for another one in this operation."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    owner, follower = imaged.cast("P", "T").values()
    first, second = (stage.actor(name, owner=owner) for name in ("first", "second"))
    leaving = stage.actor("leaving", caps=("send.*.image.*",), entry={"run": "*"})
    imaged.create(first, second, leaving)
    imaged.order(leaving, stage.draft().join(first, "image.subscribe.e", stage.empty()), rule=_HARD)
    imaged.limit(owner, subs=1)
    another = letter(follower, "run", stage.draft().join(second, "image.subscribe.e", stage.empty()).seal())
    imaged.operate(another, ends="exhausted/subs", rule=_HARD)
    imaged.operate(letter(leaving, "image.destroy", stage.empty()), another, rule=_HARD)
    imaged.operate(another, rule=_HARD)
    imaged.judge(rule=_HARD)


def undone_mail(trial: Trial, fmt: Format) -> None:
    """Messages that a failed savepoint sent do not keep their receiver from being destroyed."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    one, failing, target = imaged.cast("A", "C", "D").values()
    fail = stage.draft().fail().seal()
    sends = stage.draft().join(ACTOR, "run", fail).join(target, "run", stage.draft().join(target, "run", fail).seal())
    order = stage.draft().save(failing, "run", sends.seal()).join(target, "image.destroy", stage.empty())
    imaged.order(one, order, rule=_QUIET)
    imaged.judge(rule=_QUIET)


def dots(trial: Trial, fmt: Format) -> None:
    """The type of a timer may be one or two dots, which no program can have."""
    watch = Watch(trial, fmt)
    for mt in (".", ".."):
        watch.order(watch.actors[0], watch.timer(watch.stage.draft(), 5, mt), rule=_KERNEL)
    watch.list_actors(rule=_KERNEL)
    watch.clock(10, rule=_KERNEL)
    watch.run(rule=_KERNEL)
    watch.judge(rule=_KERNEL)


def long_spins(trial: Trial, fmt: Format) -> None:
    """A program may use 2^31 units of fuel and more at once, if the limit allows it."""
    imaged = Imaged(trial, fmt)
    (poor,) = imaged.cast("A").values()
    (rich,) = imaged.cast("B", fuel=1 << 40).values()
    for units in ((1 << 31) - 1, 1 << 31, (1 << 32) - 1):
        imaged.order(poor, imaged.stage.draft().spin(units), "exhausted/fuel", rule=_FUEL)
        imaged.order(rich, imaged.stage.draft().spin(units), rule=_FUEL)
    imaged.log(rule=_FUEL)
    imaged.judge(rule=_FUEL)


def own_core(trial: Trial, fmt: Format) -> None:
    """What an actor gains is in its working core at once, and what it reads of itself is its core before."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    (maker,) = imaged.cast("A").values()
    first, second = (stage.actor(name, owner=maker, granter=maker) for name in ("first", "second"))
    imaged.order(maker, stage.draft().join(first, "genesis", first).put("own", 0xF3), rule=_GAINS)
    early = stage.draft().join(second, "genesis", second).write("x", "1").read(ACTOR, "x", "y")
    imaged.order(maker, early.read(ACTOR, "image/caps", "caps"), rule=_READ)
    assert imaged.at(maker, "y") is None, "the core before has no x"
    imaged.judge(rule=_READ)


def undone_steps(trial: Trial, fmt: Format) -> None:
    """Steps that were undone, by a savepoint or with their operation, do not count for the most steps of a run."""
    for is_saved, most_steps in ((True, 4), (False, 2)):
        imaged = Imaged(trial, fmt)
        stage = imaged.stage
        one, failing, other = imaged.cast("A", "C", "D").values()
        deeper = stage.draft().join(other, "run", stage.draft().fail().seal()).seal()
        boom = stage.draft().join(other, "run", deeper).seal()
        first = stage.draft().save(failing, "run", boom).seal() if is_saved else boom
        second = stage.draft().add("x", 1).seal()
        imaged.order(one, stage.draft().post(ACTOR, "run", first).post(ACTOR, "run", second))
        imaged.run(most_steps, rule=_RUN)
        imaged.expects(one, x=1)
        imaged.judge(rule=_RUN)
        imaged.close()


def code_names(trial: Trial, fmt: Format) -> None:
    """The names of the code of an actor are listed in the order of their bytes."""
    imaged = Imaged(trial, fmt)
    stage = imaged.stage
    program = stage.draft().add("x", 1).seal()
    names = ["zz", "b", "aaa"] if fmt.name.startswith("framed") else ["zz", "b", "aaa", "\uff5e", "\U00010000"]
    code = stage.tree(**dict.fromkeys(names, program))
    imaged.create(stage.tree(name=stage.text("c"), **stage.nodes(), image=stage.rights(), code=code))
    imaged.list_actors(rule=_LIST)
    imaged.judge(rule=_LIST)


PROPERTIES: Final = (
    *of_images("meeting/held-timers", held_timers, _DUE),
    *of_images("meeting/exact-times", exact_times, _ORDER, _DUE, _LIST),
    *of_images("meeting/many-posts", many_posts, _POSTS, search_only=True),
    *of_images("meeting/names-of-objects", names_of_objects, _ONCE, _HANDLER, _ENTRY),
    *of_images("meeting/gifts", gifts, _ATTENUATE),
    *of_images("meeting/new-subscriber", new_subscriber, _EVENT),
    *of_images("meeting/freed-subscription", freed_subscription, _HARD),
    *of_images("meeting/undone-mail", undone_mail, _QUIET),
    *of_images("meeting/dots", dots, _KERNEL),
    *of_images("meeting/long-spins", long_spins, _FUEL),
    *of_images("meeting/own-core", own_core, _GAINS, _READ),
    *of_images("meeting/undone-steps", undone_steps, _RUN),
    *of_images("meeting/code-names", code_names, _LIST),
)
