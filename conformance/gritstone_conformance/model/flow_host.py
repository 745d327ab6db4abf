"""The oracle as a host of flows: it answers the requests of ``flow`` by the model, in this process.

Spec: ``harness/operations-flow``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gritstone_conformance.model.flow.operations import (
    check_expected,
    eval_expected,
    metrics_expected,
    render_expected,
)
from gritstone_conformance.model.flow_replay import replay_expected
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import refused
from gritstone_conformance.model.session_host import SessionHost
from gritstone_conformance.model.subject import DurableStores
from gritstone_conformance.model.values import from_base64
from gritstone_conformance.replies import Json

__all__ = ["FlowHost"]

_Expectation = dict[str, Json]


class FlowHost(SessionHost):
    """One process of an implementation of ``flow`` that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None, seed: int = 0) -> None:
        super().__init__(world, limits, seed)
        claims = self.claims
        features = (*claims.features, "flow.pure", "flow.executor", "flow.metrics")
        self.claims = replace(claims, profiles=(*claims.profiles, "flow"), features=features)

    def spawn(self) -> FlowHost:
        """Return another process over the same disk."""
        return FlowHost(self.world, self.limits, self.seed + 1)

    def _answer(self, op: str, args: dict[str, Json]) -> _Expectation:
        prefix, _, name = op.partition(".")
        method: Callable[..., _Expectation] | None = getattr(self, f"_flow_{name}", None)
        return super()._answer(op, args) if prefix != "flow" or method is None else method(**args)

    def _flow_check(
        self,
        program: str,
        policy: str,
        input: str,  # noqa: A002 - the name of the wire
        peers: list[str],
        refs: list[str],
    ) -> _Expectation:
        return check_expected(from_base64(program), from_base64(policy), from_base64(input), peers, refs)

    def _flow_eval(self, expr: str, env: str) -> _Expectation:
        return eval_expected(expr, from_base64(env))

    def _flow_render(self, template: str, env: str) -> _Expectation:
        return render_expected(from_base64(template), from_base64(env))

    def _flow_replay(self, store: str, step: str) -> _Expectation:
        if store not in self._handles:
            return refused("missing")
        return replay_expected(self._handles[store].store, bytes.fromhex(step))

    def _flow_metrics(self, trace: str, baselines: list[list[str]]) -> _Expectation:
        return metrics_expected(from_base64(trace), baselines)
