"""Stores with more bytes than an implementation copies at once, and references that are moved many times."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.folders import read_given
from gritstone_conformance.judge import answer_of
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob, Tree, from_base64
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.properties.grit.references import blobs
from gritstone_conformance.properties.grit.registry import each_format
from gritstone_conformance.replies import Json, Ok, Refused
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BLOB_BYTES: Final = 550_000  # two of them are more than 1 MiB
_NAMES: Final = 64
_NAME_LETTERS: Final = 180
_MOVES: Final = 20  # with the names and ids about 400 KB of changes


def rewritten(trial: Trial, fmt: Format) -> None:
    """A durable store of more than 1 MiB keeps its other objects after an erasure and after a prune."""
    pair = open_durable(trial, fmt)
    large = _put_large(pair, 4)
    small = fmt.encode(Blob((), b"erased"))
    top = fmt.encode(Tree((("0", large[0]), ("1", large[1]), ("2", large[2]), ("erased", fmt.hash(small)))))
    pair.expect(pair.put(small), pair.put(top), pair.point("tags/top", fmt.hash(top)))
    pair.expect(pair.erase(fmt.hash(small)), pair.get(fmt.hash(small)), rule="grit.erase.gone")
    pair.expect(*(pair.get(identity) for identity in large), rule="grit.store.immutable")
    pair.expect(pair.prune(), pair.has(large), rule="grit.prune.exact")
    pair.expect(pair.close(), pair.open(create=False), *(pair.get(identity) for identity in large[:3]))


def by_path(trial: Trial, fmt: Format) -> None:
    """A bundle of more than 1 MiB is the same in a file, and an import from that file stores all of it."""
    pair = open_durable(trial, fmt)
    large = _put_large(pair, 3)
    pair.expect(*(pair.point(f"tags/{number}", identity) for number, identity in enumerate(large)))
    path = trial.path()
    pair.expect(pair.export_file(path), rule="grit.bundle.path")
    data = pair.model.export()
    if read_given(path) != data:
        trial.fail(
            len(data), path, words="the file of an export holds other bytes than its bundle", rule="grit.bundle.path"
        )
    other = open_memory(trial, fmt, "t")
    other.expect(other.take_file(path, data), other.refs(), *(other.get(identity) for identity in large))


def moved_often(trial: Trial, fmt: Format) -> None:
    """References that were moved many times have their last targets, also after the store was opened again."""
    pair = open_durable(trial, fmt)
    targets = blobs(pair, 2)
    width = min(_NAMES, pair.model.limits.cas_names)
    names = [f"tags/{number:0{_NAME_LETTERS}}" for number in range(width)]
    for number in range(_MOVES):
        old, new = (None if number == 0 else targets[(number + 1) % 2]), targets[number % 2]
        pair.expect(pair.cas(*(Change(name, old, new) for name in names)))
    pair.expect(pair.refs(), *(pair.get(identity) for identity in targets))
    pair.expect(pair.point(names[0], None), pair.close(), pair.open(create=False), pair.refs())
    pair.expect(*(pair.get(identity) for identity in targets), rule="grit.store.immutable")


def damaged_between(trial: Trial, fmt: Format) -> None:
    """After a piece of an export was refused, because an object is corrupt, the cursor is rejected."""
    pair = open_durable(trial, fmt)
    large = _put_large(pair, 3)
    pair.expect(*(pair.point(f"tags/{number}", identity) for number, identity in enumerate(large)))
    data = pair.model.export()
    cursor = pair.export_piece({"store": pair.handle, "cursor": None}, data, 0)
    at = pair.last_piece
    pair.expect(*(pair.damage(identity, 50, 1) for identity in large))
    while cursor is not None:
        args: dict[str, Json] = {"store": pair.handle, "cursor": cursor}
        reply = trial.observe("grit.export", args)
        if isinstance(reply, Refused):
            pair.old_cursor(cursor)
            break
        piece = from_base64(reply.value["bytes"]) if isinstance(reply, Ok) else b""
        if piece != data[at : at + len(piece)] or not isinstance(reply, Ok):
            trial.fail("bytes that hash to their id", answer_of(reply), words="a piece of a corrupt object")
        at, cursor = at + len(piece), reply.value["cursor"]
    pair.expect(pair.get(large[0]))


def _put_large(pair: Pair, count: int) -> list[bytes]:
    """Put so many different blobs of 550 kB; returns their ids."""
    encodings = [pair.model.format.encode(Blob((), bytes((number,)) * _BLOB_BYTES)) for number in range(count)]
    pair.expect(*(pair.put(data) for data in encodings))
    return [pair.model.format.hash(data) for data in encodings]


PROPERTIES: Final = (
    *each_format(
        "store/rewritten-large",
        rewritten,
        "grit.store.immutable",
        "grit.erase.gone",
        "grit.prune.exact",
        features=("durable", "erase"),
    ),
    *each_format("bundle/large-by-path", by_path, "grit.bundle.path", features=("durable", "files")),
    *each_format("refs/moved-often", moved_often, "grit.ref.cas", "grit.store.immutable", features=("durable",)),
    *each_format(
        "bundle/damaged-between-pieces",
        damaged_between,
        "grit.store.verify",
        "grit.bundle.cursor",
        features=("damage", "durable"),
    ),
)
