"""Drawn operations: trees of joins, savepoints and posts with faults, over actors with and without rights."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.image.imaged import ANY, COMMITTED, Imaged, letter
from gritstone_conformance.properties.image.registry import of_images
from gritstone_conformance.properties.image.worlds import forked
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.image.operations import OPERATION_TAPE, Cast, draw_operation
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_OPERATION: Final = "image.history.operation"
_JOURNAL: Final = "image.history.journal"
_SAVE: Final = "image.op.savepoint"
_REPLAY: Final = "image.world.replay"
_FORK: Final = "image.world.fork"


def _cast(imaged: Imaged) -> Cast:
    """Create two actors with all rights, one with few and one that is owned; return what operations can name."""
    stage = imaged.stage
    one, two = imaged.cast("A", "B", fuel=400, timers=6, posts=12, actors=3).values()
    code = {"failed": stage.draft().add("f", 1).seal(), "job": stage.draft().add("j", 1).seal()}
    entry: dict[str, str | tuple[bytes, ...]] = {"run": "*", "job": (one, two)}
    poor = stage.actor("poor", caps=("send.*.run",), entry=entry, code=code, limits={"fuel": 60})
    owned = stage.actor("owned", owner=one, granter=one, caps=("send.*.*", "read.*"), entry=entry, code=code)
    imaged.create(poor, owned)
    spawned = [stage.actor(f"s{number}", owner=one, granter=one, entry=entry, code=code) for number in range(2)]
    return Cast((one, two, poor, owned), spawned, ("job", "tick"))


def operations(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Requests of drawn trees, clocks, runs, restarts and rollbacks make the worlds of the model, byte by byte."""
    imaged = Imaged(trial, fmt)
    cast, now = _cast(imaged), 0
    for _ in range(6):
        choice = tape.below(12)
        if choice < 8:
            _request(trial, imaged, cast, tape)
        elif choice == 8:
            now += 10 * tape.below(4)
            imaged.clock(now, rule=_OPERATION)
        elif choice == 9:
            to = tape.below(imaged.seq + 1)
            ended = imaged.rollback(to, ANY, rule="image.world.rollback")
            trial.reach("rolled back", ended == COMMITTED)
        elif choice == 10:
            imaged.restart(rule="image.restart.silent")
            imaged.ack_all(rule=_OPERATION)
        else:
            imaged.run(tape.pick((1_000, 2)), rule="image.post.order")
        imaged.world(limit=1, rule=_OPERATION)
    imaged.run(rule="image.post.order")
    imaged.list_actors(rule="image.list.exact")
    imaged.log(rule="image.op.record")
    imaged.judge(rule=_OPERATION)


def _request(trial: Trial, imaged: Imaged, cast: Cast, tape: Tape) -> None:
    roots = [letter(root.to, root.mt, root.content) for root in draw_operation(tape, imaged.stage, cast)]
    ended = imaged.operate(*roots, ends=ANY, rule=_SAVE)
    trial.reach("committed", ended == COMMITTED)
    trial.reach("failed", ended not in (COMMITTED, "") and not ended.startswith("refused"))


def forks(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A fork at a drawn world of drawn operations makes the operations that the image made after it."""
    imaged = Imaged(trial, fmt)
    cast = _cast(imaged)
    begun = imaged.seq
    requests = []
    for _ in range(4):
        roots = [letter(root.to, root.mt, root.content) for root in draw_operation(tape, imaged.stage, cast)]
        before = imaged.seq
        imaged.operate(*roots, ends=ANY, rule=_OPERATION)
        if imaged.seq > before:
            requests.append(roots)
    imaged.judge(rule=_JOURNAL)
    after = imaged.world(rule=_FORK)
    place = tape.below(len(requests) + 1)
    fork = forked(imaged, begun + place, "s2", _FORK)
    for roots in requests[place:]:
        fork.operate(*roots, ends=ANY, rule=_FORK)
    assert fork.world(rule=_FORK) == after, "the fork did as the image"
    fork.judge(rule=_JOURNAL)


PROPERTIES: Final = (
    *of_images(
        "drawn/operations",
        operations,
        _OPERATION,
        _JOURNAL,
        _SAVE,
        given=tape(6 * OPERATION_TAPE),
        examples=20,
        reach={"committed": 0.3, "failed": 0.3},
    ),
    *of_images("drawn/forks", forks, _FORK, _REPLAY, _JOURNAL, given=tape(4 * OPERATION_TAPE), examples=8),
)
