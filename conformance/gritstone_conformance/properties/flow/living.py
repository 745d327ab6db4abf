"""Lives on a runtime of the subject, compared with those on the model, which never dies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Unpack

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.kernels import ModelKernel, SubjectKernel
from gritstone_conformance.properties.flow.peer import Kernel, Peer
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.properties.runtime.free_schedule_fixture import StoreOptions
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.strategies.flow_lives import Life
from gritstone_conformance.trial import Divergence, Property, PropertyOptions, Trial

__all__ = [
    "KEY",
    "LOST",
    "ONCE",
    "Unharmed",
    "carry_out",
    "judge_life",
    "live_on_model",
    "live_unharmed",
    "of_flows",
]

BUDGET: Final = "flow.budget.across-suspend"
KEY: Final = "flow.call.key-stable"
LOST: Final = "flow.crash.nothing-lost"
ONCE: Final = "flow.call.once"
_FOUND: Final = {"lost": LOST, "unsent": ONCE}

Unharmed = tuple[ModelKernel, Peer]
"""The model's runtime after a life, and the peer that carried it out there."""


def live_on_model(fmt: Format, life: Life) -> Unharmed:
    """Carry a life out on the model."""
    kernel = ModelKernel(fmt)
    peer = Peer(kernel, life)
    peer.live()
    return kernel, peer


def _trace(kernel: Kernel, flow: bytes) -> list[Any]:
    """Return the canonical trace without an event ``gone`` that an earlier one repeats.

    An eraser that was not acknowledged reports again, and a flow does not remember what is gone.
    """
    answer = kernel.query(flow, "trace")
    events: Any = [] if answer is None else kernel.value(answer)
    return [event for number, event in enumerate(events) if event["e"] != "gone" or event not in events[:number]]


def judge_life(trial: Trial, kernel: SubjectKernel, peer: Peer, model: Unharmed, rule: str) -> None:
    """Compare what a life left with what it leaves on the model, which never dies."""
    expected, unharmed = model
    if any(len(keys) > 1 for keys in peer.places.values()):
        trial.fail("one key", "several", words="attempts of one call have different packets", rule=KEY)
    if any(len(messages) > 1 for messages in peer.sends.values()):
        trial.fail("one message", "several", words="two messages have one key and attempt", rule=ONCE)
    flows = unharmed.flows
    is_cut = any(event["e"] == "cut" for flow in flows for event in _trace(expected, flow))
    if list(peer.performed) != list(unharmed.performed):
        _judge_lost(kernel, is_whole=not is_cut)
        trial.fail(len(unharmed.performed), len(peer.performed), words="other keys were performed", rule=rule)
    for flow in flows:
        due, got = _trace(expected, flow), _trace(kernel, flow)
        if due != got:
            trial.fail(due, got, words="not the trace of the same results without a crash", rule=rule)
        counted, counts = _counters(expected, flow), _counters(kernel, flow)
        if counted != counts:
            trial.fail(counted, counts, words="other counters than without a crash", rule=BUDGET)
    kernel.fixture.check(is_whole=not is_cut, rules=_FOUND)


def _judge_lost(kernel: SubjectKernel, *, is_whole: bool) -> None:
    """Raise Divergence if the history shows that a call did not reach its peer, or was read before it was durable."""
    try:
        kernel.fixture.check(is_whole=is_whole, rules=_FOUND)
    except Divergence as found:
        if found.rule in _FOUND.values():
            raise


def _counters(kernel: Kernel, flow: bytes) -> dict[str, Any]:
    """Return the counters in the state of a flow."""
    answer = kernel.query(flow, "state")
    state: Any = {} if answer is None else kernel.value(answer)
    return {name: state.get(name) for name in ("calls", "reserved", "stalled", "steps", "tokens", "visits")}


def live_unharmed(trial: Trial, fmt: Format, life: Life, model: Unharmed) -> None:
    """Carry a life out on the subject without a death."""
    kernel = SubjectKernel(trial, fmt, model[0], StoreOptions(handle="control"), rule="flow.step.function")
    kernel.start()
    peer = Peer(kernel, life)
    peer.live()
    judge_life(trial, kernel, peer, model, "flow.step.function")
    kernel.fixture.close()


def carry_out(trial: Trial, fmt: Format, life: Life, rule: str, prepare: Callable[[SubjectKernel], None]) -> None:
    """Carry a life out on a runtime that is prepared in some way, and judge it."""
    model = live_on_model(fmt, life)
    with relying(trial, partial(live_unharmed, trial, fmt, life, model), "the same life on one runtime"):
        kernel = SubjectKernel(trial, fmt, model[0], rule=rule)
        kernel.start()
        prepare(kernel)
        peer = Peer(kernel, life)
        peer.live()
        judge_life(trial, kernel, peer, model, rule)
    kernel.fixture.close()


def of_flows(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format for implementations of ``flow``, of which the gate runs one."""
    return in_each_format(f"flow/{name}", body, *rules, given=given, features=features, once=True, **options)
