"""The edges of images: an agent that has sent before the start, and the code of K in another actor."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import refused
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.runtime.lockstep import LockstepModel
from gritstone_conformance.properties.wit.workbench import Workbench
from gritstone_conformance.strategies.image.cores import KERNEL_CODE
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_FRESH: Final = "image.start.fresh"
_KERNEL: Final = "image.kernel.step"


def sent(trial: Trial, fmt: Format) -> None:
    """An agent that has sent a message to an actor that does not exist has no other head, and is not fresh."""
    lockstep = LockstepModel(trial, fmt)
    nobody = lockstep.stage.core(b"nobody")
    lockstep.inject(nobody, lockstep.stage.program(b""), rule=_FRESH)
    lockstep.refs(rule=_FRESH)
    lockstep.ask("image.start", {}, refused("rejected", "image"), _FRESH)
    lockstep.refs(rule=_FRESH)
    lockstep.flush()


def queries_of_kernel_code(trial: Trial, fmt: Format) -> None:
    """The code of K answers no query of an actor that names it in ``wit_query``."""
    bench = Workbench(trial, fmt)
    node = bench.stage.blob(KERNEL_CODE, ("ct", "s"))
    actor = bench.born(b"asked")
    actor.tell(bench.stage.tree(wit_query=node), "update", rule=_KERNEL)
    for name in ("get", "echo", "step", "fail", "wut"):
        assert actor.head is not None, "it was created"
        assert bench.query(actor.head, name, b"name", rule=_KERNEL) is None
    bench.flush()


PROPERTIES: Final = (
    *of_images("start/sent", sent, _FRESH),
    *of_images("kernel/queries", queries_of_kernel_code, _KERNEL, features=("external",)),
)
