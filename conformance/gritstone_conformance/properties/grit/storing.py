"""Putting and getting: what enters a store, who sees it, and that it stays what it is."""

from __future__ import annotations

import hashlib
from typing import Final

from gritstone_conformance.model.formats import Format, other_format
from gritstone_conformance.model.values import Blob, Object, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.registry import each_format, is_first
from gritstone_conformance.strategies import graphs, objects
from gritstone_conformance.strategies.cbor_faults import CBOR_FAULTS
from gritstone_conformance.strategies.framed_faults import FRAMED_FAULTS
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]


def only_canonical(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A put stores only bytes that decoding accepts and that have the id given with them; others leave nothing."""
    pair = open_memory(trial, fmt)
    faults = [fault for fault in (*FRAMED_FAULTS, *CBOR_FAULTS) if _fits(fault.make.__module__, fmt)]
    spoiled = [tape.pick(faults).spoil(tape.turned(17 * at), fmt, objects.build) for at in range(4)]
    other = fmt.encode(Blob((), tape.take(2) + b"other"))
    requests: list[Asked] = []
    for each in spoiled:
        requests += [pair.put(each.bad), pair.has([fmt.hash(each.bad)]), pair.put(each.good, fmt.hash(each.good))]
        requests += [pair.put(other, fmt.hash(each.good)), pair.has([fmt.hash(other), fmt.hash(each.good)])]
    pair.expect(*requests)


def _fits(module: str, fmt: Format) -> bool:
    return module.endswith(f"{fmt.name.partition('-')[0]}_faults")


def seen_after_a_miss(trial: Trial, fmt: Format, value: Object) -> None:
    """Once a put was answered, every later operation finds the object, also where an earlier one missed it."""
    pair = open_memory(trial, fmt)
    _miss_put_get(pair, pair, fmt, value)


def seen_by_the_other_handle(trial: Trial, fmt: Format, value: Object) -> None:
    """Once a put was answered, every other handle of the store finds the object, also where it missed it before."""
    first = open_durable(trial, fmt, "s")
    _miss_put_get(first, first.beside("t"), fmt, value)


def handle_closed_beside_others(trial: Trial, fmt: Format) -> None:
    """If one of several handles on a store is closed, the others stay bound, whichever was opened first."""
    first = open_durable(trial, fmt, "s")
    data, more = (fmt.encode(Blob((), content)) for content in (b"first", b"second"))
    first.expect(first.put(data), first.point("tags/a", fmt.hash(data)))
    bundle = first.export()
    assert bundle is not None
    for closed, kept in ((first, first.beside("t")), (first.beside("u"), first.beside("v"))):
        kept.expect(kept.piece(bundle[:9], more=True, expect={"ok": {"objects": 0, "refs": 0}}))
        closed.expect(closed.close())
        kept.expect(kept.get(fmt.hash(data)), kept.refs(), kept.put(more), kept.get(fmt.hash(more)))
        kept.expect(kept.piece(bundle[9:], more=False, expect={"ok": {"objects": 1, "refs": 1}}))
        kept.export()
        closed.expect(closed.open(create=False), closed.get(fmt.hash(data)))


def _miss_put_get(writer: Pair, reader: Pair, fmt: Format, value: Object) -> None:
    for each in (value, Blob((), fmt.encode(value))):
        data = fmt.encode(each)
        identity = fmt.hash(data)
        reader.expect(
            reader.get(identity, rule="grit.store.missing"), reader.has([identity], rule="grit.store.missing")
        )
        writer.expect(writer.put(data))
        reader.expect(reader.get(identity), reader.has([identity]))
        writer, reader = reader, writer


def same_bytes_at_each_get(trial: Trial, fmt: Format, graph: Graph) -> None:
    """Each get of an object gives the same bytes, whatever else is stored, got and decoded."""
    pair = open_memory(trial, fmt)
    requests: list[Asked] = []
    for identity, data in graph.encodings.items():
        requests += [pair.put(data), pair.get(identity)]
    requests += [pair.put(fmt.encode(Blob((("k", "v"),), data))) for data in graph.encodings.values()]
    requests += [pair.get(identity) for identity in graph.encodings]
    pair.expect(*requests, *(pair.get(identity) for identity in reversed(graph.encodings)))


def put_twice(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A put of what is there succeeds with the same id and changes nothing."""
    pair = open_memory(trial, fmt)
    pair.expect(*_puts_again(pair, graph), *(pair.get(identity) for identity in graph.encodings))


def put_twice_pruned_once(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An object that was put twice is stored once: a prune removes and counts it once."""
    pair = open_memory(trial, fmt)
    pair.expect(*_puts_again(pair, graph), pair.prune(), pair.prune(), pair.has(list(graph.encodings)))


def _puts_again(pair: Pair, graph: Graph) -> list[Asked]:
    """Return puts of each object of a graph, each three times."""
    puts = [pair.put(data) for data in graph.encodings.values() for _ in range(2)]
    return [*puts, *(pair.put(data) for data in reversed(graph.encodings.values()))]


def unknown_ids(trial: Trial, fmt: Format, value: Object) -> None:
    """A get of an id under which nothing is stored is ``missing``, without a code, and has answers false."""
    pair = open_memory(trial, fmt)
    data = fmt.encode(value)
    identity = fmt.hash(data)
    near = [bytes(32), b"\xff" * 32, identity[:31] + bytes((identity[31] ^ 1,)), hashlib.sha256(identity).digest()]
    pair.expect(pair.put(data), pair.get(identity, rule="grit.store.immutable"), pair.has([identity, *near, identity]))
    for unknown in near:
        trial.expect("grit.get", {"store": pair.handle, "id": unknown.hex()}, {"refused": "missing", "code": None})


def damaged(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Bytes that do not hash to their id are not returned; putting the right ones makes the object present."""
    pair = open_memory(trial, fmt)
    graph = graphs.build(Tape(tape.take(graphs.GRAPH_TAPE)), fmt, size=4)
    reached = graph.reached()
    chosen = tape.pick(reached[::-1])
    at, xor = tape.below(len(graph.encodings[chosen])), tape.within(1, 255)
    pair.expect(*(pair.put(data) for data in graph.encodings.values()))
    pair.expect(*(pair.point(name, target) for name, target in graph.references.items()))
    pair.export(rule="grit.bundle.bytes")
    others = [identity for identity in graph.encodings if identity != chosen]
    pair.expect(
        pair.damage(chosen, at, xor), pair.get(chosen), pair.has([chosen]), *(pair.get(each) for each in others)
    )
    pair.export()
    if tape.below(2) == 0:
        pair.expect(pair.put(graph.encodings[chosen]))
    else:
        pair.expect(pair.damage(chosen, at, xor))
    pair.expect(pair.get(chosen))
    pair.export()


def one_format(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A store keeps its format: bytes of the other one only are refused, and so is opening it as the other one."""
    other = other_format(fmt)
    pair = open_durable(trial, fmt)
    foreign = other.encode(Tree((("a", b"\1" * 32),)))
    data = next(iter(graph.encodings.values()))
    pair.expect(pair.put(data), pair.put(foreign), pair.has([fmt.hash(foreign)]), pair.close())
    args = {"store": "t", "format": other.name, "backend": "durable", "dir": pair.directory}
    for create in (False, True):
        trial.expect("grit.open", {**args, "create": create}, {"refused": "rejected", "code": "format"})
    pair.expect(pair.open(create=True))
    trial.expect("grit.open", {**args, "create": False}, {"refused": "rejected", "code": "format"})
    pair.expect(pair.get(fmt.hash(data)), pair.has([fmt.hash(foreign), fmt.hash(data)]))


def many_sizes(trial: Trial, fmt: Format) -> None:
    """A store accepts every object of up to ``object_bytes`` bytes, whatever it holds and in whatever order."""
    pair = open_durable(trial, fmt)
    most = pair.model.limits.object_bytes
    kept: list[bytes] = []
    sizes = (most, 100, most, 70_000, most, 1000) if is_first(trial, fmt) else (100, min(most, 3_000_000), 70_000, 1000)
    for number, size in enumerate(sizes):
        blob = Blob((), bytes((number + 1,)) * (size - 64))
        data = fmt.encode(blob)
        kept.append(fmt.hash(data))
        pair.expect(pair.put(data))
    pair.expect(pair.has(kept), pair.get(kept[-1]), pair.get(kept[-3]))


PROPERTIES: Final = (
    *each_format("store/handle-closed", handle_closed_beside_others, "grit.store.handles", features=("durable",)),
    *each_format("store/put-strict", only_canonical, "grit.store.put-strict", given=draws.tape(80), examples=18),
    *each_format("store/put-twice", put_twice, "grit.store.put-idempotent", given=draws.graph(), examples=9),
    *each_format(
        *("store/put-twice-pruned", put_twice_pruned_once, "grit.store.put-idempotent"),
        given=draws.graph(),
        examples=12,
    ),
    *each_format(
        *("store/miss-then-put", seen_after_a_miss, "grit.store.put-visible", "grit.store.missing"),
        given=draws.value(),
        examples=18,
    ),
    *each_format(
        *("store/two-handles", seen_by_the_other_handle, "grit.store.put-visible", "grit.store.missing"),
        given=draws.value(),
        features=("durable",),
        examples=8,
    ),
    *each_format("store/unaltered", same_bytes_at_each_get, "grit.store.immutable", given=draws.graph(), examples=18),
    *each_format(
        *("store/unknown-ids", unknown_ids, "grit.store.missing", "grit.store.immutable"),
        given=draws.value(),
        examples=12,
    ),
    *each_format(
        *("store/damaged", damaged, "grit.store.verify", "grit.bundle.bytes"),
        given=draws.tape(graphs.GRAPH_TAPE + 8),
        features=("damage",),
        examples=24,
    ),
    *each_format(
        *("store/one-format", one_format, "grit.store.format"),
        given=draws.graph(1),
        features=("durable",),
        examples=3,
        both=True,
    ),
    *each_format("store/many-sizes", many_sizes, "grit.store.full", features=("durable",)),
)
