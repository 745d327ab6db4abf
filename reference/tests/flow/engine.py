"""Runs of the published engine, and of the flow that is imported from the same program, with the same tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from nano_vm import ExecutionVM, Program
from nano_vm.models import TraceStatus
from nano_vm.vm import InMemoryCursorRepository, WebhookEvent

from gritstone.flow.importing import import_program

from .driving import PENDING, Driver, ToolFailed

__all__ = ["Answer", "Run", "run_both", "run_engine", "run_flow"]

Answer = Callable[[str, Mapping[str, Any], int], Any]
"""Returns the answer of a tool to some arguments, and to how many equal calls were before; or raises ``ToolFailed``."""

_STRICTER = {"unbound", "type", "not-allowed", "size"}
_STATUS = {"success": "succeeded"}


class Run(NamedTuple):
    """What a run did.

    Attributes:
        status: the status, in the word of flows.
        output: the result, or None.
        calls: each call as JSON, oldest first.
        before: of a flow that is stricter than the engine, how many calls it made before it was.
    """

    status: str
    output: Any
    calls: tuple[str, ...]
    before: int | None = None


class _Tools:
    """The tools of one run."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.calls: list[str] = []

    def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        key = json.dumps([tool, args], sort_keys=True)
        count = self.calls.count(key)
        self.calls.append(key)
        return self._answer(tool, args, count)

    def of(self, tool: str) -> Callable[..., Any]:
        """Return the function of a tool."""
        return lambda **args: self.call(tool, args)


class _Model:
    """The adapter of the engine for models."""

    def __init__(self, tools: _Tools) -> None:
        self._tools = tools

    async def complete(self, messages: list[dict[str, str]], **options: Any) -> Any:
        names = {"user": "prompt", "system": "system"}
        answer = self._tools.call("llm", {names[one["role"]]: one["content"] for one in messages})
        if asyncio.iscoroutine(answer):
            answer = await answer
        return (answer[0], {"total_tokens": answer[1]}) if isinstance(answer, tuple) else answer


def run_engine(
    source: Mapping[str, Any], answer: Answer, data: Mapping[str, Any] | None = None, resume: list[Any] | None = None
) -> Run:
    """Run a program on the engine, without the delays between attempts; resume it with values."""
    tools = _Tools(lambda *call: _pending_as_text(answer(*call)))
    names = {
        one["tool"] for step in source["steps"] for one in [step, *step.get("parallel_steps", [])] if "tool" in one
    }

    async def run() -> Any:
        cursors = InMemoryCursorRepository()
        machine = ExecutionVM(_Model(tools), {name: tools.of(name) for name in names}, cursors)
        program = Program.from_dict(dict(source))
        trace = await machine.run(program, dict(data or {}))
        for value in resume or []:
            trace = await machine.resume_with_program(WebhookEvent(trace.trace_id, value), program)
        return trace

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nano_vm.vm.asyncio.sleep", _no_delay)
        trace = asyncio.run(run())
    assert isinstance(trace.status, TraceStatus)
    return Run(_STATUS.get(trace.status.value, trace.status.value), trace.final_output, tuple(tools.calls))


async def _no_delay(seconds: float) -> None:
    """Return at once."""


def _pending_as_text(answer: Any) -> Any:
    return "PENDING" if answer is PENDING else answer


def run_flow(
    source: Mapping[str, Any], answer: Answer, data: Mapping[str, Any] | None = None, resume: list[Any] | None = None
) -> Run:
    """Run the flow that is imported from a program of the engine."""
    imported, tools = import_program(source), _Tools(answer)
    driver = Driver({name: tools.of(name) for name in imported.policy_tools})
    driver.run(imported.program, imported.policy(), dict(data or {}))
    for value in resume or []:
        driver.resume(value)
    state = driver.state()
    before = _before_stricter([*driver.events, {"e": "failed", "failure": state.get("failure", {"class": ""})}])
    return Run(state["status"], state.get("output"), tuple(tools.calls), before)


def _before_stricter(events: list[Any]) -> int | None:
    """Return the number of calls before the first failure that the engine does not have; None if there is none."""
    calls: int = 0
    for event in events:
        calls += event["e"] == "called"
        if event["e"] == "failed" and event["failure"]["class"] in _STRICTER:
            return calls
    return None


def run_both(source: Mapping[str, Any], answer: Answer, **options: Any) -> tuple[Run, Run]:
    """Run a program on the engine and as a flow; return both runs."""
    return run_engine(source, answer, **options), run_flow(source, answer, **options)


def fail() -> Any:
    """Raise the failure of a tool."""
    raise ToolFailed("the tool failed")
