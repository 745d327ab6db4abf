"""The matrix: implementations in separate processes, and the results and differences of each pair and cut.

Defines the operations that an implementation must support to resume where another one stopped; the scenarios are in
``resuming`` and ``handovers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.pieces import Endless, joined_pieces
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.strategies.journeys import Itinerary

__all__ = ["MAIL", "SENDER", "Implementation", "Matrix", "ResumeDifference", "Stuck", "difference_of"]

MAIL: Final = "tags/mail"
SENDER: Final = "tags/sender"
"""References to the newest message of a journey and to its sender."""

_PIECE_BYTES: Final = 1 << 20
_MOST_SHOWN: Final = 10


class Stuck(Exception):  # noqa: N818 - a finding, not an error
    """An implementation did not accept a request that a journey requires."""


@dataclass(slots=True)
class Implementation:
    """One implementation in a separate process.

    Attributes:
        subject: the process.
        title: name, version and language, for display.
        stores: how many stores were opened, so that each gets a distinct handle.
    """

    subject: Subject
    title: str
    stores: int = 0

    def ask(self, op: str, **args: Json) -> dict[str, Json]:
        """Return the value of ``ok``; raise Stuck for every other reply."""
        return _accepted(op, self.subject.ask(op, args))

    def open(self, fmt: Format) -> str:
        """Open a new memory store; returns its handle."""
        self.stores += 1
        handle = f"r{self.stores}"
        self.ask("grit.open", store=handle, format=fmt.name, backend="memory", create=True)
        return handle

    def close(self, handle: str) -> None:
        """Close a store."""
        self.ask("grit.close", store=handle)

    def put(self, handle: str, itinerary: Itinerary) -> None:
        """Put the initial objects of a journey, and set references to its mail and the sender."""
        encodings = itinerary.graph.encodings.values()
        requests = [("grit.put", {"store": handle, "bytes": to_base64(data)}) for data in encodings]
        for reply in self.subject.ask_many(requests):
            _accepted("grit.put", reply)
        self.point(handle, MAIL, None, itinerary.messages[-1])
        self.point(handle, SENDER, None, itinerary.sender)

    def point(self, handle: str, name: str, old: bytes | None, new: bytes) -> None:
        """Move a reference."""
        change = {"name": name, "old": None if old is None else old.hex(), "new": new.hex()}
        self.ask("grit.cas", store=handle, changes=[change])

    def travel(self, handle: str, itinerary: Itinerary, head: bytes | None, start: int) -> Iterator[bytes]:
        """Make the steps of a journey after a cut; return the head after each."""
        for message in itinerary.messages[start:]:
            inbox = [[itinerary.sender.hex(), message.hex()]]
            last = None if head is None else head.hex()
            args = {"store": handle, "actor": itinerary.actor.hex(), "head": last, "inbox": inbox, "attempt": 1}
            head = bytes.fromhex(self.ask("wit.step", **args)["step"])
            yield head

    def references(self, handle: str) -> Json:
        """Return all references of a store."""
        return self.ask("grit.refs", store=handle, prefix="", after=None, limit=4_096)["refs"]

    def carry(self, handle: str, names: Sequence[str] | None = None) -> bytes:
        """Export references, or all of them; returns the bundle."""

        def piece(cursor: str | None) -> dict[str, Json]:
            some = {} if names is None or cursor is not None else {"names": list(names)}
            given = self.ask("grit.export", store=handle, cursor=cursor, **some)
            if "bytes" not in given:
                raise Stuck("grit.export: the reply is that of an export to a file")
            return given

        try:
            return joined_pieces(piece)
        except Endless as problem:
            raise Stuck(f"grit.export: {problem}") from problem

    def take(self, handle: str, data: bytes) -> None:
        """Import a bundle."""
        for at in range(0, len(data), _PIECE_BYTES):
            piece, more = data[at : at + _PIECE_BYTES], at + _PIECE_BYTES < len(data)
            self.ask("grit.import", store=handle, bytes=to_base64(piece), more=more)


def difference_of(one: Json, other: Json) -> str:
    """Return the first difference of two lists of references."""
    mine, theirs = dict(one), dict(other)
    names = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
    if not names:
        return "the same references in another order"
    name = min(names)
    sides = " and ".join((each.get(name) or "none")[:12] for each in (mine, theirs))
    return f"{name[:18]} differs: {sides}"


def _accepted(op: str, reply: Reply) -> dict[str, Json]:
    if isinstance(reply, Ok):
        return reply.value
    what = f"refused {reply.kind} {reply.code or ''}".rstrip() if isinstance(reply, Refused) else str(reply)
    raise Stuck(f"{op}: {what}")


@dataclass(frozen=True, slots=True)
class ResumeDifference:
    """A difference between two implementations.

    Attributes:
        journey: the name of the journey.
        format: the name of the format.
        source: the implementation that stopped.
        target: the implementation that resumed; the same for a straight run.
        cut: the number of steps before the bundle was transferred; 0 for a straight run.
        step: the number of the first step that differs, from 1.
        words: the difference.
    """

    journey: str
    format: str
    source: str
    target: str
    cut: int
    step: int
    words: str

    def __str__(self) -> str:
        way = f"{self.source} -> {self.target}, cut {self.cut}"
        return f"{self.journey}, {self.format}, {way}, step {self.step}: {self.words}"


@dataclass(slots=True)
class Matrix:
    """The results of all pairs and cuts.

    Attributes:
        letters: one for each implementation, in their order.
        cuts: (from, to) -> the number of tested cuts.
        steps: the number of compared steps.
        journeys: the names of the journeys that were run.
        differences: the pairs and cuts with different heads.
    """

    letters: tuple[str, ...]
    cuts: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: int = 0
    journeys: list[str] = field(default_factory=list)
    differences: list[ResumeDifference] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the table, the differences and the totals as lines."""
        differing = dict.fromkeys(self.cuts, 0)
        for difference in self.differences:
            pair = difference.source, difference.target
            differing[pair] = differing.get(pair, 0) + 1
        wide = 22
        lines = [" " * 8 + "".join(f"-> {letter}".ljust(wide) for letter in self.letters).rstrip()]
        for source in self.letters:
            cells = [
                f"{self.cuts.get((source, to), 0)} cuts, {differing.get((source, to), 0)} differ" for to in self.letters
            ]
            lines.append(f"{source:<8}" + "".join(cell.ljust(wide) for cell in cells).rstrip())
        lines += ["", *(str(difference) for difference in self.differences[:_MOST_SHOWN])]
        hidden = len(self.differences) - _MOST_SHOWN
        lines += [f"... and {hidden} more"] if hidden > 0 else []
        total = sum(self.cuts.values())
        what = f"{len(self.journeys)} journeys, {total} cuts, {self.steps} steps compared"
        return [*lines, f"{what}, {len(self.differences)} differences"]

    def to_json(self) -> list[dict[str, Json]]:
        """Return the lines of a comparison: each difference, then each ordered pair."""
        found: list[dict[str, Json]] = [{"type": "difference", **asdict(each)} for each in self.differences]
        differing = [(each.source, each.target) for each in self.differences]
        for (source, target), cuts in sorted(self.cuts.items()):
            differ = differing.count((source, target))
            found.append({"type": "pair", "letters": [source, target], "cuts": cuts, "differ": differ})
        return found
