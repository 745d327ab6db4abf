"""The picture of a history as one page: its own style and script, and a policy that forbids any other source.

Invariant: equal arguments give equal pages.

Spec: :rule:`suite.audit.picture`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.diagrams.explorer import KEYS, explorer
from gritstone_conformance.reporting.diagrams.explorer import source as explorer_source
from gritstone_conformance.reporting.diagrams.histories import diagram_of
from gritstone_conformance.reporting.markup import Node, element, embedded, page_head, write_html
from gritstone_conformance.reporting.page.graph import caption_words
from gritstone_conformance.reporting.page.whole import source
from gritstone_conformance.text import counted

__all__ = ["Item", "make_picture"]

_MOST_LISTED: Final = 200  # findings


@dataclass(frozen=True, slots=True)
class Item:
    """One finding in the list of a page.

    Attributes:
        rule: the violated rule.
        words: fault, path and what is wrong.
        actor: the actor of its step in hex, or None.
        index: the place of its step in the chain of the actor, or None.
    """

    rule: str
    words: str
    actor: str | None = None
    index: int | None = None


def make_picture(
    subject: str, summary: str, parts: tuple[Mapping[str, Json], Mapping[str, Json]], findings: Sequence[Item]
) -> str:
    """Return the page of a history.

    Args:
        subject: the name of what was audited.
        summary: the summary of the audit.
        parts: what is explored, and the smaller part that is drawn where scripts are disabled; both in the form of the
            ``history`` member of a case line.
        findings: the findings, the one that is named first.
    """
    whole, part = parts
    style, script = source("page.css") + explorer_source("explorer.css"), explorer_source("explorer.js")
    body = element(
        "body",
        {},
        element("a", {"class": "skip-link", "href": "#findings"}, "To the findings"),
        _masthead(subject, summary, findings),
        element("main", {"id": "main"}, _figure(whole, diagram_of(part)), _findings(whole, findings), _keys()),
        embedded("script", script),
    )
    return write_html(element("html", {"lang": "en"}, page_head(f"History of {subject}", style, script), body))


def _masthead(subject: str, summary: str, findings: Sequence[Item]) -> Node:
    verdict = counted(len(findings), "finding") if findings else "nothing illegal found"
    words = element("span", {"class": "verdict fail" if findings else "verdict pass"}, verdict)
    head = element("h1", {}, f"History of {subject}: ", words)
    return element("header", {"class": "masthead"}, head, element("p", {"class": "claim"}, summary))


def _figure(whole: Mapping[str, Json], part: Diagram) -> Node:
    figure = explorer(diagram_of(whole), part)
    figure.append(element("figcaption", {}, caption_words(whole)))
    return figure


def _findings(whole: Mapping[str, Json], findings: Sequence[Item]) -> Node:
    steps = {
        (whole["actors"][step["actor"]]["id"], step["index"]): number for number, step in enumerate(whole["steps"])
    }
    lines = [_line(steps.get((each.actor or "", -1 if each.index is None else each.index)), each) for each in findings]
    more = len(findings) - _MOST_LISTED
    lines = [*lines[:_MOST_LISTED], *([element("li", {}, f"and {more} more: see the report")] if more > 0 else [])]
    head = element("h2", {"id": "findings-head"}, "Findings")
    listed = element("ol", {"class": "findings"}, *lines) if lines else element("p", {}, "There are none.")
    return element("section", {"id": "findings", "aria-labelledby": "findings-head", "tabindex": "-1"}, head, listed)


def _line(point: int | None, finding: Item) -> Node:
    rule = element("span", {"class": "rule-id"}, finding.rule)
    if point is None:
        return element("li", {}, rule, f" {finding.words}")
    return element("li", {}, element("a", {"href": "#stage", "data-point": point}, rule, f" {finding.words}"))


def _keys() -> Node:
    rows: list[Node] = []
    for key, words in KEYS:
        rows += [element("dt", {}, element("kbd", {}, key)), element("dd", {}, words)]
    head = element("h2", {"id": "keys-head"}, "Keys of the diagram")
    lead = "Drag to move, Ctrl and wheel to zoom. Bars count steps where there is no room to draw each."
    return element(
        "section",
        {"id": "keys", "aria-labelledby": "keys-head", "hidden": True, "data-scripted": True},
        head,
        element("p", {"class": "lead"}, lead),
        element("dl", {"class": "facts"}, *rows),
    )
