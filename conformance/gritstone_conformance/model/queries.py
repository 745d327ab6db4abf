"""Queries: what the code of a step answers, and what is refused.

Spec: ``wit/queries``, "A query" of ``wasm/transition``.
"""

from __future__ import annotations

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.nodes import Code, code_at, is_wasm_core
from gritstone_conformance.model.puppet_answers import PUPPET_WUT, answer_puppet
from gritstone_conformance.model.refusals import Refusal, rejected
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.transition import Foreign
from gritstone_conformance.model.values import Step
from gritstone_conformance.model.wasm.abi import CannotTell
from gritstone_conformance.model.wasm.calls import ask_module

__all__ = ["PUPPET_WUT", "answer_query"]


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
    if code is Code.FOREIGN and not is_wasm_core(shelf, value.core):
        raise Foreign
    if not (code.is_puppet or code is Code.MODULE or is_wasm_core(shelf, value.core)):
        raise Refusal([rejected("wit.query.answers", "no code resolves at wit_query", "unresolved")])
    try:
        if code is Code.MODULE or is_wasm_core(shelf, value.core):
            return ask_module(shelf, step, name, args)
        return answer_puppet(shelf, step, name, args)
    except CannotTell as problem:
        raise Foreign from problem
    except Failure as failure:
        raise Refusal([rejected(failure.rule, f"the query failed: {failure}", _code(failure))]) from failure


def _code(failure: Failure) -> str:
    """Return the code of the refusal that tells of a query that failed.

    Spec: :rule:`wasm.outcome.code`.
    """
    if failure.kind in ("failed", "unresolved"):
        return failure.wire_code
    return "failed" if failure.code is None else f"failed:{failure.code}"
