"""Executions and folders: what code finds there, what it may write, and what is written out."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.kit.executions import Environment, SecurityViolation, spawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "isolated"
    (made / "src").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / "src" / "a.txt").write_bytes(b"a")
    (made / "b.txt").write_bytes(b"b")
    return made


def mounted(folder: Path, **more: Any) -> Environment:
    return Environment(mounts={"/workspace": folder}, **more)


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("fs/other/x", "denied:mount"),
        ("fs/workspace", None),
        ("wit", "denied:code"),
        ("code/main.wasm", "denied:code"),
        ("wasm/manifest", "denied:host"),
        ("anything/else", None),
    ],
)
def test_only_mounted_paths_may_be_written(
    guest: Callable[..., bytes], folder: Path, path: str, reason: str | None
) -> None:
    execution = spawn(guest(path), mounted(folder))
    before = execution.snapshot_id
    if reason is None:
        assert execution.run(b"x").outcome == "step"
        return
    with pytest.raises(SecurityViolation) as caught:
        execution.run(b"x")
    assert caught.value.reason == reason
    assert caught.value.snapshot_id == execution.snapshot_id == before
    assert isinstance(caught.value, Rejected)
    assert tree_of(folder) == {"src/a.txt": b"a", "b.txt": b"b"}


def test_files_of_a_mount_are_read_and_written(guest: Callable[..., bytes], folder: Path, tmp_path: Path) -> None:
    execution = spawn(guest("fs/workspace/src/c.txt"), mounted(folder))
    assert execution.files("/workspace") == {"b.txt": b"b", "src/a.txt": b"a"}
    execution.run(b"c")
    assert execution.diff("workspace").created == ("src/c.txt",)
    out = tmp_path / "out"
    execution.write_files("/workspace", out)
    assert tree_of(out) == {"b.txt": b"b", "src/a.txt": b"a", "src/c.txt": b"c"}
    assert tree_of(folder) == {"b.txt": b"b", "src/a.txt": b"a"}
    with pytest.raises(Rejected):
        execution.write_files("/workspace", out)


def test_empty_mount_receives_files(guest: Callable[..., bytes]) -> None:
    execution = spawn(guest(), Environment(mounts={"workspace": None}))
    assert execution.files("workspace") == {}
    execution.run(b"x")
    assert execution.files("workspace") == {"out.txt": b"x"}
    assert execution.diff("workspace").created == ("out.txt",)


def test_diff_lists_changed_files(guest: Callable[..., bytes], folder: Path) -> None:
    execution = spawn(guest("fs/workspace/b.txt"), mounted(folder))
    assert execution.diff("workspace") == type(execution.diff("workspace"))((), (), ())
    execution.run(b"c")
    assert execution.diff("workspace").modified == ("b.txt",)
    other = spawn(guest("fs/workspace/src", "REMOVE"), mounted(folder))
    other.run()
    assert other.diff("workspace").deleted == ("src/a.txt",)
    assert other.fork().diff("workspace").deleted == (), "a fork begins with what is there"


@pytest.mark.parametrize("what", ["link", "dangling", "link to a folder", "pipe"])
def test_folder_with_an_invalid_file_is_not_mounted(counter: bytes, folder: Path, tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    match what:
        case "pipe":
            os.mkfifo(folder / "src" / "x")
        case "link":
            (folder / "src" / "x").symlink_to(outside / "secret")
        case "dangling":
            (folder / "src" / "x").symlink_to("nowhere")
        case _:
            (folder / "src" / "x").symlink_to(outside)
    with pytest.raises(Rejected):
        spawn(counter, mounted(folder))
    with pytest.raises(OSError, match="absent"):
        spawn(counter, Environment(mounts={"w": folder / "absent"}))


def test_names_that_cannot_be_written(counter: bytes, folder: Path) -> None:
    (folder / "a\nb").write_bytes(b"")
    with pytest.raises(Invalid):
        spawn(counter, mounted(folder))


def test_folders_nested_too_deeply_are_refused(counter: bytes, folder: Path) -> None:
    deep = folder / ("x/" * 256)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"")
    spawn(counter, mounted(folder))
    (deep / "x").mkdir()
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))


def test_folders_with_too_many_or_too_large_files_are_refused(
    counter: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gritstone.kit.executions.folders.MOST_FILES", 4)
    spawn(counter, mounted(folder))
    monkeypatch.setattr("gritstone.kit.executions.folders.MOST_FILES", 3)
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))
    monkeypatch.undo()
    with open(folder / "large", "wb") as file:
        file.truncate(8_387_937)
    with pytest.raises(Exhausted):
        spawn(counter, mounted(folder))


@pytest.mark.parametrize("name", ["a\\..\\b", "c:x", "x/y\\z", "x/" * 256 + "y"])
def test_names_that_are_not_written_out(guest: Callable[..., bytes], folder: Path, tmp_path: Path, name: str) -> None:
    execution = spawn(guest(f"fs/workspace/{name}"), mounted(folder))
    execution.run(b"x")
    assert name in execution.files("workspace")
    with pytest.raises(Rejected):
        execution.write_files("workspace", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_export_into_a_symbolic_link_is_refused(guest: Callable[..., bytes], folder: Path, tmp_path: Path) -> None:
    execution = spawn(guest(), mounted(folder))
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(Rejected):
        execution.write_files("workspace", tmp_path / "link")
    execution.write_files("workspace", real)


def test_socket_in_a_folder_is_refused(counter: bytes, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "s"))
        with pytest.raises(Rejected):
            spawn(counter, mounted(folder))


def test_folder_that_becomes_a_link_is_not_followed(
    counter: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    scan, scanned = os.scandir, list[object]()

    def swap(place: Any) -> Any:
        if scanned:  # the folder was listed, and ``src`` is checked to be a folder; now it is replaced
            return scan(place)
        scanned.append(place)
        with scan(place) as found:
            entries = list(found)
        (folder / "src").rename(tmp_path / "away")
        (folder / "src").symlink_to(outside)
        return nullcontext(entries)

    monkeypatch.setattr(os, "scandir", swap)
    with pytest.raises(Rejected):
        spawn(counter, mounted(folder))


def test_written_files_are_private(guest: Callable[..., bytes], folder: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        spawn(guest(), mounted(folder)).write_files("workspace", tmp_path / "out")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out", *(tmp_path / "out").rglob("*"))}
    assert modes == {"out": 0o700, "src": 0o700, "a.txt": 0o600, "b.txt": 0o600}


def test_files_that_cannot_be_written_leave_the_folder_as_it_was(
    guest: Callable[..., bytes], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, out = spawn(guest(), mounted(folder)), tmp_path / "out"
    mkdir = os.mkdir

    def refuse(name: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if dir_fd is not None:
            (out / "other").write_bytes(b"of another process")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        mkdir(name, mode)

    out.mkdir()
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(OSError, match="space"):
        execution.write_files("workspace", out)
    assert [path.name for path in out.iterdir()] == ["other"]
