"""What an adapter answers to the operations of ``flow`` that need no store, in the language of expectations.

Spec: ``harness/operations-flow``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gritstone_conformance.model.flow.checking import check
from gritstone_conformance.model.flow.evaluation import evaluate
from gritstone_conformance.model.flow.event_forms import is_trace
from gritstone_conformance.model.flow.expressions import BadExpression, parse
from gritstone_conformance.model.flow.metrics import metrics
from gritstone_conformance.model.flow.paths import NAMESPACES, EvaluationError
from gritstone_conformance.model.flow.templates import CannotRender, is_template, render
from gritstone_conformance.model.flow.values import Map, NotAValue, Value, decode, encode
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Json

__all__ = ["check_expected", "eval_expected", "metrics_expected", "render_expected"]


def check_expected(
    program: bytes, policy: bytes, given: bytes, peers: Collection[str], refs: Collection[str]
) -> dict[str, Json]:
    """Return what ``flow.check`` answers; the arguments are those of ``check``."""
    return ok(defects=[[at, code] for at, code in check(program, policy, given, peers, refs)])


def eval_expected(expression: str, env: bytes) -> dict[str, Json]:
    """Return what ``flow.eval`` answers.

    Spec: :rule:`flow.eval.refused`.
    """
    environment, classes = _environment(env)
    try:
        tree = parse(expression)
    except BadExpression as bad:
        return _refused(classes | bad.classes)
    if classes:
        return _refused(classes)
    try:
        return ok(value=evaluate(tree, environment))
    except EvaluationError as error:
        return _refused({error.code})


def render_expected(template: bytes, env: bytes) -> dict[str, Json]:
    """Return what ``flow.render`` answers.

    Spec: :rule:`flow.eval.refused`.
    """
    environment, classes = _environment(env)
    value, of_template = _decoded(template)
    classes |= of_template
    if not of_template and not is_template(value):
        classes |= {"malformed"}
    if classes:
        return _refused(classes)
    try:
        return ok(value=to_base64(encode(render(value, environment))))
    except CannotRender as problem:
        return _refused(problem.outcomes)


def metrics_expected(trace: bytes, baselines: list[list[str]]) -> dict[str, Json]:
    """Return what ``flow.metrics`` answers.

    Spec: :rule:`flow.metric.refused`.
    """
    try:
        value: Any = decode(trace, None)
    except NotAValue:
        return refused("malformed")
    if not is_trace(value):
        return refused("malformed")
    found = metrics(value, baselines)
    found["usage"] = [{**each, "tokens": str(each["tokens"])} for each in found["usage"]]
    point = found["change_point"]
    if point is not None:
        found["change_point"] = {**point, "millibits": str(point["millibits"])}
    return ok(**found)


def _environment(env: bytes) -> tuple[dict[str, Map], frozenset[str]]:
    """Return the environment that bytes are the encoding of, and the classes of refusal if they are none."""
    value, classes = _decoded(env)
    if classes:
        return {}, classes
    if not isinstance(value, dict) or not value.keys() <= set(NAMESPACES):
        return {}, frozenset({"malformed"})
    maps = {namespace: contents for namespace, contents in value.items() if isinstance(contents, dict)}
    return (maps, frozenset()) if len(maps) == len(value) else ({}, frozenset({"malformed"}))


def _decoded(data: bytes) -> tuple[Value, frozenset[str]]:
    try:
        return decode(data), frozenset()
    except NotAValue as problem:
        return None, problem.classes


def _refused(outcomes: Collection[str]) -> dict[str, Json]:
    """Return the expectation of one of some classes; ``unbound`` and ``type`` are codes of the class ``rejected``."""
    answers: list[Any] = [
        refused("rejected", outcome) if outcome in ("unbound", "type") else refused(outcome)
        for outcome in sorted(outcomes)
    ]
    return answers[0] if len(answers) == 1 else {"any": answers}
