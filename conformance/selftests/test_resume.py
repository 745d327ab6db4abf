"""The matrix of ``gritstone resume``: equal hosts agree at every cut, and one with a fault is found where it parts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.strategies.guests import GUESTS
from gritstone_conformance.strategies.journeys import JOURNEYS, Journey

HERE = Path(__file__).parent
REFERENCE = shlex.join([sys.executable, "-m", "gritstone.harness"])


def mutant(name: str) -> str:
    """Return the command of the reference with a fault."""
    return shlex.join([sys.executable, str(HERE / "mutate.py"), name, "--", "-m", "gritstone.harness"])


@pytest.fixture
def resume(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    def run(*arguments: str) -> tuple[int, list[str]]:
        code = main(["resume", *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_every_guest_but_the_stamp_makes_a_journey() -> None:
    assert {journey.guest for journey in JOURNEYS} == set(GUESTS) - {"puppet-stamp"}
    for journey in JOURNEYS:
        for fmt in FORMATS.values():
            itinerary = journey.plan(fmt)
            assert itinerary.actor in itinerary.graph.values
            assert len(itinerary.messages) > 2


def test_two_of_the_same_agree_at_every_cut(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", REFERENCE, "--iut", REFERENCE, "-k", "[cw]*er*")
    assert code == 0
    assert lines[-1].endswith("steps compared, 0 differences")
    assert lines[-1].startswith("3 journeys, ")
    cuts = sum(2 * (len(journey.plan(fmt).messages) + 1) for journey in chosen() for fmt in FORMATS.values())
    assert f"{2 * cuts} cuts" in lines[-1], "two that stop, two that go on"


def chosen() -> list[Journey]:
    return [journey for journey in JOURNEYS if journey.name in ("counter", "waiter-shallow", "waiter-deep")]


@pytest.mark.parametrize(
    ("name", "journey", "where"),
    [
        ("randomness-begins-anew-with-each-step", "random", "core/answer"),
        ("only-the-last-step-is-counted", "counter", "core/wasm/state"),
        ("a-suspended-call-lives-in-the-process", "waiter-shallow", "core/"),
    ],
)
def test_who_goes_another_way_is_found(
    resume: Callable[..., tuple[int, list[str]]], name: str, journey: str, where: str
) -> None:
    code, lines = resume("--iut", REFERENCE, "--iut", mutant(name), "-k", journey)
    assert code == 1
    assert any(line.startswith(f"{journey}, framed-sha256, ") and where in line for line in lines), lines
    assert not lines[-1].endswith(" 0 differences")


def test_who_runs_no_guests_plays_nothing(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", f"{REFERENCE} --without wasm")
    assert code == 3
    assert lines[-1] == "0 journeys, 0 cuts, 0 steps compared, 0 differences"


def test_a_host_that_ends_is_told(resume: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = resume("--iut", "true")
    assert code == 1
    assert lines[-1].startswith("stopped: ")
