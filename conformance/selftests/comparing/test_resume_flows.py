"""The matrix of ``gritstone resume`` with flows: every cut is run, and a fault of an executor is reported."""

from __future__ import annotations

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.comparing.flow_stages import FLOW_STAGES
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.flow.values import decode
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob
from gritstone_conformance.strategies.flow_journeys import FLOW_JOURNEYS, FlowJourney
from selftests.terminal import REFERENCE, mutant

ENDS = {
    "flow-refund": "succeeded",
    "flow-loop": "succeeded",
    "flow-parallel": "succeeded",
    "flow-wait": "succeeded",
    "flow-replan": "budget_exceeded",
    "flow-successor": "running",
    "flow-cancelled": "failed",
}


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("journey", FLOW_JOURNEYS, ids=lambda journey: journey.name)
def test_each_journey_of_a_flow_ends_as_it_is_named(journey: FlowJourney, fmt: Format) -> None:
    itinerary, store = journey.plan(fmt), Store(fmt)
    itinerary.graph.fill(store)
    executor, head = Executor(store), None
    for message in itinerary.messages:
        head = executor.step(itinerary.actor, head, [(itinerary.sender, message)])
    assert head is not None
    shelf = executor.shelf
    blob = shelf.get(shelf.names(shelf.step(head).core)["state"])
    assert isinstance(blob, Blob)
    state = decode(blob.data, None)
    assert isinstance(state, dict)
    assert state["status"] == ENDS[journey.name]


@pytest.mark.rule("suite.resume.matrix")
def test_every_cut_of_flows_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--iut", REFERENCE, "--iut", REFERENCE, "-k", "flow-[wr]*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    chosen = [journey for journey in FLOW_JOURNEYS if journey.name[5] in "wr"]
    cuts = sum(4 * (len(journey.plan(fmt).messages) + 1) for journey in chosen for fmt in FORMATS.values())
    assert f"{len(chosen)} journeys, {cuts} cuts, " in lines[-1]
    assert lines[-1].endswith(", 0 differences")


@pytest.mark.parametrize(
    ("name", "journey", "where"),
    [
        ("flow-a-delay-doubles-too-early", "flow-loop", "outbox differs: "),
        ("flow-a-failed-sub-is-absent", "flow-parallel", " differs: "),
        ("flow-an-event-fits-any-visit", "flow-wait", " differs: "),
    ],
)
def test_executor_that_diverges_is_reported(
    capsys: pytest.CaptureFixture[str], name: str, journey: str, where: str
) -> None:
    assert main(["resume", "--iut", REFERENCE, "--iut", mutant(name), "-k", journey]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{journey}, framed-sha256, ") and where in line for line in lines), lines


@pytest.mark.rule("suite.resume.matrix")
def test_every_cut_of_flows_on_runtimes_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--iut", REFERENCE, "-k", "runtime-flow-re*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    chosen = [each for each in FLOW_STAGES if each.name in ("runtime-flow-refund", "runtime-flow-replan")]
    cuts = sum(len(each.stages(fmt)) + 1 for each in chosen for fmt in FORMATS.values())
    assert f"2 journeys, {cuts} cuts, " in lines[-1]
    assert lines[-1].endswith(", 0 differences")


def test_runtime_of_flows_that_diverges_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    other = mutant("flow-a-delay-doubles-too-early")
    assert main(["resume", "--iut", REFERENCE, "--iut", other, "-k", "runtime-flow-loop"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("runtime-flow-loop, framed-sha256, ") and "heads/" in line for line in lines), lines


def test_implementation_without_flows_runs_no_journey(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{REFERENCE} --without flow.executor"
    assert main(["resume", "--iut", command, "-k", "*flow-*"]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == "0 journeys, 0 cuts, 0 steps compared, 0 differences"
