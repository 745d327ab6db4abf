"""The worked documents of the tests of flows."""

from __future__ import annotations

from typing import Any

from gritstone.flow.values import Ref, encode_value

SMALLEST = {"flow": 1, "name": "n", "start": "e", "nodes": {"e": {"kind": "end", "outcome": "success"}}}
NO_TOOLS = {"flow_policy": 1, "tools": {}}

REFUND: dict[str, Any] = {
    "flow": 1,
    "name": "refund",
    "start": "analyze",
    "nodes": {
        "analyze": {
            "kind": "call",
            "tool": "llm",
            "args": {"prompt": "Is order ${input.order} refundable?"},
            "one_of": ["yes", "no"],
            "next": "gate",
        },
        "gate": {
            "kind": "branch",
            "if": "$out.analyze == 'yes' and $input.amount <= 100",
            "then": "pay",
            "else": "reject",
        },
        "pay": {
            "kind": "call",
            "tool": "refund",
            "args": {"order": "$input.order", "amount": "$input.amount"},
            "guards": ["gate.then"],
            "next": "paid",
        },
        "reject": {
            "kind": "call",
            "tool": "mail",
            "args": {"to": "$input.customer", "text": "declined"},
            "next": "declined",
        },
        "paid": {"kind": "end", "outcome": "success", "output": {"receipt": "$out.pay"}},
        "declined": {"kind": "end", "outcome": "success", "output": "declined"},
    },
}
REFUND_POLICY: dict[str, Any] = {
    "flow_policy": 1,
    "tools": {
        "llm": {"peer": "edge", "params": ["prompt"], "cost": 100},
        "mail": {"peer": "edge", "params": ["to", "text"], "refs": ["to"]},
        "refund": {"peer": "edge", "params": ["order", "amount"], "when": "$args.amount <= 100", "guarded": True},
    },
    "eraser": "edge",
    "control": {"cancel": ["edge"], "erase": ["edge"]},
}
REFUND_INPUT = {"order": "A-17", "amount": 40, "customer": Ref("customer")}


def edited(value: Any, path: str, new: Any = None) -> Any:
    """Return a copy of a value with one member replaced, or removed if the new one is None."""
    name, _, rest = path.partition(".")
    copy = dict(value)
    if rest:
        copy[name] = edited(copy[name], rest, new)
    elif new is None:
        del copy[name]
    else:
        copy[name] = new
    return copy


def encoded(*values: Any) -> list[bytes]:
    """Return the encodings of values."""
    return [encode_value(value) for value in values]
