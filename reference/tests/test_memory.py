"""What only the memory engine promises; the laws are in ``test_engine``."""

from __future__ import annotations

from gritstone.grit import MemoryEngine
from gritstone.grit.engine import Table


def test_values_of_one_memory_engine_are_not_in_another() -> None:
    one, other = MemoryEngine(), MemoryEngine()
    one.update(lambda batch: batch.put(Table.META, b"k", b"v"))
    with other.view() as view:
        assert view.get(Table.META, b"k") is None


def test_closing_a_memory_engine_releases_its_values() -> None:
    engine = MemoryEngine()
    engine.update(lambda batch: batch.put(Table.META, b"k", b"v"))
    engine.close()
    with engine.view() as view:
        assert view.count(Table.META) == 0


def test_old_view_survives_many_updates() -> None:
    engine = MemoryEngine()
    engine.update(lambda batch: batch.put(Table.REFS, b"k", b"0"))
    with engine.view() as first:
        engine.update(lambda batch: batch.put(Table.REFS, b"k", b"1"))
        with engine.view() as second:
            engine.update(lambda batch: batch.put(Table.REFS, b"k", b"2"))
            assert second.get(Table.REFS, b"k") == b"1"
        assert first.get(Table.REFS, b"k") == b"0"
