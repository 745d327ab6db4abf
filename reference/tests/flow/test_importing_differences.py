"""Each documented difference between the published engine and an imported flow, seen on both.

The table is in ``docs/howto-import.rst``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gritstone.flow.importing import import_program

from .driving import PENDING
from .engine import Answer, Run, fail, run_both, run_engine


def _tool(name: str, x: Any = 1, **members: Any) -> dict[str, Any]:
    return {"id": name, "type": "tool", "tool": "t", "args": {"x": x}, **members}


def _model(name: str, **members: Any) -> dict[str, Any]:
    return {"id": name, "type": "llm", "prompt": name, **members}


def _if(name: str, condition: str, then: str, otherwise: str) -> dict[str, Any]:
    return {"id": name, "type": "condition", "condition": condition, "then": then, "otherwise": otherwise}


def _always(value: Any) -> Answer:
    return lambda tool, args, before: value


def _shown(runs: tuple[Run, Run]) -> list[tuple[str, Any, int]]:
    """Return status, output and number of calls, first of the engine."""
    return [(run.status, run.output, len(run.calls)) for run in runs]


def _gate(condition: str, *, first: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a program that pays if a condition holds for a first step ``a``."""
    return {"steps": [first or _tool("a"), _if("gate", condition, "pay", "stop"), _tool("pay", 2), _tool("stop", 3)]}


# --- values that are absent or of another kind -----------------------------------------------------------


def test_absent_variable_of_a_template_is_sent_as_text_or_fails() -> None:
    engine, flow = run_both({"steps": [_tool("a", "$absent")]}, _always("done"))
    assert (engine.status, engine.calls) == ("succeeded", ('["t", {"x": "$absent"}]',))
    assert (flow.status, flow.calls) == ("failed", ())


def test_absent_variable_of_a_condition_is_none_or_fails() -> None:
    runs = run_both(_gate("$risk != 'high'"), _always("done"))
    assert _shown(runs) == [("succeeded", "done", 2), ("failed", None, 1)]


@pytest.mark.parametrize(("condition", "paid"), [("$risk == None", 2), ("$risk != None", 3)])
@pytest.mark.parametrize("data", [{}, {"risk": None}, {"risk": "low"}], ids=["absent", "none", "text"])
def test_comparison_with_none_is_true_of_an_absent_variable_on_both(
    condition: str, paid: int, data: Mapping[str, Any]
) -> None:
    engine, flow = run_both(_gate(condition), _always("done"), data=data)
    assert engine == flow
    assert engine.calls[-1] == f'["t", {{"x": {paid if "risk" not in data or data["risk"] is None else 5 - paid}}}]'


def test_values_of_different_kinds_are_unequal_or_fail() -> None:
    runs = run_both(_gate("$a.output == '1'"), _always(1))
    assert _shown(runs) == [("succeeded", 1, 2), ("failed", None, 1)]


def test_true_equals_one_or_fails() -> None:
    runs = run_both(_gate("$a.output == 1"), _always(True))
    assert _shown(runs) == [("succeeded", True, 2), ("failed", None, 1)]


def test_text_counts_as_true_or_fails() -> None:
    runs = run_both(_gate("$a.output"), _always("no"))
    assert _shown(runs) == [("succeeded", "no", 2), ("failed", None, 1)]


def test_bool_in_a_text_is_written_or_fails() -> None:
    engine, flow = run_both({"steps": [_tool("a"), _tool("b", "is $a")]}, _always(True))
    assert engine.calls[1] == '["t", {"x": "is True"}]'
    assert (flow.status, len(flow.calls)) == ("failed", 1)


# --- models ----------------------------------------------------------------------------------------------


def test_blanks_around_an_allowed_output_are_removed_or_fail() -> None:
    runs = run_both({"steps": [_model("a", allowed_outputs=["yes", "no"])]}, _always(" yes\n"))
    assert _shown(runs) == [("succeeded", "yes", 1), ("failed", None, 1)]


def test_output_that_is_not_allowed_is_requested_again_or_fails() -> None:
    source = {"steps": [_model("a", allowed_outputs=["yes"], on_error="retry")]}
    runs = run_both(source, lambda tool, args, before: "yes" if before else "maybe")
    assert _shown(runs) == [("succeeded", "yes", 2), ("failed", None, 1)]


# --- suspension ------------------------------------------------------------------------------------------


def test_output_of_a_resumed_step_is_absent_or_the_answer() -> None:
    source = {"steps": [_tool("a"), _tool("b", "$a.output")]}
    engine, flow = run_both(source, lambda tool, args, before: "done" if args["x"] != 1 else PENDING, resume=[{"k": 1}])
    assert engine.calls[1] == '["t", {"x": "$a.output"}]'
    assert flow.calls[1] == '["t", {"x": {"k": 1}}]'


def test_resumed_target_continues_with_its_sibling_or_ends() -> None:
    source = {"steps": [_if("gate", "True", "pay", "stop"), _tool("pay", 2), _tool("stop", 3)]}
    engine, flow = run_both(source, lambda tool, args, before: PENDING if args["x"] == 2 else "done", resume=["paid"])
    assert engine.calls == ('["t", {"x": 2}]', '["t", {"x": 3}]')
    assert (flow.output, flow.calls) == ("paid", ('["t", {"x": 2}]',))


def test_text_pending_suspends_or_is_data() -> None:
    runs = run_both({"steps": [_tool("a")]}, _always("PENDING"))
    assert _shown(runs) == [("suspended", None, 1), ("succeeded", "PENDING", 1)]


def test_pending_sub_is_a_text_or_suspends() -> None:
    runs = run_both({"steps": [{"id": "p", "type": "parallel", "parallel_steps": [_tool("a")]}]}, _always(PENDING))
    assert _shown(runs) == [("succeeded", {"a": "PENDING"}, 1), ("suspended", None, 1)]


# --- parallels -------------------------------------------------------------------------------------------


def test_subs_are_called_in_the_order_of_the_list_or_of_their_names() -> None:
    subs = [_tool("b", 1), _tool("aa", 2), _tool("a", 3)]
    engine, flow = run_both({"steps": [{"id": "p", "type": "parallel", "parallel_steps": subs}]}, _always("done"))
    assert [one[-3] for one in engine.calls] == ["1", "2", "3"]
    assert [one[-3] for one in flow.calls] == ["3", "1", "2"]
    assert engine.output == flow.output


def test_parallel_calls_all_subs_or_stops_after_a_failure() -> None:
    subs = [_tool("a", 1), _tool("b", 2), _tool("c", 3)]
    source = {"steps": [{"id": "p", "type": "parallel", "parallel_steps": subs, "max_concurrency": 1}]}
    runs = run_both(source, lambda tool, args, before: fail() if args["x"] == 1 else "done")
    assert _shown(runs) == [("failed", None, 3), ("failed", None, 1)]


# --- limits ----------------------------------------------------------------------------------------------


def test_end_counts_as_a_step_only_in_the_flow() -> None:
    loop = [_tool("a"), _if("gate", "$a.output == 'again'", "a2", "b"), _tool("a2", next_step="a"), _tool("b")]
    source = {"max_steps": 3, "steps": loop}
    runs = run_both(source, _always("done"))
    assert _shown(runs) == [("succeeded", "done", 2), ("budget_exceeded", None, 2)]


def test_limit_that_no_way_reaches_ends_neither() -> None:
    engine, flow = run_both({"max_steps": 2, "steps": [_tool("a"), _tool("b")]}, _always("done"))
    assert engine == flow
    assert engine.status == "succeeded"


def test_target_of_a_condition_is_not_limited_or_is() -> None:
    source = {"max_steps": 1, "steps": [_if("gate", "True", "a", "a"), _tool("a")]}
    runs = run_both(source, _always("done"))
    assert _shown(runs) == [("succeeded", "done", 1), ("budget_exceeded", None, 0)]


def test_tokens_of_a_sequence_are_limited_at_the_same_step_on_both() -> None:
    for most, calls in [(5, 1), (6, 2), (10, 2), (11, 3)]:
        source = {"max_tokens": most, "steps": [_model("a"), _model("b"), _model("c")]}
        engine, flow = run_both(source, lambda tool, args, before: ("text", 5))
        assert engine == flow
        assert len(flow.calls) == calls


def test_tokens_of_a_parallel_are_limited_before_it_or_before_each_call() -> None:
    subs = [_model("a"), _model("b"), _model("c")]
    parallel = {"id": "p", "type": "parallel", "parallel_steps": subs, "max_concurrency": 1}
    runs = run_both({"max_tokens": 6, "steps": [parallel]}, lambda tool, args, before: ("text", 5))
    assert [(run.status, len(run.calls)) for run in runs] == [("succeeded", 3), ("budget_exceeded", 2)]


def test_stalled_steps_are_counted_from_the_second_or_the_first() -> None:
    steps = [_tool("a", on_error="skip"), _tool("b", 2)]
    runs = run_both(
        {"max_stalled_steps": 1, "steps": steps}, lambda tool, args, before: fail() if args["x"] == 1 else "done"
    )
    assert _shown(runs) == [("succeeded", "done", 2), ("stalled", None, 1)]


def test_endless_loop_ends_only_in_the_flow() -> None:
    source = {
        "steps": [_tool("a"), _if("gate", "$a.output == 'again'", "b", "c"), _tool("b", next_step="a"), _tool("c")]
    }
    engine, flow = run_both({**source, "max_steps": 3_000}, _always("again"))
    assert (engine.status, flow.status) == ("budget_exceeded", "stalled")


# --- retries ---------------------------------------------------------------------------------------------


def test_failed_attempts_are_repeated_as_often_on_both() -> None:
    for count in range(1, 5):
        source = {"steps": [_tool("a", on_error="retry", max_retries=count)]}
        engine, flow = run_both(source, lambda tool, args, before: "done" if before >= 2 else fail())
        assert engine == flow
        assert len(flow.calls) == min(count, 3)


def test_timeout_of_a_model_is_a_failure_of_the_engine() -> None:
    """The driver of flows has no clock, so only the engine is seen; ``timeout_ms`` is in the imported program."""

    async def sleeping() -> str:
        await asyncio.Event().wait()
        return "never"

    source = {"steps": [_model("a", timeout_seconds=0.001)]}
    assert run_engine(source, lambda tool, args, before: sleeping()).status == "failed"
    assert import_program(source).program["nodes"]["a"]["timeout_ms"] == 1
    assert import_program(source).policy()["timer"] == "host"
