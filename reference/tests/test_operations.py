"""Operations and schemas go together; what they do is tested through the door in ``test_adapter``."""

from __future__ import annotations

from gritstone.harness.arguments import ARGUMENTS
from gritstone.harness.claims import ALL_FEATURES
from gritstone.harness.flow_operations import FLOW_OPERATIONS
from gritstone.harness.image_operations import IMAGE_OPERATIONS
from gritstone.harness.operations import FEATURE_OF, OPERATIONS
from gritstone.harness.runtime_operations import FAULT_OPERATIONS, RUNTIME_OPERATIONS
from gritstone.harness.sandbox_operations import SANDBOX_OPERATIONS
from gritstone.harness.session_operations import SESSION_OPERATIONS
from gritstone.harness.table import operation
from gritstone.harness.wasm_operations import WASM_OPERATIONS
from gritstone.harness.wit_operations import WIT_OPERATIONS

ALL = {
    **OPERATIONS,
    **WIT_OPERATIONS,
    **RUNTIME_OPERATIONS,
    **FAULT_OPERATIONS,
    **WASM_OPERATIONS,
    **SESSION_OPERATIONS,
    **FLOW_OPERATIONS,
    **IMAGE_OPERATIONS,
    **SANDBOX_OPERATIONS,
}


def test_every_schema_has_an_operation() -> None:
    assert ALL.keys() == ARGUMENTS.keys()
    for op, function in ALL.items():
        assert operation(op) is function


def test_features_of_operations_are_known() -> None:
    assert FEATURE_OF.keys() <= ALL.keys()
    assert set(FEATURE_OF.values()) <= set(ALL_FEATURES)
