"""Programs and policies that protect a payment, with the parts from which an oracle judges calls without the model.

A program asks a model, branches on its answer, and pays only behind the exit ``gate.then``. Every condition and every
argument is drawn as data, of which the texts in the documents are made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.strategies.tape import Tape

__all__ = ["GIVEN", "Argument", "Atom", "Condition", "Guarded", "Work", "draw_guarded", "draw_rules"]

GIVEN: Final[dict[str, Any]] = {"order": "A-17", "amount": 40, "customer": Ref("customer")}
"""The input."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A comparison of a var with a constant, or whether the var ``has`` a value.

    Attributes:
        space, name: the var, ``$<space>.<name>``.
        op: ``has``, ``lacks``, ``==``, ``!=`` or ``<=``.
        constant: a text without quotes, or an int.
    """

    space: str
    name: str
    op: str
    constant: Any = None

    @property
    def text(self) -> str:
        """The atom as a part of an expression."""
        var = f"${self.space}.{self.name}"
        if self.op in ("has", "lacks"):
            return f"has {var}" if self.op == "has" else f"not has {var}"
        return f"{var} {self.op} " + (f"'{self.constant}'" if isinstance(self.constant, str) else str(self.constant))


Condition = tuple[tuple[Atom, ...], ...]
"""Alternatives, each a sequence of atoms that all have to be true."""


def _text_of(condition: Condition) -> str:
    return " or ".join(" and ".join(atom.text for atom in atoms) for atoms in condition)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: a value, or if ``space`` is not empty a var, alone or between two texts.

    Attributes:
        value: a constant without a ``$``.
        space, name: the var.
        around: the text before and the text after the var; None if the argument is the var.
    """

    value: Any = None
    space: str = ""
    name: str = ""
    around: tuple[str, str] | None = None

    @property
    def template(self) -> Any:
        """The argument as a template."""
        if not self.space:
            return self.value
        if self.around is None:
            return f"${self.space}.{self.name}"
        return f"{self.around[0]}${{{self.space}.{self.name}}}{self.around[1]}"


@dataclass(frozen=True, slots=True)
class Work:
    """A call or a sub: its tool, its arguments, and the members of the document."""

    tool: str
    args: dict[str, Argument]
    members: dict[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The members of a call or a sub."""
        return {"tool": self.tool, "args": {name: each.template for name, each in self.args.items()}, **self.members}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A program, with its calls and branches as data.

    Attributes:
        program: the document.
        works: calls and subs by (node, sub), with None for the sub of a call.
        branches: the conditions by branch, with both targets.
    """

    program: dict[str, Any]
    works: dict[tuple[str, str | None], Work]
    branches: dict[str, tuple[Condition, str, str]]


# --- policies ----------------------------------------------------------------------------------------------------

_WHENS: Final[tuple[Condition, ...]] = (
    ((Atom("args", "amount", "<=", 100),),),
    ((Atom("args", "amount", "<=", 100), Atom("tool", "model", "!=", "stop")),),
    ((Atom("tool", "model", "lacks"),), (Atom("tool", "model", "==", "yes"), Atom("args", "amount", "<=", 100))),
    ((Atom("args", "order", "==", "A-17"), Atom("tool", "pay", "lacks")),),
    ((Atom("input", "amount", "<=", 100), Atom("args", "memo", "lacks")), (Atom("args", "memo", "==", "yes"),)),
)
_LIMITS: Final = {"max_calls": (10_000, 4, 6), "max_tokens": (10**12, 30, 50), "max_steps": (10_000, 9)}


def draw_rules(tape: Tape) -> tuple[dict[str, Any], dict[str, Condition]]:
    """Return a policy, and the conditions of its tools."""
    whens = {"pay": tape.pick(_WHENS)}
    tools: dict[str, Any] = {
        "model": {"peer": "edge", "params": ["prompt", "context"], "cost": 3},
        "pay": {"peer": "bank", "params": ["order", "amount", "memo"], "guarded": True, "cost": 10},
        "mail": {"peer": "edge", "params": ["to", "text"], "refs": ["to"]},
    }
    for name, when in whens.items():
        tools[name]["when"] = _text_of(when)
    control = {"cancel": ["desk"], "erase": ["desk"], "replan": ["desk"]}
    roles: dict[str, Any] = {"timer": "clock", "eraser": "desk", "agent": "desk", "events": {"go": ["desk"]}}
    limits = {"max_replans": 1, **{name: tape.pick(values) for name, values in _LIMITS.items()}}
    return {"flow_policy": 1, "tools": tools, **roles, "control": control, "limits": limits}, whens


# --- programs ----------------------------------------------------------------------------------------------------

_GATES: Final[tuple[Condition, ...]] = (
    ((Atom("out", "ask", "==", "yes"),),),
    ((Atom("out", "ask", "==", "yes"), Atom("input", "amount", "<=", 100)),),
    ((Atom("out", "ask", "!=", "no"),),),
    ((Atom("out", "ask", "<=", 100),), (Atom("out", "ask", "==", "yes"),)),
)
_AGAIN: Final[Condition] = ((Atom("out", "note", "lacks"),), (Atom("out", "note", "==", "again"),))
_AMOUNTS: Final = (Argument(space="input", name="amount"), Argument(40), Argument(101))
_MEMOS: Final = (
    *(Argument(space="out", name="ask"), Argument(space="out", name="ask", around=("model: ", " ."))),
    *(Argument("yes"), Argument(space="input", name="order")),
)
_RETRIES: Final[tuple[dict[str, Any], ...]] = ({}, {"retry": {"max_attempts": 2}}, {"retry": {"max_attempts": 3}})


def draw_guarded(tape: Tape) -> Guarded:
    """Return a program without defects under every policy of :func:`draw_rules`."""
    model = {"prompt": Argument(space="input", name="order", around=("refund ", "?"))}
    members: dict[str, Any] = {"one_of": ["yes", "no"]} if tape.below(2) else {}
    works: dict[tuple[str, str | None], Work] = {("ask", None): Work("model", model, {**members, **_more(tape)})}
    text = tape.pick((Argument(space="out", name="ask"), Argument("declined"), _MEMOS[1]))
    mail = {"to": Argument(space="input", name="customer"), "text": text}
    works["note", None] = Work("mail", mail, _more(tape))
    to = tape.pick(("pay", "hold"))
    branches = {"gate": (tape.pick(_GATES), to, "note"), "again": (_AGAIN, "ask", "e")}
    nodes: dict[str, Any] = {
        "ask": {"kind": "call", **works["ask", None].document, "next": "gate", "on_error": "note"},
        "note": {"kind": "call", **works["note", None].document, "next": "again", "on_error": "again"},
        "pay": _drawn_payment(tape, works),
        "e": {"kind": "end", "outcome": "success", "output": {"paid": "$out.pay"}},
    }
    if to == "hold":
        nodes["hold"] = {"kind": "wait", "event": "go", "next": "pay", **({"timeout_ms": 9} if tape.below(2) else {})}
    for name, (condition, then, other) in branches.items():
        nodes[name] = {"kind": "branch", "if": _text_of(condition), "then": then, "else": other}
    limits = {"max_visits": 3, **{name: tape.pick(values) for name, values in _LIMITS.items() if tape.once_in(3)}}
    return Guarded({"flow": 1, "name": "n", "start": "ask", "nodes": nodes, "limits": limits}, works, branches)


def _more(tape: Tape) -> dict[str, Any]:
    retry: dict[str, Any] = dict(tape.pick(_RETRIES))
    if retry and tape.below(2):
        retry = {"retry": {**retry["retry"], "backoff_ms": 10}}
    return {**retry, **({"timeout_ms": 50} if tape.once_in(3) else {})}


def _drawn_payment(tape: Tape, works: dict[tuple[str, str | None], Work]) -> dict[str, Any]:
    """Return the guarded node, a call or a parallel, and add its works."""
    args = {"order": Argument(space="input", name="order"), "amount": tape.pick(_AMOUNTS)}
    if tape.below(2):
        args["memo"] = tape.pick(_MEMOS)
    if tape.once_in(3):
        args["amount"] = Argument(space="out", name="ask")
    rest: dict[str, Any] = {"guards": ["gate.then"], "next": "note", "on_error": "note"}
    if tape.below(2):
        works["pay", None] = Work("pay", args, _more(tape))
        return {"kind": "call", **works["pay", None].document, **rest}
    if tape.below(2):
        args["amount"] = Argument(space="dep", name="quote")
    works["pay", "quote"] = Work("model", {"prompt": Argument("how much?")}, {"optional": True})
    works["pay", "pay"] = Work("pay", args, {"depends_on": ["quote"], **_more(tape)})
    calls = {sub: work.document for (node, sub), work in works.items() if node == "pay"}
    return {"kind": "parallel", "calls": calls, **rest}
