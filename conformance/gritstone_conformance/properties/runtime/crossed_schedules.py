"""Crossings of free schedules: mail that fails, repairs or cleans up, while the store, its runtimes and clocks change.

A row of the table ``runtime/schedules`` defines the mail and what happens around it. The runtime chooses its schedule,
so the history determines whether the result is legal. If no message fails for ever and none is superseded, the order in
which the actor reads the mail is also known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Headers, to_base64
from gritstone_conformance.properties.crossing_rows import each_row
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.judging import HISTORY_RULES
from gritstone_conformance.properties.runtime.lockstep import GENESIS, StartOptions
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Injection, Stage
from gritstone_conformance.trial import Property, SubjectLike, Trial

__all__ = ["PROPERTIES"]

_CAP_MS: Final = 40
_SOON: Final = Config(1, 2, 2)  # with the clock of the system
_LATE: Final = Config(10, _CAP_MS, 2)
_FIRST_MS: Final = {"suite": 0, "2^31": 1 << 31, "2^53 - 1": (1 << 53) - 1, "2^63 - 1": (1 << 63) - 1}
_MOST_STEPS: Final = {"1000": 1000, "2^31": 1 << 31, "2^32": 1 << 32, "2^53 - 1": (1 << 53) - 1}
_MOST_MOVES: Final = 20
_MOST_FILLED: Final = 20_000  # references, so that they fit in one piece of an import
_ROOM: Final = 4  # marks and heads
_SPACES: Final = ("failed/", "gone/", "heads/", "runtime/")
_CUTTING: Final = ("cut", "collect", "prune")
_ORDER: Final = "wit.proposal.valid"
_FULL: Final = "runtime.run.full"
_ROUTE: Final = "runtime.route.rest"
_CONTINUE: Final = "runtime.recover.continue"
_RULES: Final = tuple(
    dict.fromkeys(
        (
            *("runtime.history.bundle", _ROUTE, _FULL, _CONTINUE, "runtime.agent.bootstrap", "runtime.stop.clean"),
            *("runtime.agent.inject", "runtime.cut.step", "runtime.prune.running", "runtime.retry.delay"),
            *("runtime.query.rest", *HISTORY_RULES),
        )
    )
)


@dataclass
class _Crossing:
    """One row on its way.

    Attributes:
        row: the row.
        fixture: the store, with the runtime.
        stage: adds objects.
        actor: the actor that reads the mail.
        peer: an actor that sends it mail, too.
        runtimes: the handles of the started runtimes.
        now_ms: runtime -> its time, with the suite's clock.
        filled: the references that fill the store.
        own: how many other references a full store has.
    """

    row: Row
    fixture: FreeScheduleFixture
    stage: Stage
    actor: bytes
    peer: bytes
    runtimes: list[str] = field(default_factory=list)
    now_ms: dict[str, int] = field(default_factory=dict)
    filled: list[Change] = field(default_factory=list)
    own: int = 0

    @property
    def has_own_clock(self) -> bool:
        """Whether the time moves by requests only."""
        return self.row["clock"] in _FIRST_MS


def cross(trial: Trial, row: Row) -> None:
    """Run a row that kills no process."""
    for _ in _scene(_made(trial, row, StoreOptions(trial.directory() if row["backend"] == "durable" else None))):
        raise AssertionError("the row kills no process")


def cross_killed(trial: Trial, row: Row, process: SubjectLike, handle: str) -> Iterator[None]:
    """Run a row on a durable store in another process; yield where the process is killed."""
    yield from _scene(_made(trial, row, StoreOptions(trial.directory(), process, handle)))


def _made(trial: Trial, row: Row, opening: StoreOptions) -> _Crossing:
    terms = StartOptions(clock="suite", config=_LATE) if row["clock"] in _FIRST_MS else StartOptions(config=_SOON)
    fixture = FreeScheduleFixture(trial, FORMATS[row["format"]], terms, opening)
    stage = Stage(Graph(fixture.fmt))
    return _Crossing(row, fixture, stage, stage.core(b"a"), stage.core(b"peer"))


def _scene(it: _Crossing) -> Iterator[None]:
    """Create the actors, send the mail in two parts, change something between them, run to rest and judge."""
    mail = _mail(it)
    fixture = it.fixture
    _start(it)
    fixture.put(it.stage.graph)
    fixture.inject((Injection(core, GENESIS, core) for core in (it.actor, it.peer)), it.runtimes[0])
    _rest(it)
    if it.row["store"] == "full":
        _fill(it)
    if it.row["second"] != "none":
        _start(it, "second")
    _send(it, mail[:2])
    yield from _change(it)
    _send(it, mail[2:])
    _rest(it)
    _settle(it)
    _judge(it)


def _mail(it: _Crossing) -> list[Injection]:
    """Return the mail: one message that may fail, one to the peer, a control message, and a last one."""
    row, stage = it.row, it.stage
    failing = {"never": b"", "once": programs.try_again(1), "always": programs.fail()}[row["failure"]]
    fails = programs.fail() if row["peer"] == "sends-a-failure" else b""
    said = stage.program(fails + programs.append("other", b"p"))
    say = b"" if row["peer"] == "nothing" else programs.send(0, 1)
    kind, content = {
        "message": ("", _log(it, b"c")),
        "update": ("update", stage.tree(k=stage.blob(b"v"))),
        "cleanup": ("cleanup", _log(it, b"c")),
    }[row["control"]]
    headers: Headers = (("mt", kind),) if kind else ()
    return [
        Injection(it.actor, (), stage.program(failing + programs.append("log", b"1"))),
        Injection(it.peer, (), stage.program(say, it.actor, said)),
        Injection(it.actor, headers, content, row["mode"]),
        Injection(it.actor, (), _log(it, b"2")),
    ]


def _log(it: _Crossing, data: bytes) -> bytes:
    return it.stage.program(programs.append("log", data))


def _start(it: _Crossing, *names: str) -> None:
    """Start runtimes, by default that of the fixture, and set their times."""
    for name in (f"{it.fixture.runtime}-{word}" for word in names or ("first",)):
        it.fixture.start(name)
        it.runtimes.append(name)
        if it.has_own_clock:
            it.now_ms[name] = 0
            _time(it, name, _FIRST_MS[it.row["clock"]])


def _time(it: _Crossing, runtime: str, more_ms: int) -> None:
    it.now_ms[runtime] += more_ms
    args: dict[str, Json] = {"runtime": runtime, "now_ms": str(it.now_ms[runtime])}
    it.fixture.ask("runtime.time", args, ok(due={"$": "any"}), "runtime.retry.delay")


def _send(it: _Crossing, mail: list[Injection]) -> None:
    """Send messages, by turns through each runtime that sends, and run as the row says."""
    for number, each in enumerate(mail):
        through = it.runtimes[number % len(it.runtimes) if it.row["second"] == "sends" else 0]
        it.fixture.inject([each], through)
        if it.row["group"] == "a-run-for-each":
            _rest(it)
        elif it.row["group"] == "a-step-for-each":
            _run(it, through, 1)


def _rest(it: _Crossing) -> None:
    """Run every runtime until it has nothing left to run, and move its time where it waits."""
    for name in it.runtimes:
        for _ in range(_MOST_MOVES):
            if _run(it, name, _MOST_STEPS[it.row["steps"]]) != "waiting":
                break
            _time(it, name, _CAP_MS)


def _run(it: _Crossing, runtime: str, most_steps: int) -> str | None:
    """Run a runtime; return the cause, or None if the store was full."""
    causes = ("rest", "max-steps", *(("waiting",) if it.has_own_clock else ()))
    answers = [ok(cause=cause, steps={"$": "any"}, parked={"$": "any"}) for cause in causes]
    full = [refused("exhausted")] if it.filled else []
    it.fixture.flush()
    args: dict[str, Json] = {"runtime": runtime, "max_steps": most_steps}
    on = it.fixture.process
    value = it.fixture.trial.expect("runtime.run", args, {"any": [*answers, *full]}, on=on, rule=_ROUTE)
    return value.get("cause")


def _change(it: _Crossing) -> Iterator[None]:
    """Change something between two parts of the mail; yield where the process is killed."""
    fixture, word = it.fixture, it.row["between"]
    match word:
        case "drain" | "now":
            _restart(it, word)
        case "reopen" | "kill":
            if word == "reopen":
                fixture.close()
            else:
                fixture.flush()
                yield
            it.fixture = _reopened(fixture)
            _restart(it, None)
        case "prune":
            pins = [identity.hex() for identity in it.stage.graph.encodings]
            args: dict[str, Json] = {"store": fixture.handle, "pins": [*pins]}
            fixture.ask("grit.prune", args, ok(removed={"$": "any"}), "runtime.prune.running")
        case "cut" | "collect":
            answer = {"cut": "step", "collect": "removed"}[word]
            fixture.ask(f"runtime.{word}", {"runtime": it.runtimes[0]}, ok(**{answer: {"$": "any"}}), _CONTINUE)


def _reopened(before: FreeScheduleFixture) -> FreeScheduleFixture:
    """Open a durable store again."""
    opening = StoreOptions(before.directory, before.process, before.handle, create=False)
    fixture = FreeScheduleFixture(before.trial, before.fmt, before.terms, opening, rule=_CONTINUE)
    fixture.sent, fixture.last = before.sent, before.last
    return fixture


def _restart(it: _Crossing, how: str | None) -> None:
    """Stop the runtimes, unless they are, and start as many."""
    names, it.runtimes = it.runtimes, []
    if how is not None:
        for name in names:
            it.fixture.stop(how, name)
    _start(it, *("first", "second")[: len(names)])


def _fill(it: _Crossing) -> None:
    """Create references until the store has room for none."""
    fixture = it.fixture
    limits = Limits.of(fixture.trial.claims.limits, fixture.trial.claims.features)
    if limits.refs > _MOST_FILLED:
        fixture.trial.remark = f"not filled: the limit is above {_MOST_FILLED}"
        return
    it.own = len(_own_names(it))
    names = [f"t/{number}" for number in range(limits.refs - it.own)]
    marker = it.stage.blob(b"")
    data = write(fixture.fmt, dict.fromkeys(names, marker), {marker: it.stage.graph.encodings[marker]})
    it.filled = [Change(name, marker, None) for name in names]
    args: dict[str, Json] = {"store": fixture.handle, "bytes": to_base64(data), "more": False}
    fixture.ask("grit.import", args, ok(objects={"$": "any"}, refs=len(names)))


def _make_room(it: _Crossing) -> None:
    """Check that a full store got no further references, and remove as many as the mail may need."""
    if not it.filled:
        return
    found = _own_names(it)
    if len(found) > it.own:
        words = "more references than the limit"
        it.fixture.trial.fail(f"at most {it.own}", len(found), words=words, rule=_FULL)
    changes: list[Json] = [each.to_json() for each in it.filled[:_ROOM]]
    it.fixture.ask("grit.cas", {"store": it.fixture.handle, "changes": changes}, ok())
    it.filled = []


def _own_names(it: _Crossing) -> list[str]:
    """Return the references that do not fill the store."""
    fixture = it.fixture
    fixture.flush()
    names = []
    for prefix in _SPACES:
        args: dict[str, Json] = {"store": fixture.handle, "prefix": prefix, "after": None, "limit": 4096}
        reply = fixture.trial.expect("grit.refs", args, ok(refs={"$": "any"}, more=False), on=fixture.process)
        names += [name for name, _ in reply["refs"]]
    return names


def _settle(it: _Crossing) -> None:
    """Make room in a full store, and let one new runtime run to rest."""
    fixture = it.fixture
    for name in it.runtimes:
        fixture.stop(runtime=name)
    _make_room(it)
    it.runtimes = []
    _start(it)
    _rest(it)


def _judge(it: _Crossing) -> None:
    """Judge the history, and the log where the order of the mail determines it."""
    row, fixture = it.row, it.fixture
    names = _own_names(it) if row["store"] == "full" else None
    fixture.check(names=names, is_whole=row["control"] != "cleanup" and row["between"] not in _CUTTING)
    if "always" in row["failure"] or row["peer"] == "sends-a-failure" or row["mode"] == "signal":
        return
    log = b"12" if row["control"] == "update" else b"1c2"
    args = {"runtime": it.runtimes[0], "actor": it.actor.hex(), "name": "get", "args": to_base64(b"log")}
    expect = ok(step={"$": "any"}, result=it.stage.blob(log).hex())
    fixture.ask("runtime.query", args, expect, "runtime.query.rest")
    fixture.flush()


def _rules(features: Iterable[str]) -> tuple[str, ...]:
    """Return the rules that a row judges."""
    return _RULES


PROPERTIES: Final[tuple[Property, ...]] = each_row(
    "runtime/schedules", cross, _rules, features=("external",), scene=cross_killed
)
