"""Files that are written for a user: complete and durable, or as they were before."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone.files import replacing

from .killing import run_in_small_file_system, run_killed


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def write(path: Path, data: bytes, *, private: bool = True) -> None:
    with replacing(path, private=private) as part:
        part.file.write(data)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_synced_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, steps = tmp_path / "x", list[str]()
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("folder" if is_folder else f"file of {os.fstat(descriptor).st_size}")
        fsync(descriptor)

    def note_replace(old: Path, new: Path) -> None:
        steps.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write(path, b"new")
    assert steps == ["file of 3", "folder", "rename", "folder"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_failure_keeps_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "x"
    write(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("the medium failed")

    def write_new() -> None:
        with replacing(path) as part:
            part.file.write(b"new")
            if step == "write":
                fail()
            monkeypatch.setattr(os, step, fail)

    with pytest.raises(OSError, match="medium"):
        write_new()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_killed_writer_leaves_the_earlier_file_and_no_growth(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, b"old")
    seen, at = list[bytes](), 0
    while run_killed(lambda: write(path, b"new"), at):
        seen.append(path.read_bytes())
        assert len(os.listdir(tmp_path)) <= 2
        at += 1
    assert sorted(set(seen)) == [b"new", b"old"]
    assert seen == sorted(seen, reverse=True), "once it is there, it stays"
    write(path, b"last")
    assert (os.listdir(tmp_path), path.read_bytes()) == (["x"], b"last")


def test_full_file_system_keeps_the_earlier_file(tmp_path: Path) -> None:
    script = """
import os, sys
from gritstone.files import replacing
os.chdir(sys.argv[1])
with replacing("x") as part:
    part.file.write(b"old" * 100_000)
try:
    with replacing("x") as part:
        part.file.write(bytes(2_000_000))
except OSError as error:
    print(error.strerror, os.listdir(), os.stat("x").st_size)
"""
    assert run_in_small_file_system(tmp_path, "1m", script) == "No space left on device ['x'] 300000\n"


def test_private_file_is_not_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with replacing(path) as part:
        assert mode_of(tmp_path / ".x.gritstone-part") == 0o600
        part.file.write(b"new")
    assert mode_of(path) == 0o600
    os.umask(0o277)
    write(tmp_path / "y", b"")
    assert mode_of(tmp_path / "y") == 0o400, "a stricter umask counts"


def test_other_file_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, b"old", private=False)
    assert mode_of(path) == 0o644
    path.chmod(0o640)
    write(path, b"new", private=False)
    assert mode_of(path) == 0o640


def test_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("inner/x")
    write(tmp_path / "link", b"first")
    write(tmp_path / "link", b"second")
    assert os.readlink(tmp_path / "link") == "inner/x"
    assert (tmp_path / "inner" / "x").read_bytes() == b"second"


def test_pipes_and_devices_are_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"through")
    reader.join()
    write(Path(os.devnull), b"away")
    assert found == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    with pytest.raises(IsADirectoryError):
        write(tmp_path, b"")


def test_concurrent_writers_of_one_file_each_write_it_completely(tmp_path: Path) -> None:
    path, contents = tmp_path / "x", [bytes([one]) * 300_000 for one in range(8)]
    threads = [threading.Thread(target=write, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["x"]


def test_part_file_of_another_kind_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / ".x.gritstone-part").symlink_to("kept")
    with pytest.raises(OSError, match="symbolic"):
        write(tmp_path / "x", b"new")
    assert (tmp_path / "kept").read_bytes() == b"kept"
