"""Residency handovers: a runtime opens, archives and restores sessions, and another one resumes from its export.

Each stage is carried out by a runtime that is started for it, because the use of sessions is known in memory only. So a
stop changes nothing: after each stage, all references must equal those of the run without a stop.

Spec: :rule:`suite.resume.matrix`, :rule:`session.restore.guard`, :rule:`session.archive.event`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gritstone_conformance.comparing.matrix import Implementation, Matrix, ResumeDifference, Stuck, difference_of
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import Blob, Tree, to_base64
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Json, Refused
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.session_guest import session_core
from gritstone_conformance.strategies.session_journeys import ADD, FINAL, HELLO, TOOLS

__all__ = ["RESIDENCIES", "Residencies", "run_residencies"]

_MOST_STEPS: Final = 50
_TERMS: Final = StartOptions(config=Config(0, 0, 2))
_NONCE: Final = bytes(range(32))


class _Desk:
    """A started runtime of an implementation, for one stage.

    Attributes:
        first: a session with a tool.
        second: a session without.
    """

    def __init__(self, host: Implementation, handle: str, fmt: Format) -> None:
        self._host, self._handle, self._graph = host, handle, Graph(fmt)
        self._runtime = f"d{handle}"
        self._agent = bytes.fromhex(host.ask("runtime.start", **start_args(_TERMS, handle, self._runtime))["agent"])
        self.first = self._core(tools=self._add(TOOLS))
        self.second = self._core()

    def _add(self, data: bytes, ct: str = "j") -> bytes:
        return self._graph.add(Blob((("ct", ct),), data))

    def _core(self, **entries: bytes) -> bytes:
        below = {"host": self._agent, "nonce": self._add(_NONCE, "b"), **entries}
        return self._graph.add(
            Tree(tuple(session_core(self._graph, self._graph.add(Tree(tuple(below.items())))).items()))
        )

    def put(self) -> None:
        """Put everything that was added."""
        for data in self._graph.encodings.values():
            self._host.ask("grit.put", store=self._handle, bytes=to_base64(data))

    def ask(self, op: str, **args: Json) -> dict[str, Json]:
        """Make a request of the runtime; return the value of ``ok``."""
        return self._host.ask(op, runtime=self._runtime, **args)

    def refuse(self, op: str, code: str, **args: Json) -> None:
        """Make a request of the runtime that has to be refused with a code; raises Stuck."""
        reply = self._host.subject.ask(op, {"runtime": self._runtime, **args})
        if not isinstance(reply, Refused) or reply.code != code:
            raise Stuck(f"{op}: not refused with the code {code}")

    def send(self, at: int, mt: str, content: bytes, **headers: str) -> None:
        """Send a message to the first session, and run."""
        self.put()
        pairs: list[Json] = [[*pair] for pair in sorted({"at": str(at), "mt": mt, **headers}.items())]
        self.ask("session.send", at=at, session=self.first.hex(), headers=pairs, content=content.hex())
        self.run()

    def question(self) -> bytes:
        """Add the content of an ask."""
        return self._add(HELLO)

    def commit(self, at: int) -> None:
        """Prepare a turn of the first session, and commit a response."""
        turn = self.ask("session.prepare", at=at, session=self.first.hex(), request=to_base64(HELLO))["turn"]
        pair = (("request", self._add(HELLO)), ("response", self._add(FINAL)))
        self.send(at, "commit", self._graph.add(Tree(pair)), turn=turn)

    def resolve(self, data: bytes) -> None:
        """Answer the newest effect, and run; older ones are open again because mail before them is unread."""
        effect = self.ask("runtime.effects")["effects"][-1]
        self.ask("runtime.resolve", effect=effect["effect"], outcome={"ok": to_base64(data)})
        self.run()

    def ack(self) -> None:
        """Acknowledge all mail of the agent."""
        for sender, message in dict(self.ask("runtime.mail")["mail"]).items():
            self.ask("runtime.ack", sender=sender, message=message)

    def run(self) -> None:
        """Run until no actor can make a step."""
        self.ask("runtime.run", max_steps=_MOST_STEPS)

    def stop(self) -> None:
        """Stop the runtime."""
        self.ask("runtime.stop", how="now")


_Stage: TypeAlias = Callable[[_Desk], object]


def _open(desk: _Desk) -> None:
    desk.put()
    desk.ask("session.open", at=1_000, core=desk.first.hex())
    request, nonce = to_base64(HELLO), to_base64(_NONCE)
    opened = desk.ask("session.prepare", at=1_100, session=None, request=request, nonce=nonce)["session"]
    if opened != desk.second.hex():
        raise Stuck("session.prepare: another session than that of the default core")


def _ask_archived(desk: _Desk) -> None:
    args: dict[str, Json] = {"session": desk.first.hex(), "request": to_base64(HELLO)}
    desk.refuse("session.prepare", "archived", at=3_000, **args)


def _make_room(desk: _Desk) -> None:
    desk.ask("session.limits", max_live=1, idle_ms=0, lease_ms=0)
    desk.ask("session.restore", at=11_000_000, session=desk.second.hex())
    desk.ask("session.restore", at=12_000_000, session=desk.first.hex())


_STAGES: Final[tuple[_Stage, ...]] = (
    _open,
    lambda desk: desk.send(1_200, "ask", desk.question()),
    lambda desk: desk.resolve(ADD),
    lambda desk: desk.resolve(b"3"),
    lambda desk: desk.resolve(FINAL),
    _Desk.ack,
    lambda desk: desk.ask("session.archive", at=2_000, session=desk.first.hex()),
    _ask_archived,
    lambda desk: desk.ask(
        "session.progress", at=3_100, session=desk.first.hex(), progress=to_base64(b'{"percent":50}')
    ),
    lambda desk: desk.ask("session.restore", at=4_000, session=desk.first.hex()),
    lambda desk: desk.commit(5_000),
    _Desk.ack,
    lambda desk: desk.ask("session.sweep", at=10_000_000),
    _make_room,
    lambda desk: desk.ask("session.close", at=13_000_000, session=desk.second.hex()),
    lambda desk: desk.commit(14_000_000),
)


@dataclass(frozen=True, slots=True)
class Residencies:
    """A sequence of requests about sessions that one implementation begins and another one ends.

    Attributes:
        name: its name.
        stages: what each started runtime does.
    """

    name: str
    stages: tuple[_Stage, ...]

    def is_claimed_by(self, host: Implementation) -> bool:
        """Return whether an implementation makes the required claims."""
        claims = host.subject.claims
        return "session" in claims.profiles and "effects" in claims.features


RESIDENCIES: Final = (Residencies("residency", _STAGES),)


@dataclass(slots=True)
class _StraightRun:
    """A run without a stop: the export before the first stage and after each, and the references after each."""

    bundles: list[bytes] = field(default_factory=list)
    refs: list[Json] = field(default_factory=list)


def run_residencies(
    matrix: Matrix, hosts: Sequence[Implementation], formats: Iterable[Format], residencies: Iterable[Residencies]
) -> None:
    """Run sessions over all ordered pairs and all cuts, and add the results to the matrix.

    Raises:
        Stuck: a required request was not accepted.
        SubjectFault: a process broke.
    """
    planned = list(residencies)
    named = {letter: host for letter, host in zip(matrix.letters, hosts, strict=True) if planned}
    with ExitStack() as ends:
        others = {letter: Implementation(host.subject.spawn(), host.title) for letter, host in named.items()}
        for other in others.values():
            ends.callback(other.subject.close)
        for fmt in formats:
            for each in planned:
                crew = {letter: host for letter, host in named.items() if _claims(host, each, fmt)}
                try:
                    _run(matrix, crew, others, each, fmt)
                except Stuck as problem:
                    raise Stuck(f"{each.name}, {fmt.name}: {problem}") from problem


def _claims(host: Implementation, each: Residencies, fmt: Format) -> bool:
    return fmt.name in host.subject.claims.formats and each.is_claimed_by(host)


def _run(
    matrix: Matrix, crew: dict[str, Implementation], others: dict[str, Implementation], each: Residencies, fmt: Format
) -> None:
    runs = {letter: _straight(host, each, fmt) for letter, host in crew.items()}
    if not runs:
        return
    if each.name not in matrix.journeys:
        matrix.journeys.append(each.name)
    first = next(iter(runs.values()))
    for letter, run in runs.items():
        _compare(matrix, (each.name, fmt.name, letter, letter, 0), first.refs, run.refs)
    for target in runs:
        resumed: set[tuple[bytes, str]] = set()  # bundles from which the expected references followed
        for source, run in runs.items():
            for cut in range(len(run.bundles)):
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                matrix.steps += len(run.refs) - cut
                same = (run.bundles[cut], repr(run.refs))  # another source may have exported the same bytes
                if same in resumed:
                    continue
                place = (each.name, fmt.name, source, target, cut)
                found, illegal = _resume(others[target], each, fmt, run.bundles[cut], cut)
                if not _compare(matrix, place, run.refs[cut:], found):
                    continue
                if illegal is None:
                    resumed.add(same)
                else:
                    matrix.differences.append(ResumeDifference(*place, len(run.refs), illegal))


def _straight(host: Implementation, each: Residencies, fmt: Format) -> _StraightRun:
    handle, run = host.open(fmt), _StraightRun()
    run.bundles.append(host.carry(handle))
    for refs in _carry_out(host, handle, fmt, each.stages):
        run.refs.append(refs)
        run.bundles.append(host.carry(handle))
    host.close(handle)
    return run


def _resume(
    host: Implementation, each: Residencies, fmt: Format, bundle: bytes, cut: int
) -> tuple[list[Json], str | None]:
    """Resume from a cut in another process; return the references after each stage, and the fault of the history."""
    handle = host.open(fmt)
    host.take(handle, bundle)
    found = list(_carry_out(host, handle, fmt, each.stages[cut:]))
    verdict = check_history(scan(host.carry(handle)), at_rest=True, max_attempts=2, is_whole=True)
    host.close(handle)
    fault = next(iter(verdict.findings), None)
    return found, None if fault is None else f"history {fault.fault}: {fault.words}"


def _carry_out(host: Implementation, handle: str, fmt: Format, stages: Sequence[_Stage]) -> Iterator[Json]:
    """Carry out stages, each in a runtime of its own; yield the references after each."""
    for stage in stages:
        desk = _Desk(host, handle, fmt)
        stage(desk)
        desk.stop()
        yield host.references(handle)


def _compare(
    matrix: Matrix, place: tuple[str, str, str, str, int], wanted: Sequence[Json], found: Sequence[Json]
) -> bool:
    """Record the first difference of two runs, if any; return whether there is none."""
    for number, (one, other) in enumerate(zip(wanted, found, strict=True), place[-1] + 1):
        if one != other:
            matrix.differences.append(ResumeDifference(*place, number, difference_of(one, other)))
            return False
    return True
