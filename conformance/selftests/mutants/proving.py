"""Hunting a fault of the suite's own code: the selftests that are marked with its rule are played under it.

    python mutate.py ID -- -m selftests.mutants.proving FILE TEST...

A child process applies the edit before it imports the suite, plays the tests with pytest, and writes to ``FILE`` what
became of them. A fault is *found* when a test fails in its own body by an assertion of its own. A test that ends in
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

__all__ = ["Told", "prove"]

PATIENCE_S = 100
"""How long a child may take."""


@dataclass(slots=True)
class Told:
    """What became of the tests.

    Attributes:
        passed: how many passed.
        found: the tests that failed by an assertion of their own.
        broken: the tests that ended in any other way, and how; what befell the child as a whole.
    """

    passed: int = 0
    found: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def prove(mutant: Mutant, home: Path) -> Told:
    """Play the tests that prove the rule that a fault of the suite breaks.

    Args:
        mutant: the fault; the test that it names in ``by``, with or without values of its parameters, is played first,
            and alone where it finds the fault.
        home: an empty directory.
    """
    tests = [proof.test for proof in proofs_by_rule()[mutant.violates] if not proof.slow]
    name, bracket, values = (mutant.by or "").partition("[")
    known = [f"{test}{bracket}{values}" for test in tests if test.partition("::")[2] == name]
    told = _prove(known, home, mutant) if known else Told()
    others = [test for test in tests if test not in known]
    return told if told.found or not others else _prove(others, home, mutant)


def _prove(tests: Sequence[str], home: Path, mutant: Mutant) -> Told:
    written = home / "told.json"
    written.unlink(missing_ok=True)
    words = ["selftests.mutants.proving", str(written), *(str(SELFTESTS / test) for test in tests)]
    end = forked.run(mutant, words, home, PATIENCE_S)
    if not written.exists():
        return Told(broken=[f"the child ended before any test did: {end}"])
    return Told(**json.loads(written.read_bytes()))


class _Watcher:
    """Takes down how each test ends; the first that finds the fault ends the session."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.told = Told()
        self._files = {Path(test.partition("::")[0]) for test in tests}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Look at no file beside those that are asked for."""
        return (collection_path.suffix == ".py" and collection_path not in self._files) or None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell an assertion of the test from every other end."""
        report = yield
        if report.passed and report.when == "call":
            self.told.passed += 1
        if report.failed and call.excinfo is not None:
            if report.when == "call" and _is_own_assertion(call.excinfo):
                self.told.found.append(item.nodeid)
                item.session.shouldfail = "found"  # `shouldstop` would have its traceback drawn
            else:
                self.told.broken.append(f"{item.nodeid}: {report.when}: {call.excinfo.exconly()}")
        return report

    def pytest_collection_finish(self) -> None:
        """Let an exception that the suite's own code raises in a case end the test."""
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
        """Take down what cannot be collected."""
        if report.failed:
            self.told.broken.append(f"{report.nodeid}: {report.longreprtext}")


def _is_own_assertion(caught: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether an assertion of a test failed, or of what it uses of pytest and the selftests."""
    inside = Path(caught.traceback[-1].path)
    return caught.errisinstance((AssertionError, pytest.fail.Exception)) and not inside.is_relative_to(SUITE)


def main(words: Sequence[str]) -> int:
    """Play tests in this process and write what became of them."""
    path, *tests = words
    watcher = _Watcher(tests)
    # what costs time or leaves traces and proves nothing here is left out
    options = ["-q", "--tb=native", "-p", "no:cacheprovider", "--disable-plugin-autoload", "--noconftest"]
    options += ["--assert=plain"]  # nobody reads why an assertion failed
    options += ["-p", "selftests.terminal", "-p", "selftests.formats"]  # the fixtures of conftest.py
    options += ["-p", "no:unraisableexception"]  # what a fault leaves open is found by nobody's assertion
    code = pytest.main([*options, f"--basetemp={path}.tmp", *tests], plugins=[watcher])
    Path(path).write_text(json.dumps(asdict(watcher.told)), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
