"""Copies of a store's directory that were taken while a scrub moved the store to its next generation.

The erasure is traced: before each line of the engine that it runs, the state of the directory is recorded, and each
data file gets a hard link. A copy is then put together as a program would make it: it lists the directory in one state
and reads each file in that state or in a later one.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest

from gritstone.errors import Missing
from gritstone.grit import FRAMED_SHA256, Blob, Change, ObjectId, Store
from gritstone.grit.limits import DEFAULT_LIMITS
from gritstone.grit.lmdb_store import open_durable

State = dict[str, bytes]
"""The data files of a directory, with their bytes."""


def blob(data: bytes) -> bytes:
    return FRAMED_SHA256.encode(Blob({}, data), DEFAULT_LIMITS)


@dataclass(slots=True)
class Move:
    """What was seen of one move.

    Attributes:
        states: the different states of the directory, in their order.
        links: directories of hard links, one for each set of files that was there.
        kept: an object that stays; its reference is ``tags/kept``.
        erased: the object whose erasure caused the move.
    """

    kept: ObjectId
    erased: ObjectId
    states: list[State] = field(default_factory=list)
    links: dict[frozenset[int], Path] = field(default_factory=dict)


def data_files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("grit-*") if not path.name.endswith("-lock"))


def record(move: Move, directory: Path, links: Path) -> None:
    files = data_files(directory)
    state = {path.name: path.read_bytes() for path in files}
    if not move.states or move.states[-1] != state:
        move.states.append(state)
    inodes = frozenset(path.stat().st_ino for path in files)
    if inodes not in move.links:
        move.links[inodes] = made = links / str(len(move.links))
        made.mkdir(parents=True)
        for path in files:
            os.link(path, made / path.name)


@pytest.fixture
def move(tmp_path: Path) -> Move:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    kept, erased = store.put(blob(b"kept" * 2_000)), store.put(blob(b"erased"))
    store.update_references([Change("tags/kept", None, kept)])
    made = Move(kept, erased)

    def trace(frame: FrameType, event: str, argument: object) -> object:
        if "gritstone/grit/" not in frame.f_code.co_filename:
            return None
        record(made, directory, tmp_path / "links")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        store.erase(erased)
    finally:
        sys.settrace(before)
    record(made, directory, tmp_path / "links")
    store.close()
    return made


def copies(states: list[State]) -> Iterator[State]:
    """Yield every copy whose files were listed in one state and read, in any order, in this one or in later ones."""
    seen = set()
    for first, state in enumerate(states):
        for read_at in itertools.product(range(first, len(states)), repeat=len(state)):
            copy = {name: states[at][name] for name, at in zip(state, read_at, strict=True) if name in states[at]}
            key = frozenset(copy.items())
            if key not in seen:
                seen.add(key)
                yield copy


def open_copy(directory: Path, move: Move) -> str:
    """Open a copy; it opens with its objects or is refused, and in both cases no object is lost."""
    before = {path.name: path.read_bytes() for path in data_files(directory)}
    try:
        store: Store = open_durable(directory, FRAMED_SHA256)
    except Missing as refusal:
        assert refusal.code == "corrupt"  # noqa: PT017 - either outcome is right
        assert {path.name: path.read_bytes() for path in data_files(directory)} == before
        return "refused"
    try:
        assert store.get(move.kept) == blob(b"kept" * 2_000)
        assert store.list_references()[0] == [("tags/kept", move.kept)]
        with store.snapshot() as snapshot:
            if not snapshot.is_erased(move.erased):
                assert snapshot.get(move.erased) == blob(b"erased")
        store.erase(move.erased)
    finally:
        store.close()
    return "opened"


def test_copy_opens_complete_or_is_rejected(move: Move, tmp_path: Path) -> None:
    assert len(move.states) >= 6, "before, buried, draft, published, moved, removed"
    outcomes = []
    for copy in copies(move.states):
        if not copy:
            continue
        directory = tmp_path / "copy"
        directory.mkdir()
        for name, content in copy.items():
            (directory / name).write_bytes(content)
        if all(name.endswith(".new") for name in copy):
            shutil.rmtree(directory)
            continue  # no generation at all: there is no store in this copy
        outcomes.append(open_copy(directory, move))
        shutil.rmtree(directory)
    assert set(outcomes) == {"opened", "refused"}


def test_hard_linked_copy_opens_complete_or_is_rejected(move: Move, tmp_path: Path) -> None:
    outcomes = [open_copy(directory, move) for directory in move.links.values()]
    assert set(outcomes) == {"opened", "refused"}


def test_moved_generation_without_successor_is_kept(move: Move, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    directory.mkdir()
    moved = next(state["grit-0.mdb"] for state in reversed(move.states) if "grit-0.mdb" in state)
    (directory / "grit-0.mdb").write_bytes(moved)
    for _ in range(2):
        with pytest.raises(Missing) as caught:
            open_durable(directory, FRAMED_SHA256)
        assert caught.value.code == "corrupt"
        assert "grit-1.mdb" in str(caught.value)
    assert (directory / "grit-0.mdb").read_bytes() == moved


@pytest.mark.parametrize("size", [0, 1, 4096, 10_000])
def test_moved_generation_is_kept_if_its_successor_is_cut(move: Move, tmp_path: Path, size: int) -> None:
    directory = tmp_path / "copy"
    directory.mkdir()
    moved = next(state["grit-0.mdb"] for state in reversed(move.states) if "grit-0.mdb" in state)
    (directory / "grit-0.mdb").write_bytes(moved)
    (directory / "grit-1.mdb").write_bytes(move.states[-1]["grit-1.mdb"][:size])
    with pytest.raises(Missing) as caught:
        open_durable(directory, FRAMED_SHA256)
    assert caught.value.code == "corrupt"
    assert (directory / "grit-0.mdb").read_bytes() == moved


def test_switch_to_an_absent_successor_is_rejected(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = open_durable(directory, FRAMED_SHA256)
    kept = store.put(blob(b"kept"))
    script = """
import sys
from gritstone.grit import FRAMED_SHA256, Blob
from gritstone.grit.lmdb_store import open_durable
store = open_durable(sys.argv[1], FRAMED_SHA256)
store.erase(store.put(FRAMED_SHA256.encode(Blob({}, b"erased"), store.limits)))
"""
    subprocess.run([sys.executable, "-c", script, directory], check=True)
    (directory / "grit-1.mdb").rename(directory / "away")
    for _ in range(2):
        with pytest.raises(Missing) as caught:
            store.get(kept)
        assert caught.value.code == "corrupt"
    (directory / "away").rename(directory / "grit-1.mdb")
    assert store.get(kept) == blob(b"kept")
    store.close()
