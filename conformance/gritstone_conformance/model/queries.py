"""Queries: what the puppet answers of a step, and what is refused.

Spec: ``wit/queries``, ``wit/puppet``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.cores import find, split_path
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.nodes import Code, code_at
from gritstone_conformance.model.refusals import Refusal, rejected
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.transition import Foreign
from gritstone_conformance.model.values import Blob, Step

__all__ = ["PUPPET_WUT", "answer_query"]

PUPPET_WUT: Final = (
    b'{"messages":{"":{"content":"any"}},"name":"puppet","queries":{"echo":{"args":"blob","returns":"blob"},'
    b'"fail":{"args":"none","returns":"blob"},"get":{"args":"blob","returns":"any"},'
    b'"step":{"args":"none","returns":"blob"},"wut":{"args":"none","returns":"blob"}},"wut":1}'
)
"""The wut of both puppets."""


def answer_query(shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
    """Return the answer of a step, on the shelf, or None.

    Raises:
        Refusal: the step is absent or none, no code resolves, or the code fails.
        Foreign: the code is none that can be run here.

    Spec: :rule:`wit.query.answers`.
    """
    value = shelf.get(step)
    if not isinstance(value, Step):
        raise Refusal([rejected("wit.query.answers", f"{step.hex()} is no step")])
    code = code_at(shelf, value.core, "wit_query")
    if code is Code.FOREIGN:
        raise Foreign
    if not code.is_puppet:
        raise Refusal([rejected("wit.query.answers", "no code resolves at wit_query", "unresolved")])
    match name:
        case "wut":
            return shelf.put(Blob((("ct", "j"),), PUPPET_WUT))
        case "get":
            return _get(shelf, value.core, args)
        case "echo":
            return shelf.put(Blob((), args))
        case "step":
            return shelf.put(Blob((("ct", "s"),), step.hex().encode()))
        case "fail":
            raise _failed("it is told to")
        case _:
            return None


def _get(shelf: Shelf, core: bytes, args: bytes) -> bytes | None:
    path = split_path(args, shelf.format.name) if args else []
    if path is None:
        raise _failed(f"{args!r} is no path")
    found = find(shelf, core, path)
    if found is not None and isinstance(shelf.get(found), Tombstone):
        raise _failed("the answer was erased")
    return found


def _failed(words: str) -> Refusal:
    return Refusal([rejected("wit.query.answers", f"the query failed: {words}", "failed")])
