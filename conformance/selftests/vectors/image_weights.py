"""Drafts of vectors of what large objects cost, and of the bytes that a quota allows while an operation runs."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.image.record import parse_record
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged, Letter, letter
from gritstone_conformance.properties.image.weights import Heavy
from gritstone_conformance.strategies.image import ops
from selftests.vectors.image_drafts import Drafts, held

__all__ = ["weight_drafts"]


def weight_drafts() -> Drafts:
    """Yield the drafts."""
    yield "fuel/ops-by-weight", "fuel.exact", _weighed_ops
    yield "fuel/messages-by-weight", "fuel.exact", _weighed_messages
    yield "quota/bytes-while-it-runs", "quota.hard", _judged_bytes


_OPS: Final = {
    "put": 7,
    "put-deep": 7,
    "put-below-a-blob": 4,
    "put-the-core": 8,
    "delete": 7,
    "delete-nothing": 7,
    "write": 10,
    "write-reserved": 9,
    "append": 14,
    "append-twice": 43,
    "append-to-nothing": 10,
    "append-to-a-tree": 3,
    "append-to-a-changed-tree": 7,
    "expect": 19,
    "expect-another": 9,
    "add": 7,
    "add-no-number": 13,
    "count": 4,
    "read": 7,
    "read-to-a-wide-tree": 7,
    "read-itself": 7,
    "read-no-actor": 6,
    "read-the-agent": 3,
    "read-no-operand": 6,
    "send-a-blob": 4,
    "send-a-genesis": 8,
    "send-no-genesis": 5,
}
"""The fuel of operations that run one program of :class:`Heavy` and then fail."""

_MESSAGES: Final = {
    "run": 306,
    "run-of-no-program": 2,
    "handler": 305,
    "entry-table": 4,
    "grant": 6,
    "malformed-grant": 8,
    "install": 14,
    "install-merged": 12,
    "install-a-pair-of-trees-often": 12,
    "install-a-core": 5,
    "install-a-blob": 7,
    "subscribe": 6,
    "revert": 18,
    "genesis": 9,
}
"""The fuel of operations that take one message of :class:`Heavy` and then fail."""


def _weighed_ops(imaged: Imaged) -> None:
    """Each op costs by the weight of what it reads and makes, whether it fails or not."""
    heavy = Heavy(imaged)
    fuels = {name: _fuel_of(heavy, letter(heavy.one, "run", draft.fail().seal())) for name, draft in heavy.ops()}
    assert fuels == _OPS, fuels


def _weighed_messages(imaged: Imaged) -> None:
    """Each message costs by the weight of what its step reads and makes, whether it fails or not."""
    heavy = Heavy(imaged)
    fails = letter(heavy.one, "run", imaged.stage.draft().fail().seal())
    fuels = {name: _fuel_of(heavy, each, fails) for name, each in heavy.messages()}
    assert fuels == _MESSAGES, fuels


def _fuel_of(heavy: Heavy, *letters: Letter) -> int:
    heavy.imaged.operate(letter(heavy.one, "run", heavy.imaged.stage.draft().seal()), *letters, ends=ANY)
    (record,) = heavy.imaged.log(heavy.imaged.seq)
    return parse_record(record).fuel


def _judged_bytes(imaged: Imaged) -> None:
    """Bytes are judged after each step, so what is freed by a later step comes too late."""
    actor = held(imaged, "a", "send.*.*", bytes=100)
    stage = imaged.stage
    free = stage.draft().raw(ops.delete("d")).seal()
    size = len(b"a") + 2 * len(b"external:image/1")
    for more, ends in ((0, COMMITTED), (1, "exhausted/bytes")):
        draft = stage.draft().write("d", "x" * (100 - size + more))
        imaged.order(actor, draft.join(ops.ACTOR, "run", free), ends)
    imaged.order(actor, stage.draft().write("d", "x" * 100).raw(ops.delete("d")))
    over = stage.draft().write("d", "x" * 100).join(ops.ACTOR, "run", stage.draft().fail().seal()).seal()
    imaged.order(actor, stage.draft().save(ops.ACTOR, "run", over), "exhausted/bytes")
