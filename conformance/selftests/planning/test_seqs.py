"""Sequence numbers: the golden values, and that they depend only on seed and index."""

from __future__ import annotations

import pytest

from gritstone_conformance.attachment.protocol import MAX_INTEGER
from gritstone_conformance.attachment.seqs import seq_number


@pytest.mark.rule("suite.request.shuffled")
def test_golden_sequence_numbers() -> None:
    first = [seq_number(1, index) for index in range(4)]
    assert first == [2927475272592727, 3777205058691159, 1816044964990907, 2356455173240687]


@pytest.mark.rule("suite.request.shuffled")
def test_numbers_are_in_range_and_distinct() -> None:
    numbers = {seq_number(seed, index) for seed in range(3) for index in range(1000)}
    assert len(numbers) == 3000
    assert max(numbers) < 2**52 <= MAX_INTEGER
