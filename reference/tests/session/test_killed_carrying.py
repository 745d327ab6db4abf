"""A session that moves into a file and out of it while the process is killed: it is in one place, never lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gritstone.grit.formats import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.session import Sessions
from gritstone.session.command import main
from gritstone.session.views import list_sessions

from ..killing import run_in_small_file_system, run_killed  # noqa: TID252 - it is a helper of all tests
from .conversing import NONCE, Clock, scripted


@pytest.fixture
def session(tmp_path: Path) -> str:
    """Return an archived session of the store ``first``."""
    store = open_durable(tmp_path / "first", CBOR_BLAKE3)
    with Sessions(store, agent="me", clock_s=Clock()) as sessions:
        chat = sessions.open(nonce=NONCE)
        chat.run("q", model=scripted("a"))
        chat.archive()
    store.close()
    return chat.session.hex()


def standing(folder: Path) -> str:
    store = open_durable(folder, CBOR_BLAKE3, create=False)
    (view,) = list_sessions(store)
    store.close()
    return view.standing


def test_killed_export_is_continued_by_the_same_command(
    tmp_path: Path, session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, file, other = (tmp_path / name for name in ("store", "chat.grit", "other"))
    command = ["export", str(store), session, str(file)]
    found: list[tuple[str, bool]] = []
    while True:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / "first", store)
        file.write_bytes(b"earlier")
        if not run_killed(lambda: main(command), 7 * len(found)):
            break
        found.append((standing(store), file.read_bytes() != b"earlier"))
        assert main(command) == 0
        assert main(["load", str(other), str(file)]) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["chat.grit", "first", "other", "store"]
        shutil.rmtree(other)
    capsys.readouterr()
    states = [("archived", False), ("moved", False), ("moved", True)]
    assert found == sorted(found, key=states.index), "it is never in two places"
    assert {found[0], found[-1]} == {states[0], states[-1]}


def test_killed_load_into_a_new_store_is_continued_by_the_same_command(
    tmp_path: Path, session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, new, at = tmp_path / "chat.grit", tmp_path / "new", 0
    assert main(["export", str(tmp_path / "first"), session, str(file)]) == 0
    while run_killed(lambda: main(["load", str(new), str(file)]), at):
        assert main(["load", str(new), str(file)]) == 0
        assert main(["restore", str(new), session]) == 0, "the store has the agent of the session"
        capsys.readouterr()
        shutil.rmtree(new)
        at += 41
    assert at > 200


def test_full_file_system_keeps_the_earlier_file_and_the_session(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from gritstone.grit import CBOR_BLAKE3
from gritstone.grit.lmdb_store import open_durable
from gritstone.session import Sessions
from gritstone.session.command import main

place = Path(sys.argv[1])
store = open_durable(place / "store", CBOR_BLAKE3)
with Sessions(store) as sessions:
    chat = sessions.open(system="x" * 60_000)
    chat.archive()
store.close()
file, filler = place / "chat.grit", place / "filler"
file.write_bytes(b"earlier")
room = os.statvfs(place)
with filler.open("xb") as one:
    os.posix_fallocate(one.fileno(), 0, room.f_bavail * room.f_frsize - 8192)
print(main(["export", str(place / "store"), chat.session.hex(), str(file)]), file.read_bytes())
main(["list", str(place / "store")])
filler.unlink()
print(main(["export", str(place / "store"), chat.session.hex(), str(file)]), len(file.read_bytes()) > 60_000)
"""
    lines = run_in_small_file_system(tmp_path, "4m", script).splitlines()
    assert lines[0] == "1 b'earlier'"
    assert "archived" in lines[1]
    assert lines[-1] == "0 True"
