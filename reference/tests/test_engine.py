"""The laws of an engine, on every engine."""

from __future__ import annotations

from threading import Thread

import pytest

from gritstone.grit.engine import Batch, Engine, Table
from gritstone.grit.memory import MemoryEngine


def put(engine: Engine, table: Table, **values: str) -> None:
    def work(batch: Batch) -> None:
        for key, value in values.items():
            batch.put(table, key.encode(), value.encode())

    engine.update(work)


def read(engine: Engine, table: Table) -> dict[str, str]:
    with engine.view() as view:
        return {key.decode(): (view.get(table, key) or b"?").decode() for key in view.keys(table, b"")}


@pytest.mark.parametrize("table", Table)
def test_update_puts_replaces_and_deletes(engine: Engine, table: Table) -> None:
    put(engine, table, a="1", b="2", c="3")
    put(engine, table, b="22")
    engine.update(lambda batch: batch.delete(table, b"a"))
    engine.update(lambda batch: batch.delete(table, b"never there"))
    expected = {"b": "22", "c": "3"}
    found = read(engine, table)
    assert {key: found[key] for key in expected} == expected
    with engine.view() as view:
        assert view.get(table, b"a") is None
        assert not view.has(table, b"a")
        assert view.has(table, b"b")


def test_keys_ascend_from_a_start(engine: Engine) -> None:
    put(engine, Table.REFS, b="", aa="", a="", c="")
    with engine.view() as view:
        assert list(view.keys(Table.REFS, b"")) == [b"a", b"aa", b"b", b"c"]
        assert list(view.keys(Table.REFS, b"aa")) == [b"aa", b"b", b"c"]
        assert list(view.keys(Table.REFS, b"ab")) == [b"b", b"c"]
        assert list(view.keys(Table.REFS, b"d")) == []
        assert view.count(Table.REFS) == 4


def test_same_key_in_two_tables_has_two_values(engine: Engine) -> None:
    put(engine, Table.OBJECTS, a="object")
    put(engine, Table.REFS, a="reference")
    assert read(engine, Table.OBJECTS) == {"a": "object"}
    assert read(engine, Table.REFS) == {"a": "reference"}
    assert read(engine, Table.TOMBSTONES) == {}


def test_view_does_not_show_later_updates(engine: Engine) -> None:
    put(engine, Table.OBJECTS, a="1", b="2")
    with engine.view() as early:
        put(engine, Table.OBJECTS, a="changed", c="3")
        engine.update(lambda batch: batch.delete(Table.OBJECTS, b"b"))
        with engine.view() as late:
            assert late.get(Table.OBJECTS, b"a") == b"changed"
            assert list(late.keys(Table.OBJECTS, b"")) == [b"a", b"c"]
        assert early.get(Table.OBJECTS, b"a") == b"1"
        assert list(early.keys(Table.OBJECTS, b"")) == [b"a", b"b"]
        assert early.count(Table.OBJECTS) == 2


def test_update_reads_its_own_changes(engine: Engine) -> None:
    def work(batch: Batch) -> tuple[bytes | None, list[bytes], int]:
        batch.put(Table.REFS, b"x", b"1")
        batch.put(Table.REFS, b"y", b"2")
        batch.delete(Table.REFS, b"x")
        batch.put(Table.REFS, b"y", b"3")
        return batch.get(Table.REFS, b"y"), list(batch.keys(Table.REFS, b"")), batch.count(Table.REFS)

    assert engine.update(work) == (b"3", [b"y"], 1)


def test_update_that_raises_changes_nothing(engine: Engine) -> None:
    put(engine, Table.OBJECTS, a="1", b="2")

    def work(batch: Batch) -> None:
        batch.put(Table.OBJECTS, b"a", b"changed")
        batch.put(Table.OBJECTS, b"new", b"3")
        batch.put(Table.OBJECTS, b"new", b"4")
        batch.delete(Table.OBJECTS, b"b")
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        engine.update(work)
    assert read(engine, Table.OBJECTS) == {"a": "1", "b": "2"}


def test_stored_value_is_a_private_copy(engine: Engine) -> None:
    put(engine, Table.OBJECTS, a="1")
    with engine.view() as view:
        first = view.get(Table.OBJECTS, b"a")
    put(engine, Table.OBJECTS, b="2")
    assert first == b"1"
    assert isinstance(first, bytes)


def test_scrub_keeps_values_that_are_present(engine: Engine) -> None:
    put(engine, Table.OBJECTS, a="1", b="2")
    put(engine, Table.META, m="5")
    engine.update(lambda batch: batch.delete(Table.OBJECTS, b"a"))
    with engine.view() as early:
        engine.scrub()
        engine.scrub()
        assert early.get(Table.OBJECTS, b"b") == b"2"
    assert read(engine, Table.OBJECTS) == {"b": "2"}
    assert read(engine, Table.META)["m"] == "5"
    put(engine, Table.OBJECTS, c="3")
    assert read(engine, Table.OBJECTS) == {"b": "2", "c": "3"}


def test_view_of_another_thread_never_shows_half_of_an_update_in_memory() -> None:
    engine = MemoryEngine()
    seen: list[dict[str, str]] = []
    reader = Thread(target=lambda: seen.append(read(engine, Table.REFS)))

    def work(batch: Batch) -> None:
        batch.put(Table.REFS, b"a", b"1")
        reader.start()
        reader.join(0.1)  # it waits for the end of the update
        batch.put(Table.REFS, b"b", b"2")

    engine.update(work)
    reader.join()
    assert seen == [{"a": "1", "b": "2"}]
