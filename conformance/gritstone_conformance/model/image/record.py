"""Operation records: their grammar, and what follows from the lines themselves.

Invariant: ``parse_record(record.encode()) == record``.

Spec: ``image/record``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.image.contents import number_of

__all__ = ["COMMITTED", "GENESIS", "Failed", "HeadLine", "NotRecord", "Outcome", "Record", "RootLine", "parse_record"]

COMMITTED: Final = "committed"
GENESIS: Final = "genesis"

_WORD: Final = rb"(?:malformed|invalid|missing|rejected|exhausted)/[a-z0-9:-]{1,64}"
_HEX: Final = rb"[0-9a-f]{64}"
_NUMBER: Final = rb"0|[1-9][0-9]{0,18}"
_FORM: Final = re.compile(
    rb"image-op 1\nseq (?P<seq>" + _NUMBER + rb")\nclock (?P<clock>" + _NUMBER + rb")\n"
    rb"(?P<roots>(?:root " + _HEX + rb" " + _HEX + rb" " + _HEX + rb"\n)*)"
    rb"fuel (?P<fuel>" + _NUMBER + rb")\n"
    rb"outcome (?P<outcome>committed|genesis|failed " + _WORD + rb")\n"
    rb"(?P<savepoints>(?:savepoint " + _HEX + rb" " + _HEX + rb" " + _HEX + rb" " + _WORD + rb"\n)*)"
    rb"(?P<heads>(?:head " + _HEX + rb" (?:" + _HEX + rb"|-) " + _HEX + rb"\n)*)"
    rb"(?P<reads>(?:read " + _HEX + rb" " + _HEX + rb"\n)*)"
    rb"(?P<gone>(?:gone " + _HEX + rb"\n)*)"
)


class NotRecord(Exception):  # noqa: N818 - says what the text is
    """A text is not a record."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of an operation or a savepoint that failed."""

    kind: str
    code: str

    def __str__(self) -> str:
        """Return class and code as they are written."""
        return f"{self.kind}/{self.code}"


Outcome = Failed | str
"""A failure, ``committed`` or ``genesis``."""

RootLine = tuple[bytes, bytes, bytes]
"""Sender, target and message."""

HeadLine = tuple[bytes, bytes | None, bytes]
"""An actor, its head before, or None, and its head after."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        seq: the number of the operation.
        clock: the clock after it, in milliseconds.
        roots: its roots, in order.
        fuel: the units that were charged.
        outcome: what became of it.
        savepoints: the savepoints that failed, in the order of the failures.
        heads: the actors whose heads moved.
        reads: actors whose cores were read, with their heads.
        gone: the actors that were destroyed.
    """

    seq: int
    clock: int
    roots: tuple[RootLine, ...] = ()
    fuel: int = 0
    outcome: Outcome = COMMITTED
    savepoints: tuple[tuple[RootLine, Failed], ...] = ()
    heads: tuple[HeadLine, ...] = ()
    reads: tuple[tuple[bytes, bytes], ...] = ()
    gone: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Return the text of the record."""
        outcome = f"failed {self.outcome}" if isinstance(self.outcome, Failed) else self.outcome
        lines = [
            *("image-op 1", f"seq {self.seq}", f"clock {self.clock}"),
            *(f"root {_hexes(root)}" for root in self.roots),
            *(f"fuel {self.fuel}", f"outcome {outcome}"),
            *(f"savepoint {_hexes(message)} {why}" for message, why in self.savepoints),
            *(f"head {actor.hex()} {'-' if old is None else old.hex()} {new.hex()}" for actor, old, new in self.heads),
            *(f"read {_hexes(line)}" for line in self.reads),
            *(f"gone {actor.hex()}" for actor in self.gone),
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    def fault(self) -> str | None:
        """Return what the order of the lines, the outcome or the absence of roots excludes, or None."""
        listed = ([line[0] for line in self.heads], [line[0] for line in self.reads], list(self.gone))
        if any(actors != sorted(set(actors)) for actors in listed):
            return "lines are not ascending without repetition"
        if (self.outcome == GENESIS) != (self.seq == 0):
            return "the outcome genesis is that of operation 0 only"
        if isinstance(self.outcome, Failed) and (self.reads or self.gone):
            return "a failed operation has lines read or gone"
        others = (*self.savepoints, *self.heads, *self.reads, *self.gone)
        if not self.roots and (self.fuel or others or isinstance(self.outcome, Failed)):
            return "an operation without roots has spent fuel, failed or has further lines"
        return None


def parse_record(data: bytes) -> Record:
    """Return the record that a text spells; raises NotRecord."""
    found = _FORM.fullmatch(data)
    if found is None:
        raise NotRecord("the text is not a record")
    seq, clock, fuel = (_number(found[name]) for name in ("seq", "clock", "fuel"))
    return Record(
        seq,
        clock,
        tuple(_root(words) for words in _lines(found["roots"])),
        fuel,
        _outcome(found["outcome"].decode()),
        tuple((_root(words), _failed(words[3])) for words in _lines(found["savepoints"])),
        tuple((_id(actor), None if old == "-" else _id(old), _id(new)) for actor, old, new in _lines(found["heads"])),
        tuple((_id(actor), _id(step)) for actor, step in _lines(found["reads"])),
        tuple(_id(actor) for (actor,) in _lines(found["gone"])),
    )


def _lines(data: bytes) -> list[list[str]]:
    """Return the words of each line after its first one."""
    return [line.split(" ")[1:] for line in data.decode().split("\n")[:-1]]


def _root(words: Sequence[str]) -> RootLine:
    return _id(words[0]), _id(words[1]), _id(words[2])


def _outcome(text: str) -> Outcome:
    return _failed(text.removeprefix("failed ")) if text.startswith("failed ") else text


def _failed(text: str) -> Failed:
    kind, _, code = text.partition("/")
    return Failed(kind, code)


def _number(data: bytes) -> int:
    value = number_of(data)
    if value is None:
        raise NotRecord("a number is above 2^63 - 1")
    return value


def _id(text: str) -> bytes:
    return bytes.fromhex(text)


def _hexes(ids: Sequence[bytes]) -> str:
    return " ".join(identity.hex() for identity in ids)
