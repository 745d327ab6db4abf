"""The properties of the guest of sessions: the model passes them."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.wasm_host import GuestHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.trial import Property
from selftests.properties.model_runs import run_on_model

PROPERTIES = [prop for prop in load_properties() if "session.guest" in prop.requires.features]


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, GuestHost(), 2)
