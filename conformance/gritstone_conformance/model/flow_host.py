"""The oracle as a host of flows: it answers the pure operations of ``flow`` by the model, in this process.

Spec: ``harness/operations-flow``.
"""

from __future__ import annotations

from dataclasses import replace

from gritstone_conformance.model.flow.operations import check_expected, eval_expected, render_expected
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.session_host import SessionHost
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.values import from_base64
from gritstone_conformance.replies import Json

__all__ = ["FlowHost"]

_Expectation = dict[str, Json]


class FlowHost(SessionHost):
    """One process of an implementation with the feature ``flow.executor`` that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None, seed: int = 0) -> None:
        super().__init__(world, limits, seed)
        self.claims = replace(self.claims, features=(*self.claims.features, "flow.executor"))

    def spawn(self) -> FlowHost:
        """Return another process over the same disk."""
        return FlowHost(self.world, self.limits, self.seed + 1)

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        match op:
            case "flow.check":
                program, policy, given = (from_base64(args[name]) for name in ("program", "policy", "input"))
                return check_expected(program, policy, given, args["peers"], args["refs"])
            case "flow.eval":
                return eval_expected(args["expr"], from_base64(args["env"]))
            case "flow.render":
                return render_expected(from_base64(args["template"]), from_base64(args["env"]))
        return super()._answer(op, args)
