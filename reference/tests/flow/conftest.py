"""What the tests of flows share: plays on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from .playing import FORMAT_NAMES, Play


@pytest.fixture
def play_in() -> Iterator[Callable[[str], Play]]:
    """Return a function that makes a play in a format."""
    loop = asyncio.new_event_loop()
    yield lambda format_name: Play(loop, format_name)
    loop.close()


@pytest.fixture(params=FORMAT_NAMES)
def play(request: pytest.FixtureRequest, play_in: Callable[[str], Play]) -> Play:
    """Return a play, in each format."""
    return play_in(request.param)
