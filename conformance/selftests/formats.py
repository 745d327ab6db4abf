"""The fixture ``fmt``, which runs a test once for each format.

``conftest.py`` provides the fixture to all tests; without it, the option ``-p selftests.formats`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gritstone_conformance.model.formats import Format


@pytest.fixture(params=["framed-sha256", "cbor-blake3"])
def fmt(request: pytest.FixtureRequest) -> Format:
    """Return a format of the model."""
    from gritstone_conformance.model.formats import FORMATS  # sessions that run mutants must not import it early

    return FORMATS[request.param]
