"""The matrix of ``gritstone resume`` with sessions: every cut is run, and a fault of a guest or a host is reported."""

from __future__ import annotations

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.comparing.residencies import RESIDENCIES
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.store import Store
from gritstone_conformance.strategies.session_journeys import SESSION_JOURNEYS, SessionJourney
from selftests.terminal import REFERENCE, mutant


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("journey", SESSION_JOURNEYS, ids=lambda journey: journey.name)
def test_no_message_of_a_session_journey_is_refused(journey: SessionJourney, fmt: Format) -> None:
    itinerary, store = journey.plan(fmt), Store(fmt)
    itinerary.graph.fill(store)
    executor, head = Executor(store), None
    for message in itinerary.messages:
        head = executor.step(itinerary.actor, head, [(itinerary.sender, message)])
    assert head is not None
    shelf = executor.shelf
    at: bytes | None = shelf.mail(shelf.step(head).outbox)[itinerary.sender]
    sent = []
    while at is not None:
        sent.append(header(shelf.message(at), "mt"))
        at = shelf.message(at).previous
    assert len(sent) > len(itinerary.messages) / 2
    assert "refused" not in sent


@pytest.mark.rule("suite.resume.matrix")
def test_every_cut_of_residencies_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--iut", REFERENCE, "-k", "residency"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (residencies,) = RESIDENCIES
    cuts = sum(len(residencies.stages(fmt)) + 1 for fmt in FORMATS.values())
    assert f", {cuts} cuts, " in lines[-1]
    assert lines[-1].endswith(", 0 differences")


@pytest.mark.parametrize(
    ("name", "journey", "where"),
    [
        ("a-session-keeps-the-results-of-a-round", "session-turns", "core/session/"),
        ("an-ask-keeps-the-time-of-its-request", "session-ask", " differs: "),
    ],
)
def test_guest_that_diverges_is_reported(
    capsys: pytest.CaptureFixture[str], name: str, journey: str, where: str
) -> None:
    assert main(["resume", "--iut", REFERENCE, "--iut", mutant(name), "-k", journey]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{journey}, framed-sha256, ") and where in line for line in lines), lines


@pytest.mark.rule("suite.resume.matrix")
def test_host_of_sessions_that_diverges_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    silent = mutant("session-restore-sends-no-notice")
    assert main(["resume", "--iut", REFERENCE, "--iut", silent, "-k", "residency"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("residency, framed-sha256, B -> B, cut 0, step 10: heads/") for line in lines), lines


def test_implementation_without_effects_runs_no_residency(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--iut", f"{REFERENCE} --without effects", "-k", "residency"]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == "0 journeys, 0 cuts, 0 steps compared, 0 differences"
