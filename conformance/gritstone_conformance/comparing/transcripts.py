"""Transcripts: the requests and answers of each case of a run, and where two of them first differ.

Two runs with one seed ask alike as long as they are answered alike (:rule:`suite.property.gate`), so the first thing
that differs in a case is an answer, unless the claims or limits of the two are different. Nothing is judged here.

What is kept is bounded, however much is answered: an answer is kept whole only where there is room for it, else its
length and digest. Such answers still differ where they differ, only the place inside is not known.

Spec: :rule:`suite.bounds.each`.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.cases import canonical_json
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import without_folders
from gritstone_conformance.judge import difference_of, expectation_of
from gritstone_conformance.replies import Json, Ok, Reply, WrongShape
from gritstone_conformance.running.outcome_builder import excerpt

__all__ = ["Entry", "Parting", "Reel", "Script", "Transcript", "entry_of", "partings"]

_CURSOR: Final = "a cursor"  # its spelling is not compared
_LONG_CHARS: Final = 256
_SHOWN_CHARS: Final = 64
_DEEPEST: Final = 100  # levels of an answer; no form of an answer has as many
_ENTRY_BYTES: Final = 1 << 20  # of JSON, as for the two below
_REEL_BYTES: Final = 16 << 20
_TRANSCRIPT_BYTES: Final = 128 << 20  # packed


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer.

    Attributes:
        op: the operation.
        key: names the request, paths of temporary files left out.
        args: its arguments, long texts shortened.
        answer: the answer as an expectation, long texts shortened; ``fault`` without an answer.
    """

    op: str
    key: str
    args: dict[str, Json]
    answer: dict[str, Json]


def entry_of(op: str, args: dict[str, Json], answer: Reply | SubjectFault) -> Entry:
    """Return the entry of a request."""
    plain = {name: without_folders(value) if isinstance(value, str) else value for name, value in args.items()}
    if isinstance(plain.get("cursor"), str):
        plain["cursor"] = _CURSOR
    key = hashlib.sha256(canonical_json([op, plain])).hexdigest()[:16]
    said: dict[str, Json] = {"fault": answer.cause} if isinstance(answer, SubjectFault) else expectation_of(answer)
    if isinstance(answer, Ok | WrongShape) and isinstance(answer.value.get("cursor"), str):
        said["ok"]["cursor"] = _CURSOR
    return Entry(op, key, _shortened(plain), _shortened(said))


def _shortened(value: Json, levels: int = _DEEPEST) -> Json:
    if isinstance(value, str) and len(value) > _LONG_CHARS:
        return f"{value[:_SHOWN_CHARS]}…{len(value)} characters…SHA-256 {_digest(value)}"
    if isinstance(value, (dict, list)) and not levels:
        return "…nested too deeply…"
    if isinstance(value, dict):
        return {name: _shortened(item, levels - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, levels - 1) for item in value]
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _without_place(entry: Entry) -> Entry:
    """Return the entry with no more of an ``ok`` than its length and digest, and of arguments than what is plain."""
    answer = entry.answer
    if isinstance(answer.get("ok"), dict):
        text = json.dumps(answer["ok"], sort_keys=True, separators=(",", ":"))
        answer = {"ok": f"…{len(text)} bytes of JSON…SHA-256 {_digest(text)}"}
    plain = {name: "…" if isinstance(value, (dict, list)) else value for name, value in entry.args.items()}
    return Entry(entry.op, entry.key, plain, answer)


class Reel:
    """The entries of one example, packed as they come."""

    def __init__(self, room: int = _REEL_BYTES) -> None:
        self._packer = zlib.compressobj(1)
        self._parts: list[bytes] = []
        self._room = room
        self.is_empty = True

    def add(self, entry: Entry) -> None:
        """Keep an entry, whole where there is room for it."""
        self.is_empty = False
        row = _row(entry)
        if len(row) > min(self._room, _ENTRY_BYTES):
            row = _row(_without_place(entry))
        else:
            self._room -= len(row)
        self._parts.append(self._packer.compress(row))

    def packed(self) -> bytes:
        """Return what was kept; nothing is added afterwards."""
        self._parts.append(self._packer.flush())
        return b"".join(self._parts)


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
        return cls(verdict, rule, tuple(_packed(example) for example in examples), failed, step)

    def entries(self, example: int) -> Iterator[Entry]:
        """Yield the entries of one example."""
        for row in zlib.decompress(self.examples[example]).splitlines():
            yield Entry(*json.loads(row))

    def failed_at(self, example: int, step: int) -> bool:
        """Return whether what failed may be the answer to this step."""
        return self.failed == example and self.step in (None, step)


def _row(entry: Entry) -> bytes:
    row = [entry.op, entry.key, entry.args, entry.answer]
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _packed(entries: Sequence[Entry]) -> bytes:
    reel = Reel()
    for entry in entries:
        reel.add(entry)
    return reel.packed()


@dataclass(slots=True)
class Transcript:
    """A run, case by case.

    Attributes:
        scripts: what became of each case, by its name.
        room: how many bytes, packed, may still be kept of whole answers.
    """

    scripts: dict[str, Script] = field(default_factory=dict)
    room: int = _TRANSCRIPT_BYTES

    def reel(self) -> Reel:
        """Return a new reel, without room for whole answers once as much was kept as is allowed."""
        return Reel() if self.room > 0 else Reel(room=0)

    def keep(self, reel: Reel) -> bytes:
        """Return what a reel holds, and count it."""
        packed = reel.packed()
        self.room -= len(packed)
        return packed


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
        until: the request from which on an example is not compared.
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
        args = excerpt(mine.args), excerpt(theirs.args)
        return case, example, step, mine.op, args[0], "", args, kinds, True
    if _is_without_place(mine) or _is_without_place(theirs):
        mine, theirs = _without_place(mine), _without_place(theirs)
    found = difference_of(mine.answer, theirs.answer)
    if mine.op == "hello" or found is None:
        return None
    path, *answers = ("", mine.answer, theirs.answer) if kinds[0] != kinds[1] else found
    where, both = str(excerpt(path.removeprefix("/ok"))), (excerpt(answers[0]), excerpt(answers[1]))
    return case, example, step, mine.op, excerpt(mine.args), where, both, kinds, False


def _is_without_place(entry: Entry) -> bool:
    return isinstance(entry.answer.get("ok"), str)


def _kind(answer: dict[str, Json]) -> str:
    if "refused" in answer:
        return ":".join(filter(None, ("refused", answer["refused"], answer["code"])))
    return next(iter(answer))
