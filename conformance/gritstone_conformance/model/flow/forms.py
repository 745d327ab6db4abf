"""The forms of programs and policies: the grammar ``flow.cddl`` with the conditions of the text.

A form is a function that returns whether a value is of it.

Spec: ``flow/documents``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.flow.limits import FLOW
from gritstone_conformance.model.flow.values import Value, encode, is_name

__all__ = ["Form", "closed", "has_form_of_a_node", "has_form_of_a_policy", "list_of", "map_of", "program_defects"]

Form: TypeAlias = Callable[[Value], bool]

_EXIT: Final = re.compile(r"([a-z][a-z0-9_]{0,62})\.(then|else)")


def any_value(value: Value) -> bool:
    """Accept every value."""
    return True


def bool_form(value: Value) -> bool:
    """Accept false and true."""
    return isinstance(value, bool)


def name(value: Value) -> bool:
    """Accept a text that is a name."""
    return isinstance(value, str) and is_name(value)


def exit_form(value: Value) -> bool:
    """Accept the text of an exit of a branch."""
    return isinstance(value, str) and _EXIT.fullmatch(value) is not None


def text(least: int, most: int | None) -> Form:
    """Return the form of texts whose encodings in UTF-8 have so many bytes."""
    return lambda value: (
        isinstance(value, str) and least <= len(value.encode()) and (most is None or len(value.encode()) <= most)
    )


def number(least: int, most: int) -> Form:
    """Return the form of ints in a range, both ends included."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def one_of(*values: Value) -> Form:
    """Return the form of some values."""
    allowed = {encode(value) for value in values}
    return lambda value: encode(value) in allowed


def list_of(form: Form, least: int = 0, most: int | None = None) -> Form:
    """Return the form of lists of distinct elements of a form."""
    return lambda value: (
        isinstance(value, list)
        and least <= len(value)
        and (most is None or len(value) <= most)
        and all(map(form, value))
        and len(set(map(encode, value))) == len(value)
    )


def map_of(key: Form, form: Form, least: int = 0, most: int | None = None) -> Form:
    """Return the form of maps with keys and values of a form."""
    return lambda value: (
        isinstance(value, dict)
        and least <= len(value)
        and (most is None or len(value) <= most)
        and all(map(key, value))
        and all(map(form, value.values()))
    )


def closed(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    """Return the form of maps with these members and no others.

    Spec: :rule:`flow.check.closed`.
    """
    forms = {**required, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and required.keys() <= value.keys() <= forms.keys()
        and all(forms[key](item) for key, item in value.items())
    )


_T64: Final = text(1, 64)
_ANY_TEXT: Final = text(0, None)
_TIMEOUT: Final = number(1, 86_400_000)
_RETRY: Final = closed({"max_attempts": number(1, 10)}, {"backoff_ms": number(0, 30_000)})
_GUARDS: Final = list_of(exit_form, 1, 16)

_WORK: Final[dict[str, Form]] = {"tool": name, "args": map_of(_ANY_TEXT, any_value)}
_WORK_OPTIONAL: Final[dict[str, Form]] = {
    "retry": _RETRY,
    "timeout_ms": _TIMEOUT,
    "one_of": list_of(text(0, 1024), 1, 64),
}
_SUB: Final = closed(_WORK, {**_WORK_OPTIONAL, "depends_on": list_of(name, 1), "optional": bool_form})

_NODES: Final[dict[str, Form]] = {
    "call": closed({"kind": any_value, "next": name, **_WORK}, {"on_error": name, "guards": _GUARDS, **_WORK_OPTIONAL}),
    "parallel": closed(
        {"kind": any_value, "calls": map_of(name, _SUB, 1, 64), "next": name},
        {"width": number(1, 64), "on_error": name, "guards": _GUARDS},
    ),
    "branch": closed({"kind": any_value, "if": _ANY_TEXT, "then": name, "else": name}),
    "wait": closed({"kind": any_value, "event": _T64, "next": name}, {"timeout_ms": _TIMEOUT, "on_error": name}),
    "end": closed({"kind": any_value, "outcome": one_of("success", "failure")}, {"output": any_value}),
}

_IN_PROGRAMS: Final = ("max_steps", "max_calls", "max_tokens", "max_stalled", "max_visits")
_LIMITS: Final = {limit: number(*FLOW[limit]["range"]) for limit in _IN_PROGRAMS}

_PROGRAM: Final = closed(
    {"flow": one_of(1), "name": _T64, "start": name}, {"desc": _ANY_TEXT, "limits": closed({}, _LIMITS)}
)

_PEERS: Final = list_of(name)
_POLICY: Final = closed(
    {
        "flow_policy": one_of(1),
        "tools": map_of(
            name,
            closed(
                {"peer": name, "params": list_of(_T64)},
                {
                    "refs": list_of(_T64),
                    "when": _ANY_TEXT,
                    "cost": number(0, 1_000_000_000),
                    "guarded": bool_form,
                },
            ),
        ),
    },
    {
        "timer": name,
        "eraser": name,
        "agent": name,
        "events": map_of(_T64, list_of(name, 1)),
        "limits": closed({}, {**_LIMITS, "max_replans": number(*FLOW["max_replans"]["range"])}),
        "control": closed({}, dict.fromkeys(("cancel", "erase", "replan", "cleanup"), _PEERS)),
    },
)


def has_form_of_a_node(value: Value) -> bool:
    """Return whether a value is of the form ``node``."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in _NODES and _NODES[kind](value)


def has_form_of_a_policy(value: Any) -> bool:
    """Return whether a value is of the form ``policy``."""
    return _POLICY(value) and all(set(tool.get("refs", ())) <= set(tool["params"]) for tool in value["tools"].values())


def program_defects(program: Any) -> set[tuple[str, str]]:
    """Return the defects ``shape`` of a program, each with its place."""
    if not isinstance(program, dict):
        return {("", "shape")}
    others = {key: item for key, item in program.items() if key != "nodes"}
    nodes = program.get("nodes")
    is_right = _PROGRAM(others) and map_of(name, any_value, 1, 1024)(nodes)
    defects = set() if is_right else {("", "shape")}
    if isinstance(nodes, dict):
        defects |= {(at, "shape") for at, node in nodes.items() if name(at) and not has_form_of_a_node(node)}
    return defects
