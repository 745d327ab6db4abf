"""Check 11: each step comes after its previous and after the steps that sent what it covers.

Spec: :rule:`runtime.history.acyclic`.
"""

from __future__ import annotations

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.matching import Matches

__all__ = ["cycles"]

_Node = tuple[bytes, int]


def cycles(history: History, matches: Matches) -> list[Finding]:
    """Return a finding for each step that lies on a cycle and covers a message of one."""
    after: dict[_Node, list[_Node]] = {}
    lacking: dict[_Node, int] = {}
    for actor, chain in history.chains.items():
        for index in range(len(chain)):
            node = actor, index
            sources = matches.sources[actor][index]
            lacking[node] = len(sources) + (index > 0)
            for source in sources:
                after.setdefault(source, []).append(node)
    ready = [node for node, count in lacking.items() if count == 0]
    while ready:
        node = ready.pop()
        del lacking[node]
        following = after.get(node, [])
        if node[1] + 1 < len(history.chains[node[0]]):
            following = [*following, (node[0], node[1] + 1)]
        for each in following:
            lacking[each] -= 1
            if lacking[each] == 0:
                ready.append(each)
    return [finding for node in sorted(lacking) for finding in _of_node(history, matches, node, lacking)]


def _of_node(history: History, matches: Matches, node: _Node, left: dict[_Node, int]) -> list[Finding]:
    """Return the finding of a step that could not be put in order, if it is reached again from itself."""
    actor, index = node
    for sender, source in matches.sources[actor][index]:
        if (sender, source) in left and _leads_to(history, matches, (sender, source), node):
            place = history.chains[actor].place(index, f"inbox/{sender.hex()}")
            return [Finding("cycle", place, "the step that sent the message comes after this one")]
    return []


def _leads_to(history: History, matches: Matches, start: _Node, wanted: _Node) -> bool:
    """Return whether what a step depends on includes another step."""
    waiting, met = [start], {start}
    while waiting:
        node = waiting.pop()
        if node == wanted:
            return True
        needed = list(matches.sources[node[0]][node[1]])
        if node[1]:
            needed.append((node[0], node[1] - 1))
        waiting += [each for each in needed if each not in met]
        met.update(needed)
    return False
