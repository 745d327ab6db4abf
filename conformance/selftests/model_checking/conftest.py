"""TLC for the tests that ask it; without it they are skipped, and `tox -e model` installs it.

These tests have the mark ``model``.
"""

from __future__ import annotations

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.tlc import Tlc, find_tlc


@pytest.fixture(scope="session")
def tlc() -> Tlc:
    """Return TLC; skip the test where it or Java is missing and cannot be fetched."""
    try:
        return find_tlc()
    except UsageError as problem:
        pytest.skip(f"NOT TESTED: {problem}")
