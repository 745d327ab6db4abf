"""Calls: dispatch, timers, results, and further attempts.

Spec: ``flow/calls``; what differs for subs is in ``flow/parallel``.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.evaluation import holds
from gritstone_conformance.model.flow.expressions import parse, paths_of
from gritstone_conformance.model.flow.leaving import failure, finish, give_failure, give_output, release, stop
from gritstone_conformance.model.flow.objects import Documents
from gritstone_conformance.model.flow.paths import Environment, EvaluationError
from gritstone_conformance.model.flow.sending import call_packet, request, timer_packet
from gritstone_conformance.model.flow.templates import CannotRender, render
from gritstone_conformance.model.flow.values import Map, Value, digest, equal, in_key_order, is_within, refs_in
from gritstone_conformance.model.flow.working import Flow, Place

__all__ = ["accept", "dispatch", "rendered", "settle", "start_timer", "try_again"]

_LONGEST_DELAY: Final = 30_000


def rendered(template: Value, environment: Environment) -> tuple[Value, str | None]:
    """Return a rendered value, or the class of the failure: an error if there is one, otherwise ``size``."""
    try:
        return render(template, environment), None
    except CannotRender as problem:
        errors = problem.outcomes - {"exhausted"}
        return None, min(errors) if errors else "size"


def dispatch(flow: Flow, place: Place, attempt: int) -> None:
    """Dispatch an attempt of a call or sub.

    Spec: :rule:`flow.tmpl.dispatch`, :rule:`flow.policy.every-path`.
    """
    element = flow.element(place)
    args, error = rendered(element["args"], _environment(flow, place))
    if error is None and not is_within(request(flow, place, args)):
        error = "size"
    if error is not None:
        give_failure(flow, place, failure(error, place))
        return
    denied = _denied(flow, place, args)
    if denied is not None:
        flow.logs_at("denied", place, tool=element["tool"], why=denied)
        give_failure(flow, place, failure("denied", place, denied))
        return
    limit = _limit_reached(flow, place, attempt)
    if limit is None:
        _call(flow, place, attempt, args)
    elif place.sub is None:
        finish(flow, "budget_exceeded", failure(limit, place))
    else:
        flow.state["done"][place.sub] = False
        release(flow, place)
        stop(flow, place.node, {**failure(limit, place), "budget": True})


def start_timer(flow: Flow, place: Place, attempt: int, ms: int, why: str) -> None:
    """Start a timer in the place of the one before."""
    packet = timer_packet(flow, place, attempt, ms, why)
    receiver = flow.peer(flow.policy["timer"])
    assert receiver is not None
    flow.send(receiver, packet, mt="flow.timer")
    flow.add("timers", place.key, packet)
    flow.logs_at("timer", place, why=why, ms=ms)


def settle(flow: Flow, place: Place, outcome: str, usage: int | None, attempt: int, **value: Value) -> None:
    """Settle an attempt.

    Args:
        flow: the flow.
        place: the call or sub.
        outcome: the outcome.
        usage: the usage of the result; None if there is none.
        attempt: the attempt that is settled.
        value: of ``ok``: the digest of the value.

    Spec: :rule:`flow.budget.tokens`.
    """
    cost = flow.tool(place).get("cost", 0)
    if flow.state["flight"][place.key]["phase"] != "backoff":
        flow.state["reserved"] -= cost
    spent = cost if usage is None else usage
    flow.state["tokens"] += spent
    flow.logs_at("settled", place, attempt=attempt, outcome=outcome, usage=spent, **value)


def accept(flow: Flow, place: Place, value: Value, refs: dict[str, bytes]) -> None:
    """Carry out the effect of an attempt that ended with a value.

    Spec: :rule:`flow.result.one-of`, :rule:`flow.policy.facts`.
    """
    element = flow.element(place)
    if "one_of" in element and not any(equal(value, text) for text in element["one_of"]):
        give_failure(flow, place, failure("not-allowed", place))
        return
    flow.set_tree("refs", {**flow.tree("refs"), **refs})
    if element["tool"] in _tools_in_conditions(flow.policy):
        flow.add("facts", element["tool"], flow.put(value))
    give_output(flow, place, value)


def try_again(flow: Flow, place: Place, failed: Map) -> None:
    """Dispatch the next attempt, now or after a delay; without one, fail.

    Spec: :rule:`flow.retry.schedule`.
    """
    retry = flow.element(place).get("retry", {"max_attempts": 1})
    flight = flow.state["flight"][place.key]
    made = flight["attempt"]
    if made >= retry["max_attempts"] or "stop" in flow.state:
        give_failure(flow, place, failed)
        return
    delay = min(retry.get("backoff_ms", 0) * 2 ** (made - 1), _LONGEST_DELAY)
    if delay == 0:
        dispatch(flow, place, made + 1)
        return
    flight["phase"] = "backoff"
    start_timer(flow, place, made, delay, "backoff")


def _environment(flow: Flow, place: Place) -> Environment:
    """Return the environment of ``args``."""
    environment = dict(flow.environment(out=flow.documents("out"), prior=flow.documents("prior")))
    if place.sub is not None:
        parts, depends = flow.tree("part"), flow.element(place).get("depends_on", ())
        environment["dep"] = Documents(flow.shelf, {sub: parts.get(sub) for sub in depends})
    return environment


def _denied(flow: Flow, place: Place, args: Any) -> str | None:
    """Return why the policy denies a call, or None.

    Spec: :rule:`flow.policy.refs`, :rule:`flow.erase.denied`, :rule:`flow.policy.when`.
    """
    tool = flow.tool(place)
    for param in in_key_order(args):
        refs = set(refs_in(args[param]))
        if refs and param not in tool.get("refs", ()):
            return "ref"
        if refs and refs & set(flow.erased):
            return "erased"
    if "when" not in tool:
        return None
    try:
        is_allowed = holds(tool["when"], flow.environment(args=args, tool=flow.documents("facts")))
    except EvaluationError:
        is_allowed = False
    return None if is_allowed else "when"


def _limit_reached(flow: Flow, place: Place, attempt: int) -> str | None:
    """Return the limit that an attempt would exceed, or None.

    Spec: :rule:`flow.budget.calls`, :rule:`flow.budget.tokens`.
    """
    state, cost = flow.state, flow.tool(place).get("cost", 0)
    if flow.would_exceed("max_calls", state["calls"] + 1):
        return "calls"
    if flow.would_exceed("max_tokens", state["tokens"] + state["reserved"] + cost):
        return "tokens"
    if place.sub is not None and attempt == 1 and flow.would_exceed("max_steps", state["steps"] + 1):
        return "steps"
    return None


def _call(flow: Flow, place: Place, attempt: int, args: Value) -> None:
    """Send an attempt, which nothing prevents."""
    element, tool = flow.element(place), flow.tool(place)
    flow.state["calls"] += 1
    flow.state["reserved"] += tool.get("cost", 0)
    flow.state["steps"] += place.sub is not None and attempt == 1
    packet = call_packet(flow, place, args)
    receiver = flow.peer(tool["peer"])
    assert receiver is not None
    flow.send(receiver, packet, mt="flow.call", attempt=str(attempt))
    flow.logs_at("called", place, tool=element["tool"], attempt=attempt, args=digest(args))
    if place.sub is None:
        flow.entries["sent"] = packet
    else:
        flow.add("sent", place.sub, packet)
    flow.state["flight"][place.key] = {"phase": "called", "attempt": attempt}
    if "timeout_ms" in element:
        start_timer(flow, place, attempt, element["timeout_ms"], "timeout")


def _tools_in_conditions(policy: Any) -> set[str]:
    """Return the tools that some ``when`` of a policy names as ``$tool.<tool>``."""
    conditions = [tool["when"] for tool in policy["tools"].values() if "when" in tool]
    paths = [path for condition in conditions for path in paths_of(parse(condition))]
    return {path.first for path in paths if path.namespace == "tool"}
