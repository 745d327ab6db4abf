"""What the tests of images share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gritstone.grit import FORMATS

from .stage import Stage


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop, which is closed at the end."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(params=sorted(FORMATS))
def stage(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return an image in memory, in each format."""
    return Stage(loop, FORMATS[request.param])
