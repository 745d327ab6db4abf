"""Scenarios of the model: the vectors, what makes them, and what runs them."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.values import Step, from_base64, to_base64
from gritstone_conformance.model_checking.delays import check_delays
from gritstone_conformance.model_checking.goals import Goal, make_goal, make_refusal, read_plan
from gritstone_conformance.model_checking.plan import outdated, write_scenarios
from gritstone_conformance.model_checking.tables import read_tables
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.properties.runtime.cast import Cast
from gritstone_conformance.properties.runtime.played import play
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.page.scenarios import diagram_of_scenario, make_scenario_page
from gritstone_conformance.rules import load_rules
from gritstone_conformance.scenarios import lint_scenarios, load_scenarios
from gritstone_conformance.trial import Divergence, Trial

SCENARIOS = {each["name"]: each for file in load_scenarios() for each in file.scenarios}
CAST = Cast.of(FRAMED_SHA256, ["a"], (), 3)
SHORT = sorted(name for name, each in SCENARIOS.items() if "paths" not in each)


def _play(scenario: dict[str, Any]) -> None:
    trial = Trial(ModelHost(), scenario["rules"][0])
    try:
        play(trial, FRAMED_SHA256, scenario)
    finally:
        trial.finish()


def _edited(name: str) -> dict[str, Any]:
    """Return a scenario in which the last act also leaves a mark."""
    scenario = copy.deepcopy(SCENARIOS[name])
    scenario["acts"][-1]["then"]["marks"] = {"a": ["agent", ["nop"]]}
    return scenario


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_is_played_by_the_model_of_the_suite(name: str) -> None:
    _play(SCENARIOS[name])


@pytest.mark.rule("suite.model.scenarios")
@pytest.mark.parametrize("name", SHORT)
def test_edited_scenario_is_noticed_when_it_is_played(name: str) -> None:
    with pytest.raises(Divergence) as found:
        _play(_edited(name))
    assert found.value.rule == SCENARIOS[name]["rules"][0]
    assert name in found.value.difference.signature


@pytest.mark.rule("suite.model.scenarios")
def test_difference_names_act_actor_and_both_values() -> None:
    scenario = _edited("model/fail/reaches-running-failed-many")
    trial = Trial(ModelHost(), "runtime.retry.isolate")
    with pytest.raises(Divergence):
        play(trial, FRAMED_SHA256, scenario)
    trial.finish()
    assert trial.remark == (
        "model/fail/reaches-running-failed-many: after act 3, run a: marks of a: the model has ['agent', ['nop']], "
        "the implementation has None (runtime.retry.isolate)"
    )


class StepsMore(ModelHost):
    """A model whose agent makes one more step after each request of one kind, in which nothing changes."""

    def __init__(self, after: str) -> None:
        super().__init__()
        self.after = after

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        answer = super()._answer(op, args)
        if op == self.after:
            name = f"heads/{CAST.ids['agent'].hex()}"
            head = self._of("grit.refs", prefix=name, after=None, limit=1)["refs"][0][1]
            step = FRAMED_SHA256.decode(from_base64(self._of("grit.get", id=head)["bytes"]))
            assert isinstance(step, Step)
            again = FRAMED_SHA256.encode(replace(step, previous=bytes.fromhex(head)))
            made = self._of("grit.put", bytes=to_base64(again))["id"]
            self._of("grit.cas", changes=[{"name": name, "old": head, "new": made}])
        return answer

    def _of(self, op: str, **args: Json) -> Any:
        return super()._answer(op, {"store": "s", **args})["ok"]


@pytest.mark.rule("suite.model.scenarios")
@pytest.mark.parametrize(
    ("after", "words"),
    [
        ("runtime.choose", "after act 2, run a: steps of agent"),  # the agent has nothing to do
        ("runtime.inject", "after act 1, inject nop a: steps of agent"),  # it makes two steps
    ],
)
def test_step_in_which_nothing_changes_is_noticed(after: str, words: str) -> None:
    scenario = SCENARIOS["model/release/reaches-released"]
    trial = Trial(StepsMore(after), scenario["rules"][0])
    with pytest.raises(Divergence) as found:
        play(trial, FRAMED_SHA256, scenario)
    trial.finish()
    assert words in found.value.difference.signature


@pytest.mark.rule("suite.model.scenarios")
def test_choice_that_the_model_lacks_is_noticed() -> None:
    scenario = copy.deepcopy(SCENARIOS["model/fail/reaches-running-failed-many"])
    scenario["acts"][0]["then"]["ready"] = {}
    with pytest.raises(Divergence, match="ready of a"):
        _play(scenario)


def test_refused_choice_is_not_listed_and_refused_state_is_another() -> None:
    refusals = [each for each in SCENARIOS.values() if "refuses" in each]
    assert refusals
    for scenario in refusals:
        last = dict(scenario["first"])
        for act in scenario["acts"]:
            last |= act["then"]
        refused = scenario["refuses"]
        if "runs" in refused:
            assert refused["inbox"] not in last["ready"].get(refused["runs"], []), scenario["name"]
        else:
            assert all(last[name] != value for name, value in refused["has"].items()), scenario["name"]


@pytest.mark.rule("suite.model.scenarios")
def test_edited_scenario_differs_from_what_the_model_gives() -> None:
    name = "model/fail/refuses-not-isolated"
    assert outdated([SCENARIOS[name]]) == []
    assert outdated([_edited(name)]) == [name]
    assert outdated([{**SCENARIOS[name], "name": "model/fail/unknown"}]) == ["model/fail/unknown"]
    every = list(SCENARIOS.values())
    assert outdated(every, is_whole=True) == []
    assert outdated(every[1:], is_whole=True) == [every[0]["name"]]


@pytest.mark.model
@pytest.mark.rule("suite.model.scenarios", slow=True)
def test_sample_comes_out_of_the_model_again(tlc: Tlc) -> None:
    tables = read_tables()
    goal = next(each for each in read_plan(tables).goals if each.name == "running-declined")
    mutant = next(each for each in tables.mutants if each.guard == "admit-progress")
    refusal, reason = make_refusal(tlc, mutant, tables)
    assert (refusal is not None, reason) == (True, "")
    assert outdated([make_goal(tlc, goal, tables), refusal or {}]) == []


@pytest.mark.model
@pytest.mark.rule("suite.model.scenarios", slow=True)
def test_unreachable_goal_is_refused(tlc: Tlc) -> None:
    goal = Goal("nothing", "leave", 'Event("collected", "a")', ("runtime.run.declined",))
    with pytest.raises(UsageError, match="goal nothing: no behaviour of the run leave reaches it"):
        make_goal(tlc, goal, read_tables())


def test_row_of_the_state_table_without_goal_is_refused(tmp_path: Path) -> None:
    text = (vectors_dir().parent / "spec" / "formal" / "goals.toml").read_text("utf-8")
    (tmp_path / "goals.toml").write_text(text.replace('event = "declined"', 'event = "stale"'), "utf-8")
    with pytest.raises(UsageError, match="the row running, declined of the state table is no goal"):
        read_plan(read_tables(), tmp_path)


def test_delay_that_ends_before_an_older_one_is_refused() -> None:
    first, second = ["agent", ["fail"]], ["b", ["fail"]]
    acts = [
        {"do": "run", "then": {"delayed": {"a": [first]}}},
        {"do": "run", "then": {"delayed": {"a": [first, second]}}},
        {"do": "delay", "actor": "a", "sender": "b", "message": ["fail"], "then": {"delayed": {"a": [first]}}},
    ]
    with pytest.raises(UsageError, match="a delay ends before an older one"):
        check_delays("x", acts)


def test_written_scenarios_are_valid_and_load_again(tmp_path: Path) -> None:
    write_scenarios(SCENARIOS.values(), tmp_path)
    assert [*lint_scenarios(tmp_path, load_rules())] == []
    assert {each["name"]: each for file in load_scenarios(tmp_path) for each in file.scenarios} == SCENARIOS
    path = tmp_path / "model" / "fail.json"
    path.write_text(path.read_text("utf-8").replace('"count": ', '"count": 9'), "utf-8")
    assert any("count is 9" in finding for finding in lint_scenarios(tmp_path, load_rules()))


def _arrows(diagram: Diagram) -> list[tuple[str | None, str | None, str, str]]:
    names = [point.name for point in diagram.points]
    return [
        (
            None if arrow.start is None else names[arrow.start],
            None if arrow.end is None else names[arrow.end],
            arrow.words,
            arrow.style,
        )
        for arrow in diagram.arrows
    ]


def test_diagram_shows_steps_messages_and_the_refused_run() -> None:
    diagram = diagram_of_scenario(SCENARIOS["model/fail/refuses-not-isolated"])
    assert [lane.name for lane in diagram.lanes] == ["agent", "a", "b"]
    assert [point.name for point in diagram.points] == [
        "act 1: a step of agent",
        "act 2: a step of agent",
        "act 3: a run of a without a step",
        "the refused run of a",
    ]
    assert [point.style for point in diagram.points] == ["", "", "", "illegal"]
    refused = "the refused run of a"
    assert _arrows(diagram) == [
        ("act 1: a step of agent", refused, "fail", "cause"),
        ("act 2: a step of agent", refused, "fail", "cause"),
    ]


def test_diagram_shows_a_restart_as_a_cut_and_a_receipt_as_an_arrow() -> None:
    unmarked = diagram_of_scenario(SCENARIOS["model/operator/reaches-irrecoverable-unmarked"])
    assert [(cut.label, cut.before) for cut in unmarked.cuts] == [("unmark", (1, 1))]
    receipt = diagram_of_scenario(SCENARIOS["model/fail/refuses-receipt-none"])
    assert ("act 5: a step of agent", None, "receipt fail", "") in _arrows(receipt)


def test_page_shows_every_scenario_without_scripts() -> None:
    page = make_scenario_page(list(SCENARIOS.values()))
    assert page.count("<svg") == len(SCENARIOS)
    assert "<script" not in page
    assert all(f"<h2>{name}</h2>" in page for name in SCENARIOS)
