"""Chains that a transition sends again: one that it withdrew in the same transition, with other messages behind it."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_SENT: Final = 3
_CHAINS: Final = (
    (0,),  # back to the oldest message
    (0, 1),  # back to an older one
    (0, 4),  # forked at the oldest message by a new one
    (0, 1, 4),  # forked at the last but one
    (0, 2),  # forked by a message of another chain with a content that was sent
    (0, 1, 2),  # the same
    (0, 1, 2, 4),  # queued behind
    (4,),  # another chain
    (4, 0, 1),  # another chain with contents that were sent
)
"""Which contents are sent again after the entry was withdrawn; the chain before is 0, 1, 2."""


def resent(trial: Trial, fmt: Format) -> None:
    """A withdrawn chain may be sent again or continued; going back in it or forking it is an illegal step."""
    rule = "wit.admit.outbox"
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    receiver = stage.core(b"absent")
    contents = [stage.blob(b"%d" % number) for number in range(5)]
    for number, chain in enumerate(_CHAINS):
        actor = lockstep.born(b"sender %d" % number)
        first = b"".join(programs.send(0, 1 + content) for content in range(_SENT))
        lockstep.tell(actor, stage.program(first, receiver, *contents), rule=rule)
        again = programs.release(0) + b"".join(programs.send(0, 1 + content) for content in chain)
        lockstep.tell(actor, stage.program(again, receiver, *contents), rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


PROPERTIES: Final = (
    *in_each_format("runtime/route/resent", resent, "wit.admit.outbox", "runtime.fail.bad-step", cost=200),
)
