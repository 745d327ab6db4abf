"""Limits."""

from __future__ import annotations

import pytest

from gritstone.errors import Exhausted
from gritstone.grit import DEFAULT_LIMITS, Limits


def test_object_of_limit_bytes_passes_and_one_byte_more_fails() -> None:
    limits = Limits(object_bytes=100)
    limits.check_object_bytes(100)
    with pytest.raises(Exhausted) as caught:
        limits.check_object_bytes(101)
    assert caught.value.rule == "grit.object.size-limit"


def test_default_limits_are_not_below_the_floors() -> None:
    assert DEFAULT_LIMITS.object_bytes >= 1_048_576
    assert DEFAULT_LIMITS.tree_depth >= 1_024
    assert DEFAULT_LIMITS.cas_names >= 64
    assert DEFAULT_LIMITS.refs >= 10_000
