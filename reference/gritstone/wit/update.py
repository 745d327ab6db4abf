"""Updates: the merge of trees, the updates that are refused, and the cursor-only step.

Spec: :rule:`wit.update.merge`, :rule:`wit.update.replace`, :rule:`wit.update.keep`, :rule:`wit.update.refused`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gritstone.errors import Invalid
from gritstone.grit.objects import Blob, Mailbox, ObjectId, Step, Tree
from gritstone.wit.code import Run
from gritstone.wit.frozen import changed_path
from gritstone.wit.laws import Law
from gritstone.wit.workspace import Workspace

__all__ = ["cursor_only", "default_update", "first_step", "merge", "with_cursor"]


def merge(workspace: Workspace, core: ObjectId, update: ObjectId) -> ObjectId:
    """Merge two trees without recursion, each pair of trees once: neither their depth nor what they share matters.

    Returns:
        The id of the merged tree, which is in the workspace or is ``core``.

    Raises:
        Missing: one of them, or a tree under a name that both have, is absent.
        Invalid: one of them is not a tree.
        Exhausted: a merged tree is longer than ``object_bytes``.

    Spec: :rule:`wit.update.merge`, :rule:`wit.update.merge-refused`.
    """
    roots = [workspace.tree(one) for one in (core, update)]
    if roots[0] is None or roots[1] is None:
        raise Invalid("only trees are merged", rule="wit.update.merge-refused", expected="a tree")
    done: dict[tuple[ObjectId, ObjectId], ObjectId] = {}
    path = [_Merge((core, update), dict(roots[0].entries), iter(roots[1].entries.items()))]
    while True:
        at = path[-1]
        for name, target in at.ahead:
            old = at.entries.get(name)
            if old is None or old == target:
                at.entries[name] = target
                continue
            known = done.get((old, target))
            pair = None if known is not None else _trees(workspace, old, target)
            if pair is not None:
                at.name = name
                path.append(_Merge((old, target), dict(pair[0]), iter(pair[1].items())))
                break
            at.entries[name] = target if known is None else known
        else:
            path.pop()
            done[at.pair] = merged = workspace.put(Tree(at.entries))
            if not path:
                return merged
            path[-1].entries[path[-1].name] = merged


@dataclass(slots=True)
class _Merge:
    """A pair of trees of which the first entries are merged.

    Attributes:
        pair: the ids of the tree of the core and the tree of the update.
        entries: the merged entries, and those of the core that are still to be merged.
        ahead: the entries of the update that are still to be merged.
        name: the name of the entry that is being merged.
    """

    pair: tuple[ObjectId, ObjectId]
    entries: dict[str, ObjectId]
    ahead: Iterator[tuple[str, ObjectId]]
    name: str = ""


def _trees(
    workspace: Workspace, old: ObjectId, new: ObjectId
) -> tuple[Mapping[str, ObjectId], Mapping[str, ObjectId]] | None:
    """Return the entries of both objects if both are trees."""
    below, above = workspace.tree(old), workspace.tree(new)
    return None if below is None or above is None else (below.entries, above.entries)


def with_cursor(run: Run) -> ObjectId:
    """Store the inbox of ``run.last`` with the cursor at the one message of the proposal; return its id."""
    assert run.last is not None, "only an actor that has a step gets here"
    sender, message = run.proposal.single()
    return run.workspace.put(Mailbox({**run.last.inbox, sender: message}))


def cursor_only(run: Run) -> ObjectId:
    """Store the step that differs from the previous one only in the cursor; return its id.

    Spec: :rule:`wit.genesis.again`, :rule:`wit.update.refused`.
    """
    assert run.last is not None, "only an actor that has a step gets here"
    last = run.last.step
    step = Step(run.last.step_id, run.actor, with_cursor(run), last.outbox, last.core)
    return run.workspace.put(step)


def first_step(run: Run) -> ObjectId:
    """Store the first step that has read its genesis message, keeps its core and has sent nothing; return its id."""
    sender, message = run.proposal.single()
    workspace = run.workspace
    return workspace.put(Step(None, run.actor, workspace.put(Mailbox({sender: message})), None, run.core_id))


def default_update(run: Run, content: ObjectId, law: Law) -> ObjectId | None:
    """Store the step of a default update and return its id; return None if the update is refused.

    Args:
        run: the transition.
        content: the tree that is merged into the core.
        law: the law of the actor.

    Raises:
        Missing: a tree to be merged is absent.
        Exhausted: the merged core is longer than ``object_bytes``.

    Spec: :rule:`wit.update.merge`, :rule:`wit.update.refused`, :rule:`wit.frozen.kept`.
    """
    assert run.last is not None, "only an actor that has a step gets here"
    workspace, last = run.workspace, run.last
    merged = merge(workspace, run.core_id, content)
    tree = workspace.tree(merged)
    assert tree is not None, "a merge is a tree"
    wit = tree.entries.get("wit")
    node = None if wit is None else workspace.look(wit)
    if wit is None or not (node is None or isinstance(node, Blob)):
        return None
    if changed_path(workspace, run.core, tree.entries, run.fixed) is not None:
        return None
    if law.refuses_merge(run, tree.entries):
        return None
    return workspace.put(Step(last.step_id, run.actor, with_cursor(run), last.step.outbox, merged))
