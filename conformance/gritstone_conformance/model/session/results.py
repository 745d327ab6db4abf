"""Results of tools, turns that are given up, and new settings.

Spec: ``session/results``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from gritstone_conformance.model.session.json_text import read_json
from gritstone_conformance.model.session.messages import is_json, is_text, tool_entry
from gritstone_conformance.model.session.refused import LONGEST_RESPONSE, Refused, check_size
from gritstone_conformance.model.session.requests import plain_blob
from gritstone_conformance.model.session.settings import read_config, read_tools
from gritstone_conformance.model.session.tree import Session
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = ["abandon", "configure", "give_up", "read_result", "recorded", "store_result"]

_SETTINGS: Final = {"config", "tools"}
_Setting = TypeVar("_Setting")


def read_result(blob: Blob | None, ct: str) -> bytes:
    """Return the data of a result; raises Refused."""
    if blob is None:
        raise Refused("malformed", "result")
    check_size(len(blob.data), LONGEST_RESPONSE)
    if not (is_json if ct == "j" else is_text)(blob.data):
        raise Refused("malformed", "result")
    return blob.data


def recorded(shelf: Shelf, session: Session, call: str, ok: str, content: bytes) -> tuple[Session, bool]:
    """Return the session after ``tool-result``, and whether the result was there before; raises Refused.

    Spec: :rule:`session.result.once`.
    """
    blob = plain_blob(shelf, content, "s", "j")
    ct = dict(blob.headers)["ct"] if blob is not None else ""
    data = read_result(blob, ct)
    if session.ask is not None:
        raise Refused("rejected", "phase")
    there = session.results.get(call)
    if there is not None:
        return _again(shelf, session, there, (ok, ct, data)), True
    if call not in session.calls:
        raise Refused("missing", "call")
    return store_result(shelf, session, call, tool_entry(call, session.calls[call], ct, ok, data)), False


def store_result(shelf: Shelf, session: Session, call: str, entry: Blob) -> Session:
    """Return the session with the result of an open call; the last one ends the round.

    Spec: :rule:`session.result.order-free`.
    """
    after = replace(session, results={**session.results, call: shelf.put(entry)})
    return (after if after.open_calls() else _ready(after)).changed(shelf)


def give_up(shelf: Shelf, session: Session) -> Session:
    """Return the session after its turn was given up, counted as a change.

    Spec: :rule:`session.abandon.closes`.
    """
    missing = {
        call: shelf.put(tool_entry(call, tool, "s", "0", b"abandoned")) for call, tool in session.open_calls().items()
    }
    after = _ready(replace(session, results={**session.results, **missing})) if session.calls else session
    return after.changed(shelf, phase="idle", rounds=0, results={}, ask=None, effects={})


def abandon(shelf: Shelf, session: Session) -> Session:
    """Return the session after ``abandon``; raises Refused."""
    if session.phase == "idle" and session.ask is None:
        raise Refused("rejected", "phase")
    return give_up(shelf, session)


def configure(shelf: Shelf, session: Session, content: bytes) -> Session:
    """Return the session after ``configure``; raises Refused.

    Spec: :rule:`session.tools.replace`.
    """
    names = shelf.names(content) if shelf.is_tree(content) else {}
    if not names or not names.keys() <= _SETTINGS:
        raise Refused("malformed", "request")
    if session.phase != "idle" or session.ask is not None:
        raise Refused("rejected", "phase")
    config = _setting(shelf, names.get("config"), "config", read_config)
    tools = _setting(shelf, names.get("tools"), "tools", read_tools)
    kept = {name: identity for name, identity in names.items() if not _is_empty(shelf, identity)}
    fixed = {name: identity for name, identity in session.fixed.items() if name not in names}
    return session.changed(
        shelf,
        fixed={**fixed, **kept},
        config=session.config if config is None else config,
        tools=session.tools if tools is None else {tool.name: tool for tool in tools},
    )


def _again(shelf: Shelf, session: Session, there: bytes, given: tuple[str, str, bytes]) -> Session:
    """Return the session if a result is there with the same blob; raises Refused."""
    blob = shelf.blob(there)
    headers = {} if blob is None else dict(blob.headers)
    if blob is None or (headers.get("ok"), headers.get("ct"), blob.data) != given:
        raise Refused("rejected", "conflict")
    return session


def _ready(session: Session) -> Session:
    """Return the session with the results of all calls in its history, in the order of the calls."""
    results = tuple(session.results[call] for call in session.calls)
    messages = session.messages + results
    history = session.history + len(results)
    return replace(session, phase="ready", calls={}, messages=messages, history=history)


def _setting(
    shelf: Shelf, identity: bytes | None, name: str, read: Callable[[bytes], _Setting | None]
) -> _Setting | None:
    """Return what a new blob sets, or None if there is no blob; raises Refused."""
    if identity is None:
        return None
    blob = plain_blob(shelf, identity, "j")
    value = None if blob is None else read(blob.data)
    if value is None:
        raise Refused("invalid", name)
    return value


def _is_empty(shelf: Shelf, identity: bytes) -> bool:
    blob = shelf.blob(identity)
    return blob is not None and read_json(blob.data) in ({}, [])
