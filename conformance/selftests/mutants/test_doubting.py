"""With a mutated model the suite reports the honest reference under the rule of the mutant.

Spec: :rule:`suite.mutant.oracle`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from selftests.mutants import forked
from selftests.mutants.mutate import CATALOGUE, Mutant, read_mutants
from selftests.mutants.zoo import record_mutant

MUTANTS = {
    mutant.id: mutant
    for mutant in sorted(read_mutants(CATALOGUE / "model.toml"), key=lambda mutant: mutant.edits[0].file)
}


@pytest.mark.zoo
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_wrong_model_fails_the_reference_under_its_rule(
    mutant: Mutant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_mutant(record_property, mutant)
    assert all(edit.file.startswith("gritstone_conformance/model/") for edit in mutant.edits)
    end = forked.run(mutant, ["selftests.mutants.doubting", mutant.id, str(tmp_path)], tmp_path, 120)
    written = tmp_path / "found.json"
    assert written.exists(), end
    found = json.loads(written.read_bytes())
    assert mutant.violates in found["failed"], found
