"""Residency next to what happens at the same time: open effects, late commits and erased blobs."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Headers
from gritstone_conformance.properties.grit.pair import open_memory
from gritstone_conformance.properties.session.resident import HELLO, Resident
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_QUIET: Final = "session.archive.quiet"
_NEUTRAL: Final = "session.archive.neutral"
_CLOSE: Final = "session.close.final"
_REFUSED: Final = "session.away.refused"
_REQUEST: Final = "session.restore.requested"
_ELSEWHERE: Final = "session.restore.elsewhere"


def effects(trial: Trial, fmt: Format) -> None:
    """A session with an open effect stays live; once it was answered, a second answer is refused wherever it stands."""
    resident = Resident(trial, fmt)
    session = resident.puppet(b"asks")
    resident.limits(idle_ms=1, lease_ms=1)
    resident.open(session, 1_000)
    resident.ack_all()
    resident.send(session, resident.says(mt="effect.x"), 1_001)
    resident.run()
    (name,) = resident.effects(rule=_QUIET)
    resident.archive(session, 2_000, rule=_QUIET)
    resident.close_session(session, 2_001, rule=_REFUSED)
    resident.sweep(9_000, rule=_QUIET)
    resident.restart(rule=_QUIET)
    resident.effects(rule=_QUIET)
    resident.resolve(name, "ok", b"answer", rule=_QUIET)
    resident.archive(session, 9_001, rule=_QUIET)
    resident.run(rule=_QUIET)
    resident.archive(session, 9_002, rule=_QUIET)
    resident.resolve(name, "ok", b"answer", rule=_QUIET)
    resident.effects(rule=_QUIET)
    resident.restore(session, 9_003, rule=_QUIET)
    resident.resolve(name, "ok", b"answer", rule=_QUIET)
    resident.close_session(session, 9_004, rule=_CLOSE)
    resident.resolve(name, "ok", b"answer", rule=_CLOSE)
    resident.effects(rule=_CLOSE)
    resident.refs(rule=_CLOSE)
    resident.judge(rule=_CLOSE)


def late_commit(trial: Trial, fmt: Format) -> None:
    """A turn that was prepared before an archive is committed after the restore, and refused after a close."""
    resident = Resident(trial, fmt)
    session = resident.prepare(None, 1_000)
    resident.ack_all()
    turn, _ = resident.residency.prepare(session, HELLO, 1_000)
    stage = resident.stage
    content = stage.tree(request=stage.blob(HELLO, ("ct", "j")), response=stage.blob(b"late", ("ct", "s")))
    commit: Headers = (("at", "1000"), ("mt", "commit"), ("turn", turn.hex()))
    resident.limits(lease_ms=100)
    resident.archive(session, 1_200)
    resident.deliver(session, commit, content, 1_300, rule=_REFUSED)
    resident.mail(rule=_REQUEST)
    resident.restore(session, 1_400)
    resident.deliver(session, commit, content, 1_500, rule=_REFUSED)
    resident.run(rule=_REFUSED)
    resident.mail(rule=_REFUSED)
    resident.ack_all()
    resident.close_session(session, 1_600, rule=_CLOSE)
    resident.deliver(session, commit, content, 1_700, rule=_REFUSED)
    resident.refs(rule=_CLOSE)
    resident.judge(rule=_CLOSE)


def open_ask(trial: Trial, fmt: Format) -> None:
    """An ask stays open over an archive, refuses settings, is answered after the restore, and once only."""
    resident = Resident(trial, fmt)
    session, stage = resident.guest(1), resident.stage
    settings = stage.tree(config=stage.blob(b"{}", ("ct", "j")))
    resident.open(session, 1_000)
    resident.send(session, stage.blob(HELLO, ("ct", "j")), 1_001, "ask")
    resident.run()
    resident.archive(session, 1_100, rule=_QUIET)
    effect = resident.model.mailroom.outbox(session)[resident.agent]
    answer: Headers = (("mt", "effect.ok"), ("reply", effect.hex()))
    resident.ack_all()
    resident.send(session, settings, 1_160, "configure")
    resident.run(rule=_NEUTRAL)
    resident.mail(rule=_NEUTRAL)
    resident.ack_all()
    resident.archive(session, 1_200, rule=_QUIET)
    resident.send(session, settings, 1_300, "configure", rule=_REFUSED)
    resident.restore(session, 1_400)
    resident.ack_all()
    for at in (1_500, 1_600):
        resident.deliver(session, answer, stage.blob(b'{"action":"final","response":"x"}'), at, rule=_NEUTRAL)
        resident.run(rule=_NEUTRAL)
        resident.mail(rule=_NEUTRAL)
        resident.ack_all()
    resident.close_session(session, 1_700, rule=_CLOSE)
    resident.deliver(session, answer, stage.blob(b"late"), 1_800, rule=_REFUSED)
    resident.judge(rule=_CLOSE)


def erased(trial: Trial, fmt: Format) -> None:
    """A session whose history has erased blobs is archived, restored, and carried to another store."""
    resident = Resident(trial, fmt)
    session = resident.spoken(b"erased")
    resident.request(resident.pair.erase(resident.stage.blob(b"said")))
    resident.archive(session, 2_000, rule=_ELSEWHERE)
    resident.restore(session, 2_001, rule=_ELSEWHERE)
    resident.archive(session, 2_002, rule=_ELSEWHERE)
    resident.judge(rule=_ELSEWHERE)
    name = f"archived/{session.hex()}"
    step = resident.pair.model.references[name]
    resident.flush()
    data = resident.pair.model.export([name])
    second = Resident(trial, fmt, pair=open_memory(trial, fmt, "t2"))
    text = second.stage.blob(step.hex().encode(), ("ct", "s"))
    second.fill()
    for asked in second.pair.take(data):
        second.request(asked)
    second.request(second.pair.cas(Change(name, step, text), Change(f"kept/{session.hex()}", None, step)))
    second.restore(session, 3_000, rule=_ELSEWHERE)
    second.mail(rule=_ELSEWHERE)
    second.send(session, second.says(), 3_001, rule=_ELSEWHERE)
    second.run(rule=_ELSEWHERE)
    second.judge(rule=_ELSEWHERE)


PROPERTIES: Final = (
    *in_each_format("session/crossing/effects", effects, _QUIET, _CLOSE, _REFUSED, features=("external", "effects")),
    *in_each_format("session/crossing/late-commit", late_commit, _REFUSED, _CLOSE, _REQUEST),
    *in_each_format("session/crossing/open-ask", open_ask, _NEUTRAL, _QUIET, _REFUSED, _CLOSE),
    *in_each_format("session/crossing/erased", erased, _ELSEWHERE, features=("external", "erase")),
)
