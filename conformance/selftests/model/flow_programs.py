"""The programs of the chapter on flows, as values."""

from __future__ import annotations

import copy
from typing import Any

from gritstone_conformance.model.flow.checking import Defects, check
from gritstone_conformance.model.flow.json_form import from_json
from gritstone_conformance.model.flow.values import encode

__all__ = ["INPUT", "POLICY", "REFUND", "defects", "edited"]

REFUND: Any = from_json(
    """{"flow": 1, "name": "refund", "start": "analyze", "nodes": {
     "analyze":  {"kind": "call", "tool": "llm", "args": {"prompt": "Is order ${input.order} refundable?"},
                  "one_of": ["yes", "no"], "next": "gate"},
     "gate":     {"kind": "branch", "if": "$out.analyze == 'yes' and $input.amount <= 100",
                  "then": "pay", "else": "reject"},
     "pay":      {"kind": "call", "tool": "refund", "args": {"order": "$input.order", "amount": "$input.amount"},
                  "guards": ["gate.then"], "next": "paid"},
     "reject":   {"kind": "call", "tool": "mail", "args": {"to": "$input.customer", "text": "declined"},
                  "next": "declined"},
     "paid":     {"kind": "end", "outcome": "success", "output": {"receipt": "$out.pay"}},
     "declined": {"kind": "end", "outcome": "success", "output": "declined"}}}"""
)
POLICY: Any = from_json(
    """{"flow_policy": 1, "eraser": "edge", "control": {"cancel": ["edge"], "erase": ["edge"]}, "tools": {
     "llm":    {"peer": "edge", "params": ["prompt"], "cost": 100},
     "mail":   {"peer": "edge", "params": ["to", "text"], "refs": ["to"]},
     "refund": {"peer": "edge", "params": ["order", "amount"], "when": "$args.amount <= 100", "guarded": true}}}"""
)
INPUT: Any = from_json('{"order": "A-17", "amount": 40, "customer": {"$ref": "customer"}}')


def edited(value: Any, **members: Any) -> Any:
    """Return a copy of a value in which members at paths, with ``__`` for a dot, are replaced; removed for ``...``."""
    result = copy.deepcopy(value)
    for path, member in members.items():
        *parents, last = path.split("__")
        within = result
        for name in parents:
            within = within[name]
        if member is ...:
            del within[last]
        else:
            within[last] = member
    return result


def defects(
    program: Any = REFUND,
    policy: Any = POLICY,
    given: Any = INPUT,
    peers: tuple[str, ...] = ("edge",),
    refs: tuple[str, ...] = ("customer",),
) -> Defects:
    """Return the defects of documents."""
    return check(encode(program), encode(policy), encode(given), peers, refs)
