"""An image in a store that is full of references: what needs no further one is made, and what needs one is refused."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.image.imaged import Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.runtime.full import MOST_REFERENCES, fill_references
from gritstone_conformance.strategies.image.ops import ACTOR
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_LIMIT: Final = "grit.ref.limit"
_FULL: Final = "runtime.run.full"
_ATOMIC: Final = "image.op.atomic"
_ONCE: Final = "image.request.once"
_MADE: Final = "image.start.made"
_ORDER: Final = "image.post.order"
_NO_ROOM: Final = "refused exhausted"


class _FullImage(Imaged):
    """An image in a store that has no room for a further reference.

    Attributes:
        actors: three principals, A, B and C.
    """

    def __init__(self, trial: Trial, fmt: Format, *, durable: bool = False) -> None:
        super().__init__(trial, fmt, durable=durable, begins=False)
        self._freed = 0
        self._target = self.stage.empty()
        self.fill()
        fill_references(self, self._target, room=0)
        assert not self.begin(rule=_MADE), "there is no room for the head of K"
        self.refs(rule=_MADE)
        self.free(4)
        self.begin(rule=_MADE)
        self.actors = self.cast("A", "B", "C")

    def free(self, number: int) -> None:
        """Remove references, so that there is room for others."""
        names = [f"t/{self._freed + each}" for each in range(number)]
        self._freed += number
        self.request(self.pair.cas(*(Change(name, self._target, None) for name in names), rule=_LIMIT))

    def same(self, rule: str) -> None:
        """Check that the references, the world and the mail are those of the model."""
        self.refs(rule=rule)
        self.world(rule=rule)
        self.mail(rule=rule)


def _is_small(trial: Trial) -> bool:
    if trial.claims.limits["refs"] <= MOST_REFERENCES:
        return True
    trial.remark = f"not tried: the limit is above {MOST_REFERENCES}"
    return False


def requests(trial: Trial, fmt: Format) -> None:
    """A request that creates an actor is refused and makes no operation; every other request is made."""
    if not _is_small(trial):
        return
    imaged = _FullImage(trial, fmt)
    one, two, three = imaged.actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    born, child = stage.actor("born"), stage.actor("child", owner=one, granter=one)
    spawn = stage.draft().join(child, "genesis", child)
    early = imaged.seq
    imaged.create(born, ends=_NO_ROOM, rule=_LIMIT)
    imaged.order(one, spawn, _NO_ROOM, rule=_LIMIT)
    imaged.order(two, stage.draft().save(one, "run", spawn.seal()), _NO_ROOM, rule=_LIMIT)
    ends = stage.draft().join(child, "genesis", child).join(child, "image.destroy", empty)
    imaged.order(one, ends, _NO_ROOM, rule=_LIMIT)  # the reference of an actor that is gone
    keyed = letter(one, "run", stage.draft().add("x", 1).join(child, "genesis", child).seal())
    imaged.operate(keyed, key="k", ends=_NO_ROOM, rule=_ONCE)
    imaged.same(_ATOMIC)
    imaged.log(rule=_ATOMIC)
    undone = stage.draft().join(child, "genesis", child).fail().seal()
    imaged.order(one, stage.draft().save(ACTOR, "run", undone), rule=_LIMIT)
    imaged.order(one, stage.draft().join(child, "genesis", child).fail(), "rejected/failed", rule=_LIMIT)
    imaged.play(imaged.actors, "A{x+1 join B{y+1} save C{!} post B{y+1}}", rule=_LIMIT)
    imaged.order(one, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")), rule=_LIMIT)
    imaged.order(two, stage.draft().post(imaged.agent, "note", empty), rule=_LIMIT)
    imaged.inject(three, stage.draft().add("z", 1).seal(), "run", rule=_LIMIT)
    imaged.clock(10, rule=_LIMIT)
    imaged.run(rule=_LIMIT)
    imaged.ack_all(rule=_LIMIT)
    imaged.rollback(early, rule=_LIMIT)
    imaged.say(three, "image.destroy", empty, rule=_LIMIT)
    imaged.list_actors(rule=_LIMIT)
    imaged.restart(rule=_LIMIT)
    imaged.same(_LIMIT)
    imaged.create(born, ends=_NO_ROOM, rule=_LIMIT)
    imaged.free(1)
    imaged.operate(keyed, key="k", rule=_ONCE)
    imaged.operate(keyed, key="k", rule=_ONCE)
    imaged.create(born, ends=_NO_ROOM, rule=_LIMIT)
    imaged.log(rule=_ATOMIC)
    imaged.same(_ATOMIC)
    imaged.flush()


def runs(trial: Trial, fmt: Format, *, durable: bool = False) -> None:
    """A run makes the operations before one that has no room, is refused, and continues once there is room."""
    if not _is_small(trial):
        return
    imaged = _FullImage(trial, fmt, durable=durable)
    one, two, _ = imaged.actors.values()
    stage, empty = imaged.stage, imaged.stage.empty()
    child, other = (stage.actor(name, owner=two, granter=two) for name in ("child", "other"))
    for core in (child, other):
        spawn = stage.draft().add("y", 1).join(core, "genesis", core).seal()
        imaged.order(one, stage.draft().post(two, "tick", empty).post(two, "run", spawn).post(two, "tick", empty))
    imaged.order(two, stage.draft().join(ACTOR, "image.timer", stage.text("5 tick")))
    for _ in range(2):  # the first operation of the first run has room, and none of the second one
        imaged.run_without_room(rule=_FULL)
        imaged.same(_FULL)
        imaged.play(imaged.actors, "A{x+1}", rule=_FULL)
    imaged.clock(10)
    imaged.run_without_room(rule=_FULL)  # the timer fires first
    imaged.log(rule=_ORDER)
    imaged.free(1)
    imaged.run_without_room(rule=_FULL)  # the second actor has no room
    imaged.same(_ORDER)
    if durable:
        imaged.reopen(rule=_FULL)
        imaged.same(_FULL)
    else:
        imaged.restart(rule=_FULL)
    imaged.run_without_room(rule=_FULL)
    imaged.free(1)
    imaged.run(rule=_FULL)
    imaged.log(rule=_ORDER)
    imaged.same(_ORDER)
    imaged.flush()


def durable_runs(trial: Trial, fmt: Format) -> None:
    """What a refused run has made is in a durable store, also after it was closed."""
    runs(trial, fmt, durable=True)


PROPERTIES: Final = (
    *of_images("full/requests", requests, _LIMIT, _ATOMIC, _ONCE, _MADE, once=True, cost=2_000),
    *of_images("full/runs", runs, _FULL, _ORDER, once=True, cost=2_000),
    *of_images("full/durable", durable_runs, _FULL, _ORDER, features=("durable",), once=True, cost=2_000),
)
