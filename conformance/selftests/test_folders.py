"""Reading and removal of the files that an implementation leaves in its folders, whatever they are."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from gritstone_conformance.folders import fresh_folder, given_entries, read_given, remove_folder
from gritstone_conformance.replies import Json
from gritstone_conformance.running.temporary_paths import TemporaryPaths


@pytest.mark.rule("suite.bounds.each")
def test_read_accepts_only_a_file_within_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    started = time.monotonic()
    assert read_given(tmp_path / "file") == b"content"
    assert read_given(tmp_path / "link") == "a link"
    assert read_given(tmp_path / "endless") == "a link"
    assert read_given("/dev/zero") == "a device"
    assert read_given(tmp_path / "pipe") == "a pipe"
    assert read_given(tmp_path / "huge") == f"a file of {1 << 40} bytes"
    assert read_given(tmp_path) == "a directory"
    assert str(read_given(tmp_path / "none")).startswith("cannot read the file")
    assert read_given("/proc/self/maps", most=10) == "a file of more than 10 bytes"
    assert time.monotonic() - started < 60

    # a path that ``lstat`` reports as a file is replaced by a directory or a device before it is opened
    regular = os.lstat(tmp_path / "file")
    monkeypatch.setattr("gritstone_conformance.folders.os.lstat", lambda _path: regular)
    found = {place: read_given(place) for place in (str(tmp_path), "/dev/zero", str(tmp_path / "pipe"))}
    monkeypatch.undo()
    assert list(found.values()) == ["a directory", "a device", "a pipe"]


@pytest.mark.rule("suite.files.given-only")
def test_remove_keeps_targets_of_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    for place in (folder, folder / "a", folder / "a" / "b"):
        (place / "directory").symlink_to(outside)
        (place / "file").symlink_to(outside / "file")
    assert str(outside / "file") not in set(given_entries(folder))
    remove_folder(str(folder))
    assert not folder.exists()
    assert (outside / "file").read_bytes() == b"mine"


@pytest.mark.rule("suite.files.given-only")
def test_only_the_link_is_removed_in_place_of_a_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    (tmp_path / "folder").symlink_to(outside)
    remove_folder(str(tmp_path / "folder"))
    assert not (tmp_path / "folder").is_symlink()
    assert (outside / "file").exists()


@pytest.mark.rule("suite.files.given-only")
def test_temporary_folders_of_a_case_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    places, bindings = TemporaryPaths(), dict[str, Json]()
    places.provide(["dir", "path"], bindings)
    for folder in (Path(bindings["dir"]), Path(bindings["path"]).parent):
        (folder / "locked").mkdir()
        (folder / "locked" / "file").write_bytes(b"x")
        (folder / "locked").chmod(0)
    places.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.rule("suite.files.given-only")
def test_remove_deletes_siblings_of_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = fresh_folder()
    folder = Path(fresh_folder())
    folder.with_name("dangling").symlink_to(tmp_path / "nothing")
    folder.with_name("link").symlink_to(kept)
    folder.with_name("new").mkdir()
    (folder.with_name("new") / "file").write_text("x")
    folder.rmdir()
    folder.symlink_to(kept)
    remove_folder(str(folder))
    assert list(tmp_path.iterdir()) == [Path(kept).parent]
    remove_folder(kept)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.rule("suite.bounds.each")
def test_remove_handles_directories_deeper_than_any_path() -> None:
    folder = fresh_folder()
    here = os.open(folder, os.O_DIRECTORY)
    try:
        for _ in range(300):
            os.mkdir("d" * 20, dir_fd=here)
            below = os.open("d" * 20, os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    remove_folder(folder)
    assert not Path(folder).exists()
