"""The page as a whole: one file with its own style and script, and a policy that forbids any other source.

Invariant: equal reports give equal pages, at any place and time.

Spec: :rule:`suite.report.derived`, :rule:`suite.report.claim`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import resources

from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.conclusions import verdict_words
from gritstone_conformance.reporting.markup import Node, element, embedded, page_head, write_html
from gritstone_conformance.reporting.page.failures import failures_section
from gritstone_conformance.reporting.page.material import Material, duration, gather
from gritstone_conformance.reporting.page.rules import SIGNS, rules_section
from gritstone_conformance.reporting.page.timings import profiles_section, timings_section
from gritstone_conformance.results.outcomes import VERDICTS
from gritstone_conformance.results.report import Report

__all__ = ["make_page", "source"]

_KEYS = (
    ("j, k", "next, previous failure, or rule if nothing failed"),
    ("Enter", "collapse or expand it"),
    ("/", "search"),
    ("Esc", "leave the filter, close this"),
    ("t", "light or dark"),
    ("?", "this help"),
)


def source(name: str) -> str:
    """Return the style (``page.css``) or script (``page.js``) of the page."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def make_page(report: Report, data: SuiteData) -> str:
    """Return the page of a report.

    Args:
        report: the report.
        data: the rules and vectors of the suite, for texts and twins.
    """
    material = gather(report, data)
    failures = failures_section(material)
    body = element(
        "body",
        {},
        element("a", {"class": "skip-link", "href": "#main"}, "To the content"),
        _masthead(material),
        _contents(has_failures=failures is not None),
        element(
            "main",
            {"id": "main"},
            profiles_section(material),
            _filters(material),
            _stale(material),
            failures,
            rules_section(material),
            timings_section(material),
            _run_section(material),
        ),
        _foot(material),
        _help(),
        embedded("script", source("page.js")),
    )
    return write_html(element("html", {"lang": "en"}, _head(material), body))


def _head(material: Material) -> Node:
    title = "; ".join(_claim(material)) or f"{material.subject}: {_verdict(material)[0]}"
    return page_head(title, source("page.css"), source("page.js"))


def _verdict(material: Material) -> tuple[str, str]:
    """Return the short verdict for the title, and its style."""
    footer = material.report.footer
    conforms: dict[str, bool] = footer["conforms"]
    if footer["exit"] == 3:
        return "nothing was judged", "fail"
    if material.is_audit:
        return ("not legal", "fail") if footer["unexpected"] else ("nothing illegal found", "pass")
    if not conforms:
        return ("something fails", "fail") if footer["unexpected"] else ("a part of the cases, nothing fails", "skip")
    if all(conforms.values()):
        return "conforms", "pass"
    return ("conforms in part" if any(conforms.values()) else "does not conform"), "fail"


def _claim(material: Material) -> list[str]:
    return verdict_words(material.report.header, material.report.outcomes, material.judgement)


def _sentences(material: Material) -> Iterator[str]:
    """Yield the clauses of the verdict; a name keeps its lower-case letter."""
    for part in _claim(material):
        yield part if part.startswith(material.subject) else part[0].upper() + part[1:]


def _masthead(material: Material) -> Node:
    words, style = _verdict(material)
    return element(
        "header",
        {"class": "masthead"},
        element(
            "p",
            {"class": "over"},
            "Audit report" if material.is_audit else "Conformance report",
            element("button", {"type": "button", "id": "theme", "hidden": True}, "light or dark"),
        ),
        element(
            "h1",
            {},
            material.subject if material.subject != "nothing" else "No implementation",
            " ",
            element("span", {"class": f"verdict {style}"}, words),
        ),
        *(element("p", {"class": "claim"}, f"{part}.") for part in _sentences(material)),
        element("p", {"class": "quiet"}, _tally_words(material)),
        *(element("p", {"class": "note", "role": "note"}, note) for note in material.notes),
    )


def _tally_words(material: Material) -> str:
    footer = material.report.footer
    counts = ", ".join(f"{footer['cases'][verdict]} {verdict}" for verdict in VERDICTS)
    rules = footer["rules"]
    asked = rules["pass"] + rules["fail"] + rules["error"]
    claimed = f"{asked} of {rules['total']} rules tested, {rules['pass']} pass; " if footer["conforms"] else ""
    return f"{claimed}{'cases' if claimed else 'Cases'}: {counts}."


def _contents(*, has_failures: bool) -> Node:
    places = {"profiles": "Profiles", "failures": "Failures", "rules": "Rules", "timings": "Time", "run": "Run"}
    links = [
        element("li", {}, element("a", {"href": f"#{place}"}, name))
        for place, name in places.items()
        if place != "failures" or has_failures
    ]
    return element("nav", {"aria-label": "Contents"}, element("ul", {}, *links))


def _stale(material: Material) -> Node | None:
    """Return the entries of the file of expected failures that are stale, with the lines to change."""
    if not material.judgement.stale:
        return None
    entries = [
        element("li", {}, *(element("span", {"class": "line"}, line) for line in stale.lines()))
        for stale in material.judgement.stale
    ]
    head = element("h2", {"id": "stale-head"}, "Stale entries of expected failures")
    return element("section", {"aria-labelledby": "stale-head"}, head, element("ul", {"class": "stale"}, *entries))


def _filters(material: Material) -> Node:
    levels = ("MUST", "SHOULD", "MAY")
    profiles = sorted({outcome.profile for outcome in material.report.outcomes})
    return element(
        "form",
        {"id": "filters", "role": "search", "aria-label": "Filter failures and rules", "hidden": True},
        element(
            "label",
            {},
            "Search ",
            element("input", {"type": "search", "name": "q", "placeholder": "rule, text, case", "size": "22"}),
        ),
        _choice("verdict", [*SIGNS, "not tested"]),
        _choice("level", list(levels)),
        _choice("profile", profiles),
        element("button", {"type": "reset"}, "Show all"),
        element("output", {"name": "count", "aria-live": "polite"}),
    )


def _choice(name: str, values: list[str]) -> Node:
    options = [element("option", {"value": ""}, "any")]
    options += [element("option", {"value": value}, value) for value in values]
    return element("label", {}, f"{name.capitalize()} ", element("select", {"name": name}, *options))


def _run_section(material: Material) -> Node:
    facts = [
        node for label, value in _run_facts(material) for node in (element("dt", {}, label), element("dd", {}, value))
    ]
    head = element("h2", {"id": "run-head"}, "Run")
    return element(
        "section", {"id": "run", "aria-labelledby": "run-head"}, head, element("dl", {"class": "facts"}, *facts)
    )


def _run_facts(material: Material) -> Iterator[tuple[str, str]]:
    header, footer = material.report.header, material.report.footer
    yield from _subject_facts(header["iut"])
    if header.get("lenient"):
        yield "reading", "lenient: maps may be in any order"
    yield "attached", " ".join([header["attach"], shlex.join(header["command"])]).strip()
    yield "spec", f"{header['spec']}, rules {header['rules']}"
    yield "suite", f"{header['suite']}, vectors {header['vectors']}"
    yield "drawn by", f"seed {header['seed']}, {header['profile']}, hypothesis {header['hypothesis']}"
    yield "machine", f"python {header['python']}, {header['platform']}, deadlines × {header['deadline_scale']:g}"
    yield "time", f"{header['started']} to {footer['finished']}, {duration(_span(header, footer))}"
    yield "restarts", str(footer["restarts"])
    yield "verdict root", footer["verdicts"]
    yield "exit code", str(footer["exit"])


def _subject_facts(iut: Json) -> Iterator[tuple[str, str]]:
    if iut is None:
        return
    if "bundle" in iut:
        yield "bundle", iut["bundle"]
        return
    who = iut["implementation"]
    source_words = f", {who['source']}" if who.get("source") else ""
    yield "implementation", f"{who['name']} {who['version']} ({who['language']}){source_words}"
    for name in ("formats", "profiles", "features"):
        yield name, ", ".join(iut[name]) or "none"
    limits = {name: "unlimited" if value is None else value for name, value in iut["limits"].items()}
    yield "limits", ", ".join(f"{name} {value}" for name, value in limits.items())
    for gap in iut.get("gaps", ()):
        yield "gap", ": ".join(str(gap[name]) for name in ("feature", "why", "issue") if gap.get(name))


def _span(header: Mapping[str, Json], footer: Mapping[str, Json]) -> float:
    begun, ended = (datetime.fromisoformat(moment) for moment in (header["started"], footer["finished"]))
    return max(0.0, (ended - begun).total_seconds())


def _foot(material: Material) -> Node:
    words = f"Made from the lines of a sealed report; SHA-256 of its lines: {material.report.footer['sha256']}."
    return element("footer", {}, element("p", {"class": "quiet"}, words))


def _help() -> Node:
    rows: list[Node] = []
    for key, words in _KEYS:
        rows += [element("dt", {}, element("kbd", {}, key)), element("dd", {}, words)]
    close = element("form", {"method": "dialog"}, element("button", {}, "Close"))
    head = element("h2", {"id": "help-head"}, "Keys")
    return element("dialog", {"id": "help", "aria-labelledby": "help-head"}, head, element("dl", {}, *rows), close)
