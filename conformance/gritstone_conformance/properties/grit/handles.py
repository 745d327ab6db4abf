"""Several handles on one durable store in one process, and transfers in progress on them.

Each handle has its own transfers. What ends a transfer is listed in the chapters; everything else leaves it as it is:
the end of other handles, and changes of the store, through whichever handle they come.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gritstone_conformance.folders import given_entries, remove_folder
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message
from gritstone_conformance.properties.grit.pair import Pair, open_durable
from gritstone_conformance.properties.grit.registry import each_format, in_one_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_HANDLES: Final = "grit.store.handles"
_CLOSE: Final = "grit.store.close"
_CURSOR: Final = "grit.bundle.cursor"
_MOMENT: Final = "grit.ref.snapshot"
_ORDERS: Final = ((0, 1, 2), (2, 1, 0))
_LARGE_BYTES: Final = 900_000  # two of these do not fit in one piece
_CUT: Final = 9  # bytes of a bundle in its first piece
_GARBAGE: Final = 1_500  # messages: more than stay in a store whose files a prune makes smaller


def closed_in_any_order(trial: Trial, fmt: Format) -> None:
    """Whichever of three handles are closed, the last one and its transfers stay; no transfer outlives its handle."""
    for order in _ORDERS:
        handles = _three(trial, fmt)
        data = handles[0].model.export()
        small = Graph(fmt)
        small.references["tags/small"] = small.add(Blob((), b"small"))
        bundle = small.bundle()
        cursors = [_begin(each, data, times) for times, each in enumerate(handles, start=1)]
        counted = ok(objects=0, refs=0)
        for each in handles:
            each.expect(each.piece(bundle[:_CUT], more=True, expect=counted, rule=_HANDLES))
        for cursor, _ in cursors:
            for each, (its, _) in zip(handles, cursors, strict=True):
                if cursor != its:
                    each.old_cursor(cursor)
        for place, number in enumerate(order[:-1]):
            closed, cursor = handles[number], cursors[number][0]
            closed.expect(closed.close())
            for other in order[place + 1 :]:
                _works(handles[other])
                if cursor != cursors[other][0]:
                    handles[other].old_cursor(cursor)
            closed.expect(closed.open(create=False))
            closed.old_cursor(cursor)
            _begin(closed, data, number + 1)
            closed.old_cursor(cursor)
            closed.expect(closed.piece(bundle[_CUT:], more=False, expect=refused("malformed"), rule=_CLOSE))
            closed.expect(closed.close())
        last, (cursor, at) = handles[order[-1]], cursors[order[-1]]
        last.export_rest(cursor, data, at, rule=_HANDLES)
        last.expect(last.piece(bundle[_CUT:], more=False, expect=last.model.import_(bundle), rule=_HANDLES))
        _works(last)
        last.expect(last.close())


def _three(trial: Trial, fmt: Format) -> list[Pair]:
    """Open three handles on a store that is exported in pieces; the last one spells the directory in another way."""
    first = open_durable(trial, fmt, "h0")
    for number in range(2):
        data = fmt.encode(Blob((), bytes((number,)) * _LARGE_BYTES))
        first.expect(first.put(data), first.point(f"tags/{number}", fmt.hash(data)))
    assert first.directory is not None, "it is durable"
    path = Path(first.directory)
    other = Pair(trial, first.model, handle="h2", directory=f"{path.parent}/./{path.name}/")
    other.expect(other.open(create=False))
    return [first, first.beside("h1"), other]


def _begin(pair: Pair, data: bytes, times: int) -> tuple[str, int]:
    """Begin an export some times; returns the cursor of the last one, and where its first piece ends."""
    begin: dict[str, Json] = {"store": pair.handle, "cursor": None}
    ended: list[str] = []
    for _ in range(times):
        cursor = pair.export_piece(begin, data, 0)
        assert cursor is not None, "more than a piece is left"
        for old in ended:
            pair.old_cursor(old)
        ended.append(cursor)
    return ended[-1], pair.last_piece


def _works(pair: Pair) -> None:
    """A handle is bound: what was stored is there, and what is stored now, too."""
    present = next(iter(pair.model.references.values()))
    data = pair.model.format.encode(Blob((), pair.handle.encode() + b" %d" % len(pair.model.objects)))
    put = pair.put(data)
    pair.expect(pair.get(present), put, pair.has([pair.model.format.hash(data)]), pair.refs(), rule=_HANDLES)


def changed_meanwhile(trial: Trial, fmt: Format) -> None:
    """Pieces are of one moment, while other handles change references and a prune removes most of the objects."""
    handles = _three(trial, fmt)
    reader, writer, _ = handles
    garbage = Graph(fmt)
    leaf = garbage.add(Blob((), b"leaf"))
    previous: bytes | None = None
    for _ in range(_GARBAGE):
        previous = garbage.add(Message(previous, (), leaf))
    assert previous is not None, "there is some garbage"
    garbage.references["tags/garbage"] = previous
    trial.expect_many(writer.take(garbage.bundle()))
    data = writer.model.export()
    places = [_begin(each, data, 1) for each in handles]
    late = fmt.encode(Blob((), b"late"))
    writer.expect(writer.put(late), writer.point("tags/0", fmt.hash(late)), writer.point("tags/1", None))
    writer.expect(writer.point("tags/garbage", None), writer.prune(rule="grit.prune.exact"))
    writer.expect(*writer.take(garbage.bundle()), writer.point("tags/garbage", None))
    reader.expect(reader.prune(rule="grit.prune.exact"))
    for each, (cursor, at) in zip(handles, places, strict=True):
        each.export_rest(cursor, data, at, rule=_MOMENT)
    for each in handles:
        each.export(rule=_MOMENT)


def emptied_directory(trial: Trial, fmt: Format) -> None:
    """After its store was closed and its files were removed, a directory has no store, and a new one in it is empty."""
    model = Store(fmt, Limits.of(trial.claims.limits, trial.claims.features))
    directory = str(Path(trial.directory()) / "store")
    pair = Pair(trial, model, directory=directory)
    data = fmt.encode(Blob((), b"removed"))
    pair.expect(pair.open(create=True))
    pair.expect(pair.put(data), pair.point("tags/a", fmt.hash(data)), pair.close())
    if not any(given_entries(directory)):
        trial.remark = "the store has no files"
        return
    remove_folder(directory)
    Path(directory).mkdir()
    pair.expect(pair.open(create=False, expect=refused("missing")))
    new = Pair(trial, Store(fmt, model.limits), directory=directory)
    new.expect(new.open(create=True), new.has([fmt.hash(data)]), new.refs(), new.put(data), new.close())


PROPERTIES: Final = (
    *each_format(
        *("store/closed-in-any-order", closed_in_any_order, _HANDLES, _CLOSE, _CURSOR),
        features=("durable",),
        cost=800,
    ),
    *each_format("store/emptied-directory", emptied_directory, "grit.store.open", features=("durable", "files")),
    *in_one_format(
        each_format("bundle/changed-and-pruned", changed_meanwhile, _MOMENT, "grit.prune.exact", features=("durable",))
    ),
)
