"""The rungs of flows in ``gritstone doctor``: an expression, a template and a check. They are golden vectors."""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.doctor.golden_steps import GoldenSteps
from gritstone_conformance.doctor.rungs import Rung
from gritstone_conformance.replies import Claims

__all__ = ["flow_rungs"]


def flow_rungs(claims: Claims) -> Iterator[Rung]:
    """Yield the rungs of flows, if they are claimed."""
    if "flow.pure" not in claims.features:
        return
    vectors = GoldenSteps("flow")
    words = "`and` binds before `or`; an absent key is refused with the class `rejected` and the code `unbound`"
    steps = vectors.steps("expr", "precedence-and-before-or"), vectors.steps("expr", "unbound-not-equal", rejected=True)
    yield Rung("expression", (*steps[0], *steps[1]), words)
    words = "a text that is a path becomes its value; `${path}` is replaced within a text; keys stay as they are"
    steps = vectors.steps("tmpl", "everywhere-text"), vectors.steps("tmpl", "everywhere-keys-stay")
    yield Rung("template", (*steps[0], *steps[1]), words)
    words = "all defects of the stage, in ascending order of place and code; a guard is an edge that every way takes"
    steps = vectors.steps("check", "refund"), vectors.steps("check", "refund-both-exits")
    yield Rung("check", (*steps[0], *steps[1]), words)
