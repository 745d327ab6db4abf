"""Open, prepare and send: the requests about live sessions, and their refusals."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.session.resident import HELLO, NONCE, Resident
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_PLAIN: Final = "session.open.plain-text"
_UNIQUE: Final = "session.open.unique"
_WHOLE: Final = "session.open.whole"
_TENTATIVE: Final = "session.prepare.tentative"
_REFUSED: Final = "session.away.refused"
_RESERVED: Final = "session.notice.reserved"
_FREE: Final = "session.schedule.free"
_ANY: Final = "session.any.code"
_REQUEST: Final = "session.restore.requested"
_MAIL: Final = "session.away.mail"


def plain_text(trial: Trial, fmt: Format) -> None:
    """A prepare without a session opens the default core with the nonce, and prepares its first turn."""
    resident = Resident(trial, fmt)
    session = resident.prepare(None, 1_000, rule=_PLAIN)
    resident.refs(rule=_PLAIN)
    resident.prepare(None, 1_001, rule=_PLAIN)
    resident.prepare(None, 1_002, nonce=bytes(32), rule=_PLAIN)
    resident.commit(session, 1_500)
    resident.prepare(session, 1_600, rule=_PLAIN)
    resident.prepare(session, 1_700, b"{}", rule=_PLAIN)
    resident.judge(rule=_PLAIN)


def unique(trial: Trial, fmt: Format) -> None:
    """Sessions that are opened without a nonce are different actors."""
    resident = Resident(trial, fmt)
    resident.flush()
    args = {"runtime": resident.runtime, "at": 1_000, "session": None, "request": to_base64(HELLO)}
    wanted = ok(session={"$": "any"}, turn={"$": "any"}, prepared={"$": "any"})
    ids = [trial.expect("session.prepare", args, wanted, rule=_UNIQUE)["session"] for _ in range(100)]
    if len(set(ids)) < len(ids):
        trial.fail("100 different ids", f"{len(set(ids))}", path="/session", words="sessions are equal", rule=_UNIQUE)
    listed = ok(refs={"$": "any"}, more=False)
    query = {"store": "s", "prefix": "heads/", "after": None, "limit": 4096}
    heads = {name for name, _ in trial.expect("grit.refs", query, listed, rule=_PLAIN)["refs"]}
    if missing := [one for one in ids if f"heads/{one}" not in heads]:
        trial.fail("a head of each session", missing[0], path="/refs", words="no head", rule=_PLAIN)


def whole(trial: Trial, fmt: Format) -> None:
    """An open that is refused, for whatever reason, changes no reference; the twin one entry away is opened."""
    resident = Resident(trial, fmt)
    stage = resident.stage
    nonce, host = stage.blob(NONCE, ("ct", "b")), resident.agent
    code = stage.blob(b"external:session/1", ("ct", "s"))
    none = stage.blob(b"external:absent", ("ct", "s"))
    good = stage.tree(host=host, nonce=nonce)
    cores = [
        stage.blob(b"no tree"),
        stage.tree(wit=code, wit_query=code),
        stage.tree(session=stage.tree(host=stage.tree(a=nonce), nonce=nonce), wit=code, wit_query=code),
        stage.tree(session=stage.tree(host=host, nonce=nonce, more=nonce), wit=code, wit_query=code),
        stage.tree(session=stage.tree(host=host), wit=code, wit_query=code),
        stage.tree(session=good, wit=none, wit_query=none),
        stage.tree(session=good),
        stage.tree(session=good, wit=code, wit_query=code, more=b"\xab" * 32),
    ]
    for core in cores:
        resident.open(core, 1_000, rule=_WHOLE)
        resident.refs(rule=_WHOLE)
    resident.ask("session.open", {"at": 1, "core": "ab" * 32}, refused("missing"), _WHOLE)
    resident.open(stage.tree(session=good, wit=code, wit_query=code), 1_000, rule=_WHOLE)
    resident.refs(rule=_WHOLE)
    resident.run(rule=_WHOLE)
    resident.judge(rule=_WHOLE)


def opened_before(trial: Trial, fmt: Format) -> None:
    """A session that has a head, mail of the agent, a mark or a reference is not opened; a core is a tree first."""
    resident = Resident(trial, fmt, StartOptions())
    stage = resident.stage
    early, live = resident.puppet(b"early"), resident.puppet(b"live")
    marked = stage.tree(session=stage.tree(host=resident.agent, nonce=stage.blob(b"marked")))
    resident.tell(resident.born(b"writer"), stage.program(programs.send(0, 0, "genesis"), marked))
    resident.open(marked, 1_000, rule=_REFUSED)
    resident.inject(early, stage.blob(b"early"))
    resident.open(early, 1_000, rule=_REFUSED)
    resident.open(live, 1_000)
    resident.open(live, 1_001, rule=_REFUSED)
    for space in ("archived", "moved", "gone", "closed"):
        for core in (resident.puppet(space.encode()), live):
            resident.fill()
            resident.request(resident.pair.cas(Change(f"{space}/{core.hex()}", None, resident.agent)))
            resident.open(core, 1_002, rule=_REFUSED)
            resident.prepare(core, 1_003, rule=_REFUSED)
            resident.send(core, resident.says(), 1_004, rule=_REFUSED)
            resident.archive(core, 1_005, rule=_REFUSED)
    no_tree = stage.blob(b"no tree")
    resident.fill()
    resident.request(resident.pair.cas(Change(f"archived/{no_tree.hex()}", None, resident.agent)))
    resident.open(no_tree, 1_006, rule=_WHOLE)
    resident.refs(rule=_REFUSED)
    resident.mail(rule=_REFUSED)
    resident.export(rule=_REFUSED)


def unknown(trial: Trial, fmt: Format) -> None:
    """Requests for the agent, an actor with another host and an actor without a head find no session."""
    resident = Resident(trial, fmt)
    other = resident.born(b"other")
    foreign = resident.puppet(b"foreign", other)
    resident.inject(foreign, foreign, headers=GENESIS)
    resident.run()
    for actor in (resident.agent, other, foreign, resident.puppet(b"absent")):
        resident.prepare(actor, 1_000, rule=_REFUSED)
        resident.send(actor, resident.says(), 1_000, rule=_REFUSED)
        resident.archive(actor, 1_000, rule=_REFUSED)
        resident.restore(actor, 1_000, rule=_REFUSED)
        resident.close_session(actor, 1_000, rule=_REFUSED)
        resident.percent(actor, 1, 1_000, rule=_REFUSED)
    resident.refs(rule=_REFUSED)
    resident.judge(rule=_REFUSED)


def tentative(trial: Trial, fmt: Format) -> None:
    """A prepare changes no reference, whatever is prepared, and the same turn is prepared again after it."""
    resident = Resident(trial, fmt)
    session = resident.prepare(None, 1_000)
    for request in (HELLO, b'{"kind":"user","prompt":"other"}', b'{"kind":"continue"}', b"", HELLO):
        resident.prepare(session, 1_100, request, rule=_TENTATIVE)
        resident.refs(rule=_TENTATIVE)
    resident.run(rule=_TENTATIVE)
    resident.judge(rule=_TENTATIVE)


def answers(trial: Trial, fmt: Format) -> None:
    """A session of any code is prepared, sent to, archived and restored; without a blob there is no prepared turn."""
    resident = Resident(trial, fmt)
    session = resident.puppet(b"any")
    resident.open(session, 1_000, rule=_ANY)
    resident.prepare(session, 1_001, rule=_ANY)
    resident.send(session, resident.stage.program(programs.append("log", b"t")), 1_002, rule=_ANY)
    resident.run(rule=_ANY)
    resident.archive(session, 2_000, rule=_ANY)
    resident.refs(rule=_ANY)
    resident.restore(session, 3_000, rule=_ANY)
    resident.query(session, "get", b"log", rule=_ANY)
    resident.judge(rule=_ANY)


def reserved(trial: Trial, fmt: Format) -> None:
    """A client cannot inject a notice to the agent, whatever follows the prefix; other receivers and types can be."""
    resident = Resident(trial, fmt)
    other, blob = resident.born(b"other"), resident.stage.blob(b"")
    for mt in ("session_archived", "session_closed", "session_", "session_other"):
        resident.inject(resident.agent, blob, mt, rule=_RESERVED)
        resident.inject(resident.agent, blob, mt, "signal", rule=_RESERVED)
        resident.refs(rule=_RESERVED)
    for mt in ("session", "sessions_archived", "note"):
        resident.inject(resident.agent, blob, mt, rule=_RESERVED)
    resident.tell(other, resident.stage.program(programs.append("log", b"t")), "session_archived", rule=_RESERVED)
    resident.mail(rule=_RESERVED)
    resident.judge(rule=_RESERVED)


def chosen(trial: Trial, fmt: Format) -> None:
    """Operations on sessions are refused while the suite chooses the schedule, and change nothing."""
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen"))
    actor = lockstep.stage.core(b"a")
    lockstep.fill()
    at = {"at": 1_000}
    session = {**at, "session": actor.hex()}
    lockstep.ask("session.limits", {"max_live": 1, "idle_ms": 0, "lease_ms": 0}, refused("rejected"), _FREE)
    lockstep.ask("session.open", {**at, "core": actor.hex()}, refused("rejected"), _FREE)
    lockstep.ask("session.prepare", {**session, "request": ""}, refused("rejected"), _FREE)
    lockstep.ask("session.send", {**session, "headers": [], "content": actor.hex()}, refused("rejected"), _FREE)
    lockstep.ask("session.sweep", at, refused("rejected"), _FREE)
    for word in ("archive", "restore", "close"):
        lockstep.ask(f"session.{word}", session, refused("rejected"), _FREE)
    lockstep.ask("session.progress", {**session, "progress": ""}, refused("rejected"), _FREE)
    lockstep.ask_plainly("session.sweep", {"runtime": "unknown", **at}, refused("missing"), "runtime.start.handle")
    lockstep.refs(rule=_FREE)
    lockstep.flush()


def mailing(trial: Trial, fmt: Format) -> None:
    """A first step requests the restore of the sessions it sends mail to, also of those archived to make room."""
    resident = Resident(trial, fmt)
    log = resident.stage.program(programs.append("log", b"t"))
    sessions = sorted(resident.puppet(b"%d" % number) for number in range(4))
    known, asked, least, greatest = sessions
    for number, session in enumerate(sessions):
        resident.open(session, 1_000 + number)
    for session in (known, asked):
        resident.archive(session, 1_100)
    resident.prepare(asked, 1_200)
    resident.restore(asked, 1_300)
    resident.ack_all()
    resident.limits(max_live=1)
    resident.open(resident.mailing(b"mails", greatest, least, known, asked), 2_000, rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    resident.refs(rule=_REQUEST)
    resident.run(rule=_REQUEST)
    resident.send(least, log, 2_001, rule=_REQUEST)
    resident.mail(rule=_REQUEST)
    resident.limits()
    for session in sessions:
        resident.restore(session, 3_000, rule=_REQUEST)
        resident.run(rule=_MAIL)
        resident.query(session, "get", b"log", rule=_MAIL)
    resident.judge(rule=_REQUEST)


PROPERTIES: Final = (
    *in_each_format("session/open/plain-text", plain_text, _PLAIN),
    *in_each_format("session/open/unique", unique, _UNIQUE, _PLAIN, once=True),
    *in_each_format("session/open/whole", whole, _WHOLE),
    *in_each_format("session/open/before", opened_before, _REFUSED, _WHOLE),
    *in_each_format("session/open/unknown", unknown, _REFUSED),
    *in_each_format("session/open/mailing", mailing, _REQUEST, _MAIL),
    *in_each_format("session/prepare/tentative", tentative, _TENTATIVE),
    *in_each_format("session/open/any-code", answers, _ANY),
    *in_each_format("session/notice/reserved", reserved, _RESERVED),
    *in_each_format("session/open/chosen", chosen, _FREE, features=("external", "schedule")),
)
