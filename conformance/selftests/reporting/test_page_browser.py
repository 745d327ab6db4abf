"""The page in a real browser: light, dark, narrow, by keyboard, without scripts; it makes no network request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gritstone_conformance.reporting.page.whole import make_page
from selftests.fakes.specimen import data, passing, specimen
from selftests.reporting.browser import Browser, Tab

SHOWN = "[...document.querySelectorAll('{}')].filter(e => !e.hidden && e.checkVisibility()).map(e => e.id)"
FOCUS = "document.activeElement.closest('.failure, .rule')?.id ?? document.activeElement.name ?? ''"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {"failing": make_page(specimen(), data()), "passing": make_page(passing(), data())}
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def tab(browser: Browser, pages: dict[str, Path]) -> Iterator[Tab]:
    opened = browser.tab(width=1000)
    opened.load(pages["failing"])
    yield opened
    assert opened.complaints == []
    opened.close()


@pytest.mark.rule("suite.report.inert", slow=True)
@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["passing", "failing"])
def test_page_is_shown_without_complaints_or_requests(
    browser: Browser, pages: dict[str, Path], name: str, dark: bool, width: int
) -> None:
    tab = browser.tab(width=width, dark=dark)
    tab.load(pages[name])
    assert tab.complaints == []
    assert tab.requests == [pages[name].as_uri()]
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert tab.ask("document.scripts.length") == 1
    assert "owned" not in tab.ask("document.title").split("'")[0]
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == (
        "rgb(24, 23, 20)" if dark else "rgb(253, 252, 249)"
    )
    assert tab.picture().startswith(b"\x89PNG")
    for unfolded in ("document.querySelectorAll('details').forEach(e => e.open = true)",):
        tab.ask(unfolded)
        assert tab.ask("document.documentElement.scrollWidth <= innerWidth"), "the unfolded page scrolls sideways"
    tab.close()


def choose(tab: Tab, name: str, value: str) -> None:
    tab.ask(
        f"(() => {{ const field = document.forms[0].elements.{name}; field.value = {value!r};"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_filters_hide_other_rows_and_are_kept_in_the_address(tab: Tab, pages: dict[str, Path]) -> None:
    everything = tab.ask("document.querySelectorAll('.rule').length")
    choose(tab, "verdict", "fail")
    rules = tab.ask(SHOWN.format(".rule"))
    assert 0 < len(rules) < everything
    assert tab.ask(SHOWN.format(".failure")) == ["failure-1", "failure-2"]
    assert tab.ask("location.hash") == "#verdict=fail"
    choose(tab, "q", "descending")
    assert tab.ask(SHOWN.format(".rule")) == ["rule-grit.tree.key-order"]
    assert "1 of 4 failures" in tab.ask("document.forms[0].elements.count.value")
    tab.load(pages["failing"], "?#profile=wit")
    assert tab.ask("document.forms[0].elements.profile.value") == "wit"
    assert all(name.startswith("rule-wit.") for name in tab.ask(SHOWN.format(".rule")))
    tab.ask("document.forms[0].reset()")
    assert tab.ask("new Promise(done => setTimeout(() => done(location.hash), 50))") in ("", "#")
    assert len(tab.ask("[...document.querySelectorAll('.rule:not([hidden])')].map(e => e.id)")) == everything


def test_link_to_a_rule_unfolds_it(tab: Tab) -> None:
    tab.ask("location.hash = '#rule-grit.tree.key-order'; new Promise(done => setTimeout(done, 50))")
    assert tab.ask("document.getElementById('rule-grit.tree.key-order').open")
    assert tab.ask("document.getElementById('profile-grit').open")


def test_keyboard_moves_through_failures(tab: Tab) -> None:
    for key, focused in [("j", "failure-1"), ("j", "failure-2"), ("ArrowDown", "failure-3"), ("k", "failure-2")]:
        tab.press(key)
        assert tab.ask(FOCUS) == focused
    assert tab.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.ask("document.getElementById('failure-2').open")
    tab.press("Enter")
    assert not tab.ask("document.getElementById('failure-2').open")
    tab.press("/")
    assert tab.ask(FOCUS) == "q"
    tab.press("j")  # a letter in the search field is not a command
    assert tab.ask("document.forms[0].elements.q.value") == "j"
    tab.press("Escape")
    tab.press("?")
    assert tab.ask("document.getElementById('help').open")
    tab.press("Escape")
    assert not tab.ask("document.getElementById('help').open")
    before = tab.ask("getComputedStyle(document.body).backgroundColor")
    tab.press("t")
    assert tab.ask("getComputedStyle(document.body).backgroundColor") != before


def test_page_without_scripts_is_complete_and_folds(browser: Browser, pages: dict[str, Path]) -> None:
    tab = browser.tab(width=360, scripts=False)
    tab.load(pages["failing"])
    assert tab.ask("document.getElementById('filters').checkVisibility()") is False
    assert tab.ask("document.getElementById('theme').checkVisibility()") is False
    assert tab.ask("document.querySelectorAll('.failure').length") == 4
    assert tab.ask("document.querySelector('.failure svg .illegal').checkVisibility()")
    assert tab.complaints == []
    tab.close()


def test_page_has_landmarks_and_accessible_names(tab: Tab) -> None:
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    found = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
    roles = {role for role, _ in found}
    assert {"banner", "main", "navigation", "search", "contentinfo"} <= roles
    named = ("textbox", "searchbox", "combobox", "button", "image", "figure", "group", "region")
    assert not [role for role, name in found if role in named[:5] and not name]
