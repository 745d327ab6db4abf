"""Lives: flows with all that happens to them from outside, as plain data that a peer carries out on any runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.strategies.flow_runs import TOOLS, VALUES, call, draw_program, end, policy, program
from gritstone_conformance.strategies.tape import Tape

__all__ = ["CROSSINGS", "GIVEN", "LIFE_TAPE", "LIVES", "SEALED", "Life", "Move", "draw_life", "lives_policy"]

LIFE_TAPE: Final = 200
"""Bytes of tape that a life can use to the full."""

Move = tuple[str, Any]
"""What the outside does when nothing is left to answer, and its value:

``event``: sends the event of the open wait with a value; ``cancel``; ``cleanup``; ``erase`` with names; ``replan``
with a program; ``fire``: reports the oldest timer; ``poison``: sends a message that is ignored, by number; ``result``:
answers the newest call with the members of a result; ``together``: makes several moves before the flow reads any.
"""


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to a flow.

    Attributes:
        program: its program.
        policy: its policy; every peer is the outside.
        answers: to a call, named ``node`` or ``node.sub``, by attempt: the members of the results that are sent, where
            ``attempt`` names an earlier one. A call or an attempt that is not listed gets one value.
        values: what else is answered, in order of the keys, and again from the beginning.
        moves: what the outside does, in order.
        refs: the payloads of the sealed blobs.
        is_reversed: whether calls that are read together are answered from the last to the first.
        copies: how often each result is sent.
    """

    program: Any
    policy: Any
    answers: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)
    values: tuple[Any, ...] = (1,)
    moves: tuple[Move, ...] = ()
    refs: Mapping[str, bytes] = field(default_factory=dict)
    is_reversed: bool = False
    copies: int = 1


_OURS: Final = {name: {**tool, "peer": "edge"} for name, tool in TOOLS.items()}
_ROLES: Final = ("cancel", "erase", "replan", "cleanup")
SEALED: Final = {"card": bytes(range(16)) + b"4111", "spare": bytes(16) + b"other"}


def lives_policy(**members: Any) -> dict[str, Any]:
    """Return a policy in which every peer is ``edge``."""
    whole = {"timer": "edge", "eraser": "edge", "agent": "edge", "tools": _OURS}
    roles = {"control": {name: ["edge"] for name in _ROLES}, "events": {"go": ["edge"], "stop": ["edge"]}}
    return policy(**{**whole, **roles, **members})


def _ok(value: Any, **more: Any) -> dict[str, Any]:
    return {"outcome": "ok", "value": value, **more}


_NO: Final[dict[str, Any]] = {"outcome": "error", "error": {"class": "busy", "retry": True}}
_PENDING: Final[dict[str, Any]] = {"outcome": "pending"}


def chain() -> Life:
    """Return a chain of calls with results that come twice, late, and from an attempt before."""
    nodes = {
        "a": call("b", retry={"max_attempts": 3}),
        "b": call("c", "u", args={"x": "$out.a"}),
        "c": call("e", "v", args={"x": "$out.b"}, retry={"max_attempts": 2}),
    }
    answers = {
        "a": ((_NO,), ({**_NO, "attempt": 1}, _ok("A", usage=2))),
        "b": ((_PENDING, _PENDING, _ok("B")),),
        "c": ((_NO,), (_ok("late", attempt=1), _ok("second"))),
    }
    ends = end(output=["$out.a", "$out.b", "$out.c"])
    return Life(program("a", None, **nodes, e=ends), lives_policy(), answers, copies=2)


def loop() -> Life:
    """Return a loop that a value ends, with a message between that is ignored."""
    nodes = {
        "a": call("b", args={"x": "$input.x"}),
        "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"},
    }
    whole = program("a", {"max_visits": 9, "max_stalled": 9}, **nodes)
    return Life(whole, lives_policy(), values=("again", "again", "again", "done"), copies=2)


def parallel() -> Life:
    """Return a parallel whose calls are answered from the last to the first, one of them after two errors."""
    subs = {
        "a": {"tool": "t", "args": {"x": 1}, "retry": {"max_attempts": 3}},
        "b": {"tool": "u", "args": {"x": 2}},
        "c": {"tool": "v", "args": {"x": "$dep.a"}, "depends_on": ["a"]},
        "d": {"tool": "t", "args": {"x": 4}, "optional": True},
    }
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e", "width": 3}}
    refused = {"outcome": "error", "error": {"class": "no", "retry": False}}
    answers = {"p.a": ((_NO,), (_NO,), (_ok("A"),)), "p.d": ((refused,),)}
    return Life(program("p", None, **nodes), lives_policy(), answers, is_reversed=True)


def retry() -> Life:
    """Return a call that is tried again after a delay and after a timeout, and settles at its last attempt."""
    nodes = {"a": call("e", retry={"max_attempts": 4, "backoff_ms": 100}, timeout_ms=1_000)}
    answers = {"a": ((_NO,), (), (_PENDING, _NO), (_ok("A"),))}
    return Life(program("a", None, **nodes), lives_policy(), answers, copies=2)


def wait() -> Life:
    """Return a wait that its timer ends, one that an event ends, and a timer that comes too late."""
    nodes = {
        "w": {"kind": "wait", "event": "go", "timeout_ms": 50, "next": "e", "on_error": "x"},
        "x": {"kind": "wait", "event": "go", "timeout_ms": 60, "next": "y"},
        "y": {"kind": "wait", "event": "stop", "next": "e"},
    }
    moves: tuple[Move, ...] = (("poison", 1), ("fire", None), ("event", 7), ("fire", None), ("event", {"a": 1}))
    return Life(program("w", None, **nodes), lives_policy(), moves=moves)


def successor() -> Life:
    """Return a flow that reaches a budget, two successors of it, and a result that comes late."""
    nodes = {"a": call("b"), "b": call("c", "u", args={"x": "$out.a"}), "c": call()}
    plan = program("b", {"max_calls": 1}, b=call("d", "u", args={"x": "$prior.a"}), d=call())
    last = program("d", None, d=call("e", args={"x": "$prior.b"}), e=end(output="$out.d"))
    answers = {"a": ((_ok("A", usage=5),),)}
    moves: tuple[Move, ...] = (("replan", plan), ("replan", last), ("replan", last))
    whole = program("a", {"max_calls": 2}, **nodes)
    return Life(whole, lives_policy(), answers, values=("x", "y", "z"), moves=moves, copies=2)


def cleanup() -> Life:
    """Return a flow whose history is cut at its end."""
    nodes = {
        "a": call("w"),
        "w": {"kind": "wait", "event": "go", "next": "b"},
        "b": call(),
    }
    moves: tuple[Move, ...] = (("event", 1), ("cleanup", None))
    return Life(program("a", None, **nodes), lives_policy(), moves=moves)


def erase() -> Life:
    """Return a flow with an open call whose refs are erased: one is used before, the other no longer."""
    nodes = {
        "a": call("w", args={"card": "$input.card"}),
        "w": {"kind": "wait", "event": "go", "next": "b"},
        "b": call("e", args={"card": "$input.spare"}, on_error="c"),
        "c": call(),
    }
    moves: tuple[Move, ...] = (("erase", ["spare"]), ("event", 1), ("erase", ["card"]))
    return Life(program("a", None, **nodes), lives_policy(), moves=moves, refs=SEALED)


def cancel() -> Life:
    """Return a parallel that is cancelled while calls and timers are open; results and timers come afterwards."""
    subs = {name: {"tool": "t", "args": {"x": name}, "timeout_ms": 50} for name in ("a", "b", "c")}
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e"}}
    answers = {"p.a": ((),), "p.b": ((_PENDING,),), "p.c": ((_ok(1),),)}
    moves: tuple[Move, ...] = (("poison", 1), ("cancel", None), ("fire", None), ("event", 1))
    return Life(program("p", None, **nodes), lives_policy(), answers, moves=moves)


LIVES: Final[dict[str, Callable[[], Life]]] = {
    "chain": chain,
    "loop": loop,
    "parallel": parallel,
    "retry": retry,
    "wait": wait,
    "successor": successor,
    "cleanup": cleanup,
    "erase": erase,
    "cancel": cancel,
}
"""The lives that are worked out, by name."""

# --- what arrives together ------------------------------------------------------------------------------------


def _open(*moves: Move, **members: Any) -> Life:
    """Return a call with a timer that is not answered, and moves that are made together."""
    nodes = {"a": call("b", timeout_ms=50, on_error="b", args={"card": "$input.card"}, **members), "b": call()}
    whole = program("a", {"max_calls": 2}, **nodes)
    return Life(whole, lives_policy(), {"a": ((), ())}, moves=(("together", moves),), refs=SEALED)


_ANSWER: Final[Move] = ("result", _ok("A", usage=2))
_FIRE: Final[Move] = ("fire", None)
_TWICE: Final[dict[str, Any]] = {"retry": {"max_attempts": 2}}
_NEXT: Final = program("d", None, d=call())


def _waiting(*moves: Move) -> Life:
    """Return a wait with a timer, and moves that are made together."""
    nodes = {
        "w": {"kind": "wait", "event": "go", "timeout_ms": 50, "next": "v"},
        "v": {"kind": "wait", "event": "go", "next": "e"},
    }
    return Life(program("w", None, **nodes), lives_policy(), moves=(("together", moves), ("event", 2)))


def _late() -> Life:
    """Return a parallel that reaches a budget while a call is open, which is answered together with a replan."""
    subs = {"a": {"tool": "t", "args": {}}, "b": {"tool": "u", "args": {}, "retry": {"max_attempts": 2}}}
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e"}}
    answers = {"p.a": ((),), "p.b": ((_NO,),)}
    moves: tuple[Move, ...] = (("together", (_ANSWER, ("replan", _NEXT), _ANSWER)),)
    return Life(program("p", {"max_calls": 2}, **nodes), lives_policy(), answers, moves=moves)


def _replanned() -> Life:
    """Return a flow that reaches a budget by the result that arrives together with a replan and an erase."""
    moves: tuple[Move, ...] = (("together", (_ANSWER, ("erase", ["card"]), ("replan", _NEXT))),)
    whole = program("a", {"max_calls": 1}, a=call("b"), b=call())
    return Life(whole, lives_policy(), {"a": ((),)}, moves=moves, refs=SEALED)


CROSSINGS: Final[dict[str, tuple[str, Callable[[], Life]]]] = {
    "result-then-timer": ("timeout.race", lambda: _open(_ANSWER, _FIRE)),
    "timer-then-result": ("timeout.race", lambda: _open(_FIRE, _ANSWER)),
    "timer-retry-result": ("timeout.race", lambda: _open(_FIRE, _ANSWER, **_TWICE)),
    "pending-then-timer": ("timeout.pending", lambda: _open(("result", _PENDING), _FIRE, _ANSWER)),
    "retries-at-a-budget": ("budget.calls", lambda: _open(_FIRE, ("result", _NO), **_TWICE)),
    "erase-then-result": ("erase.denied", lambda: _open(("erase", ["card"]), _FIRE, _ANSWER, **_TWICE)),
    "result-then-cancel": ("status.absorbing", lambda: _open(_ANSWER, ("cancel", None), _FIRE)),
    "cancel-then-result": ("status.absorbing", lambda: _open(("cancel", None), _ANSWER, _FIRE)),
    "event-then-timer": ("wait.once", lambda: _waiting(("event", 1), _FIRE)),
    "timer-then-event": ("wait.once", lambda: _waiting(_FIRE, ("event", 1))),
    "events": ("wait.once", lambda: _waiting(("event", 1), ("event", 2), ("event", 3))),
    "cleanup-in-a-wait": ("start.cleanup", lambda: _waiting(("cleanup", None))),
    "late-result-of-a-successor": ("replan.once", _late),
    "result-erase-replan": ("replan.carries", _replanned),
}
"""What arrives together, by name: the rule that is judged, and the life."""


# --- drawn --------------------------------------------------------------------------------------------------------

_ODD: Final[tuple[Any, ...]] = (
    *({"outcome": "maybe"}, {"outcome": "ok"}, {"outcome": "ok", "value": 1, "usage": -1}, {}, {"attempt": "1"}),
)


def _drawn_answers(tape: Tape) -> tuple[Any, ...]:
    """Return the results of one attempt."""
    way = tape.below(12)
    late = ({**_NO, "attempt": 1},) if tape.once_in(4) else ()
    if way == 1:
        return (*late, _NO)
    if way == 2:
        return (*late, _PENDING, _ok(tape.pick(VALUES)))
    if way == 3:
        return late
    if way == 4:
        return (*late, tape.pick(_ODD))
    return (*late, _ok(tape.pick(VALUES)))


def draw_life(tape: Tape) -> Life:
    """Return the life of a drawn program."""
    whole = draw_program(tape)
    names = [name for name, node in whole["nodes"].items() if node["kind"] == "call"]
    names += [f"{name}.{sub}" for name, node in whole["nodes"].items() for sub in node.get("calls", ())]
    answers = {name: tuple(_drawn_answers(tape) for _ in range(tape.within(0, 3))) for name in names}
    moves: list[Move] = []
    for _ in range(tape.within(2, 8)):
        choices: tuple[Move, ...] = (
            *(("event", tape.pick(VALUES)), ("fire", None), ("poison", tape.below(3)), ("event", 1), ("fire", None)),
            *(("erase", ["card"]), ("replan", draw_program(tape, "plan")), ("cancel", None)),
        )
        moves.append(tape.pick(choices))
    values = tuple(tape.pick(VALUES) for _ in range(3))
    members = {"limits": {"max_replans": 2, **({"max_calls": 3} if tape.once_in(3) else {})}}
    return Life(
        whole,
        lives_policy(**members),
        answers,
        values,
        tuple(moves),
        SEALED,
        is_reversed=bool(tape.below(2)),
        copies=tape.within(1, 2),
    )


GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card"), "spare": Ref("spare")}
"""The input of every life that has refs; without them only ``x``."""
