"""Behaviours of the model as acts and what is visible after each: the form in which they are run.

An act is one request to an implementation. The model begins and ends a run in two actions, and reads and commits a
collection in two; both become one act. Heads, marks, lists of choices and mail are visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.values import State

__all__ = ["Action", "actions_of", "acts_of", "labels", "spelled", "visible"]

_AGENT: Final = "agent"
_WORLD: Final = {
    "kills": "Kill",
    "acks": "Ack",
    "ends": "CollectRead",
    "names": "Name",
    "aways": "GoAway",
    "unmarks": "Unmark",
    "abandons": "Abandon",
}
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the model: its name and its arguments, as the module ``Script`` reads them."""

    name: str
    arguments: Values

    def tla(self) -> str:
        """Return the record that denotes it."""
        return spelled({"act": self.name, **self.arguments})


def spelled(value: Any) -> str:
    """Return a value in TLA+."""
    match value:
        case str():
            return f'"{value}"'
        case tuple():
            return "<<" + ", ".join(map(spelled, value)) + ">>"
        case dict():
            return "[" + ", ".join(f"{name} |-> {spelled(each)}" for name, each in value.items()) + "]"
        case _:
            return str(value)


def actions_of(trace: Sequence[State]) -> list[Action]:
    """Return the actions of a behaviour with one runtime, from what changes between its states.

    Raises:
        UsageError: an action is none that can be run.
    """
    return [_action(before.variables, after.variables) for before, after in pairwise(trace)]


def _action(old: Values, new: Values) -> Action:
    (name,) = old["run"]
    runs, later = old["run"][name], new["run"][name]
    memory, known = old["memory"][name], new["memory"][name]
    spent = [each for each, count in old["left"].items() if new["left"][each] != count]
    if spent:
        return _of_world(spent[0], old["db"], new["db"])
    for actor, run in runs.items():
        if run["on"] and not later[actor]["on"]:
            return Action("End", {"actor": actor})
        if later[actor]["on"] and not run["on"]:
            return Action("Begin", {"actor": actor, "proposal": later[actor]["proposal"]})
    if memory["seen"] and not known["seen"]:
        return Action("CollectCommit", {})
    for actor, delayed in memory["delayed"].items():
        for each in delayed:
            if each not in known["delayed"][actor]:
                return Action("DelayOver", {"actor": actor, "message": each})
    raise UsageError("a behaviour of the model has an action that cannot be run")


def _of_world(spent: str, old: Values, new: Values) -> Action:
    before, after = old["heads"][_AGENT][-1], new["heads"][_AGENT][-1]
    moved = [
        (box, actor) for box in ("outbox", "inbox") for actor in before[box] if before[box][actor] != after[box][actor]
    ]
    if spent == "injections":
        ((_, to),) = [each for each in moved if each[0] == "outbox"] or [("outbox", _sent_to(after))]
        return _injection(to, old, after["outbox"][to])
    if spent == "releases":
        if after["previous"] == "none":
            return Action("Cut", {})
        return Action("Release", {"actor": moved[0][1]})
    if spent == "acks":
        (sender,) = [actor for box, actor in moved if box == "inbox"]
        return Action("Ack", {"actor": sender, "message": after["inbox"][sender]})
    if spent == "names":
        return Action("Name", {"actor": _changed(old["names"], new["names"])})
    if spent == "aways":
        actor = _changed(old["away"], new["away"])
        return Action("GoAway" if actor in new["away"] else "ComeBack", {"actor": actor})
    if spent == "unmarks":
        (actor,) = [each for each, mark in old["marks"].items() if mark != new["marks"][each]]
        return Action("Unmark", {"actor": actor})
    return Action(_WORLD[spent], {})


def _injection(to: str, old: Values, message: tuple[Any, ...]) -> Action:
    last = old["heads"][_AGENT][-1]["outbox"][to]
    if not last and old["heads"][to]:
        last = old["heads"][to][-1]["inbox"][_AGENT]
    mode = "queue" if message[:-1] == last else "signal"
    return Action("Inject", {"actor": to, "label": message[-1][0], "mode": mode})


def _sent_to(step: Values) -> str:
    if not step["sent"]:
        raise UsageError("a behaviour of the model has an injection that changes nothing")
    to: str = step["sent"][-1][0]
    return to


def _changed(old: list[str], new: list[str]) -> str:
    (actor,) = set(old) ^ set(new)
    return actor


def acts_of(actions: Sequence[Action]) -> Iterator[tuple[int, Values]]:
    """Yield the acts of a behaviour, each with the number of the state after it; a run that has not ended is none."""
    begun: Values = {}
    for number, action in enumerate(actions, 1):
        given = action.arguments
        match action.name:
            case "Begin":
                begun = given
            case "CollectRead":
                pass
            case "End":
                read = {x: labels(m) for x, m in begun["proposal"].items() if m}
                yield number, {"do": "run", "actor": begun["actor"], "inbox": read}
            case "Inject":
                yield number, {"do": "inject", "to": given["actor"], "label": given["label"], "mode": given["mode"]}
            case "DelayOver":
                sender, message = given["message"]
                yield number, {"do": "delay", "actor": given["actor"], "sender": sender, "message": labels(message)}
            case "Ack":
                yield number, {"do": "ack", "sender": given["actor"], "message": labels(given["message"])}
            case name:
                yield number, {"do": _DONE[name], **given}


_DONE: Final = {
    "Kill": "restart",
    "CollectCommit": "collect",
    "Name": "name",
    "GoAway": "leave",
    "ComeBack": "return",
    "Release": "release",
    "Cut": "cut",
    "Unmark": "unmark",
}


def labels(message: Sequence[Any]) -> list[str]:
    """Return a message as the texts of its chain, oldest first; a receipt also has the message that failed."""
    return [label[0] if label[0] != "receipt" else "receipt " + " < ".join(labels(label[2])) for label in message]


def visible(state: State) -> Values:
    """Return what an implementation shows in a state of the model."""
    values = state.variables
    (memory,) = values["memory"].values()
    db = values["db"]
    heads = {x: _head(x, head[-1]) if head else None for x, head in db["heads"].items()}
    return {
        "heads": heads,
        "marks": {a: [mark[0], labels(mark[1])] for a, mark in db["marks"].items() if mark},
        "ready": {a: sorted((_entries(p) for p in found), key=str) for a, found in values["ready"].items() if found},
        "mail": {a: mail for a in db["marks"] if (mail := _mail(heads, a))},
        "delayed": {a: sorted([x, labels(m)] for x, m in found) for a, found in memory["delayed"].items() if found},
    }


def _head(name: str, step: Values) -> Values:
    inbox = {x: m for x, m in step["inbox"].items() if name != _AGENT or x != _AGENT}
    fixed = {} if name == _AGENT else {"fixed": step["core"]["fixed"]}
    return {"inbox": _entries(inbox), "outbox": _entries(step["outbox"]), **fixed}


def _entries(mailbox: Values) -> Values:
    return {x: labels(m) for x, m in sorted(mailbox.items()) if m}


def _mail(heads: Values, actor: str) -> list[list[str]]:
    """Return the unread messages of an actor to the agent."""
    head = heads[actor]
    tip = (head or {"outbox": {}})["outbox"].get(_AGENT, [])
    cursor = heads[_AGENT]["inbox"].get(actor, [])
    if tip == cursor:
        return []
    read = len(cursor) if tip[: len(cursor)] == cursor else 0
    return [tip[: n + 1] for n in range(read, len(tip))]
