"""Check 11: each step comes after its previous and after the steps that sent what it covers.

Spec: :rule:`runtime.history.acyclic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.matching import Sources

__all__ = ["cycles"]

_Node = tuple[int, int]  # the number of an actor, the index of a step in its chain


def cycles(history: History, sources: Sequence[Sources]) -> Iterator[Finding]:
    """Yield a finding for the first step of each actor that lies on a cycle and covers a message of one.

    Args:
        history: the history.
        sources: for each actor, the steps that sent what each of its steps covers.
    """
    lengths = [len(chain) for chain in history.chains.values()]
    ordered = _ordered(lengths, sources)
    for number, chain in enumerate(history.chains.values()):
        for index in range(ordered[number], lengths[number]):
            sender = _sender_after(sources, (number, index), ordered)
            if sender is not None:
                path = f"inbox/{list(history.chains)[sender].hex()}"
                yield Finding("cycle", chain.place(index, path), "the step that sent the message comes after this one")
                break


def _ordered(lengths: Sequence[int], sources: Sequence[Sources]) -> list[int]:
    """Return how many steps of each actor can be put in an order in which each follows those that it depends on."""
    ordered = [0] * len(lengths)
    waiting: dict[int, list[int]] = {}
    ready = list(range(len(lengths)))
    while ready:
        actor = ready.pop()
        begin = ordered[actor]
        while ordered[actor] < lengths[actor]:
            needed = sources[actor].of(ordered[actor])
            lacking = next((sender for sender, index in needed if index >= ordered[sender]), None)
            if lacking is not None:
                waiting.setdefault(lacking, []).append(actor)
                break
            ordered[actor] += 1
        if ordered[actor] > begin:
            ready += waiting.pop(actor, ())
    return ordered


def _sender_after(sources: Sequence[Sources], node: _Node, ordered: Sequence[int]) -> int | None:
    """Return the sender of a message that a step covers and that a later step sent, or None."""
    for sender, index in sources[node[0]].of(node[1]):
        if index >= ordered[sender] and _leads_to(sources, (sender, index), node):
            return sender
    return None


def _leads_to(sources: Sequence[Sources], start: _Node, wanted: _Node) -> bool:
    """Return whether what a step depends on includes another step."""
    waiting, met = [start], {start}
    while waiting:
        node = waiting.pop()
        if node == wanted:
            return True
        needed = sources[node[0]].of(node[1])
        if node[1]:
            needed.append((node[0], node[1] - 1))
        waiting += [each for each in needed if each not in met]
        met.update(needed)
    return False
