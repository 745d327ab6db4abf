"""Queries: the answers of a step.

Spec: :rule:`wit.query.pure`, :rule:`wit.query.answers`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from gritstone.errors import Exhausted, InternalError, Invalid, Missing, Refusal, Rejected
from gritstone.grit.objects import Kind, ObjectId
from gritstone.wit.code import Draft, Question, Request
from gritstone.wit.failures import failure, failure_class
from gritstone.wit.laws import Laws
from gritstone.wit.position import Position, position_of
from gritstone.wit.workspace import Workspace

__all__ = ["Query", "ask_position", "read_asked_step"]

Query = Generator[Request, Any, ObjectId | None]
"""A query in progress; it returns the id of the answer, or None for none."""


def read_asked_step(workspace: Workspace, step: ObjectId) -> Position:
    """Return the position of a step to be queried.

    Raises:
        Missing: the step, or an object that its fields lead to, is absent.
        Rejected: the object is not a step.
    """
    try:
        return position_of(workspace, step)
    except Invalid as refusal:
        raise Rejected("no step", rule="wit.query.answers", got=str(refusal)) from None


def ask_position(laws: Laws, workspace: Workspace, position: Position, name: str, args: bytes) -> Query:
    """Query a step.

    Args:
        laws: the laws of the actors.
        workspace: supplies objects; the new objects of the answer are added to it.
        position: the step.
        name: any text.
        args: any bytes.

    Raises:
        Missing: an object that the code needs is absent.
        Rejected: there is no code (code ``unresolved``), or it failed (code ``failed``).

    Spec: :rule:`wit.query.answers`.
    """
    try:
        code = laws.resolve(workspace, position.core, "wit_query")
    except Exhausted as refusal:
        raise _as_failed(refusal) from refusal
    try:
        answer = yield from code.query(Question(workspace, position, name, args))
    except Refusal as refusal:
        if isinstance(refusal, Missing):
            raise
        raise _as_failed(refusal) from refusal
    except InternalError:
        raise
    except Exception as error:
        # The code is arbitrary: each exception of it is a failure of the query.
        raise _failed(f"{type(error).__name__}: {error}", None) from error
    if answer is None:
        return None
    assert not isinstance(answer, Draft), "an answer is no step"
    if len(answer) != 32 or workspace.is_absent(answer) or workspace.kind(answer) not in (Kind.BLOB, Kind.TREE):
        raise _failed("the answer is no blob or tree of the store", None)
    return answer


def _as_failed(refusal: Refusal) -> Refusal:
    """Return the failure of a query for a refusal that its code raised; codes of a profile are kept."""
    word = failure_class(refusal)
    detail = (refusal.code or "").partition(":")[2] if word in ("failed", "exhausted") else ""
    return _failed(str(refusal), "timeout" if word == "timeout" else detail or None)


def _failed(what: str, detail: str | None) -> Refusal:
    return failure("failed", f"a query failed: {what}", rule="wit.query.answers", detail=detail)
