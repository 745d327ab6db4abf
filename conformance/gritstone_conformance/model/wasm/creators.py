"""Who made a Wasm actor, and which updates it takes from whom.

Spec: "Creator" and "Updates" of ``wasm/capabilities``.
"""

from __future__ import annotations

from gritstone_conformance.model.cores import find
from gritstone_conformance.model.module_nodes import module_path
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.grants import keeps_host_nodes
from gritstone_conformance.model.wasm.image import manifest_at

__all__ = ["creator_of", "refused_merge", "refuses_sender"]


def creator_of(shelf: Shelf, step: bytes) -> bytes | None:
    """Return the creator of a Wasm actor at a step, or None where its history is cut and names none.

    Spec: :rule:`wasm.grant.creator`.
    """
    value = shelf.step(step)
    named = find(shelf, value.core, ("wasm", "creator"))
    if named is not None:
        return named
    while value.previous is not None:
        value = shelf.step(value.previous)
    inbox = shelf.mail(value.inbox)
    is_cut = any(message_type(shelf.message(message)) == "cleanup" for message in inbox.values())
    return None if is_cut or len(inbox) != 1 else next(iter(inbox))


def refuses_sender(shelf: Shelf, step: bytes, sender: bytes) -> bool:
    """Return whether a Wasm actor at a step takes no update from a sender.

    Spec: :rule:`wasm.grant.update`.
    """
    manifest = manifest_at(shelf, shelf.step(step).core)
    takes_any = manifest is not None and manifest.update == "any"
    return not takes_any and creator_of(shelf, step) != sender


def refused_merge(shelf: Shelf, core: bytes, merged: bytes) -> str | None:
    """Return the rule by which a Wasm actor refuses an update without code, or None where it does not.

    Spec: :rule:`wasm.grant.update`, :rule:`wasm.grant.update-stays`.
    """
    if not keeps_host_nodes(shelf, core, merged):
        return "wasm.grant.update"
    return "wasm.grant.update-stays" if module_path(shelf, merged, "wit") is None else None
