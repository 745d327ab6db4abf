"""The matrix of ``gritstone resume``: equal hosts agree at every cut, and a fault is reported at its first cut."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cli import main
from gritstone_conformance.comparing import handovers
from gritstone_conformance.comparing.matrix import Matrix
from gritstone_conformance.comparing.resuming import resume_beside
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.strategies.guests import GUESTS
from gritstone_conformance.strategies.journeys import JOURNEYS, Journey
from selftests.fakes.reports import comparison_lines
from selftests.terminal import REFERENCE, mutant

CUTS_OF_17 = 17  # seven steps in one format and eight in the other, and before the first of each


@pytest.fixture
def resume(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    def run(*arguments: str) -> tuple[int, list[str]]:
        code = main(["resume", *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_every_guest_except_the_stamp_has_a_journey() -> None:
    assert {journey.guest for journey in JOURNEYS} == set(GUESTS) - {"puppet-stamp"}
    for journey in JOURNEYS:
        for fmt in FORMATS.values():
            itinerary = journey.plan(fmt)
            assert itinerary.actor in itinerary.graph.values
            assert len(itinerary.messages) > 2


def test_two_equal_hosts_agree_at_every_cut(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", REFERENCE, "--iut", REFERENCE, "-k", "[cr]*[rm]")
    assert code == 0
    assert lines[-1].endswith("steps compared, 0 differences")
    assert lines[-1].startswith("2 journeys, ")
    cuts = sum(2 * (len(journey.plan(fmt).messages) + 1) for journey in chosen() for fmt in FORMATS.values())
    assert f"{2 * cuts} cuts" in lines[-1], "the cuts are counted for each pair"


def chosen() -> list[Journey]:
    return [journey for journey in JOURNEYS if journey.name in ("counter", "random")]


@pytest.mark.parametrize(
    ("name", "journey", "where"),
    [
        ("randomness-restarts-with-each-step", "random", "core/answer"),
        ("only-the-last-step-is-counted", "counter", "core/wasm/state"),
        ("a-suspended-call-lives-in-the-process", "waiter-shallow", "core/"),
    ],
)
def test_host_that_diverges_is_reported(
    resume: Callable[..., tuple[int, list[str]]], name: str, journey: str, where: str
) -> None:
    code, lines = resume("--iut", REFERENCE, "--iut", mutant(name), "-k", journey)
    assert code == 1
    assert any(line.startswith(f"{journey}, framed-sha256, ") and where in line for line in lines), lines
    assert not lines[-1].endswith(" 0 differences")


def test_implementation_without_guests_runs_no_journey(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", f"{REFERENCE} --without wasm", "-k", "[!fhirs]*")
    assert code == 3
    assert lines[-1] == "0 journeys, 0 cuts, 0 steps compared, 0 differences"


@pytest.mark.rule("suite.resume.matrix")
def test_every_cut_of_every_pair_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: dict[str, Any] = {letter: object() for letter in "ABC"}
    others: dict[str, Any] = {letter: object() for letter in "ABC"}
    runs = {id(host): handovers._StraightRun([bytes(cut) for cut in range(4)]) for host in hosts.values()}
    resumed: list[tuple[object, object, int]] = []

    def resume(host: object, journey: object, fmt: object, past: object, cut: int) -> tuple[str | None, int]:
        resumed.append((host, past, cut))
        return ("wrong" if cut == 3 else None), 2

    monkeypatch.setattr(handovers, "_straight", lambda host, *_: runs[id(host)])
    monkeypatch.setattr(handovers, "_resume", resume)
    matrix = Matrix(("A", "B", "C"))
    handovers._run(matrix, hosts, others, handovers.HANDOVERS[0], FORMATS["framed-sha256"])
    histories = [runs[id(host)] for host in hosts.values()]
    assert resumed == [(other, past, cut) for other in others.values() for past in histories for cut in range(4)]
    assert matrix.cuts == {(one, other): 4 for one in "ABC" for other in "ABC"}
    assert matrix.steps == 2 * 4 * 9
    found = [(each.source, each.target, each.cut, each.step) for each in matrix.differences]
    assert sorted(found) == [(one, other, 3, 5) for one in "ABC" for other in "ABC"]


@pytest.mark.rule("suite.resume.matrix")
def test_unchecked_import_is_found_at_every_cut_of_every_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, lax = tmp_path / "report.jsonl", mutant("a-start-asks-no-head")
    targets = [Target.parse(command, None) for command in (REFERENCE, lax)]
    code = resume_beside(RunContext(targets[0], report=report), targets[1:], "handover-chosen-17", sys.stdout)
    assert code == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("handover-chosen-17, framed-sha256, A -> B, cut 3, step ") for line in lines), lines
    header, *results, footer = comparison_lines(tmp_path / "report.resume.jsonl")
    assert [each["letter"] for each in header["implementations"]] == ["A", "B"]
    assert footer["exit"] == code
    pairs = {tuple(line["letters"]): line for line in results if line["type"] == "pair"}
    assert set(pairs) == {(one, other) for one in "AB" for other in "AB"}
    assert {line["cuts"] for line in pairs.values()} == {CUTS_OF_17}
    assert pairs["A", "A"]["differ"] == pairs["B", "A"]["differ"] == 0
    assert pairs["A", "B"]["differ"] == pairs["B", "B"]["differ"] > 2
    parted = {(line["source"], line["target"], line["cut"]) for line in results if line["type"] == "difference"}
    assert {("A", "B", 1), ("A", "B", 3), ("B", "B", 1), ("B", "B", 3)} <= parted


@pytest.mark.rule("suite.resume.matrix")
def test_illegal_history_after_a_resume_is_reported(resume: Callable[..., tuple[int, list[str]]]) -> None:
    twice = mutant("an-injection-is-sent-again-at-a-start")
    code, lines = resume("--iut", twice, "-k", "handover-free-17")
    assert code == 1
    assert any("A -> A" in line and "history doubled" in line for line in lines), lines


def test_host_that_exits_is_reported(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", "true")
    assert code == 1
    assert lines[-1].startswith("stopped: ")
