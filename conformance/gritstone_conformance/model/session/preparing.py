"""The prepared turn: what the host sends to a model.

Spec: ``session/prepare``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.session.condensing import condense
from gritstone_conformance.model.session.json_text import JsonText, NotJson, read_json
from gritstone_conformance.model.session.refused import LONGEST_TEXT, Refused, check_size
from gritstone_conformance.model.session.requests import TurnRequest
from gritstone_conformance.model.session.tree import Session, json_blob
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = ["PHASE_OF", "prepare", "turn_id"]

PHASE_OF: Final = {"user": "idle", "continue": "ready"}
"""The phase that each kind of turn needs."""

_BLOCK: Final = "Available tools (* = required param):"


def prepare(shelf: Shelf, actor: bytes, session: Session, request: TurnRequest) -> Blob:
    """Return the prepared turn, which is not stored.

    Raises:
        Refused: the phase does not allow it, or it would be too long.

    Spec: :rule:`session.prepare.bytes`, :rule:`session.prepare.order`, :rule:`session.prepare.phase`.
    """
    if session.phase != PHASE_OF[request.kind]:
        raise Refused("rejected", "phase")
    view = condense(shelf, session) if request.kind == "user" else session
    blob = json_blob(
        {
            "base": session.root.hex(),
            "count": session.count + 1,
            "force_json": request.force_json,
            "kind": request.kind,
            "messages": _messages(shelf, view, request),
            "session": actor.hex(),
            "tools": _tools(shelf, session),
        }
    )
    check_size(len(blob.data), LONGEST_TEXT)
    return blob


def turn_id(shelf: Shelf, prepared: Blob) -> str:
    """Return the turn that a prepared turn is: its id, as text."""
    return shelf.format.hash(shelf.format.encode(prepared)).hex()


def _messages(shelf: Shelf, view: Session, request: TurnRequest) -> JsonText:
    messages: list[JsonText] = []
    system = _system(view, request)
    if system:
        messages.append({"content": system, "role": "system"})
    if view.summary is not None:
        text = f"Conversation summary v{view.summary.version}: {view.summary.text}"
        messages.append({"content": text, "role": "system"})
    messages += [entry.to_json() for entry in view.entries(shelf) if entry is not None]
    if request.kind == "user":
        messages.append({"content": request.prompt, "role": "user"})
    return messages


def _system(view: Session, request: TurnRequest) -> str:
    prompt = view.config.system_prompt if request.system is None else request.system
    block = [_BLOCK, *(tool.line for tool in view.tools.values())] if view.tools and view.config.tool_text else []
    return "\n\n".join(filter(None, (prompt, "\n".join(block))))


def _tools(shelf: Shelf, session: Session) -> JsonText:
    tools = session.fixed.get("tools")
    blob = None if tools is None else shelf.blob(tools)
    try:
        return [] if blob is None else read_json(blob.data)
    except NotJson as problem:
        raise AssertionError("the tools were checked when the session was read") from problem
