"""Copies of images: a world of one store becomes the present of another.

Spec: :ref:`image-fork`, :rule:`image.world.fork`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from gritstone.grit.export import export_references
from gritstone.grit.importing import import_bundle
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.image.refusals import refusal
from gritstone.wit.objects import Objects

__all__ = ["agent_name", "copy_world"]

_SPACES = ("gone/", "heads/")
_IN_MEMORY_BYTES = 8 << 20


def agent_name(store: Store) -> str | None:
    """Return the name of the agent of a store; None if it has none."""
    with store.snapshot() as snapshot:
        agent = snapshot.target("runtime/agent")
    objects = Objects(store.format, store.limits, store.get)
    tree = None if agent is None else objects.look(agent)
    blob = objects.look(tree.entries["name"]) if isinstance(tree, Tree) and "name" in tree.entries else None
    return blob.data.decode() if isinstance(blob, Blob) else None


def copy_world(source: Store, target: Store, references: Sequence[tuple[str, ObjectId]]) -> None:
    """Copy an image into another store, with the references of an earlier world.

    Args:
        source: the store of the image.
        target: an empty store of the same format, on which no runtime is started.
        references: the references ``heads/*`` and ``gone/*`` of the world.

    Raises:
        Rejected: the target is not empty (code ``image``), or has another format (code ``format``).
    """
    with target.snapshot() as snapshot:
        if any(True for _ in snapshot.references()):
            raise refusal("rejected/image", "the store of the fork is not empty", "world.fork")
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        with source.snapshot() as snapshot:
            others = [pair for pair in snapshot.references() if not pair[0].startswith(_SPACES)]
            file.writelines(export_references(snapshot, sorted([*others, *references])))
        file.seek(0)
        import_bundle(target, file)  # type: ignore[arg-type]  # it reads and seeks
