"""Giving back the memory of a mapped file."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from gritstone.grit import residency
from gritstone.grit.residency import drop_pages

STATUS = Path("/proc/self/status")


def resident_file_bytes() -> int:
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return sum(int(fields[name].split()[0]) for name in ("RssFile", "RssShmem")) * 1_024  # on a disk, in memory


@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux")
def test_dropped_pages_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"x" * (32 << 20))
    link = tmp_path / "link"
    link.symlink_to(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[:].count(b"x") == 32 << 20
        before = resident_file_bytes()
        drop_pages(link)
        assert before - resident_file_bytes() > 30 << 20
        assert mapped[:].count(b"x") == 32 << 20


def test_drop_pages_ignores_unmapped_files_and_absent_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_pages(tmp_path / "not mapped")
    monkeypatch.setattr(residency, "_MAPS", tmp_path / "none")
    drop_pages(tmp_path / "not mapped")
