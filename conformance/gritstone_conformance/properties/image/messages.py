"""Messages: their types and modes, and what the outside may send."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import Imaged
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.strategies.image.ops import POST, SAVE
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MODE: Final = "image.message.mode"
_TYPE: Final = "image.message.type"


def modes(trial: Trial, fmt: Format) -> None:
    """A genesis is a join, a kernel message is none or a savepoint, and other types are malformed."""
    imaged = Imaged(trial, fmt)
    (one, two) = imaged.cast("A", "B").values()
    stage = imaged.stage
    child = stage.actor("child", owner=one, granter=one)
    for mode in (SAVE, POST):
        imaged.order(one, stage.draft().send(mode, child, "genesis", child), "malformed/mode", rule=_MODE)
    for mt in ("image.grant", "image.timer", "image.emit.e", "image.destroy"):
        imaged.order(one, stage.draft().post(0xF0, mt, stage.text("spawn")), "malformed/mode", rule=_MODE)
    imaged.order(one, stage.draft().join(0xF0, "image.grant", stage.text("spawn")), rule=_MODE)
    imaged.order(one, stage.draft().save(0xF0, "image.grant", stage.text("spawn")), rule=_MODE)
    imaged.order(one, stage.draft().join(child, "genesis", child), rule=_MODE)
    no_types = (
        *("", "update", "cleanup", "receipt", "failed", "reply", "Pay", "pa y", "pay/x", "pay*", "a" * 65, "é"),
        *("image.", "image.op", "image.grants", "image.emit", "image.emit.", "image.emit.A", "image.start", "image.x"),
        *("on.", "on.e", "on.spent", "on.e.f", "image.emit." + "e" * 33, "image.subscribe.a.b"),
    )
    for mt in no_types:
        imaged.order(one, stage.draft().join(two, mt, stage.empty()), "malformed/mt", rule=_TYPE)
    for mt in ("a" * 64, "on", "image", "onx", "effect.ok", "a.b_c-9"):
        imaged.order(one, stage.draft().post(two, mt, stage.empty()), rule=_TYPE)
    imaged.run(rule=_TYPE)
    imaged.order(one, stage.draft().join(two, "genesis", child), "malformed/mt", rule=_TYPE)
    imaged.order(one, stage.draft().join(two, "run", two), "malformed/mt", rule=_TYPE)
    imaged.order(one, stage.draft().join(0xF0, "image.emit.e", one), "malformed/mt", rule=_TYPE)
    imaged.say(two, "image.install", stage.install(ask=stage.draft().reply(one).seal()))
    imaged.say(two, "image.entry", stage.text("ask\n*"))
    imaged.order(one, stage.draft().join(two, "ask", stage.empty()), "malformed/mt", rule=_TYPE)
    imaged.judge(rule=_MODE)


PROPERTIES: Final = (*of_images("message/modes", modes, _MODE, _TYPE),)
