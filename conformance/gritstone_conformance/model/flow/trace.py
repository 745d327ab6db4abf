"""The canonical trace of a flow.

Spec: ``flow/trace``.
"""

from __future__ import annotations

from typing import Any

from gritstone_conformance.model.flow.objects import read_document
from gritstone_conformance.model.flow.values import Map
from gritstone_conformance.model.shelf import Shelf

__all__ = ["canonical_trace", "read_state"]


def read_state(shelf: Shelf, core: bytes) -> Any:
    """Return the state in a core."""
    return read_document(shelf, shelf.names(core)["state"], None)


def canonical_trace(shelf: Shelf, step: bytes) -> list[Map]:
    """Return the canonical trace at a step.

    Spec: :rule:`flow.trace.exact`.
    """
    cores: list[bytes] = []
    at: bytes | None = step
    while at is not None:
        cores.append(shelf.step(at).core)
        at = shelf.step(at).previous
    cores.reverse()
    changed = [core for index, core in enumerate(cores) if index == 0 or core != cores[index - 1]]
    events = [event for core in changed for event in read_state(shelf, core)["log"]]
    return _sorted([event for event in events if event["e"] != "ignored"])


def _sorted(events: list[Map]) -> list[Map]:
    """Sort each maximal sequence of events with ``sub`` by ``sub`` in key order."""
    result: list[Map] = []
    run: list[Map] = []
    for event in events:
        if "sub" in event:
            run.append(event)
            continue
        result += [*sorted(run, key=_sub), event]
        run = []
    return [*result, *sorted(run, key=_sub)]


def _sub(event: Map) -> tuple[int, bytes]:
    """Return what puts subs in key order: the shorter name is first."""
    sub = str(event["sub"])
    return len(sub), sub.encode()
