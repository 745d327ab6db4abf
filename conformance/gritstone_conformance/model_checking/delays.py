"""The order of delays: they end in the order in which they began, as those of a clock do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gritstone_conformance.errors import UsageError

__all__ = ["check_delays", "waiting_after"]


def waiting_after(waiting: Sequence[str], act: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the delays that wait after an act, oldest first, or None if it ends a delay before an older one."""
    left = [] if act["do"] == "restart" else [*waiting]
    if act["do"] == "delay" and left[:1] != [str([act["actor"], act["sender"], act["message"]])]:
        return None
    if "delayed" in act["then"]:
        listed = {str([actor, *each]) for actor, found in act["then"]["delayed"].items() for each in found}
        left = [each for each in left if each in listed] + sorted(listed - {*left})
    return tuple(left)


def check_delays(name: str, acts: Sequence[Mapping[str, Any]]) -> None:
    """Check that delays end in the order in which they began.

    Raises:
        UsageError: a delay ends before an older one.
    """
    waiting: tuple[str, ...] = ()
    for act in acts:
        later = waiting_after(waiting, act)
        if later is None:
            raise UsageError(f"scenario {name}: a delay ends before an older one")
        waiting = later
