"""Diagrams of histories, made from the ``history`` member of a case line or from a larger part of a history.

The illegal step is that of the finding. Its cause is the message that the path of the finding names, with the step that
sent it; for any other path, the step before it and everything that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.diagrams.diagram import Arrow, Cut, Diagram, Lane, Point
from gritstone_conformance.text import counted

__all__ = ["diagram_of"]

_INBOX: Final = re.compile(r"/inbox/([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class _Cause:
    """What highlights the cause of the illegal step.

    Attributes:
        illegal: the number of the illegal step, or None.
        points: steps.
        arrows: the numbers of messages.
    """

    illegal: int | None
    points: frozenset[int]
    arrows: frozenset[int]


def diagram_of(history: Mapping[str, Json]) -> Diagram:
    """Return the diagram of the ``history`` member of a case line."""
    cause = _cause(history)
    names = [actor["id"][:8] for actor in history["actors"]]
    return Diagram(
        tuple(_lane(actor) for actor in history["actors"]),
        tuple(
            Point(
                step["actor"],
                str(step["index"]),
                f"step {step['index']} of {names[step['actor']]} ({step['id'][:8]})",
                _style(history, number, cause),
            )
            for number, step in enumerate(history["steps"])
        ),
        tuple(
            Arrow(
                message.get("from"),
                message.get("to"),
                message.get("type", ""),
                message.get("unread_by"),
                "cause" if number in cause.arrows else "",
            )
            for number, message in enumerate(history["messages"])
        ),
        tuple(_cut(history, cut) for cut in history.get("cuts", ())),
    )


def _lane(actor: Mapping[str, Json]) -> Lane:
    return Lane(actor["id"][:8], "runtime actor" if actor.get("agent") else counted(actor["steps"], "step"))


def _style(history: Mapping[str, Json], number: int, cause: _Cause) -> str:
    if number == cause.illegal:
        return "illegal"
    if number in cause.points:
        return "cause"
    if cause.illegal is None:
        return ""
    step, fault = history["steps"][number], history["steps"][cause.illegal]
    return "after" if step["actor"] == fault["actor"] and step["index"] > fault["index"] else ""


def _cause(history: Mapping[str, Json]) -> _Cause:
    illegal = history.get("illegal")
    if illegal is None:
        return _Cause(None, frozenset(), frozenset())
    into = {number: each for number, each in enumerate(history["messages"]) if each.get("to") == illegal}
    sender = _INBOX.search(history["path"])
    ids = [actor["id"] for actor in history["actors"]]
    named = {
        number: message
        for number, message in into.items()
        if sender is not None
        and ("from" not in message or ids[history["steps"][message["from"]]["actor"]] == sender[1])
    }
    arrows = named or into
    points = {message["from"] for message in arrows.values() if "from" in message}
    return _Cause(illegal, frozenset(points if named else points | _step_before(history, illegal)), frozenset(arrows))


def _step_before(history: Mapping[str, Json], number: int) -> set[int]:
    step = history["steps"][number]
    return {
        other
        for other, each in enumerate(history["steps"])
        if each["actor"] == step["actor"] and each["index"] == step["index"] - 1
    }


def _cut(history: Mapping[str, Json], cut: Mapping[str, Json]) -> Cut:
    before = [0] * len(history["actors"])
    for step in history["steps"]:
        last = cut["after"][step["actor"]]
        before[step["actor"]] += last is not None and step["index"] <= history["steps"][last]["index"]
    return Cut(cut["label"], tuple(before))
