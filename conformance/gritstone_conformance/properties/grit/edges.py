"""The graph: every id is an edge, edges lead where they may, and no walk fails for length or depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

from hypothesis import strategies as st

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import edges
from gritstone_conformance.model.limits import FLOORS
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree, to_base64
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import PIECE_BYTES, Pair, open_memory
from gritstone_conformance.properties.grit.registry import each_format, in_one_format, is_first
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import graphs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_CHAINS: Final = (50_000, 200_000)  # messages; the gate takes the first
_DEEP: Final = 70_000  # trees; a limit beyond takes too long for a gate


_Walk: TypeAlias = Callable[[Pair, bool], None]
"""Asks for one operation that follows all edges from the references; the second argument: whether it succeeds."""


def _export(pair: Pair, succeeds: bool) -> None:
    pair.export(rule="grit.bundle.bytes" if succeeds else None)


def _prune(pair: Pair, succeeds: bool) -> None:
    pair.expect(pair.prune(rule="grit.prune.exact" if succeeds else None))


def one_object_less(walk: _Walk, trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """If any one object of a closed graph is absent, a walk is ``missing``; if none is, it succeeds."""
    pair = open_memory(trial, fmt)
    reached = graph.reached()
    absent = tape.pick(reached)
    pair.expect(*(pair.put(graph.encodings[identity]) for identity in reached if identity != absent))
    kept = {name: target for name, target in graph.references.items() if target != absent}
    pair.expect(*(pair.point(name, target) for name, target in kept.items()))
    walk(pair, False)
    pair.expect(pair.put(graph.encodings[absent]))
    pair.expect(*(pair.point(name, target) for name, target in graph.references.items()))
    walk(pair, True)


def each_edge_cut(walk: _Walk, trial: Trial, fmt: Format, tape: Tape) -> None:
    """Every id inside an object is an edge: for each of them, what it leads to is needed."""
    graph, parents = _one_of_each(fmt, tape)
    for parent in parents:
        for edge in edges(graph.values[parent]):
            pair = open_memory(trial, fmt)
            pair.expect(*(pair.put(data) for identity, data in graph.encodings.items() if identity != edge.target))
            pair.expect(pair.point("tags/top", parent))
            walk(pair, False)
            pair.expect(pair.put(graph.encodings[edge.target]))
            walk(pair, True)
            pair.expect(pair.close())


def each_edge_astray(walk: _Walk, trial: Trial, fmt: Format, tape: Tape) -> None:
    """An edge that leads to a kind that its place does not allow makes a walk ``invalid``."""
    graph, parents = _one_of_each(fmt, tape)
    for parent in parents:
        for spoiled in _astray(graph, graph.values[parent], tape):
            pair = open_memory(trial, fmt)
            good = [graph.encodings[identity] for identity in (*_reached(graph, graph.values[parent]), parent)]
            pair.expect(*map(pair.put, good), pair.point("tags/top", parent))
            walk(pair, True)
            data = fmt.encode(spoiled)
            needed = (graph.encodings[identity] for identity in _reached(graph, spoiled))
            pair.expect(*map(pair.put, (*needed, data)), pair.point("tags/top", fmt.hash(data)))
            walk(pair, False)
            pair.expect(pair.close())


def each_edge_astray_imported(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An import of a bundle with an edge that leads to a kind that its place does not allow is ``invalid``."""
    graph, parents = _one_of_each(fmt, tape)
    for parent in parents:
        pair = open_memory(trial, fmt)
        good = {identity: graph.encodings[identity] for identity in (*_reached(graph, graph.values[parent]), parent)}
        pair.expect(*pair.take(write(fmt, {"tags/good": parent}, good), rule="grit.bundle.bytes"))
        for spoiled in _astray(graph, graph.values[parent], tape):
            data = fmt.encode(spoiled)
            frames = {identity: graph.encodings[identity] for identity in _reached(graph, spoiled)}
            pair.expect(*pair.take(write(fmt, {"tags/top": fmt.hash(data)}, {**frames, fmt.hash(data): data})))
        pair.expect(pair.refs(), pair.close())


def _one_of_each(fmt: Format, tape: Tape) -> tuple[Graph, list[bytes]]:
    """Return a graph in which every edge leads to an object of its own, and the objects with edges."""
    graph = Graph(fmt)

    def blob() -> bytes:
        return graph.add(Blob((), tape.take(1) + len(graph.values).to_bytes(2)))

    def tree() -> bytes:
        return graph.add(Tree((("t", blob()),)))

    def box() -> bytes:
        return graph.add(Mailbox(((tree(), graph.add(Message(None, (), blob()))),)))

    first = graph.add(Message(None, (), blob()))
    start = graph.add(Step(None, tree(), None, None, tree()))
    parents = [
        graph.add(Tree((("a", blob()), ("bb", tree()), ("c", blob())))),
        graph.add(Message(first, (("k", "v"),), blob())),
        graph.add(Message(None, (), tree())),
        graph.add(Mailbox(((tree(), first), (tree(), graph.add(Message(None, (), blob())))))),
        graph.add(Step(start, tree(), box(), box(), tree())),
    ]
    return graph, parents


def _astray(graph: Graph, value: Object, tape: Tape) -> Iterator[Object]:
    """Yield the object with each of its edges in turn led to one object of a kind that it may not lead to."""
    for edge in edges(value):
        kinds = [kind for kind in ("blob", "tree", "message", "mailbox", "step") if kind not in edge.kinds]
        yield _redirect(value, edge.target, tape.pick(graph.of_kind(tape.pick(kinds))))


def _redirect(value: Object, old: bytes, new: bytes) -> Object:
    def lead(identity: bytes) -> bytes:
        return new if identity == old else identity

    def maybe(identity: bytes | None) -> bytes | None:
        return None if identity is None else lead(identity)

    match value:
        case Tree(entries):
            return Tree(tuple((name, lead(target)) for name, target in entries))
        case Message(previous, headers, content):
            return Message(maybe(previous), headers, lead(content))
        case Mailbox(pairs):
            return Mailbox(tuple((lead(key), lead(target)) for key, target in pairs))
        case Step(previous, actor, inbox, outbox, core):
            return Step(maybe(previous), lead(actor), maybe(inbox), maybe(outbox), lead(core))
        case _:
            raise AssertionError("a blob has no edges")


def _reached(graph: Graph, value: Object) -> list[bytes]:
    waiting, found = [edge.target for edge in edges(value)], dict[bytes, None]()
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found[identity] = None
            waiting += [edge.target for edge in edges(graph.values[identity])]
    return list(found)


def _chain(fmt: Format, length: int) -> bytes:
    """Return the bundle of a chain of messages with one content, spelled by a pattern: the oracle is not that fast."""
    content = fmt.encode(Blob((), b"content"))
    identity = fmt.hash(content)
    frames: dict[bytes, bytes | None] = {identity: content}
    first = fmt.encode(Message(None, (), identity))
    last, mark = fmt.hash(first), b"\xee" * 32
    frames[last] = first
    before, after = fmt.encode(Message(mark, (), identity)).split(mark)
    for _ in range(length - 1):
        data = before + last + after
        last = fmt.hash(data)
        frames[last] = data
    return write(fmt, {"tags/chain": last}, frames)


def chains_of_any_length(trial: Trial, fmt: Format, length: int) -> None:
    """Export, import and prune work on chains of previous of any length.

    The longest are imported and pruned only: an export walks as a prune does, and costs seconds.
    """
    length = length if is_first(trial, fmt) else length // 10
    data = _chain(fmt, length)
    pair = open_memory(trial, fmt)
    cuts = range(0, len(data), PIECE_BYTES)
    counted = [ok(objects=0, refs=0)] * (len(cuts) - 1) + [ok(objects=length + 1, refs=1)]
    for at, expect in zip(cuts, counted, strict=True):
        piece = {"bytes": to_base64(data[at : at + PIECE_BYTES]), "more": at + PIECE_BYTES < len(data)}
        trial.expect("grit.import", {"store": pair.handle, **piece}, expect)
    trial.expect("grit.prune", {"store": pair.handle, "pins": []}, ok(removed=0))
    if length < _CHAINS[0]:
        args: dict[str, Json] = {"store": pair.handle, "cursor": None}
        pair.export_rest(pair.export_piece(args, data, 0), data, pair.last_piece)


def trees_of_any_depth(trial: Trial, fmt: Format) -> None:
    """Trees nested up to ``tree_depth`` are walked, and deeper ones ``exhausted``, by export, prune and import.

    The deepest way is never the first that is walked: the tree below the top is met before and behind it as well.
    A tree that has only known trees below it counts with these, not with the deepest way so far.
    """
    pair = open_memory(trial, fmt)
    limit = pair.model.limits.tree_depth
    if limit < FLOORS["tree_depth"]:
        trial.fail(f"at least {FLOORS['tree_depth']}", limit, words="the limit tree_depth is below its floor")
    exact = is_first(trial, fmt) and limit <= _DEEP
    graph = graphs.nested(fmt, limit if exact else FLOORS["tree_depth"])
    (top,) = graph.references.values()
    pair.expect(*pair.take(graph.bundle()))
    pair.export()
    if not exact:
        return
    _, lowest, *_, below, _ = graph.values
    inner = graph.add(Tree((("l", lowest),)))
    wide = graph.add(Tree((("s", below), ("t", inner))))
    pair.expect(pair.put(graph.encodings[inner]), pair.put(graph.encodings[wide]))
    pair.expect(pair.cas(Change("tags/deep", top, wide)))
    pair.export()
    deeper = graph.add(Tree((("s", below), ("t", top), ("u", below))))
    pair.expect(pair.put(graph.encodings[deeper]), pair.cas(Change("tags/deep", wide, deeper)), pair.prune())
    pair.export()
    graph.references["tags/deep"] = deeper
    other = open_memory(trial, fmt, "t")
    other.expect(*other.take(graph.bundle()), other.refs())


def _lengths(fmt: Format) -> Mapping[str, st.SearchStrategy[int]]:
    return {"length": st.sampled_from(_CHAINS)}


PROPERTIES: Final = (
    *each_format(
        *("graph/one-object-less", partial(one_object_less, _export), "grit.graph.edges", "grit.bundle.bytes"),
        reach={"grit.export refused": 0.4},
        given=draws.graph_and_tape(2),
        examples=21,
    ),
    *each_format(
        *("graph/one-object-less-pruned", partial(one_object_less, _prune), "grit.graph.edges", "grit.prune.exact"),
        reach={"grit.prune refused": 0.4},
        given=draws.graph_and_tape(2),
        examples=12,
    ),
    *each_format(
        *("graph/each-edge-cut", partial(each_edge_cut, _export), "grit.graph.edges", "grit.bundle.bytes"),
        given=draws.tape(24),
        examples=2,
    ),
    *each_format(
        *("graph/each-edge-cut-pruned", partial(each_edge_cut, _prune), "grit.graph.edges", "grit.prune.exact"),
        given=draws.tape(24),
        examples=1,
    ),
    *each_format(
        *("graph/each-edge-astray", partial(each_edge_astray, _export), "grit.graph.kinds", "grit.bundle.bytes"),
        given=draws.tape(64),
        examples=3,
    ),
    *each_format(
        *("graph/each-edge-astray-pruned", partial(each_edge_astray, _prune), "grit.graph.kinds", "grit.prune.exact"),
        given=draws.tape(64),
        examples=2,
    ),
    *each_format(
        *("graph/each-edge-astray-imported", each_edge_astray_imported, "grit.graph.kinds", "grit.bundle.bytes"),
        given=draws.tape(64),
        examples=3,
    ),
    *in_one_format(
        each_format(
            *("graph/long-chain", chains_of_any_length, "grit.graph.iterative"),
            given=_lengths,
            examples=1,
            cost=1_500,
        )
    ),
    *each_format("graph/deep-trees", trees_of_any_depth, "grit.graph.iterative", cost=500),
)
