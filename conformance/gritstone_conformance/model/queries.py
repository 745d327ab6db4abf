"""Queries: what the code of a step answers, and what is refused.

Spec: ``wit/queries``.
"""

from __future__ import annotations

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.laws import law_at
from gritstone_conformance.model.puppet_answers import PUPPET_WUT
from gritstone_conformance.model.refusals import Refusal, rejected
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Mailbox, Message, Step

__all__ = ["PUPPET_WUT", "answer_query"]


def answer_query(shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
    """Return the answer of a step, on the shelf, or None.

    Raises:
        Refusal: the step is absent or none, no code resolves, or the code fails.
        Foreign: the code is none that can be run here.

    Spec: :rule:`wit.query.answers`, :rule:`wit.query.kind`.
    """
    value = shelf.get(step)
    if not isinstance(value, Step):
        raise Refusal([rejected("wit.query.answers", f"{step.hex()} is not a step")])
    law = law_at(shelf, value.core, "wit_query")
    if law is None:
        raise Refusal([rejected("wit.query.answers", "no code resolves at wit_query", "unresolved")])
    try:
        answer = law.query(shelf, step, name, args)
    except Failure as failure:
        raise Refusal([rejected(failure.rule, f"the query failed: {failure}", _code(failure))]) from failure
    if answer is not None and isinstance(shelf.get(answer), Message | Mailbox | Step):
        raise Refusal([rejected("wit.query.kind", "the answer is neither a blob nor a tree", "failed")])
    return answer


def _code(failure: Failure) -> str:
    """Return the code of the refusal that reports a failed query.

    The own code of a failure, which other profiles define, stays.
    """
    if failure.kind in ("failed", "unresolved"):
        return failure.wire_code
    return "failed" if failure.code is None else f"failed:{failure.code}"
