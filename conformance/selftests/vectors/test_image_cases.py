"""The vectors of ``image`` are those that their generator makes."""

from __future__ import annotations

from functools import cache

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.vectors.files import VectorFile
from selftests.model.test_image_examples import GOLDEN
from selftests.vectors.image_audits import audits_text
from selftests.vectors.image_cases import image_files

WRITTEN = sorted(path.relative_to(vectors_dir()).as_posix() for path in (vectors_dir() / "image").glob("*.json"))


@cache
def files() -> dict[str, VectorFile]:
    """Return the files that the generator makes by their paths; it takes seconds, so not when tests are collected."""
    return {file.path: file for file in image_files()}


def test_generator_makes_all_files() -> None:
    assert sorted(files()) == WRITTEN


@pytest.mark.parametrize("path", WRITTEN)
def test_file_is_current(path: str) -> None:
    assert (vectors_dir() / path).read_text(encoding="utf-8") == files()[path].to_text()


def test_golden_vector_has_the_ids_of_the_text() -> None:
    text = files()["image/golden.json"].to_text()
    wanted = [value for (_, label), value in GOLDEN.items() if label.startswith(("world ", "record ", "A"))]
    assert len(wanted) == 40
    assert [value for value in wanted if value not in text] == []


def test_audits_are_current() -> None:
    assert (vectors_dir() / "audit/image.json").read_text(encoding="utf-8") == audits_text()
