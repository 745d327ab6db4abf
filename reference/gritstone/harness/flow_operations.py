"""The operations of the profile ``flow``; see ``operations`` for what an operation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gritstone.flow.check import check
from gritstone.flow.metrics import metrics, read_trace
from gritstone.flow.pure import evaluate_text, render_value
from gritstone.flow.replay import replay
from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import Session
from gritstone.harness.wire import Json, write_bytes
from gritstone.harness.wit_operations import objects_of

__all__ = ["FLOW_OPERATIONS"]


def flow_check(session: Session, args: Arguments) -> Json:
    return {"defects": check(args["program"], args["policy"], args["input"], args["peers"], args["refs"])}


def flow_eval(session: Session, args: Arguments) -> Json:
    return {"value": evaluate_text(args["expr"], args["env"])}


def flow_render(session: Session, args: Arguments) -> Json:
    return {"value": write_bytes(render_value(args["template"], args["env"]))}


def flow_replay(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    outcome = replay(objects_of(store), args["step"])
    return {"steps": outcome.steps, "differs": outcome.differs}


def flow_metrics(session: Session, args: Arguments) -> Json:
    found = dict(metrics(read_trace(args["trace"]), args["baselines"]))
    found["usage"] = [{**each, "tokens": str(each["tokens"])} for each in found["usage"]]  # may exceed 2^53
    point = found["change_point"]
    if point is not None:
        found["change_point"] = {**point, "millibits": str(point["millibits"])}  # a frame has no signed numbers
    return found


FLOW_OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = MappingProxyType(
    {
        "flow.check": flow_check,
        "flow.eval": flow_eval,
        "flow.render": flow_render,
        "flow.replay": flow_replay,
        "flow.metrics": flow_metrics,
    }
)
"""The operations of ``flow`` by name."""
