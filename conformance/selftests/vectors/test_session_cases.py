"""The vectors of ``session`` are those that their generator makes."""

from __future__ import annotations

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.vectors.files import VectorFile
from selftests.vectors.session_cases import session_files

FILES = session_files()


def test_generator_makes_all_files() -> None:
    written = {path.relative_to(vectors_dir()).as_posix() for path in (vectors_dir() / "session").glob("*.json")}
    assert written == {file.path for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.topic)
def test_file_is_current(file: VectorFile) -> None:
    assert (vectors_dir() / file.path).read_text(encoding="utf-8") == file.to_text()
