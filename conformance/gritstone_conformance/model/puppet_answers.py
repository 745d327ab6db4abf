"""What the puppet answers of a step.

Spec: ``wit/puppet``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.cores import find, split_path
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = ["PUPPET_WUT", "answer_puppet"]

PUPPET_WUT: Final = (
    b'{"messages":{"":{"content":"any"}},"name":"puppet","queries":{"echo":{"args":"blob","returns":"blob"},'
    b'"fail":{"args":"none","returns":"blob"},"get":{"args":"blob","returns":"any"},'
    b'"step":{"args":"none","returns":"blob"},"wut":{"args":"none","returns":"blob"}},"wut":1}'
)
"""The wut of both puppets."""


def answer_puppet(shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
    """Return the answer, on the shelf, or None; raises Failure."""
    match name:
        case "wut":
            return shelf.put(Blob((("ct", "j"),), PUPPET_WUT))
        case "get":
            return _get(shelf, shelf.step(step).core, args)
        case "echo":
            return shelf.put(Blob((), args))
        case "step":
            return shelf.put(Blob((("ct", "s"),), step.hex().encode()))
        case "fail":
            raise Failure("failed", "it fails on request", "wit.query.answers")
        case _:
            return None


def _get(shelf: Shelf, core: bytes, args: bytes) -> bytes | None:
    path = split_path(args, shelf.format.name) if args else []
    if path is None:
        raise Failure("failed", f"{args!r} is no path", "wit.query.answers")
    found = find(shelf, core, path)
    if found is not None and shelf.is_erased(found):
        raise Failure("failed", "the answer was erased", "wit.query.answers")
    return found
