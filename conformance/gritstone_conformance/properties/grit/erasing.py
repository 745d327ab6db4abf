"""Erasure: the bytes of a blob are gone for ever, and everything above it stays whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gritstone_conformance.folders import given_entries, read_given
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.pruning import fill
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "files"]

_SIZES: Final = (24, 300, 5000, 70_000)  # bytes; small ones share a page of a file, large ones have pages of their own


def blob_gone(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """Once an erasure was answered, a get of the blob is ``missing/erased`` and has is false, for ever."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    chosen = tape.pick(graph.of_kind("blob"))
    pair.expect(pair.get(chosen, rule="grit.store.immutable"), pair.erase(chosen), pair.get(chosen), pair.has([chosen]))
    pair.expect(pair.erase(chosen), pair.get(chosen), pair.erase(chosen), pair.has([chosen]))


def gone_after_a_prune(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """An erased blob stays ``missing/erased`` after a prune, whether a reference leads to it or not."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    chosen = tape.pick(graph.of_kind("blob"))
    pair.expect(pair.erase(chosen), pair.prune(), pair.get(chosen), pair.erase(chosen), pair.has([chosen]))
    pair.expect(*(pair.point(name, None) for name in graph.references), pair.prune(), pair.get(chosen))


def erased_on_disk(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """An erased blob stays erased when a durable store is closed and opened again."""
    pair = open_durable(trial, fmt)
    fill(pair, graph)
    chosen = tape.pick(graph.of_kind("blob"))
    pair.expect(pair.erase(chosen), pair.close(), pair.open(create=False), pair.get(chosen), pair.has([chosen]))
    pair.expect(pair.put(graph.encodings[chosen], rule="grit.erase.no-return"), pair.erase(chosen))
    pair.expect(pair.close(), pair.open(create=False), pair.get(chosen))


def no_way_back(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """A put of an erased blob is ``rejected/erased``; an import that holds it succeeds as if it held its tombstone."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    chosen = tape.pick(graph.of_kind("blob"))
    pair.expect(pair.erase(chosen), pair.put(graph.encodings[chosen]), pair.get(chosen))
    pair.expect(*pair.take(graph.bundle()), pair.get(chosen), pair.has([chosen]), pair.refs())
    pair.export()


def tombstones_travel(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """What is above an erased blob is got, exported with a tombstone, and imported elsewhere."""
    pair = _with_two_erased(trial, fmt, graph, tape)
    data = pair.export()
    pair.expect(*(pair.get(identity) for identity in graph.values))
    if data is None:
        return
    other = open_memory(trial, fmt, "t")
    other.expect(*other.take(data), other.has(list(graph.values)), *(other.get(identity) for identity in graph.values))
    other.export()


def pruned_above(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """A closure that holds erased blobs is pruned."""
    pair = _with_two_erased(trial, fmt, graph, tape)
    pair.expect(pair.prune(), *(pair.get(identity) for identity in graph.values))


def _with_two_erased(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> Pair:
    """Return a store with a graph of which two blobs were erased, or its only one."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    blobs = graph.of_kind("blob")
    first = tape.pick(blobs)
    erased = [first, tape.pick([blob for blob in blobs if blob != first] or blobs)]
    trial.reach("two blobs are erased", erased[0] != erased[1])
    for chosen in erased:
        pair.expect(pair.erase(chosen))
    return pair


def not_over_bytes(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A tombstone in a bundle erases nothing that is stored: a bundle has no authority to erase."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    elsewhere = Store(fmt, pair.model.limits)
    graph.fill(elsewhere)
    for chosen in graph.of_kind("blob"):
        elsewhere.erase(chosen)
    pair.expect(*pair.take(elsewhere.export()), *(pair.get(identity) for identity in graph.values))


def blobs_only(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An erasure of any other kind is ``rejected`` and changes nothing; that of an absent id is ``missing``."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    others = [identity for identity in graph.values if identity not in graph.of_kind("blob")]
    pair.expect(*(pair.erase(identity) for identity in (*others, b"\7" * 32)), *(pair.get(each) for each in others))
    pair.expect(*(pair.erase(identity) for identity in graph.of_kind("blob")), pair.has(list(graph.values)))


def no_trace(trial: Trial, fmt: Format) -> None:
    """Once an erasure was answered, the bytes of the blob occur in no file under the directory of the store."""
    pair = open_durable(trial, fmt)
    marks = [f"{number:x}-marker-of-an-erased-blob-".encode() for number in range(len(_SIZES))]
    encodings = [
        fmt.encode(Blob((), (mark * (size // 24 + 1))[:size])) for mark, size in zip(marks, _SIZES, strict=True)
    ]
    top = fmt.encode(Tree(tuple((f"n{number}", fmt.hash(data)) for number, data in enumerate(encodings))))
    pair.expect(*(pair.put(data) for data in (*encodings, top)), pair.point("tags/top", fmt.hash(top)))
    pair.export()
    if not any(mark in content for mark in marks for content in files(pair)):
        return  # what is stored cannot be read from outside, so that it is gone cannot be seen either
    for data in encodings:
        pair.expect(pair.erase(fmt.hash(data)))
    for mark in marks:
        if any(mark[:24] in content for content in files(pair)):
            trial.fail("no file with the bytes", "a file with the bytes", words="erased bytes stay in a file")
    pair.export()


def files(pair: Pair) -> Iterator[bytes]:
    """Return the contents of the files under the directory of a durable store that can be read."""
    assert pair.directory is not None
    return (content for path in given_entries(pair.directory) if isinstance(content := read_given(path), bytes))


_ERASE: Final = ("erase",)

PROPERTIES: Final = (
    *each_format(
        *("erase/blob-gone", blob_gone, "grit.erase.tombstone", "grit.erase.gone", "grit.store.immutable"),
        given=draws.graph_and_tape(1, 4),
        features=_ERASE,
        examples=12,
    ),
    *each_format(
        *("erase/blob-gone-pruned", gone_after_a_prune, "grit.erase.tombstone"),
        given=draws.graph_and_tape(1, 4),
        features=_ERASE,
        examples=8,
    ),
    *each_format(
        *("erase/on-disk", erased_on_disk, "grit.erase.tombstone", "grit.erase.no-return"),
        given=draws.graph_and_tape(1, 3),
        features=("erase", "durable"),
        examples=4,
    ),
    *each_format(
        *("erase/no-way-back", no_way_back, "grit.erase.no-return"),
        given=draws.graph_and_tape(1, 4),
        features=_ERASE,
        examples=12,
    ),
    *each_format(
        *("erase/above", tombstones_travel, "grit.erase.graph"),
        given=draws.graph_and_tape(2),
        features=_ERASE,
        examples=18,
    ),
    *each_format(
        *("erase/above-pruned", pruned_above, "grit.erase.graph"),
        given=draws.graph_and_tape(2),
        features=_ERASE,
        examples=18,
    ),
    *each_format("erase/not-over-bytes", not_over_bytes, "grit.bundle.no-erase", given=draws.graph(4), examples=8),
    *each_format(
        "erase/blobs-only", blobs_only, "grit.erase.blob-only", given=draws.graph(), features=_ERASE, examples=12
    ),
    *each_format("erase/no-trace", no_trace, "grit.erase.gone", features=("erase", "durable", "files")),
)
