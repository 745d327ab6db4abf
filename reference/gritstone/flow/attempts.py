"""Attempts of calls: dispatch, timers, settlement and retries, for nodes and for subs alike.

::

    dispatch       sends an attempt, or returns why it cannot
    try_again      dispatches the next attempt, or starts the timer of the delay before it
    settle         counts what an attempt used

Spec: ``flow/calls``.
"""

from __future__ import annotations

from gritstone.errors import Exhausted, Rejected
from gritstone.flow.core import Documents, Sources, remember
from gritstone.flow.expressions import Environment, evaluate
from gritstone.flow.limits import MOST_BACKOFF_MS
from gritstone.flow.plan import Tool
from gritstone.flow.state import Failed, Flow, Place
from gritstone.flow.templates import render
from gritstone.flow.values import Value, digest, encode_value, key_order, names_of_refs

__all__ = ["dispatch", "failure_of", "is_true", "settle", "start_timer", "try_again"]


def failure_of(place: Place, failure_class: str, why: str | None = None) -> Value:
    """Return a failure at a place."""
    failure = {"class": failure_class, **place.members()}
    return failure if why is None else {**failure, "why": why}


def dispatch(flow: Flow, place: Place, attempt: int) -> Failed | None:
    """Send an attempt.

    Returns:
        None if it was sent; otherwise the failure of the call.

    Spec: :rule:`flow.policy.when`, :rule:`flow.policy.refs`, :rule:`flow.tmpl.dispatch`.
    """
    work, state = flow.work(place), flow.state
    try:
        args, encoding = render(work.args, _environment(flow, place))
        request = {"flow": 1, **place.members(), "visit": state.visit, "tool": work.tool.name, "args": args}
        data = encode_value(request)
    except Rejected as refusal:
        return Failed(failure_of(place, refusal.code or ""))
    except Exhausted:
        return Failed(failure_of(place, "size"))
    why = _denied(flow, work.tool, args)
    if why is not None:
        flow.log_event("denied", **place.members(), tool=work.tool.name, why=why)
        return Failed(failure_of(place, "denied", why))
    limit = _exceeded(flow, place, work.tool, attempt)
    if limit is not None:
        return Failed(failure_of(place, limit), is_budget=True)
    state.calls += 1
    state.reserved += work.tool.cost
    state.steps += place.sub is not None and attempt == 1
    entries = {name: flow.core.entries[name] for name in ("program", "policy")}
    packet = flow.sent()[place.key] = flow.packet(request, data, **entries)
    remember(data, request)  # for the one that performs it
    headers = {"mt": "flow.call", "attempt": str(attempt)}
    flow.send(flow.core.peers()[work.tool.peer], headers, packet)
    state.flight[place.key] = {"phase": "called", "attempt": attempt}
    flow.log_event("called", **place.members(), tool=work.tool.name, attempt=attempt, args=digest(encoding))
    if work.timeout_ms is not None:
        start_timer(flow, place, attempt, work.timeout_ms, "timeout")
    return None


def _environment(flow: Flow, place: Place) -> Environment:
    if place.sub is None:
        return Sources(flow.core)
    outputs = flow.core.tree("part")
    return Sources(
        flow.core, dep=Documents(flow.core, {name: outputs.get(name) for name in flow.work(place).depends_on})
    )


def _denied(flow: Flow, tool: Tool, args: Value) -> str | None:
    """Return why the policy denies a call, or None."""
    erased: set[str] | None = None
    for name in sorted(args, key=key_order):
        refs = names_of_refs(args[name])
        if refs and name not in tool.refs:
            return "ref"
        if refs and erased is None:
            erased = set(flow.erased())
        if erased and refs & erased:
            return "erased"
    return None if tool.when is None or is_true(flow, tool, args) else "when"


def is_true(flow: Flow, tool: Tool, args: Value) -> bool:
    """Return whether ``when`` of a tool is true; an error is not."""
    assert tool.when is not None, "the tool has a condition"
    try:
        return evaluate(tool.when, Sources(flow.core, args=args))
    except Rejected:
        return False


def _exceeded(flow: Flow, place: Place, tool: Tool, attempt: int) -> str | None:
    """Return the limit that an attempt would exceed, or None.

    Spec: :rule:`flow.budget.calls`, :rule:`flow.budget.tokens`, :rule:`flow.budget.steps`.
    """
    state = flow.state
    if flow.exceeds("calls", state.calls + 1):
        return "calls"
    if flow.exceeds("tokens", state.tokens + state.reserved + tool.cost):
        return "tokens"
    if place.sub is not None and attempt == 1 and flow.exceeds("steps", state.steps + 1):
        return "steps"
    return None


def start_timer(flow: Flow, place: Place, attempt: int, ms: int, why: str) -> None:
    """Request a message after some time; an earlier timer of the place has no effect any more."""
    members = place.members()
    timing = {"flow": 1, **members, "visit": flow.state.visit, "attempt": attempt, "ms": ms, "why": why}
    packet = flow.packet(timing, encode_value(timing))
    flow.core.change("timers")[place.key] = packet
    flow.send(flow.core.peers()[flow.plan.roles["timer"]], {"mt": "flow.timer"}, packet)
    flow.log_event("timer", **members, why=why, ms=ms)


def settle(
    flow: Flow, place: Place, outcome: str, *, attempt: int | None = None, usage: int | None = None, value: Value = None
) -> None:
    """Count what an attempt used, and log how it ended.

    Args:
        flow: the flow.
        place: the call.
        outcome: ``ok``, ``error``, ``bad``, ``timeout`` or ``undeliverable``.
        attempt: the attempt; None for the current one.
        usage: the used tokens; None for the cost of the tool.
        value: the digest of the value of an ``ok``.
    """
    state, cost = flow.state, flow.work(place).tool.cost
    flight = state.flight[place.key]
    used = cost if usage is None else usage
    if flight["phase"] != "backoff":
        state.reserved -= cost
    state.tokens += used
    members = {"attempt": flight["attempt"] if attempt is None else attempt, "outcome": outcome, "usage": used}
    if value is not None:
        members["value"] = value
    flow.log_event("settled", **place.members(), **members)


def try_again(flow: Flow, place: Place, failure: Value) -> Failed | None:
    """Make the next attempt of a call, now or after a delay.

    Returns:
        None if the call stays open; otherwise its failure.

    Spec: :rule:`flow.retry.schedule`.
    """
    work, attempt = flow.work(place), flow.state.flight[place.key]["attempt"]
    if attempt >= work.attempts or flow.state.stop is not None:
        return Failed(failure)
    delay = min(work.backoff_ms * 2 ** (attempt - 1), MOST_BACKOFF_MS)
    if delay == 0:
        return dispatch(flow, place, attempt + 1)
    flow.state.flight[place.key] = {"phase": "backoff", "attempt": attempt}
    start_timer(flow, place, attempt, delay, "backoff")
    return None
