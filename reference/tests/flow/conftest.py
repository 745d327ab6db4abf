"""What the tests of flows share: stages on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from .staging import FORMAT_NAMES, Stage


@pytest.fixture
def stage_in() -> Iterator[Callable[[str], Stage]]:
    """Return a function that makes a stage in a format."""
    loop = asyncio.new_event_loop()
    yield lambda format_name: Stage(loop, format_name)
    loop.close()


@pytest.fixture(params=FORMAT_NAMES)
def stage(request: pytest.FixtureRequest, stage_in: Callable[[str], Stage]) -> Stage:
    """Return a stage, in each format."""
    return stage_in(request.param)
