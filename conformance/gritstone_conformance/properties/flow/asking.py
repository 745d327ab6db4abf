"""Requests about expressions, templates and programs, with the answers of the model, and how properties are registered.

No format changes these answers, so each property is run once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, Unpack

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.flow.operations import check_expected, eval_expected, render_expected
from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.flow_programs import FlowDraft
from gritstone_conformance.trial import Asked, Property, PropertyOptions

__all__ = ["checking", "evaluating", "of_flows", "outcome_of", "rendering"]

_PURE: Final = Requires((), ("flow.pure",))

Given: TypeAlias = Any
"""A value, or bytes that may not be the encoding of one."""


def evaluating(expr: str, env: Given, rule: str | None = None) -> Asked:
    """Return the evaluation of an expression; the environment may be bytes that are not an encoding."""
    data = _bytes(env)
    return "flow.eval", {"expr": expr, "env": to_base64(data)}, eval_expected(expr, data), _full(rule)


def rendering(template: Given, env: Given, rule: str | None = None) -> Asked:
    """Return the rendering of a template."""
    data, around = _bytes(template), _bytes(env)
    args: dict[str, Json] = {"template": to_base64(data), "env": to_base64(around)}
    return "flow.render", args, render_expected(data, around), _full(rule)


def checking(draft: FlowDraft, rule: str | None = None) -> Asked:
    """Return the check of a program under a policy."""
    program, policy, given = _bytes(draft.program), _bytes(draft.policy), _bytes(draft.input)
    args: dict[str, Json] = {"program": to_base64(program), "policy": to_base64(policy), "input": to_base64(given)}
    args |= {"peers": list(draft.peers), "refs": list(draft.refs)}
    return "flow.check", args, check_expected(program, policy, given, draft.peers, draft.refs), _full(rule)


def outcome_of(asked: Asked) -> Json:
    """Return what the model answers, in short: the value, the defects, or the code or class of a refusal."""
    expect = asked[2]
    if "ok" in expect:
        return next(iter(expect["ok"].values()))
    return expect.get("code") or expect.get("refused") or [each["refused"] for each in expect["any"]]


def of_flows(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Any = None,
    requires: Requires = _PURE,
    **options: Unpack[PropertyOptions],
) -> Property:
    """Return a property of flows.

    Args:
        name: topic and slug.
        body: takes the trial and what ``given`` draws.
        rules: the rules that it judges, without ``flow.``.
        given: keyword -> strategy, or None.
        requires: the claims that it needs.
        options: as in :class:`Property`.
    """
    return Property(f"flow/{name}", tuple(f"flow.{rule}" for rule in rules), body, given, requires, **options)


def _full(rule: str | None) -> str | None:
    return None if rule is None else f"flow.{rule}"


def _bytes(value: Given) -> bytes:
    return value if isinstance(value, bytes) else encode(value)
