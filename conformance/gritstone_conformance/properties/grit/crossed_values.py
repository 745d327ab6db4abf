"""Crossings of values: one page of references, and one damaged byte, at each end of their ranges.

The rows are those of the tables ``grit/pages`` and ``grit/bytes``. The model determines each reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.grit.pair import Pair, open_durable, open_memory
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_LIST: Final = "grit.ref.list"
_VERIFY: Final = "grit.store.verify"
_NAMES: Final = ("tags/a", "tags/c", "tags/c.d")
_OTHERS: Final = ("tag/z", "tags-1/a", "tagsx/a")
_PREFIXES: Final = {
    "empty": "",
    "space": "tags/",
    "without-slash": "tags",
    "whole-name": "tags/c",
    "beyond-a-name": "tags/a/b",
    "unknown": "x/",
    "not-ascii": "tags/\u00e9",
}
_PLACES: Final = {
    "none": None,
    "empty": "",
    "before-all": "a",
    "first": "tags/a",
    "between": "tags/b",
    "last": "tags/c.d",
    "beyond-all": "zz",
    "not-ascii": "tags/c\u00e9",
}
_OFFSETS: Final = {"0": 0, "1": 1, "2^31": 1 << 31, "2^32": 1 << 32, "2^53 - 1": (1 << 53) - 1}


def list_page(trial: Trial, row: Row) -> None:
    """Make references, list one page of them, and list all."""
    first, reader = _handles(trial, row)
    fmt = first.model.format
    one, other = (fmt.encode(Blob((), data)) for data in (b"one", b"other"))
    first.expect(first.put(one), first.put(other))
    count = {"none": 0, "one": 1}.get(row["references"], len(_NAMES))
    names = [*_NAMES[:count], *(_OTHERS if row["references"] == "other-spaces" else ())]
    first.expect(first.cas(*(Change(name, None, fmt.hash(one)) for name in names)))
    if row["references"] == "one-removed":
        first.expect(first.point(_NAMES[1], None))
    elif row["references"] == "one-moved":
        first.expect(first.point(_NAMES[1], fmt.hash(other)))
    _turn(first, row)
    prefix, after = _PREFIXES[row["prefix"]], _PLACES[row["after"]]
    page = reader.refs(prefix, after, int(row["limit"]), rule=_LIST)
    reader.expect(page, reader.refs(rule=_LIST))


def damage_byte(trial: Trial, row: Row) -> None:
    """Bring an object into its state, damage one byte, do what comes later, and read the object."""
    first, reader = _handles(trial, row)
    fmt = first.model.format
    data = fmt.encode(Blob((), (bytes(range(256)) * 300)[: int(row["size"])]))
    target, xor = fmt.hash(data), int(row["xor"])
    if row["object"] != "absent":
        first.expect(first.put(data))
    if row["object"] in ("corrupt", "restored"):
        first.expect(first.damage(target, len(data) // 2, 2))
    if row["object"] == "restored":
        first.expect(first.put(data, rule=_VERIFY))
    elif row["object"] == "erased":
        first.expect(first.erase(target))
    _turn(first, row)
    offset = {"last": len(data) - 1, "size": len(data), "size + 1": len(data) + 1, **_OFFSETS}[row["offset"]]
    reader.expect(reader.damage(target, offset, xor), reader.get(target), rule=_VERIFY)
    match row["later"]:
        case "again":
            first.expect(first.damage(target, offset, xor), rule=_VERIFY)
        case "put":
            first.expect(first.put(data), rule=_VERIFY)
        case "prune":
            first.expect(first.prune(rule="grit.prune.exact"))
        case "reopen":
            reader.expect(reader.close(), reader.open(create=False))
    for each in (first, reader):
        each.expect(each.get(target), each.has([target]), rule=_VERIFY)


def _handles(trial: Trial, row: Row) -> tuple[Pair, Pair]:
    """Return the handle that makes the state and the handle that reads."""
    fmt = FORMATS[row["format"]]
    first = open_memory(trial, fmt) if row["handle"] == "memory" else open_durable(trial, fmt)
    return first, first.beside("t") if row["handle"] == "second" else first


def _turn(pair: Pair, row: Row) -> None:
    if row["handle"] == "reopened":
        pair.expect(pair.close(), pair.open(create=False))


def _list_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_LIST,)


def _byte_rules(_: Iterable[str]) -> tuple[str, ...]:
    return (_VERIFY, "grit.prune.exact")


PROPERTIES: Final[tuple[Property, ...]] = (
    *each_row("grit/pages", list_page, _list_rules),
    *each_row("grit/bytes", damage_byte, _byte_rules, features=("damage",)),
)
