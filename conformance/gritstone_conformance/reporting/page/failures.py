"""Failures on a page: one of each kind in full, worst first, up to a readable number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from gritstone_conformance.reporting.markup import Node, element, prose
from gritstone_conformance.reporting.messages import (
    FOLLOWS,
    found_word,
    known_failures,
    signature_key,
    smallest_of_each,
)
from gritstone_conformance.reporting.page.graph import draw_graph
from gritstone_conformance.reporting.page.material import WIDEST, Material
from gritstone_conformance.reporting.page.tree import draw_tree
from gritstone_conformance.results.excerpts import cut_middle, show_first_byte, show_request, show_sides
from gritstone_conformance.results.expectations import Expectation
from gritstone_conformance.results.outcomes import CUTS, Divergent, Outcome
from gritstone_conformance.text import counted, printable, unfolded

__all__ = ["MOST_SHOWN", "failures_section"]

MOST_SHOWN: Final = 40
_MOST_NAMED: Final = 100  # further cases of one kind
_LOG_WIDTH: Final = 400


def failures_section(material: Material) -> Node | None:
    """Return the section of failures, or None if nothing failed."""
    found = _of_each_kind(material.report.outcomes)
    if not found:
        return None
    same: dict[tuple[object, ...], list[str]] = {}
    for outcome in material.report.outcomes:
        if outcome.verdict in ("fail", "error"):
            same.setdefault(_kind(outcome), []).append(outcome.case)
    shown = found[:MOST_SHOWN]
    articles = [
        _article(material, outcome, number, [case for case in same[_kind(outcome)] if case != outcome.case])
        for number, outcome in enumerate(shown, 1)
    ]
    more = len(found) - len(shown)
    rest = element("p", {}, f"And {counted(more, 'more kind')} of failure: see the cases in the list of rules.")
    head = element("h2", {"id": "failures-head"}, "Failures")
    lead = element("p", {"class": "lead"}, _lead(len(found), sum(map(len, same.values()))))
    return element(
        "section",
        {"id": "failures", "aria-labelledby": "failures-head"},
        head,
        lead,
        *articles,
        rest if more else None,
    )


def _of_each_kind(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the smallest failure of each kind, expected ones last."""
    by_name = {outcome.case: outcome for outcome in known_failures(outcomes)}
    known = smallest_of_each(replace(outcome, expected=None) for outcome in by_name.values())
    return [*smallest_of_each(outcomes), *(by_name[outcome.case] for outcome in known)]


def _kind(outcome: Outcome) -> tuple[object, ...]:
    return outcome.expected is not None, *signature_key(outcome)


def _lead(kinds: int, cases: int) -> str:
    return f"{counted(kinds, 'kind')} of failure in {counted(cases, 'case')}; the smallest case of each kind is shown."


def _article(material: Material, outcome: Outcome, number: int, others: Sequence[str]) -> Node:
    rule_id = outcome.rule or outcome.rules[0]
    rule = material.book.rules.get(rule_id)
    known = outcome.expected is not None
    return element(
        "details",
        {
            "class": "failure",
            "id": f"failure-{number}",
            "open": not known,
            "data-verdict": "known" if known else outcome.verdict,
            "data-level": outcome.level,
            "data-profile": outcome.profile,
        },
        _summary(outcome, rule_id, known=known),
        element("blockquote", {"class": "sentence", "cite": f"#rule-{rule_id}"}, *prose(rule.text)) if rule else None,
        element("dl", {"class": "facts"}, *_facts(material, outcome)),
        *_pictures(outcome),
        _others(others),
    )


def _summary(outcome: Outcome, rule_id: str, *, known: bool) -> Node:
    words = "known" if known else outcome.verdict
    title = element("span", {"class": "rule-id"}, rule_id)
    return element(
        "summary",
        {},
        element(
            "h3",
            {},
            element("span", {"class": f"verdict {words}"}, words),
            " ",
            title,
            " ",
            element("span", {"class": "level"}, outcome.level),
        ),
    )


def _facts(material: Material, outcome: Outcome) -> Iterator[Node]:
    yield from _fact("case", element("code", {}, outcome.case), f" {_origin(outcome)}")
    if outcome.expected is not None:
        yield from _fact("known", Expectation.from_json(outcome.expected).words())
    if outcome.cause is not None:
        yield from _fact("cause", element("code", {}, outcome.cause))
    if outcome.poisoned_by is not None:
        yield from _fact("poisoned by", element("code", {}, outcome.poisoned_by), " — alone, the case does not fail")
    if outcome.may_follow_from is not None:
        yield from _fact("may follow", "from ", element("code", {}, outcome.may_follow_from), FOLLOWS)
    if outcome.divergence is not None:
        yield from _steps(outcome.divergence)
    if outcome.shrink_cut is not None:
        yield from _fact("cut short", CUTS[outcome.shrink_cut])
    if outcome.detail:
        yield from _fact("detail", element("pre", {}, *_log(outcome.detail)))
    twin = material.teller.twin_words(outcome, material.verdicts)
    if twin is not None:
        yield from _fact("twin", twin)
    again = material.teller.again(outcome, found_word(outcome, material.report.header))
    if again is not None:
        yield from _fact("again", element("pre", {"class": "command"}, again))


def _fact(label: str, *words: Node | str | None) -> Iterator[Node]:
    yield element("dt", {}, label)
    yield element("dd", {}, *words)


def _origin(outcome: Outcome) -> str:
    if outcome.shrunk_from is not None and outcome.divergence is not None:
        requests = counted(outcome.shrunk_from, "request")
        return f"({outcome.kind}, shrunk from {requests} to {outcome.divergence.steps})"
    return f"({outcome.kind})"


def _steps(divergence: Divergent) -> Iterator[Node]:
    place = f"step {divergence.step + 1} of {divergence.steps}"
    yield from _fact(place, element("code", {}, show_request(divergence.op, divergence.args, WIDEST)))
    if divergence.path:
        yield from _fact("path", element("code", {}, divergence.path))
    sides = show_sides(divergence.path, divergence.expected, divergence.got, WIDEST)
    for label, words in zip(("expected", "got"), sides, strict=True):
        yield element("dt", {"class": label}, label)
        yield element("dd", {"class": label}, element("code", {}, words))
    if divergence.message:
        yield from _fact("message", element("code", {}, printable(divergence.message, _LOG_WIDTH)))
    apart = show_first_byte(divergence.path, divergence.expected, divergence.got)
    if apart is not None:
        yield from _fact("differs", element("code", {}, apart))


def _log(detail: str) -> Iterator[Node]:
    return (element("span", {"class": "line"}, cut_middle(line, _LOG_WIDTH)) for line in unfolded(detail))


def _pictures(outcome: Outcome) -> Iterator[Node | None]:
    divergence, history = outcome.divergence, outcome.history
    if history is not None:
        got = divergence.got if divergence is not None else outcome.detail
        yield _figure(draw_tree("heads", history["path"], history["around"], "a legal history", got))
        yield draw_graph(history)
    elif divergence is not None:
        root = "answer" if divergence.path.startswith("/refused") else "ok"
        yield _figure(draw_tree(root, divergence.path, divergence.around or (), divergence.expected, divergence.got))


def _figure(tree: Node | None) -> Node | None:
    if tree is None:
        return None
    return element("figure", {}, tree, element("figcaption", {}, "The first difference and its neighbours."))


def _others(cases: Sequence[str]) -> Node | None:
    if not cases:
        return None
    names = [element("li", {}, element("code", {}, case)) for case in cases[:_MOST_NAMED]]
    names += [element("li", {}, f"and {len(cases) - _MOST_NAMED} more")] if len(cases) > _MOST_NAMED else []
    words = f"{counted(len(cases), 'more case')} of this kind"
    return element("details", {"class": "others"}, element("summary", {}, words), element("ul", {}, *names))
