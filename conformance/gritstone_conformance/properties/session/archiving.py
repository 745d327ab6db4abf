"""Archive, sweep and admission: which sessions leave, when, and in which order."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Mailbox
from gritstone_conformance.properties.runtime.lockstep import StartOptions
from gritstone_conformance.properties.session.resident import Resident
from gritstone_conformance.properties.wit.registry import in_each_format, tape
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_AHEAD: Final = "session.archive.write-ahead"
_NEUTRAL: Final = "session.archive.neutral"
_QUIET: Final = "session.archive.quiet"
_EVENT: Final = "session.archive.event"
_STRICT: Final = "session.idle.strict"
_EXPLICIT: Final = "session.idle.explicit"
_LEASE: Final = "session.lease.pins"
_BOUND: Final = "session.capacity.bound"
_VICTIM: Final = "session.capacity.victim"
_FULL: Final = "session.capacity.full"
_CLOCK: Final = "session.clock.backward"
_CLOSE: Final = "session.close.final"
_TWIN: Final = "session.isolation.twin"


def archived(trial: Trial, fmt: Format) -> None:
    """An archived session has a reference and no head, and its notice has the core, the times and the reason."""
    resident = Resident(trial, fmt)
    session = resident.prepare(None, 1_000)
    resident.commit(session, 1_500)
    resident.ack_all()
    resident.archive(session, 1_700, rule=_AHEAD)
    resident.mail(rule=_EVENT)
    resident.refs(rule=_AHEAD)
    resident.archive(session, 1_800, rule="session.away.refused")
    resident.judge(rule=_EVENT)


def twin(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A session that is archived and restored between its messages makes the same steps as one that is not."""
    texts = [b"%d" % tape.below(4) for _ in range(tape.within(1, 5))]
    breaks = {tape.below(len(texts) + 1) for _ in range(2)}
    heads = []
    for archives in (False, True):
        resident = Resident(trial, fmt)
        session = resident.puppet(b"twin")
        resident.open(session, 1_000)
        for number, text in enumerate(texts):
            if archives and number in breaks:
                resident.archive(session, 2_000 + number, rule=_NEUTRAL)
                resident.restore(session, 2_000 + number, rule=_NEUTRAL)
            resident.send(session, resident.stage.program(programs.append("log", text)), 1_000 + number)
            resident.run(rule=_NEUTRAL)
        resident.judge(rule=_NEUTRAL)
        heads.append(resident.model.mailroom.heads[session])
        trial.expect("grit.close", {"store": "s"}, {"ok": {}})
    assert heads[0] == heads[1], "the model makes a step for an archive"


def quiet(trial: Trial, fmt: Format) -> None:
    """A session with unread mail either way, with a mark, or with an entry for another actor is not archived."""
    resident = Resident(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = resident.stage
    writer = resident.born(b"writer")
    writes, marked, holds, free = (resident.puppet(name) for name in (b"writes", b"marked", b"holds", b"free"))
    for session in (writes, marked, holds, free):
        resident.open(session, 1_000)
    resident.send(writes, resident.says(), 1_001)
    resident.run()
    resident.send(marked, stage.program(programs.fail()), 1_001)
    resident.run()
    resident.send(holds, resident.says(writer), 1_001)
    resident.run()
    for session in (writes, marked, holds):
        resident.archive(session, 2_000, rule=_QUIET)
        resident.refs(rule=_QUIET)
    resident.limits(idle_ms=1, lease_ms=0)
    resident.sweep(9_000, rule=_QUIET)
    resident.refs(rule=_QUIET)
    resident.ack_all()
    resident.sweep(9_001, rule=_QUIET)
    resident.restore(writes, 9_002)
    resident.send(holds, stage.program(programs.release(0), writer), 9_003)
    resident.run()
    resident.archive(holds, 9_004, rule=_QUIET)
    resident.send(writes, stage.program(programs.append("log", b"t")), 9_005)
    resident.run()
    resident.archive(writes, 9_006, rule=_QUIET)
    resident.judge(rule=_QUIET)


def operator_mark(trial: Trial, fmt: Format) -> None:
    """A session that an operator marked is not archived or closed, also if it has no unread mail."""
    resident = Resident(trial, fmt)
    session = resident.puppet(b"marked")
    resident.open(session, 1_000)
    message = resident.model.mailroom.inbox(session)[resident.agent]
    mark = resident.stage.graph.add(Mailbox(((resident.agent, message),)))
    resident.fill()
    resident.stop()
    resident.request(resident.pair.cas(Change(f"failed/{session.hex()}", None, mark)))
    resident.start()
    resident.archive(session, 2_000, rule=_QUIET)
    resident.close_session(session, 2_001, rule=_QUIET)
    resident.refs(rule=_QUIET)
    resident.flush()


def idle(trial: Trial, fmt: Format) -> None:
    """A sweep archives what was idle for more than the limit, in the order of time and id, and only a sweep does."""
    resident = Resident(trial, fmt)
    sessions = [resident.puppet(b"%d" % number) for number in range(5)]
    times = (1_000, 1_100, 1_000, 1_200, 1_000)
    for session, at in zip(sessions, times, strict=True):
        resident.open(session, at)
    resident.limits(idle_ms=500)
    resident.sweep(1_500, rule=_STRICT)
    resident.sweep(1_501, rule=_STRICT)
    resident.refs(rule=_STRICT)
    resident.send(sessions[1], resident.stage.program(programs.append("log", b"t")), 90_000, rule=_EXPLICIT)
    resident.run(rule=_EXPLICIT)
    resident.prepare(sessions[1], 91_000, rule=_EXPLICIT)
    resident.restore(sessions[0], 92_000, rule=_EXPLICIT)
    resident.refs(rule=_EXPLICIT)
    resident.limits(idle_ms=0)
    resident.sweep(10**12, rule=_STRICT)
    resident.limits(idle_ms=1)
    resident.sweep(2**53 - 1, rule=_STRICT)
    resident.judge(rule=_STRICT)


def leased(trial: Trial, fmt: Format) -> None:
    """A lease keeps a session live until it reads a commit or is abandoned, its time is over, or the runtime ends."""
    resident = Resident(trial, fmt)
    resident.limits(max_live=1, idle_ms=10, lease_ms=1_000)
    session, other = resident.guest(1), resident.guest(2)
    resident.open(session, 1_000)
    resident.ack_all()
    resident.prepare(session, 2_000)
    resident.archive(session, 2_001, rule=_LEASE)
    resident.sweep(2_999, rule=_LEASE)
    resident.open(other, 3_000, rule=_FULL)
    resident.refs(rule=_LEASE)
    resident.read(session, 2_500, "note")
    resident.archive(session, 3_000, rule=_LEASE)
    resident.archive(session, 3_001, rule=_LEASE)
    for number, mt in enumerate(("commit", "abandon")):
        at = 5_000 + 100 * number
        resident.restore(session, at)
        resident.prepare(session, at + 1)
        resident.archive(session, at + 2, rule=_LEASE)
        resident.read(session, at + 3, mt)
        resident.archive(session, at + 4, rule=_LEASE)
    resident.restore(session, 6_000)
    resident.prepare(session, 6_001)
    resident.limits(lease_ms=0)
    resident.archive(session, 10**12, rule=_LEASE)
    resident.prepare(session, 5_000)
    resident.limits(lease_ms=100)
    resident.archive(session, 6_101, rule=_CLOCK)
    resident.restart()
    resident.archive(session, 5_001, rule=_LEASE)
    resident.judge(rule=_LEASE)


def defaults(trial: Trial, fmt: Format) -> None:
    """Without ``session.limits``, 128 sessions are live, one is idle after 300,000, and a lease ends after 600,000."""
    resident = Resident(trial, fmt)
    first, leased = resident.puppet(b"first"), resident.guest(1)
    resident.open(first, 0)
    resident.open(leased, 0)
    resident.ack_all()
    resident.prepare(leased, 0)
    for at in (300_000, 300_001):
        resident.sweep(at, rule=_STRICT)
    for at in (600_000, 600_001):
        resident.archive(leased, at, rule=_LEASE)
    for number in range(129):
        resident.open(resident.puppet(b"%d" % number), 700_000 + number, rule=_BOUND)
    resident.judge(rule=_BOUND)


def stale_commit(trial: Trial, fmt: Format) -> None:
    """A commit that was read before the queried step does not end the lease, and a second lease has its own time."""
    resident = Resident(trial, fmt)
    resident.limits(lease_ms=100)
    session = resident.guest(1)
    resident.open(session, 1_000)
    resident.read(session, 1_001, "commit")
    resident.prepare(session, 2_000)
    resident.read(session, 2_001, "configure")
    resident.archive(session, 2_002, rule=_LEASE)
    resident.read(session, 2_003, "commit")
    resident.prepare(session, 1_500)
    resident.archive(session, 1_600, rule=_LEASE)
    resident.archive(session, 1_601, rule=_LEASE)
    resident.judge(rule=_LEASE)


def lease_mail(trial: Trial, fmt: Format) -> None:
    """A step that reads only mail of another actor does not end a lease."""
    resident = Resident(trial, fmt)
    session, writer = resident.guest(1), resident.born(b"writer")
    resident.open(session, 1_000)
    resident.ack_all()
    resident.prepare(session, 2_000)
    resident.tell(writer, resident.says(session))
    resident.ack_all()
    resident.archive(session, 2_001, rule=_LEASE)
    resident.read(session, 2_002, "abandon")
    resident.archive(session, 2_003, rule=_LEASE)
    resident.judge(rule=_LEASE)


def admitted(trial: Trial, fmt: Format) -> None:
    """To admit one, the least used ones are archived in the same update; of equal times, those with the least id."""
    resident = Resident(trial, fmt)
    sessions = sorted(resident.puppet(b"%d" % number) for number in range(6))
    resident.limits(max_live=3)
    for session, at in zip(sessions, (1_000, 1_000, 900, 1_000, 2_000, 50), strict=True):
        resident.open(session, at, rule=_VICTIM)
        resident.refs(rule=_VICTIM)
    for session in (sessions[2], sessions[0], sessions[5]):
        resident.restore(session, 3_000, rule=_VICTIM)
        resident.refs(rule=_VICTIM)
    resident.limits(max_live=1)
    resident.refs(rule=_VICTIM)
    resident.restore(sessions[1], 4_000, rule=_VICTIM)
    resident.refs(rule=_VICTIM)
    resident.prepare(None, 5_000, rule=_VICTIM)
    resident.judge(rule=_VICTIM)


def full(trial: Trial, fmt: Format) -> None:
    """If too few sessions can be archived, an open and a restore are refused and change nothing."""
    resident = Resident(trial, fmt)
    away, busy, other = (resident.puppet(name) for name in (b"away", b"busy", b"other"))
    sessions = [away, busy, resident.guest(1), other]
    resident.limits(max_live=2)
    for number, session in enumerate(sessions[:3]):
        resident.open(session, 1_000 + number)
        resident.ack_all()
    resident.send(busy, resident.says(), 1_100)
    resident.run()
    resident.prepare(sessions[2], 1_200)
    for _ in range(2):
        resident.open(sessions[3], 1_300, rule=_FULL)
        resident.restore(away, 1_300, rule=_FULL)
        resident.refs(rule=_FULL)
    resident.limits(max_live=1)
    resident.ack_all()
    resident.restore(away, 1_400, rule=_FULL)
    resident.refs(rule=_FULL)
    resident.limits(max_live=2)
    resident.restore(away, 1_500, rule=_FULL)
    resident.judge(rule=_FULL)


def backward(trial: Trial, fmt: Format) -> None:
    """A time before an earlier one archives nothing, ends no lease, and lowers no time of use."""
    resident = Resident(trial, fmt)
    resident.limits(max_live=2, idle_ms=100, lease_ms=100)
    first, second, third = resident.puppet(b"first"), resident.guest(2), resident.puppet(b"third")
    log = resident.stage.program(programs.append("log", b"t"))
    resident.open(first, 5_000)
    resident.open(second, 4_000)
    resident.ack_all()
    resident.send(first, log, 10, stamp=10, rule=_CLOCK)
    resident.run()
    resident.sweep(0, rule=_CLOCK)
    resident.sweep(200, rule=_CLOCK)
    resident.prepare(second, 4_050)
    resident.prepare(second, 20, rule=_CLOCK)
    resident.archive(second, 30, rule=_CLOCK)
    resident.archive(second, 4_150, rule=_CLOCK)
    resident.refs(rule=_CLOCK)
    resident.open(third, 4_151, rule=_CLOCK)
    resident.refs(rule=_CLOCK)
    resident.judge(rule=_CLOCK)


def started(trial: Trial, fmt: Format) -> None:
    """After a start a session was touched at the time of the message that it read last, or at 0 without such a time."""
    resident = Resident(trial, fmt)
    sessions = [resident.puppet(b"%d" % number) for number in range(4)]
    log = resident.stage.program(programs.append("log", b"t"))
    for session in sessions:
        resident.open(session, 1_000)
    resident.send(sessions[0], log, 1_100, stamp=700)
    resident.run()
    resident.inject(sessions[1], log, (("at", "0700"),))
    resident.run()
    resident.inject(sessions[2], log, (("at", "9007199254740992"),))
    resident.run()
    resident.restart(rule=_STRICT)
    resident.limits(idle_ms=100)
    for at in (0, 100, 101, 800, 801, 1_100, 1_101):
        resident.sweep(at, rule=_STRICT)
    resident.judge(rule=_STRICT)


def damaged_message(trial: Trial, fmt: Format) -> None:
    """A session counts as touched at 0 if its last message is corrupt, or if the agent never sent it one."""
    resident = Resident(trial, fmt)
    damaged, other, child = (resident.puppet(title) for title in (b"damaged", b"other", b"child"))
    for session in (damaged, other):
        resident.open(session, 1_000)
    born = resident.stage.program(programs.send(0, 0, "genesis"), child)
    resident.tell(resident.born(b"writer"), born, rule=_STRICT)
    message = resident.model.mailroom.inbox(damaged)[resident.agent]
    resident.stop()
    resident.request(resident.pair.damage(message, 5, 1))
    resident.start(rule=_STRICT)
    resident.limits(idle_ms=100)
    for at in (100, 101, 1_101):
        resident.sweep(at, rule=_STRICT)
        resident.refs(rule=_STRICT)
    resident.flush()


def damaged_lease(trial: Trial, fmt: Format) -> None:
    """A corrupt message ends no lease, and a sweep archives other sessions as before."""
    resident = Resident(trial, fmt)
    resident.limits(idle_ms=100, lease_ms=1_000)
    session, other = resident.guest(1), resident.puppet(b"other")
    resident.open(session, 1_000)
    resident.open(other, 1_000)
    resident.ack_all()
    resident.prepare(session, 2_000)
    resident.read(session, 2_001, "note")
    message = resident.model.mailroom.inbox(session)[resident.agent]
    resident.request(resident.pair.damage(message, 5, 1))
    resident.sweep(2_500, rule=_LEASE)
    resident.refs(rule=_LEASE)
    resident.sweep(3_001, rule=_LEASE)
    resident.refs(rule=_LEASE)
    resident.flush()


def neighbours(trial: Trial, fmt: Format) -> None:
    """Requests about one session, refused or not, change neither the use nor the lease of another."""
    resident = Resident(trial, fmt)
    resident.limits(idle_ms=100, lease_ms=50)
    one, other = resident.guest(1), resident.guest(2)
    resident.open(one, 1_000)
    resident.open(other, 1_000)
    resident.ack_all()
    resident.prepare(one, 1_010)
    for at in (1_020, 1_030, 1_090):
        resident.prepare(other, at)
        resident.read(other, at, "abandon")
        resident.percent(one, 1, at)
        resident.restore(one, at)
    resident.archive(one, 1_060, rule=_TWIN)
    resident.sweep(1_111, rule=_TWIN)
    resident.refs(rule=_TWIN)
    resident.judge(rule=_TWIN)


def changed_host(trial: Trial, fmt: Format) -> None:
    """An actor becomes a session, and ceases to be one, with the entry of its core; only sessions count as live."""
    resident = Resident(trial, fmt)
    stage = resident.stage
    actor, session = resident.born(b"actor"), resident.puppet(b"session")
    resident.limits(max_live=1, idle_ms=10)
    resident.open(session, 1_000, rule=_BOUND)
    resident.refs(rule=_BOUND)
    below = stage.tree(host=resident.agent, nonce=stage.blob(b"n"))
    resident.tell(actor, stage.tree(session=below), "update")
    resident.prepare(actor, 1_001, rule="session.any.code")
    resident.sweep(9_000, rule=_STRICT)
    resident.refs(rule=_STRICT)
    resident.judge(rule="session.any.code")


def operated(trial: Trial, fmt: Format) -> None:
    """A session that an operator set away while it has a head is not live and not archived; it can be closed."""
    resident = Resident(trial, fmt)
    resident.limits(max_live=1, idle_ms=1)
    first, second = resident.puppet(b"first"), resident.puppet(b"second")
    resident.open(first, 1_000)
    resident.request(resident.pair.cas(Change(f"moved/{first.hex()}", None, resident.agent)))
    resident.open(second, 1_001, rule=_BOUND)
    resident.sweep(5_000, rule=_STRICT)
    resident.refs(rule=_STRICT)
    third = resident.puppet(b"third")
    resident.open(third, 6_000)
    resident.request(resident.pair.cas(Change(f"archived/{third.hex()}", None, resident.agent)))
    resident.close_session(third, 6_001, rule=_CLOSE)
    resident.refs(rule=_CLOSE)
    resident.export(rule=_STRICT)


PROPERTIES: Final = (
    *in_each_format("session/archive/form", archived, _AHEAD, _EVENT),
    *in_each_format("session/archive/twin", twin, _NEUTRAL, given=tape(16), cost=60, examples=15),
    *in_each_format("session/archive/quiet", quiet, _QUIET),
    *in_each_format("session/archive/marked", operator_mark, _QUIET),
    *in_each_format("session/sweep/idle", idle, _STRICT, _EXPLICIT),
    *in_each_format("session/lease/ends", leased, _LEASE, _FULL, _CLOCK),
    *in_each_format("session/lease/commit", stale_commit, _LEASE, once=True),
    *in_each_format("session/residency/defaults", defaults, _BOUND, _STRICT, _LEASE, once=True),
    *in_each_format("session/lease/mail", lease_mail, _LEASE),
    *in_each_format("session/admission/victims", admitted, _VICTIM),
    *in_each_format("session/admission/full", full, _FULL),
    *in_each_format("session/clock/backward", backward, _CLOCK),
    *in_each_format("session/sweep/started", started, _STRICT),
    *in_each_format("session/sweep/damaged", damaged_message, _STRICT, features=("external", "damage")),
    *in_each_format("session/lease/damaged", damaged_lease, _LEASE, features=("external", "damage")),
    *in_each_format("session/isolation/neighbours", neighbours, _TWIN),
    *in_each_format("session/admission/changed-host", changed_host, "session.any.code", _BOUND, _STRICT),
    *in_each_format("session/admission/operated", operated, _BOUND, _STRICT, _CLOSE, once=True),
)
