"""The model gives every recorded right answer.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.vectors.files import parse_vector_file
from selftests.checks.oracle import play_vector, played

PROFILES = ("grit", "wit", "runtime", "wasm", "image", "session", "flow", "sandbox")


@pytest.mark.rule("suite.mutant.oracle")
def test_model_answers_tree_vectors() -> None:
    files = sorted((vectors_dir() / "grit").glob("tree*.json"))
    parsed = [parse_vector_file(file.read_bytes(), file.name, check_schema=False) for file in files]
    cases = [case for file in parsed for case in file.cases]
    assert {case.name.rpartition("/")[0] for case in cases} == {"grit/tree"}
    assert {case.name: wrong for case in cases if (wrong := play_vector(case)) is not None} == {}


@pytest.mark.rule("suite.mutant.oracle", slow=True)
@pytest.mark.parametrize("profile", PROFILES)
def test_model_answers_every_vector(profile: str) -> None:
    answered = {name: wrong for name, wrong in played().wrong.items() if name.partition("/")[0] == profile}
    assert answered
    assert {name: wrong for name, wrong in answered.items() if wrong is not None} == {}
