"""Extracts: the part of a history around a finding, small enough for a line of a report.

An extract lists actors, steps and messages, but not how they are drawn. It contains those nearest to the finding, along
chains and messages; the rest is only counted.

Spec: ``harness/reports``; "Terms" of ``runtime/history``.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.values import Tree
from gritstone_conformance.replies import Json
from gritstone_conformance.results.diff_context import Level, level

__all__ = ["MOST_ACTORS", "MOST_MESSAGES", "MOST_STEPS", "Limits", "extract", "nearest_part"]

MOST_STEPS: Final = 200
MOST_ACTORS: Final = 32
MOST_MESSAGES: Final = 400
_LONGEST_TYPE: Final = 32  # characters

_Node: TypeAlias = tuple[bytes, int]  # actor, index of a step in its chain


@dataclass(frozen=True, slots=True)
class _Letter:
    """One message on its way.

    Attributes:
        kind: its ``mt``.
        sent: the step that sent it, or None if no step did.
        read: the step that covers it, or None if no step does.
        receiver: the actor that it was sent to.
    """

    kind: str
    sent: _Node | None
    read: _Node | None
    receiver: bytes


@dataclass(slots=True)
class _Graph:
    """Steps and messages of a whole history; ``after`` leads from a step to those that come after it."""

    letters: list[_Letter] = field(default_factory=list)
    before: dict[_Node, list[_Node]] = field(default_factory=dict)
    after: dict[_Node, list[_Node]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a history is listed at most."""

    steps: int
    actors: int
    messages: int


def extract(history: History, finding: Finding, before: History | None = None) -> dict[str, Json]:
    """Return the ``history`` member of a case line: the context of a finding.

    Args:
        history: the judged history.
        finding: the finding that is named.
        before: the history of an earlier export of the same store, or None.
    """
    limits = Limits(MOST_STEPS, MOST_ACTORS, MOST_MESSAGES)
    part = nearest_part(history, finding, before, limits)
    left_out = part.pop("left_out")
    around = [each.to_json() for each in _around(history, finding)]
    return {"fault": finding.fault, "path": finding.place.path, **part, "around": around, "left_out": left_out}


def nearest_part(history: History, finding: Finding | None, before: History | None, limits: Limits) -> dict[str, Json]:
    """Return actors, steps, messages and cuts nearest to a finding, or to the heads where there is none.

    Args:
        history: the judged history.
        finding: the finding, or None.
        before: the history of an earlier export of the same store, or None.
        limits: how much is listed at most.
    """
    graph = _graph(history)
    nearest = _nearest(graph, _starts(history, finding), limits)
    kept = [node for node in _ordered(history, graph) if node in nearest]
    numbers = {node: number for number, node in enumerate(kept)}
    lanes = _lanes(history, kept)
    rows = {actor: number for number, actor in enumerate(lanes)}
    place = None if finding is None else finding.place
    illegal = None if place is None or place.index is None else numbers.get((place.actor or b"", place.index))
    return {
        **({"illegal": illegal} if illegal is not None else {}),
        "actors": [_actor(history, actor) for actor in lanes],
        "steps": [
            {"actor": rows[actor], "index": index, "id": history.chains[actor].ids[index].hex()}
            for actor, index in kept
        ],
        "messages": list(islice(_messages(graph, numbers, rows), limits.messages)),
        **({"cuts": [_cut(history, before, numbers, rows)]} if before is not None else {}),
        "left_out": {
            "actors": len(history.chains) - len(lanes),
            "steps": sum(map(len, history.chains.values())) - len(kept),
        },
    }


def _cut(history: History, before: History, numbers: dict[_Node, int], lanes: dict[bytes, int]) -> dict[str, Json]:
    """Return the cut at an earlier export: for each actor the last step before it, as a number, or None."""
    last: list[Json] = [None] * len(lanes)
    heads = {actor: chain.ids[-1] for actor, chain in before.chains.items() if actor in lanes}
    ends = {actor: history.chains[actor].places().get(head) for actor, head in heads.items()}
    for (actor, index), number in numbers.items():
        end = ends.get(actor)
        if end is not None and index <= end:
            last[lanes[actor]] = number
    return {"label": "the earlier export", "after": last}


def _graph(history: History) -> _Graph:
    graph = _Graph()
    for actor, chain in history.chains.items():
        for index in range(1, len(chain)):
            _join(graph, (actor, index - 1), (actor, index))
    graph.letters += [*_read(history), *_unread(history)]
    for letter in graph.letters:
        if letter.sent is not None and letter.read is not None:
            _join(graph, letter.sent, letter.read)
    return graph


def _join(graph: _Graph, earlier: _Node, later: _Node) -> None:
    graph.after.setdefault(earlier, []).append(later)
    graph.before.setdefault(later, []).append(earlier)


def _read(history: History) -> Iterator[_Letter]:
    """Yield what steps cover, each with its first position that none before it took, else with its last."""
    for actor, chain in history.chains.items():
        taken: dict[tuple[bytes, bytes], int] = {}
        for index in range(1 if chain.cut or actor == history.agent else 0, len(chain)):
            for sender, message in chain.covered(history.shelf, index):
                channel = history.channels.get((sender, actor))
                places = channel.places.get(message, []) if channel is not None else []
                number = taken.get((sender, message), 0)
                taken[sender, message] = number + 1
                sent = None
                if channel is not None and places:
                    sent = (sender, channel.senders[places[min(number, len(places) - 1)]])
                yield _Letter(message_type(history.shelf.message(message)), sent, (actor, index), actor)


def _unread(history: History) -> Iterator[_Letter]:
    """Yield what was sent and matched with no step."""
    for (sender, receiver), channel in sorted(history.channels.items()):
        for position, message in enumerate(channel.messages):
            if not channel.is_matched(position):
                kind = message_type(history.shelf.message(message))
                yield _Letter(kind, (sender, channel.senders[position]), None, receiver)


def _nearest(graph: _Graph, starts: Sequence[_Node], limits: Limits) -> set[_Node]:
    """Return the steps nearest to some steps, up to the limits of steps and actors."""
    kept: set[_Node] = set()
    actors: set[bytes] = set()
    waiting = deque(starts)
    while waiting and len(kept) < limits.steps:
        node = waiting.popleft()
        if node in kept or (node[0] not in actors and len(actors) == limits.actors):
            continue
        kept.add(node)
        actors.add(node[0])
        waiting += [*graph.before.get(node, ()), *graph.after.get(node, ())]
    return kept


def _starts(history: History, finding: Finding | None) -> list[_Node]:
    """Return the step of a finding, then the heads of all actors, that of the finding's actor first."""
    actor, index = (None, None) if finding is None else (finding.place.actor, finding.place.index)
    found = [(actor, index)] if actor in history.chains and actor is not None and index is not None else []
    heads = [(each, len(chain) - 1) for each, chain in history.chains.items() if len(chain)]
    return [*found, *sorted(heads, key=lambda node: (node[0] != actor, node[0] != history.agent, node[0]))]


def _ordered(history: History, graph: _Graph) -> list[_Node]:
    """Return all steps in an order in which each follows those that it depends on; steps on a cycle are last."""
    nodes = [(actor, index) for actor, chain in history.chains.items() for index in range(len(chain))]
    lacking = {node: len(graph.before.get(node, ())) for node in nodes}
    ready = sorted((index, actor) for (actor, index), count in lacking.items() if count == 0)
    ordered: list[_Node] = []
    while ready:
        index, actor = heapq.heappop(ready)
        ordered.append((actor, index))
        for each in graph.after.get((actor, index), ()):
            lacking[each] -= 1
            if lacking[each] == 0:
                heapq.heappush(ready, (each[1], each[0]))
    return [*ordered, *sorted(set(nodes).difference(ordered))]


def _lanes(history: History, kept: Sequence[_Node]) -> list[bytes]:
    """Return the actors of steps: the agent first, then in the order in which they begin."""
    actors = list(dict.fromkeys(actor for actor, _ in kept))
    return sorted(actors, key=lambda actor: actor != history.agent)


def _actor(history: History, actor: bytes) -> dict[str, Json]:
    members: dict[str, Json] = {"id": actor.hex(), "steps": len(history.chains[actor])}
    return {**members, "agent": True} if actor == history.agent else members


def _messages(graph: _Graph, numbers: dict[_Node, int], lanes: dict[bytes, int]) -> Iterator[dict[str, Json]]:
    """Yield the messages from or to the kept steps, those of covered mail first."""
    for letter in graph.letters:
        members: dict[str, Json] = {"type": letter.kind[:_LONGEST_TYPE]} if letter.kind else {}
        if letter.sent is not None:
            if letter.sent not in numbers:
                continue
            members["from"] = numbers[letter.sent]
        if letter.read is not None:
            if letter.read in numbers:
                yield {**members, "to": numbers[letter.read]}
        elif letter.receiver in lanes:
            yield {**members, "unread_by": lanes[letter.receiver]}


def _around(history: History, finding: Finding) -> Iterator[Level]:
    """Yield the levels of a finding's path: a step, its field, and the neighbours of each name in it."""
    actor, index = finding.place.actor, finding.place.index
    chain = history.chains.get(actor) if actor is not None else None
    _, _, tail = finding.place.path.partition("/")
    where, *names = tail.split("/")
    if chain is None or index is None or not names:
        return
    step = chain.steps[index]
    fields = ("previous", "actor", "inbox", "outbox", "core")
    yield level(where, [])
    yield level(names[0], [(name, _short(getattr(step, name))) for name in fields])
    if names[0] in ("inbox", "outbox") and names[1:]:
        box = (chain.inboxes if names[0] == "inbox" else chain.outboxes)[index]
        yield level(names[1], [(key.hex(), _short(value)) for key, value in sorted(box.items())])
    elif names[0] == "core":
        yield from _of_core(history, step.core, names[1:])


def _of_core(history: History, core: bytes, names: Sequence[str]) -> Iterator[Level]:
    at: bytes | None = core
    for name in names:
        tree = history.shelf.look(at) if at is not None else None
        entries = dict(tree.entries) if isinstance(tree, Tree) else {}
        yield level(name, [(each, _short(target)) for each, target in entries.items()])
        at = entries.get(name)


def _short(identity: bytes | None) -> str:
    return "none" if identity is None else f"{identity.hex()[:8]}…"
