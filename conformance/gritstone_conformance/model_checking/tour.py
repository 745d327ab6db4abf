"""The tour: paths from the first state of a small run that together make every act in every state.

TLC writes the graph of all states. An edge of the tour is one act: the begin and the end of a run are one edge. Delays
end in the order in which they began, as those of a clock do, so an edge may be impossible on each path to its state.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.behaviours import actions_of, acts_of, visible
from gritstone_conformance.model_checking.delays import waiting_after
from gritstone_conformance.model_checking.tables import Tables, config_of
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.model_checking.values import State

__all__ = ["Edge", "Tour", "edges_of", "make_tour", "paths_over"]


_LIMIT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Tour:
    """The run whose graph is walked.

    Attributes:
        name: the part behind ``model/`` in the name of the scenario.
        run: the run of the model from which the other constants are.
        least: how often each kind of edge must be made; 0 for every edge.
    """

    name: str
    run: str
    rules: tuple[str, ...]
    constants: dict[str, Any] = field(default_factory=dict)
    least: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """One act between two states of the graph, with what it changes."""

    start: str
    end: str
    act: dict[str, Any]

    def kind(self) -> tuple[str, ...]:
        """Return what distinguishes edges: the act, its label, the messages read, and which parts it changes."""
        act = self.act
        read = sorted(label for chain in act.get("inbox", {}).values() for label in chain[-1:])
        changed = (f"{part} {sorted(value)}" if part == "marks" else part for part, value in act["then"].items())
        return (act["do"], act.get("label", ""), act.get("mode", ""), act.get("actor", ""), *read, *changed)


def make_tour(tlc: Tlc, tour: Tour, tables: Tables) -> dict[str, Any]:
    """Return the scenario with the paths of a tour.

    Raises:
        UsageError: TLC fails, or takes longer than the limit.
    """
    given = tables.gate[tour.run]
    constants = {**given.constants, **tour.constants}
    run = replace(given, promises=(), specification="RequestsSpec", constants=constants)
    graph = tlc.graph("Requests", config_of(run, ()), limit_s=_LIMIT_S)
    first, edges = edges_of(graph.states, graph.arrows)
    paths = paths_over(first, edges, tour.least)
    acts: dict[str, int] = {}
    listed: list[dict[str, Any]] = []
    for edge in (edges[number] for path in paths for number in path):
        if acts.setdefault(str(edge.act), len(listed)) == len(listed):
            listed.append(edge.act)
    return {
        "name": f"model/{tour.name}",
        "rules": list(tour.rules),
        "actors": sorted(constants["Actors"]),
        "born": sorted(constants["Born"]),
        "max_attempts": constants["MaxAttempts"],
        "first": visible(graph.states[first]),
        "acts": listed,
        "paths": [[acts[str(edges[number].act)] for number in path] for path in paths],
    }


def edges_of(states: Mapping[str, State], arrows: Sequence[tuple[str, str]]) -> tuple[str, list[Edge]]:
    """Return the first state, and all acts between states in which nothing is in progress."""
    following: dict[str, list[str]] = {}
    for start, end in arrows:
        if start != end:
            following.setdefault(start, []).append(end)
    seen = {name: visible(state) for name, state in states.items()}
    edges: list[Edge] = []
    for start in states:
        if _is_busy(states[start]):
            continue
        for names in _requests(start, states, following):
            ((_, act),) = acts_of(actions_of([states[name] for name in names]))
            then = {part: value for part, value in seen[names[-1]].items() if value != seen[start][part]}
            edges.append(Edge(start, names[-1], {**act, "then": then}))
    reached = {end for _, end in arrows}
    firsts = [name for name in states if name not in reached]
    if len(firsts) != 1:
        raise UsageError(f"the graph of a tour has {len(firsts)} first states, expected one")
    return firsts[0], edges


def _requests(start: str, states: Mapping[str, State], following: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Yield the states of each request in a state: two, or three if something begins and ends."""
    for middle in following.get(start, ()):
        if _is_busy(states[middle]):
            yield from ([start, middle, end] for end in following.get(middle, ()))
        else:
            yield [start, middle]


def _is_busy(state: State) -> bool:
    (runs,), (memory,) = state.variables["run"].values(), state.variables["memory"].values()
    return any(run["on"] for run in runs.values()) or bool(memory["seen"])


Place = tuple[str, tuple[str, ...]]
"""A state of the graph, and the delays that wait, oldest first."""


@dataclass(slots=True)
class _Walk:
    """The graph of places, and how often each edge, or each kind of edge, must still be made."""

    following: dict[Place, list[tuple[int, Place]]]
    owed: Counter[Any]
    keys: list[Any]

    def paths(self, first: Place) -> Iterable[list[int]]:
        """Yield paths from the first place until nothing is owed; each goes on as long as something is within reach."""
        while path := self._nearest(first):
            whole: list[int] = []
            while path:
                for number, _ in path:
                    whole.append(number)
                    self._make(number)
                at = path[-1][1]
                path = self._nearest(at)
            yield whole

    def _make(self, number: int) -> None:
        key = self.keys[number]
        self.owed[key] -= 1
        if self.owed[key] <= 0:
            del self.owed[key]

    def _nearest(self, start: Place) -> list[tuple[int, Place]]:
        """Return the shortest way from a place that ends with an edge that is owed, or nothing."""
        came: dict[Place, tuple[Place, int] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            at = waiting.popleft()
            for number, end in self.following[at]:
                if self.keys[number] in self.owed:
                    return [*_way(came, at), (number, end)]
                if end not in came:
                    came[end] = (at, number)
                    waiting.append(end)
        return []


def _way(came: Mapping[Place, tuple[Place, int] | None], place: Place) -> list[tuple[int, Place]]:
    found = []
    while (before := came[place]) is not None:
        found.append((before[1], place))
        place = before[0]
    return found[::-1]


def paths_over(first: str, edges: Sequence[Edge], least: int = 0) -> list[list[int]]:
    """Return paths from the first state, as numbers of edges, that make every edge that a clock permits.

    Args:
        first: the first state.
        edges: all edges.
        least: if not 0, each kind of edge is made this often, or as often as there are edges of it, and not every edge.
    """
    leaving: dict[str, list[int]] = {}
    for number, edge in enumerate(edges):
        leaving.setdefault(edge.start, []).append(number)
    following: dict[Place, list[tuple[int, Place]]] = {}
    found: deque[Place] = deque([(first, ())])
    while found:
        place = found.popleft()
        if place in following:
            continue
        following[place] = []
        for number in leaving.get(place[0], ()):
            later = waiting_after(place[1], edges[number].act)
            if later is not None:
                following[place].append((number, (edges[number].end, later)))
                found.append((edges[number].end, later))
    possible = {number for each in following.values() for number, _ in each}
    keys: list[Any] = [edge.kind() if least else number for number, edge in enumerate(edges)]
    owed = Counter(keys[number] for number in sorted(possible))
    if least:
        owed = Counter({key: min(count, least) for key, count in owed.items()})
    return [*_Walk(following, owed, keys).paths((first, ()))]
