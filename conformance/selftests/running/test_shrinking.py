"""Shrinking: its time limits, its progress messages, and its part of the report."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.reporting import console
from gritstone_conformance.reporting.console import Aside
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.results.outcomes import CUTS, Outcome
from gritstone_conformance.running import shrinking
from gritstone_conformance.running.shrinking import Shrink, Shrinking
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.runs import BOOK, RULE
from selftests.fakes.runs import run as run_cases
from selftests.fakes.subject import HELLO, Answer, FakeSubject
from selftests.terminal import Run, mutant

CASES = tuple(f"grit/tree/sums-{number}" for number in range(6))


def adding(trial: Trial, numbers: list[int]) -> None:
    """The implementation answers the sum of numbers."""
    for number in numbers:
        trial.expect("grit.id", {"numbers": [number]}, {"ok": {"sum": number}})


def capped(op: str, args: dict[str, Json]) -> Answer:
    return Ok({"sum": min(sum(args["numbers"]), 1_000)})


NUMBERS = {"numbers": st.lists(st.integers(0, 10_000), max_size=8)}


def failing(**settings: Any) -> list[Outcome]:
    """Run several properties that fail in the same way; return their outcomes in the order in which they ran."""
    properties = [Property(case, (RULE,), adding, NUMBERS) for case in CASES]
    found = run_cases(FakeSubject(capped), properties=properties, **settings)
    assert {outcome.verdict for outcome in found.values()} == {"fail"}
    return list(found.values())


@pytest.mark.rule("suite.shrink.bounded")
def test_failures_of_one_kind_are_shrunk_once() -> None:
    first, *others = failing(shrink_tries=5)
    assert first.shrink_cut is None
    assert first.divergence is not None
    assert first.divergence.expected == 1_001
    assert {other.shrink_cut for other in others} == {"alike"}
    assert max(other.requests for other in others) < first.requests
    assert {outcome.shrink_cut for outcome in failing(shrink_tries=100_000)} == {None}


@pytest.mark.rule("suite.shrink.bounded")
def test_number_of_tries_is_the_same_in_every_run() -> None:
    assert [untimed(outcome) for outcome in failing()] == [untimed(outcome) for outcome in failing()]


def untimed(outcome: Outcome) -> Outcome:
    return replace(outcome, seconds=0.0, shrink_s=0.0)


@pytest.mark.rule("suite.shrink.bounded")
@pytest.mark.parametrize(("settings", "cut"), [({"shrink_s": 0.0}, "time"), ({"shrink_all_s": 0.0}, "run")])
def test_failure_without_time_to_shrink_is_kept_as_found(settings: dict[str, float], cut: str) -> None:
    patient = failing()[0]
    for outcome in failing(**settings):
        assert outcome.shrink_cut == cut
        assert outcome.signature == patient.signature
        assert outcome.requests <= patient.requests


@pytest.mark.rule("suite.shrink.bounded")
def test_all_failures_share_one_time_limit() -> None:
    budget, settings = Shrinking(), RunSettings(shrink_s=60.0, shrink_all_s=180.0)
    for number in range(3):
        shrink = budget.begin("grit/a/b", (RULE, f"way {number}"), settings)
        assert shrink.may_go_on()
        shrink.seconds = 60.0
    spent = budget.begin("grit/a/b", (RULE, "another way"), settings)
    assert not spent.may_go_on()
    assert spent.cut == "run"


@pytest.mark.rule("suite.shrink.bounded")
def test_slow_try_is_aborted() -> None:
    shrink = Shrink("grit/a/b", 0.0, None, "time", None)
    assert not shrink.in_time()
    assert shrink.cut == "time"


@pytest.mark.rule("suite.shrink.bounded")
def test_shrinking_time_is_part_of_the_case_time() -> None:
    for outcome in failing():
        times = outcome.to_json()["times"]
        assert 0 < times["shrinking"] <= times["seconds"] + 0.001
        back = Outcome.from_json(outcome.to_json())
        assert (back.shrink_cut, back.shrink_s) == (outcome.shrink_cut, times["shrinking"])


@pytest.mark.rule("suite.shrink.bounded")
def test_progress_of_shrinking_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "_TICK_S", 0.0)
    progress: list[tuple[str, float, int]] = []
    failing(progress=lambda *report: progress.append(report))
    assert {case for case, _, _ in progress} == set(CASES)
    tries = [count for case, _, count in progress if case == progress[0][0]]
    assert tries == sorted(tries)
    assert tries[-1] > 10


@pytest.mark.rule("suite.shrink.bounded")
def test_unfinished_shrinking_reports_the_reason() -> None:
    header = {"spec": BOOK.spec, "iut": HELLO, "attach": "stdio", "command": ["x"]}
    first, second, *_ = failing(shrink_tries=5)
    teller = Teller(BOOK, {}, header, Path(), 100)
    assert not any("cut short" in line for line in teller.block(first, {}))
    assert f"  cut short    {CUTS['alike']}" in teller.block(second, {})


@pytest.mark.rule("suite.shrink.bounded", slow=True)
def test_command_reports_on_stderr_unless_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "_TICK_S", 0.0)
    monkeypatch.setattr(console, "_EVERY_S", 0.0)
    verify = ("verify", "--iut", mutant("a-list-begins-with-after"), "-k", "grit/ref/pages-framed")
    code, out, err = run(*verify)
    assert (code, "FAIL grit.ref.list" in out) == (1, True)
    assert err.startswith("shrinking grit/ref/pages-framed: 0 s, ")
    assert "shrinking grit" not in out
    assert run(*verify, "--quiet")[::2] == (1, "")


class Terminal(io.StringIO):
    """A terminal that records its output."""

    def isatty(self) -> bool:
        return True


def test_terminal_has_one_line_that_is_rewritten_and_removed() -> None:
    out = Terminal()
    aside = Aside(out)
    for second in range(3):
        aside.say(f"shrinking grit/a/b: {second} s", float(second))
    aside.clear()
    aside.clear()
    assert out.getvalue() == "".join(f"\rshrinking grit/a/b: {second} s\x1b[K" for second in range(3)) + "\r\x1b[K"


def test_without_a_terminal_a_line_appears_every_five_seconds() -> None:
    out = io.StringIO()
    aside = Aside(out)
    for second in range(13):
        aside.say(f"shrinking grit/a/b: {second} s", float(second))
    assert out.getvalue() == "shrinking grit/a/b: 5 s\nshrinking grit/a/b: 10 s\n"
    aside.clear()
    for second in range(13, 17):
        aside.say("another", float(second))
    assert "another" not in out.getvalue(), "a short shrinking was reported"


@pytest.mark.rule("suite.search.span")
def test_end_of_a_search_ends_shrinking() -> None:
    budget = Shrinking()
    budget.until = time.monotonic() - 1
    shrink = budget.begin("grit/a/b", (RULE, "words"), RunSettings())
    assert not shrink.may_go_on()
    assert shrink.cut == "span"
