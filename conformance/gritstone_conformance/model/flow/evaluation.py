"""The value of an expression in an environment.

Spec: "Evaluation" in ``flow/expressions``.
"""

from __future__ import annotations

from gritstone_conformance.model.flow.expressions import Both, Constant, Expression, Group, Has, Not, Test, Var, parse
from gritstone_conformance.model.flow.paths import Environment, EvaluationError, look_up
from gritstone_conformance.model.flow.values import Value, equal, kind_of

__all__ = ["evaluate", "holds"]


def holds(text: str, environment: Environment) -> bool:
    """Return whether an expression is true.

    Raises:
        BadExpression: it is malformed or exhausted.
        EvaluationError: its evaluation ends with an error.
    """
    return evaluate(parse(text), environment)


def evaluate(expression: Expression, environment: Environment) -> bool:
    """Return the value of a whole expression, a bool; raises EvaluationError.

    Spec: :rule:`flow.expr.boolean`, :rule:`flow.expr.total`.
    """
    return _bool(_value(expression, environment))


def _bool(value: Value) -> bool:
    if not isinstance(value, bool):
        raise EvaluationError("type")
    return value


def _value(expression: Expression, environment: Environment) -> Value:
    match expression:
        case Constant(value):
            return value
        case Var(path):
            return look_up(path, environment)
        case Has(path):
            return _has(Var(path), environment)
        case Group(inner):
            return _bool(_value(inner, environment))
        case Not(inner):
            return not _bool(_value(inner, environment))
        case Test(operator, left, right):
            first = _value(left, environment)
            return _compared(operator, first, _value(right, environment))
        case Both(operator, operands):
            return _both(operator, operands, environment)


def _has(var: Var, environment: Environment) -> bool:
    try:
        look_up(var.path, environment)
    except EvaluationError as error:
        if error.code == "type":
            raise
        return False
    return True


def _both(operator: str, operands: tuple[Expression, ...], environment: Environment) -> bool:
    """Return the value of operands of one operator; the first that decides is the last that is evaluated.

    Spec: :rule:`flow.expr.short-circuit`.
    """
    decisive = operator == "or"
    return decisive if any(_bool(_value(each, environment)) == decisive for each in operands) else not decisive


def _compared(operator: str, left: Value, right: Value) -> bool:
    match operator:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "in":
            return _is_in(left, right)
        case "not in":
            return not _is_in(left, right)
        case _:
            return _ordered(operator, left, right)


def _equal(left: Value, right: Value) -> bool:
    """Return whether values are equal.

    Spec: :rule:`flow.expr.kinds`, :rule:`flow.expr.equality`.
    """
    if kind_of(left) != kind_of(right) and left is not None and right is not None:
        raise EvaluationError("type")
    return equal(left, right)


def _is_in(left: Value, right: Value) -> bool:
    match left, right:
        case _, list():
            return any(equal(left, item) for item in right)
        case str(), str():
            return left in right
        case str(), dict():
            return left in right
    raise EvaluationError("type")


def _ordered(operator: str, left: Value, right: Value) -> bool:
    """Compare two ints, or two texts by their code points.

    Spec: :rule:`flow.expr.text-order`.
    """
    if kind_of(left) != kind_of(right) or kind_of(left) not in ("int", "text"):
        raise EvaluationError("type")
    one, other = (_sortable(left), _sortable(right))
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]


def _sortable(value: Value) -> list[int]:
    assert isinstance(value, int | str)
    return [value] if isinstance(value, int) else [ord(character) for character in value]
