"""The paths of a core that its node ``frozen`` fixes, and whether a change touches one of them.

Spec: ``wit/nodes``, ``wasm/capabilities``.
"""

from __future__ import annotations

from gritstone_conformance.model.cores import NODES, find, split_path
from gritstone_conformance.model.module_nodes import module_paths
from gritstone_conformance.model.shelf import Shelf

__all__ = ["frozen_paths", "thawed"]


def frozen_paths(shelf: Shelf, core: bytes) -> list[list[str]] | None:
    """Return the paths that a core fixes; the empty path is all of it; None where it fixes nothing."""
    target = shelf.names(core).get("frozen")
    if target is None:
        return None
    blob = shelf.blob(target)
    lines = b"" if blob is None else blob.data
    if blob is None or (lines and not lines.endswith(b"\n")):
        return [[]]
    paths = [split_path(line, shelf.format.name) for line in lines.split(b"\n")[:-1]]
    listed = [path for path in paths if path is not None]
    if len(listed) != len(paths):
        return [[]]
    return [*([name] for name in NODES), *module_paths(shelf, core), *listed]


def thawed(shelf: Shelf, before: bytes, after: bytes) -> str | None:
    """Return the first path, ascending, that ``before`` fixes and ``after`` changes; None if there is none.

    Spec: :rule:`wit.frozen.kept`.
    """
    changed = [
        "/".join(path)
        for path in frozen_paths(shelf, before) or ()
        if find(shelf, before, path) != find(shelf, after, path)
    ]
    return min(changed) if changed else None
