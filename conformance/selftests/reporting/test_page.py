"""The page: inert, complete without scripts, bounded in size, readable in both colour schemes."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gritstone_conformance.reporting.badge import make_badge
from gritstone_conformance.reporting.conclusions import verdict_words
from gritstone_conformance.reporting.junit import make_junit
from gritstone_conformance.reporting.markup import element, prose, safe, write_html
from gritstone_conformance.reporting.page.failures import MOST_SHOWN
from gritstone_conformance.reporting.page.tree import draw_tree
from gritstone_conformance.reporting.page.whole import make_page, source
from gritstone_conformance.results.report import rejudge
from selftests.fakes.specimen import HARM, assemble, data, header, passing, specimen, specimen_outcomes


class Reader(HTMLParser):
    """A rough HTML reader: it collects tags with attributes, and the texts between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.rule("suite.report.inert")
def test_written_text_never_becomes_markup() -> None:
    page = make_page(specimen(), data())
    read = Reader(page)
    tags = [tag for tag, _ in read.tags]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (1, 1, 0)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u2028\u202e]", page)
    assert r"\x1b[31m \u202egnp.exe\u2028" in page
    assert not [attrs for _, attrs in read.tags for name in attrs if name.startswith("on") or name == "style"]
    for make in (make_junit, make_badge):
        text = make(specimen(), data())
        ET.fromstring(text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)


def test_command_on_a_page_finds_the_file_from_another_folder() -> None:
    assert "gritstone replay 9eb1d2cfc4507b4d --iut" in make_page(specimen(), data())
    elsewhere = assemble(specimen_outcomes(), header(folder="out/nightly run"))
    again = "gritstone replay 'out/nightly run/found/9eb1d2cfc4507b4d.json' --iut"
    assert html.unescape(make_page(elsewhere, data())).count(again) == 1
    assert make_junit(elsewhere, data()).count(again) == 1


@pytest.mark.rule("suite.report.inert")
def test_page_makes_no_network_request() -> None:
    read = Reader(make_page(specimen(), data()))
    for tag, attrs in read.tags:
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert not {"src", "srcset", "action", "background"} & attrs.keys()
        assert (attrs.get("href") or "#").startswith("#")
    assert "http" not in source("page.css")
    assert "url(" not in source("page.css")


def test_policy_allows_only_the_pages_own_style_and_script() -> None:
    page = make_page(passing(), data())
    policy = next(attrs["content"] for tag, attrs in Reader(page).tags if attrs.get("http-equiv"))
    digests = {
        tag: base64.b64encode(hashlib.sha256(re.findall(f"<{tag}>(.*?)</{tag}>", page, re.S)[0].encode()).digest())
        for tag in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style'].decode()}'; "
        f"script-src 'sha256-{digests['script'].decode()}'; base-uri 'none'; form-action 'none'"
    )


def test_links_resolve_and_ids_are_unique() -> None:
    read = Reader(make_page(specimen(), data()))
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(attrs["href"])[1:] for tag, attrs in read.tags if tag == "a"} <= set(ids)


def test_page_shows_each_failure_as_the_text_does() -> None:
    shown = " ".join("".join(Reader(make_page(specimen(), data())).texts).split())
    for words in (
        "grit.tree.key-order MUST The encoder MUST write the entries of a tree in ascending order",
        "case grit/tree/names-descending (vector, shrunk from 41 requests to 1)",
        "step 1 of 1 grit.decode",
        "path /object/entries/1 expected ",
        "again gritstone replay 9eb1d2cfc4507b4d --iut './adapter ",
        "again gritstone verify -k runtime/free/drawn-cbor --iut ",
        "poisoned by grit/tree/two-names — alone, the case does not fail",
        "known bug until 2026-06-01: ",
        "cause dead:signal-SEGV",
    ):
        assert words in shown, words


def test_page_of_a_passing_run_is_small() -> None:
    assert len(make_page(passing(4300), data()).encode()) < 3_000_000


def test_page_of_many_failures_is_bounded() -> None:
    model = next(outcome for outcome in specimen_outcomes() if outcome.history is not None)
    many = [
        replace(model, case=f"runtime/free/case-{number}", signature=f"kind {number}", detail=HARM * 100)
        for number in range(500)
    ]
    page = make_page(assemble(many, dict(specimen().header)), data())
    assert page.count('class="failure"') == MOST_SHOWN
    assert f"And {500 - MOST_SHOWN} more kinds of failure" in page
    assert len(page) < 3_000_000


def lightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG defines it."""
    high, low = sorted((lightness(one), lightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes() -> list[dict[str, str]]:
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", source("page.css"))
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def test_every_text_has_enough_contrast() -> None:
    light, dark, chosen = palettes()
    assert dark == chosen
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for palette in (light, dark):
        for text in ("ink", "quiet", "link", "pass", "fail", "error", "known", "skip"):
            for ground in ("paper", "raised"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        for text in ("ink", "fail", "pass"):
            assert contrast(palette[text], palette["fail-ground"]) >= 4.5
    for ground in ("#33302a", "#1c6437", "#874500", "#a12018", "#5d584f"):  # the colours of badges
        assert contrast("#ffffff", ground) >= 4.5


def test_difference_is_drawn_as_a_tree() -> None:
    around: list[Any] = [
        {"member": "object", "before": [], "after": [["id", "5afd…"]], "left_out": 2},
        {"member": "0", "before": [["x", "1"]], "after": [], "left_out": 0},
    ]
    tree = draw_tree("ok", "/object/0", around, "a", None)
    assert tree is not None
    assert " ".join(" ".join(tree.itertext()).split()) == (
        "ok object 1 member before x : 1 ▸ 0 expected a got nothing, or null 3 members more id : 5afd… and 2 more"
    )
    bare = draw_tree("ok", "/a~1b/~0c", [], 1, 2)
    assert bare is not None
    assert [node.text for node in bare.iter("span") if node.get("class") == "name"] == ["ok", "a/b"]
    assert draw_tree("ok", "", [], 1, 2) is None


def test_spec_sentences_lose_their_markup() -> None:
    text = "".join(
        part if isinstance(part, str) else f"<{part.tag}>{part.text}"
        for part in prose("a ``b`` of :rfc:`3629`, x :sup:`k-1` and :rule:`grit.tree.key-order`")
    )
    assert text == "a <code>b of RFC 3629, x <sup>k-1 and grit.tree.key-order"


def test_any_text_is_escaped() -> None:
    every = "".join(map(chr, [*range(0x300), *range(0x2000, 0x2100), 0xD800, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F600]))
    written = write_html(element("p", {"title": every}, every))
    written.encode()
    ET.fromstring(f"<p>{safe(every).replace('&', '').replace('<', '')}</p>")


def test_verdict_on_a_page_equals_that_of_the_text() -> None:
    for report in (specimen(), passing()):
        page = " ".join("".join(Reader(make_page(report, data())).texts).split())
        judgement = rejudge(report, data().book)
        for words in verdict_words(report.header, report.outcomes, judgement):
            assert " ".join(safe(words).split()) in page
