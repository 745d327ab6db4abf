"""Transcripts: what was asked in each case of a run and what was answered, and where two of them first differ.

Two runs with one seed ask alike as long as they are answered alike (:rule:`suite.property.gate`), so the first thing
that differs in a case is an answer, unless the claims or limits of the two are different. Nothing is judged here.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.cases import canonical_json
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import difference_of, expectation_of
from gritstone_conformance.replies import Json, Ok, Reply

__all__ = ["Entry", "Parting", "Script", "Transcript", "entry_of", "partings"]

_PLACE: Final = re.compile(re.escape(tempfile.gettempdir()) + r"/gritstone-[^/]+")
_CURSOR: Final = "a cursor"  # how it is spelled is nobody's business
_LONG_CHARS: Final = 256
_SHOWN_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer.

    Attributes:
        op: the operation.
        key: names the request, paths of temporary files left out.
        args: its arguments, long texts shortened.
        answer: the answer as an expectation, long texts shortened; ``fault`` where none came.
    """

    op: str
    key: str
    args: Json
    answer: Json


def entry_of(op: str, args: dict[str, Json], answer: Reply | SubjectFault) -> Entry:
    """Return the entry of a request."""
    plain = {name: _PLACE.sub("{place}", value) if isinstance(value, str) else value for name, value in args.items()}
    if isinstance(plain.get("cursor"), str):
        plain["cursor"] = _CURSOR
    key = hashlib.sha256(canonical_json([op, plain])).hexdigest()[:16]
    said: dict[str, Json] = {"fault": answer.cause} if isinstance(answer, SubjectFault) else expectation_of(answer)
    if isinstance(answer, Ok) and isinstance(answer.value.get("cursor"), str):
        said["ok"]["cursor"] = _CURSOR
    return Entry(op, key, _shortened(plain), _shortened(said))


def _shortened(value: Json) -> Json:
    if isinstance(value, str) and len(value) > _LONG_CHARS:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{value[:_SHOWN_CHARS]}…{len(value)} characters…SHA-256 {digest[:16]}"
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Script:
    """What became of one case.

    Attributes:
        verdict: of the case.
        rule: the rule that failed, or None.
        examples: the entries of each example, packed; a vector has one.
        failed: the example that failed, or None.
        step: the step of it that failed, where it is known.
    """

    verdict: str
    rule: str | None
    examples: tuple[bytes, ...]
    failed: int | None = None
    step: int | None = None

    @classmethod
    def of(
        cls,
        verdict: str,
        rule: str | None,
        examples: Sequence[Sequence[Entry]],
        failed: int | None = None,
        step: int | None = None,
    ) -> Script:
        """Pack the entries of a case."""
        packed = (zlib.compress(json.dumps([_row(each) for each in example]).encode(), 1) for example in examples)
        return cls(verdict, rule, tuple(packed), failed, step)

    def entries(self, example: int) -> list[Entry]:
        """Return the entries of one example."""
        return [Entry(*row) for row in json.loads(zlib.decompress(self.examples[example]))]

    def failed_at(self, example: int, step: int) -> bool:
        """Return whether what failed may be the answer to this step."""
        return self.failed == example and self.step in (None, step)


def _row(entry: Entry) -> list[Json]:
    return [entry.op, entry.key, entry.args, entry.answer]


@dataclass(slots=True)
class Transcript:
    """A run, case by case."""

    scripts: dict[str, Script] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two runs part in a case.

    Attributes:
        case: the case.
        example: which example of it, from 0.
        step: which request of the example, from 0.
        op: its operation.
        args: its arguments, shortened.
        path: JSON Pointer into the answer; empty when the kind of answer differs.
        answers: of the one and of the other, at the path.
        kinds: the kind of each answer, e.g. ``ok`` or ``refused:invalid``.
        is_asked: whether the requests differ, and not the answers.
        blamed: which of the two fail their case by this answer.
    """

    case: str
    example: int
    step: int
    op: str
    args: Json
    path: str
    answers: tuple[Json, Json]
    kinds: tuple[str, str]
    is_asked: bool = False
    blamed: tuple[bool, bool] = (False, False)

    @property
    def signature(self) -> str:
        """Groups differences; free of ids and indexes."""
        if self.is_asked:
            return f"{self.op} asked otherwise"
        where = re.sub(r"/(\d+|[0-9a-f]{64})(?=/|$)", "/*", self.path)
        return f"{self.op} {self.kinds[0]} {self.kinds[1]} {where}".rstrip()


def partings(case: str, one: Script, other: Script, until: Callable[[Entry], bool] | None = None) -> Iterator[Parting]:
    """Yield where two scripts of a case part: the first difference of each example, up to one that failed.

    Args:
        case: its name.
        one: what the one was asked and answered.
        other: what the other was.
        until: tells a request from which on an example is not compared.
    """
    for example in range(min(len(one.examples), len(other.examples))):
        pairs = zip(one.entries(example), other.entries(example), strict=False)
        for step, (mine, theirs) in enumerate(pairs):
            if "fault" in mine.answer or "fault" in theirs.answer or (until is not None and until(mine)):
                break  # a death is no answer: crash points lie where each one writes
            found = _parting(case, example, step, mine, theirs)
            if found is None:
                continue
            blamed = (one.failed_at(example, step), other.failed_at(example, step))
            yield Parting(*found, blamed=blamed)
            if found[-1] or any(blamed):
                return
            if one.step is None and other.step is None:
                break  # what follows may follow from it
        if example in (one.failed, other.failed):
            return


def _parting(
    case: str, example: int, step: int, mine: Entry, theirs: Entry
) -> tuple[str, int, int, str, Json, str, tuple[Json, Json], tuple[str, str], bool] | None:
    kinds = (_kind(mine.answer), _kind(theirs.answer))
    if mine.key != theirs.key:
        return case, example, step, mine.op, mine.args, "", (mine.args, theirs.args), kinds, True
    found = difference_of(mine.answer, theirs.answer)
    if mine.op == "hello" or found is None:
        return None
    path, *answers = ("", mine.answer, theirs.answer) if kinds[0] != kinds[1] else found
    path = path.removeprefix("/ok")
    return case, example, step, mine.op, mine.args, path, (answers[0], answers[1]), kinds, False


def _kind(answer: dict[str, Json]) -> str:
    if "refused" in answer:
        return ":".join(filter(None, ("refused", answer["refused"], answer["code"])))
    return next(iter(answer))
