"""Find the statements of a module that *accuse*: that raise, make, return or yield a refusal, a defect or a finding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["Vocabulary", "accuses", "is_pure", "leaves", "streams"]

ACCUSATIONS: Final = (
    *("Defect", "Difference", "Failure", "Finding", "ShapeProblem", "ProtocolFault", "Refusal", "SubjectFault"),
    "tuple[str, Json, Json]",
)
"""The types of accusations."""

OWN: Final = frozenset(
    {"AssertionError", "DataError", "NotImplementedError", "RuntimeError", "TypeError", "UsageError"}
)
"""Exceptions that report an error of the suite or of its caller and never accuse the judged implementation."""

_CHANGES: Final = frozenset({"add", "append", "clear", "discard", "extend", "pop", "push", "put", "update", "write"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The functions of judge and model, by what they return.

    Attributes:
        makers: return one accusation.
        streams: return any number of accusations.
        raisers: return nothing, change nothing, and may raise.
        predicates: maps each function that returns a bool in a test to the result that accuses.
    """

    makers: frozenset[str]
    streams: frozenset[str]
    raisers: frozenset[str]
    predicates: dict[str, bool]

    @classmethod
    def of(cls, modules: Iterable[ast.Module]) -> Vocabulary:
        """Classify the functions of modules."""
        functions = [node for tree in modules for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        makers = {node.name for node in functions if _returns(node) in ACCUSATIONS} | {"refused"}
        many = re.compile(r"(list|tuple|Iterable|Iterator|Sequence)\[(Defect|Finding|SubjectFault)\b")
        made = frozenset(makers | set(ACCUSATIONS))
        flows = frozenset(node.name for node in functions if many.match(_returns(node)))
        raisers = _raisers(functions)
        first = cls(made, flows, raisers, {})
        return cls(made, flows, raisers, _predicates(functions, first))


@cache  # called many times for each function, and unparsing is slow
def _returns(node: ast.FunctionDef) -> str:
    return ast.unparse(node.returns) if node.returns is not None else ""


def _raisers(functions: Sequence[ast.FunctionDef]) -> frozenset[str]:
    """Return the functions whose only effect is to raise, directly or by calling such a function."""
    plain = [node for node in functions if _returns(node) == "None" and not any(map(_changes, ast.walk(node)))]
    found: set[str] = set()
    while True:
        more = {node.name for node in plain if any(_raises(inner, found) for inner in ast.walk(node))}
        if more <= found:
            return frozenset(found)
        found |= more


def _raises(node: ast.AST, known: set[str]) -> bool:
    if isinstance(node, ast.Raise):
        return not _is_own(node)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) in known


def _changes(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute | ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Yield | ast.YieldFrom | ast.With):
        return True
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES


def _predicates(functions: Sequence[ast.FunctionDef], vocabulary: Vocabulary) -> dict[str, bool]:
    """Map each function that returns a bool in a test that accuses to the result that accuses."""
    answers = {node.name for node in functions if _returns(node) == "bool"}
    found: dict[str, bool] = {}
    for function in functions:
        for node in ast.walk(function):
            for test, truth in _tests(node, vocabulary, _returns(function)):
                for name, accused in _asked(test, truth=truth):
                    if name in answers:
                        found.setdefault(name, accused)
    return found


def _tests(node: ast.AST, vocabulary: Vocabulary, returns: str) -> Iterator[tuple[ast.expr, bool]]:
    if isinstance(node, ast.If):
        body, others = (any(accuses(each, vocabulary, returns) for each in part) for part in (node.body, node.orelse))
        if body != others:
            yield node.test, body
    elif isinstance(node, ast.IfExp):
        body, others = (accuses(ast.Return(part), vocabulary, returns) for part in (node.body, node.orelse))
        if body != others:
            yield node.test, body


def _asked(test: ast.expr, *, truth: bool) -> Iterator[tuple[str, bool]]:
    match test:
        case ast.UnaryOp(ast.Not(), operand):
            yield from _asked(operand, truth=not truth)
        case ast.BoolOp(_, values):
            for each in values:
                yield from _asked(each, truth=truth)
        case ast.Call():
            yield _called(test), truth


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _is_own(stmt: ast.Raise) -> bool:
    raised = stmt.exc.func if isinstance(stmt.exc, ast.Call) else stmt.exc
    return raised is None or (isinstance(raised, ast.Name) and raised.id in OWN)


def accuses(stmt: ast.stmt, vocabulary: Vocabulary, returns: str) -> bool:
    """Return whether a statement accuses whenever it is reached.

    Args:
        stmt: the statement.
        vocabulary: the known functions.
        returns: the return annotation of the enclosing function; if it is an accusation or None, each returned value
            except None accuses.
    """
    match stmt:
        case ast.Raise():
            return not _is_own(stmt)
        case ast.Return(value) if returns.removesuffix(" | None") in ACCUSATIONS and isinstance(value, ast.Tuple):
            return True
        case ast.Return(value) | ast.Expr(value) | ast.Assign(value=value) | ast.AugAssign(value=value):
            return value is not None and _makes(value, vocabulary)
    return False


def _makes(value: ast.expr, vocabulary: Vocabulary) -> bool:
    match value:
        case ast.Call():
            inner = [value.func.value] if isinstance(value.func, ast.Attribute) else []
            if _called(value) in vocabulary.makers:
                return True
            return any(_makes(each, vocabulary) for each in (*inner, *value.args))
        case ast.Yield(inner) | ast.Starred(inner):
            return inner is not None and _makes(inner, vocabulary)
        case ast.List(items) | ast.Tuple(items):
            return any(_makes(item, vocabulary) for item in items)
    return False


def streams(value: ast.expr, vocabulary: Vocabulary) -> bool:
    """Return whether an expression is a call that returns any number of accusations."""
    if isinstance(value, ast.YieldFrom):
        return streams(value.value, vocabulary)
    return isinstance(value, ast.Call) and _called(value) in vocabulary.streams


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Return whether a branch ends with ``return`` or ``continue``."""
    return isinstance(body[-1], ast.Return | ast.Continue)


def is_pure(test: ast.expr) -> bool:
    """Return whether the parts of a test can be evaluated separately."""
    return not any(isinstance(node, ast.NamedExpr | ast.Await | ast.Yield) for node in ast.walk(test))
