"""Restore, restore requests, progress and close, in one store and in two."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Step
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.runtime.lockstep import GENESIS, StartOptions
from gritstone_conformance.properties.session.resident import Resident
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_GUARD: Final = "session.restore.guard"
_OUTSIDE: Final = "session.restore.outside"
_ELSEWHERE: Final = "session.restore.elsewhere"
_REQUEST: Final = "session.restore.requested"
_PROGRESS: Final = "session.restore.progress"
_STILL: Final = "session.away.still"
_MAIL: Final = "session.away.mail"
_REFUSED: Final = "session.away.refused"
_CLOSE: Final = "session.close.final"


def _log(resident: Resident, text: bytes = b"t") -> bytes:
    return resident.stage.program(programs.append("log", text))


def _archived(resident: Resident, title: bytes = b"a") -> bytes:
    """Open a session, send it a message and archive it; return it."""
    session = resident.puppet(title)
    resident.open(session, 1_000)
    resident.send(session, _log(resident, b"0"), 1_001)
    resident.run()
    resident.archive(session, 2_000)
    return session


def _set(resident: Resident, *changes: tuple[str, bytes | None], rule: str | None = None) -> None:
    """Set references as an operator does, each from what it is."""
    resident.fill()
    there = resident.pair.model.references
    resident.request(resident.pair.cas(*(Change(name, there.get(name), target) for name, target in changes), rule=rule))


def guarded(trial: Trial, fmt: Format) -> None:
    """A restore is refused by the first check that fails, and changes nothing; one reference away it succeeds."""
    resident = Resident(trial, fmt)
    stage = resident.stage
    session, other = _archived(resident), _archived(resident, b"other")
    writer = resident.born(b"writer")
    foreign = resident.puppet(b"foreign", writer)
    resident.inject(foreign, foreign, headers=GENESIS)
    resident.run()
    name = f"archived/{session.hex()}"
    step = resident.pair.model.references[name]
    heads = resident.model.mailroom.heads
    for space in ("closed", "gone", "moved"):
        _set(resident, (f"{space}/{session.hex()}", step))
        resident.restore(session, 3_000, rule=_GUARD)
        resident.close_session(session, 3_000, rule=_REFUSED)
        _set(resident, (f"{space}/{session.hex()}", None))
    text = heads[writer].hex().encode()
    erased = stage.blob(b"erased")
    resident.fill()
    resident.request(resident.pair.erase(erased))
    for target in (
        resident.pair.model.references[f"archived/{other.hex()}"],
        resident.agent,
        stage.blob(b"no id", ("ct", "s")),
        stage.blob(step.hex().encode()),
        stage.blob(step.hex().encode(), ("ct", "b")),
        stage.blob(step.hex().upper().encode(), ("ct", "s")),
        stage.blob(step.hex().encode() + b"\n", ("ct", "s")),
        stage.blob(text, ("ct", "s")),
        stage.blob(session.hex().encode(), ("ct", "s")),
        stage.blob(b"ab" * 32, ("ct", "s")),
        stage.blob(erased.hex().encode(), ("ct", "s")),
    ):
        _set(resident, (name, target))
        resident.restore(session, 3_001, rule=_GUARD)
        resident.refs(rule=_GUARD)
    wrong = stage.graph.add(Step(None, session, session, None, session))  # its inbox is a tree
    _set(resident, (name, stage.blob(wrong.hex().encode(), ("ct", "s"))))
    resident.restore(session, 3_001, rule=_OUTSIDE)
    resident.refs(rule=_GUARD)
    named = stage.blob(step.hex().encode(), ("ct", "s"), ("k", "v"))
    _set(resident, (name, named))
    resident.request(resident.pair.erase(named))
    resident.restore(session, 3_001, rule=_GUARD)
    resident.close_session(session, 3_001, rule=_GUARD)
    resident.refs(rule=_GUARD)
    _set(resident, (name, step), (f"archived/{foreign.hex()}", heads[foreign]), (f"heads/{foreign.hex()}", None))
    resident.restore(foreign, 3_002, rule=_GUARD)
    resident.close_session(foreign, 3_003, rule=_REFUSED)
    resident.restore(session, 3_004, rule=_GUARD)
    resident.restore(session, 3_005, rule=_GUARD)
    resident.refs(rule=_GUARD)
    resident.run(rule=_GUARD)
    resident.export(rule=_GUARD)


def outside(trial: Trial, fmt: Format) -> None:
    """A session whose step is outside is restored once the bundle was imported again, and not before."""
    resident = Resident(trial, fmt)
    session = _archived(resident)
    name = f"archived/{session.hex()}"
    step = resident.pair.model.references[name]
    resident.release(session)
    resident.ack_all()
    resident.cut()
    resident.flush()
    data = resident.pair.model.export([name])
    _set(resident, (name, resident.stage.blob(step.hex().encode(), ("ct", "s"))))
    resident.prune_store(rule=_OUTSIDE)
    resident.restore(session, 3_000, rule=_OUTSIDE)
    resident.prepare(session, 3_001, rule=_REQUEST)
    resident.refs(rule=_OUTSIDE)
    _set(resident, (f"kept/{session.hex()}", resident.pair.model.references[name]), (name, None))
    for asked in resident.pair.take(data):
        resident.request(asked)
    kept = resident.pair.model.references[f"kept/{session.hex()}"]
    _set(resident, (f"kept/{session.hex()}", step), (name, kept))
    resident.restore(session, 3_002, rule=_OUTSIDE)
    resident.refs(rule=_OUTSIDE)
    resident.send(session, _log(resident), 3_003, rule=_OUTSIDE)
    resident.run(rule=_OUTSIDE)
    resident.query(session, "get", b"log", rule=_OUTSIDE)
    resident.export(rule=_OUTSIDE)


def carried(trial: Trial, fmt: Format) -> None:
    """A session goes to a second store and comes back: the same steps, no old mail, and a legal history in both."""
    resident = Resident(trial, fmt)
    session = resident.spoken(b"carried")
    for at in (10_000, 20_000):
        resident.archive(session, at)
        step = resident.pair.model.references[f"archived/{session.hex()}"]
        _set(resident, (f"archived/{session.hex()}", None), (f"moved/{session.hex()}", step))
        resident.restore(session, at + 1, rule=_GUARD)
        resident.refs(rule=_ELSEWHERE)
        resident.flush()
        data = resident.pair.model.export([f"moved/{session.hex()}"])
        handle = f"t{at}"
        second = Resident(trial, fmt, pair=open_memory(trial, fmt, handle))
        second.prepare(None, at)
        for asked in second.pair.take(data):
            second.request(asked)
        _set(second, (f"moved/{session.hex()}", None), (f"archived/{session.hex()}", step))
        second.restore(session, at + 2, rule=_ELSEWHERE)
        second.refs(rule=_ELSEWHERE)
        second.mail(rule=_ELSEWHERE)
        second.run(rule=_ELSEWHERE)
        second.send(session, second.says(), at + 3, rule=_ELSEWHERE)
        second.run(rule=_ELSEWHERE)
        second.mail(rule=_ELSEWHERE)
        second.ack_all()
        second.send(session, _log(second), at + 4)
        second.run(rule=_ELSEWHERE)
        second.judge(rule=_ELSEWHERE)
        second.archive(session, at + 5, rule=_ELSEWHERE)
        away = second.pair.model.references[f"archived/{session.hex()}"]
        _set(second, (f"moved/{session.hex()}", away))
        second.flush()
        back = second.pair.model.export([f"archived/{session.hex()}"])
        _set(second, (f"archived/{session.hex()}", None))
        for asked in resident.pair.take(back):
            resident.request(asked)
        resident.restore(session, at + 6, rule=_GUARD)
        _set(resident, (f"moved/{session.hex()}", None))
        resident.restore(session, at + 6, rule=_ELSEWHERE)
        resident.refs(rule=_ELSEWHERE)
        resident.mail(rule=_ELSEWHERE)
        resident.run(rule=_ELSEWHERE)
        resident.send(session, _log(resident, b"home"), at + 7, rule=_ELSEWHERE)
        resident.run(rule=_ELSEWHERE)
    resident.judge(rule=_ELSEWHERE)


def unfit(trial: Trial, fmt: Format) -> None:
    """A session is not restored on another chain of the agent, or at a step before mail that the agent has read."""
    resident = Resident(trial, fmt)
    session = resident.spoken(b"unfit")
    early = resident.model.mailroom.heads[session]
    resident.send(session, resident.says(), 1_002)
    resident.run()
    resident.ack_all()
    resident.archive(session, 2_000)
    late = resident.pair.model.references[f"archived/{session.hex()}"]
    _set(resident, (f"archived/{session.hex()}", early))
    resident.restore(session, 3_000, rule=_ELSEWHERE)
    resident.refs(rule=_ELSEWHERE)
    _set(resident, (f"archived/{session.hex()}", late))
    resident.restore(session, 3_001, rule=_ELSEWHERE)
    resident.judge(rule=_ELSEWHERE)
    resident.archive(session, 4_000)
    resident.flush()
    data = resident.pair.model.export([f"archived/{session.hex()}"])
    second = Resident(trial, fmt, pair=open_memory(trial, fmt, "t2"))
    second.inject(second.puppet(b"unfit", resident.agent), _log(second, b"another chain"))
    for asked in second.pair.take(data):
        second.request(asked)
    second.restore(session, 5_000, rule=_ELSEWHERE)
    second.refs(rule=_ELSEWHERE)
    second.mail(rule=_ELSEWHERE)
    second.export(rule=_ELSEWHERE)


def released(trial: Trial, fmt: Format) -> None:
    """A session whose entries the agent dropped while it was archived offers no old mail after its restore."""
    resident = Resident(trial, fmt)
    session = resident.spoken(b"released")
    resident.archive(session, 2_000)
    resident.ack_all()
    resident.release(session)
    resident.restore(session, 3_000, rule=_ELSEWHERE)
    resident.refs(rule=_ELSEWHERE)
    resident.mail(rule=_ELSEWHERE)
    resident.send(session, _log(resident), 3_001, rule=_ELSEWHERE)
    resident.run(rule=_ELSEWHERE)
    resident.judge(rule=_ELSEWHERE)


def requested(trial: Trial, fmt: Format) -> None:
    """A restore is requested once for each archiving and start, by a request or by mail of an actor."""
    resident = Resident(trial, fmt)
    writer = resident.born(b"writer")
    by_request, by_mail, plain = (_archived(resident, title) for title in (b"request", b"mail", b"plain"))
    least, greatest = sorted(_archived(resident, title) for title in (b"one", b"other"))
    resident.ack_all()
    for _ in range(2):
        resident.prepare(by_request, 3_000, rule=_REQUEST)
        resident.send(by_request, _log(resident), 3_001, rule=_REQUEST)
        resident.mail(rule=_REQUEST)
    for _ in range(2):
        resident.tell(writer, resident.says(by_mail), rule=_REQUEST)
        resident.mail(rule=_REQUEST)
    resident.tell(writer, resident.says_to(greatest, least), rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    resident.inject(plain, _log(resident), rule=_REQUEST)
    resident.archive(plain, 3_002, rule=_REFUSED)
    resident.mail(rule=_REQUEST)
    resident.restart(rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    resident.send(by_request, _log(resident), 3_003, rule=_REQUEST)
    resident.tell(writer, resident.says(by_mail), rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    resident.restore(by_request, 4_000)
    resident.send(by_request, _log(resident), 4_001)
    resident.run()
    resident.archive(by_request, 4_002)
    resident.prepare(by_request, 4_003, rule=_REQUEST)
    resident.judge(rule=_REQUEST)


def requested_again(trial: Trial, fmt: Format) -> None:
    """A session that was archived again, at the same step or a later one, is requested again, once."""
    resident = Resident(trial, fmt)
    writer = resident.born(b"writer")
    by_request, by_mail, other = (_archived(resident, title) for title in (b"request", b"mail", b"other"))
    resident.ack_all()
    resident.prepare(by_request, 3_000, rule=_REQUEST)
    resident.tell(writer, resident.says(by_mail), rule=_REQUEST)
    resident.restore(by_mail, 3_001)
    resident.run()
    for at in (4_000, 5_000):
        resident.restore(by_request, at)
        resident.archive(by_request, at + 1)
        resident.archive(by_mail, at + 1)
        resident.tell(writer, resident.says(by_mail), rule=_REQUEST)
        for percent in (10, 20):
            resident.send(by_request, _log(resident), at + 2, rule=_REQUEST)
            resident.percent(by_request, percent, at + 2, rule=_REQUEST)
            resident.prepare(other, at + 3, rule=_REQUEST)
            resident.mail(rule=_REQUEST)
        resident.restore(by_mail, at + 4)
        resident.run()
    resident.judge(rule=_REQUEST)


def requested_over_cuts(trial: Trial, fmt: Format) -> None:
    """A cut of the agent's chain neither repeats a restore request nor forgets that a session was archived again."""
    resident = Resident(trial, fmt)
    writer = resident.born(b"writer")
    by_request, by_mail = (_archived(resident, title) for title in (b"request", b"mail"))
    for at, is_again in ((3_000, False), (4_000, True), (5_000, False)):
        if is_again:
            resident.restore(by_request, at)
            resident.archive(by_request, at + 1)
            resident.restore(by_mail, at)
            resident.run()
            resident.archive(by_mail, at + 1)
        resident.tell(writer, resident.says(by_mail), rule=_REQUEST)
        for _ in range(2):
            resident.prepare(by_request, at + 2, rule=_REQUEST)
            resident.refs(rule=_REQUEST)
            resident.ack_all()
            resident.cut(rule=_REQUEST)
        resident.refs(rule=_REQUEST)
    resident.restore(by_request, 6_000)
    resident.archive(by_request, 6_001)
    resident.ack_all()
    resident.cut(rule=_REQUEST)
    resident.prepare(by_request, 6_002, rule=_REQUEST)
    resident.judge(rule=_REQUEST)


def unrequested(trial: Trial, fmt: Format) -> None:
    """Mail of an actor requests a restore only of a session of the agent, also of one whose step is outside."""
    resident = Resident(trial, fmt)
    stage, writer = resident.stage, resident.born(b"writer")
    foreign = resident.puppet(b"foreign", writer)
    resident.inject(foreign, foreign, headers=GENESIS)
    resident.run()
    spoilt, erased, outside = (_archived(resident, title) for title in (b"spoilt", b"erased", b"outside"))
    dropped = resident.puppet(b"dropped")
    resident.open(dropped, 1_000)
    resident.tell(writer, resident.says(dropped))
    resident.archive(dropped, 2_000)
    resident.ack_all()
    resident.tell(writer, stage.program(programs.release(0), dropped), rule=_REQUEST)
    resident.refs(rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    references = resident.pair.model.references
    named = [
        stage.blob(references[f"archived/{session.hex()}"].hex().encode(), ("ct", "s")) for session in (erased, outside)
    ]
    _set(
        resident,
        (f"archived/{foreign.hex()}", references[f"heads/{foreign.hex()}"]),
        (f"heads/{foreign.hex()}", None),
        (f"archived/{spoilt.hex()}", references[f"heads/{writer.hex()}"]),
        (f"archived/{erased.hex()}", named[0]),
        (f"archived/{outside.hex()}", named[1]),
    )
    resident.request(resident.pair.erase(named[0]))
    for session in (foreign, spoilt, erased, outside):
        resident.tell(writer, resident.says(session), rule=_REQUEST)
        resident.refs(rule=_REQUEST)
        resident.mail(rule=_REQUEST)
    resident.judge(rule=_REQUEST)


def progressed(trial: Trial, fmt: Format) -> None:
    """Progress is an object, sent as it is while the session is archived, and its percent never falls."""
    resident = Resident(trial, fmt)
    session = _archived(resident)
    for number, data in enumerate(
        (
            b'{"stage" : "load",\n"percent":10}',
            b'{"percent":10}',
            b'{"percent":9}',
            b'{"percent":10.0}',
            b'{"percent":1e1}',
            b'{"percent":"20"}',
            b'{"percent":null}',
            b'{"percent":-0}',
            b'{"percent":101}',
            b'{"percent":20,"percent":30}',
            b"{}",
            b'{"any":[1.50,{"deep":null}]}',
            b"[]",
            b"null",
            b"",
            b'{"percent":100} x',
            b'{"percent":100}',
            b'{"percent":99}',
            b"{}",
        )
    ):
        resident.progress(session, data, 3_000 + number, rule=_PROGRESS)
        resident.mail(rule=_PROGRESS)
    resident.restore(session, 4_000)
    resident.percent(session, 100, 4_001, rule=_REFUSED)
    resident.archive(session, 4_002)
    resident.percent(session, 1, 4_003, rule=_PROGRESS)
    resident.restart()
    resident.percent(session, 0, 4_004, rule=_PROGRESS)
    resident.judge(rule=_PROGRESS)


def still(trial: Trial, fmt: Format) -> None:
    """A session that is archived or closed makes no step, whatever it is sent, and also after a start."""
    resident = Resident(trial, fmt)
    archived, closed = _archived(resident), _archived(resident, b"closed")
    resident.close_session(closed, 2_001)
    writer = resident.born(b"writer")
    for session in (archived, closed):
        for content, mt in ((session, "genesis"), (_log(resident), ""), (_log(resident), "update")):
            resident.tell(session, content, mt, rule=_STILL)
        resident.tell(writer, resident.stage.program(programs.send(0, 0, "genesis"), session), rule=_STILL)
        resident.refs(rule=_STILL)
    resident.restart(rule=_STILL)
    resident.run(rule=_STILL)
    resident.collect(rule=_STILL)
    resident.refs(rule=_STILL)
    resident.judge(rule=_STILL)


def waited(trial: Trial, fmt: Format) -> None:
    """Mail that was sent to an archived session is read after the restore, also after a start."""
    for restarts in (False, True):
        resident = Resident(trial, fmt)
        session = _archived(resident)
        resident.tell(session, _log(resident, b"1"), rule=_MAIL)
        if restarts:
            resident.restart()
        resident.restore(session, 3_000, rule=_MAIL)
        resident.archive(session, 3_001, rule=_MAIL)
        resident.run(rule=_MAIL)
        resident.send(session, _log(resident, b"2"), 3_002, rule=_MAIL)
        resident.run(rule=_MAIL)
        resident.query(session, "get", b"log", rule=_MAIL)
        resident.judge(rule=_MAIL)
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})


def closed(trial: Trial, fmt: Format) -> None:
    """A closed session has one reference and no entry of the agent; it stays closed, and a close can be repeated."""
    resident = Resident(trial, fmt)
    live, archived, busy = resident.puppet(b"live"), _archived(resident, b"archived"), resident.puppet(b"busy")
    resident.open(live, 3_000)
    resident.open(busy, 3_000)
    resident.send(busy, resident.says(), 3_001)
    resident.run()
    resident.close_session(busy, 3_002, rule=_REFUSED)
    resident.refs(rule=_REFUSED)
    resident.tell(archived, _log(resident))
    for _ in range(2):
        for session in (live, archived):
            resident.close_session(session, 3_100, rule=_CLOSE)
            resident.refs(rule=_CLOSE)
            resident.mail(rule=_CLOSE)
        resident.restart(rule=_CLOSE)
    for session in (live, archived):
        resident.prepare(session, 3_200, rule=_CLOSE)
        resident.send(session, _log(resident), 3_200, rule=_CLOSE)
        resident.open(session, 3_200, rule=_CLOSE)
        resident.archive(session, 3_200, rule=_CLOSE)
        resident.restore(session, 3_200, rule=_CLOSE)
        resident.percent(session, 1, 3_200, rule=_CLOSE)
        resident.inject(session, session, headers=GENESIS, rule=_CLOSE)
        resident.run(rule=_CLOSE)
    resident.ack_all()
    resident.close_session(busy, 3_300, rule=_CLOSE)
    resident.refs(rule=_CLOSE)
    resident.release(live, archived, busy)
    resident.judge(rule=_CLOSE)


def closed_leased(trial: Trial, fmt: Format) -> None:
    """A lease does not keep a session from being closed, and a session that is outside can be closed."""
    resident = Resident(trial, fmt, StartOptions())
    session, gone = resident.guest(1), _archived(resident)
    resident.open(session, 1_000)
    resident.ack_all()
    resident.prepare(session, 1_001)
    resident.close_session(session, 1_002, rule=_CLOSE)
    resident.refs(rule=_CLOSE)
    step = resident.pair.model.references[f"archived/{gone.hex()}"]
    _set(resident, (f"archived/{gone.hex()}", resident.stage.blob(step.hex().encode(), ("ct", "s"))))
    resident.close_session(gone, 3_000, rule=_CLOSE)
    resident.close_session(gone, 3_001, rule=_CLOSE)
    resident.judge(rule=_CLOSE)


PROPERTIES: Final = (
    *in_each_format("session/restore/guard", guarded, _GUARD, _REFUSED),
    *in_each_format("session/restore/outside", outside, _OUTSIDE, _REQUEST),
    *in_each_format("session/restore/carried", carried, _ELSEWHERE, _GUARD),
    *in_each_format("session/restore/unfit", unfit, _ELSEWHERE),
    *in_each_format("session/restore/released", released, _ELSEWHERE),
    *in_each_format("session/restore/requested", requested, _REQUEST, _REFUSED),
    *in_each_format("session/restore/requested-again", requested_again, _REQUEST),
    *in_each_format("session/restore/requested-over-cuts", requested_over_cuts, _REQUEST),
    *in_each_format("session/restore/unrequested", unrequested, _REQUEST),
    *in_each_format("session/restore/progress", progressed, _PROGRESS, _REFUSED),
    *in_each_format("session/away/still", still, _STILL),
    *in_each_format("session/away/mail", waited, _MAIL),
    *in_each_format("session/close/final", closed, _CLOSE, _REFUSED),
    *in_each_format("session/close/leased", closed_leased, _CLOSE),
)
