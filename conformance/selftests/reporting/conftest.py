"""A browser that the tests of pages share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from selftests.reporting.browser import Browser, find_chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    command = find_chromium()
    if command is None:
        assert os.environ.get("GRITSTONE_BROWSER") != "required", (
            "GRITSTONE_BROWSER is `required`, but chromium is not installed"
        )
        pytest.skip("needs chromium")
    started = Browser(command, tmp_path_factory.mktemp("browser"))
    yield started
    started.close()
