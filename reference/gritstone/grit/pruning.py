"""Removing objects that no reference and no pin reaches, in many short updates.

One update that removed everything would keep all other writers waiting for as long as it takes. A prune therefore

1. forms the closure of all references and the pins in a view, and orders the objects outside it, parents before
   children;
2. removes them in this order, up to ``_MOST_REMOVED`` of them in one update. Each update first looks whether references
   changed since the closure was formed. If they did, objects that they reach are kept.

An object that is still there has all the objects that it leads to, since it is removed before them. So a reference that
is set during a prune, to an object that is there, has its whole closure, and keeps it. The same holds after a kill
between two updates.

Spec: :rule:`grit.prune.exact`, :rule:`grit.prune.safe`, :rule:`grit.prune.meanwhile`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from gritstone.errors import Exhausted, Missing
from gritstone.grit.engine import Batch, Engine, Table, View
from gritstone.grit.formats import Format
from gritstone.grit.graph import edges
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Kind, ObjectId
from gritstone.grit.references import references_version
from gritstone.grit.removals import count_removal
from gritstone.grit.snapshot import Snapshot

__all__ = ["prune"]

_MOST_REMOVED = 1_024  # objects, in one update
_MOST_RESCUED = 4_096  # objects that one update reads


def prune(engine: Engine, format_: Format, limits: Limits, pins: Iterable[ObjectId]) -> int:
    """Remove every object that no reference and no pin reaches; tombstones stay.

    Args:
        engine: where the objects are.
        format_: their format.
        limits: ``tree_depth`` applies.
        pins: what is kept in addition to what references reach.

    Returns:
        How many objects were removed.

    Raises:
        Missing: something reachable, or a pin, is absent or corrupt; nothing was removed.
        Invalid: an edge leads to a kind it may not lead to; nothing was removed.
        Exhausted: trees are nested deeper than ``tree_depth``, and nothing was removed; or the medium is so full that
            not even one object can be removed.

    Spec: :rule:`grit.prune.exact`, :rule:`grit.prune.safe`.
    """
    return _Prune(engine, format_, limits).run(pins)


class _Prune:
    """Hold the state of one prune.

    Attributes:
        kept: what references and pins reach, as far as it is known.
        version: the version of the references from which ``kept`` was formed.
    """

    def __init__(self, engine: Engine, format_: Format, limits: Limits) -> None:
        self._engine = engine
        self._format = format_
        self._limits = limits
        self.kept: set[ObjectId] = set()
        self.version = b""

    def run(self, pins: Iterable[ObjectId]) -> int:
        """Prune; returns how many objects were removed."""
        with self._engine.view() as view:
            snapshot = self._snapshot(view)
            self.version = references_version(view)
            self.kept = set(snapshot.closure([*pins, *(target for _, target in snapshot.references())]))
            doomed = self._parents_first(snapshot)
        removed, at, size = 0, 0, _MOST_REMOVED
        while at < len(doomed):
            portion = doomed[at : at + size]
            try:
                done = self._engine.update(partial(self._remove, portion), freeing=True)
            except Exhausted:
                if size == 1:
                    raise
                size //= 2
                continue
            if done is None:
                with self._engine.view() as view:
                    self._rescue(self._snapshot(view), None)
                continue
            removed += done
            at += len(portion)
        return removed

    def _snapshot(self, view: View) -> Snapshot:
        return Snapshot(view, self._format, self._limits)

    def _parents_first(self, snapshot: Snapshot) -> list[ObjectId]:
        """Return what is not kept, every object before those that it leads to."""
        order: list[ObjectId] = []
        seen: set[ObjectId] = set()
        for root in snapshot.view.keys(Table.OBJECTS, b""):
            if root in self.kept or root in seen:
                continue
            seen.add(root)
            path = [(root, self._children(snapshot, root))]
            while path:
                for target in path[-1][1]:
                    if target not in self.kept and target not in seen:
                        seen.add(target)
                        path.append((target, self._children(snapshot, target)))
                        break
                else:
                    order.append(path.pop()[0])
        order.reverse()
        return [object_id for object_id in order if snapshot.view.has(Table.OBJECTS, object_id)]

    def _children(self, snapshot: Snapshot, object_id: ObjectId) -> Iterator[ObjectId]:
        """Return the ids in an object; none for an object that cannot be read."""
        try:
            data = snapshot.get_unless_erased(object_id)
        except Missing:
            return iter(())
        if data is None or snapshot.format.kind_of(data) is Kind.BLOB:
            return iter(())
        return iter([target for target, _ in edges(snapshot.format.decode(data, snapshot.limits))])

    def _remove(self, portion: list[ObjectId], batch: Batch) -> int | None:
        """Remove a portion, but what references reach by now; None if too much has to be read to know that."""
        if references_version(batch) != self.version and not self._rescue(self._snapshot(batch), _MOST_RESCUED):
            return None
        removed = 0
        for object_id in portion:
            if object_id not in self.kept and batch.has(Table.OBJECTS, object_id):
                batch.delete(Table.OBJECTS, object_id)
                removed += 1
        if removed:
            count_removal(batch)
        return removed

    def _rescue(self, snapshot: Snapshot, most: int | None) -> bool:
        """Keep what references reach; False if more than ``most`` objects would have to be read."""
        version = references_version(snapshot.view)
        waiting = [target for _, target in snapshot.references() if target not in self.kept]
        found = set(waiting)
        read = 0
        while waiting:
            if read == most:
                return False
            read += 1
            for target in self._children(snapshot, waiting.pop()):
                if target not in self.kept and target not in found:
                    found.add(target)
                    waiting.append(target)
        self.kept |= found
        self.version = version
        return True
