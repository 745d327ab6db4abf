"""Files that are written for a user: complete and durable, or as they were before."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import check_writable, write_file
from gritstone_conformance.results.report import remove_old

_KILLED = """
import os, signal, sys
from pathlib import Path
from gritstone_conformance.files import write_file

left = int(sys.argv[2])

def step(frame, event, function):
    global left
    if event in ("c_call", "c_return") and getattr(function, "__module__", None) in ("posix", "fcntl"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

sys.setprofile(step)
write_file(Path(sys.argv[1]), b"new")
"""


def test_file_is_synced_before_it_has_its_name_and_the_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[str]()
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        steps.append(str(path.relative_to(tmp_path)) if path.is_dir() else f"{path.stat().st_size} bytes")
        fsync(descriptor)

    def note_replace(old: Path, new: Path) -> None:
        steps.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_file(tmp_path / "a" / "b" / "x", "new")
    assert steps == [".", "a", "3 bytes", "rename", "a/b"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_keeps_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "x"
    write_file(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UsageError, match=f"{path}: No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_killed_writer_leaves_the_earlier_file_and_no_growth(tmp_path: Path) -> None:
    path, seen = tmp_path / "x", list[bytes]()
    path.write_bytes(b"old")
    while True:
        command = [sys.executable, "-c", _KILLED, str(path), str(2 * len(seen))]
        code = subprocess.run(command, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert len(os.listdir(tmp_path)) <= 2
        seen.append(path.read_bytes())
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {b"old", b"new"}
    assert os.listdir(tmp_path) == ["x"]


def test_earlier_file_keeps_its_rights_and_a_link_stays(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to("x")
    write_file(link, b"new")
    assert (os.readlink(link), path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == ("x", b"new", 0o640)


def test_existing_file_is_kept_if_it_may_not_be_replaced(tmp_path: Path) -> None:
    write_file(tmp_path / "x", b"old", replace=False)
    with pytest.raises(UsageError, match="exists"):
        write_file(tmp_path / "x", b"new", replace=False)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_pipes_and_devices_are_written_directly_and_stay(tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, "through")
    reader.join()
    assert found == [b"through"]
    remove_old(pipe)
    check_writable(pipe, b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(UsageError, match="directory"):
        write_file(tmp_path, b"")


def test_concurrent_writers_of_one_file_each_write_it_completely(tmp_path: Path) -> None:
    path, contents = tmp_path / "x", [bytes([one]) * 300_000 for one in range(8)]
    threads = [threading.Thread(target=write_file, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["x"]
