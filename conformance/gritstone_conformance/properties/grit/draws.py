"""What bodies draw, as functions of the format."""

from __future__ import annotations

from hypothesis import strategies as st

from gritstone_conformance.properties.grit.registry import Given
from gritstone_conformance.strategies import graphs, objects
from gritstone_conformance.strategies.commands import scripts
from gritstone_conformance.strategies.tape import from_tape

__all__ = ["graph", "graph_and_tape", "script", "seed", "tape", "value"]


def tape(length: int) -> Given:
    """Draw ``tape``, with so many bytes."""
    return lambda fmt: {"tape": from_tape(lambda drawn: drawn, length)}


def value(*kinds: str) -> Given:
    """Draw ``value``: an object of one of the kinds, or of any."""
    if not kinds:
        return lambda fmt: {"value": objects.objects(fmt)}
    return lambda fmt: {"value": from_tape(lambda drawn: objects.build(drawn, fmt.name, drawn.pick(kinds)), 64)}


def graph(size: int = 8, *, ascii_only: bool = False) -> Given:
    """Draw ``graph``: a closed graph with references."""
    return lambda fmt: {"graph": graphs.graphs(fmt, size=size, ascii_only=ascii_only)}


def graph_and_tape(length: int, size: int = 8) -> Given:
    """Draw ``graph``, and ``tape`` for decisions about it."""
    return lambda fmt: {"graph": graphs.graphs(fmt, size=size), "tape": from_tape(lambda drawn: drawn, length)}


def script(length: int) -> Given:
    """Draw ``script``: so many commands on a small graph."""
    return lambda fmt: {"script": scripts(fmt, length)}


def seed(_: object) -> dict[str, st.SearchStrategy[int]]:
    """Draw ``seed``: 64 bits."""
    return {"seed": st.integers(0, (1 << 64) - 1)}
