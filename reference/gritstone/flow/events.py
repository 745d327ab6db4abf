"""The forms of the events of a trace.

Spec: ``flow/trace``.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.flow.forms import SHORT, Form, anything, is_name, is_natural, members, text_of, words
from gritstone.flow.limits import MOST_ARGUMENT
from gritstone.flow.values import Value

__all__ = ["is_logged"]

_ENDED = ("rejected", "succeeded", "failed", "budget_exceeded", "stalled")


def _defects(value: Value) -> bool:
    return type(value) is list and bool(value) and all(map(_defect, value))


def _defect(value: Value) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) is type(value[1]) is str


def _refs(value: Value) -> bool:
    return type(value) is list and bool(value) and all(map(is_name, value))


_any_text, _digest = text_of(0, MOST_ARGUMENT), text_of(64, 64)
_node, _sub_of = {"e": anything, "node": is_name}, {"sub": is_name}
_timed = words("timeout", "backoff", "wait")
_attempt = {"attempt": is_natural}
_used = {**_node, **_attempt, "outcome": anything, "usage": is_natural}
_failure = members({"class": _any_text}, {"why": _any_text})
_LOGGED: Mapping[str, Form] = {
    "admitted": members({"e": anything, "program": _digest, "policy": _digest, "input": _digest}),
    "planned": members({"e": anything}),
    "rejected": members({"e": anything, "defects": _defects}),
    "entered": members({**_node, "visit": is_natural}),
    "decided": members({**_node, "taken": is_name}),
    "waiting": members({**_node, "event": SHORT}),
    "called": members({**_node, "tool": is_name, **_attempt, "args": _digest}, _sub_of),
    "denied": members({**_node, "tool": is_name, "why": words("ref", "erased", "when")}, _sub_of),
    "timer": members({**_node, "why": _timed, "ms": is_natural}, _sub_of),
    "fired": members({**_node, "why": _timed}, _sub_of),
    "pending": members({**_node, **_attempt}, _sub_of),
    "resumed": members({**_node, "event": SHORT, "value": _digest}),
    "failed": members({**_node, "failure": _failure}, _sub_of),
    "erased": members({"e": anything, "refs": _refs}),
    "gone": members({"e": anything, "refs": _refs}),
    "continued": members({"e": anything, "program": _digest}),
    "cut": members({"e": anything}),
    "ended": members({"e": anything, "status": words(*_ENDED)}),
    "ignored": members({"e": anything, "why": _any_text}),
}
_SETTLED: Mapping[str, Form] = {
    "ok": members({**_used, "value": _digest}, _sub_of),
    **dict.fromkeys(("error", "bad", "timeout", "undeliverable"), members(_used, _sub_of)),
}


def is_logged(value: Value) -> bool:
    """Return whether a value is of the form of an event of a trace."""
    if type(value) is not dict:
        return False
    name = value.get("e")
    table, key = (_SETTLED, value.get("outcome")) if name == "settled" else (_LOGGED, name)
    form = table.get(key) if type(key) is str else None
    return form is not None and form(value)
