"""Drafts of vectors of erased blobs that an operation makes again."""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.properties.image.imaged import Imaged
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_drafts import ImageDraft, Script

__all__ = ["erasure_drafts"]

_FAILED = "rejected/failed"


def erasure_drafts() -> Iterator[ImageDraft]:
    """Yield the drafts."""
    scripts: dict[str, Script] = {
        "same-step": _same_step,
        "later-step": _later_step,
        "savepoint": _savepoint,
        "kernel": _kernel,
    }
    for slug, script in scripts.items():
        yield ImageDraft(f"erased/{slug}", ("op.erased",), script, ("erase",))


def _erased(imaged: Imaged) -> bytes:
    """Create an actor, and erase the blob without headers with the data ``seen``, which is in its core."""
    (actor,) = imaged.cast("A").values()
    imaged.order(actor, imaged.stage.draft().write("x", "seen"))
    target = imaged.model.shelf.names(imaged.core(actor))["x"]
    imaged.flush()
    imaged.request(imaged.pair.erase(target))
    imaged.model.shelf.reread()
    return actor


def _same_step(imaged: Imaged) -> None:
    actor, stage = _erased(imaged), imaged.stage
    imaged.order(actor, stage.draft().write("y", "seen"))
    imaged.order(actor, stage.draft().write("y", "seen").raw(ops.append("y", b"!")), _FAILED)
    imaged.order(actor, stage.draft().write("y", "se").raw(ops.append("y", b"en") + ops.append("y", b"!")), _FAILED)
    imaged.order(actor, stage.draft().write("y", "seen").raw(ops.expect("y", b"seen")), _FAILED)


def _later_step(imaged: Imaged) -> None:
    actor, stage = _erased(imaged), imaged.stage
    longer = stage.draft().raw(ops.append("y", b"!")).seal()
    imaged.order(actor, stage.draft().write("y", "seen").join(ops.ACTOR, "run", longer), _FAILED)
    imaged.order(actor, stage.draft().write("y", "see").join(ops.ACTOR, "run", longer))
    assert imaged.at(actor, "y") == b"see!", "only the erased blob cannot be read"


def _savepoint(imaged: Imaged) -> None:
    """A savepoint that makes the blob again and fails leaves the actor able to go on; one that reads it fails alone."""
    actor, stage = _erased(imaged), imaged.stage
    lost = stage.draft().write("y", "seen").fail().seal()
    longer = stage.draft().raw(ops.append("y", b"!")).seal()
    imaged.order(actor, stage.draft().save(ops.ACTOR, "run", lost).write("z", "1"))
    imaged.order(actor, stage.draft().write("y", "seen").save(ops.ACTOR, "run", longer))
    imaged.restart()
    imaged.order(actor, stage.draft().save(ops.ACTOR, "run", longer))


def _kernel(imaged: Imaged) -> None:
    """The content of a kernel message is an erased blob, which is not of its form."""
    (actor,) = imaged.cast("A").values()
    stage = imaged.stage
    content = stage.text("5 tick")
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.timer", content))
    imaged.flush()
    imaged.request(imaged.pair.erase(content))
    imaged.model.shelf.reread()
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.timer", content), "malformed/timer")
    imaged.restart()
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.timer", content), "malformed/timer")
