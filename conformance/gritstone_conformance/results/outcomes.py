"""Outcomes: the result of one case, as stored in a report line.

Plain data with one JSON form; ``judgement`` draws conclusions from outcomes, ``report`` writes and reads them.

Invariant: ``Outcome.from_json(outcome.to_json()) == outcome``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json

__all__ = ["CUTS", "OWN_FAULT", "VERDICTS", "Divergent", "Outcome"]

VERDICTS: Final = ("pass", "fail", "error", "skip")
OWN_FAULT: Final = "suite"
"""The cause of an ``error`` in the suite's own code; it gives no information about the implementation."""


CUTS: Final = {
    "time": "the time for shrinking one failure was over",
    "alike": "an earlier case failed in the same way and was shrunk; this one got a few tries",
    "run": "the time for shrinking all failures of the run was over",
    "span": "the time of the search was over",
}
"""Why shrinking was cut short: the value in the report, and its description."""


@dataclass(frozen=True, slots=True)
class Divergent:
    """The first difference between the expected and the actual replies of a case.

    Attributes:
        step: index of the step, from 0.
        op: its operation.
        path: JSON Pointer into the reply; empty if the kind of reply differs.
        expected: the value that the case or the model expects.
        got: the actual value.
        steps: how many steps the case has.
        args: the arguments of the request, shortened for display; the case has them in full.
        around: the levels of the path with their neighbours, outermost first, for display.
        message: the text of the implementation's refusal, for display.
    """

    step: int
    op: str
    path: str
    expected: Json
    got: Json
    steps: int
    args: Json
    around: Json = None
    message: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the ``divergence`` member."""
        members = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in members.items() if name not in ("around", "message") or value}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one case and its reasons.

    Attributes:
        case: the case name.
        digest: the case's identity, SHA-256 in hex.
        kind: the kind of the case.
        rules: the rules it judges.
        level: MUST, SHOULD or MAY: of the violated rule, else of ``rules[0]``.
        verdict: ``pass``, ``fail``, ``error`` or ``skip``.
        requests: how many requests it took.
        seconds: how long it took.
        rule: the violated rule.
        signature: groups failures; free of ids.
        cause: why the implementation broke.
        detail: one readable line.
        reason: why it was skipped.
        divergence: the first difference.
        found: the file of the counterexample, relative to the report's directory.
        shrunk_from: requests of the example that failed first.
        shrink_cut: why shrinking it was cut short, or None.
        shrink_s: how many of the seconds were spent on shrinking.
        history: the part of a history around the fault.
        poisoned_by: the earlier case without which this one does not fail.
        may_follow_from: another failed rule with the same wrong reply to the same request.
        expected: the entry of the file of expected failures that covers this failure.
    """

    case: str
    digest: str
    kind: str
    rules: tuple[str, ...]
    level: str
    verdict: str
    requests: int = 0
    seconds: float = 0.0
    rule: str | None = None
    signature: str | None = None
    cause: str | None = None
    detail: str | None = None
    reason: str | None = None
    divergence: Divergent | None = None
    found: str | None = None
    shrunk_from: int | None = None
    shrink_cut: str | None = None
    shrink_s: float = 0.0
    history: Json = None
    poisoned_by: str | None = None
    may_follow_from: str | None = None
    expected: Mapping[str, Json] | None = None

    @property
    def profile(self) -> str:
        """The first segment of the case name."""
        return self.case.split("/", 1)[0]

    @property
    def was_executed(self) -> bool:
        """Whether the case was run and gives information about the implementation."""
        return self.verdict in ("pass", "fail") or (self.verdict == "error" and self.cause not in _NEVER_ASKED)

    def to_json(self) -> dict[str, Json]:
        """Return the report line; members without a value are left out."""
        line: dict[str, Json] = {
            "type": "case",
            "case": self.case,
            "digest": self.digest,
            "kind": self.kind,
            "rules": list(self.rules),
            "level": self.level,
            "verdict": self.verdict,
        }
        for name in _NOTES:
            if getattr(self, name) is not None:
                line[name] = getattr(self, name)
        if self.divergence is not None:
            line["divergence"] = self.divergence.to_json()
        times = {"seconds": round(self.seconds, 6)}
        if self.shrunk_from is not None:
            times["shrinking"] = round(self.shrink_s, 6)
        return line | {"requests": self.requests, "times": times}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Outcome:
        """Build from a report line; raises DataError if the line is invalid."""
        try:
            members = {name: line[name] for name in ("case", "digest", "kind", "level", "verdict", "requests")}
            members |= {name: line[name] for name in _NOTES if name in line}
            if "divergence" in line:
                members["divergence"] = Divergent(**line["divergence"])
            times = line["times"]
            spent = {"seconds": times.get("seconds", 0.0), "shrink_s": times.get("shrinking", 0.0)}
            return cls(rules=tuple(line["rules"]), **spent, **members)
        except (KeyError, TypeError, AttributeError) as problem:
            raise DataError(f"is not a valid case line: {problem!r}") from problem


_NOTES: Final = (
    "rule",
    "signature",
    "cause",
    "detail",
    "reason",
    "found",
    "shrunk_from",
    "shrink_cut",
    "history",
    "poisoned_by",
    "may_follow_from",
    "expected",
)
_NEVER_ASKED: Final = frozenset({"not-run", "not-started", "twin", OWN_FAULT})
