"""The forms of documents: one table of predicates that follows ``flow.cddl``.

A predicate returns whether a value is of a form. Every map is closed. Nothing here raises.

Spec: ``flow/documents``; :rule:`flow.check.closed`, :rule:`flow.check.ranges`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

from gritstone.flow.limits import MOST_ARGUMENT, MOST_USAGE, RANGES
from gritstone.flow.values import ID, Value, encode_value, key_order

__all__ = [
    "CARRY",
    "ERASING",
    "EVENT",
    "POLICY",
    "PROGRAM_MEMBERS",
    "PROGRAM_REQUIRED",
    "RESULTS",
    "is_name",
    "is_natural",
    "is_node",
    "is_ordered_names",
]

Form: TypeAlias = Callable[[Value], bool]

_EXIT = re.compile(rf"{ID.pattern}\.(?:then|else)")
_DAY_MS = 86_400_000


def _integer(least: int, most: int) -> Form:
    return lambda value: type(value) is int and least <= value <= most


def _text(least: int, most: int) -> Form:
    return lambda value: type(value) is str and least <= len(value.encode()) <= most


def _words(*words: str) -> Form:
    return lambda value: type(value) is str and value in words


def _any(value: Value) -> bool:
    return True


def _bool(value: Value) -> bool:
    return type(value) is bool


def is_name(value: Value) -> bool:
    """Return whether a value is the name of a node, a tool, a peer or a ref."""
    return type(value) is str and ID.fullmatch(value) is not None


def _exit(value: Value) -> bool:
    return type(value) is str and _EXIT.fullmatch(value) is not None


def _list(item: Form, least: int = 0, most: int = MOST_ARGUMENT) -> Form:
    """Return the form of a list of distinct elements."""

    def has(value: Value) -> bool:
        if type(value) is not list or not least <= len(value) <= most or not all(map(item, value)):
            return False
        return len({encode_value(one) for one in value}) == len(value)

    return has


def _table(item: Form, least: int = 0, most: int = MOST_ARGUMENT, key: Form = is_name) -> Form:
    def has(value: Value) -> bool:
        if type(value) is not dict or not least <= len(value) <= most:
            return False
        return all(map(key, value)) and all(map(item, value.values()))

    return has


def _members(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    """Return the form of a closed map."""
    forms = {**required, **(optional or {})}

    def has(value: Value) -> bool:
        if type(value) is not dict or not required.keys() <= value.keys() <= forms.keys():
            return False
        return all(forms[name](member) for name, member in value.items())

    return has


_t64 = _text(1, 64)
_limits = {name: _integer(*ends) for name, ends in RANGES.items() if name != "max_replans"}

# --- programs --------------------------------------------------------------------------------------------

_work = {"tool": is_name, "args": _table(_any, key=_any)}
_work_options = {
    "retry": _members({"max_attempts": _integer(1, 10)}, {"backoff_ms": _integer(0, 30_000)}),
    "timeout_ms": _integer(1, _DAY_MS),
    "one_of": _list(_text(0, 1024), 1, 64),
}
_on_the_way = {"on_error": is_name, "guards": _list(_exit, 1, 16)}
_sub = _members(_work, {**_work_options, "depends_on": _list(is_name, 1), "optional": _bool})
_NODES: Mapping[str, Form] = {
    "call": _members({"kind": _any, "next": is_name, **_work}, {**_work_options, **_on_the_way}),
    "parallel": _members(
        {"kind": _any, "calls": _table(_sub, 1, 64), "next": is_name}, {"width": _integer(1, 64), **_on_the_way}
    ),
    "branch": _members({"kind": _any, "if": _text(0, MOST_ARGUMENT), "then": is_name, "else": is_name}),
    "wait": _members(
        {"kind": _any, "event": _t64, "next": is_name}, {"timeout_ms": _integer(1, _DAY_MS), "on_error": is_name}
    ),
    "end": _members({"kind": _any, "outcome": _words("success", "failure")}, {"output": _any}),
}

PROGRAM_REQUIRED: Mapping[str, Form] = {
    "flow": _integer(1, 1),
    "name": _t64,
    "start": is_name,
    "nodes": _table(_any, 1, 1024),
}
"""The members that a program has. The elements of ``nodes`` are checked by ``is_node``."""

PROGRAM_MEMBERS: Mapping[str, Form] = {
    **PROGRAM_REQUIRED,
    "desc": _text(0, MOST_ARGUMENT),
    "limits": _members({}, _limits),
}
"""The members that a program may have."""


def is_node(value: Value) -> bool:
    """Return whether a value is of the form of a node."""
    kind = value.get("kind") if type(value) is dict else None
    form = _NODES.get(kind) if type(kind) is str else None
    return form is not None and form(value)


# --- policies --------------------------------------------------------------------------------------------

_tool_members = _members(
    {"peer": is_name, "params": _list(_t64)},
    {"refs": _list(_t64), "when": _text(0, MOST_ARGUMENT), "cost": _integer(0, 10**9), "guarded": _bool},
)


def _tool(value: Value) -> bool:
    return _tool_members(value) and set(value.get("refs", ())) <= set(value["params"])


POLICY: Form = _members(
    {"flow_policy": _integer(1, 1), "tools": _table(_tool)},
    {
        "timer": is_name,
        "eraser": is_name,
        "agent": is_name,
        "events": _table(_list(is_name, 1), key=_t64),
        "limits": _members({}, {**_limits, "max_replans": _integer(*RANGES["max_replans"])}),
        "control": _members({}, dict.fromkeys(("cancel", "erase", "replan", "cleanup"), _list(is_name))),
    },
)
"""The form of a policy."""

# --- messages and cores ----------------------------------------------------------------------------------

is_natural = _integer(0, MOST_ARGUMENT)
"""Whether a value is an integer from 0."""

_usage = {"usage": _integer(0, MOST_USAGE)}

RESULTS: Mapping[str, Form] = {
    "ok": _members({"attempt": is_natural, "outcome": _any, "value": _any}, _usage),
    "pending": _members({"attempt": is_natural, "outcome": _any}),
    "error": _members(
        {"attempt": is_natural, "outcome": _any, "error": _members({"class": _t64, "retry": _bool})}, _usage
    ),
}
"""The form of a result by its outcome."""

EVENT: Form = _members({"node": is_name, "visit": is_natural, "event": _t64, "value": _any})
"""The form of the document of an event."""

CARRY: Form = _members(dict.fromkeys(("calls", "replans", "steps", "tokens"), is_natural))
"""The form of the entry ``carry``."""


def is_ordered_names(value: Value) -> bool:
    """Return whether a value is a list of at least one name, in key order and distinct."""
    if type(value) is not list or not value or not all(map(is_name, value)):
        return False
    return all(key_order(before) < key_order(after) for before, after in pairwise(value))


ERASING: Form = _members({"refs": lambda value: is_ordered_names(value) and len(value) <= 1024})
"""The form of the document of a request to erase."""
