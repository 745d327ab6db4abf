"""The replies of tools at the limit of the size of a value."""

from __future__ import annotations

import pytest

from gritstone.flow.calls import reply_of
from gritstone.flow.limits import MOST_VALUE_BYTES
from gritstone.flow.values import encode_value

_MOST_ATTEMPTS = 10


def _longest() -> str:
    """Return the longest text that a tool can return."""
    text = "x" * 60_000
    return text + "x" * (MOST_VALUE_BYTES - len(encode_value({"attempt": 1, "outcome": "ok", "value": text})))


def test_longest_value_fits_at_every_attempt() -> None:
    reply = reply_of(_longest())
    assert reply.outcome == "ok"
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        data = reply.encoding(attempt)
        assert len(data) == MOST_VALUE_BYTES
        assert data == encode_value({"attempt": attempt, "outcome": "ok", "value": _longest()})


@pytest.mark.parametrize("value", [_longest() + "x", 1 << 80, 0.5, object(), [[]] * 70_000])
def test_value_beyond_a_limit_becomes_an_error(value: object) -> None:
    reply = reply_of(value)
    assert reply.outcome == "error"
    assert reply.text
