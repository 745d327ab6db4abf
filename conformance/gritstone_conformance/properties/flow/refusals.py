"""The classes with which ``flow.eval`` and ``flow.render`` refuse."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import encode
from gritstone_conformance.properties.flow.asking import evaluating, of_flows, rendering
from gritstone_conformance.strategies.flow_values import KINDS, nested
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_TEXTS: Final = ("True", "$input.x == 1", "$input.nope", "$input.x", "1 <", "(" * 33 + "True" + ")" * 33, "'x'" * 2_000)
_TEMPLATES: Final = (1, "$input.x", "$input.nope", "${input.m}", "$", ["$"], nested(17, "["), "x" * 65_536)
_SPACES: Final = ("input", "out", "prior", "args", "dep", "tool")


def _environments() -> list[Any]:
    """Return environments: sound ones, of another form, not encodings, above a limit."""
    sound: list[Any] = [{}, {"input": {"x": 1, "m": {}}}, {name: {} for name in _SPACES}]
    other: list[Any] = [*(value for kind, value in KINDS.items() if kind != "map"), {"inputs": {}}, {"": {}}]
    other += [{"input": value} for kind, value in KINDS.items() if kind != "map"]
    other += [{"Input": {}}, {"input": {}, "env": {}}, {"$input": {}}, {"input.x": {}}]
    wrong = [
        b"",
        encode({})[:0],
        b"\xa1\x65input\xbf\xff",
        encode({}) + b"\0",
        b"\xa2\x65input\xa0\x65input\xa0",
        b"\xff",
    ]
    over: list[Any] = [{"input": {"x": "x" * 65_536}}, {"input": nested(16, "{", 1)}, b"\x81" * 17 + b"\0"]
    return [*sound, *other, *wrong, *over, b"\xa1" * 70_000, encode({"input": {"x": "x" * 65_536}})[:-1]]


def classes(trial: Trial) -> None:
    """Arguments that are no values are malformed, those above a limit exhausted, and errors of evaluation rejected."""
    for env in _environments():
        trial.expect_many([evaluating(text, env) for text in _TEXTS])
        trial.expect_many([rendering(template, env) for template in _TEMPLATES])


PROPERTIES: Final = (of_flows("eval/classes", classes, "eval.refused"),)
