"""Frozen cores: the paths that must not change.

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
    """Return the frozen paths of a core that has an entry ``frozen``.

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
    """Return the first frozen path that leads to another object than before.

    Args:
        workspace: supplies objects.
        old: the entries of the previous core, which define the frozen paths.
        new: the entries of the new core.
        fixed: frozen paths in addition to those that the core lists, if it lists any.

    Returns:
        The path; None if the frozen paths are unchanged, or nothing is frozen.

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
