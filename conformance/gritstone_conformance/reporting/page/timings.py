"""Counts and times on a page: a table of profiles, and the slowest cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gritstone_conformance.reporting.conclusions import skip_words, unasked_lines
from gritstone_conformance.reporting.markup import Node, element
from gritstone_conformance.reporting.page.material import Material, duration
from gritstone_conformance.reporting.page.rules import in_order
from gritstone_conformance.results.judgement import Judgement
from gritstone_conformance.results.outcomes import VERDICTS, Outcome
from gritstone_conformance.text import counted

__all__ = ["profiles_section", "timings_section"]

_SLOWEST: Final = 20
_BAR: Final = 160


def profiles_section(material: Material) -> Node:
    """Return the table of profiles: claim, rules, cases, time; and the skipped cases with reasons."""
    profiles = _by_profile(material)
    longest = max((sum(each.seconds for each in mine) for mine in profiles.values()), default=0.0)
    heads = ("profile", "conforms", "rules", *VERDICTS, "time in cases")
    table = element(
        "table",
        {},
        element("caption", {}, "tested MUST rules, and cases by verdict"),
        element("thead", {}, element("tr", {}, *(element("th", {"scope": "col"}, head) for head in heads))),
        element("tbody", {}, *(_row(material, name, mine, longest) for name, mine in profiles.items())),
    )
    head = element("h2", {"id": "profiles-head"}, "Profiles")
    scroll = element("div", {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Profiles"}, table)
    return element(
        "section",
        {"id": "profiles", "aria-labelledby": "profiles-head"},
        head,
        scroll,
        _skips(profiles, material.judgement),
    )


def _by_profile(material: Material) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in material.report.outcomes:
        found.setdefault(outcome.profile, []).append(outcome)
    return {name: found[name] for name in in_order(list(found))}


def _row(material: Material, profile: str, mine: list[Outcome], longest: float) -> Node:
    tally = Counter(outcome.verdict for outcome in mine)
    claim = material.report.footer["conforms"].get(profile)
    words = {True: "yes", False: "no", None: "–"}[claim]
    style = {True: "pass", False: "fail", None: None}[claim]
    seconds = sum(outcome.seconds for outcome in mine)
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, profile),
        element("td", {"class": style}, words),
        element("td", {}, _rules(material, profile)),
        *(element("td", {"class": verdict if tally[verdict] else "none"}, str(tally[verdict])) for verdict in VERDICTS),
        element("td", {"class": "time"}, duration(seconds), _bar(seconds, longest)),
    )


def _rules(material: Material, profile: str) -> str:
    passed, asked, total = material.judgement.asked((profile,))
    return f"{asked} of {total} tested, {passed} pass" if asked else "–"


def _skips(profiles: dict[str, list[Outcome]], judgement: Judgement) -> Node | None:
    lines = [f"{name} — {words}" for name, mine in profiles.items() for words in skip_words(mine)]
    lines += unasked_lines(judgement)
    return element("ul", {"class": "quiet skips"}, *(element("li", {}, line) for line in lines)) if lines else None


def timings_section(material: Material) -> Node:
    """Return the slowest cases."""
    timed = [outcome for outcome in material.report.outcomes if outcome.requests]
    slowest = sorted(timed, key=lambda outcome: (-outcome.seconds, outcome.case))[:_SLOWEST]
    longest = max((outcome.seconds for outcome in slowest), default=0.0)
    heads = ("case", "requests", "time")
    table = element(
        "table",
        {"class": "slowest"},
        element("caption", {}, f"The slowest {counted(len(slowest), 'case')} of {len(timed)} executed cases"),
        element("thead", {}, element("tr", {}, *(element("th", {"scope": "col"}, head) for head in heads))),
        element("tbody", {}, *_slow_rows(slowest, longest)),
    )
    head = element("h2", {"id": "timings-head"}, "Time")
    return element("section", {"id": "timings", "aria-labelledby": "timings-head"}, head, table)


def _slow_rows(slowest: list[Outcome], longest: float) -> Iterator[Node]:
    for outcome in slowest:
        name = element("th", {"scope": "row"}, outcome.case)
        time = element("td", {"class": "time"}, duration(outcome.seconds), _bar(outcome.seconds, longest))
        yield element("tr", {}, name, element("td", {}, str(outcome.requests)), time)


def _bar(seconds: float, longest: float) -> Node:
    width = round(_BAR * seconds / longest) if longest else 0
    bar = element("rect", {"width": max(1, width), "height": 6, "rx": 1})
    size = {"viewBox": f"0 0 {_BAR} 6", "width": _BAR, "height": 6, "aria-hidden": "true", "class": "bar"}
    return element("svg", size, bar)
