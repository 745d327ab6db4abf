"""A bounded memory."""

from __future__ import annotations

from gritstone.wit.bounded_cache import BoundedCache


def test_recently_used_entry_stays_in_the_cache() -> None:
    recent: BoundedCache[int, int] = BoundedCache(10_000, 1_000)
    for number in range(1_000):
        recent.put(number, number)
        assert recent.get(0) == 0
        assert recent.get(number) == number
    assert recent.get(500) is None


def test_cache_drops_old_entries_and_forgets_all() -> None:
    recent: BoundedCache[int, int] = BoundedCache(10_000, 1_000)
    for number in range(1_000):
        recent.put(number, number)
    assert sum(recent.get(number) is not None for number in range(1_000)) <= 20
    recent.update({1: 1, 2: 2})
    assert (recent.get(1), recent.get(2), recent.get(3)) == (1, 2, None)
    recent.forget()
    assert recent.get(1) is None


def test_cached_zero_is_found() -> None:
    recent: BoundedCache[str, int] = BoundedCache(1, 1)
    recent.put("a", 0)
    recent.put("b", 1)
    assert recent.get("a") == 0
