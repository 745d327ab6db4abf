"""Commit: the response of a model becomes part of the session.

Spec: ``session/commit``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gritstone_conformance.model.session.condensing import condense
from gritstone_conformance.model.session.json_text import JsonText
from gritstone_conformance.model.session.messages import Call, calls_entry, said
from gritstone_conformance.model.session.preparing import prepare, turn_id
from gritstone_conformance.model.session.refused import LONGEST_TEXT, Refused, check_size
from gritstone_conformance.model.session.requests import TurnRequest, plain_blob, read_request
from gritstone_conformance.model.session.rows import (
    CallRow,
    FinalRow,
    RetryRow,
    Row,
    check_calls,
    check_final,
    read_response,
)
from gritstone_conformance.model.session.tree import Session, Turn, json_blob, newest_turns
from gritstone_conformance.model.shelf import Shelf

__all__ = ["Committed", "accept", "commit"]


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did.

    Attributes:
        session: the session after it.
        result: the id of the blob that describes it.
        replayed: whether the turn was committed before.
        row: what the response said, or None if it was committed before.
        calls: the calls that it opened.
    """

    session: Session
    result: bytes
    replayed: bool = False
    row: Row | None = None
    calls: tuple[Call, ...] = ()


def commit(shelf: Shelf, actor: bytes, session: Session, turn: str, content: bytes) -> Committed:
    """Return what the request ``commit`` does; raises Refused.

    Spec: :rule:`session.commit.order`, :rule:`session.commit.base`, :rule:`session.commit.replay`,
    :rule:`session.commit.conflict`.
    """
    names = shelf.names(content) if shelf.is_tree(content) else {}
    if names.keys() != {"request", "response"}:
        raise Refused("malformed", "request")
    done = session.turns.get(turn)
    if done is not None and done.response == names["response"]:
        return Committed(session, done.result, replayed=True)
    if done is not None:
        raise Refused("rejected", "conflict")
    if session.ask is not None:
        raise Refused("rejected", "phase")
    blob = plain_blob(shelf, names["request"], "j")
    if blob is None:
        raise Refused("malformed", "request")
    request = read_request(blob.data)
    if turn_id(shelf, prepare(shelf, actor, session, request)) != turn:
        raise Refused("rejected", "stale")
    response = plain_blob(shelf, names["response"], "s", "j")
    if response is None:
        raise Refused("malformed", "response")
    row = read_response(response, dict(response.headers)["ct"])
    return accept(shelf, session, request, row, (turn, names["response"]))


def accept(shelf: Shelf, session: Session, request: TurnRequest, row: Row, done: tuple[str, bytes] | None) -> Committed:
    """Return what a response does in the phase of its request; raises Refused.

    Args:
        shelf: objects.
        session: the session before.
        request: the request of the turn.
        row: what the response says.
        done: the turn, and the id of the response; None in an ask, whose turns are not kept.
    """
    match row:
        case FinalRow():
            check_final(row, force_json=request.force_json)
            result: dict[str, JsonText] = {"action": "final", "content": row.text, "count": session.count + 1}
            made = Committed(_final(shelf, session, request, row), _put(shelf, result), row=row)
            return _record(shelf, session, done, made)
        case CallRow():
            check_calls(row, session.tools)
            if session.rounds >= session.config.max_rounds:
                raise Refused("exhausted", "rounds")
            calls = _number(row, session.count + 1)
            listed: list[JsonText] = [call.to_json() for call in calls]
            result = {"action": "call", "calls": listed, "count": session.count + 1}
            after = _calling(shelf, session, request, calls)
            return _record(shelf, session, done, Committed(after, _put(shelf, result), row=row, calls=calls))
        case RetryRow(error):
            result = {"action": "retry", "count": session.count, "error": error}
            return Committed(session, _put(shelf, result), row=row)


def _put(shelf: Shelf, result: dict[str, JsonText]) -> bytes:
    blob = json_blob(result)
    check_size(len(blob.data), LONGEST_TEXT)
    return shelf.put(blob)


def _number(row: CallRow, count: int) -> tuple[Call, ...]:
    return tuple(Call(f"{count}.{at}", given, tool) for at, (tool, given) in enumerate(row.wanted))


def _final(shelf: Shelf, session: Session, request: TurnRequest, row: FinalRow) -> Session:
    before = _opened(shelf, session, request)
    after = before.added(shelf, said("assistant", row.text))
    return replace(after, phase="idle", rounds=0, ask=None, effects={})


def _calling(shelf: Shelf, session: Session, request: TurnRequest, calls: tuple[Call, ...]) -> Session:
    after = _opened(shelf, session, request).added(shelf, calls_entry(calls))
    return replace(after, phase="calling", rounds=session.rounds + 1, calls={call.id: call.tool for call in calls})


def _opened(shelf: Shelf, session: Session, request: TurnRequest) -> Session:
    """Return the session with the message of the user, if it begins with one."""
    if request.kind == "continue":
        return session
    return condense(shelf, session).added(shelf, said("user", request.prompt))


def _record(shelf: Shelf, before: Session, done: tuple[str, bytes] | None, made: Committed) -> Committed:
    turns = before.turns
    if done is not None:
        turns = newest_turns({**turns, done[0]: Turn(before.count + 1, done[1], made.result)})
    return replace(made, session=made.session.changed(shelf, results={}, turns=turns))
