"""Handles, apart from the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import FRAMED_SHA256, Change, Limits
from gritstone.harness.handles import Export, Handles


def test_handle_names_are_unique() -> None:
    handles = Handles()
    with pytest.raises(Missing):
        handles["a"]
    handles.check_free("a")
    handles.open_memory("a", FRAMED_SHA256, Limits())
    with pytest.raises(Rejected):
        handles.check_free("a")
    assert not handles.is_durable("a")
    assert not handles.is_durable("b")
    assert not handles.is_durable(["a"])
    handles.close_all()
    with pytest.raises(Missing):
        handles["a"]


def test_spool_file_of_a_durable_store_has_no_name(tmp_path: Path) -> None:
    handles = Handles()
    handles.open_durable("a", str(tmp_path / "s"), FRAMED_SHA256, Limits(), create=True)
    assert handles.is_durable("a")
    before = sorted((tmp_path / "s").iterdir())
    with handles["a"].spool() as spool:
        spool.write(b"x")
        spool.flush()
        assert sorted((tmp_path / "s").iterdir()) == before
    handles.close_all()


def test_rejected_export_leaves_nothing_open() -> None:
    handles = Handles()
    handles.open_memory("a", FRAMED_SHA256, Limits())
    store = handles["a"].store
    with pytest.raises(Missing):
        Export(store, ["tags/x"], "1")
    blob = store.put(b"blob 1\0\0")
    store.update_references([Change("tags/x", None, blob)])
    export = Export(store, None, "2")
    assert export.cursor == "2.0"
    assert export.take().endswith(export.take() if export.cursor else b"")
    assert export.cursor is None
    export.close()
