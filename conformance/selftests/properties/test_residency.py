"""The properties of residency: the model passes them, also in another order, and planted faults are reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from gritstone_conformance.model.residency.sessions import Residency
from gritstone_conformance.model.session_host import SessionHost
from gritstone_conformance.properties.session import archiving, crossing, killing, opening, recorded, restoring, walk
from gritstone_conformance.replies import Json
from gritstone_conformance.trial import Divergence, Property
from selftests.properties.model_runs import run_on_model
from selftests.properties.test_kills import run_on_host

PROPERTIES = (
    *opening.PROPERTIES,
    *archiving.PROPERTIES,
    *restoring.PROPERTIES,
    *crossing.PROPERTIES,
    *recorded.PROPERTIES,
    *walk.PROPERTIES,
)
BY_NAME = {prop.name: prop for prop in PROPERTIES}


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, SessionHost(), 2)


@pytest.mark.parametrize(
    "prop", [prop for prop in killing.PROPERTIES if not prop.search_only], ids=lambda prop: prop.name
)
def test_killed_model_passes(prop: Property) -> None:
    trial = run_on_host(prop, SessionHost())
    assert "deaths" in (trial.remark or "")


class Planted(SessionHost):
    """A model with a fault that is active only while it answers."""

    def __init__(self, name: str, fault: Any) -> None:
        super().__init__()
        self.name = name
        self.fault = fault

    def spawn(self) -> Planted:
        return Planted(self.name, self.fault)

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        with patch.object(Residency, self.name, self.fault):
            return super()._answer(op, args)


def _never(*args: Any) -> bool:
    return False


def _always(*args: Any) -> bool:
    return True


def _nothing(*args: Any) -> None:
    return None


def _no_victims(*args: Any) -> list[bytes]:
    return []


FAULTS: list[tuple[str, Callable[..., Any], str]] = [
    ("is_leased", _never, "session/lease/ends-framed"),
    ("is_quiet", _always, "session/archive/quiet-framed"),
    ("_request", _nothing, "session/restore/requested-cbor"),
    ("_on_adopted", _nothing, "session/restore/requested-framed"),
    ("_victims", _no_victims, "session/admission/victims-cbor"),
    ("_use", _nothing, "session/sweep/idle-framed"),
    ("_is_hosted", _always, "session/open/unknown-framed"),
]


@pytest.mark.parametrize(("name", "fault", "case"), FAULTS, ids=lambda value: value if isinstance(value, str) else "")
def test_planted_fault_is_found(name: str, fault: Callable[..., Any], case: str) -> None:
    with pytest.raises(Divergence):
        run_on_model(BY_NAME[case], Planted(name, fault), 1)
