"""Repeated replies: failures of several rules that are the same wrong reply to the same request.

One fault may fail cases of several rules. That a failure follows from another one is said only with evidence from the
run: both cases sent the same request with the same arguments, and the replies had the same first difference. Of such
failures, the one of the smallest case is the one to look at.

Pure: looks at outcomes only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gritstone_conformance.cases import canonical_json
from gritstone_conformance.results.outcomes import Outcome

__all__ = ["RepeatedReplies", "linked"]


class RepeatedReplies:
    """The wrong replies of the failures so far."""

    def __init__(self) -> None:
        self._smallest: dict[bytes, tuple[int, str, str]] = {}  # reply -> steps, case, rule

    def note(self, outcome: Outcome) -> None:
        """Add an outcome; only failures count."""
        key, divergence = _reply(outcome), outcome.divergence
        if key is not None and divergence is not None:
            found = (divergence.steps, outcome.case, outcome.rule or "")
            self._smallest[key] = min(found, self._smallest.get(key, found))

    def source_of(self, outcome: Outcome) -> str | None:
        """Return the other rule by which a smaller case failed with the same reply, or None.

        Spec: :rule:`suite.report.follows`.
        """
        key = _reply(outcome)
        rule = self._smallest[key][2] if key in self._smallest else outcome.rule
        return None if rule == outcome.rule else rule


def linked(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes in which failures name the rule that they may follow from; verdicts stay."""
    kept, replies = tuple(outcomes), RepeatedReplies()
    for outcome in kept:
        replies.note(outcome)
    return tuple(replace(outcome, may_follow_from=replies.source_of(outcome)) for outcome in kept)


def _reply(outcome: Outcome) -> bytes | None:
    """Return the request and the first difference of a failure as one key; None if they are not known in full."""
    divergence = outcome.divergence
    if outcome.verdict != "fail" or divergence is None:
        return None
    members = (divergence.op, divergence.args, divergence.path, divergence.expected, divergence.got)
    key = canonical_json(list(members))
    return None if "…".encode() in key else key
