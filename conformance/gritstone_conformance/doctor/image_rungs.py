"""The rungs of images in ``gritstone doctor``: the golden image, a savepoint, rights and a rollback.

They are golden vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung, right_step
from gritstone_conformance.replies import Claims

__all__ = ["image_rungs"]

_SUFFIXES: Final = {"framed-sha256": "", "cbor-blake3": "-in-cbor"}
_CLOSED: Final = right_step("grit.close", {"store": "s"})
_RUNGS: Final = (
    (
        "clock",
        "forward",
        "journal",
        "`image.start` makes the kernel actor; each operation adds one step of the agent and one of the kernel actor",
    ),
    (
        "golden",
        "image",
        "image",
        "compare the first record and the first root of a world that differ with those of the spec",
    ),
    (
        "frames",
        "savepoint-fails",
        "savepoint",
        "a savepoint that fails is undone alone; its receiver reads it, and its sender gets a notice in the operation",
    ),
    (
        "send",
        "deputy",
        "rights",
        "the capabilities that count are those in the core of the actor that makes the step",
    ),
    (
        "rollback",
        "three-kinds-of-roots",
        "rollback",
        "one operation: reverts first, then the actors that did not exist, those that are no principals before others",
    ),
)
"""Topic and name of a vector, the name of its rung, and the advice."""


def image_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of images for each format, if images are claimed."""
    if "image" not in claims.profiles:
        return
    vectors = GoldenSteps("image")
    for fmt, suffix in _SUFFIXES.items():
        for topic, name, rung, words in _RUNGS if fmt in claims.formats else ():
            yield Rung(f"{rung} {fmt}", (*vectors.judging(topic, name + suffix), _CLOSED), words)
