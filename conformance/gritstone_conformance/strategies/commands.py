"""Sequences of commands on one store, as words and numbers, which a state machine runs.

A command names objects of a graph by their place in it, so that any tape is a sequence that makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from gritstone_conformance.model.formats import Format
from gritstone_conformance.strategies import graphs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape, from_tape

__all__ = ["COMMANDS", "GraphCommand", "GraphCommands", "scripts"]

COMMANDS: Final = ("put", "cas", "get", "put", "cas", "has", "refs", "prune", "put", "erase", "export", "take")
"""The words of a script; some twice, so that they are drawn twice as often."""


@dataclass(frozen=True, slots=True)
class GraphCommand:
    """One command.

    Attributes:
        word: one of :data:`COMMANDS`.
        place: an object of the graph.
        other: another one.
        choice: a number that the command makes its finer choices with.
    """

    word: str
    place: int
    other: int
    choice: int


@dataclass(frozen=True, slots=True)
class GraphCommands:
    """A graph, and commands on its objects."""

    graph: Graph
    commands: tuple[GraphCommand, ...]


def scripts(fmt: Format, length: int) -> st.SearchStrategy[GraphCommands]:
    """Return the strategy of scripts of ``length`` commands over small graphs."""
    return from_tape(lambda tape: _script(tape, fmt, length), graphs.GRAPH_TAPE + 4 * length)


def _script(tape: Tape, fmt: Format, length: int) -> GraphCommands:
    graph = graphs.build(tape, fmt, size=6)
    tape.at = graphs.GRAPH_TAPE
    count = len(graph.values)
    drawn = (
        GraphCommand(tape.pick(COMMANDS), tape.below(count), tape.below(count), tape.below(256)) for _ in range(length)
    )
    return GraphCommands(graph, tuple(drawn))
