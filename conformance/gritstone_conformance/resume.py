"""Resuming: every implementation goes on where every other one stopped, at every cut of every journey.

A *journey* is an actor and its mail, one message a step. Each implementation makes it straight through. Then, for each
ordered pair and each cut k, another process of the second takes the bundle of the first after k steps and makes the
rest. All heads must be those of the first straight run: nobody is asked for an opinion, and nobody is a reference.

Spec: :rule:`wasm.image.equal`, :rule:`wasm.wait.equal`, :rule:`wasm.same.everywhere`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION
from gritstone_conformance.attachment.attaching import Target, terms_of
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.terms import Terms
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.model.bundle import read
from gritstone_conformance.model.cores import first_difference
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.pieces import Endless, joined_pieces
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.reporting.comparison import Comparison, implementation_of, report_beside
from gritstone_conformance.strategies.journeys import JOURNEYS, Itinerary, Journey
from gritstone_conformance.text import plain, printable

__all__ = ["Difference", "Host", "Matrix", "Stuck", "play_matrix", "resume_beside", "run_command"]

_CUT: Final = "tags/cut"
_MAIL: Final = "tags/mail"
_SENDER: Final = "tags/sender"
_PIECE_BYTES: Final = 1 << 20
_MOST_SHOWN: Final = 10

_Place: TypeAlias = "tuple[Journey, Format, str, str, int]"  # journey, format, source, target, cut


class Stuck(Exception):  # noqa: N818 - a finding, not an error
    """An implementation did not answer what a journey needs."""


@dataclass(slots=True)
class Host:
    """One implementation in a process of its own.

    Attributes:
        subject: the process.
        title: name, version and language, for people.
        stores: how many stores were opened, so that each gets a handle of its own.
    """

    subject: Subject
    title: str
    stores: int = 0

    def takes(self, journey: Journey) -> bool:
        """Return whether it claims all that the journey needs."""
        claims = self.subject.claims
        runs = "wasm" in claims.profiles or "wasm.executor" in claims.features
        return runs and set(journey.features) <= set(claims.features)

    def ask(self, op: str, **args: Json) -> dict[str, Json]:
        """Return what ``ok`` holds; raises Stuck for every other answer."""
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
        """Put the objects that a journey begins with, and name its mail and who sends it."""
        encodings = itinerary.graph.encodings.values()
        requests = [("grit.put", {"store": handle, "bytes": to_base64(data)}) for data in encodings]
        for reply in self.subject.ask_many(requests):
            _accepted("grit.put", reply)
        self.point(handle, _MAIL, None, itinerary.messages[-1])
        self.point(handle, _SENDER, None, itinerary.sender)

    def point(self, handle: str, name: str, old: bytes | None, new: bytes) -> None:
        """Move a reference."""
        change = {"name": name, "old": None if old is None else old.hex(), "new": new.hex()}
        self.ask("grit.cas", store=handle, changes=[change])

    def travel(self, handle: str, itinerary: Itinerary, head: bytes | None, start: int) -> Iterator[bytes]:
        """Make the steps of a journey from a cut on; gives the head after each."""
        for message in itinerary.messages[start:]:
            inbox = [[itinerary.sender.hex(), message.hex()]]
            last = None if head is None else head.hex()
            args = {"store": handle, "actor": itinerary.actor.hex(), "head": last, "inbox": inbox, "attempt": 1}
            head = bytes.fromhex(self.ask("wit.step", **args)["step"])
            yield head

    def carry(self, handle: str, names: Sequence[str] | None = None) -> bytes:
        """Export references, or all of them; returns the bundle."""

        def piece(cursor: str | None) -> dict[str, Json]:
            some = {} if names is None or cursor is not None else {"names": list(names)}
            given = self.ask("grit.export", store=handle, cursor=cursor, **some)
            if "bytes" not in given:
                raise Stuck("grit.export: the answer is that of an export to a file")
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


def _accepted(op: str, reply: Reply) -> dict[str, Json]:
    if isinstance(reply, Ok):
        return reply.value
    what = f"refused {reply.kind} {reply.code or ''}".rstrip() if isinstance(reply, Refused) else str(reply)
    raise Stuck(f"{op}: {what}")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two implementations part.

    Attributes:
        journey: the name of the journey.
        format: the name of the format.
        source: who stopped.
        target: who went on; the same for a straight run.
        cut: steps made before the bundle was carried over; 0 for a straight run.
        step: the number of the first step that differs, from 1.
        words: what differs.
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
    """What came of it.

    Attributes:
        letters: one for each implementation, in the order given.
        cuts: (from, to) -> cuts that were played.
        steps: steps that were made and compared.
        journeys: the names of those that somebody made.
        differences: where heads are not equal.
    """

    letters: tuple[str, ...]
    cuts: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: int = 0
    journeys: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the table, the differences and the sum, for people."""
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


def play_matrix(hosts: Sequence[Host], formats: Iterable[Format], journeys: Iterable[Journey]) -> Matrix:
    """Play all journeys over all ordered pairs and all cuts.

    Args:
        hosts: implementations, each with a process of its own.
        formats: the formats; of each implementation those that it claims.
        journeys: the journeys; an implementation that lacks a feature of one stays out of it.

    Raises:
        Stuck: an operation that a journey needs was not answered.
        SubjectFault: a process broke.
    """
    matrix = Matrix(tuple(chr(ord("A") + number) for number in range(len(hosts))))
    planned = list(journeys)
    for fmt in formats:
        crew = {
            letter: host
            for letter, host in zip(matrix.letters, hosts, strict=True)
            if fmt.name in host.subject.claims.formats and any(map(host.takes, planned))
        }
        with ExitStack() as ends:
            others = {letter: Host(host.subject.spawn(), host.title) for letter, host in crew.items()}
            for other in others.values():
                ends.callback(other.subject.close)
            for journey in planned:
                try:
                    _play(matrix, crew, others, journey, fmt)
                except Stuck as problem:
                    raise Stuck(f"{journey.name}, {fmt.name}: {problem}") from problem
    return matrix


def _play(matrix: Matrix, crew: dict[str, Host], others: dict[str, Host], journey: Journey, fmt: Format) -> None:
    """Play one journey in one format; ``others`` are further processes, which go on where those of the crew stopped."""
    itinerary = journey.plan(fmt)
    runs = {letter: _straight(host, itinerary, fmt) for letter, host in crew.items() if host.takes(journey)}
    if not runs:
        return
    if journey.name not in matrix.journeys:
        matrix.journeys.append(journey.name)
    first = next(iter(runs.values()))
    for letter, run in runs.items():
        _compare(
            matrix, (journey, fmt, letter, letter, 0), first.heads, run.heads, (first.baggage[-1], run.baggage[-1])
        )
    for target in runs:
        for source, run in runs.items():
            for cut in reversed(range(len(run.baggage))):  # what it has not made itself yet comes first
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                _resume(matrix, (journey, fmt, source, target, cut), others[target], itinerary, run)


@dataclass(slots=True)
class _Run:
    """A journey made straight through: the head after each step, and the bundle before the first and after each."""

    heads: list[bytes] = field(default_factory=list)
    baggage: list[bytes] = field(default_factory=list)


def _straight(host: Host, itinerary: Itinerary, fmt: Format) -> _Run:
    handle, run = host.open(fmt), _Run()
    host.put(handle, itinerary)
    run.baggage.append(host.carry(handle, [_MAIL, _SENDER]))
    for head in host.travel(handle, itinerary, None, 0):
        host.point(handle, _CUT, run.heads[-1] if run.heads else None, head)
        run.heads.append(head)
        run.baggage.append(host.carry(handle, [_CUT, _MAIL, _SENDER]))
    host.close(handle)
    return run


def _resume(matrix: Matrix, place: _Place, fresh: Host, itinerary: Itinerary, run: _Run) -> None:
    """Let a process go on from a cut of a run, and compare."""
    cut = place[4]
    handle = fresh.open(place[1])
    fresh.take(handle, run.baggage[cut])
    heads = list(fresh.travel(handle, itinerary, run.heads[cut - 1] if cut else None, cut))
    matrix.steps += len(heads)
    if heads != run.heads[cut:]:
        fresh.point(handle, "tags/end", None, heads[-1])
        _compare(matrix, place, run.heads[cut:], heads, (run.baggage[-1], fresh.carry(handle, ["tags/end"])))
    fresh.close(handle)


def _compare(
    matrix: Matrix,
    place: _Place,
    wanted: Sequence[bytes],
    heads: Sequence[bytes],
    bundles: tuple[bytes, bytes],
) -> None:
    """Note the first difference of two runs, if there is one; the bundles hold their steps."""
    journey, fmt, source, target, cut = place
    for number, (one, other) in enumerate(zip(wanted, heads, strict=True), cut + 1):
        if one != other:
            words = _difference(fmt, one, other, bundles)
            matrix.differences.append(Difference(journey.name, fmt.name, source, target, cut, number, words))
            return


def _difference(fmt: Format, one: bytes, other: bytes, bundles: tuple[bytes, bytes]) -> str:
    """Say in words how two steps differ; where a bundle does not hold them whole, that they do."""
    try:
        where = _place_of_difference(fmt, one, other, bundles)
    except Refusal as problem:
        return f"steps differ: {one.hex()[:12]} and {other.hex()[:12]}; what was exported is not whole: {problem}"
    return f"{where} differs: {one.hex()[:12]} and {other.hex()[:12]}"


def _place_of_difference(fmt: Format, one: bytes, other: bytes, bundles: tuple[bytes, bytes]) -> str:
    """Return the first field that differs, with the path into the core; raises Refusal."""
    store = Store(fmt)
    for data in bundles:
        store.keep({identity: frame for identity, frame in read(data).frames().items() if frame is not None})
    shelf = Shelf.over(store)
    mine, theirs = shelf.step(one), shelf.step(other)
    names = [
        name
        for name in ("previous", "actor", "inbox", "outbox", "core")
        if getattr(mine, name) != getattr(theirs, name)
    ]
    where = names[0] if names else "?"
    if where == "core":
        where = f"core/{first_difference(shelf, mine.core, theirs.core)}".rstrip("/")
    return where


def run_command(options: argparse.Namespace, out: TextIO | None = None) -> int:
    """Run ``gritstone resume``.

    Returns:
        The exit code: 0 no difference; 1 a difference, or an adapter that broke; 3 nothing was played.

    Raises:
        UsageError: more than 26 implementations, or a command that cannot be started.
    """
    if len(options.iuts) > 26:  # letters
        raise UsageError("--iut: at most 26 implementations")
    targets = [Target.parse(command, None) for command in options.iuts]
    code, _ = _play_all(targets, options.glob, terms_of(options), out or sys.stdout)
    return code


def resume_beside(targets: Sequence[Target], glob: str | None, terms: Terms, report: Path, out: TextIO) -> int:
    """Play the matrix beside a run, and write it beside the report; returns the exit code as :func:`run_command` does.

    Spec: :rule:`suite.resume.matrix`.
    """
    print(file=out)
    code, comparison = _play_all(targets, glob, terms, out)
    place = report_beside(report, "resume")
    comparison.write(place, exit_code=code)
    print(place, file=out)
    return code


def _play_all(targets: Sequence[Target], glob: str | None, terms: Terms, out: TextIO) -> tuple[int, Comparison]:
    from gritstone_conformance.comparing.lives import LIVES, play_lives  # which is built on this module

    hosts: list[Host] = []
    comparison = Comparison("resume", terms.seed)
    print(f"gritstone {SUITE_VERSION} · spec {SPEC_VERSION} · resume", file=out)
    try:
        for number, target in enumerate(targets):
            subject, letter = Subject(target.opener(), terms), chr(ord("A") + number)
            claims = subject.claims
            hosts.append(Host(subject, f"{claims.name} {claims.version} ({claims.language})"))
            header = {"iut": claims.raw, "attach": target.attach, "command": target.command}
            comparison.implementations.append(implementation_of(letter, header))
            print(f"{letter}  {printable(hosts[-1].title)}", file=out)
        matrix = play_matrix(hosts, FORMATS.values(), [each for each in JOURNEYS if _is_chosen(each.name, glob)])
        play_lives(matrix, hosts, FORMATS.values(), [each for each in LIVES if _is_chosen(each.name, glob)])
    except (Stuck, SubjectFault) as problem:
        print(f"stopped: {printable(str(problem))}", file=out)
        comparison.lines.append({"type": "stopped", "detail": printable(str(problem))})
        return 1, comparison
    finally:
        for host in hosts:
            host.subject.close()
    print("", *map(plain, matrix.lines()), sep="\n", file=out)
    comparison.lines += matrix.to_json()
    return (3 if not matrix.cuts else 1 if matrix.differences else 0), comparison


def _is_chosen(name: str, glob: str | None) -> bool:
    return glob is None or fnmatchcase(name, glob)
