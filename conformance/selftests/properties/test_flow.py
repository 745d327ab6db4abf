"""The properties of flows: the model passes them."""

from __future__ import annotations

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.rules import scan_rules
from gritstone_conformance.trial import Property
from selftests.properties.model_runs import run_on_model

TIMED = "flow/check/linear"
"""It measures time, and the model takes as much as is easy to read."""
PROPERTIES = [prop for prop in load_properties() if "flow.executor" in prop.requires.features and prop.name != TIMED]


def test_every_rule_of_executors_has_a_property() -> None:
    rules = {rule for prop in load_properties() for rule in prop.rules}
    bound = {
        rule.id for rule in scan_rules(spec_dir()) if rule.id.startswith("flow.") and "flow.executor" in rule.needs
    }
    assert bound - rules == set()


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, FlowHost(), 2)
