"""``gritstone resume``: every implementation resumes where every other one stopped, at every cut of every journey.

A *journey* is an actor and its mail, one message per step. Each implementation runs it straight through. Then, for each
ordered pair and each cut k, another process of the second imports the bundle of the first after k steps and runs the
remaining steps. All heads must equal those of the first straight run; no implementation serves as the reference. If
several sources export the same bytes after the same steps, each target resumes from them once.

Spec: :rule:`wasm.image.equal`, :rule:`wasm.wait.equal`, :rule:`wasm.same.everywhere`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, TextIO, TypeAlias

from gritstone_conformance import SPEC_VERSION, SUITE_VERSION
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.comparing.flow_stages import FLOW_STAGES
from gritstone_conformance.comparing.handovers import HANDOVERS, run_handovers
from gritstone_conformance.comparing.image_stages import IMAGE_STAGES
from gritstone_conformance.comparing.matrix import MAIL, SENDER, Implementation, Matrix, ResumeDifference, Stuck
from gritstone_conformance.comparing.residencies import RESIDENCIES
from gritstone_conformance.comparing.stages import run_stages
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.bundle import read
from gritstone_conformance.model.cores import first_difference
from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.reporting.comparison import Comparison, implementation_of, report_beside
from gritstone_conformance.strategies.flow_journeys import FLOW_JOURNEYS, FlowJourney
from gritstone_conformance.strategies.journeys import JOURNEYS, Itinerary, Journey
from gritstone_conformance.strategies.session_journeys import SESSION_JOURNEYS, SessionJourney
from gritstone_conformance.text import plain, printable

__all__ = ["resume_all", "resume_beside", "run_matrix"]

_CUT: Final = "tags/cut"

_AnyJourney: TypeAlias = "Journey | SessionJourney | FlowJourney"
_Place: TypeAlias = "tuple[_AnyJourney, Format, str, str, int]"  # journey, format, source, target, cut


def run_matrix(hosts: Sequence[Implementation], formats: Iterable[Format], journeys: Iterable[_AnyJourney]) -> Matrix:
    """Run all journeys over all ordered pairs and all cuts.

    Args:
        hosts: implementations, each with its own process.
        formats: the formats; each implementation uses those that it claims.
        journeys: the journeys; an implementation that lacks a feature of one does not run it.

    Raises:
        Stuck: a request that a journey requires was not accepted.
        SubjectFault: a process broke.
    """
    matrix = Matrix(tuple(chr(ord("A") + number) for number in range(len(hosts))))
    planned = list(journeys)
    for fmt in formats:
        crew = {
            letter: host
            for letter, host in zip(matrix.letters, hosts, strict=True)
            if fmt.name in host.subject.claims.formats
            and any(journey.is_claimed_by(host.subject.claims) for journey in planned)
        }
        with ExitStack() as ends:
            others = {letter: Implementation(host.subject.spawn(), host.title) for letter, host in crew.items()}
            for other in others.values():
                ends.callback(other.subject.close)
            for journey in planned:
                try:
                    _run_journey(matrix, crew, others, journey, fmt)
                except Stuck as problem:
                    raise Stuck(f"{journey.name}, {fmt.name}: {problem}") from problem
    return matrix


def _run_journey(
    matrix: Matrix,
    crew: dict[str, Implementation],
    others: dict[str, Implementation],
    journey: _AnyJourney,
    fmt: Format,
) -> None:
    """Run one journey in one format; ``others`` are further processes, which resume where those of ``crew`` stopped."""
    itinerary = journey.plan(fmt)
    travellers = {letter: host for letter, host in crew.items() if journey.is_claimed_by(host.subject.claims)}
    runs = {letter: _straight(host, itinerary, fmt) for letter, host in travellers.items()}
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
        resumed: set[tuple[bytes, tuple[bytes, ...]]] = set()  # bundles, with the heads that followed as expected
        for source, run in runs.items():
            for cut in reversed(range(len(run.baggage))):  # a host that has not made the journey itself is first
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                matrix.steps += len(run.heads) - cut
                same = (run.baggage[cut], tuple(run.heads))  # another source may have exported the same bytes
                place = (journey, fmt, source, target, cut)
                if same not in resumed and _resume(matrix, place, others[target], itinerary, run):
                    resumed.add(same)


@dataclass(slots=True)
class _Run:
    """A straight run of a journey: the head after each step, and the bundle before the first and after each step."""

    heads: list[bytes] = field(default_factory=list)
    baggage: list[bytes] = field(default_factory=list)


def _straight(host: Implementation, itinerary: Itinerary, fmt: Format) -> _Run:
    handle, run = host.open(fmt), _Run()
    host.put(handle, itinerary)
    run.baggage.append(host.carry(handle, [MAIL, SENDER]))
    for head in host.travel(handle, itinerary, None, 0):
        host.point(handle, _CUT, run.heads[-1] if run.heads else None, head)
        run.heads.append(head)
        run.baggage.append(host.carry(handle, [_CUT, MAIL, SENDER]))
    host.close(handle)
    return run


def _resume(matrix: Matrix, place: _Place, fresh: Implementation, itinerary: Itinerary, run: _Run) -> bool:
    """Resume from a cut of a run in another process, and compare; return whether all heads are equal."""
    cut = place[4]
    handle = fresh.open(place[1])
    fresh.take(handle, run.baggage[cut])
    heads = list(fresh.travel(handle, itinerary, run.heads[cut - 1] if cut else None, cut))
    is_equal = heads == run.heads[cut:]
    if not is_equal:
        fresh.point(handle, "tags/end", None, heads[-1])
        _compare(matrix, place, run.heads[cut:], heads, (run.baggage[-1], fresh.carry(handle, ["tags/end"])))
    fresh.close(handle)
    return is_equal


def _compare(
    matrix: Matrix,
    place: _Place,
    wanted: Sequence[bytes],
    heads: Sequence[bytes],
    bundles: tuple[bytes, bytes],
) -> None:
    """Record the first difference of two runs, if any; their bundles contain the steps."""
    journey, fmt, source, target, cut = place
    for number, (one, other) in enumerate(zip(wanted, heads, strict=True), cut + 1):
        if one != other:
            words = _difference(fmt, one, other, bundles)
            matrix.differences.append(ResumeDifference(journey.name, fmt.name, source, target, cut, number, words))
            return


def _difference(fmt: Format, one: bytes, other: bytes, bundles: tuple[bytes, bytes]) -> str:
    """Return a description of the difference of two steps, or of the fault of an incomplete bundle."""
    try:
        where = _place_of_difference(fmt, one, other, bundles)
    except Refusal as problem:
        return f"steps differ: {one.hex()[:12]} and {other.hex()[:12]}; the export is incomplete: {problem}"
    return f"{where} differs: {one.hex()[:12]} and {other.hex()[:12]}"


def _place_of_difference(fmt: Format, one: bytes, other: bytes, bundles: tuple[bytes, bytes]) -> str:
    """Return the first field that differs, with the path inside the core; raises Refusal."""
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


def resume_beside(context: RunContext, others: Sequence[Target], glob: str | None, out: TextIO) -> int:
    """Run the matrix in addition to a run, and write it next to the report; returns the code of :func:`resume_all`.

    Spec: :rule:`suite.resume.matrix`.
    """
    print(file=out)
    code, comparison = resume_all([context.target, *others], glob, context.attach_settings, out)
    place = report_beside(context.report, "resume")
    comparison.write(place, exit_code=code)
    print(place, file=out)
    return code


def resume_all(
    targets: Sequence[Target], glob: str | None, attach_settings: AttachSettings, out: TextIO
) -> tuple[int, Comparison]:
    """Run the matrix over implementations and show it.

    Returns:
        The exit code (0 no difference; 1 a difference, or an adapter that broke; 3 nothing was run), and what was
        compared.

    Raises:
        UsageError: a command cannot be started.
    """
    hosts: list[Implementation] = []
    comparison = Comparison("resume", attach_settings.seed)
    print(f"gritstone {SUITE_VERSION} · spec {SPEC_VERSION} · resume", file=out)
    try:
        for number, target in enumerate(targets):
            subject, letter = Subject(target.opener(), attach_settings), chr(ord("A") + number)
            claims = subject.claims
            hosts.append(Implementation(subject, f"{claims.name} {claims.version} ({claims.language})"))
            header = {"iut": claims.raw, "attach": target.attach, "command": target.command}
            comparison.implementations.append(implementation_of(letter, header))
            print(f"{letter}  {printable(hosts[-1].title)}", file=out)
        journeys = [each for each in (*JOURNEYS, *SESSION_JOURNEYS, *FLOW_JOURNEYS) if _is_chosen(each.name, glob)]
        matrix = run_matrix(hosts, FORMATS.values(), journeys)
        run_handovers(matrix, hosts, FORMATS.values(), [each for each in HANDOVERS if _is_chosen(each.name, glob)])
        staged = [each for each in (*RESIDENCIES, *FLOW_STAGES, *IMAGE_STAGES) if _is_chosen(each.name, glob)]
        run_stages(matrix, hosts, FORMATS.values(), staged)
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
