"""Programs and policies in Python, JSON and YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Exhausted, Malformed
from gritstone.flow import Defect, Defects, Policy, Program, Ref, branch, call, end, parallel, sub, wait, yaml_form
from gritstone.flow.program import _TEXTS, read_file
from gritstone.flow.values import encode_value
from gritstone.flow.yaml_form import read_yaml, write_yaml

from .worked import REFUND

SPEC = Path(__file__).parents[3] / "spec" / "flow"

YAML = """
flow: 1
name: refund    # a comment
start: ask
nodes:
  ask: {kind: call, tool: llm, args: {prompt: "${input.order}?"}, one_of: [yes, no], next: gate}
  gate:
    kind: branch
    if: $out.ask == 'yes'
    then: done
    else: done
  done: {kind: end, outcome: success, output: [null, ~, true, -7, "5", {$ref: card}]}
"""


def test_nodes_in_python_are_the_documents() -> None:
    program = Program(
        "all",
        start="a",
        nodes={
            "a": call(
                "t", {"x": 1}, next="b", on_error="e", guards=["b.then"], retry=(3, 200), timeout_ms=5, one_of=["y"]
            ),
            "b": branch("True", then="p", otherwise="w"),
            "p": parallel(
                {"s": sub("t", depends_on=["r"], optional=True), "r": sub("u", retry={"max_attempts": 2})},
                next="w",
                width=2,
            ),
            "w": wait("go", next="e", timeout_ms=9, on_error="e"),
            "e": end("failure", output=None),
            "f": end(),
        },
        limits={"max_visits": 2},
        desc="text",
    )
    assert program.value == {
        "flow": 1,
        "name": "all",
        "start": "a",
        "limits": {"max_visits": 2},
        "desc": "text",
        "nodes": {
            "a": {
                "kind": "call",
                "tool": "t",
                "args": {"x": 1},
                "next": "b",
                "on_error": "e",
                "guards": ["b.then"],
                "retry": {"max_attempts": 3, "backoff_ms": 200},
                "timeout_ms": 5,
                "one_of": ["y"],
            },
            "b": {"kind": "branch", "if": "True", "then": "p", "else": "w"},
            "p": {
                "kind": "parallel",
                "calls": {
                    "s": {"tool": "t", "args": {}, "depends_on": ["r"], "optional": True},
                    "r": {"tool": "u", "args": {}, "retry": {"max_attempts": 2}},
                },
                "next": "w",
                "width": 2,
            },
            "w": {"kind": "wait", "event": "go", "next": "e", "timeout_ms": 9, "on_error": "e"},
            "e": {"kind": "end", "outcome": "failure", "output": None},
            "f": {"kind": "end", "outcome": "success"},
        },
    }
    assert program.name == "all"
    policy = Policy.allow({"t": ["x"], "u": {"params": [], "cost": 3}}, events=["go"])
    assert {found.at for found in program.check(policy)} == {"a", "f"}


def test_program_is_not_changed_from_outside() -> None:
    nodes = {"e": end(output=[1])}
    program = Program("n", start="e", nodes=nodes)
    nodes["e"]["output"].append(2)
    assert program.value["nodes"]["e"]["output"] == [1]


def test_json_and_yaml_have_the_same_value(tmp_path: Path) -> None:
    program = Program.from_yaml(YAML)
    assert program.value["nodes"]["ask"]["one_of"] == ["yes", "no"]
    assert program.value["nodes"]["done"]["output"] == [None, None, True, -7, "5", Ref("card")]
    assert Program.from_json(program.to_json()) == program
    assert Program.from_yaml(program.to_yaml()) == program
    for name, text in (("p.json", program.to_json()), ("p.yaml", program.to_yaml()), ("p.yml", YAML)):
        (tmp_path / name).write_text(text)
        assert Program.load(tmp_path / name) == program
        assert hash(Program.load(tmp_path / name)) == hash(program)
    (tmp_path / "bad.json").write_bytes(b"\xff")
    with pytest.raises(Malformed, match="not UTF-8"):
        read_file(tmp_path / "bad.json")
    assert program != Policy.from_value(program.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1.5", "1.5 is not an integer"),
        ("a: 1e3", "1e3 is not an integer"),
        ("a: .5", "not JSON"),
        ("a: -0", "-0 is not an integer"),
        ("a: 1\na: 2", "occurs twice"),
        ("1: a", "a key is not a text"),
        ("a: &x 1\nb: *x", "aliases are not supported"),
        ("a: !!python/object:os.system x", "is not supported"),
        ("a: !!binary aGk=", "is not supported"),
        ("a: !!set {x}", "is not supported"),
        ("a: {$ref: Card}", "the name of a ref is not an id"),
        ("a: {$ref: 5}", "the name of a ref is not an id"),
        ("a: [", "not YAML"),
        ("a: 1\n---\nb: 2", "single document"),
        ("a: 9223372036854775808", "out of range"),
        ("? {a: 1}\n: 2", "a key is not a text"),
    ],
)
def test_yaml_outside_of_values_is_malformed(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 0o17", "0o17"),
        ("a: 0x1f", "0x1f"),
        ("a: 012", None),
        ("a: 1_000", "1_000"),
        ("a: 1:30", "1:30"),
        ("a: 2026-11-24", "2026-11-24"),
        ("a: on", "on"),
        ("a: No", "No"),
        ("a: TRUE", "TRUE"),
        ("a: <<", "<<"),
        ("a: .inf", ".inf"),
        ("a:", None),
        ("a: ''", ""),
        ("a: '5'", "5"),
        ("a: !!str 5", "5"),
    ],
)
def test_yaml_has_the_scalars_of_json_only(text: str, value: Any) -> None:
    if text == "a: 012":
        with pytest.raises(Malformed):
            read_yaml(text)
    else:
        assert read_yaml(text) == {"a": value}


def test_yaml_is_bounded() -> None:
    with pytest.raises(Exhausted, match="too long"):
        read_yaml("a" * ((1 << 20) + 1))
    with pytest.raises(Exhausted):
        read_yaml("[" * 5_000 + "]" * 5_000)
    with pytest.raises(Exhausted):
        read_yaml("[" * 20 + "]" * 20)
    with pytest.raises(Malformed, match=r"no (YAML|JSON) form"):
        write_yaml({"$ref": 5})


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(yaml_form, "import_module", refuse)
    with pytest.raises(ModuleNotFoundError, match=r"gritstone\[yaml\]"):
        read_yaml("a: 1")


def test_check_reports_all_defects_with_texts() -> None:
    program = Program.from_value({**REFUND, "start": "absent"})
    policy = Policy.allow({"llm": ["prompt"], "refund": {"params": ["order"], "guarded": True}})
    found = program.check(policy, {"order": 1})
    assert found == [("", "unknown-target"), ("pay", "unknown-param"), ("reject", "unknown-tool")]
    assert str(found[1]) == "pay: unknown-param: an argument is not a parameter of the tool"
    assert str(found[0]) == "program: unknown-target: start, an exit or an element of depends_on does not exist"
    assert found[0].stage == 5
    with pytest.raises(Defects, match="the program has 3 defects") as raised:
        program.require(policy)
    assert raised.value.defects == found
    assert raised.value.kind == "rejected"


def test_values_outside_of_flows_are_defects() -> None:
    policy = Policy.allow({})
    fraction = Program("n", start="e", nodes={"e": end(output=1.5)})
    assert fraction.check(policy) == [("", "program-malformed")]
    program = Program("n", start="e", nodes={"e": end()})
    assert program.check(policy) == []
    assert program.check(Policy({"x": 1.5})) == [("", "policy-malformed")]
    assert program.check(Policy({"x": 1})) == [("", "policy-shape")]
    assert Policy({"x": 1}).peers == []
    assert program.check(policy, {"n": object()}) == [("", "input-malformed")]
    assert program.check(policy, {"n": Ref("r")}) == [("", "unknown-ref")]
    assert program.check(policy, {"n": Ref("r")}, refs=["r"]) == []
    assert ("", "unknown-peer") in program.check(policy, peers=[])


def test_defects_are_those_of_the_specification() -> None:
    stages = json.loads((SPEC / "defects.json").read_text())["stages"]
    assert {code: number for code, (number, _) in _TEXTS.items()} == {
        code: stage["stage"] for stage in stages for code in stage["defects"]
    }
    assert all(Defect("", code).text for code in _TEXTS)


def test_policy_names_its_peers() -> None:
    policy = Policy(
        {
            "flow_policy": 1,
            "tools": {"t": {"peer": "z", "params": []}},
            "timer": "a",
            "events": {"go": ["b", "c"]},
            "control": {"cancel": ["d"], "cleanup": []},
        }
    )
    assert policy.peers == ["a", "b", "c", "d", "z"]
    limited = Policy.allow({"t": []}, limits={"max_calls": 3})
    assert (limited.value["limits"], limited.peers) == ({"max_calls": 3}, ["host"])


@pytest.mark.parametrize(
    "text",
    [
        "!!int x",
        "!!map a",
        "!!seq abc",
        "!!str [a]",
        "!!str {a: b}",
        "! a",
        "!x a",
        "!!python/object:os.system a",
        "!!binary a",
        "!!timestamp 2024-99-99",
        "!!float a",
        "!!null a",
        "!!bool 3",
        "!!omap [a]",
        "!!set {a}",
        "a: !!int b",
        "- !!seq {}",
    ],
)
def test_yaml_with_tags_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="is not supported"):
        read_yaml(text)


PIECES = [
    *(
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "!",
        "!!",
        "&",
        "*",
        ">",
        "|",
        "?",
        "<<",
        "'",
        '"',
        "\\",
        "%YAML 1.1",
        "---",
        "...",
        "#",
    ),
    *("1", "0x", "1e9", "~", "null", "\\uD800", "$ref", "a", "\n", "\t", "\ud800", "\x00", "\ufeff"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_any_yaml_is_read_or_refused(text: str) -> None:
    try:
        value = read_yaml(text)
    except (Malformed, Exhausted):
        return
    assert encode_value(value, None)
