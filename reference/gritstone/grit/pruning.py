"""The removal of objects that are unreachable from all references and pins, in many short updates.

A single update that removed everything would block all other writers until it ends. A prune therefore

1. computes the closure of all references and the pins in a view, and orders the objects outside it, parents before
   children;
2. removes them in this order, up to ``_MOST_REMOVED`` of them in one update. Each update first checks whether
   references changed since the closure was computed. If they did, the objects that they reach are kept.

If an object is present, all objects that are reachable from it are present, since it is removed before them. So a
reference that is set during a prune to a present object has its whole closure, and keeps it. The same is true after a
kill between two updates.

Spec: :rule:`grit.prune.exact`, :rule:`grit.prune.safe`, :rule:`grit.prune.order`, :rule:`grit.prune.meanwhile`.
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
    """Remove every object that is unreachable from all references and pins; tombstones stay.

    Args:
        engine: where the objects are.
        format_: their format.
        limits: ``tree_depth`` applies.
        pins: ids that are kept with their closures, in addition to the closures of references.

    Returns:
        The number of removed objects.

    Raises:
        Missing: a reachable object, or a pin, is absent or corrupt; nothing was removed.
        Invalid: an edge leads to an object of a forbidden kind; nothing was removed.
        Exhausted: trees are nested deeper than ``tree_depth``, and nothing was removed; or the medium is too full to
            remove even one object.

    Spec: :rule:`grit.prune.exact`, :rule:`grit.prune.safe`.
    """
    return _Prune(engine, format_, limits).run(pins)


class _Prune:
    """The state of one prune.

    Attributes:
        kept: the ids that are known to be reachable from references and pins.
        version: the version of the references from which ``kept`` was computed.
    """

    def __init__(self, engine: Engine, format_: Format, limits: Limits) -> None:
        self._engine = engine
        self._format = format_
        self._limits = limits
        self.kept: set[ObjectId] = set()
        self.version = b""

    def run(self, pins: Iterable[ObjectId]) -> int:
        """Prune; return the number of removed objects."""
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
        """Return the ids that are not kept, each before the targets of its edges."""
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
        """Return the ids in an object; an empty result for an object that cannot be read."""
        try:
            data = snapshot.get_unless_erased(object_id)
        except Missing:
            return iter(())
        if data is None or snapshot.format.kind_of(data) is Kind.BLOB:
            return iter(())
        return iter([target for target, _ in edges(snapshot.format.decode(data, snapshot.limits))])

    def _remove(self, portion: list[ObjectId], batch: Batch) -> int | None:
        """Remove a portion, except the objects that references reach now.

        Return None if too many objects must be read to determine that.
        """
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
        """Keep the objects that references reach; return False if that needs more than ``most`` reads."""
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
