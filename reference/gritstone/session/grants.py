"""Grants: what a session from a file may do here.

A file contains the code of its session, and the grants of that code: its fuel, its memory, and whom it may reach. Its
author chose them. So a session is loaded only if it grants itself no more than the store does.

Spec: :rule:`wasm.manifest.deny`; :ref:`session-elsewhere`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.wasm.cores import manifest_of, node_path, tree_at, wasm_path
from gritstone.wasm.documents import Manifest
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position, load_position
from gritstone.wit.workspace import Workspace

__all__ = ["SESSION_GRANTS", "check_grants"]

SESSION_GRANTS = Manifest(fuel=10_000_000_000, pages=1024, send="reply")
"""Enough for the largest turns of ``session.wasm``."""

_NODES = ("wit", "wit_query", "wit_update")
_AMOUNTS = ("fuel", "pages")
_FLAGS = ("attempt", "code", "query", "raw")
_REACH = {"send": (None, "reply", "any"), "spawn": (None, "wasm", "any"), "update": (None, "any")}


def check_grants(store: Store, session: ObjectId, step: ObjectId, granted: Manifest) -> None:
    """Check that a session needs no more than a store grants.

    Args:
        store: a store that has the step.
        session: the session.
        step: its last step.
        granted: what the store grants. The other members of a manifest affect only the session itself.

    Raises:
        Rejected: it grants itself more, or addresses another actor than its host (code ``grants``); or its manifest is
            invalid.
    """
    workspace = Workspace(Objects(store.format, store.limits, store.get))
    position = load_position(workspace, step, session)
    problem = next(_problems(workspace, position, granted), None)
    if problem is not None:
        raise Rejected(problem, rule="wasm.manifest.deny", code="grants", got=session.hex())


def _problems(workspace: Workspace, position: Position, granted: Manifest) -> Iterator[str]:
    core = position.core
    host = tree_at(workspace, core.get("session")).get("host")
    if _others(position.outbox, host):
        yield "the session has sent mail to another actor than its host"
    if not any(node_path(workspace, core, node) for node in _NODES):
        return
    manifest = manifest_of(workspace, core)
    for name in _AMOUNTS:
        wanted, most = getattr(manifest, name), getattr(granted, name)
        if wanted > most:
            yield f"the code of the session grants itself {name} {wanted}, this store grants at most {most}"
    for name in _FLAGS:
        if getattr(manifest, name) and not getattr(granted, name):
            yield f"the code of the session grants itself {name!r}, this store does not"
    for name, words in _REACH.items():
        wanted, most = getattr(manifest, name), getattr(granted, name)
        if words.index(wanted) > words.index(most):
            yield f"the code of the session grants itself {name} {wanted!r}, this store grants {most or 'nothing'!r}"
    peers = tree_at(workspace, wasm_path(workspace, core, "peers")).values()
    if granted.send != "any" and _others([*peers, *position.inbox], host):
        yield "the code of the session may send to another actor than its host"


def _others(actors: Iterable[ObjectId], host: ObjectId | None) -> bool:
    return any(one != host for one in actors)
