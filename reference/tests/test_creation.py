"""The creation of a durable store: continued after a kill, refused on a full medium and among files of the user."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.grit import CBOR_BLAKE3, FRAMED_SHA256, Blob
from gritstone.grit.lmdb_store import open_durable
from gritstone.image import Image, starting
from gritstone.image.command import main as image_main
from gritstone.runtime.world import World

from .killing import run_in_small_file_system, run_killed

_TYPED = """
import os, shutil, sys
from pathlib import Path
from gritstone.errors import Exhausted
from gritstone.grit import FRAMED_SHA256, Blob
from gritstone.grit.lmdb_store import open_durable
from gritstone.image.command import main

place = Path(sys.argv[1])
store, filler = place / "store", place / "filler"

def fill(free):
    "Leave a number of bytes free."
    room = os.statvfs(place)
    with filler.open("ab") as file:
        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room.f_bavail * room.f_frsize - free)

def attempt():
    try:
        open_durable(store, FRAMED_SHA256).close()
    except Exhausted:
        return "exhausted"
    return "opened"
"""


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def create(folder: Path) -> None:
    store = open_durable(folder, CBOR_BLAKE3)
    store.put(CBOR_BLAKE3.encode(Blob({}, b"x"), store.limits))
    store.close()


def new_image(folder: Path, name: str = "alice") -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return image_main(["new", str(folder), name])


def killed_creations(
    folder: Path, work: Callable[[Path], object], *, each: int, is_there: bool = False
) -> Iterator[None]:
    """Yield after each kill of a creation, a number of steps later each time.

    Args:
        folder: where the store is created.
        work: creates it.
        each: the number of steps.
        is_there: whether the folder is there before, and empty.
    """
    at = 0
    while True:
        if is_there:
            folder.mkdir()
        if not run_killed(lambda: work(folder), at):
            return
        yield
        shutil.rmtree(folder, ignore_errors=True)
        at += each


@pytest.mark.parametrize("is_there", [False, True])
def test_killed_creation_continues(tmp_path: Path, is_there: bool) -> None:
    folder, count = tmp_path / "store", 0
    kills = killed_creations(folder, create, each=2, is_there=is_there)
    for count, _ in enumerate(kills, 1):  # noqa: B007 - it is read below
        create(folder)
        open_durable(folder, CBOR_BLAKE3, create=False).close()
        assert not [name for name in os.listdir(folder) if ".new" in name]
    assert count > 40


def test_killed_command_continues(tmp_path: Path) -> None:
    folder, codes = tmp_path / "store", list[int]()
    for _ in killed_creations(folder, new_image, each=23):
        codes.append(new_image(folder))
        assert codes[-1] == 0 or new_image(folder, "bob") == 0, "alice was durable before the kill"
    assert len(codes) > 12
    assert codes == sorted(codes)


def test_two_creations_at_once_make_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_durable(tmp_path / "store", CBOR_BLAKE3)
    begin, others = starting.begin_image, list[threading.Thread]()

    def begin_as_another_does(world: World) -> bytes:
        if not others:
            others.append(threading.Thread(target=lambda: Image(store).close()))
            others[0].start()
            others[0].join()
        return begin(world)

    monkeypatch.setattr("gritstone.image.service.begin_image", begin_as_another_does)
    with Image(store) as image:
        assert image.seq == 0
        image.principal("alice")
        assert [view.name for view in image.list()] == ["alice"]
    assert len(others) == 1
    store.close()


def test_commands_that_create_one_store_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gritstone.image", "new", str(tmp_path / "store")]
    started = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("alice", "bob", "bob")
    ]
    said = [process.communicate(timeout=120) for process in started]
    codes = [process.returncode for process in started]
    assert codes[0] == 0, said
    assert 0 in codes[1:], said  # a principal with the same name and parts is the same principal
    listed = subprocess.run([*command[:3], "list", command[4]], capture_output=True, text=True, timeout=120, check=True)
    assert [listed.stdout.count(name) for name in ("alice", "bob")] == [1, 1]
    assert all(err.count("\n") == code for (_, err), code in zip(said, codes, strict=True)), said


def test_empty_folder_receives_the_store(tmp_path: Path) -> None:
    assert new_image(tmp_path) == 0
    assert new_image(tmp_path, "bob") == 0


@pytest.mark.parametrize("name", ["letter.txt", ".hidden", "grit-0.mdb-lock", "reserve", "folder"])
def test_folder_with_other_files_is_refused_untouched(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(b"of the user")
    (tmp_path / "grit-0.mdb.new").write_bytes(b"half")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(Rejected):
        open_durable(tmp_path, CBOR_BLAKE3)
    assert new_image(tmp_path) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "other files" in said
    assert sorted(os.listdir(tmp_path)) == before


def test_reading_command_creates_nothing(tmp_path: Path) -> None:
    assert image_main(["list", str(tmp_path)]) == 1
    assert os.listdir(tmp_path) == []
    with pytest.raises(Missing):
        open_durable(tmp_path, CBOR_BLAKE3, create=False)


def test_store_is_readable_by_its_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = open_durable(folder, FRAMED_SHA256)
    erased = store.put(FRAMED_SHA256.encode(Blob({}, b"x"), store.limits))
    for _ in range(2):  # before and after a new generation
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
        store.erase(erased)
    store.close()


def test_shared_store_stays_shared(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    create(folder)
    (folder / "grit-0.mdb-lock").unlink()
    (folder / "grit-0.mdb").chmod(0o660)
    store = open_durable(folder, CBOR_BLAKE3)
    assert (folder / "grit-0.mdb-lock").stat().st_mode & 0o777 == 0o660
    store.erase(store.put(CBOR_BLAKE3.encode(Blob({}, b"y"), store.limits)))
    store.close()
    assert (folder / "grit-1.mdb").stat().st_mode & 0o777 == 0o660
    assert (folder / "grit-1.mdb-lock").stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("free", ["0", "4096", "20480", "65536", "86016", "98304"])
def test_creation_on_a_full_medium_is_exhausted(tmp_path: Path, free: str) -> None:
    script = """
fill(int(sys.argv[2]))
print(attempt())
print(main(["new", str(store), "alice"]))
filler.unlink()
print(attempt(), main(["new", str(store), "bob"]))
"""
    said = run_in_small_file_system(tmp_path, "4m", _TYPED + script, free)
    assert [line for line in said.splitlines() if "is " not in line] == ["exhausted", "1", "opened 0"]


@pytest.mark.parametrize("is_reserved", [True, False])
def test_store_without_a_lock_file_on_a_full_medium(tmp_path: Path, is_reserved: bool) -> None:
    script = """
main(["new", str(store), "alice"])
(store / "grit-0.mdb-lock").unlink()
if sys.argv[2] == "False":
    (store / "reserve").unlink()
fill(0)
for _ in range(3):
    print(attempt(), main(["list", str(store)]), main(["log", str(store)]))
filler.unlink()
print(attempt(), main(["list", str(store)]))
"""
    said = run_in_small_file_system(tmp_path, "4m", _TYPED + script, str(is_reserved))
    found = [line for line in said.splitlines() if line.startswith(("opened", "exhausted"))]
    assert found == [*(["opened 0 0"] if is_reserved else ["exhausted 1 1"]) * 3, "opened 0"]


def test_sparse_lock_file_of_an_earlier_release_receives_its_space(tmp_path: Path) -> None:
    script = """
main(["new", str(store), "alice"])
(store / "reserve").unlink()
lock = store / "grit-0.mdb-lock"
size = lock.stat().st_size
lock.unlink()
with lock.open("xb") as file:
    file.truncate(size)
fill(0)
print(attempt())
"""
    assert run_in_small_file_system(tmp_path, "4m", _TYPED + script).splitlines()[-1] == "exhausted"


def test_full_medium_leaves_room_to_erase_after_the_lock_file_took_some(tmp_path: Path) -> None:
    script = """
made = open_durable(store, FRAMED_SHA256)
ids = []
for size in (50_000, 3_000):
    try:
        while True:
            ids.append(made.put(FRAMED_SHA256.encode(Blob({}, os.urandom(size)), made.limits)))
    except Exhausted:
        pass
made.close()
(store / "grit-0.mdb-lock").unlink()
fill(0)
made = open_durable(store, FRAMED_SHA256)
for one in ids[:5]:
    made.erase(one)
    print(made.has([one])[0])
print(made.prune() > 0)
"""
    assert run_in_small_file_system(tmp_path, "4m", _TYPED + script).split() == [*["False"] * 5, "True"]
