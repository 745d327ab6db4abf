"""Graphs of programs: each node and each exit once, and no text of a program outside of a label."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gritstone.flow import Program, call, end
from gritstone.flow.drawing import mermaid

from .worked import REFUND

TRACE = [{"e": "admitted"}, *({"e": "entered", "node": node} for node in ("analyze", "gate", "pay", "paid"))]
LINE = re.compile(
    r"flowchart TD|  n\d+[^\w\s\"]{1,2}\"(?:[^\W_]|[ _.,$=!()\[\]'…-]|#\d+;|<br/>)*\"[^\w\s\"]{1,2}"
    r"|  begin\(\( \)\)|  begin --> n\d+"
    r"|  n\d+ (?:==>|-->|-\.->)(?:\|\w+\|)? n\d+|  classDef entered stroke-width:3px|  class n\d+(?:,n\d+)* entered"
)


def test_mermaid_has_each_node_and_exit() -> None:
    lines = mermaid(REFUND, TRACE).splitlines()
    assert lines[0] == "flowchart TD"
    ids = {name: f"n{number}" for number, name in enumerate(REFUND["nodes"])}
    assert f'  {ids["analyze"]}["analyze<br/>llm"]' in lines
    assert f"  {ids['gate']}{{\"gate<br/>$out.analyze == 'yes' and $input.amount…\"}}" in lines
    assert f"  begin --> {ids['analyze']}" in lines
    assert f"  {ids['gate']} ==>|then| {ids['pay']}" in lines
    assert f"  {ids['gate']} -->|else| {ids['reject']}" in lines
    assert f"  class {','.join(ids[name] for name in ('analyze', 'gate', 'pay', 'paid'))} entered" in lines
    assert len([line for line in lines if re.search(r"n\d+ \S+ n\d+$", line)]) == 5
    assert "class" not in mermaid(REFUND)


@given(st.text(), st.text())
def test_text_of_a_program_stays_inside_its_label(name: str, tool: str) -> None:
    nodes = {name: call(tool, next="end"), "end": end()}
    text = mermaid({"flow": 1, "name": "x", "start": name, "nodes": nodes})
    assert [line for line in text.split("\n")[:-1] if not LINE.fullmatch(line)] == []


def test_labels_are_escaped() -> None:
    program = Program(
        "x", start="e", nodes={"e": end(), "b": {"kind": "branch", "if": '"<#&;' * 20, "then": "e", "else": "b"}}
    )
    (line,) = [line for line in mermaid(program.value).splitlines() if "n1{" in line]
    assert "#34;#60;#35;#38;#59;" in line
    assert line.count('"') == 2
    assert "n1 -->|else| n1" in mermaid(program.value)


def test_any_value_is_drawn() -> None:
    values: list[Any] = [
        None,
        [],
        {},
        {"nodes": []},
        {"nodes": {"a": 5}, "start": 5},
        {"start": [], "nodes": {"e": end()}},
    ]
    for value in values:
        assert mermaid(value).startswith("flowchart TD")
    program = Program("x", start="a", nodes={"a": call("t", next="a", on_error="gone"), "end": end()})
    assert "n0 --> n0" in mermaid(program.value)
    assert program.mermaid() == mermaid(program.value)
