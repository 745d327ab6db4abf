"""An execution that moves into a file while the process is killed or the medium fails: it is never lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gritstone.errors import Rejected
from gritstone.grit import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.objects import ObjectId
from gritstone.kit.executions import Environment, Execution, Sandbox, load, spawn
from gritstone.wasm.signature import public_key

from ..killing import run_killed  # noqa: TID252 - it is a helper of all tests

SECRET = bytes(range(32))
_EACH = 5  # steps between two kills
UNREAD: tuple[tuple[bytes, dict[str, str]], ...] = ((b"one", {"mt": "x"}), (b"two", {}))


@contextmanager
def opened(folder: Path) -> Iterator[Sandbox]:
    store = open_durable(folder, CBOR_BLAKE3)
    try:
        yield Sandbox(store)
    finally:
        store.close()


@pytest.fixture
def actor(counter: bytes, tmp_path: Path) -> ObjectId:
    """Return an execution of the store ``first``."""
    with opened(tmp_path / "first") as sandbox:
        return spawn(counter, Environment(max_fuel=3_820), sandbox=sandbox).actor


def save(folder: Path, actor: ObjectId, path: Path) -> None:
    with opened(folder) as sandbox:
        Execution(sandbox, actor, unread=UNREAD).save(path, move=True, secret=SECRET)


def is_here(folder: Path, actor: ObjectId) -> bool:
    with opened(folder) as sandbox:
        return sandbox.head(actor) is not None


@pytest.mark.parametrize("earlier", [False, True])
def test_killed_move_is_continued_by_saving_again(tmp_path: Path, actor: ObjectId, earlier: bool) -> None:
    store, path = tmp_path / "store", tmp_path / "x.grit"
    found: list[tuple[bool, bool]] = []

    def reset() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / "first", store)
        path.unlink(missing_ok=True)
        if earlier:
            path.write_bytes(b"earlier")

    reset()
    while run_killed(lambda: save(store, actor, path), _EACH * len(found)):
        runs, is_complete = is_here(store, actor), path.exists() and path.read_bytes() != b"earlier"
        assert path.exists() >= earlier
        with opened(store) as sandbox:
            again = Execution(sandbox, actor, unread=UNREAD if runs else ())
            again.save(path, move=True, secret=SECRET)
            with pytest.raises(Rejected):
                again.run()
        loaded = load(path, keys=[public_key(SECRET)])
        assert loaded.read("count") == bytes((1, 0, 0, 0))
        assert loaded.unread == UNREAD
        found.append((runs, is_complete))
        reset()
    states = [(True, False), (False, False), (False, True)]
    assert found == sorted(found, key=states.index), "it is never in two places"
    assert set(found) == set(states)


def test_moved_execution_comes_back(tmp_path: Path, actor: ObjectId) -> None:
    store, path = tmp_path / "first", tmp_path / "x.grit"
    save(store, actor, path)
    save(store, actor, path)
    with opened(store) as sandbox:
        back = load(path, sandbox=sandbox)
        assert back.unread == UNREAD
        assert sandbox.store.list_references("unread/")[0] == []
        assert back.continue_(5_000).outcome == "step"
        back.save(path, move=True)
    with opened(store) as sandbox:
        assert load(path, sandbox=sandbox).unread == (), "an older one has left nothing"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failing_medium_loses_no_execution(
    tmp_path: Path, actor: ObjectId, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "x.grit"

    def fail(*_: object) -> None:
        raise OSError("the medium failed")

    with opened(tmp_path / "first") as sandbox:
        execution = Execution(sandbox, actor)
        monkeypatch.setattr(os, step, fail)
        with pytest.raises(OSError, match="medium"):
            execution.save(path, move=True)
        monkeypatch.undo()
        assert not path.exists()
        assert (sandbox.head(actor) is not None) is (step == "fsync")
        execution.save(path, move=True)
    assert load(path).snapshot_id is not None


def test_moved_execution_is_not_saved_as_a_copy(tmp_path: Path, actor: ObjectId) -> None:
    with opened(tmp_path / "first") as sandbox:
        execution = Execution(sandbox, actor)
        execution.save(tmp_path / "x.grit", move=True)
        with pytest.raises(Rejected):
            execution.save(tmp_path / "y.grit")
