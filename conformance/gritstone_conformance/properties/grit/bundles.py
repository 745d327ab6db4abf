"""Bundles: the bytes of an export, and what an import must refuse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from gritstone_conformance.folders import read_given
from gritstone_conformance.model.formats import Format, other_format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.pruning import fill
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import graphs
from gritstone_conformance.strategies.bundle_faults import BUNDLE_FAULTS, redigest
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_ACCEPTED: Final = "grit.bundle.bytes"
_FILES: Final = "grit.bundle.file-error"
_WHOLE: Final = "grit.bundle.import-whole"
_ERROR: Final[dict[str, Json]] = {"error": True}
_LEAF_BYTES: Final = 30_000  # of a blob, so that each piece of a bundle has some objects


def same_bytes(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An export is the lines, the frames in order, and the end; an import of it succeeds and gives the same export."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    data = pair.export()
    if data is None:
        raise AssertionError("a closed graph has a bundle")
    other = open_memory(trial, fmt, "t")
    other.expect(*other.take(data), other.refs(), *other.take(data), other.has(list(graph.values)))
    other.export()


def any_arrival(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """A bundle depends on nothing but its references and their closure: not on order, garbage or other references."""
    first, second = open_memory(trial, fmt, "s"), open_memory(trial, fmt, "t")
    fill(first, graph)
    names = list(graph.references)
    garbage = fmt.encode(Blob((("garbage", "1"),), tape.take(1)))
    encodings = [*graph.encodings.values(), garbage]
    encodings.sort(key=lambda _: tape.below(256))
    second.expect(*(second.put(data) for data in encodings), second.point("zz/other", fmt.hash(garbage)))
    second.expect(*(second.point(name, graph.references[name]) for name in reversed(names)))
    first.export(names)
    second.export([*reversed(names), names[0]])
    second.export(names[:1])
    second.export([])


def nothing_else(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """The frames of a bundle are the closure of its references, whatever else is in the store."""
    pair = open_memory(trial, fmt)
    garbage = [fmt.encode(Blob((("garbage", "1"),), tape.take(1) + bytes((number,)))) for number in range(3)]
    pair.expect(*(pair.put(data) for data in garbage))
    fill(pair, graph)
    pair.export()
    for name in graph.references:
        pair.export([name])


def lower_case(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An export writes the targets of its references as 64 lower-case digits."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    pair.export()


def names_of_none(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An export of a name that is no reference, in the grammar or not, is refused with ``missing``."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    for absent in ("tags/none", "not a name", "", "../x"):
        pair.export([absent])
        pair.export([*graph.references, absent])
    pair.export(rule=_ACCEPTED)


def by_path(trial: Trial, fmt: Format, graph: Graph) -> None:
    """An export to a path writes the same bundle, replacing what is there; an import from one reads it."""
    pair = open_durable(trial, fmt)
    fill(pair, graph)
    path = trial.path()
    pair.expect(pair.export_file(path, []), pair.export_file(path))
    written, expected = read_given(path), pair.model.export()
    if isinstance(written, str):
        trial.fail("a file", written, words="no file was exported")
    if written != expected:
        trial.fail(f"{len(expected)} bytes", f"{len(written)} other bytes", words="the exported file is another bundle")
    other = open_memory(trial, fmt, "t")
    other.expect(other.take_file(path, expected), other.refs(), other.has(list(graph.values)))
    refused = trial.path()
    pair.expect(pair.export_file(refused, ["tags/none"]))
    if Path(refused).exists():
        trial.fail("no file", "a file", words="a refused export made a file")
    trial.expect("grit.import", {"store": "t", "from": refused}, {"refused": "missing"})


def not_this_bundle(make: tuple[Callable[[Tape, Graph], bytes], ...], trial: Trial, fmt: Format, tape: Tape) -> None:
    """A bundle with one defect is refused with a class that is true of it, and sets no reference."""
    graph = graphs.build(Tape(tape.take(graphs.GRAPH_TAPE)), fmt, size=5)
    for fault in make:
        pair = open_memory(trial, fmt)
        pair.expect(*pair.take(fault(tape, graph)), pair.refs(rule="grit.bundle.import-atomic"))
        pair.expect(*pair.take(graph.bundle(), rule=_ACCEPTED), pair.refs(rule=_ACCEPTED), pair.close())


def any_byte_changed(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A bundle of which any byte was changed is refused, also with its digest made right again."""
    data = graphs.build(Tape(tape.take(graphs.GRAPH_TAPE)), fmt, size=3).bundle()
    pair = open_memory(trial, fmt)
    requests: list[Asked] = []
    for _ in range(12):
        at, xor = tape.below(len(data)), tape.within(1, 255)
        changed = data[:at] + bytes((data[at] ^ xor,)) + data[at + 1 :]
        requests += [*pair.take(changed), pair.refs()]
        requests += _taken_apart(trial, pair, redigest(fmt, changed))
    pair.expect(*requests, *pair.take(data, rule=_ACCEPTED), pair.refs(rule=_ACCEPTED))


def each_byte_changed(trial: Trial, fmt: Format) -> None:
    """Each single byte of a bundle protects itself, by the digest, and each byte of a frame, target or count twice."""
    graph = Graph(fmt)
    leaf = graph.add(Blob((("ct", "s"),), b"hello"))
    graph.references["tags/demo"] = graph.add(Tree((("greeting", leaf),)))
    data = graph.bundle()
    pair = open_memory(trial, fmt)
    requests: list[Asked] = []
    for at in range(len(data)):
        changed = data[:at] + bytes((data[at] ^ (1 << at % 8),)) + data[at + 1 :]
        requests += pair.take(changed)
        requests += _taken_apart(trial, pair, redigest(fmt, changed))
    pair.expect(*requests, pair.refs(), *pair.take(data, rule=_ACCEPTED))


def _taken_apart(trial: Trial, pair: Pair, data: bytes) -> list[Asked]:
    """Import into the store if that is refused; what happens to be another bundle is left alone."""
    if "ok" in pair.model.copy().import_(data):
        return []
    return pair.take(data)


def every_prefix(trial: Trial, fmt: Format, graph: Graph) -> None:
    """Every proper prefix of a bundle is ``malformed`` or has a wrong digest; so has one with more behind it."""
    data = graph.bundle()
    pair = open_memory(trial, fmt)
    prefixes = [request for length in range(len(data)) for request in pair.take(data[:length])]
    pair.expect(*prefixes, *pair.take(data + b"\0"), *pair.take(data + data), pair.refs())
    pair.expect(*pair.take(data, rule=_ACCEPTED), pair.refs(rule=_ACCEPTED))


def all_or_none(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """An import sets all references or none; one with another target in the store makes it ``rejected/conflict``."""
    pair = open_memory(trial, fmt)
    other = fmt.encode(Blob((), b"other"))
    names = [name for name in graph.references if name.split("/")[0] not in ("heads", "failed", "actors", "runtime")]
    graph.references.setdefault("tags/free", next(iter(graph.values)))
    name = tape.pick([*names, "tags/free"])
    pair.expect(pair.put(other), pair.point(name, fmt.hash(other)), *pair.take(graph.bundle()), pair.refs())
    pair.expect(pair.point(name, None), *pair.take(graph.bundle(), rule=_ACCEPTED), pair.refs())
    pair.expect(*pair.take(graph.bundle(), rule=_ACCEPTED), pair.refs())


def not_the_other_format(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A bundle of the other format is ``rejected/format``; nothing is translated on the way."""
    other = other_format(fmt)
    foreign = Graph(other)
    foreign.references["tags/a"] = foreign.add(Blob((), b"foreign"))
    pair = open_memory(trial, fmt)
    empty = Graph(other).bundle()
    pair.expect(*pair.take(foreign.bundle()), *pair.take(empty), pair.refs(), pair.has(list(foreign.values)))
    pair.expect(*pair.take(graph.bundle(), rule=_ACCEPTED), pair.refs(rule=_ACCEPTED))


def one_moment(trial: Trial, fmt: Format, *meanwhile: Callable[[Pair], object]) -> None:
    """A bundle in several pieces shows the moment at which its export began, whatever is done between them."""
    pair = open_memory(trial, fmt)
    big = [fmt.encode(Blob((), bytes((number,)) * 900_000)) for number in range(4)]
    pair.expect(*(pair.put(data) for data in big))
    pair.expect(*(pair.point(f"tags/{number}", fmt.hash(data)) for number, data in enumerate(big)))
    data = pair.model.export()
    cursor = pair.export_piece({"store": pair.handle, "cursor": None}, data, 0)
    at = pair.last_piece
    late = fmt.encode(Blob((), b"late"))
    pair.expect(pair.put(late), pair.cas(Change("tags/0", fmt.hash(big[0]), fmt.hash(late))))
    pair.expect(pair.point("tags/1", None), pair.point("tags/2", None))
    for each in meanwhile:
        each(pair)
    pair.export_rest(cursor, data, at)
    pair.export()


def one_moment_pruned(trial: Trial, fmt: Format) -> None:
    """A bundle in several pieces shows the moment at which its export began, also after a prune between them."""
    one_moment(trial, fmt, lambda pair: pair.expect(pair.prune(rule="grit.prune.exact")))


def old_cursors(trial: Trial, fmt: Format) -> None:
    """A cursor that was used, or that belongs to an ended export, is rejected, and the export in progress goes on."""
    pair = open_memory(trial, fmt)
    big = [fmt.encode(Blob((), bytes((number,)) * 900_000)) for number in range(4)]
    pair.expect(*(pair.put(data) for data in big))
    pair.expect(*(pair.point(f"tags/{number}", fmt.hash(data)) for number, data in enumerate(big)))
    data = pair.model.export()
    begin: dict[str, Json] = {"store": pair.handle, "cursor": None}
    ended, _ = _next_piece(pair, begin, data, 0)
    first, at = _next_piece(pair, begin, data, 0)
    second, at = _next_piece(pair, {"store": pair.handle, "cursor": first}, data, at)
    for old in (ended, first, first):
        pair.old_cursor(old)
    third, at = _next_piece(pair, {"store": pair.handle, "cursor": second}, data, at)
    for old in (first, second):
        pair.old_cursor(old)
    pair.export_rest(third, data, at)
    for old in (first, second, third):
        pair.old_cursor(old)
    again, at = _next_piece(pair, begin, data, 0)
    for old in (first, second, third):
        pair.old_cursor(old)
    pair.export_rest(again, data, at)
    pair.expect(pair.close(), pair.open(create=True))
    pair.old_cursor(again)


def _next_piece(pair: Pair, args: dict[str, Json], data: bytes, at: int) -> tuple[str, int]:
    """Ask for a piece that is not the last; returns the cursor behind it, and where it ends."""
    cursor = pair.export_piece(args, data, at)
    assert cursor is not None, "more than a piece is left"
    return cursor, at + pair.last_piece


def in_pieces(trial: Trial, fmt: Format, graph: Graph, tape: Tape) -> None:
    """A bundle may come in pieces of any size, others requests between them; a piece that is refused drops them all."""
    pair = open_memory(trial, fmt)
    data = graph.bundle()
    cuts = sorted({tape.below(len(data)) for _ in range(4)})
    counted = {"ok": {"objects": 0, "refs": 0}}
    for start, end in zip([0, *cuts], cuts, strict=False):
        pair.expect(pair.piece(data[start:end], more=True, expect=counted), pair.refs())
    last = data[cuts[-1] :]
    pair.expect(pair.piece(last, more=False, expect=pair.model.import_(data)), pair.refs())
    pair.export()


def refused_piece(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A refused piece drops the pieces before it: what follows begins another import."""
    pair = open_memory(trial, fmt)
    data = graph.bundle()
    start, end = data[: len(data) // 2], data[len(data) // 2 :]
    counted: dict[str, Json] = {"ok": {"objects": 0, "refs": 0}}
    for last in (end + b"!", end):
        part = end[:-40] + bytes((end[-40] ^ 1,)) + end[-39:]
        pair.expect(pair.piece(start, more=True, expect=counted))
        pair.expect(pair.piece(part, more=False, expect=pair.model.import_(start + part)))
        pair.expect(pair.piece(last, more=False, expect=pair.model.import_(last)), pair.refs())
    pair.expect(pair.piece(start, more=True, expect=counted))
    pair.expect(pair.piece(end, more=False, expect=pair.model.import_(data)), pair.refs())
    pair.export()


def whole_at_the_end(trial: Trial, fmt: Format) -> None:
    """An import in pieces stores every object of the bundle, also one that was pruned between the pieces."""
    pair = open_memory(trial, fmt)
    _import_with_prunes(pair, pair)


def whole_next_to_others(trial: Trial, fmt: Format) -> None:
    """An import in pieces stores every object of the bundle, also one that was pruned on another handle."""
    pair = open_durable(trial, fmt)
    _import_with_prunes(pair, pair.beside("t"))


def whole_next_to_erasures(trial: Trial, fmt: Format) -> None:
    """An import in pieces succeeds if blobs of the bundle are erased between the pieces; they stay erased."""
    pair = open_memory(trial, fmt)
    _import_with_prunes(pair, pair, erases=True)


def _import_with_prunes(importer: Pair, other: Pair, *, erases: bool = False) -> None:
    """Import a bundle in three pieces, and between them store, refer to and prune objects of it on ``other``."""
    fmt = importer.model.format
    graph = Graph(fmt)
    leaves = [graph.add(Blob((), bytes((number,)) * _LEAF_BYTES)) for number in range(4)]
    trees = [graph.add(Tree((("a", one), ("b", leaves[-1])))) for one in leaves[:-1]]
    graph.references["tags/all"] = graph.add(Tree(tuple((f"{number}", one) for number, one in enumerate(trees))))
    data, third = graph.bundle(), len(graph.bundle()) // 3
    counted = {"ok": {"objects": 0, "refs": 0}}
    everything = list(graph.encodings.items())
    other.expect(*(other.put(encoding) for _, encoding in everything[::2]), other.point("tags/old", leaves[0]))
    importer.expect(importer.piece(data[:third], more=True, expect=counted, rule=_WHOLE))
    _prune(other)
    other.expect(*(other.put(encoding) for _, encoding in everything), other.point("tags/old", trees[0]))
    if erases:
        other.expect(other.erase(leaves[1]))
    importer.expect(importer.piece(data[third : 2 * third], more=True, expect=counted, rule=_WHOLE))
    other.expect(other.point("tags/old", None))
    _prune(other)
    other.expect(other.put(graph.encodings[graph.references["tags/all"]]))  # without the objects that it leads to
    importer.expect(importer.piece(data[2 * third :], more=False, expect=importer.model.import_(data), rule=_WHOLE))
    seen = [other.get(identity) for identity, _ in everything]
    other.expect(*seen, other.has([identity for identity, _ in everything]), other.refs(), rule=_WHOLE)
    _prune(other)
    importer.export(rule=_WHOLE)


def _prune(pair: Pair) -> None:
    """Prune. How many objects of an unfinished import are in the store is unspecified, and so is the number removed."""
    op, args, *_ = pair.prune()
    pair.expect((op, args, {"ok": {"removed": {"$": "any"}}}, _WHOLE))


def _refused(rule: str, slug: str, examples: int) -> tuple[Property, ...]:
    return each_format(
        *(f"bundle/{slug}", partial(not_this_bundle, BUNDLE_FAULTS[rule]), rule),
        *("grit.bundle.import-atomic", _ACCEPTED),
        given=draws.tape(graphs.GRAPH_TAPE + 64),
        examples=examples,
    )


def unusable_files(trial: Trial, fmt: Format, graph: Graph) -> None:
    """A file that cannot be written or read is answered ``error``; the store and the files there stay as they were."""
    pair = open_memory(trial, fmt)
    fill(pair, graph)
    around = Path(trial.directory())
    kept = around / "full" / "kept"
    for folder in ("empty", "full"):
        (around / folder).mkdir()
    kept.write_bytes(b"content")
    folders = [str(around / "empty"), str(kept.parent)]
    writes = [
        ("grit.export", {"store": pair.handle, "to": path}, _ERROR, None) for path in (*folders, str(kept / "below"))
    ]
    reads = [("grit.import", {"store": pair.handle, "from": path}, _ERROR, None) for path in folders]
    pair.expect(*writes, *reads, rule=_FILES)
    if [*around.glob("*/*")] != [kept] or read_given(str(kept)) != b"content":
        trial.fail(["full/kept"], sorted(map(str, around.glob("*/*"))), words="other files have changed", rule=_FILES)
    pair.expect(pair.refs(), rule=_FILES)
    data = pair.export(rule=_FILES)
    path = trial.path()
    if data is not None:
        pair.expect(pair.export_file(path), pair.take_file(path, data), rule="grit.bundle.path")


PROPERTIES: Final = (
    *each_format("bundle/same-bytes", same_bytes, "grit.bundle.bytes", given=draws.graph(), examples=21),
    *each_format(
        *("bundle/any-arrival", any_arrival, "grit.bundle.deterministic"),
        given=draws.graph_and_tape(16),
        examples=18,
    ),
    *each_format(
        *("bundle/nothing-else", nothing_else, "grit.bundle.exact"),
        given=draws.graph_and_tape(3),
        examples=12,
    ),
    *each_format(
        "bundle/names-of-none", names_of_none, "grit.bundle.exact", _ACCEPTED, given=draws.graph(2), examples=4
    ),
    *each_format(
        *("bundle/by-path", by_path, "grit.bundle.bytes"),
        given=draws.graph(),
        features=("durable", "files"),
        examples=8,
    ),
    *each_format(
        *("bundle/unusable-files", unusable_files, _FILES, "grit.bundle.path"),
        given=draws.graph(2),
        features=("files",),
        examples=2,
    ),
    *_refused("grit.bundle.exact", "not-the-closure", 12),
    *_refused("grit.bundle.conditions", "other-layout", 15),
    *_refused("grit.id.text", "respelled-ids", 25),
    *each_format("bundle/lower-case", lower_case, "grit.id.text", given=draws.graph(2), examples=3),
    *_refused("grit.ref.grammar", "misnamed", 25),
    *_refused("grit.bundle.format", "unknown-format", 5),
    *_refused("grit.bundle.truncated", "trailing", 5),
    *each_format(
        *("bundle/any-byte", any_byte_changed, "grit.bundle.verify", _ACCEPTED),
        given=draws.tape(graphs.GRAPH_TAPE + 48),
        examples=11,
    ),
    *each_format("bundle/each-byte", each_byte_changed, "grit.bundle.verify", _ACCEPTED),
    *each_format(
        "bundle/every-prefix", every_prefix, "grit.bundle.truncated", _ACCEPTED, given=draws.graph(2), examples=2
    ),
    *each_format(
        *("bundle/all-or-none", all_or_none, "grit.bundle.import-atomic", _ACCEPTED),
        given=draws.graph_and_tape(1),
        examples=18,
    ),
    *each_format(
        "bundle/other-format", not_the_other_format, "grit.bundle.format", _ACCEPTED, given=draws.graph(2), examples=4
    ),
    *each_format("bundle/old-cursors", old_cursors, "grit.bundle.cursor"),
    *each_format("bundle/one-moment", one_moment, "grit.ref.snapshot"),
    *each_format("bundle/one-moment-pruned", one_moment_pruned, "grit.ref.snapshot", "grit.prune.exact"),
    *each_format("bundle/in-pieces", in_pieces, "grit.bundle.pieces", given=draws.graph_and_tape(4), examples=12),
    *each_format("bundle/refused-piece", refused_piece, "grit.bundle.dropped-pieces", given=draws.graph(2), examples=4),
    *each_format("bundle/pruned-between-pieces", whole_at_the_end, _WHOLE),
    *each_format("bundle/pruned-on-another-handle", whole_next_to_others, _WHOLE, features=("durable",)),
    *each_format("bundle/erased-and-pruned-between-pieces", whole_next_to_erasures, _WHOLE, features=("erase",)),
)
