"""Graphs of programs: each node and each exit once, in both forms."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from gritstone.flow import Program, call, end
from gritstone.flow.drawing import edges_of, mermaid, svg

from .worked import REFUND

TRACE = [{"e": "admitted"}, *({"e": "entered", "node": node} for node in ("analyze", "gate", "pay", "paid"))]
NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_mermaid_has_each_node_and_exit() -> None:
    lines = mermaid(REFUND, TRACE).splitlines()
    assert lines[0] == "flowchart TD"
    assert '  n_analyze["analyze<br/>llm"]' in lines
    assert "  n_gate{\"gate<br/>$out.analyze == 'yes' and $input.amount…\"}" in lines
    assert "  begin --> n_analyze" in lines
    assert "  n_gate ==>|then| n_pay" in lines
    assert "  n_gate -->|else| n_reject" in lines
    assert "  class n_analyze,n_gate,n_pay,n_paid entered" in lines
    assert len([line for line in lines if ">" in line and "n_" in line and '"' not in line]) == 6
    assert "class" not in mermaid(REFUND)


def test_svg_is_well_formed_and_has_each_node_and_exit() -> None:
    root = ET.fromstring(svg(REFUND, TRACE))
    boxes = root.findall(f"{NAMESPACE}g")
    assert len(boxes) == len(REFUND["nodes"])
    widths = [box.find(f"{NAMESPACE}rect").get("stroke-width") for box in boxes]  # type: ignore[union-attr]
    assert widths.count("3") == 4
    assert len(root.findall(f"{NAMESPACE}path")) == len(list(edges_of(REFUND["nodes"]))) == 5
    places = {(box[0].get("x"), box[0].get("y")) for box in boxes}
    assert len(places) == len(boxes), "no two nodes have the same place"


def test_labels_are_escaped() -> None:
    program = Program(
        "x", start="e", nodes={"e": end(), "b": {"kind": "branch", "if": '"<#&;' * 20, "then": "e", "else": "b"}}
    )
    root = ET.fromstring(svg(program.value))
    assert any("…" in (text.text or "") for text in root.iter(f"{NAMESPACE}text"))
    (line,) = [line for line in mermaid(program.value).splitlines() if "n_b{" in line]
    assert "#quot;&lt;#35;&amp;" in line
    assert line.count('"') == 2
    assert "-->|else| n_b" in mermaid(program.value)


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
        ET.fromstring(svg(value))
        assert mermaid(value).startswith("flowchart TD")
    program = Program("x", start="a", nodes={"a": call("t", next="a", on_error="gone"), "end": end()})
    assert "n_a --> n_a" in mermaid(program.value)
    assert len(ET.fromstring(program.svg()).findall(f"{NAMESPACE}g")) == 2
    assert program.mermaid() == mermaid(program.value)
