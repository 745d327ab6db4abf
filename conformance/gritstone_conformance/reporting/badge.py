"""Badges: the conclusion of a report in one line, as SVG or as the JSON that badge services read.

The claim is that of the footer, which is independent of expected failures, and is always shown with its scope.

Spec: :rule:`suite.report.derived`, :rule:`suite.report.claim`.
"""

from __future__ import annotations

import json
from typing import Final

from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.reporting.conclusions import claim_scope, verdict_words
from gritstone_conformance.reporting.markup import Node, element, write_xml
from gritstone_conformance.reporting.page.material import Material, gather
from gritstone_conformance.results.report import Report

__all__ = ["make_badge", "make_endpoint"]

_COLOURS: Final = {"brightgreen": "#1c6437", "orange": "#874500", "red": "#a12018", "lightgrey": "#5d584f"}
_LETTER: Final = 6.6  # width of a letter at 11 pixels, on average
_PAD: Final = 8


def make_badge(report: Report, data: SuiteData) -> str:
    """Return a badge as SVG; its title is the whole claim."""
    material = gather(report, data)
    label, (message, colour) = f"gritstone spec {report.header['spec']}", _message(material)
    claim = "; ".join(verdict_words(report.header, report.outcomes, material.judgement))
    left, right = (round(len(text) * _LETTER) + 2 * _PAD for text in (label, message))
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "width": left + right,
        "height": 20,
        "viewBox": f"0 0 {left + right} 20",
        "role": "img",
        "aria-label": claim,
    }
    return write_xml(
        element(
            "svg",
            attributes,
            element("title", {}, claim),
            element("rect", {"width": left, "height": 20, "fill": "#33302a"}),
            element("rect", {"x": left, "width": right, "height": 20, "fill": _COLOURS[colour]}),
            _text(label, 0, left),
            _text(message, left, right),
        )
    )


def _text(words: str, at: int, width: int) -> Node:
    about = {
        "x": at + _PAD,
        "y": 14,
        "textLength": width - 2 * _PAD,
        "fill": "#ffffff",
        "font-family": "Verdana, 'DejaVu Sans', sans-serif",
        "font-size": 11,
    }
    return element("text", about, words)


def make_endpoint(report: Report, data: SuiteData) -> str:
    """Return a badge as the JSON of a badge service's endpoint; the message is the whole claim."""
    material = gather(report, data)
    claim = "; ".join(verdict_words(report.header, report.outcomes, material.judgement))
    badge = {"schemaVersion": 1, "label": "gritstone", "message": claim, "color": _message(material)[1]}
    return json.dumps(badge, indent=1, ensure_ascii=False) + "\n"


def _message(material: Material) -> tuple[str, str]:
    """Return the text of a badge and its colour."""
    conforms: dict[str, bool] = material.report.footer["conforms"]
    good = " ".join(name for name, yes in conforms.items() if yes)
    bad = " ".join(name for name, yes in conforms.items() if not yes)
    if material.report.footer["exit"] == 3:
        return "nothing was judged", "lightgrey"
    if not conforms:
        return ("something fails", "red") if material.report.footer["unexpected"] else ("no claim", "lightgrey")
    if not good:
        return f"not {bad}", "red"
    scope = claim_scope(material.report.header["iut"], material.judgement).replace("; ", " · ")
    return (f"{good}, not {bad} · {scope}", "orange") if bad else (f"{good} · {scope}", "brightgreen")
