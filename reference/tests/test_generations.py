"""The files of a durable store."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from gritstone.grit.generations import Generations


def test_lowest_generation_is_returned_first(tmp_path: Path) -> None:
    files = Generations(tmp_path)
    assert files.first() is None
    for name in ("grit-10.mdb", "grit-9.mdb.new", "grit-8.mdb-lock", "grit-07.mdb", "other"):
        (tmp_path / name).touch()
    assert files.first() == 10
    files.path(9).touch()
    assert files.first() == 9


def test_remove_deletes_replaced_and_rubbish_files(tmp_path: Path) -> None:
    files = Generations(tmp_path)
    for name in (
        "grit-1.mdb",
        "grit-1.mdb-lock",
        "grit-2.mdb",
        "grit-2.mdb-lock",
        "grit-3.mdb.new",
        "grit-0.mdb",
        "mine",
    ):
        (tmp_path / name).touch()
    files.remove(1)
    files.remove(1)
    assert not files.path(1).exists()
    files.remove_rubbish(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grit-2.mdb", "grit-2.mdb-lock", "mine"]


def test_publish_renames_the_draft(tmp_path: Path) -> None:
    files = Generations(tmp_path)
    draft = tmp_path / "grit-1.mdb.new"
    draft.write_bytes(b"x")
    files.publish(draft, 1)
    assert files.path(1).read_bytes() == b"x"
    assert not draft.exists()


def _hold(directory: Path, held: multiprocessing.synchronize.Event) -> None:
    with Generations(directory).locked():
        held.set()
        time.sleep(0.3)


@pytest.mark.parametrize("attempt", range(2))
def test_lock_excludes_other_processes(tmp_path: Path, attempt: int) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    child = context.Process(target=_hold, args=(tmp_path, held))
    child.start()
    assert held.wait(10)
    begin = time.monotonic()
    with Generations(tmp_path).locked():
        assert time.monotonic() - begin > 0.1
    child.join()
    assert child.exitcode == 0
