"""The oracle of the hostile results: it finds nothing in the model, and each fault that an attacker could use."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gritstone_conformance.model.flow import calls, received, templates
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.properties.flow.hostile import barriers
from gritstone_conformance.properties.flow.watching import Watch
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

TAPES = 250


def attack(number: int) -> set[str]:
    """Make one run on the model; returns the situations that it reached."""
    trial = Trial(FlowHost(), "flow.policy.every-path")
    try:
        barriers(trial, FORMATS["framed-sha256"], Tape(random.Random(number).randbytes(400)))
    finally:
        trial.finish()
    return trial.reached


RENDER = templates.render


def rendered_twice(template: Any, environment: Any) -> Any:
    once = RENDER(template, environment)
    try:
        return RENDER(once, environment)
    except (AssertionError, templates.CannotRender):
        return once


def trimmed(value: Any, other: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() == other


def without_sender(incoming: received._Incoming, *names: str | None) -> None:
    """Accept every sender."""


FAULTS: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "denials": (calls, "_denied", lambda flow, place, args: None, "`when` holds"),
    "limits": (calls, "_limit_reached", lambda flow, place, attempt: None, "of the "),
    "senders": (received._Incoming, "check_sender", without_sender, "from the"),
    "templates": (calls, "render", rendered_twice, "arguments are inserted once"),
    "lists": (calls, "equal", trimmed, "an argument has a value"),
    "conditions": (calls, "holds", lambda expression, environment: True, "`when` holds"),
}


def test_reached_situations() -> None:
    reached = [attack(number) for number in range(60)]
    for situation in ("paid", "denied", "ended", "continued"):
        assert sum(situation in each for each in reached) > 3, situation


@pytest.mark.parametrize("name", FAULTS)
def test_oracle_reports_a_fault_of_the_transition(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, fault, words = FAULTS[name]
    monkeypatch.setattr(owner, attribute, fault)
    found = []
    for number in range(TAPES):
        try:
            attack(number)
        except AssertionError as problem:
            found.append(str(problem))
            if words in found[-1]:
                return
    pytest.fail(f"nothing of {words!r} in {found}")


def test_oracle_needs_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Watch._decide

    def never_passed(watch: Watch, event: dict[str, Any]) -> None:
        decide(watch, event)
        watch.gate = False

    paid = next(number for number in range(TAPES) if "paid" in attack(number))
    monkeypatch.setattr(Watch, "_decide", never_passed)
    with pytest.raises(AssertionError, match="the guard was passed"):
        attack(paid)
