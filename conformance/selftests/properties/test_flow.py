"""The properties of flows: the model passes them."""

from __future__ import annotations

import pytest

from gritstone_conformance.bundled import spec_dir
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.rules import scan_rules
from gritstone_conformance.trial import Property
from selftests.properties.model_runs import run_on_model

TIMED = ("flow/check/linear", "flow/growth/")
"""They measure time, and the model takes as much as is easy to read."""
LONG = "flow/crash/each-write-"
"""The model dies in them as in ``flow/crash/often-``, one request at a time, and once in each life."""
PROPERTIES = [
    prop for prop in load_properties() if prop.name.startswith("flow/") and not prop.name.startswith((*TIMED, LONG))
]


def test_every_rule_has_a_property() -> None:
    rules = {rule for prop in load_properties() for rule in prop.rules}
    judged = {rule.id for rule in scan_rules(spec_dir()) if rule.id.startswith("flow.") and rule.untested is None}
    assert judged - rules == set()


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_model_passes(prop: Property) -> None:
    run_on_model(prop, FlowHost(), 2)
