"""The documents of messages that a flow reads, and their forms.

Spec: the part on messages of ``flow.cddl``.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.forms import (
    Form,
    any_value,
    bool_form,
    closed,
    list_of,
    name,
    number,
    one_of,
    text,
)
from gritstone_conformance.model.flow.limits import RESULT_USAGE
from gritstone_conformance.model.flow.values import LARGEST, Value, in_key_order

__all__ = ["NAT", "is_carry", "is_erasing", "is_event", "is_list_of_names", "is_result"]

NAT: Final = number(0, LARGEST)
_T64: Final = text(1, 64)
_USAGE: Final[dict[str, Form]] = {"usage": number(0, RESULT_USAGE)}

_ERROR: Final = closed({"class": _T64, "retry": bool_form})
_RESULTS: Final = (
    closed({"attempt": NAT, "outcome": one_of("ok"), "value": any_value}, _USAGE),
    closed({"attempt": NAT, "outcome": one_of("pending")}),
    closed({"attempt": NAT, "outcome": one_of("error"), "error": _ERROR}, _USAGE),
)
_EVENT: Final = closed({"node": name, "visit": NAT, "event": _T64, "value": any_value})
_CARRY: Final = closed(dict.fromkeys(("calls", "replans", "steps", "tokens"), NAT))


def is_result(value: Value) -> bool:
    """Return whether a value is of the form ``result``."""
    return any(form(value) for form in _RESULTS)


def is_event(value: Value) -> bool:
    """Return whether a value is of the form ``event``."""
    return _EVENT(value)


def is_carry(value: Value) -> bool:
    """Return whether a value is of the form ``carry``."""
    return _CARRY(value)


def is_list_of_names(value: Any, most: int | None = None) -> bool:
    """Return whether a value is a list of distinct names in key order, with at least one element."""
    return list_of(name, 1, most)(value) and value == in_key_order(value)


def is_erasing(value: Any) -> bool:
    """Return whether a value is of the form ``erasing``."""
    return closed({"refs": any_value})(value) and is_list_of_names(value["refs"], 1024)
