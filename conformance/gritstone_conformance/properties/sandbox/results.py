"""Results: drawn code, in every instance and process."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.properties.sandbox.scene import SandboxScene, limits, of_sandboxes
from gritstone_conformance.strategies.sandbox_defects import PLACES, TEXTS, WORDS, disguised
from gritstone_conformance.strategies.sandbox_drawn import TAPE, draw_probe
from gritstone_conformance.strategies.sandbox_probes import Build, Prediction, counter, every_word, predict, trapping
from gritstone_conformance.strategies.sandbox_states import endless, leaving
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["PROPERTIES"]

_STOPPED: Final = ("exhausted:fuel", "timeout")
_MOST_TEXT: Final = 200  # bytes
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
    other = scene.trial.other()
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


def unforged(scene: SandboxScene, parts: list[bytes], places: frozenset[str], ending: str) -> None:
    """A text in names, sections, data or output changes no outcome: it is that of the same module with another text."""
    text = b"".join(parts)[:_MOST_TEXT]
    scene.trial.reach(ending)
    neutral, forging = (disguised(each, places, ending) for each in (b"x" * len(text), text))
    if ending == "loop":
        scene.ending(neutral, _STOPPED)
        scene.ending(forging, _STOPPED)
    else:
        scene.running(neutral, predict(neutral)[0])
        scene.running(forging, predict(forging)[0])


_WORD: Final = every_word(1)
_REPORTED: Final[tuple[tuple[Build, tuple[str, ...]], ...]] = (
    (_WORD, ("done",)),
    (counter, ("done",)),
    (trapping("unreachable", "unreachable"), ("failed:trap:unreachable", "failed")),
    (endless("branch"), _STOPPED),
    (lambda abi: _WORD(abi)[:-1], ("unresolved:module", "unresolved:import", "unresolved:export")),
)


def reported(scene: SandboxScene) -> None:
    """Each call, however it ends, reports a number of units with the feature, and no number without it."""
    reports = []
    for build, ends in _REPORTED:
        report = scene.ending(build, ends, keep=scene.claims("keep"), rule="sandbox.outcome.class")
        reports.append(report)
        if scene.claims("keep") and report.kind == "done":
            reports.append(scene.ending_again(str(report.instance), ends, rule="sandbox.keep.state"))
    for report in reports:
        if (report.used is None) == scene.claims("fuel"):
            expected = "a number" if scene.claims("fuel") else None
            scene.trial.fail(expected, report.used, path="/ok/used", words=f"the units of a call that is {report.kind}")


_PARTS: Final = st.lists(st.sampled_from((*TEXTS, *WORDS)), min_size=1, max_size=4)

PROPERTIES: Final = (
    of_sandboxes(
        *("sandbox/outcome/unforged", unforged, "sandbox.outcome.unforged"),
        given={
            "parts": _PARTS,
            "places": st.frozensets(st.sampled_from(PLACES), min_size=1),
            "ending": st.sampled_from(("trap", "division", "done", "loop")),
        },
        examples=24,
        cost=80,
    ),
    of_sandboxes(
        *("sandbox/result/drawn", drawn, "sandbox.result.exact", "sandbox.module.floor"),
        given={"tape": from_tape(lambda tape: tape, TAPE)},
        reach={"done": 0.2},
        examples=20,
        cost=70,
    ),
    of_sandboxes("sandbox/fuel/reported", reported, "sandbox.fuel.reported"),
    of_sandboxes("sandbox/outcome/same", same, "sandbox.outcome.same", cost=50),
)
