"""The forms of documents, as in ``flow.cddl``.

Spec: ``flow/documents``; :rule:`flow.check.closed`, :rule:`flow.check.ranges`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gritstone.flow.forms import (
    SHORT,
    Form,
    anything,
    boolean,
    integer,
    is_name,
    is_natural,
    is_ordered_names,
    list_of,
    members,
    table_of,
    text_of,
    words,
)
from gritstone.flow.limits import MOST_ARGUMENT, MOST_USAGE, RANGES
from gritstone.flow.values import ID, Value

__all__ = ["CARRY", "ERASE", "ERASING", "EVENT", "POLICY", "PROGRAM_MEMBERS", "PROGRAM_REQUIRED", "RESULTS", "is_node"]

_EXIT = re.compile(rf"{ID.pattern}\.(?:then|else)")
_DAY_MS = 86_400_000


def _exit(value: Value) -> bool:
    return type(value) is str and _EXIT.fullmatch(value) is not None


_limits = {name: integer(*ends) for name, ends in RANGES.items() if name != "max_replans"}

# --- programs --------------------------------------------------------------------------------------------

_work = {"tool": is_name, "args": table_of(anything, key=anything)}
_work_options = {
    "retry": members({"max_attempts": integer(1, 10)}, {"backoff_ms": integer(0, 30_000)}),
    "timeout_ms": integer(1, _DAY_MS),
    "one_of": list_of(text_of(0, 1024), 1, 64),
}
_on_the_way = {"on_error": is_name, "guards": list_of(_exit, 1, 16)}
_sub = members(_work, {**_work_options, "depends_on": list_of(is_name, 1), "optional": boolean})
_NODES: Mapping[str, Form] = {
    "call": members({"kind": anything, "next": is_name, **_work}, {**_work_options, **_on_the_way}),
    "parallel": members(
        {"kind": anything, "calls": table_of(_sub, 1, 64), "next": is_name}, {"width": integer(1, 64), **_on_the_way}
    ),
    "branch": members({"kind": anything, "if": text_of(0, MOST_ARGUMENT), "then": is_name, "else": is_name}),
    "wait": members(
        {"kind": anything, "event": SHORT, "next": is_name}, {"timeout_ms": integer(1, _DAY_MS), "on_error": is_name}
    ),
    "end": members({"kind": anything, "outcome": words("success", "failure")}, {"output": anything}),
}

PROGRAM_REQUIRED: Mapping[str, Form] = {
    "flow": integer(1, 1),
    "name": SHORT,
    "start": is_name,
    "nodes": table_of(anything, 1, 1024),
}
"""The members that a program has. The elements of ``nodes`` are checked by ``is_node``."""

PROGRAM_MEMBERS: Mapping[str, Form] = {
    **PROGRAM_REQUIRED,
    "desc": text_of(0, MOST_ARGUMENT),
    "limits": members({}, _limits),
}
"""The members that a program may have."""


def is_node(value: Value) -> bool:
    """Return whether a value is of the form of a node."""
    kind = value.get("kind") if type(value) is dict else None
    form = _NODES.get(kind) if type(kind) is str else None
    return form is not None and form(value)


# --- policies --------------------------------------------------------------------------------------------

_tool_members = members(
    {"peer": is_name, "params": list_of(SHORT)},
    {"refs": list_of(SHORT), "when": text_of(0, MOST_ARGUMENT), "cost": integer(0, 10**9), "guarded": boolean},
)


def _tool(value: Value) -> bool:
    return _tool_members(value) and set(value.get("refs", ())) <= set(value["params"])


POLICY: Form = members(
    {"flow_policy": integer(1, 1), "tools": table_of(_tool)},
    {
        "timer": is_name,
        "eraser": is_name,
        "agent": is_name,
        "events": table_of(list_of(is_name, 1), key=SHORT),
        "limits": members({}, {**_limits, "max_replans": integer(*RANGES["max_replans"])}),
        "control": members({}, dict.fromkeys(("cancel", "erase", "replan", "cleanup"), list_of(is_name))),
    },
)
"""The form of a policy."""

# --- messages and cores ----------------------------------------------------------------------------------

_usage = {"usage": integer(0, MOST_USAGE)}

RESULTS: Mapping[str, Form] = {
    "ok": members({"attempt": is_natural, "outcome": anything, "value": anything}, _usage),
    "pending": members({"attempt": is_natural, "outcome": anything}),
    "error": members(
        {"attempt": is_natural, "outcome": anything, "error": members({"class": SHORT, "retry": boolean})}, _usage
    ),
}
"""The form of a result by its outcome."""

EVENT: Form = members({"node": is_name, "visit": is_natural, "event": SHORT, "value": anything})
"""The form of the document of an event."""

CARRY: Form = members(dict.fromkeys(("calls", "replans", "steps", "tokens"), is_natural))
"""The form of the entry ``carry``."""


def _erased_names(value: Value) -> bool:
    return is_ordered_names(value) and len(value) <= 1024


ERASING: Form = members({"refs": _erased_names})
"""The form of the document of a message that requests the erasure of refs."""

ERASE: Form = members({"flow": integer(1, 1), "refs": _erased_names})
"""The form of the document in which a flow requests it."""
