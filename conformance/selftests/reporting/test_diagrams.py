"""Diagrams: their layout, the highlighted cause, cuts, and drawings of any diagram, also of a counterexample."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gritstone_conformance.auditing.pictures import draw_history
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.evidence import open_history
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.reporting.diagrams.diagram import Arrow, Cut, Diagram, Lane, Point, columns, described
from gritstone_conformance.reporting.diagrams.drawing import draw_diagram, title_of
from gritstone_conformance.reporting.diagrams.explorer import explorer
from gritstone_conformance.reporting.diagrams.histories import diagram_of
from gritstone_conformance.reporting.markup import write_html
from gritstone_conformance.reporting.page.graph import draw_graph
from gritstone_conformance.results.extracts import extract
from selftests.fakes.forging import Scribe
from selftests.fakes.specimen import HARM, forged, specimen_outcomes
from selftests.fakes.staging import drawn, run_scenario

FORMAT = FORMATS["cbor-blake3"]


def counterexample() -> Diagram:
    """Return a diagram as the driver of a model would make it: plain lanes, points, arrows and a kill."""
    return Diagram(
        (Lane("agent"), Lane("a"), Lane("b", "marked")),
        (
            Point(0, "inject", "inject m to a"),
            Point(1, "run", "a covers m", "cause"),
            Point(1, "commit", "a commits"),
            Point(2, "run", "b covers n", "illegal"),
            Point(0, "start", "start again"),
        ),
        (Arrow(0, 1, "m"), Arrow(1, 3, "n", style="cause"), Arrow(2, None, "late", receiver=0), Arrow(None, 4, "?")),
        (Cut("kill", (1, 2, 0)),),
    )


def history_of(verdict: Verdict, finding: Finding, before: bytes | None = None) -> dict[str, Any]:
    assert verdict.history is not None
    return extract(verdict.history, finding, None if before is None else open_history(scan(before)))


def test_point_is_right_of_what_it_depends_on() -> None:
    history: Any = next(outcome.history for outcome in specimen_outcomes() if outcome.history is not None)
    diagram = diagram_of(history)
    placed, _ = columns(diagram)
    for arrow in diagram.arrows:
        if arrow.start is not None and arrow.end is not None:
            assert placed[arrow.start] < placed[arrow.end]
    taken = {(point.lane, placed[number]) for number, point in enumerate(diagram.points)}
    assert len(taken) == len(diagram.points)


def test_failing_case_shows_its_illegal_step() -> None:
    history: Any = next(outcome.history for outcome in specimen_outcomes() if outcome.history is not None)
    place = forged()[1].place
    assert place.actor is not None
    page = write_html(draw_graph(history))
    assert page.count('class="illegal"') == 1
    assert f"illegal: step {place.index} of {place.actor.hex()[:8]}" in page


def test_points_after_a_cut_are_right_of_all_before_it() -> None:
    placed, (cut,) = columns(counterexample())
    assert placed == [0, 1, 2, 3, 3]
    assert cut == 3
    without = Diagram(counterexample().lanes, counterexample().points, counterexample().arrows)
    assert columns(without) == ([0, 1, 2, 2, 1], [])


def test_arrow_backwards_moves_no_point() -> None:
    diagram = Diagram((Lane("a"), Lane("b")), (Point(0, "0", "x"), Point(1, "0", "y")), (Arrow(1, 0), Arrow(0, 1)))
    assert columns(diagram) == ([0, 1], [])
    assert write_html(draw_diagram(diagram)).count('class="mail"') == 2


def test_counterexample_of_a_model_is_drawn_and_described() -> None:
    diagram = counterexample()
    page = write_html(draw_diagram(diagram))
    assert title_of(diagram) == "5 steps of 3 actors; illegal: b covers n"
    assert f"<title>{title_of(diagram)}</title>" in page
    assert "Cause: n from a covers m. Cut: kill." in page
    for style, count in (("illegal", 1), ("cause", 1), ("into", 1), ("unread", 1), ("unsent", 1), ("cut", 1)):
        assert page.count(f'class="{style}"') == count, style
    assert list(described(diagram))[3:] == [
        "b covers n reads n from a covers m — illegal",
        "start again reads ? that no step sent",
    ]


@pytest.mark.parametrize("path", ["inbox", "core"])
def test_cause_is_the_named_message_or_all_that_is_read(path: str) -> None:
    verdict = check_history(scan(run_scenario(drawn(FORMAT, 15), 15).store.export()))
    assert verdict.history is not None
    history = verdict.history
    chain, index = next(
        (chain, index)
        for chain in history.actors()
        for index in range(1, len(chain))
        if len({sender for sender, _ in chain.covered(history.shelf, index)}) > 1
    )
    sender = chain.covered(history.shelf, index)[-1][0]
    place = chain.place(index, f"inbox/{sender.hex()}" if path == "inbox" else "core/x")
    diagram = diagram_of(history_of(verdict, Finding("unsent", place, "x")))
    (illegal,) = diagram.styled("illegal")
    causes = [arrow for arrow in diagram.arrows if arrow.style == "cause"]
    into = [arrow for arrow in diagram.arrows if arrow.end == illegal]
    lanes = {diagram.lanes[diagram.points[arrow.start].lane].name for arrow in causes if arrow.start is not None}
    if path == "inbox":
        assert lanes == {sender.hex()[:8]}
        assert len(causes) < len(into)
    else:
        assert causes == into
        assert f"step {index - 1} of {chain.actor.hex()[:8]}" in " ".join(
            diagram.points[number].name for number in diagram.styled("cause")
        )


def test_earlier_export_is_drawn_as_a_cut() -> None:
    scribe = Scribe.of(FORMAT)
    a = scribe.born(b"a")
    earlier = scribe.bundle()
    message = scribe.inject(a, scribe.stage.program(b""))
    scribe.act(a, reads={scribe.agent: message})
    verdict = check_history(scan(scribe.bundle()))
    assert verdict.history is not None
    finding = Finding("still", verdict.history.chains[a].place(1, "inbox"), "x")
    diagram = diagram_of(history_of(verdict, finding, earlier))
    (cut,) = diagram.cuts
    counts = {lane.name: count for lane, count in zip(diagram.lanes, cut.before, strict=True)}
    assert counts[a.hex()[:8]] == 1
    placed, (column,) = columns(diagram)
    for number, point in enumerate(diagram.points):
        seen = sum(1 for other in diagram.points[:number] if other.lane == point.lane)
        assert (placed[number] >= column) == (seen >= cut.before[point.lane])
    assert "Dashed line: the earlier export." in write_html(draw_graph(history_of(verdict, finding, earlier)))


def data_of(page: str) -> Any:
    return json.loads(
        re.findall(r'<script type="application/json" id="diagram-data">(.*?)</script>', page, re.DOTALL)[0]
    )


@pytest.mark.rule("suite.audit.picture")
def test_page_marks_the_first_step_at_fault_and_lists_the_findings() -> None:
    verdict, finding = forged()
    page = draw_history("x.grit", "a summary", verdict, None, {})
    data = data_of(page)
    assert finding.place.actor is not None
    marked = [point for point in data["points"] if point[4] == 1]
    assert [point[3] for point in marked] == [
        f"step {finding.place.index} of {finding.place.actor.hex()[:8]} ({(finding.place.step or b'').hex()[:8]})"
    ]
    listed = re.findall(r'<li><a href="#stage" data-point="(\d+)">', page)
    assert data["points"][int(listed[0])] == marked[0]
    assert page.count('<li><a href="#stage"') + page.count('<li><span class="rule-id">') == len(verdict.findings)
    assert draw_history("x.grit", "a summary", verdict, None, {}) == page


@pytest.mark.rule("suite.audit.picture")
def test_page_marks_the_step_of_a_path_if_a_finding_names_none() -> None:
    verdict, _ = forged()
    assert verdict.history is not None
    chain = verdict.history.actors()[0]
    place = Place(f"heads/{chain.actor.hex()}~1/outbox/{'0' * 64}", chain.actor)
    lost = Verdict([Finding("returned", Place("heads/x"), "x"), Finding("lost", place, "x")], history=verdict.history)
    points = data_of(draw_history("x", "", lost, None, {}))["points"]
    assert [point[2] for point in points if point[4] == 1] == [str(len(chain) - 2)]


@pytest.mark.rule("suite.audit.picture")
def test_page_of_harmful_text_is_inert() -> None:
    diagram = Diagram(
        (Lane(HARM, HARM), Lane("b")),
        (Point(0, HARM, HARM), Point(1, "1", HARM)),
        (Arrow(0, 1, HARM),),
        (Cut(HARM, (1, 0)),),
    )
    page = write_html(explorer(diagram, diagram))
    assert page.count("</script>") == 1
    assert "<img" not in page
    assert not re.search("[\\x00-\\x08\\x0e-\\x1f\\u202e\\u2028]", page)
    data = data_of(page)
    assert data["arrows"][0][:3] == [0, 1, 0]
    assert "</script>" in data["lanes"][0][0]


@pytest.mark.rule("suite.audit.picture")
def test_page_forbids_what_it_does_not_contain() -> None:
    verdict, _ = forged()
    page = draw_history("<x>", "", verdict, None, {})
    assert "default-src 'none'" in page
    assert "<x>" not in page
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
