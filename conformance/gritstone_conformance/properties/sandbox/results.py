"""Results: drawn code, in every instance and process."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_drawn import TAPE, draw_probe
from gritstone_conformance.strategies.sandbox_probes import Prediction, counter, every_word, predict, trapping
from gritstone_conformance.strategies.sandbox_states import leaving
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["PROPERTIES"]

_ENOUGH: Final = 200_000  # units of the interpreter


def drawn(scene: SandboxScene, tape: Tape) -> None:
    """A drawn probe emits what the interpreter emits, or traps as it does."""
    build = draw_probe(tape)
    expected = predict(build, fuel=_ENOUGH)[0]
    scene.trial.reach(expected.outcome.split(":")[0])
    if expected.outcome != "exhausted:fuel" and not expected.outcome.endswith("stack-overflow"):
        scene.running(build, expected)


def same(scene: SandboxScene) -> None:
    """A probe has the same outcome and the same words in each run, instance and process."""
    other = scene.trial.spawn()
    again = scene.trial.spawn()
    builds = [counter, leaving, every_word(64), trapping("unreachable", "unreachable")]
    for build in builds:
        first: Prediction | None = None
        for process in (None, None, other, again, other):
            report = scene.run(build, limits(), on=process)
            found = Prediction(report.outcome, report.words or ())
            first = first or found
            if found != first:
                scene.trial.fail(
                    [first.outcome, *first.words],
                    [found.outcome, *found.words],
                    words="another outcome, or other words",
                )


PROPERTIES: Final = (
    of_sandboxes(
        *("sandbox/result/drawn", drawn, "sandbox.result.exact", "sandbox.module.floor"),
        given={"tape": from_tape(lambda tape: tape, TAPE)},
        reach={"done": 0.2},
        examples=30,
    ),
    of_sandboxes("sandbox/outcome/same", same, "sandbox.outcome.same"),
)
