"""Carrying: an archived session moves into a file, and from a file into another store or back.

::

    export    archived/S -> none    moved/S none -> s     after the bytes are durable, and before the file has its name
    load      archived/S none -> s                        with the objects, in one update
              moved/S -> none                             if the session had left this store before

Spec: ``session/restore``; :rule:`grit.bundle.import-atomic`.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from gritstone.errors import Missing, Rejected
from gritstone.files import replacing
from gritstone.grit.export import export_bundle, export_references
from gritstone.grit.importing import import_bundle
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import ObjectId, Step
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.session.grants import check_grants
from gritstone.wasm.documents import Manifest

__all__ = ["export_session", "load_session"]

_RULE = "session.restore.elsewhere"
_ID = re.compile("[0-9a-f]{64}")


def export_session(store: Store, session: ObjectId, path: Path) -> None:
    """Move an archived session into a file. It can be exported again, as long as it does not come back.

    The bytes are durable before the store records that the session moved; the file has its name after that.

    Raises:
        Missing: the session is not archived.
        Rejected: another process changed it in the meantime (code ``conflict``).
        OSError: the file cannot be written; the earlier one stays.
    """
    digits = session.hex()
    archived, moved = f"archived/{digits}", f"moved/{digits}"
    with replacing(path) as part:
        with store.snapshot() as snapshot:
            step, gone = snapshot.target(archived), snapshot.target(moved)
            target = step if gone is None else gone
            if target is None:
                raise Missing("the session is not archived", rule="session.restore.guard", got=digits)
            part.file.writelines(export_references(snapshot, [(moved, target)]))
        part.sync()
        if gone is None:
            store.update_references([Change(archived, step, None), Change(moved, None, step)])


def load_session(store: Store, path: Path, granted: Manifest) -> ObjectId:
    """Import an exported session, which is archived then; return its id. Loading a file twice has no effect.

    The file contains the code of the session. Loading runs none of it.

    Args:
        store: the store.
        path: the file.
        granted: the most that the code may grant itself.

    Raises:
        Malformed: the file is not a bundle.
        Invalid: it is damaged.
        Missing: it does not have one session.
        Rejected: the store has another state of the session (code ``conflict``), or another format (code ``format``);
            or the session grants itself more (code ``grants``).
        OSError: the file cannot be read.
    """
    scratch = Store.open(MemoryEngine(), store.format, limits=store.limits)
    with path.open("rb") as file:
        import_bundle(scratch, file)
    session, step = _only_session(scratch)
    check_grants(scratch, session, step, granted)
    archived, moved = f"archived/{session.hex()}", f"moved/{session.hex()}"
    with store.snapshot() as snapshot:
        gone, present = snapshot.target(moved), snapshot.target(archived)
        others = [space for space in ("heads", "closed", "gone") if snapshot.target(f"{space}/{session.hex()}")]
    if others or (present is not None and present != step) or not _continues(scratch, step, gone):
        raise Rejected("the store has another state of the session", rule=_RULE, code="conflict", got=session.hex())
    with scratch.snapshot() as snapshot:
        import_bundle(store, BytesIO(b"".join(export_bundle(snapshot, [archived]))))
    if gone is not None:
        store.update_references([Change(moved, gone, None)])
    return session


def _only_session(scratch: Store) -> tuple[ObjectId, ObjectId]:
    """Return the session of a bundle and its step; the reference to it is ``archived`` after that.

    Raises:
        Missing: the bundle has another number of sessions.
    """
    with scratch.snapshot() as snapshot:
        found = [pair for space in ("moved/", "archived/") for pair in snapshot.references(space)]
    if len(found) != 1:
        raise Missing("the bundle does not have one session", rule=_RULE, got=len(found))
    ((name, step),) = found
    digits = name.partition("/")[2]
    if not _ID.fullmatch(digits):
        raise Missing("the bundle does not have one session", rule=_RULE, got=name)
    if not name.startswith("archived/"):
        scratch.update_references([Change(name, step, None), Change(f"archived/{digits}", None, step)])
    return bytes.fromhex(digits), step


def _continues(scratch: Store, step: ObjectId, before: ObjectId | None) -> bool:
    """Return whether a step is, or comes after, the one at which the session left."""
    if before is None:
        return True
    at: ObjectId | None = step
    while at is not None and at != before:
        with scratch.snapshot() as snapshot:
            value = snapshot.load(at)
        at = value.previous if isinstance(value, Step) else None
    return at is not None
