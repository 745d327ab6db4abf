"""Vectors of the transition of flows: short runs, each with the log of its last step.

A run is recorded on the model by the scene of the properties: its requests, with what the model answers, are the steps
of the case. What was put before the first step of a flow is imported as one bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.model.formats import FRAMED_SHA256, Format
from gritstone_conformance.model.graph import edges
from gritstone_conformance.model.values import from_base64, to_base64
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene
from gritstone_conformance.rules import load_rules
from gritstone_conformance.strategies.flow_runs import policy, program
from gritstone_conformance.trial import Trial

__all__ = ["RunDraft", "case_of_run", "started"]

GIVEN: Final[dict[str, Any]] = {"x": 1}
REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}


@dataclass(frozen=True, slots=True)
class RunDraft:
    """One run, before it is made in a format.

    Attributes:
        name: topic and slug.
        rules: the rules without ``flow.``, the main rule first.
        script: makes the run, with the main rule as the rule of each request.
        ends: the log of the last step in short; nothing if its state was erased.
    """

    name: str
    rules: tuple[str, ...]
    script: Callable[[FlowScene, str], object]
    ends: tuple[str, ...]


def started(scene: FlowScene, rule: str, nodes: dict[str, Any], **options: Any) -> FlowScene:
    """Start a flow at ``a``.

    Options are the limits of the program, the ``bounds`` of the policy and its other members, more of the input,
    ``entries`` of the core, and whether the flow is ``rejected``.
    """
    limits, given = options.pop("limits", None), {**GIVEN, **options.pop("given", {})}
    entries, rejected = options.pop("entries", {}), options.pop("rejected", False)
    if "bounds" in options:
        options["limits"] = options.pop("bounds")
    whole = program("a", limits, **nodes)
    return scene.start(whole, policy(**options), given, REFS, rule=rule, rejected=rejected, **entries)


def case_of_run(draft: RunDraft, fmt: Format) -> Case:
    """Return the case of a draft in a format; raises AssertionError if the model does not end as the draft states."""
    trial = Trial(FlowHost(), f"flow.{draft.rules[0]}")
    scene = FlowScene(trial, fmt)
    try:
        draft.script(scene, draft.rules[0])
        scene.flush()
        is_erased = scene.bench.executor.shelf.is_erased(scene.entries["state"])
        log = () if is_erased else tuple(scene.log)
        assert log == draft.ends, (draft.name, log)
        steps = tuple(_imported(fmt, trial.steps))
    finally:
        trial.finish()
    rules = tuple(f"flow.{rule}" for rule in draft.rules)
    title = draft.name if fmt is FRAMED_SHA256 else f"{draft.name}-in-cbor"
    return Case(f"flow/{title}", rules, _requires(fmt, rules, steps), steps)


def _requires(fmt: Format, rules: tuple[str, ...], steps: tuple[CaseStep, ...]) -> Requires:
    """Return what the rules bind: executors of flows, or only implementations of the whole profile."""
    book = load_rules().rules
    is_executor = all("flow.executor" in book[rule].needs for rule in rules)
    features = ("erase",) if any(step.op == "grit.erase" for step in steps) else ()
    return Requires((fmt.name,), (*features, "flow.executor"), ("wit",) if is_executor else ("flow",))


def _imported(fmt: Format, steps: list[CaseStep]) -> Iterator[CaseStep]:
    """Yield the steps, of which the puts after the opening are one import."""
    first = next(at for at, step in enumerate(steps) if at and step.op != "grit.put")
    yield steps[0]
    frames: dict[bytes, bytes | None] = {}
    for step in steps[1:first]:
        data = from_base64(step.args["bytes"])
        frames[fmt.hash(data)] = data
    reached = {edge.target for data in frames.values() if data is not None for edge in edges(fmt.decode(data))}
    roots = {f"tags/{number}": each for number, each in enumerate(each for each in frames if each not in reached)}
    bundle = to_base64(write(fmt, roots, frames))
    counts = {"objects": len(frames), "refs": len(roots)}
    yield CaseStep("grit.import", {"store": steps[0].args["store"], "bytes": bundle, "more": False}, {"ok": counts})
    for step in steps[first:]:
        yield step if step.op != "grit.put" else replace(step, rule=None)
