"""Evaluation of an expression and rendering of a template in an environment that is given as bytes.

Spec: :rule:`flow.eval.refused`, :rule:`flow.check.pure`.
"""

from __future__ import annotations

from gritstone.errors import Malformed
from gritstone.flow.expressions import SPACES, Environment, evaluate, read_expression
from gritstone.flow.templates import read_template, render
from gritstone.flow.values import decode_value

__all__ = ["evaluate_text", "render_value"]


def evaluate_text(text: str, environment: bytes) -> bool:
    """Return the value of an expression.

    Args:
        text: the expression.
        environment: the encoding of a map from namespaces to maps.

    Raises:
        Malformed: the expression or the environment is malformed.
        Exhausted: one of them exceeds a limit.
        Rejected: the evaluation ends with an error (codes ``unbound``, ``type``).
    """
    return evaluate(read_expression(text), _read_environment(environment))


def render_value(template: bytes, environment: bytes) -> bytes:
    """Return the encoding of a rendered template.

    Args:
        template: the encoding of the template.
        environment: the encoding of a map from namespaces to maps.

    Raises:
        Malformed: the template or the environment is malformed.
        Exhausted: one of them, or the rendered value, exceeds a limit.
        Rejected: a path has no value that fits (codes ``unbound``, ``type``).
    """
    return render(read_template(decode_value(template)), _read_environment(environment)).data


def _read_environment(data: bytes) -> Environment:
    value = decode_value(data)
    if type(value) is not dict or not value.keys() <= SPACES or any(type(one) is not dict for one in value.values()):
        raise Malformed("the environment is not a map from namespaces to maps", rule="flow.eval.refused")
    return value
