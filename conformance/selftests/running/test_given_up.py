"""An implementation that breaks in one operation is judged in all others, as people run it."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

import pytest

from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import read_report
from selftests.paths import PLANTED
from selftests.terminal import REFERENCE, Run


def breaking(op: str, how: str) -> str:
    return shlex.join([sys.executable, str(PLANTED / "breaks_in.py"), op, how, "--", *shlex.split(REFERENCE)])


def judged(run: Run, iut: str, *words: str) -> list[Outcome]:
    code, out, err = run("verify", "--iut", iut, "--quiet", "--deadline-scale", "0.1", *words)
    assert code == 1, out + err
    return list(read_report(Path(".gritstone/report.jsonl")).outcomes)


@pytest.mark.rule("suite.liveness.others")
def test_operation_that_always_hangs_costs_only_its_own_cases(run: Run) -> None:
    outcomes = judged(run, breaking("grit.has", "hangs"), "-k", "grit/store/put*", "-k", "grit/tree/*")
    errors = [outcome for outcome in outcomes if outcome.verdict == "error"]
    assert {outcome.cause for outcome in errors} <= {"hung:blocked", "hung:spinning"}
    unsent = [outcome.detail or "" for outcome in errors if (outcome.detail or "").startswith("not sent: ")]
    assert unsent
    words = "requests of grit.has broke, and 0 were answered; the last: no reply to grit.has"
    assert all(words in each for each in unsent)
    assert sum(1 for outcome in outcomes if outcome.verdict == "pass") > 50


@pytest.mark.skipif(importlib.util.find_spec("wasmtime") is None, reason="needs wasmtime")
def test_death_of_a_sandbox_has_the_same_verdict_whatever_module_it_is(run: Run) -> None:
    cases = ("sandbox/host/alive", "sandbox/host/refusing")
    outcomes = judged(run, breaking("sandbox.run", "exits"), *(word for case in cases for word in ("-k", f"{case}*")))
    found = {outcome.case: (outcome.verdict, outcome.rule) for outcome in outcomes if outcome.verdict != "skip"}
    assert {case.rpartition("/")[2].partition("-")[0] for case in found} == {"alive", "refusing"}
    assert set(found.values()) == {("fail", "sandbox.host.alive")}
