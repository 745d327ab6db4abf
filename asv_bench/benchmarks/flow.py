"""Speed of the pure part of ``flow``: expressions that are read and evaluated, and the check of programs."""

from __future__ import annotations

from typing import Any

from gritstone.flow.check import check
from gritstone.flow.expressions import evaluate, read_expression
from gritstone.flow.templates import read_template, render
from gritstone.flow.values import decode_value, encode_value

_ENVIRONMENT = {"input": {"amount": 40, "order": "A-17", "tags": ["new"]}, "out": {"analyze": "yes"}}
_EXPRESSIONS = {
    "comparisons": "$out.analyze == 'yes' and $input.amount <= 100",
    "long": " and ".join(["$input.amount <= 100"] * 128),
    "nested": "(" * 32 + "$input.amount <= 100" + ")" * 32,
}
_COUNT = 100


class Expressions:
    """100 expressions; the long one has 511 tokens, and the nested one 32 groups."""

    params = (sorted(_EXPRESSIONS),)
    param_names = ("kind",)

    def setup(self, kind: str) -> None:
        self.text = _EXPRESSIONS[kind]
        self.read = read_expression(self.text)

    def time_read_and_evaluate(self, kind: str) -> None:
        for _ in range(_COUNT):
            evaluate(read_expression(self.text), _ENVIRONMENT)

    def time_evaluate(self, kind: str) -> None:
        for _ in range(_COUNT):
            evaluate(self.read, _ENVIRONMENT)


class Templates:
    """100 templates of an argument list with three paths."""

    def setup(self) -> None:
        args = {"prompt": "Is order ${input.order} refundable?", "amount": "$input.amount", "tags": ["$input.tags"]}
        self.template = encode_value(args)

    def time_read_and_render(self) -> None:
        for _ in range(_COUNT):
            render(read_template(decode_value(self.template)), _ENVIRONMENT)


class Checks:
    """The check of a program without defects: pairs of a branch and a call that its exit guards."""

    params = ([10, 100, 1_024],)
    param_names = ("nodes",)

    def setup(self, nodes: int) -> None:
        made: dict[str, Any] = {"e": {"kind": "end", "outcome": "success"}}
        pairs = (nodes - 1) // 2
        for index in range(pairs):
            after = f"b{index + 1}" if index + 1 < pairs else "e"
            made[f"b{index}"] = {"kind": "branch", "if": _EXPRESSIONS["comparisons"], "then": f"c{index}", "else": "e"}
            made[f"c{index}"] = {"kind": "call", "tool": "t", "args": {"v": "$input.amount"}, "next": after}
            made[f"c{index}"]["guards"] = [f"b{index}.then"]
        made["analyze"] = {"kind": "call", "tool": "t", "args": {}, "next": "b0"}
        self.program = encode_value({"flow": 1, "name": "n", "start": "analyze", "nodes": made}, None)
        tools = {"t": {"peer": "edge", "params": ["v"], "guarded": False}}
        self.policy = encode_value({"flow_policy": 1, "tools": tools})
        self.input = encode_value(_ENVIRONMENT["input"])
        assert check(self.program, self.policy, self.input, ["edge"], []) == []

    def time_check(self, nodes: int) -> None:
        check(self.program, self.policy, self.input, ["edge"], [])
