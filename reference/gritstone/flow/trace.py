"""The canonical trace of a flow, and the chain of steps that it is read from.

Spec: ``flow/trace``; :rule:`flow.trace.exact`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from gritstone.errors import Invalid
from gritstone.flow.core import Core
from gritstone.flow.values import Value, key_order
from gritstone.grit.objects import ObjectId, Step
from gritstone.wit.workspace import Workspace

__all__ = ["canonical", "chain_of", "trace_at"]


def chain_of(workspace: Workspace, step_id: ObjectId) -> list[tuple[ObjectId, Step]]:
    """Return the steps from the root of a chain to a step.

    Raises:
        Missing: a step is absent.
        Invalid: an object of the chain is not a step.
    """
    chain: list[tuple[ObjectId, Step]] = []
    at: ObjectId | None = step_id
    while at is not None:
        step = workspace.look(at)
        if not isinstance(step, Step):
            raise Invalid("the object is not a step", rule="flow.replay.refused", got=at.hex())
        chain.append((at, step))
        at = step.previous
    chain.reverse()
    return chain


def trace_at(workspace: Workspace, step_id: ObjectId) -> list[Value]:
    """Return the canonical trace of a flow at a step."""
    events: list[Value] = []
    core = None
    for _, step in chain_of(workspace, step_id):
        tree = workspace.tree(step.core) if step.core != core else None
        core = step.core
        if tree is not None:
            events += Core(workspace, tree.entries).value("state")["log"]
    return canonical(events)


def canonical(events: Iterable[Value]) -> list[Value]:
    """Return events without those that were ignored, and with the events of subs in key order."""
    kept = [event for event in events if event["e"] != "ignored"]
    found: list[Value] = []
    for is_of_sub, group in groupby(kept, key=lambda event: "sub" in event):
        stretch = list(group)
        found += sorted(stretch, key=lambda event: key_order(event["sub"])) if is_of_sub else stretch
    return found
