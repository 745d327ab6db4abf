"""Counterexamples of the model, drawn: steps, messages, kills and marks, and the action that violates the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.model_checking.pictures import diagram_of_trace
from gritstone_conformance.model_checking.values import State
from gritstone_conformance.reporting.diagrams.diagram import Arrow, Diagram
from gritstone_conformance.reporting.page.behaviours import Behaviour, make_behaviour_page

NOP, FAIL = (("nop",),), (("nop",), ("fail",))


def step(*, covered: Any = (), sent: Any = ()) -> dict[str, Any]:
    return {"covered": covered, "sent": sent}


def state(action: str, heads: dict[str, Any], own: dict[str, Any] | None = None, mark: Any = ()) -> State:
    """Return a state; ``own`` has the chains that the runtime has and did not store yet."""
    every = {"a": (), "agent": (), **heads}
    db = {"heads": every, "marks": {"a": mark}}
    return State(action, {"db": db, "view": {"r": {"heads": {**every, **(own or {})}, "marks": {"a": ()}}}})


SENDS = step(sent=(("a", NOP),))
MORE = step(sent=(("a", FAIL),))
READS = step(covered=(("agent", NOP),))
OTHER = step(covered=(("agent", NOP), ("agent", FAIL)))


def drawn(*states: State) -> Diagram:
    diagram = diagram_of_trace(states)
    assert diagram is not None
    return diagram


def test_steps_messages_and_the_violating_action_are_drawn() -> None:
    diagram = drawn(
        state("", {}),
        state("Inject", {"agent": (SENDS,)}),
        state("End", {"agent": (SENDS,), "a": (READS,)}),
        state("Inject", {"agent": (SENDS, MORE), "a": (READS,)}),
        state("End", {"agent": (SENDS, MORE), "a": (OTHER,)}),
    )
    assert [lane.name for lane in diagram.lanes] == ["agent", "a"]
    assert [(point.lane, point.label, point.style) for point in diagram.points] == [
        (0, "1", ""),
        (1, "2", ""),
        (0, "3", ""),
        (1, "4", "illegal"),
    ]
    assert diagram.arrows == (Arrow(0, 1, "nop"), Arrow(2, 3, "fail"))


def test_step_is_drawn_when_a_runtime_has_it_and_a_kill_is_a_cut() -> None:
    diagram = drawn(
        state("", {}),
        state("Inject", {}, own={"agent": (SENDS,)}),
        state("Flush", {"agent": (SENDS,)}),
        state("Kill", {"agent": (SENDS,)}),
        state("Other", {"agent": (SENDS,)}),
    )
    assert [(point.label, point.style) for point in diagram.points] == [("1", "")]
    assert [(cut.label, cut.before) for cut in diagram.cuts] == [("kill", (1, 0))]
    assert diagram.arrows == (Arrow(0, None, "nop", 1),)


def test_mark_is_a_point() -> None:
    before = state("Inject", {"agent": (SENDS,)})
    diagram = drawn(state("", {}), before, state("End", {"agent": (SENDS,)}, mark=("agent", NOP)))
    assert [(point.lane, point.label, point.style) for point in diagram.points] == [(0, "1", ""), (1, "!", "illegal")]


@pytest.mark.parametrize("variables", [{"present": []}, {"parcel": {}, "db": {}}])
def test_models_without_chains_have_no_diagram(variables: dict[str, Any]) -> None:
    assert diagram_of_trace([State("", variables), State("Put", variables)]) is None
    assert diagram_of_trace([]) is None


def test_page_has_the_style_of_its_diagrams_and_the_lines() -> None:
    diagram = drawn(state("", {}), state("Inject", {"agent": (SENDS,)}))
    page = make_behaviour_page([Behaviour("fence", "violates Fence", diagram, ("  1  a client injects",))])
    assert '<figure class="history">' in page
    assert ".history svg" in page
    assert "<li>1  a client injects</li>" in page
    assert "<script" not in page


@pytest.mark.model
@pytest.mark.usefixtures("tlc")
def test_counterexample_of_a_mutant_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["model", "check", "--only", "cas-head", "--traces", "--html", str(page)]) == 0
    assert page.read_text("utf-8").count("<svg") == 1
    assert main(["model", "check", "--only", "cas-head", "--traces", "--html", str(page / "page.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.model
@pytest.mark.usefixtures("tlc")
def test_counterexample_in_the_documentation_is_the_real_one(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = Path(__file__).parents[3] / "docs/examples/model-counterexample.txt"
    first, *lines = recorded.read_text("utf-8").splitlines()
    assert main(["model", "check", "--only", "cas-head", "--traces"]) == 0
    said, *words = capsys.readouterr().out.splitlines()
    assert said.startswith(first)
    assert words[:-1] == lines
