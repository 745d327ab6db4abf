"""Where two steps differ, in the order of the text: previous, actor, inbox, outbox, core.

Spec: "Order of findings" in ``runtime/history``.
"""

from __future__ import annotations

from gritstone_conformance.model.cores import first_difference
from gritstone_conformance.model.puppet import Draft
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Step

__all__ = ["draft_of", "step_difference"]


def step_difference(shelf: Shelf, wanted: Draft, actual: Draft) -> str:
    """Return the path of the first field, entry or name in which two steps differ."""
    if wanted.previous != actual.previous:
        return "previous"
    if wanted.actor != actual.actor:
        return "actor"
    for name in ("inbox", "outbox"):
        expected, got = getattr(wanted, name), getattr(actual, name)
        keys = [key for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)]
        if keys:
            return f"{name}/{min(keys).hex()}"
    path = first_difference(shelf, wanted.core, actual.core)
    return f"core/{path}".rstrip("/")


def draft_of(shelf: Shelf, step: Step) -> Draft:
    """Return the fields of a step with its mailboxes as maps."""
    return Draft(step.previous, step.actor, dict(shelf.mail(step.inbox)), dict(shelf.mail(step.outbox)), step.core)
