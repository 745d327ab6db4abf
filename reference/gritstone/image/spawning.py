"""Spawning: what an actor gives to the actors that it creates, and what it gains by that.

Spec: :rule:`image.cap.attenuate`, :rule:`image.spawn.gains`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from gritstone.grit.objects import ObjectId
from gritstone.image.capabilities import covered
from gritstone.image.texts import text_of
from gritstone.wit.workspace import Workspace

__all__ = ["escalates", "gains_of"]


def gains_of(actor: ObjectId) -> tuple[str, ...]:
    """Return the capabilities that the creator of an actor gains."""
    digits = actor.hex()
    return f"read.{digits}", f"send.{digits}.*", f"send.{digits}.image.*"


def escalates(
    workspace: Workspace, core: Mapping[str, ObjectId], creator: ObjectId, owner: ObjectId, held: Container[str]
) -> bool:
    """Return whether the core of a new actor has more rights than its creator may give.

    Args:
        workspace: supplies objects.
        core: the entries of the core, which may be malformed.
        creator: the creator.
        owner: the owner of the creator.
        held: the capabilities of the creator.
    """
    image = _entries(workspace, core.get("image"))
    if _text(workspace, image.get("owner")) != owner.hex().encode():
        return True
    if "quota" in image or "timers" in image or "subs" in image:
        return True
    caps = _entries(workspace, image.get("caps"))
    granter = creator.hex().encode()
    return not all(covered(held, name) and _text(workspace, target) == granter for name, target in caps.items())


def _text(workspace: Workspace, target: ObjectId | None) -> bytes | None:
    return None if target is None else text_of(workspace.look(target))


def _entries(workspace: Workspace, target: ObjectId | None) -> Mapping[str, ObjectId]:
    tree = None if target is None else workspace.tree(target)
    return {} if tree is None else tree.entries
