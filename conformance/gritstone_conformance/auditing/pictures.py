"""The picture of an audited history: which part of it is drawn, and its findings.

Spec: :rule:`suite.audit.picture`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gritstone_conformance.auditing.unordered import in_file_ids
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.history import Verdict
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.page.picture import Item, make_picture
from gritstone_conformance.results.extracts import MOST_ACTORS, MOST_MESSAGES, MOST_STEPS, Limits, nearest_part

__all__ = ["draw_history"]

_STEP: Final = re.compile("heads/([0-9a-f]{64})~([0-9]+)/")
_EXPLORED: Final = Limits(steps=20_000, actors=2_000, messages=60_000)
_DRAWN: Final = Limits(MOST_STEPS, MOST_ACTORS, MOST_MESSAGES)


def draw_history(subject: str, summary: str, verdict: Verdict, before: History | None, ids: Mapping[str, str]) -> str:
    """Return the page with the picture of a history.

    Args:
        subject: the name of the audited file.
        summary: the summary of the audit.
        verdict: the verdict on its history.
        before: the history of an earlier export, or None.
        ids: ids of the judged copy to those in the file.
    """
    assert verdict.history is not None, "the bundle has a history"
    located = [_located(verdict.history, finding) for finding in verdict.findings]
    first = next((each for each in located if each.place.index is not None), located[0] if located else None)
    whole, part = (_part(verdict.history, first, before, limits, ids) for limits in (_EXPLORED, _DRAWN))
    return make_picture(subject, summary, (whole, part), [_item(finding, ids) for finding in located])


def _located(history: History, finding: Finding) -> Finding:
    """Return a finding with the step that its path names, if it names no step otherwise."""
    named = _STEP.match(finding.place.path)
    chain = None if named is None else history.chains.get(bytes.fromhex(named[1]))
    if named is None or chain is None or finding.place.index is not None:
        return finding
    place = Place(finding.place.path, chain.actor, len(chain) - 1 - int(named[2]))
    return replace(finding, place=place)


def _part(
    history: History, finding: Finding | None, before: History | None, limits: Limits, ids: Mapping[str, str]
) -> dict[str, Json]:
    about = {"fault": finding.fault, "path": finding.place.path} if finding is not None else {}
    part: dict[str, Json] = in_file_ids({**about, **nearest_part(history, finding, before, limits)}, ids)
    return part


def _item(finding: Finding, ids: Mapping[str, str]) -> Item:
    actor = None if finding.place.actor is None else finding.place.actor.hex()
    words = f"{finding.fault} at {finding.place.path}: {finding.words}"
    return Item(finding.rule, in_file_ids(words, ids), in_file_ids(actor, ids), finding.place.index)
