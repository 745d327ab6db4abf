"""Channels: what is unread, and legal changes; against definitions that walk to the start."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gritstone.errors import Exhausted, Invalid, Missing
from gritstone.wit.channels import is_legal_change, new_roots, root_of, unread


def chain(bench: Any, length: int, label: bytes = b"") -> list[bytes]:
    made: list[bytes] = []
    for number in range(length):
        content = bench.blob(label + b"%d" % number)
        made.append(bench.message(content, made[-1] if made else None))
    return made


def test_unread_returns_messages_after_any_cursor(bench: Any) -> None:
    load = bench.objects.load
    for length in range(6):
        made = chain(bench, length)
        tip = made[-1] if made else None
        for at in range(-1, length):
            cursor = made[at] if at >= 0 else None
            expected = made[at + 1 :]
            assert unread(load, tip, cursor) == (expected, at < 0 < length)
        assert unread(load, tip, b"c" * 32) == (made, bool(made))


def test_signal_supersedes_earlier_messages(bench: Any) -> None:
    load = bench.objects.load
    old, new = chain(bench, 2), chain(bench, 2, b"s")
    assert unread(load, new[1], old[0]) == (new, True)
    assert unread(load, new[1], new[0]) == (new[1:], False)


def test_unread_does_not_load_the_cursor(bench: Any) -> None:
    message = bench.message(bench.blob(b"x"), b"c" * 32)
    assert unread(bench.objects.load, message, b"c" * 32) == ([message], False)
    with pytest.raises(Missing):
        unread(bench.objects.load, message, None)


def test_broken_channels_are_rejected(bench: Any) -> None:
    made = chain(bench, 5)
    with pytest.raises(Exhausted):
        unread(bench.objects.load, made[-1], None, 4)
    assert len(unread(bench.objects.load, made[-1], None, 5)[0]) == 5
    with pytest.raises(Invalid):
        unread(bench.objects.load, bench.blob(b"no message"), None)


def test_legal_changes_are_accepted(bench: Any) -> None:
    trunk = chain(bench, 4)
    fork = [*trunk[:2], bench.message(bench.blob(b"fork"), trunk[1])]
    other = chain(bench, 2, b"other")
    everything: list[bytes | None] = [None, *trunk, fork[2], *other]
    chains = {one: trunk[: n + 1] for n, one in enumerate(trunk)}
    chains |= {fork[2]: fork} | {one: other[: n + 1] for n, one in enumerate(other)}
    roots = new_roots()
    for old, new in itertools.product(everything, repeat=2):
        legal = old is None or new is None or old == new
        if old is not None and new is not None:
            legal = legal or old in chains[new] or not set(chains[old]) & set(chains[new])
        assert is_legal_change(bench.objects.load, new_roots(), old, new) == legal
        assert is_legal_change(bench.objects.load, roots, old, new) == legal
    assert root_of(bench.objects.load, roots, trunk[3]) == trunk[0]


def test_walk_reads_only_new_messages(bench: Any) -> None:
    made = chain(bench, 400)
    loaded: list[bytes] = []
    objects = bench.objects

    def load(object_id: bytes) -> Any:
        loaded.append(object_id)
        return objects.load(object_id)

    assert unread(load, made[-1], made[-2]) == ([made[-1]], False)
    assert is_legal_change(load, new_roots(), made[-2], made[-1])
    assert len(loaded) <= 3
