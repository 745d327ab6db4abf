"""A property about refusals also sends valid input, in the same example: refusing everything passes none of them.

Spec: :rule:`suite.property.control`.
"""

from __future__ import annotations

import pytest

from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.properties.grit.refused_bytes import PROPERTIES
from gritstone_conformance.replies import Refused
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.property_runner import run_property
from selftests.fakes.subject import FakeSubject

QUICK = RunSettings(saves=False, shrink_s=0.0)


@pytest.mark.rule("suite.property.control")
@pytest.mark.parametrize("kind", ["malformed", "invalid"])
def test_refusing_everything_fails_each_refusal_property(kind: str) -> None:
    for prop in PROPERTIES:
        subject = FakeSubject(lambda op, args: Refused(kind))
        tested = run_property(prop, ObservedSubject(subject, Ledger()), QUICK)
        assert tested.divergence is not None, prop.name
        assert tested.divergence.difference.expected.get("ok") is not None, "the divergence is not at a valid input"
