"""Events and effects: the subscribers of an operation, their order, and what the outside sees after it."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import ACTOR, CONTENT, Draft
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_CONSENT: Final = "image.event.consent"
_INSIDE: Final = "image.event.inside"
_VETO: Final = "image.event.veto"
_ORDER: Final = "image.event.order"
_OUTSIDE: Final = "image.event.outside"
_ALONE: Final = "image.runtime.inject"
_LINKED: Final = "runtime.effect.linked"
_EFFECT: Final = "image.effect.deferred"

_FAILED: Final = "rejected/failed"


class _Scene(Imaged):
    """An image with an actor that emits, and three that may subscribe.

    Attributes:
        source: the actor that emits.
        listeners: the others, ascending by id; each adds 1 to ``e`` and keeps the content of an event ``spent``.
    """

    def __init__(self, trial: Trial, fmt: Format, *, durable: bool = False) -> None:
        super().__init__(trial, fmt, durable=durable)
        (self.source,) = self.cast("S").values()
        hears = self.stage.draft().put("last", CONTENT).add("e", 1).seal()
        code = {"on.spent": hears, "on.sold": self.stage.draft().add("s", 1).seal(), "go": hears}
        caps, entry = ("send.*.*", "send.*.image.*"), {"run": "*"}
        self.listeners = sorted(self.stage.actor(f"L{each}", caps=caps, entry=entry, code=code) for each in range(3))
        self.create(*self.listeners)

    def subscribe(self, *listeners: bytes, event: str = "spent", rule: str | None = None) -> None:
        """Subscribe actors to the source, in this order."""
        for each in listeners:
            self.order(
                each, self.stage.draft().join(self.source, f"image.subscribe.{event}", self.stage.empty()), rule=rule
            )

    def emit(self, event: str, content: bytes, ends: str = COMMITTED, *, rule: str | None = None) -> None:
        """Make a request that writes x in the source and emits."""
        draft = self.stage.draft().add("x", 1).join(ACTOR, f"image.emit.{event}", content)
        self.order(self.source, draft, ends, rule=rule)


def inside(trial: Trial, fmt: Format) -> None:
    """An emission joins each subscriber to the operation once, with its content; an actor that is gone is skipped."""
    scene = _Scene(trial, fmt)
    first, second, third = scene.listeners
    scene.emit("spent", scene.stage.text("0"), rule=_INSIDE)
    scene.subscribe(first, second, second)
    scene.emit("spent", scene.stage.text("20"), rule=_INSIDE)
    scene.expects(first, e=1, last=20)
    scene.expects(second, e=1, last=20)
    scene.expects(third, e=None)
    scene.emit("sold", scene.stage.text("1"), rule=_INSIDE)
    scene.emit("spent", scene.stage.tree(a=scene.stage.text("a tree")), rule=_INSIDE)
    twice = scene.stage.draft().join(ACTOR, "image.emit.spent", scene.stage.text("1"))
    scene.order(scene.source, twice.join(ACTOR, "image.emit.spent", scene.stage.text("2")), rule=_INSIDE)
    scene.expects(first, e=4, last=2)
    scene.say(first, "image.destroy", scene.stage.empty())
    scene.emit("spent", scene.stage.text("3"), rule=_INSIDE)
    scene.expects(second, e=5)
    scene.order(scene.source, scene.stage.draft().join(ACTOR, "image.subscribe.spent", scene.stage.empty()))
    own = scene.stage.install(**{"on.spent": scene.stage.draft().add("heard", 1).seal()})
    scene.say(scene.source, "image.install", own)
    scene.emit("spent", scene.stage.text("4"), rule=_INSIDE)
    scene.expects(scene.source, heard=1)
    scene.restart(rule=_INSIDE)
    scene.emit("spent", scene.stage.text("5"), rule=_INSIDE)
    scene.world(rule=_INSIDE)
    scene.log(rule=_INSIDE)
    scene.judge(rule=_INSIDE)


def consent(trial: Trial, fmt: Format) -> None:
    """An actor is informed only if it may subscribe and did; it cannot subscribe another one, or end that."""
    scene = _Scene(trial, fmt)
    stage, empty = scene.stage, scene.stage.empty()
    first, second, _ = scene.listeners
    denied = "rejected/capability"
    poor = stage.actor(
        "poor",
        caps=(f"send.{scene.source.hex()}.image.subscribe.sold", f"send.{scene.source.hex()}.*"),
        entry={"run": "*"},
        code={"on.sold": stage.draft().add("s", 1).seal(), "on.spent": stage.draft().add("e", 1).seal()},
    )
    scene.create(poor)
    for event, ends in (("spent", denied), ("sol", denied), ("sold2", denied), ("sold", COMMITTED)):
        scene.order(poor, stage.draft().join(scene.source, f"image.subscribe.{event}", empty), ends, rule=_CONSENT)
    scene.emit("sold", empty, rule=_CONSENT)
    scene.emit("spent", empty, rule=_CONSENT)
    scene.expects(poor, s=1, e=None)
    scene.order(poor, stage.draft().join(ACTOR, "image.subscribe.sold", empty), denied, rule=_CONSENT)
    for event in ("e" * 33, "A", "a.b", ""):
        draft = stage.draft().join(scene.source, f"image.subscribe.{event}", empty)
        scene.order(first, draft, "malformed/mt", rule=_CONSENT)
    scene.subscribe(first, event="e" * 32, rule=_CONSENT)
    for mt in ("on.sold", "on.spent"):
        for mode in (b"j", b"v", b"p"):
            scene.order(second, stage.draft().send(mode, poor, mt, empty), "malformed/mt", rule=_CONSENT)
        scene.say(poor, mt, empty, "refused malformed/mt", rule=_CONSENT)
        scene.inject(poor, empty, mt, rule=_CONSENT)
    ends_it = stage.draft().join(scene.source, "image.unsubscribe.sold", empty)
    scene.order(second, ends_it, "missing/subscription", rule=_CONSENT)
    scene.say(scene.source, "image.unsubscribe.sold", empty, "missing/subscription", rule=_CONSENT)
    scene.emit("sold", empty, rule=_CONSENT)
    scene.expects(poor, s=2)
    scene.order(first, stage.draft().join(poor, "image.emit.sold", empty), denied, rule=_CONSENT)
    scene.say(poor, "image.grant", stage.text("send.*.image.*"))
    scene.order(poor, ends_it, rule=_CONSENT)
    scene.order(poor, ends_it, "missing/subscription", rule=_CONSENT)
    scene.emit("sold", empty, rule=_CONSENT)
    scene.expects(poor, s=2)
    scene.list_actors(rule=_CONSENT)
    scene.judge(rule=_CONSENT)


def veto(trial: Trial, fmt: Format) -> None:
    """A subscriber that fails undoes the frame of the emission: the operation, or the savepoint around it."""
    scene = _Scene(trial, fmt)
    stage = scene.stage
    first, second, third = scene.listeners
    scene.subscribe(first, second, third)
    fails = stage.install(**{"on.spent": stage.draft().fail("veto").seal()})
    works = stage.install(**{"on.spent": stage.draft().add("e", 1).seal()})
    for bad in scene.listeners:
        scene.say(bad, "image.install", fails)
        scene.emit("spent", stage.text("1"), "rejected/veto", rule=_VETO)
        scene.expects(scene.source, x=None)
        inner = stage.draft().add("y", 1).join(ACTOR, "image.emit.spent", stage.text("2")).seal()
        around = stage.draft().add("z", 1).save(ACTOR, "run", inner)
        scene.order(scene.source, around, rule=_VETO)
        careful = stage.draft().add("z", 1).save(ACTOR, "image.emit.spent", stage.text("3"))
        scene.order(scene.source, careful, rule=_VETO)
        scene.expects(scene.source, y=None)
        for each in scene.listeners:
            scene.expects(each, e=None)
        scene.say(bad, "image.install", works)
    scene.expects(scene.source, z=6, f=6)
    bare = stage.tree(code=stage.tree(other=stage.draft().seal()))
    scene.say(second, "image.install", bare)
    revert = stage.tree(core=scene.stage.actor("L-bare", caps=("send.*.*",)))
    scene.say(second, "image.revert", revert)
    scene.emit("spent", stage.text("1"), "missing/handler", rule=_VETO)
    post = stage.install(**{"on.spent": stage.draft().post(ACTOR, "go", CONTENT).seal()})
    scene.say(second, "image.install", post)
    scene.emit("spent", stage.text("1"), rule=_VETO)
    scene.run(rule=_VETO)
    scene.expects(scene.source, x=1, f=None if scene.at(scene.source, "f") is None else 6)
    scene.judge(rule=_VETO)


def in_order(trial: Trial, fmt: Format) -> None:
    """Subscribers read events ascending by id, whatever order they subscribed in; emissions in their order."""
    for turn in range(3):
        scene = _Scene(trial, fmt)
        stage = scene.stage
        for place in range(3):
            scene.subscribe(scene.listeners[(turn - place) % 3])
        log = stage.actor("log", entry=dict.fromkeys("abc", "*"), code=_letters(scene))
        scene.create(log)
        for letter, each in zip("abc", scene.listeners, strict=True):
            program = stage.draft().join(log, letter, stage.empty()).seal()
            scene.say(each, "image.install", stage.install(**{"on.spent": program}))
        scene.emit("spent", stage.text("1"), rule=_ORDER)
        assert scene.at(log, "order") == b"abc", "ascending by id"
        two = (
            stage.draft()
            .join(ACTOR, "image.emit.spent", stage.text("1"))
            .join(ACTOR, "image.emit.spent", stage.text("2"))
        )
        scene.order(scene.source, two, rule=_ORDER)
        assert scene.at(log, "order") == b"abcabcabc", "one emission after the other"
        scene.world(rule=_ORDER)
        scene.judge(rule=_ORDER)
        scene.close()


def _letters(scene: Imaged) -> dict[str, bytes]:
    return {each: scene.stage.draft().raw(b"A\5order\0\1" + each.encode()).seal() for each in "abc"}


def refused_emissions(trial: Trial, fmt: Format) -> None:
    """An emission that would be out of order, or whose content is a subscriber, fails."""
    scene = _Scene(trial, fmt)
    stage = scene.stage
    first, second, _ = scene.listeners
    scene.subscribe(first, second)
    scene.emit("spent", second, "malformed/mt", rule=_INSIDE)
    scene.order(scene.source, stage.draft().post(second, "run", stage.draft().seal()))
    scene.emit("spent", stage.text("1"), "rejected/order", rule=_INSIDE)
    scene.run()
    scene.emit("spent", stage.text("1"), rule=_INSIDE)
    scene.expects(first, e=1)
    scene.say(scene.source, "image.subscribe.spent", stage.empty(), rule=_INSIDE)
    scene.emit("spent", scene.agent, "malformed/mt", rule=_INSIDE)
    scene.judge(rule=_INSIDE)


def outside(trial: Trial, fmt: Format) -> None:
    """R finds an event in its mail exactly if the operation committed and the frame of the emission was not undone."""
    scene = _Scene(trial, fmt)
    stage, empty = scene.stage, scene.stage.empty()
    first = scene.listeners[0]
    scene.say(scene.source, "image.subscribe.spent", empty, rule=_OUTSIDE)
    scene.emit("spent", stage.text("20"), rule=_OUTSIDE)
    (mail,) = scene.mail(rule=_OUTSIDE)
    scene.order(scene.source, stage.draft().join(ACTOR, "image.emit.spent", empty).fail(), _FAILED, rule=_OUTSIDE)
    inner = stage.draft().join(ACTOR, "image.emit.spent", empty).fail().seal()
    scene.order(scene.source, stage.draft().save(ACTOR, "run", inner), rule=_OUTSIDE)
    assert scene.mail(rule=_OUTSIDE) == [mail], "what was undone is not listed"
    scene.subscribe(first)
    scene.say(first, "image.install", stage.install(**{"on.spent": stage.draft().fail().seal()}))
    scene.emit("spent", empty, _FAILED, rule=_OUTSIDE)
    scene.mail(rule=_OUTSIDE)
    scene.ack(*mail, rule=_OUTSIDE)
    scene.mail(rule=_OUTSIDE)
    scene.order(first, stage.draft().join(scene.source, "image.unsubscribe.spent", empty))
    scene.emit("spent", stage.text("30"), rule=_OUTSIDE)
    scene.emit("sold", stage.text("30"), rule=_OUTSIDE)
    scene.restart(rule=_OUTSIDE)
    scene.mail(rule=_OUTSIDE)
    scene.say(scene.source, "image.unsubscribe.spent", empty, rule=_OUTSIDE)
    scene.emit("spent", stage.text("40"), rule=_OUTSIDE)
    scene.mail(rule=_OUTSIDE)
    scene.judge(rule=_OUTSIDE)


def deferred(trial: Trial, fmt: Format) -> None:
    """Mail to the outside is listed once its operation committed, until it is acknowledged, also after a restart."""
    imaged = Imaged(trial, fmt)
    stage, agent = imaged.stage, imaged.agent
    (one, two) = imaged.cast("A", "B").values()
    note = stage.draft().post(agent, "note", stage.text("1"))
    imaged.order(one, stage.draft().post(agent, "note", stage.text("1")).fail(), _FAILED, rule=_EFFECT)
    imaged.order(one, stage.draft().save(ACTOR, "run", note.fail().seal()), rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    late = stage.draft().post(agent, "note", stage.text("2")).join(two, "run", stage.draft().fail().seal())
    imaged.order(one, late, _FAILED, rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    good = stage.draft().post(agent, "note", stage.text("3")).post(agent, "note", stage.text("4"))
    imaged.order(one, good, rule=_EFFECT)
    imaged.order(two, stage.draft().join(one, "run", good.seal()).post(agent, "note", stage.text("5")), rule=_EFFECT)
    listed = imaged.mail(rule=_EFFECT)
    assert len(listed) == 5, "five notes"
    imaged.ack(*listed[0], rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    imaged.restart(rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    imaged.ack_all(rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    imaged.judge(rule=_EFFECT)


def effects(trial: Trial, fmt: Format) -> None:
    """An effect is open exactly if its operation committed, until it is answered; a kind needs its capability."""
    imaged = Imaged(trial, fmt)
    stage, agent = imaged.stage, imaged.agent
    code = {"effect.ok": stage.draft().add("ok", 1).seal(), "effect.failed": stage.draft().add("no", 1).seal()}
    actor = stage.actor("a", caps=(f"send.{agent.hex()}.effect.http",), entry={"run": "*"}, code=code)
    imaged.create(actor)
    go = stage.text("go")
    imaged.order(actor, stage.draft().post(agent, "effect.mail", go), "rejected/capability", rule=_EFFECT)
    imaged.order(actor, stage.draft().post(agent, "effect.http", go).fail(), _FAILED, rule=_EFFECT)
    imaged.effects(rule=_EFFECT)
    imaged.order(actor, stage.draft().post(agent, "effect.http", go).post(agent, "effect.http", go), rule=_EFFECT)
    first, second = imaged.effects(rule=_EFFECT)
    imaged.restart(rule=_EFFECT)
    imaged.effects(rule=_EFFECT)
    imaged.resolve(second, "failed", b"late", rule=_EFFECT)
    imaged.resolve(first, "ok", b"answer", rule=_EFFECT)
    imaged.resolve(first, "ok", b"answer", rule=_EFFECT)
    imaged.effects(rule=_EFFECT)
    imaged.run(rule=_EFFECT)
    imaged.expects(actor, ok=1)
    imaged.judge(rule=_EFFECT)


def answers(trial: Trial, fmt: Format) -> None:
    """Answers and acknowledgements are operations of their own, in any order; a refused one makes none."""
    imaged = Imaged(trial, fmt)
    stage, agent, empty = imaged.stage, imaged.agent, imaged.stage.empty()
    code = {f"effect.{word}": stage.draft().add(word, 1).seal() for word in ("ok", "failed")}
    caps = (f"send.{agent.hex()}.effect.*", "send.*.run")
    asking, other = (stage.actor(name, caps=caps, entry={"run": "*"}, code=code) for name in "ab")
    imaged.create(asking, other)

    def asks(draft: Draft, number: int) -> Draft:
        return draft.post(agent, "effect.http", stage.text(f"{number}"))

    undone = asks(stage.draft(), 9).fail().seal()
    imaged.order(asking, asks(asks(stage.draft(), 1), 2).save(other, "run", undone), rule=_EFFECT)
    imaged.order(asking, asks(stage.draft(), 3).join(other, "run", asks(stage.draft(), 4).seal()), rule=_EFFECT)
    before = imaged.seq
    found = imaged.effects(rule=_EFFECT)
    first, second, third = (each for each in found if each.startswith(asking.hex()))
    (single,) = (each for each in found if each.startswith(other.hex()))
    imaged.say(asking, "image.destroy", empty, "rejected/busy", rule="image.gone.quiet")
    most = trial.claims.limits["object_bytes"]
    imaged.resolve(first, "ok", bytes(most), rule="runtime.effect.limit")
    imaged.resolve(f"{asking.hex()}.{empty.hex()}", "ok", b"", rule=_LINKED)
    imaged.log(before, rule=_LINKED)
    imaged.resolve(second, "ok", b"early", rule=_LINKED)
    imaged.effects(rule=_EFFECT)
    imaged.mail(rule=_EFFECT)
    imaged.resolve(second, "failed", b"again", rule=_LINKED)
    imaged.rollback(before, rule=_EFFECT)  # nothing changed, so no post is in the way
    imaged.resolve(first, "failed", b"late", rule=_LINKED)
    imaged.effects(rule=_EFFECT)
    imaged.order(asking, stage.draft(), "refused rejected/order", rule=_EFFECT)  # the answers wait
    imaged.run(rule=_EFFECT)
    imaged.expects(asking, ok=1, failed=1)
    imaged.resolve(third, "ok", b"", rule=_LINKED)
    imaged.rollback(before, "refused rejected/order", rule="image.world.rollback-refused")
    imaged.run(rule=_EFFECT)
    sender, message = (bytes.fromhex(each) for each in single.split("."))
    imaged.ack(sender, message, rule=_ALONE)
    imaged.ack(sender, message, rule=_ALONE)
    imaged.resolve(single, "ok", b"acknowledged", rule=_LINKED)
    imaged.effects(rule=_EFFECT)
    imaged.rollback(before, rule=_EFFECT)
    imaged.say(asking, "image.destroy", empty, rule="image.gone.quiet")
    imaged.restart(rule=_EFFECT)
    imaged.effects(rule=_EFFECT)
    imaged.log(rule=_ALONE)
    imaged.judge(rule=_ALONE)


def open_again(trial: Trial, fmt: Format) -> None:
    """An effect that was answered out of order is open again after a restart, and its second answer is a post, too."""
    imaged = Imaged(trial, fmt)
    stage, agent = imaged.stage, imaged.agent
    code = {f"effect.{word}": stage.draft().add(word, 1).seal() for word in ("ok", "failed")}
    actor = stage.actor("a", caps=(f"send.{agent.hex()}.effect.*",), code=code)
    imaged.create(actor)
    for number in range(3):
        imaged.order(actor, stage.draft().post(agent, "effect.mail", stage.text(f"{number}")))
    first, second, _ = imaged.effects(rule=_EFFECT)
    imaged.resolve(second, "ok", b"1", rule=_LINKED)
    imaged.run(rule=_EFFECT)
    imaged.restart(rule=_EFFECT)
    assert second in imaged.effects(rule=_EFFECT), "the cursor is before it"
    imaged.resolve(second, "ok", b"2", rule=_LINKED)
    imaged.resolve(first, "ok", b"3", rule=_LINKED)
    imaged.effects(rule=_EFFECT)
    imaged.restart(rule=_EFFECT)
    imaged.effects(rule=_EFFECT)
    imaged.run(rule=_EFFECT)
    imaged.expects(actor, ok=3)
    imaged.log(rule=_ALONE)
    imaged.judge(rule=_ALONE)


PROPERTIES: Final = (
    *of_images("event/inside", inside, _INSIDE),
    *of_images("event/consent", consent, _CONSENT),
    *of_images("event/veto", veto, _VETO),
    *of_images("event/order", in_order, _ORDER),
    *of_images("event/refused", refused_emissions, _INSIDE),
    *of_images("event/outside", outside, _OUTSIDE),
    *of_images("effect/mail", deferred, _EFFECT),
    *of_images("effect/open", effects, _EFFECT, features=("effects",)),
    *of_images("effect/answers", answers, _EFFECT, _ALONE, features=("effects",)),
    *of_images("effect/open-again", open_again, _EFFECT, _ALONE, features=("effects",)),
)
