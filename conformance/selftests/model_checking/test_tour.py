"""The tour: its graph, its paths, and what is frozen of them."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model_checking.goals import read_plan
from gritstone_conformance.model_checking.tables import read_tables
from gritstone_conformance.model_checking.tlc import Tlc
from gritstone_conformance.model_checking.tour import Edge, Tour, edges_of, make_tour, paths_over
from gritstone_conformance.model_checking.values import parse_graph
from gritstone_conformance.properties.runtime.played import play
from gritstone_conformance.scenarios import behaviours, load_scenarios
from gritstone_conformance.trial import Divergence, Trial

(FROZEN,) = (each for file in load_scenarios() for each in file.scenarios if "paths" in each)
DUMP = r"""strict digraph DiskGraph {
-12 [label="/\\ left = [kills |-> 1]\n/\\ said = \"a \\\" b\"",style = filled]
-12 -> 7 [label="RequestsNext",color="black",fontcolor="black"];
7 [label="/\\ left = [kills |-> 0]\n/\\ said = <<>>"];
{rank = same; -12;}
}"""
SMALL = Tour("tour/small", "fail", ("runtime.schedule.exact",), {"Labels": ["try"], "Targets": ["a"], "Injections": 1})


def _edge(start: str, end: str, **act: Any) -> Edge:
    return Edge(start, end, {"do": "restart", "then": {}, **act})


def _walked(first: str, edges: list[Edge], paths: list[list[int]]) -> Counter[int]:
    """Return how often paths make each edge, and check that each begins at the first state and has no gap."""
    for path in paths:
        at = first
        for number in path:
            assert edges[number].start == at
            at = edges[number].end
    return Counter(number for path in paths for number in path)


def _play(scenario: dict[str, Any]) -> None:
    trial = Trial(ModelHost(), scenario["rules"][0])
    try:
        play(trial, FRAMED_SHA256, scenario)
    finally:
        trial.finish()


def test_dumped_graph_is_read() -> None:
    graph = parse_graph(DUMP)
    assert graph.arrows == [("-12", "7")]
    assert graph.states["-12"].variables == {"left": {"kills": 1}, "said": 'a " b'}
    assert graph.states["7"].variables == {"left": {"kills": 0}, "said": ()}


def test_graph_with_two_first_states_is_refused() -> None:
    with pytest.raises(UsageError, match="the graph of a tour has 0 first states"):
        edges_of({}, [])


def test_paths_make_every_edge_and_branches_begin_again() -> None:
    edges = [_edge("1", "2"), _edge("2", "3"), _edge("2", "4"), _edge("4", "5")]
    paths = paths_over("1", edges)
    assert paths == [[0, 1], [0, 2, 3]]
    assert set(_walked("1", edges, paths)) == {0, 1, 2, 3}


def test_delay_that_would_end_before_an_older_one_is_not_made() -> None:
    one, two = ["agent", ["fail"]], ["b", ["fail"]]
    ends = {"do": "delay", "actor": "a", "then": {"delayed": {}}}
    edges = [
        _edge("1", "2", do="run", then={"delayed": {"a": [one]}}),
        _edge("2", "3", do="run", then={"delayed": {"a": [one, two]}}),
        _edge("3", "4", **{**ends, "sender": "b", "message": ["fail"], "then": {"delayed": {"a": [one]}}}),
        _edge("3", "5", **{**ends, "sender": "agent", "message": ["fail"], "then": {"delayed": {"a": [two]}}}),
    ]
    assert paths_over("1", edges) == [[0, 1, 3]]


def test_each_kind_of_edge_is_made_as_often_as_asked() -> None:
    edges = [_edge("1", str(end), do="inject", label="try") for end in range(2, 7)]
    edges.append(_edge("1", "9", do="inject", label="fail"))
    made = Counter(edges[number].kind() for number in _walked("1", edges, paths_over("1", edges, 2)).elements())
    assert made == {edges[0].kind(): 2, edges[5].kind(): 1}


@pytest.mark.model
@pytest.mark.rule("suite.model.scenarios", slow=True)
def test_small_tour_comes_out_of_tlc_and_is_played(tlc: Tlc) -> None:
    scenario = make_tour(tlc, SMALL, read_tables())
    done = {act["do"] for acts in behaviours(scenario) for act in acts}
    assert done == {"inject", "run", "delay", "restart"}
    _play(scenario)
    scenario["acts"][-1]["then"]["marks"] = {"a": ["agent", ["nop"]]}
    with pytest.raises(Divergence):
        _play(scenario)


def test_frozen_tour_is_that_of_the_table() -> None:
    (tour,) = read_plan(read_tables()).tours
    labels = {act["label"] for act in FROZEN["acts"] if act["do"] == "inject"}
    assert (FROZEN["name"], labels) == (f"model/{tour.name}", {*tour.constants["Labels"]})
    assert {number for path in FROZEN["paths"] for number in path} == {*range(len(FROZEN["acts"]))}
    assert len({str(path) for path in FROZEN["paths"]}) == len(FROZEN["paths"])


@pytest.mark.rule("suite.model.scenarios")
def test_state_that_only_the_second_path_shows_is_compared() -> None:
    scenario = copy.deepcopy(FROZEN)
    first = {*scenario["paths"][0]}
    number, path = next((n, p) for n, p in enumerate(scenario["paths"]) if not {*p} <= first)
    scenario["paths"] = scenario["paths"][: number + 1]
    _play(scenario)
    new = next(act for act in path if act not in first)
    scenario["acts"][new]["then"]["marks"] = {"a": ["agent", ["nop"]]}
    with pytest.raises(Divergence):
        _play(scenario)
