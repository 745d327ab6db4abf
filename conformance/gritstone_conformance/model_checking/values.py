"""Values as TLC prints them, and the traces that consist of them.

A string becomes ``str``, a number ``int``, ``TRUE`` and ``FALSE`` ``bool``, a sequence ``tuple``, a set ``list`` in the
order in which it was printed, and a record or function ``dict``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from gritstone_conformance.errors import UsageError

__all__ = ["Graph", "State", "parse_graph", "parse_trace", "parse_value"]

_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+|\w+|<<|>>|\|->|:>|@@|[\[\](){},])')
_STATE: Final = re.compile(r"^State (\d+): <(?:(\w+) line|Initial predicate|Stuttering)", re.MULTILINE)
_NODE: Final = re.compile(r'^(-?\d+) \[label="((?:[^"\\]|\\.)*)"', re.MULTILINE)
_ARROW: Final = re.compile(r"^(-?\d+) -> (-?\d+)", re.MULTILINE)
_VARIABLE: Final = re.compile(r"^/\\ (\w+) = ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class State:
    """One state of a trace.

    Attributes:
        action: the name of the action that led to it, or an empty text for the first state.
        variables: the value of each variable of the model.
    """

    action: str
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """All states of a run by their fingerprints, and the pairs of states of which the second may follow the first."""

    states: dict[str, State]
    arrows: list[tuple[str, str]]


def parse_value(text: str) -> Any:
    """Return the value that a text denotes.

    Raises:
        UsageError: the text is not a value, or another text follows.
    """
    reader = _Reader(text)
    value = reader.value()
    if reader.peek():
        raise UsageError(f"invalid value of TLC: got {reader.peek()!r} behind a complete value")
    return value


def parse_trace(text: str) -> list[State]:
    """Return the states of the first trace in the output of TLC, in order; none if there is no trace."""
    found: list[State] = []
    marks = list(_STATE.finditer(text))
    for mark, following in zip_longest(marks, marks[1:]):
        if int(mark[1]) != len(found) + 1:
            break  # a second trace
        block = text[mark.end() : following.start() if following else len(text)]
        block = block.split("\n\n", 1)[0]
        if values := _variables(block):
            found.append(State(mark[2] or "", values))
    return found


def parse_graph(text: str) -> Graph:
    """Return the graph in a file that TLC wrote with ``-dump dot``."""
    states = {node[1]: State("", _variables(_unescaped(node[2]))) for node in _NODE.finditer(text)}
    return Graph(states, [(arrow[1], arrow[2]) for arrow in _ARROW.finditer(text)])


def _unescaped(label: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], label)


def _variables(block: str) -> dict[str, Any]:
    names = list(_VARIABLE.finditer(block))
    ends = [each.start() for each in names[1:]] + [len(block)]
    return {
        name[1]: parse_value(block[name.end() : end].strip())
        for name, end in zip(names, ends[: len(names)], strict=True)
    }


class _Reader:
    """A reader of one value, token by token."""

    def __init__(self, text: str) -> None:
        self._tokens = []
        at = 0
        while match := _TOKEN.match(text, at):
            self._tokens.append(match[1])
            at = match.end()
        if text[at:].strip():
            raise UsageError(f"invalid value of TLC at character {at}: got {text[at:].strip()[:20]!r}")
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise UsageError(f"invalid value of TLC: got {token or 'the end'!r}, expected {expected or 'a value'!r}")
        self._at += 1
        return token

    def value(self) -> Any:
        match self._next():
            case "<<":
                return tuple(self._items(">>"))
            case "{":
                return self._items("}")
            case "[":
                return self._record()
            case "(":
                return self._function()
            case "TRUE":
                return True
            case "FALSE":
                return False
            case token if token.startswith('"'):
                return re.sub(r"\\(.)", r"\1", token[1:-1])
            case token if re.fullmatch(r"-?\d+", token):
                return int(token)
            case token:
                raise UsageError(f"invalid value of TLC: got {token!r}, expected a value")

    def _items(self, end: str) -> list[Any]:
        found: list[Any] = []
        while self.peek() != end:
            if found:
                self._next(",")
            found.append(self.value())
        self._next(end)
        return found

    def _record(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self.peek() != "]":
            if found:
                self._next(",")
            name = self._next()
            self._next("|->")
            found[name] = self.value()
        self._next("]")
        return found

    def _function(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self.peek() != ")":
            if found:
                self._next("@@")
            key = self.value()
            self._next(":>")
            found[key] = self.value()
        self._next(")")
        return found
