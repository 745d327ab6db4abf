"""The picture of a history in a real browser: what is drawn, the keyboard, the filter, and 10,000 steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone_conformance.auditing.pictures import draw_history
from gritstone_conformance.reporting.diagrams.diagram import Arrow, Cut, Diagram, Lane, Point
from gritstone_conformance.reporting.diagrams.explorer import explorer, source
from gritstone_conformance.reporting.markup import element, embedded, write_html
from selftests.fakes.specimen import forged
from selftests.reporting.browser import Browser, Tab

STEPS = 10_000
LANES = 40
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
SELECTED = "document.querySelector('#explorer .selected')?.parentElement.dataset.point ?? ''"
LABELS = "[...document.querySelectorAll('#explorer .lane')].map(each => each.textContent)"
DRAWN = "document.querySelectorAll('#explorer [data-point]').length"


def many() -> Diagram:
    """Return 10,000 points of 40 lanes, in pairs that send messages to and fro; one point is illegal."""
    points, arrows = [], []
    last: list[int | None] = [None] * LANES
    for number in range(STEPS):
        lane = number % LANES
        style = "illegal" if number == STEPS // 2 else "cause" if number == STEPS // 2 - LANES + 1 else ""
        points.append(Point(lane, str(number // LANES), f"step {number // LANES} of lane{lane:03}", style))
        sender = last[lane ^ 1]
        if sender is not None:
            arrows.append(Arrow(sender, number, "ball", style="cause" if style == "illegal" else ""))
        last[lane] = number
    lanes = tuple(Lane(f"lane{lane:03}", "250 steps") for lane in range(LANES))
    return Diagram(lanes, tuple(points), tuple(arrows), (Cut("kill", (100,) * LANES),))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    diagram = many()
    body = element("body", {}, explorer(diagram, Diagram(diagram.lanes, ())), element("p", {"id": "keys"}, "keys"))
    body.append(embedded("script", source("explorer.js")))
    style = element("head", {}, embedded("style", source("explorer.css")), element("title", {}, "many"))
    pages = {
        "forged": draw_history("<forged>.grit", "1 finding", forged()[0], None, {}),
        "many": write_html(element("html", {"lang": "en"}, style, body)),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


def opened(browser: Browser, path: Path) -> Iterator[Tab]:
    tab = browser.tab(width=1000)
    tab.load(path)
    tab.ask(FRAME)
    yield tab
    assert tab.complaints == []
    assert tab.requests == [path.as_uri()]
    tab.close()


@pytest.fixture
def tab(browser: Browser, pictures: dict[str, Path]) -> Iterator[Tab]:
    yield from opened(browser, pictures["forged"])


@pytest.fixture
def big(browser: Browser, pictures: dict[str, Path]) -> Iterator[Tab]:
    yield from opened(browser, pictures["many"])


def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        tab.press(key)
    tab.ask(FRAME)


@pytest.mark.rule("suite.audit.picture", slow=True)
@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_picture_is_shown_without_complaints_or_requests(
    browser: Browser, pictures: dict[str, Path], width: int, dark: bool
) -> None:
    tab = browser.tab(width=width, dark=dark)
    tab.load(pictures["forged"])
    tab.ask(FRAME)
    assert tab.complaints == []
    assert tab.requests == [pictures["forged"].as_uri()]
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert tab.ask("document.querySelectorAll('#explorer .illegal').length") == 1
    assert tab.ask("document.querySelectorAll('svg').length") == 1
    tab.close()


def test_step_at_fault_and_its_cause_are_marked_and_read_out(tab: Tab) -> None:
    assert tab.ask("document.querySelectorAll('#explorer .cause').length") > 0
    number = tab.ask(SELECTED)
    assert tab.ask("document.querySelector('#explorer .illegal').dataset.point") == number
    words = tab.ask("document.getElementById('reading').value")
    assert words.endswith("This step is illegal.")
    assert words.startswith("step 1 of ")


def test_finding_in_the_list_leads_to_its_step(tab: Tab) -> None:
    number = tab.ask("document.querySelector('.findings a').dataset.point")
    tab.ask("document.getElementById('explorer').focus()")
    press(tab, "Home")
    assert tab.ask(SELECTED) != number
    tab.ask("document.querySelector('.findings a').focus()")
    press(tab, "Enter")
    assert tab.ask(SELECTED) == number


def test_keyboard_moves_from_step_to_step(big: Tab) -> None:
    big.ask("document.getElementById('explorer').focus()")
    assert big.ask(SELECTED) == "5000"
    for key, selected in [
        ("ArrowRight", "5040"),
        ("ArrowLeft", "5000"),
        ("ArrowDown", "4961"),
        ("ArrowUp", "5000"),
        ("Home", "0"),
        ("End", "9960"),
        ("f", "5000"),
    ]:
        press(big, key)
        assert big.ask(SELECTED) == selected, key
        assert big.ask(f"document.querySelector('#explorer [data-point=\"{selected}\"]') !== null"), key
    before = big.ask("document.forms[0].elements.range.value")
    press(big, "PageDown")
    assert big.ask("document.forms[0].elements.range.value") != before


def test_zoom_changes_points_into_bars_and_back(big: Tab) -> None:
    assert big.ask("document.querySelectorAll('#explorer .bars').length") == 0
    big.ask("document.getElementById('explorer').focus()")
    press(big, "0")
    assert big.ask("document.querySelectorAll('#explorer .bars').length") > 0
    assert "of 500" in big.ask("document.forms[0].elements.range.value")
    press(big, "f")
    assert big.ask("document.querySelectorAll('#explorer .bars').length") == 0
    assert big.ask(DRAWN) > 10


def test_highlighted_steps_are_drawn_at_every_scale(big: Tab) -> None:
    big.ask("document.getElementById('explorer').focus()")
    big.ask("document.forms[0].elements.actors.value = 'lane000 lane001'")
    big.ask("document.forms[0].dispatchEvent(new Event('input'))")
    press(big, "0")
    assert big.ask("document.querySelectorAll('#explorer .illegal').length") == 1
    assert big.ask("document.querySelectorAll('#explorer .cause').length") == 1
    assert big.ask("document.querySelectorAll('#explorer .into').length") == 1
    assert big.ask("document.querySelectorAll('#explorer .cut').length") == 1


def test_filter_shows_actors_and_their_partners(big: Tab) -> None:
    big.ask("document.forms[0].elements.actors.value = 'lane007'")
    big.ask("document.forms[0].dispatchEvent(new Event('input'))")
    big.ask(FRAME)
    assert big.ask(LABELS) == ["lane007"]
    big.ask("document.forms[0].elements.partners.click()")
    big.ask(FRAME)
    assert big.ask(LABELS) == ["lane006", "lane007"]
    big.ask("document.forms[0].reset()")
    big.ask("new Promise(done => setTimeout(done, 50))")
    big.ask(FRAME)
    assert len(big.ask(LABELS)) > 5
    assert f"{LANES} of {LANES} actors" in big.ask("document.forms[0].elements.range.value")


def test_only_visible_steps_are_drawn(big: Tab) -> None:
    """The number of elements depends on the window, not on the 10,000 steps, at each scale."""
    big.ask("document.getElementById('explorer').focus()")
    for _ in range(12):
        assert big.ask("document.querySelectorAll('#explorer *').length") < 4000
        press(big, "-")
    started = big.ask("performance.now()")
    for key in ("+", "-", "PageDown", "PageUp", "ArrowRight", "ArrowDown"):
        press(big, key)
    assert big.ask("performance.now()") - started < 6_000  # six frames; one takes about 20 ms on an idle machine


def test_picture_has_names_for_a_screen_reader(tab: Tab) -> None:
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    found = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
    assert {"banner", "main", "search", "region", "application"} <= {role for role, _ in found}
    assert not [
        role for role, name in found if role in ("searchbox", "checkbox", "button", "application", "link") and not name
    ]
    (name,) = {name for role, name in found if role == "application"}
    assert name.startswith("History: ")
    assert "illegal: step 1 of" in name


def test_picture_without_scripts_has_drawing_and_findings(browser: Browser, pictures: dict[str, Path]) -> None:
    tab = browser.tab(width=360, scripts=False)
    tab.load(pictures["forged"])
    assert tab.ask("document.getElementById('controls').checkVisibility()") is False
    assert tab.ask("document.querySelector('#stage svg .illegal').checkVisibility()")
    assert tab.ask("document.querySelectorAll('.findings li').length") == len(forged()[0].findings)
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth")
    assert tab.complaints == []
    tab.close()
