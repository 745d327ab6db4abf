"""Host nodes: the entries that the host writes into ``wasm`` of the core of a step.

Spec: :rule:`wasm.image.nodes`, :rule:`wasm.call.result`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.grit.objects import ObjectId, Step, Tree
from gritstone.wasm.cores import tree_at
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["host_nodes", "with_wasm"]


def host_nodes(workspace: Workspace, position: Position, nodes: Mapping[str, ObjectId | None]) -> ObjectId:
    """Set host nodes in the core of a step.

    Args:
        workspace: where objects are made.
        position: the step.
        nodes: the id for each name below ``wasm``; None to remove the entry.

    Returns:
        The id of the changed step; the same id if its core is unchanged.
    """
    core = with_wasm(workspace, position.core, nodes)
    if core == position.core:
        return position.step_id
    step = position.step
    return workspace.put(Step(step.previous, step.actor, step.inbox, step.outbox, workspace.put(Tree(core))))


def with_wasm(
    workspace: Workspace, core: Mapping[str, ObjectId], nodes: Mapping[str, ObjectId | None]
) -> Mapping[str, ObjectId]:
    """Return the entries of a core after setting or removing nodes below ``wasm``; an empty tree is removed."""
    before = tree_at(workspace, core.get("wasm"))
    put = {name: target for name, target in nodes.items() if target is not None}
    after = {name: target for name, target in before.items() if name not in nodes} | put
    if after == before:
        return core
    rest = {name: target for name, target in core.items() if name != "wasm"}
    return {**rest, "wasm": workspace.put(Tree(after))} if after else rest
