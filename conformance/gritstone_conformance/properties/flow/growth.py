"""How the time of a flow grows with its calls and with its unread mail: measured on one runtime, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.flow.kernels import ModelKernel, SubjectKernel
from gritstone_conformance.properties.flow.living import of_flows
from gritstone_conformance.properties.flow.peer import Peer, first_core
from gritstone_conformance.properties.runtime.lockstep import GENESIS
from gritstone_conformance.strategies.flow_lives import Life, lives_policy
from gritstone_conformance.strategies.flow_runs import call, program
from gritstone_conformance.strategies.scenarios import Injection
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_CALLS: Final = (1_250, 2_500)
_CALL_TIMES: Final = 2.3
_MESSAGES: Final = (1_000, 4_000)
_MESSAGE_TIMES: Final = 5.0
_TRIES: Final = 3


def calls(trial: Trial, fmt: Format) -> None:
    """A loop of twice as many calls takes hardly more than twice as long."""
    _compare(trial, fmt, _loop_s, _CALLS, _CALL_TIMES, "the time of a loop grows faster than its calls")


def queue(trial: Trial, fmt: Format) -> None:
    """Four times as many unread messages take hardly more than four times as long."""
    words = "the time to read messages grows faster than their number"
    _compare(trial, fmt, _queue_s, _MESSAGES, _MESSAGE_TIMES, words)


def _compare(
    trial: Trial,
    fmt: Format,
    measure: Callable[[Trial, Format, int], float],
    sizes: tuple[int, int],
    times: float,
    words: str,
) -> None:
    """Measure both sizes, up to three times, and compare them."""
    for left in reversed(range(_TRIES)):
        few, many = (measure(trial, fmt, size) for size in sizes)
        if many <= times * few:
            return
        if not left:
            trial.fail_slow(times, few, many, words=words)


def _loop_s(trial: Trial, fmt: Format, count: int) -> float:
    """Return the processor time, in seconds, that a loop of so many calls takes, with the answers of its peer."""
    nodes = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 'done'", "then": "e", "else": "a"}}
    limits = {"max_visits": 10_000, "max_calls": 10_000, "max_steps": 10_000}
    values = (*(str(number % 2) for number in range(count - 1)), "done")
    life = Life(program("a", limits, **nodes), lives_policy(limits=limits), values=values)
    kernel = _kernel(trial, fmt)
    peer = Peer(kernel, life, most_rounds=2 * count)
    watch = Stopwatch(trial)
    peer.live()
    seconds = watch.worked_s()
    assert len(peer.performed) == count, "the loop has another number of calls"
    kernel.fixture.close()
    return seconds


def _queue_s(trial: Trial, fmt: Format, count: int) -> float:
    """Return the processor time, in seconds, in which a flow reads so many messages."""
    wait = {"kind": "wait", "event": "go", "next": "e"}
    kernel = _kernel(trial, fmt)
    flow = first_core(kernel, Life(program("w", None, w=wait), lives_policy()))
    kernel.inject(flow, GENESIS, flow)
    kernel.run()
    note = kernel.put(Blob((), b"note"))
    kernel.fixture.inject(Injection(flow, (("mt", "note"), ("number", str(number))), note) for number in range(count))
    watch = Stopwatch(trial)
    kernel.run()
    seconds = watch.worked_s()
    kernel.fixture.close()
    return seconds


def _kernel(trial: Trial, fmt: Format) -> SubjectKernel:
    kernel = SubjectKernel(trial, fmt, ModelKernel(fmt))
    kernel.start()
    return kernel


PROPERTIES: Final[tuple[Property, ...]] = (
    *of_flows("growth/calls", calls, "flow.perf.slope", search_only=True),
    *of_flows("growth/queue", queue, "flow.perf.queue", search_only=True),
)
