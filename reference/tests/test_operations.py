"""Operations and schemas go together; what they do is tested through the door in ``test_adapter``."""

from __future__ import annotations

from gritstone.harness.arguments import ARGUMENTS
from gritstone.harness.claims import ALL_FEATURES
from gritstone.harness.operations import FEATURE_OF, OPERATIONS


def test_every_schema_has_an_operation() -> None:
    assert OPERATIONS.keys() == ARGUMENTS.keys()


def test_features_are_known() -> None:
    assert FEATURE_OF.keys() <= OPERATIONS.keys()
    assert set(FEATURE_OF.values()) <= set(ALL_FEATURES)
