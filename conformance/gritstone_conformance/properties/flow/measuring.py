"""Metrics of traces: worked ones, drawn ones, renamed ones, and bytes that are no traces."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.flow.operations import metrics_expected
from gritstone_conformance.model.flow.values import Ref, digest, encode
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.strategies.flow_values import draw_value, spoil
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["MEASURES", "PROPERTIES", "measuring"]

MEASURES: Final = Requires((), ("flow.executor", "flow.metrics"), ("wit",))
_TAPE: Final = 200


def measuring(trace: Any, baselines: list[list[str]], rule: str) -> Asked:
    """Return the metrics of a trace; it may be bytes that are not an encoding."""
    data = trace if isinstance(trace, bytes) else encode(trace)
    args: dict[str, Any] = {"trace": to_base64(data), "baselines": baselines}
    return "flow.metrics", args, metrics_expected(data, baselines), f"flow.{rule}"


def _entered(names: list[str]) -> list[Any]:
    return [{"e": "entered", "node": name, "visit": 1} for name in names]


def _called(node: str, args: Any, value: Any, attempt: int = 1, usage: int = 1) -> list[Any]:
    place = {"node": node}
    return [
        {"e": "called", **place, "tool": "t", "attempt": attempt, "args": digest(args)},
        {"e": "settled", **place, "attempt": attempt, "outcome": "ok", "usage": usage, "value": digest(value)},
    ]


_WORKED: Final = ("abcdefg", "abababac", "a", "", "aa", "ab", "aab", "abcabcabcd", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")


def worked(trial: Trial) -> None:
    """The worked examples of the text, and small ones next to them."""
    paths = [list(each) for each in _WORKED]
    paths += [
        ["read", "edit", "test", "edit", "test", "edit", "test", "done"],
        ["rewrite", "retry", "rewrite", "rollback", "retry", "patch", "retry"],
    ]
    for path in paths:
        for baselines in ([], [path], [["read", "validate", "patch", "test"]], [list("ab"), [], path]):
            trial.expect_many([measuring(_entered(path), baselines, "metric.formula")])
    churn = [("x", "v"), ("x", "v"), ("y", "v"), ("x", "w"), ("x", "w"), ("y", "w"), ("x", "v")]
    trace = [each for args, value in churn for each in _called("n", args, value)]
    trial.expect_many([measuring(trace, [], "metric.formula"), measuring(trace[1:], [], "metric.formula")])


def _series(bits: list[int]) -> list[str]:
    """Return nodes of which those at a 1 occur earlier."""
    first = next((at for at, bit in enumerate(bits) if not bit), 0)
    return [f"n{first}" if bit and at > first else f"n{at}" for at, bit in enumerate(bits)]


def changes(trial: Trial, tape: Tape) -> None:
    """The change point is the least place with the greatest product, and the logarithm is exact."""
    length, bits = tape.pick((2, 3, 8, 20, 60, 200)), [0]
    for _ in range(length - 1):
        bits.append(tape.pick((bits[-1], bits[-1], bits[-1], 1 - bits[-1])) if tape.below(4) else tape.below(2))
    slight = [int(bit) for bit in "0000000001011011"]
    drawn = [
        bits,
        slight,
        [0] * 12 + [1] * 4,
        [0] * length,
        [0] + [1] * (length - 1),
        [0] * length + [1] * length,
        [0, 1] * length,
    ]
    trial.expect_many([measuring(_entered(_series(each)), [], "metric.change-point") for each in drawn])


def long_series(trial: Trial) -> None:
    """A series of 4,096 nodes has a change point, one of 4,097 has none."""
    for length in (4_095, 4_096, 4_097):
        bits = [0] * (length // 2) + [1] * (length - length // 2)
        trial.expect_many([measuring(_entered(_series(bits)), [], "metric.change-point")])


def _drawn_trace(tape: Tape, names: tuple[str, ...]) -> list[Any]:
    trace: list[Any] = []
    for _ in range(tape.within(0, 14)):
        kind, node = tape.below(7), tape.pick(names)
        sub = {"sub": tape.pick(("a", "b"))} if tape.once_in(4) else {}
        outcome = tape.pick(("error", "bad", "timeout", "undeliverable"))
        trace += {
            0: _entered([node]),
            1: _called(node, tape.below(3), tape.below(2), tape.within(1, 3), tape.below(9)),
            2: [{"e": "denied", "node": node, **sub, "tool": "t", "why": tape.pick(("ref", "erased", "when"))}],
            3: [{"e": "settled", "node": node, **sub, "attempt": 1, "outcome": outcome, "usage": tape.below(9)}],
            4: [{"e": "rejected", "defects": [["", "core"]]}],
            5: [{"e": "called", "node": node, **sub, "tool": "u", "attempt": tape.within(1, 2), "args": digest(1)}],
            6: _entered([tape.pick(names), node]),
        }[kind]
    return trace


def drawn(trial: Trial, tape: Tape) -> None:
    """Each metric of a drawn trace, with up to three baselines."""
    names = ("a", "b", "cc", "d")
    trace = _drawn_trace(tape, names)
    baselines = [[tape.pick(names) for _ in range(tape.below(6))] for _ in range(tape.below(4))]
    trial.expect_many([measuring(trace, baselines, "metric.formula")])


def renamed(trial: Trial, tape: Tape) -> None:
    """Other names of nodes have the same metrics, except for the order of ``usage``."""
    at = tape.at
    found = []
    for names in (("a", "b", "c"), ("zz", "y", "x"), ("b", "a", "c")):
        tape.at = at
        asked = measuring(_drawn_trace(tape, names), [], "metric.inert")
        found.append({name: each for name, each in asked[2]["ok"].items() if name != "usage"})
        trial.expect_many([asked])
    assert found[0] == found[1] == found[2], "the model depends on names"


def refused(trial: Trial, tape: Tape) -> None:
    """Bytes that are not the encoding of a list of events are malformed."""
    odd: list[Any] = [b"", b"\x80\0", 1, None, {}, [1], [[]], [{}], [{"e": "x"}], [{"e": "entered"}]]
    odd += [[{"e": "entered", "node": node, "visit": visit}] for node in (1, "A", "") for visit in (1, -1, "1")]
    odd += [[{"e": "entered", "node": "a", "visit": 1, "x": 1}], [{"e": "ended", "status": "running"}]]
    odd += [
        [{"e": "ended", "status": "failed"}, {"e": "ignored", "why": "terminal"}],
        spoil(tape, _entered(["a", "b"])),
    ]
    odd += [draw_value(tape), [draw_value(tape)]]
    trial.expect_many([measuring(each, [], "metric.refused") for each in odd])


_DIGEST: Final = digest(1)
_AT_A: Final[dict[str, Any]] = {"node": "a"}
_ATTEMPT: Final[dict[str, Any]] = {**_AT_A, "attempt": 1}
_EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {"e": "admitted", "program": _DIGEST, "policy": _DIGEST, "input": _DIGEST},
    {"e": "planned"},
    {"e": "rejected", "defects": [["nodes.a", "shape"], ["", "core"]]},
    {"e": "entered", **_AT_A, "visit": 1},
    {"e": "decided", **_AT_A, "taken": "b"},
    {"e": "waiting", **_AT_A, "event": "go"},
    {"e": "called", **_ATTEMPT, "tool": "t", "args": _DIGEST},
    {"e": "denied", **_AT_A, "tool": "t", "why": "ref"},
    {"e": "timer", **_AT_A, "why": "wait", "ms": 5},
    {"e": "fired", **_AT_A, "why": "backoff"},
    {"e": "pending", **_ATTEMPT},
    {"e": "settled", **_ATTEMPT, "outcome": "ok", "usage": 0, "value": _DIGEST},
    {"e": "settled", **_ATTEMPT, "outcome": "error", "usage": 3},
    {"e": "resumed", **_AT_A, "event": "go", "value": _DIGEST},
    {"e": "failed", **_AT_A, "failure": {"class": "tool", "why": "busy"}},
    {"e": "erased", "refs": ["a", "b"]},
    {"e": "gone", "refs": ["a"]},
    {"e": "continued", "program": _DIGEST},
    {"e": "cut"},
    {"e": "ended", "status": "succeeded"},
    {"e": "ignored", "why": "terminal"},
)
"""An event of each form."""
_MEMBERS: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 2**63 - 1, Ref("a"), "", "a", "A", "a" * 63, "a" * 64, "a" * 65, "G" * 64),
    *([], ["a"], ["b", "a", "a"], ["A"], [1], [[]], [["", "x"]], [["", 1]], [[1, ""]], [["", "", ""]], ["a", 1]),
    *({}, {"class": ""}, {"why": ""}, {"class": 1}, {"class": "", "why": 1}, {"class": "", "odd": ""}),
    *("ref", "erased", "when", "timeout", "backoff", "wait", "ok", "error", "bad", "undeliverable"),
    *("rejected", "succeeded", "failed", "budget_exceeded", "stalled", "running", "planned"),
)
"""Values of members, of the right form for some."""


def forms(trial: Trial) -> None:
    """An event that has exactly its members, each of its form, is an event of a trace; any other is malformed."""
    for event in _EVENTS:
        others = [event, {**event, "sub": "s"}, {**event, "sub": "S"}, {**event, "odd": 1}]
        others += [{name: each for name, each in event.items() if name != absent} for absent in event]
        others += [{**event, name: each} for name in event for each in _MEMBERS]
        trial.expect_many([measuring([each], [], "metric.refused") for each in others])


_DRAWN: Final = {"tape": from_tape(lambda tape: tape, _TAPE)}


def _of(name: str, body: Any, *rules: str, is_drawn: bool = False, examples: int | None = None) -> Property:
    given = _DRAWN if is_drawn else None
    return Property(
        f"flow/metric/{name}", tuple(f"flow.metric.{rule}" for rule in rules), body, given, MEASURES, examples=examples
    )


PROPERTIES: Final = (
    _of("worked", worked, "formula"),
    _of("drawn", drawn, "formula", is_drawn=True, examples=100),
    _of("changes", changes, "change-point", is_drawn=True, examples=20),
    _of("long-series", long_series, "change-point"),
    _of("renamed", renamed, "inert", is_drawn=True, examples=20),
    _of("refused", refused, "refused", is_drawn=True, examples=20),
    _of("forms", forms, "refused"),
)
