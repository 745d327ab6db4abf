"""One open generation; what engines promise is in ``test_engine``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import lmdb_environment
from gritstone.grit.engine import Table
from gritstone.grit.lmdb_environment import MOVED, LmdbBatch, LmdbEnvironment, LmdbView


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[LmdbEnvironment]:
    made = LmdbEnvironment(tmp_path / "e.mdb", 3, 1 << 30)
    made.make_tables()
    yield made
    made.close()


def test_encodings_are_numbered_in_order(environment: LmdbEnvironment) -> None:
    for keys in ([b"c", b"a"], [b"b"]):
        with environment.lmdb.begin(write=True, buffers=True) as txn:
            batch = LmdbBatch(txn, environment)
            for key in keys:
                batch.put(Table.OBJECTS, key, b"value of " + key)
            assert not batch.deleted
    with environment.lmdb.begin() as txn:
        stored = list(txn.cursor(environment.encodings))
    assert stored == [(n.to_bytes(8, "big"), b"value of " + key) for n, key in enumerate([b"c", b"a", b"b"], 1)]


WORKS: list[Callable[[LmdbBatch], None]] = [
    lambda batch: batch.put(Table.OBJECTS, b"a", b"2"),
    lambda batch: batch.delete(Table.OBJECTS, b"a"),
]


@pytest.mark.parametrize("work", WORKS, ids=["replace", "delete"])
def test_deleted_objects_request_a_scrub(environment: LmdbEnvironment, work: Callable[[LmdbBatch], None]) -> None:
    with environment.lmdb.begin(write=True, buffers=True) as txn:
        LmdbBatch(txn, environment).put(Table.OBJECTS, b"a", b"1")
    with environment.lmdb.begin(write=True, buffers=True) as txn:
        batch = LmdbBatch(txn, environment)
        work(batch)
        assert batch.deleted


def test_deleted_references_request_no_scrub(environment: LmdbEnvironment) -> None:
    with environment.lmdb.begin(write=True, buffers=True) as txn:
        batch = LmdbBatch(txn, environment)
        batch.put(Table.REFS, b"r", b"12345")
        batch.delete(Table.REFS, b"r")
        assert not batch.deleted
        assert batch.written_bytes == 5


def test_view_ended_by_the_environment_rejects_reads(environment: LmdbEnvironment) -> None:
    view = LmdbView(environment, environment.lmdb.begin(buffers=True))
    assert view.get(Table.META, b"k") is None
    environment.end_views()
    view.end()
    with pytest.raises(Rejected):
        view.get(Table.META, b"k")


def test_a_number_without_encoding_is_damage(environment: LmdbEnvironment) -> None:
    with environment.lmdb.begin(write=True, buffers=True) as txn:
        batch = LmdbBatch(txn, environment)
        batch.put(Table.OBJECTS, b"a", b"1")
        txn.drop(environment.encodings, delete=False)
        with pytest.raises(Missing):
            batch.get(Table.OBJECTS, b"a")


def test_successor_is_recorded_in_meta(environment: LmdbEnvironment) -> None:
    assert environment.successor() is None
    with environment.lmdb.begin(write=True) as txn:
        environment.put_meta(txn, MOVED, b"4")
    assert environment.successor() == 4


@pytest.mark.parametrize("moved", [b"3", b"0", b"", b"x", b"-4"])
def test_successor_must_be_a_later_generation(environment: LmdbEnvironment, moved: bytes) -> None:
    with environment.lmdb.begin(write=True) as txn:
        environment.put_meta(txn, MOVED, moved)
    with pytest.raises(Missing) as caught:
        environment.successor()
    assert caught.value.code == "corrupt"


def test_an_environment_without_databases_is_damaged(tmp_path: Path) -> None:
    empty = LmdbEnvironment(tmp_path / "empty.mdb", 0, 1 << 20)
    for ask in (empty.check, empty.open_tables):
        with pytest.raises(Missing) as caught:
            ask()
        assert caught.value.code == "corrupt"
    empty.close()


def test_memory_is_released_periodically(environment: LmdbEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[Path] = []
    monkeypatch.setattr(lmdb_environment, "drop_pages", dropped.append)
    for _ in range(5):
        environment.touch(20 << 20)
    assert len(dropped) == 2
