"""The neighbours of each name on the path to a difference, so that it can be drawn as a tree.

A reply may be large, so each level keeps only the nearest members, each as one short line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.replies import Json, Ok, Reply, WrongShape
from gritstone_conformance.results.excerpts import cut_middle, show_value

__all__ = ["Level", "diff_context", "level"]

_NEAR: Final = 3  # members before a name, and as many after it
_DEEPEST: Final = 24  # levels, the innermost ones
_WIDTH: Final = 80  # characters of one member


@dataclass(frozen=True, slots=True)
class Level:
    """One name on a path, with its neighbours.

    Attributes:
        member: the name, or the index in a list.
        before: names and short values of the members before it.
        after: those of the members after it.
        left_out: how many further members were omitted.
    """

    member: str
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    left_out: int = 0

    def to_json(self) -> dict[str, Json]:
        """Return the level as it is stored in a report line."""
        near = {name: [list(pair) for pair in getattr(self, name)] for name in ("before", "after")}
        return {"member": self.member, **near, "left_out": self.left_out}


def diff_context(reply: Reply | None, path: str) -> tuple[Level, ...]:
    """Return the levels of a JSON Pointer into the value of ``ok``, outermost first; none for other replies."""
    if not isinstance(reply, Ok | WrongShape) or not path:
        return ()
    levels = []
    value: Json = reply.value
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        members = _members(value)
        levels.append(level(name, list(members.items())))
        value = members.get(name)
    return tuple(levels[-_DEEPEST:])


def level(member: str, members: Sequence[tuple[str, Json]]) -> Level:
    """Return one level: a name among the members of an object; the name itself may be absent."""
    names = [name for name, _ in members]
    at = names.index(member) if member in names else len(names)
    before, after = members[max(0, at - _NEAR) : at], members[at + 1 : at + 1 + _NEAR]
    left_out = len(members) - len(before) - len(after) - (member in names)
    return Level(cut_middle(member, _WIDTH), _shown(before), _shown(after), left_out)


def _members(value: Json) -> dict[str, Json]:
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _shown(members: Sequence[tuple[str, Json]]) -> tuple[tuple[str, str], ...]:
    return tuple((cut_middle(name, _WIDTH), show_value(value, _WIDTH)) for name, value in members)
