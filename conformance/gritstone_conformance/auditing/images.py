"""What an audited image has done: its actors, its operations, and what was denied, by axis of containment.

A denial is a failure of an operation or of a savepoint in the journal. The four axes that have failures of their own
are named after them. Every other failure is contained by the fifth one, rollback, alone.

Spec: ``image/index``, "Five axes of containment"; ``image/record``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.history import Verdict
from gritstone_conformance.model.image.record import Failed, NotRecord, Record, parse_record
from gritstone_conformance.model.image.views import owner_in
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob
from gritstone_conformance.text import counted

__all__ = ["AXES", "axis_of", "image_lines"]

AXES: Final = ("language", "location", "invocation", "capability", "rollback")
"""The axes, in the order of the text."""

_AXIS: Final = {
    "malformed/program": "language",
    "rejected/import": "language",
    "rejected/location": "location",
    "rejected/entry": "invocation",
    "rejected/capability": "capability",
    "rejected/escalation": "capability",
    **{f"exhausted/{one}": "capability" for one in ("actors", "bytes", "fuel", "posts", "subs", "timers")},
}
_MOST_LISTED: Final = 10
_SHORT: Final = 12
_NAME: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def axis_of(failure: Failed) -> str:
    """Return the axis that contains a failure."""
    return _AXIS.get(str(failure), "rollback")


def image_lines(verdict: Verdict) -> Sequence[str]:
    """Return lines about the actors, operations and denials of an image; none for another store."""
    history = verdict.history
    if history is None or history.kernel is None:
        return ()
    records = list(_records(history))
    return [*_actor_lines(history), *_operation_lines(records)]


def _records(history: History) -> Iterator[Record]:
    """Yield the records that can be read, the oldest first."""
    chain = history.chains.get(history.kernel or b"")
    for step in () if chain is None else chain.steps:
        content = history.shelf.names(step.core).get("op") if history.shelf.is_tree(step.core) else None
        try:
            yield parse_record(_data(history.shelf, content))
        except NotRecord:
            continue


def _actor_lines(history: History) -> Iterator[str]:
    """Yield lines about the actors with a head."""
    named = {
        space: sorted(one for one in history.references if one.startswith(f"{space}/")) for space in ("heads", "gone")
    }
    actors = [bytes.fromhex(name.partition("/")[2]) for name in named["heads"]]
    heads = [one for one in actors if one in history.chains and one not in (history.agent, history.kernel)]
    principals = sum(owner_in(history.shelf, one, one) == one for one in heads)
    yield f"actors: {len(heads)}, {counted(principals, 'principal')}, {len(named['gone'])} gone"
    for actor in heads[:_MOST_LISTED]:
        owner = owner_in(history.shelf, actor, actor)
        of = "principal" if owner == actor else f"of {'an unknown owner' if owner is None else owner.hex()[:_SHORT]}"
        name = _name(history.shelf, actor)
        words = [of, *([name] if name else []), counted(len(history.chains[actor]), "step")]
        yield f"  {actor.hex()[:_SHORT]}  {', '.join(words)}"
    yield from _others(len(heads))


def _name(shelf: Shelf, actor: bytes) -> str:
    """Return the name in the first core of an actor; nothing if it has none that is safe to print."""
    data = _data(shelf, shelf.names(actor).get("name") if shelf.is_tree(actor) else None)
    return data.decode("ascii") if _NAME.fullmatch(data) is not None else ""


def _data(shelf: Shelf, blob: bytes | None) -> bytes:
    """Return the data of a blob; nothing if there is none."""
    found = None if blob is None else shelf.look(blob)
    return found.data if isinstance(found, Blob) else b""


def _operation_lines(records: Sequence[Record]) -> Iterator[str]:
    """Yield lines about the operations and the denials."""
    failed = [record for record in records if isinstance(record.outcome, Failed)]
    undone = sum(len(record.savepoints) for record in records)
    committed = len(records) - len(failed) - 1
    words = counted(undone, "savepoint")
    yield f"operations: {committed} committed, {len(failed)} failed, {words} undone"
    denials = list(_denials(records))
    counts = Counter(axis_of(failure) for _, failure, _ in denials)
    yield "denials: " + " · ".join(f"{axis} {counts[axis]}" for axis in AXES)
    for seq, failure, target in denials[:_MOST_LISTED]:
        yield f"  operation {seq}  {axis_of(failure):<10}  {failure}  {target.hex()[:_SHORT]}"
    yield from _others(len(denials))


def _denials(records: Sequence[Record]) -> Iterator[tuple[int, Failed, bytes]]:
    """Yield number, failure and receiver of each savepoint and operation that failed."""
    for record in records:
        for (_, target, _), failure in record.savepoints:
            yield record.seq, failure, target
        if isinstance(record.outcome, Failed):
            yield record.seq, record.outcome, record.roots[0][1] if record.roots else b""


def _others(count: int) -> Iterator[str]:
    if count > _MOST_LISTED:
        yield f"  and {count - _MOST_LISTED} more"
