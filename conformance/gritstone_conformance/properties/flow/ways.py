"""Ways through programs: guards compared with a search of paths, cycles, and the largest programs.

The expected defects about ways come from a search that removes one exit and follows all edges, and not from the model;
both must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.properties.flow.asking import checking, of_flows, outcome_of
from gritstone_conformance.strategies.flow_programs import GRAPH_TAPE, FlowDraft, draw_graph, smallest
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_NODES: Final = 1_024
_PARTS: Final = 8
_TIMES: Final = 3
_TRIES: Final = 3
_LEAST_S: Final = 0.02

_Edge = tuple[str, str, str]
"""From, label, to; the label of an exit is ``<branch>.then`` or ``<branch>.else``."""


def _edges(nodes: dict[str, Any]) -> list[_Edge]:
    found = []
    for name, node in nodes.items():
        found += [
            (name, f"{name}.{member}", node[member])
            for member in ("next", "on_error", "then", "else")
            if member in node
        ]
    return found


def _reached(start: str, edges: list[_Edge], without: str = "") -> set[str]:
    """Return the nodes to which a way leads that does not pass an exit."""
    seen, waiting = {start}, [start]
    while waiting:
        at = waiting.pop()
        for source, label, target in edges:
            if source == at and label != without and target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def _ways(draft: FlowDraft) -> list[list[str]]:
    """Return the defects about ways, by search."""
    program = draft.program
    nodes, start = program["nodes"], program["start"]
    edges = _edges(nodes)
    reached = _reached(start, edges)
    found = {(name, "unreachable") for name in nodes.keys() - reached}
    if not any(nodes[name]["kind"] == "end" for name in reached):
        found.add(("", "no-exit"))
    if program.get("limits", {}).get("max_visits", 1) == 1:
        cyclic = {name for name in nodes for _, _, target in _from(name, edges) if name in _reached(target, edges)}
        found |= {(name, "cycle") for name in cyclic}
    exits = {label for source, label, _ in edges if nodes[source]["kind"] == "branch"}
    for name, node in nodes.items():
        for guard in node.get("guards", ()):
            if guard not in exits or name in _reached(start, edges, guard):
                found.add((name, "guard"))
    return [list(pair) for pair in sorted(found)]


def _from(name: str, edges: list[_Edge]) -> Iterator[_Edge]:
    return (edge for edge in edges if edge[0] == name)


def graphs(trial: Trial, tape: Tape) -> None:
    """A guard is violated iff a way avoids its exit; nodes are unreachable or on a cycle iff a search finds it."""
    for _ in range(4):
        draft = draw_graph(tape)
        asked = checking(draft, "check.guard")
        found = _ways(draft)
        assert outcome_of(asked) == found, "the model and the search of ways find the same"
        trial.expect_many([asked])
        codes = {code for _, code in found}
        trial.reach("guard avoided", "guard" in codes)
        trial.reach("guard kept", _is_guarded(draft) and "guard" not in codes)
        trial.reach("cycle", "cycle" in codes)


def _is_guarded(draft: FlowDraft) -> bool:
    program = draft.program
    return any("guards" in node for node in program["nodes"].values())


def _call(target: str, *guards: str, **more: Any) -> dict[str, Any]:
    node = {"kind": "call", "tool": "t", "args": {}, "next": target, **more}
    return {**node, "guards": list(guards)} if guards else node


def _branch(then: str, other: str) -> dict[str, Any]:
    return {"kind": "branch", "if": "True", "then": then, "else": other}


def _start(**nodes: Any) -> FlowDraft:
    return smallest(**nodes)


_SHAPES: Final[dict[str, tuple[FlowDraft, bool]]] = {
    "kept": (_start(s=_branch("a", "e"), a=_call("e", "s.then")), True),
    "other-exit": (_start(s=_branch("e", "a"), a=_call("e", "s.then")), False),
    "both-exits": (_start(s=_branch("a", "a"), a=_call("e", "s.then")), False),
    "through-another-node": (_start(s=_branch("b", "e"), b=_call("a"), a=_call("e", "s.then")), True),
    "joined": (_start(s=_branch("b", "c"), b=_call("a"), c=_call("a"), a=_call("e", "s.then")), False),
    "on-error-avoids": (_start(s=_call("b", on_error="a"), b=_branch("a", "e"), a=_call("e", "b.then")), False),
    "on-error-passes": (_start(s=_branch("b", "e"), b=_call("a", on_error="a"), a=_call("e", "s.then")), True),
    "two-guards": (_start(s=_branch("b", "e"), b=_branch("a", "e"), a=_call("e", "s.then", "b.then")), True),
    "one-of-two": (_start(s=_branch("b", "a"), b=_branch("a", "e"), a=_call("e", "s.then", "b.then")), False),
    "no-branch": (_start(s=_call("a"), a=_call("e", "s.then")), False),
    "no-node": (_start(s=_call("a"), a=_call("e", "zz.then")), False),
    "guards-the-start": (_start(s=_call("b", "b.then"), b=_branch("e", "e")), False),
    "its-own-later": (_start(s=_call("a"), a=_call("b", "b.then"), b=_branch("e", "e")), False),
    "diamond-after": (
        _start(s=_branch("b", "e"), b=_branch("c", "d"), c=_call("a"), d=_call("a"), a=_call("e", "s.then")),
        True,
    ),
    "diamond-inner": (
        _start(s=_branch("b", "e"), b=_branch("c", "d"), c=_call("a"), d=_call("a"), a=_call("e", "b.then")),
        False,
    ),
}
"""Programs, and whether the guards hold."""

_LOOPS: Final[dict[str, tuple[FlowDraft, bool]]] = {
    "entered-behind": (_start(s=_branch("b", "a"), b=_call("a"), a=_branch("b", "e")), True),
    "loop-back": (_start(s=_branch("a", "e"), a=_call("s", "s.then")), True),
    "loop-into": (_start(s=_branch("a", "b"), b=_call("a"), a=_call("s", "s.then")), False),
    "irreducible": (
        _start(s=_branch("b", "c"), b=_branch("c", "e"), c=_branch("b", "a"), a=_call("e", "c.else")),
        True,
    ),
    "irreducible-avoided": (
        _start(s=_branch("b", "c"), b=_branch("c", "a"), c=_branch("b", "a"), a=_call("e", "c.else")),
        False,
    ),
}
"""Programs with cycles that may visit a node twice."""


def shapes(trial: Trial) -> None:
    """Only the exit itself counts: not its branch, not the other exit, not a way back; each way has to pass it."""
    for table in (_SHAPES, _LOOPS):
        for draft, holds in table.values():
            program = draft.program
            visits = {"limits": {"max_visits": 2}} if table is _LOOPS else {}
            asked = checking(replace(draft, program={**program, **visits}), "check.guard")
            assert ("guard" in {code for _, code in outcome_of(asked)}) is not holds, "the table is right"
            trial.expect_many([asked, checking(replace(draft, program={**program, "limits": {"max_visits": 1}}))])


# --- the largest programs --------------------------------------------------------------------------------------


def _chain(count: int) -> FlowDraft:
    """Return branches in a row, of which each guards the next call."""
    nodes: dict[str, Any] = {}
    pairs = (count - 1) // 2
    for index in range(pairs):
        after = f"b{index + 1}" if index + 1 < pairs else "e"
        nodes[f"b{index}"] = _branch(f"c{index}", "e")
        nodes[f"c{index}"] = _call(after, *dict.fromkeys(("b0.then", f"b{index}.then")))
    return _of(nodes, "b0")


def _web(count: int) -> FlowDraft:
    """Return branches of which each leads to the next ones, with guards that are avoided."""
    names = [f"b{index}" for index in range(count - 1)]
    nodes: dict[str, Any] = {}
    for index, name in enumerate(names):
        near, far = names[min(index + 1, count - 2)], names[min(index * 2 + 1, count - 2)]
        nodes[name] = _branch(near, far) if index < count - 2 else _call("e", "b0.then", "b1.else")
    return _of(nodes, "b0")


def _knot(count: int) -> FlowDraft:
    """Return branches that lead forwards and back, so that all nodes are on cycles."""
    names = [f"b{index}" for index in range(count - 2)]
    nodes: dict[str, Any] = {
        name: _branch(names[(index + 1) % len(names)], names[index // 2]) for index, name in enumerate(names)
    }
    nodes[names[-1]] = _branch(names[0], "c")
    nodes["c"] = _call("e", f"{names[-1]}.else", f"{names[0]}.then")
    return _of(nodes, "b0")


def _back(count: int) -> FlowDraft:
    """Return a row of branches of which each leads back to the start, or to the last node."""
    names = [f"b{index}" for index in range(count - 1)]
    nodes: dict[str, Any] = {name: _branch(after, "b0") for name, after in zip(names, [*names[1:], "e"], strict=True)}
    return _of(nodes, "b0")


def _of(nodes: dict[str, Any], start: str) -> FlowDraft:
    end = {"kind": "end", "outcome": "success"}
    program = {"flow": 1, "name": "n", "start": start, "nodes": {**nodes, "e": end}, "limits": {"max_visits": 2}}
    return replace(smallest(), program=program)


_LARGE: Final = (_chain, _web, _knot, _back)


def large(trial: Trial) -> None:
    """A program of 1,024 nodes has exactly its defects, of which some are cycles; one of 1,025 is not of its form."""
    for build in (_chain, _knot):
        trial.expect_many([checking(_visited_once(build(_MOST_NODES)))])
    for count in (_MOST_NODES, _MOST_NODES + 1):
        asked = checking(_knot(count), "check.defects")
        assert (["", "shape"] in outcome_of(asked)) is (count > _MOST_NODES), "the limit is 1,024"
        trial.expect_many([asked])


def _visited_once(draft: FlowDraft) -> FlowDraft:
    return replace(draft, program={name: value for name, value in draft.program.items() if name != "limits"})


def linear(trial: Trial) -> None:
    """Checking 1,024 nodes takes about eight times as long as checking 128."""
    for build in _LARGE:
        few = many = float("inf")
        small, whole = checking(build(_MOST_NODES // _PARTS)), checking(build(_MOST_NODES))
        for _ in range(_TRIES):
            few, many = min(few, _seconds(trial, small)), min(many, _seconds(trial, whole))
            if many <= _PARTS * _TIMES * few or many <= _LEAST_S:
                break
        else:
            trial.fail_slow(
                _PARTS * _TIMES, few, many, words=f"{build.__name__[1:]}: the time grows faster than the program"
            )


def _seconds(trial: Trial, asked: Any) -> float:
    watch = Stopwatch(trial)
    trial.expect_many([asked])
    return watch.worked_s()


_GRAPHS: Final = {"tape": from_tape(lambda tape: tape, 4 * GRAPH_TAPE)}

PROPERTIES: Final = (
    of_flows(
        *("check/graphs", graphs, "check.guard", "check.defects"),
        given=_GRAPHS,
        examples=150,
        reach={"guard avoided": 0.5, "guard kept": 0.05, "cycle": 0.2},
    ),
    of_flows("check/shapes", shapes, "check.guard", "check.defects"),
    of_flows("check/large", large, "check.total", "check.defects"),
    of_flows("check/linear", linear, "check.total", cost=200),
)
