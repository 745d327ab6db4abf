"""The forms of the events of a trace.

Spec: the part on traces of ``flow.cddl``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.flow.forms import Form, any_value, closed, name, one_of, text
from gritstone_conformance.model.flow.message_forms import NAT
from gritstone_conformance.model.flow.values import Value

__all__ = ["is_trace"]

_TEXT: Final = text(0, None)
_DIGEST: Final = text(64, 64)
_SUB: Final[dict[str, Form]] = {"sub": name}
_TIMERS: Final = one_of("timeout", "backoff", "wait")


def _defects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_pair, value))


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_TEXT, value))


def _names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(name, value))


def _event(optional: Mapping[str, Form] | None = None, **members: Form) -> Form:
    return closed({"e": any_value, **members}, optional)


_SETTLED: Final[dict[str, Form]] = {"node": name, "attempt": NAT, "usage": NAT}
_ENDED: Final = one_of("rejected", "succeeded", "failed", "budget_exceeded", "stalled")

_EVENTS: Final[dict[str, tuple[Form, ...]]] = {
    "admitted": (_event(program=_DIGEST, policy=_DIGEST, input=_DIGEST),),
    "planned": (_event(),),
    "rejected": (_event(defects=_defects),),
    "entered": (_event(node=name, visit=NAT),),
    "decided": (_event(node=name, taken=name),),
    "waiting": (_event(node=name, event=text(1, 64)),),
    "called": (_event(_SUB, node=name, tool=name, attempt=NAT, args=_DIGEST),),
    "denied": (_event(_SUB, node=name, tool=name, why=one_of("ref", "erased", "when")),),
    "timer": (_event(_SUB, node=name, why=_TIMERS, ms=NAT),),
    "fired": (_event(_SUB, node=name, why=_TIMERS),),
    "pending": (_event(_SUB, node=name, attempt=NAT),),
    "settled": (
        _event(_SUB, outcome=one_of("ok"), value=_DIGEST, **_SETTLED),
        _event(_SUB, outcome=one_of("error", "bad", "timeout", "undeliverable"), **_SETTLED),
    ),
    "resumed": (_event(node=name, event=text(1, 64), value=_DIGEST),),
    "failed": (_event(_SUB, node=name, failure=closed({"class": _TEXT}, {"why": _TEXT})),),
    "erased": (_event(refs=_names),),
    "gone": (_event(refs=_names),),
    "continued": (_event(program=_DIGEST),),
    "cut": (_event(),),
    "ended": (_event(status=_ENDED),),
    "ignored": (_event(why=_TEXT),),
}


def is_trace(value: Value) -> bool:
    """Return whether a value is a list of events."""
    return isinstance(value, list) and all(map(_is_event, value))


def _is_event(value: Value) -> bool:
    kind = value.get("e") if isinstance(value, dict) else None
    return isinstance(kind, str) and any(form(value) for form in _EVENTS.get(kind, ()))
