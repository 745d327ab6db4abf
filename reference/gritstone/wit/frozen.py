"""Frozen cores: which paths may not change.

Spec: :rule:`wit.frozen.kept`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.errors import Invalid
from gritstone.grit.objects import Blob, ObjectId
from gritstone.wit.paths import ALPHABETS, Path, find, read_path
from gritstone.wit.workspace import Workspace

__all__ = ["changed_path", "frozen_paths"]

_ALWAYS: tuple[Path, ...] = (("frozen",), ("wit",), ("wit_query",), ("wit_update",))


def frozen_paths(workspace: Workspace, core: Mapping[str, ObjectId]) -> tuple[Path, ...] | None:
    """List the frozen paths of a core that has an entry ``frozen``.

    Returns:
        The paths; None if every path is frozen.

    Raises:
        Missing: the entry is absent from the store.
    """
    blob = workspace.look(core["frozen"])
    if not isinstance(blob, Blob):
        return None
    *lines, rest = blob.data.split(b"\n")
    if rest:
        return None
    alphabet = ALPHABETS[workspace.objects.format.name]
    try:
        return (*_ALWAYS, *(read_path(line, alphabet) for line in lines))
    except Invalid:
        return None


def changed_path(
    workspace: Workspace, old: Mapping[str, ObjectId], new: Mapping[str, ObjectId], fixed: tuple[Path, ...] = ()
) -> str | None:
    """Find a frozen path that leads to something else than before.

    Args:
        workspace: gives objects.
        old: the entries of the core before, which fixes the paths.
        new: the entries of the core after.
        fixed: paths that are frozen besides, if any is.

    Returns:
        The first such path; None if there is none, or nothing is frozen.

    Raises:
        Missing: a tree on the way is absent.

    Spec: :rule:`wit.frozen.kept`.
    """
    if "frozen" not in old:
        return None
    paths = frozen_paths(workspace, old)
    if paths is None:
        return None if old == new else "/"
    for path in paths + fixed:
        if find(workspace, old, path) != find(workspace, new, path):
            return "/".join(path)
    return None
