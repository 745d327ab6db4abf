"""Records: the text that describes one operation, which the kernel actor reads.

::

    image-op 1
    seq 5
    clock 1000
    root <sender> <target> <message>
    fuel 4
    outcome committed
    head <actor> <before> <after>

Spec: :rule:`image.op.record`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gritstone.errors import Malformed
from gritstone.grit.objects import ObjectId
from gritstone.image.refusals import Failure
from gritstone.image.texts import MOST_NUMBER

__all__ = ["GENESIS", "HeadMove", "Record", "Root", "Undone", "decode_record", "encode_record", "genesis_record"]

GENESIS = "genesis"
"""The outcome of operation 0."""

_COMMITTED = "committed"
_ID = "([0-9a-f]{64})"
_NUMBER = "(0|[1-9][0-9]{0,18})"
_FAILURE = "(malformed|invalid|missing|rejected|exhausted)/([a-z0-9:-]{1,64})"
_FORM = re.compile(
    rf"image-op 1\nseq {_NUMBER}\nclock {_NUMBER}\n"
    r"((?:root [^\n]*\n)*)"
    rf"fuel {_NUMBER}\noutcome (genesis|committed|failed {_FAILURE})\n"
    r"((?:savepoint [^\n]*\n)*)((?:head [^\n]*\n)*)((?:read [^\n]*\n)*)((?:gone [^\n]*\n)*)"
)
_ROOT = re.compile(rf"root {_ID} {_ID} {_ID}\n")
_SAVEPOINT = re.compile(rf"savepoint {_ID} {_ID} {_ID} {_FAILURE}\n")
_HEAD = re.compile(rf"head {_ID} (?:{_ID}|-) {_ID}\n")
_READ = re.compile(rf"read {_ID} {_ID}\n")
_GONE = re.compile(rf"gone {_ID}\n")


@dataclass(frozen=True, slots=True)
class Root:
    """A message with which an operation begins.

    Attributes:
        sender: the actor that sent it.
        target: its receiver.
        message: its id.
    """

    sender: ObjectId
    target: ObjectId
    message: ObjectId


@dataclass(frozen=True, slots=True)
class Undone:
    """A savepoint that failed.

    Attributes:
        root: its message.
        failure: why it failed.
    """

    root: Root
    failure: Failure


@dataclass(frozen=True, slots=True)
class HeadMove:
    """A head that moved.

    Attributes:
        actor: the actor.
        before: its head before; None for an actor that was created.
        after: its newest step.
    """

    actor: ObjectId
    before: ObjectId | None
    after: ObjectId


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one operation.

    Attributes:
        seq: its number, from 0.
        clock: the time of the image in milliseconds.
        roots: its roots, in order.
        fuel: the fuel that it used.
        failure: why it failed; None if it committed.
        savepoints: the savepoints that failed, in the order of failure.
        heads: the heads that moved, ascending by actor.
        reads: the actors that were read and not moved, ascending, each with its head.
        gone: the actors that were destroyed, ascending.
    """

    seq: int
    clock: int
    roots: tuple[Root, ...] = ()
    fuel: int = 0
    failure: Failure | None = None
    savepoints: tuple[Undone, ...] = ()
    heads: tuple[HeadMove, ...] = ()
    reads: tuple[tuple[ObjectId, ObjectId], ...] = ()
    gone: tuple[ObjectId, ...] = ()

    @property
    def is_genesis(self) -> bool:
        """Return whether this is the record of operation 0."""
        return self.seq == 0


def genesis_record() -> Record:
    """Return the record of operation 0."""
    return Record(0, 0)


def encode_record(record: Record) -> str:
    """Return the text of a record."""
    return "".join(_lines(record))


def _lines(record: Record) -> Iterator[str]:
    yield f"image-op 1\nseq {record.seq}\nclock {record.clock}\n"
    for root in record.roots:
        yield f"root {_root_text(root)}\n"
    outcome = _COMMITTED if record.failure is None else f"failed {record.failure}"
    yield f"fuel {record.fuel}\noutcome {GENESIS if record.is_genesis else outcome}\n"
    for undone in record.savepoints:
        yield f"savepoint {_root_text(undone.root)} {undone.failure}\n"
    for move in record.heads:
        before = "-" if move.before is None else move.before.hex()
        yield f"head {move.actor.hex()} {before} {move.after.hex()}\n"
    for actor, step in record.reads:
        yield f"read {actor.hex()} {step.hex()}\n"
    for actor in record.gone:
        yield f"gone {actor.hex()}\n"


def _root_text(root: Root) -> str:
    return f"{root.sender.hex()} {root.target.hex()} {root.message.hex()}"


def decode_record(data: bytes) -> Record:
    """Return the record that bytes encode.

    Raises:
        Malformed: the bytes are not the text of a record.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise _malformed("a record that is not ASCII", error.start) from None
    form = _FORM.fullmatch(text)
    if form is None:
        raise _malformed("no record of an operation", None)
    seq, clock, roots, fuel, outcome, kind, code, savepoints, heads, reads, gone = form.groups()
    record = Record(
        _number(seq),
        _number(clock),
        tuple(Root(*_ids(one)) for one in _all(_ROOT, roots)),
        _number(fuel),
        None if kind is None else Failure(kind, code),
        tuple(Undone(Root(*_ids(one[:3])), Failure(*one[3:])) for one in _all(_SAVEPOINT, savepoints)),
        tuple(_head(one) for one in _all(_HEAD, heads)),
        tuple((_id(actor), _id(step)) for actor, step in _all(_READ, reads)),
        tuple(_id(one[0]) for one in _all(_GONE, gone)),
    )
    _check(record, outcome)
    return record


def _check(record: Record, outcome: str) -> None:
    """Check the order of the lines, and that operation 0 is the genesis."""
    for actors in ([one.actor for one in record.heads], [one for one, _ in record.reads], list(record.gone)):
        if any(low >= high for low, high in pairwise(actors)):
            raise _malformed("lines of a record out of order", None)
    if record.is_genesis and record != genesis_record():
        raise _malformed("operation 0 is not the genesis", None)
    if (outcome == GENESIS) is not record.is_genesis:
        raise _malformed("the outcome genesis is that of operation 0 only", None)


def _all(form: re.Pattern[str], text: str) -> list[tuple[str, ...]]:
    """Return the fields of each line.

    Raises:
        Malformed: a line is not of the form.
    """
    found: list[tuple[str, ...]] = []
    at = 0
    while at < len(text):
        line = form.match(text, at)
        if line is None:
            raise _malformed("a line of a record is malformed", at)
        found.append(line.groups())
        at = line.end()
    return found


def _head(fields: tuple[str, ...]) -> HeadMove:
    actor, before, after = fields
    return HeadMove(_id(actor), None if before is None else _id(before), _id(after))


def _ids(fields: Sequence[str]) -> tuple[ObjectId, ObjectId, ObjectId]:
    sender, target, message = fields
    return _id(sender), _id(target), _id(message)


_id = bytes.fromhex


def _number(text: str) -> int:
    number = int(text)
    if number > MOST_NUMBER:
        raise _malformed("a number of a record is out of range", None)
    return number


def _malformed(what: str, offset: int | None) -> Malformed:
    return Malformed(what, rule="image.op.record", code="record", offset=offset)
