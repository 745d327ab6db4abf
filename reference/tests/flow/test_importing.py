"""Generated programs of the published engine have the same outcome as the flows that are imported from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nano_vm import Program

from gritstone.flow.importing import NotExpressible, import_program

from .driving import PENDING
from .engine import Answer, fail, run_engine, run_flow

_INPUT = {"word": "yes", "number": 2, "flag": True, "list": ["yes", 2], "map": {"k": "yes"}, "nothing": None}
_KINDS = ["leaf", "leaf", "leaf", "condition", "parallel"]
_EXAMPLES = 200 if settings.get_current_profile_name() == "gate" else 4_000
_MOST_STEPS = 60  # of the engine, whose loops may be endless

_literals = st.sampled_from(["'yes'", "'yes'", "'no'", "''", "2", "-1", "True", "None", '"it\'s"', "'a\\\\b'"])
_words = st.sampled_from(["yes", "no", "2", " yes"])
_any_answers = st.one_of(
    _words,
    _words,
    _words,
    st.integers(0, 3),
    st.booleans(),
    st.none(),
    st.just(["yes"]),
    st.just({"k": "yes"}),
    st.just({}),
)


def _operands(ids: list[str]) -> st.SearchStrategy[str]:
    steps = st.sampled_from([*(f"${one}.output" for one in ids * 4), *(f"${one}.output.k" for one in ids)])
    inputs = st.sampled_from([*(f"${name}" for name in _INPUT), "$map.k", "$absent", "$key"])
    return st.one_of(steps, inputs, _literals)


@st.composite
def _conditions(draw: st.DrawFn, ids: list[str]) -> str:
    operand = _operands(ids)
    operators = st.sampled_from(["==", "==", "==", "!=", "<", ">=", "in", "not  in"])
    comparison = st.one_of(st.builds("{} {} {}".format, operand, operators, operand), operand)
    parts = [draw(comparison)]
    while draw(st.integers(0, 2)) == 0:
        parts += [draw(st.sampled_from(["and", "or"])), draw(comparison)]
    return draw(st.sampled_from(["", "", "not "])) + " ".join(parts)


@st.composite
def _texts(draw: st.DrawFn, ids: list[str]) -> Any:
    paths = [*(f"${one}" for one in ids), *(f"${one}.output" for one in ids), "$key"]
    variable = st.sampled_from([*paths, "$word", "$number", "$absent", f"${ids[0]}.output.k"])
    texts = st.builds(
        "{}{}{}".format, st.sampled_from(["", "a ", "100 $ $$"]), variable, st.sampled_from(["", ".", "!"])
    )
    plain = st.sampled_from(["a", "$5", "$ {x}", "${word}", 7, None, ["$", 1], {"k": [True]}])
    return draw(st.one_of(variable, texts, plain))


@st.composite
def _leaves(draw: st.DrawFn, name: str, ids: list[str], *, is_sub: bool = False) -> dict[str, Any]:
    """Draw a step that calls a model or a tool; the argument ``at`` distinguishes subs of a parallel."""
    on_error = (
        {} if is_sub else {"on_error": draw(st.sampled_from(["fail", "fail", "skip", "retry"])), "max_retries": 2}
    )
    if draw(st.booleans()):
        step = {"id": name, "type": "llm", "prompt": f"{name} {draw(_texts(ids))}", **on_error}
        if draw(st.booleans()):
            step["system"] = draw(st.sampled_from(["be short", "$word"]))
        if on_error.get("on_error") == "fail" and draw(st.booleans()):
            step["allowed_outputs"] = ["yes", "no"]
        return step
    tool = "t" if is_sub else draw(st.sampled_from(["t", "slow"]))
    return {"id": name, "type": "tool", "tool": tool, "args": {"at": name, "x": draw(_texts(ids))}, **on_error}


@st.composite
def _programs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a program of up to six steps, whose conditions and jumps lead anywhere."""
    kinds = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=6))
    ids = [f"s{number}" for number in range(len(kinds))]
    of_key = draw(st.sampled_from(ids))
    steps = []
    for number, (name, kind) in enumerate(zip(ids, kinds, strict=True)):
        jumps = st.sampled_from([*ids[number + 1 :] * 3, *ids])
        before = [one for one, other in zip(ids, kinds, strict=True) if one < name and other != "condition"]
        readable = before if before and draw(st.integers(0, 5)) > 0 else ids
        if kind == "condition":
            targets = {"then": draw(jumps), "otherwise": draw(st.one_of(jumps, jumps, jumps, st.none()))}
            steps.append({"id": name, "type": "condition", "condition": draw(_conditions(readable)), **targets})
            continue
        if kind == "leaf":
            step = draw(_leaves(name, readable))
        else:
            subs = [draw(_leaves(f"{name}{end}", readable, is_sub=True)) for end in "abc"[: draw(st.integers(1, 3))]]
            step = {"id": name, "type": "parallel", "parallel_steps": subs}
            if draw(st.booleans()):
                step |= {"on_error": "skip", "max_concurrency": draw(st.integers(1, 3))}
        if name == of_key:
            step["output_key"] = "key"
        if draw(st.integers(0, 3)) == 0:
            step["next_step"] = draw(jumps)
        step["is_terminal"] = draw(st.integers(0, 5)) == 0
        steps.append(step)
    return {"name": "drawn", "steps": steps}


@st.composite
def _answers(draw: st.DrawFn) -> Answer:
    """Draw answers that depend on the call and on how many equal calls were before."""
    values = draw(st.lists(_any_answers, min_size=1, max_size=5))
    words = draw(st.lists(_words, min_size=1, max_size=4))
    failing = draw(st.sets(st.integers(0, 9), max_size=3))

    def answer(tool: str, args: Mapping[str, Any], before: int) -> Any:
        digest = sha256(json.dumps([tool, args, before], sort_keys=True).encode()).digest()
        if digest[0] % 10 in failing:
            fail()
        if tool == "slow" and digest[1] % 8 == 0:
            return PENDING
        return words[digest[2] % len(words)] if tool == "llm" else values[digest[2] % len(values)]

    return answer


def test_generated_programs_have_the_same_outcome() -> None:
    """A flow either does the same as the engine, or ends with a failure for which it is stricter."""
    seen: Counter[str] = Counter()

    @settings(max_examples=_EXAMPLES)
    @given(_programs(), _answers())
    def compare(source: dict[str, Any], answer: Answer) -> None:
        try:
            flow = run_flow(source, answer, _INPUT)
        except NotExpressible:
            seen["refused"] += 1
            return
        engine = run_engine({**source, "max_steps": _MOST_STEPS}, answer, _INPUT)
        if engine.status == "budget_exceeded":
            seen["endless"] += 1
        elif flow.before is None:
            seen[flow.status] += 1
            assert flow == engine
        else:
            seen["stricter"] += 1
            assert flow.calls[: flow.before] == engine.calls[: flow.before]

    compare()
    assert seen["succeeded"] + seen["failed"] > _EXAMPLES // 10, seen
    assert seen["stricter"] > 0, seen


def _problems(source: Any) -> list[str]:
    with pytest.raises(NotExpressible) as refused:
        import_program(source)
    return [str(one) for one in refused.value.problems]


def _tool(name: str, **members: Any) -> dict[str, Any]:
    return {"id": name, "type": "tool", "tool": "t", **members}


def _model(name: str, **members: Any) -> dict[str, Any]:
    return {"id": name, "type": "llm", "prompt": "p", **members}


def _if(name: str, condition: str = "True", then: str = "z", **members: Any) -> dict[str, Any]:
    return {"id": name, "type": "condition", "condition": condition, "then": then, "otherwise": "z", **members}


def _parallel(*subs: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": "p", "type": "parallel", "parallel_steps": list(subs), **members}


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([_tool("z", retries=2)], "z: the member 'retries' is unknown; the engine drops it"),
        ([_tool("z", prompt="p")], "z: the engine ignores prompt here"),
        ([_tool("z", timeout_seconds=1)], "z: the engine ignores timeout_seconds here"),
        ([_parallel(_tool("a", on_error="skip"))], "p.a: the engine ignores on_error here"),
        ([_parallel(_tool("a"), on_error="retry")], "p: the engine repeats all steps of a parallel"),
        ([_parallel(_if("a"))], "p.a: a sub-step of the type condition is not possible"),
        ([_parallel(_tool("A"))], "p.A: the id is a key of the output, so it must be a name of a flow"),
        ([_tool("z", tool="Pay!")], "z: the tool 'Pay!' is not a name of a flow"),
        ([_tool("z", tool="llm")], "z: the tool 'llm' has the name of the tool of models"),
        ([_tool("z", args={"x": 1.5})], "z: a value of the type float is not a value of a flow"),
        ([_tool("z", args={"x": [{"y": 1.5}]})], "z: a value of the type float is not a value of a flow"),
        ([_tool("z", args=[1])], "z: the member 'args' has the type list"),
        ([_tool("z", max_retries=11, on_error="retry")], "z: max_retries is 11, at most 10 are possible"),
        ([_tool("z", on_error="stop")], "z: on_error is 'stop', expected one of fail, skip, retry"),
        ([_tool("z", next_step="q")], "z: there is no step 'q'"),
        ([_if("z", then="q")], "z: there is no step 'q'"),
        ([_tool("z"), _tool("z")], "z: the id 'z' occurs twice"),
        ([_parallel(_tool("z")), _tool("z")], "z: the id 'z' occurs twice"),
        ([_tool("a", output_key="z"), _tool("z")], "a: output_key 'z' is also the id of a step"),
        ([_tool("z", next_step="z")], "program: the flow has the defect no-exit"),
        (
            [_if("a", then="b"), _if("b", then="z", otherwise=None), _tool("z")],
            "b: the engine starts the program again",
        ),
        ([_if("a", on_error="skip"), _tool("z")], "a: the engine continues with the next step of the list"),
        ([_model("z", allowed_outputs=["y"], on_error="skip")], "z: the engine takes the first allowed output"),
        ([_model("z", timeout_seconds=1, on_timeout="fallback")], "z: the engine takes the first allowed output"),
        ([_model("z", timeout_seconds=0)], "z: timeout_seconds is 0, expected 0.001 to 86,400"),
        ([_model("z", allowed_outputs=[])], "z: the flow has the defect shape"),
        ([_model("z", prompt="$user.name")], "z: the engine does not replace $user.name"),
        ([_model("z", prompt="a $имя")], "z: $имя has a segment that a variable of a flow cannot have"),
        ([_if("a"), _tool("z", args={"x": "$a"})], "z: $a is the target of a condition"),
        ([_tool("z", args={"x": "$__webhook__"})], "z: $__webhook__ is what resumed the program"),
        ([_tool("a", is_terminal=True), _tool("z", next_step="a")], None),
        ([_if("a", "$b.output == 1", "b"), _tool("b", is_terminal=True), _tool("z")], None),
    ],
)
def test_part_that_no_flow_expresses_is_reported(steps: list[dict[str, Any]], problem: str | None) -> None:
    if problem is None:
        assert import_program({"steps": steps}).program["flow"] == 1
        return
    found = _problems({"steps": steps})
    assert len(found) == 1, found
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("$x == 1.5", "1.5 is not an integer"),
        ("!$x", "the engine ignores '!' in the condition"),
        ("$x == yes", "the engine ignores 'y' in the condition"),
        ("$x == 1 # comment", "the engine ignores '#' in the condition"),
        ("$x and not $y", "the engine rejects the condition: an operand is expected"),
        ("1 < $x < 3", "the engine rejects the condition: '<' is not expected"),
        ("'a' contains $x", "the engine evaluates `a contains b` as `a in b`; write `in`"),
        ("$x.lower() == 'a'", "a condition cannot call a method"),
        ("'$x' == 'yes'", "'$x' is a text and not the value of a variable"),
        ("not ($x == 1 or $y == 2)", "the engine ignores parentheses and evaluates not $input.x == 1 or $input.y == 2"),
        ("$x or ($y and $w)", "the engine ignores parentheses and evaluates ($input.x or $input.y) and $input.w"),
        ("5", "the condition is a constant that is not True or False"),
        ("", "a step of the type condition requires condition"),
        ("$a == 'z'", "$a is not the output of the step; write $a.output"),
        ("$x.output == 1", "$x.output depends on whether the value has a key output"),
        (f"$x == {2**63}", "the flow has the defect expression"),
    ],
)
def test_condition_that_the_engine_reads_differently_is_reported(condition: str, problem: str) -> None:
    assert _problems({"steps": [_tool("a"), _if("gate", condition), _tool("z")]}) == [f"gate: {problem}"]


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        ("$x == 1 and $y == 2", "$input.x == 1 and $input.y == 2"),
        ("($x == 1) and ($y == 2)", "$input.x == 1 and $input.y == 2"),
        ("$x or $y and $w", "($input.x or $input.y) and $input.w"),
        ("$x == None", "(not has $input.x or $input.x == None)"),
        ("not $x not  in 'a'", "not $input.x not in 'a'"),
        ('$a.output.k == "it\'s"', r"$out.a.k == 'it\'s'"),
        ("$x == 'a\\b$ \x01'", r"$input.x == 'a\\b\$ \u{1}'"),
        ("$x == 007", "$input.x == 7"),
    ],
)
def test_condition_is_written_with_the_grouping_of_the_engine(condition: str, expression: str) -> None:
    imported = import_program({"steps": [_tool("a"), _if("gate", condition), _tool("z")]})
    assert imported.program["nodes"]["gate"]["if"] == expression
    assert any("left to right" in one.what for one in imported.notes) is (condition == "$x or $y and $w")


def test_all_problems_are_reported_at_once() -> None:
    steps = [_tool("a", args={"x": 1.5}), _parallel(_tool("c", tool="T")), _if("b", "!$x"), _tool("z", tool="T")]
    assert [one.split(":")[0] for one in _problems({"steps": steps})] == ["a", "b", "p.c", "z"]


@pytest.mark.parametrize(
    "source", ["", "[]", "{}", "1", '{"steps": 1}', '{"steps": [1]}', '{"steps": [], "steps": []}']
)
def test_text_that_is_not_a_program_is_reported(source: str) -> None:
    assert _problems(source)


def test_program_is_read_from_json_and_from_the_form_of_the_package() -> None:
    source = {"name": "n", "steps": [_model("a", output_key="k"), _tool("b", args={"x": "$k"}, on_error="skip")]}
    imported = import_program(source)
    assert import_program(json.dumps(source)) == imported
    assert import_program(Program.from_dict(source).model_dump(mode="json")) == imported
    assert imported.policy_tools == {"llm": {"params": ["prompt"]}, "t": {"params": ["x"]}}
    assert imported.program["nodes"]["b"]["args"] == {"x": "$out.a"}


def test_step_that_is_entered_in_two_ways_becomes_two_nodes() -> None:
    steps = [_if("gate", "$x == 1", "b"), _tool("a"), _tool("b"), _tool("z", next_step="a")]
    imported = import_program({"steps": steps})
    assert imported.nodes["b"] == ("b", "b_target")
    assert imported.program["nodes"]["b"]["next"] == "z"
    assert imported.program["nodes"]["b_target"]["next"] == "end"
    assert imported.inputs == {"x"}


def test_work_is_linear_in_the_number_of_steps() -> None:
    """450 conditions in a row, which the engine enters in both ways, are converted without a deep recursion."""
    steps = [_if(f"s{number}", then=f"s{number + 1}", otherwise=f"s{number + 1}") for number in range(450)]
    imported = import_program({"steps": [*steps, _tool("s450")]})
    assert len(imported.program["nodes"]) < 1_000
