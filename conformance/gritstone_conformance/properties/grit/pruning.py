"""Pruning: exactly what cannot be reached goes."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_memory
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "fill"]

_DEPTH: Final = 40  # there are 4 ** 40 paths


def fill(pair: Pair, graph: Graph) -> None:
    """Put a graph and set its references, by the subject's door and the model's."""
    puts = [pair.put(data) for data in graph.encodings.values()]
    changes = (Change(name, None, target) for name, target in graph.references.items())
    pair.expect(*puts, pair.cas(*changes))


def exactly(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """After a prune the store has exactly the closure of all references and the pins, and counts what it removed."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    identities = list(graph.values)
    pins = [tape.pick(identities) for _ in range(tape.pick((0, 1, 2)))]
    pair.expect(pair.prune([*pins, *pins[:1]]), pair.has(identities), pair.refs(), pair.prune(pins))
    dropped = tape.pick(list(graph.references))
    pair.expect(pair.point(dropped, None), pair.prune(), *(pair.get(identity) for identity in identities))
    pair.expect(*(pair.point(name, None) for name in pair.model.references), pair.prune(), pair.has(identities))


def pins_that_lack(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """If an id in the closure, a pin included, is absent, the prune is ``missing`` and removes nothing."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    identities = list(graph.values)
    absent = tape.take(31) + b"\1"
    pair.expect(pair.prune([absent]), pair.prune([tape.pick(identities), absent]), pair.has(identities), pair.refs())
    pair.expect(pair.prune(identities), pair.has(identities))


def gone_for_all(trial: Trial, fmt: Format, graph: Graph) -> None:
    """What a prune removed is absent for every operation, until it is stored again."""
    pair = open_memory(trial, fmt)
    pair.expect(*(pair.put(data) for data in graph.encodings.values()), pair.prune(rule="grit.prune.exact"))
    for identity, data in graph.encodings.items():
        pair.expect(
            *(pair.get(identity), pair.has([identity]), pair.cas(Change("tags/x", None, identity))),
            *(pair.put(data), pair.get(identity)),
        )


def shared_garbage(trial: Trial, fmt: Format) -> None:
    """Objects to which no reference leads are removed in linear time, also if many paths lead to each of them."""
    graph = Graph(fmt)
    tree = graph.add(Blob((), b"leaf"))
    for _ in range(_DEPTH):
        tree = graph.add(Tree((("a", tree), ("b", tree))))
        tree = graph.add(Tree((("a", tree), ("b", graph.add(Tree((("c", tree),)))))))
    pair = open_memory(trial, fmt)
    puts = [pair.put(data) for data in graph.encodings.values()]
    pair.expect(*puts, pair.prune(rule="grit.graph.iterative"), pair.has(list(graph.encodings)))


PROPERTIES: Final = (
    *each_format("prune/exact", exactly, "grit.prune.exact", given=draws.graph_and_tape(8), examples=21),
    *each_format("prune/lacking", pins_that_lack, "grit.prune.exact", given=draws.graph_and_tape(33), examples=12),
    *each_format(
        "prune/dangling", gone_for_all, "grit.prune.dangling", "grit.prune.exact", given=draws.graph(5), examples=12
    ),
    *each_format("prune/shared-garbage", shared_garbage, "grit.graph.iterative", "grit.prune.exact"),
)
