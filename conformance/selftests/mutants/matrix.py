"""The matrix: run the whole gate on each mutant, not only the cases of its rule; slow, so CI runs it nightly.

    python -m pytest conformance/selftests/mutants/matrix.py -n 2 [--part 3/7]

It finds *loose* rules: rules that fail although the entry of the mutant does not name them. They are listed, not
forbidden, because one edit can violate many rules. A mutant that the gate does not report under its rule fails its
test, so the matrix also shows that the gate agrees with the tests of single mutants. Spec: :rule:`suite.mutant.named`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from selftests.mutants.detection import run_gate
from selftests.mutants.mutate import Mutant, detectable
from selftests.mutants.zoo import record_mutant


def in_part(name: str, part: str) -> bool:
    """Return whether a mutant belongs to the part ``K/N`` of the catalogue; each mutant is in exactly one part."""
    number, count = map(int, part.split("/"))
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % count == number % count


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the test with the mutants of the requested part."""
    part = metafunc.config.getoption("--part")
    mutants = {name: mutant for name, mutant in detectable().items() if in_part(name, part)}
    metafunc.parametrize("mutant", mutants.values(), ids=mutants)


@pytest.mark.zoo
def test_gate_reports_the_rule_of_the_mutant(
    mutant: Mutant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_mutant(record_property, mutant)
    found = run_gate(mutant.command("gritstone.harness"), mutant, tmp_path)
    record_property("loose", " ".join(sorted(found.failed - {mutant.violates, *mutant.also})))
    assert mutant.violates in found.failed, sorted(found.failed)
