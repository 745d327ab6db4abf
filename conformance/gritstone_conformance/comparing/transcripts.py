"""Transcripts: the requests and replies of each case of a run, and the first difference of two of them.

Two runs with one seed send the same requests as long as the replies are equal (:rule:`suite.property.gate`), so the
first difference in a case is a reply, unless the claims or limits of the two differ. Nothing is judged here.

The size is bounded: a reply is kept whole only up to a limit, else as its length and digest. A difference is still
detected in that case, only its place is unknown.

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
from gritstone_conformance.running.readable import readable_answer, readable_args

__all__ = ["CaseTranscript", "Entry", "Parting", "Reel", "Transcript", "entry_of", "partings"]

_CURSOR: Final = "a cursor"  # its text is not compared
_LONG_CHARS: Final = 256
_SHOWN_CHARS: Final = 64
_DEEPEST: Final = 100  # levels of a reply; every valid form has fewer
_ENTRY_BYTES: Final = 1 << 20  # of JSON, as for the two below
_REEL_BYTES: Final = 16 << 20
_TRANSCRIPT_BYTES: Final = 128 << 20  # packed


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its reply.

    Attributes:
        op: the operation.
        key: identifies the request, without paths of temporary files.
        args: its arguments, long texts shortened.
        answer: the reply as an expectation, long texts shortened; ``fault`` without a reply.
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
    result: dict[str, Json] = {"fault": answer.cause} if isinstance(answer, SubjectFault) else expectation_of(answer)
    if isinstance(answer, Ok | WrongShape) and isinstance(answer.value.get("cursor"), str):
        result["ok"]["cursor"] = _CURSOR
    return Entry(op, key, _shortened(plain), _shortened(result))


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
    """Return the entry with only the length and digest of an ``ok``, and only plain arguments."""
    answer = entry.answer
    if isinstance(answer.get("ok"), dict):
        text = json.dumps(answer["ok"], sort_keys=True, separators=(",", ":"))
        answer = {"ok": f"…{len(text)} bytes of JSON…SHA-256 {_digest(text)}"}
    plain = {name: "…" if isinstance(value, (dict, list)) else value for name, value in entry.args.items()}
    return Entry(entry.op, entry.key, plain, answer)


class Reel:
    """The entries of one example, packed as they are added."""

    def __init__(self, room: int = _REEL_BYTES) -> None:
        self._packer = zlib.compressobj(1)
        self._parts: list[bytes] = []
        self._room = room
        self.is_empty = True

    def add(self, entry: Entry) -> None:
        """Add an entry, whole up to the limit."""
        self.is_empty = False
        row = _row(entry)
        if len(row) > min(self._room, _ENTRY_BYTES):
            row = _row(_without_place(entry))
        else:
            self._room -= len(row)
        self._parts.append(self._packer.compress(row))

    def packed(self) -> bytes:
        """Return the entries; nothing can be added afterwards."""
        self._parts.append(self._packer.flush())
        return b"".join(self._parts)


@dataclass(frozen=True, slots=True)
class CaseTranscript:
    """The transcript of one case.

    Attributes:
        verdict: of the case.
        rule: the rule that failed, or None.
        examples: the entries of each example, packed; a vector has one.
        failed: the example that failed, or None.
        step: the step of it that failed, if known.
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
    ) -> CaseTranscript:
        """Pack the entries of a case."""
        return cls(verdict, rule, tuple(_packed(example) for example in examples), failed, step)

    def entries(self, example: int) -> Iterator[Entry]:
        """Yield the entries of one example."""
        for row in zlib.decompress(self.examples[example]).splitlines():
            yield Entry(*json.loads(row))

    def failed_at(self, example: int, step: int) -> bool:
        """Return whether the failed reply may be the reply to this step."""
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
        scripts: the transcript of each case, by its name.
        room: the remaining number of packed bytes for whole replies.
    """

    scripts: dict[str, CaseTranscript] = field(default_factory=dict)
    room: int = _TRANSCRIPT_BYTES

    def reel(self) -> Reel:
        """Return a new reel; it keeps no whole replies after the limit of the run."""
        return Reel() if self.room > 0 else Reel(room=0)

    def keep(self, reel: Reel) -> bytes:
        """Return the entries of a reel, and subtract their size from the limit."""
        packed = reel.packed()
        self.room -= len(packed)
        return packed


@dataclass(frozen=True, slots=True)
class Parting:
    """The first difference of two runs in an example of a case.

    Attributes:
        case: the case.
        example: index of the example, from 0.
        step: index of the request in the example, from 0.
        op: its operation.
        args: its arguments, shortened.
        path: JSON Pointer into the reply; empty if the kind of reply differs.
        answers: the replies of the first and the second, at the path.
        kinds: the kind of each reply, e.g. ``ok`` or ``refused:invalid``.
        is_asked: whether the requests differ instead of the replies.
        blamed: which of the two fail their case by this reply.
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
            return f"{self.op} with different requests"
        where = re.sub(r"/(\d+|[0-9a-f]{64})(?=/|$)", "/*", self.path)
        return f"{self.op} {self.kinds[0]} {self.kinds[1]} {where}".rstrip()


def partings(
    case: str, one: CaseTranscript, other: CaseTranscript, until: Callable[[Entry], bool] | None = None
) -> Iterator[Parting]:
    """Yield the first difference of each example of two scripts, up to an example that failed.

    Args:
        case: its name.
        one: the first script.
        other: the second script.
        until: the index of the first request of an example that is not compared.
    """
    for example in range(min(len(one.examples), len(other.examples))):
        pairs = zip(one.entries(example), other.entries(example), strict=False)
        for step, (mine, theirs) in enumerate(pairs):
            if "fault" in mine.answer or "fault" in theirs.answer or (until is not None and until(mine)):
                break  # a death is not a reply: crash points depend on the writes of each implementation
            found = _parting(case, example, step, mine, theirs)
            if found is None:
                continue
            blamed = (one.failed_at(example, step), other.failed_at(example, step))
            yield Parting(*found, blamed=blamed)
            if found[-1] or any(blamed):
                return
            if one.step is None and other.step is None:
                break  # later differences may result from it
        if example in (one.failed, other.failed):
            return


def _parting(
    case: str, example: int, step: int, mine: Entry, theirs: Entry
) -> tuple[str, int, int, str, Json, str, tuple[Json, Json], tuple[str, str], bool] | None:
    kinds = (_kind(mine.answer), _kind(theirs.answer))
    if mine.key != theirs.key:
        args = excerpt(readable_args(mine.op, mine.args)), excerpt(readable_args(theirs.op, theirs.args))
        return case, example, step, mine.op, args[0], "", args, kinds, True
    if _is_without_place(mine) or _is_without_place(theirs):
        mine, theirs = _without_place(mine), _without_place(theirs)
    found = difference_of(mine.answer, theirs.answer)
    if mine.op == "hello" or found is None:
        return None
    path, *answers = ("", mine.answer, theirs.answer) if kinds[0] != kinds[1] else found
    one, other = (excerpt(readable_answer(mine.op, path, answer)) for answer in answers)
    where, args = str(excerpt(path.removeprefix("/ok"))), excerpt(readable_args(mine.op, mine.args))
    return case, example, step, mine.op, args, where, (one, other), kinds, False


def _is_without_place(entry: Entry) -> bool:
    return isinstance(entry.answer.get("ok"), str)


def _kind(answer: dict[str, Json]) -> str:
    if "refused" in answer:
        return ":".join(filter(None, ("refused", answer["refused"], answer["code"])))
    return next(iter(answer))
