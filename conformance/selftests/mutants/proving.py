"""Detection of a fault in the suite's own code: the selftests that are marked with its rule are run with the fault.

    python mutate.py ID -- -m selftests.mutants.proving FILE TEST...

A child process applies the edit before it imports the suite, runs the tests with pytest, and writes the results to
``FILE``. A fault is *found* when a test fails in its own body by an assertion of its own. A test that ends in
another exception, an assertion inside the suite, a test that cannot be collected or set up, and a child that is silent
for too long have found nothing. An exception that the suite's code raises in a case ends the test, although a run
would record it in the outcome of the case; one that a test plants in its own code is recorded as in a run.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from selftests.mutants import forked
from selftests.mutants.marks import proofs_by_rule
from selftests.mutants.mutate import Mutant
from selftests.paths import SELFTESTS, SUITE

__all__ = ["ProofResults", "prove"]

PATIENCE_S = 100
"""How long a child may take."""


@dataclass(slots=True)
class ProofResults:
    """The results of the tests.

    Attributes:
        passed: how many passed.
        found: the tests that failed by an assertion of their own.
        broken: the tests that ended in any other way, and how; and how the child itself ended.
    """

    passed: int = 0
    found: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def prove(mutant: Mutant, home: Path) -> ProofResults:
    """Run the tests that prove the rule that a fault of the suite violates.

    Args:
        mutant: the fault; the test that it names in ``by``, with or without values of its parameters, runs first, and
            alone if it finds the fault.
        home: an empty directory.
    """
    tests = [proof.test for proof in proofs_by_rule()[mutant.violates] if not proof.slow]
    name, bracket, values = (mutant.by or "").partition("[")
    known = [f"{test}{bracket}{values}" for test in tests if test.partition("::")[2] == name]
    results = _prove(known, home, mutant) if known else ProofResults()
    others = [test for test in tests if test not in known]
    return results if results.found or not others else _prove(others, home, mutant)


def _prove(tests: Sequence[str], home: Path, mutant: Mutant) -> ProofResults:
    written = home / "results.json"
    written.unlink(missing_ok=True)
    words = ["selftests.mutants.proving", str(written), *(str(SELFTESTS / test) for test in tests)]
    end = forked.run(mutant, words, home, PATIENCE_S)
    if not written.exists():
        return ProofResults(broken=[f"the child ended before any test did: {end}"])
    return ProofResults(**json.loads(written.read_bytes()))


class _Watcher:
    """Records how each test ends; the first that finds the fault ends the session."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.results = ProofResults()
        self._files = {Path(test.partition("::")[0]) for test in tests}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore all files except those of the given tests."""
        return (collection_path.suffix == ".py" and collection_path not in self._files) or None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Distinguish an assertion of the test from every other end."""
        report = yield
        if report.passed and report.when == "call":
            self.results.passed += 1
        if report.failed and call.excinfo is not None:
            if report.when == "call" and _is_own_assertion(call.excinfo):
                self.results.found.append(item.nodeid)
                item.session.shouldfail = "found"  # `shouldstop` would have its traceback drawn
            else:
                self.results.broken.append(f"{item.nodeid}: {report.when}: {call.excinfo.exconly()}")
        return report

    def pytest_collection_finish(self) -> None:
        """Make an exception that the suite's own code raises in a case end the test."""
        recording = sys.modules.get("gritstone_conformance.running.outcome_builder")
        if recording is None:
            return
        recorded: Callable[..., object] = recording.OutcomeBuilder.own_fault

        def own_fault(recorder: object, item: object, problem: Exception) -> object:
            planted_in = Path(traceback.extract_tb(problem.__traceback__)[-1].filename)
            if planted_in.is_relative_to(SELFTESTS):
                return recorded(recorder, item, problem)
            raise problem

        recording.OutcomeBuilder.own_fault = own_fault

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record what cannot be collected."""
        if report.failed:
            self.results.broken.append(f"{report.nodeid}: {report.longreprtext}")


def _is_own_assertion(caught: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether an assertion of a test failed, or of what it uses of pytest and the selftests."""
    inside = Path(caught.traceback[-1].path)
    return caught.errisinstance((AssertionError, pytest.fail.Exception)) and not inside.is_relative_to(SUITE)


def main(words: Sequence[str]) -> int:
    """Run tests in this process and write the results."""
    path, *tests = words
    watcher = _Watcher(tests)
    # without what costs time or leaves files and proves nothing here
    options = ["-q", "--tb=native", "-p", "no:cacheprovider", "--disable-plugin-autoload", "--noconftest"]
    options += ["--assert=plain"]  # the reason of a failed assertion is not read
    options += ["-p", "selftests.terminal", "-p", "selftests.formats"]  # the fixtures of conftest.py
    options += ["-p", "no:unraisableexception"]  # a resource that a fault leaves open is not an assertion of a test
    code = pytest.main([*options, f"--basetemp={path}.tmp", *tests], plugins=[watcher])
    Path(path).write_text(json.dumps(asdict(watcher.results)), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
