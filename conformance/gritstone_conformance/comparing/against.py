"""``verify --against``: the same requests to two implementations, and the verdict of the rules on each difference.

Each implementation is judged in its own run by the rules alone; the replies of the other one have no effect. If one of
them fails the case, the difference is *settled*: the rule names the wrong one. If no rule forbids either reply, it is a
*dispute*: the spec leaves it open or is unclear, and its authors should know.

Spec: :rule:`suite.dispute.no-vote`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TextIO

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.comparing.transcript_recorder import record_transcript
from gritstone_conformance.comparing.transcripts import CaseTranscript, Parting, Transcript, partings
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.comparison import Comparison, implementation_of, report_beside
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.results.excerpts import show_answer, show_request, show_value
from gritstone_conformance.results.report import read_report
from gritstone_conformance.running.verification import ListenerMaker, verify
from gritstone_conformance.text import counted, say

__all__ = ["JudgedDifference", "Side", "compare_sides", "verify_against"]

_SHOWN: Final = 10
_EXECUTED: Final = ("pass", "fail")


@dataclass(frozen=True, slots=True)
class Side:
    """One implementation and its run.

    Attributes:
        letter: stands for it.
        name: name, version and language.
        transcript: its requests and replies.
    """

    letter: str
    name: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class JudgedDifference:
    """One difference and the verdict of the rules on it.

    Attributes:
        parting: the first difference of the two replies.
        letters: the two implementations.
        broken: letter to the rule that its reply violates; empty: no rule forbids either reply.
    """

    parting: Parting
    letters: tuple[str, str]
    broken: Mapping[str, str]

    @property
    def word(self) -> str:
        """``settled`` or ``dispute``."""
        return "settled" if self.broken else "dispute"

    @property
    def key(self) -> tuple[str, ...]:
        """The key that groups equal findings."""
        return (self.word, *self.letters, self.parting.signature, *self.broken.values())

    def to_json(self) -> dict[str, Json]:
        """Return the line of a comparison."""
        parting = self.parting
        return {
            "type": "difference",
            "finding": self.word,
            "case": parting.case,
            "example": parting.example,
            "step": parting.step,
            "op": parting.op,
            "args": parting.args,
            "path": parting.path,
            "answers": dict(zip(self.letters, parting.answers, strict=True)),
            "broken": dict(self.broken),
        }


def compare_sides(one: Side, other: Side) -> tuple[list[JudgedDifference], list[str], int]:
    """Compare two runs case by case.

    Returns:
        The findings in the order of the first run; the cases with different requests; the number of compared cases.
    """
    findings: list[JudgedDifference] = []
    unlike: list[str] = []
    compared = 0
    for case, mine in one.transcript.scripts.items():
        theirs = other.transcript.scripts.get(case)
        if theirs is None or mine.verdict not in _EXECUTED or theirs.verdict not in _EXECUTED:
            continue  # unclaimed: no request; broken: no reply
        compared += 1
        found = list(partings(case, mine, theirs))
        findings += [_judged(each, (one.letter, mine), (other.letter, theirs)) for each in found if not each.is_asked]
        unlike += [case] if found and found[0].is_asked else []
    return findings, unlike, compared


def _judged(parting: Parting, one: tuple[str, CaseTranscript], other: tuple[str, CaseTranscript]) -> JudgedDifference:
    """Return the verdict of the rules: each of the two is wrong if its own reply failed the case."""
    sides = (one, other)
    broken = {letter: script.rule or "" for (letter, script), own in zip(sides, parting.blamed, strict=True) if own}
    return JudgedDifference(parting, (one[0], other[0]), broken)


def verify_against(context: RunContext, others: Sequence[Target], listener: ListenerMaker, out: TextIO) -> int:
    """Verify several implementations separately, and compare the first with each of the others.

    Args:
        context: the run of the first; the file of expected failures is of that run only.
        others: the implementations that the first is compared with; their reports are written next to its report.
        listener: makes the listener of each run.
        out: the output stream.

    Returns:
        The exit code of the first; the other implementations have no effect on it.
    """
    sides: list[Side] = []
    codes: list[int] = []
    comparison = Comparison("against", context.settings.seed)
    for number, target in enumerate((context.target, *others)):
        letter, transcript = chr(ord("A") + number), Transcript()
        own = context if number == 0 else _beside(context, target, letter)
        codes.append(verify(own, listener, partial(record_transcript, transcript)))
        written = implementation_of(letter, read_report(own.report).header, own.report.name)
        comparison.implementations.append(written)
        sides.append(Side(letter, written["title"], transcript))
        print(file=out)
    for other in sides[1:]:
        for line in _pair_lines(comparison, sides[0], other):
            say(line, out)
    place = report_beside(context.report, "against")
    comparison.write(place, exit_code=codes[0])
    print(f"{place}", file=out)
    return codes[0]


def _beside(context: RunContext, target: Target, letter: str) -> RunContext:
    """Return the run of an implementation that the first is compared with."""
    report = report_beside(context.report, letter.lower())
    return replace(context, target=target, settings=replace(context.settings, expect=None), report=report)


def _pair_lines(comparison: Comparison, one: Side, other: Side) -> Iterator[str]:
    """Compare two sides, record the findings, and yield lines about the first finding of each kind."""
    findings, unlike, compared = compare_sides(one, other)
    comparison.lines += [finding.to_json() for finding in findings]
    counts = {word: sum(1 for finding in findings if finding.word == word) for word in ("settled", "dispute")}
    pair = {"letters": [one.letter, other.letter], "compared": compared, "unlike": unlike}
    comparison.lines.append({"type": "pair", **pair, **counts})
    yield f"{one.letter} {one.name} against {other.letter} {other.name}"
    yield (
        f"{counted(compared, 'case')} compared · {counts['settled']} settled by a rule · "
        f"{counted(counts['dispute'], 'dispute')} · {len(unlike)} with different requests"
    )
    yield from _shown(findings)


def _shown(findings: Iterable[JudgedDifference]) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[JudgedDifference]] = {}
    for finding in findings:
        groups.setdefault(finding.key, []).append(finding)
    ordered = sorted(groups.values(), key=lambda group: group[0].word != "settled")
    for group in ordered[:_SHOWN]:
        yield from _block(group[0], len(group) - 1)
    if len(ordered) > _SHOWN:
        yield f"... and {len(ordered) - _SHOWN} more kinds"


def _block(finding: JudgedDifference, more: int) -> Iterator[str]:
    parting, room = finding.parting, terminal_width() - 15
    title = f"{finding.word.upper()} {parting.case}"
    title += "".join(f"   {letter} fails {rule}" for letter, rule in finding.broken.items())
    yield title + (f"   (and {counted(more, 'like it', 'like it')})" if more else "")
    yield f"  {f'step {parting.step + 1}':<12} {show_request(parting.op, parting.args, room)}"
    if parting.path:
        yield f"  {'path':<12} {parting.path}"
    for letter, answer in zip(finding.letters, parting.answers, strict=True):
        words = show_value(answer, room) if parting.path else show_answer(_plain(answer), room)
        yield f"  {letter:<12} {'nothing, or null' if answer is None else words}"


def _plain(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if value is not None} if isinstance(answer, dict) else answer
