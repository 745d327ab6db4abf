"""The sessions of a started runtime: which are live, and the requests that open, archive, restore and close them.

Each request is carried out on the model's store at once, after everything that can be refused was checked. What is
known of the use of a session ends with the runtime.

Spec: ``session/residency``, ``session/archive``, ``session/restore``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gritstone_conformance.model.away import SPACES
from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.executor import admitted_step
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.proposals import Proposal, header
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, missing, rejected
from gritstone_conformance.model.residency.notices import PREFIX, Notice, is_time, json_notice, requested, send
from gritstone_conformance.model.runtime import Runtime
from gritstone_conformance.model.session.json_text import JsonText, NotJson, Number, read_json
from gritstone_conformance.model.values import Blob, Headers, Message, Step, Tree

__all__ = ["Limits", "Residency"]

_REFUSED = "session.away.refused"
_GUARD = "session.restore.guard"
_BUSY = "session.archive.quiet"
_ENDING = ("commit", "abandon")


@dataclass(frozen=True, slots=True)
class Limits:
    """What ``session.limits`` sets."""

    max_live: int = 128
    idle_ms: int = 300_000
    lease_ms: int = 600_000


@dataclass(slots=True)
class _Lease:
    """A lease: the largest time of its preparations, and the cursor for the agent of the last queried step."""

    at: int
    cursor: bytes | None


@dataclass(slots=True)
class Residency:
    """The sessions of one started runtime.

    Attributes:
        runtime: the runtime.
        limits: the limits in force.
        latest: the largest time of a request.
        used: sessions to the largest time of a request for them.
        leases: sessions to their leases.
        asked: archived sessions, with the targets of their references, for which a restore was requested, to the last
            message of the agent to itself then.
        percents: archived sessions to the last percent.
    """

    runtime: Runtime
    limits: Limits = field(default_factory=Limits)
    latest: int = 0
    used: dict[bytes, int] = field(default_factory=dict)
    leases: dict[bytes, _Lease] = field(default_factory=dict)
    asked: dict[tuple[bytes, bytes], bytes | None] = field(default_factory=dict)
    percents: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Attach to the runtime."""
        self.runtime.agent.reserved = PREFIX
        self.runtime.on_adopted = self._on_adopted

    # --- where a session stands ------------------------------------------------------------------------

    @property
    def _agent(self) -> bytes:
        return self.runtime.agent.identity

    def _target(self, space: str, session: bytes) -> bytes | None:
        return self.runtime.store.references.get(f"{space}/{session.hex()}")

    def _is_hosted(self, core: bytes) -> bool:
        """Return whether a core names the agent as the host."""
        shelf = self.runtime.shelf
        tree = shelf.look(core)
        below = shelf.look(dict(tree.entries).get("session", b"")) if isinstance(tree, Tree) else None
        return isinstance(below, Tree) and dict(below.entries).get("host") == self._agent

    def _head(self, session: bytes) -> Step | None:
        """Return the head of a session that is one, whether it is away or not."""
        head = self.runtime.mailroom.heads.get(session)
        step = None if head is None or session == self._agent else self.runtime.shelf.look(head)
        return step if isinstance(step, Step) and self._is_hosted(step.core) else None

    def live(self) -> list[bytes]:
        """Return the live sessions."""
        room = self.runtime.mailroom
        return [actor for actor in room.heads if not room.is_away(actor) and self._head(actor) is not None]

    def _check_away(self, session: bytes, *spaces: str) -> None:
        """Raise Refusal for the first of some references that a session has."""
        for space in spaces:
            if self._target(space, session) is not None:
                make = missing if space == "archived" else rejected
                raise Refusal([make(_REFUSED, f"it is {space}", space)])

    def _check_live(self, session: bytes) -> Step:
        """Return the head of a live session; raises Refusal."""
        self._check_away(session, "closed", "gone", "moved", "archived")
        step = self._head(session)
        if step is None:
            raise Refusal([missing(_REFUSED, "there is no such session", "session")])
        return step

    def is_quiet(self, session: bytes) -> bool:
        """Return whether a session with a head is quiet. Spec: :rule:`session.archive.quiet`."""
        room = self.runtime.mailroom
        if self.runtime.is_marked(session) or any(True for _ in room.mail(session)):
            return False
        if room.unread(session, self._agent).ids:
            return False
        return room.outbox(session).keys() <= {self._agent, session}

    # --- use -------------------------------------------------------------------------------------------

    def touched(self, session: bytes) -> int:
        """Return when a live session was used last."""
        read = self.runtime.mailroom.inbox(session).get(self._agent)
        message = None if read is None else self.runtime.shelf.look(read)
        at = header(message, "at") if isinstance(message, Message) else None
        return max(self.used.get(session, 0), int(at) if at is not None and is_time(at) else 0)

    def is_leased(self, session: bytes, at: int) -> bool:
        """Return whether a session is leased at a time. Spec: :rule:`session.lease.pins`."""
        lease = self.leases.get(session)
        if lease is None or (self.limits.lease_ms and at - lease.at > self.limits.lease_ms):
            return False
        return not self._ended(session, lease)

    def _ended(self, session: bytes, lease: _Lease) -> bool:
        """Return whether the session has read, after the queried step, a message that ends its lease."""
        tip = self.runtime.mailroom.inbox(session).get(self._agent)
        read = unread(self.runtime.shelf, tip, lease.cursor).ids
        return any(header(self.runtime.shelf.message(one), "mt") in _ENDING for one in read)

    def _use(self, session: bytes, at: int) -> None:
        self.used[session] = max(at, self.used.get(session, 0))

    def _forget(self, session: bytes) -> None:
        self.used.pop(session, None)
        self.leases.pop(session, None)
        self.percents.pop(session, None)

    def now(self, at: int) -> None:
        """Note the time of a request."""
        self.latest = max(at, self.latest)

    # --- open, prepare, send ---------------------------------------------------------------------------

    def open(self, core: bytes, at: int) -> bytes:
        """Open a session and return the id of its genesis message; raises Refusal. Spec: ``session/residency``."""
        shelf, agent = self.runtime.shelf, self.runtime.agent
        victims = self._check_open(core, at)
        message = shelf.put(Message(None, (("at", str(at)), ("mt", "genesis")), core))
        proposal = Proposal("genesis", ((self._agent, message),))
        try:
            step = admitted_step(shelf, Context(core, 1, self.runtime.ask), proposal, None)
        except Declined:
            shelf.forget()
            raise Refusal([Failure("failed", "it declined", "wit.transition.class").refusal().defects[0]]) from None
        except Failure as failure:
            shelf.forget()
            raise failure.refusal() from None
        agent.step({core: message}, {})
        self.runtime.mailroom.set_head(core, step)
        receivers = [*self.runtime.mailroom.outbox(core)]
        self._on_adopted(receivers)
        self._archive(victims, at, "capacity_pressure")
        self._on_adopted([one for one in receivers if one in victims])
        self._use(core, at)
        return message

    def _check_open(self, core: bytes, at: int) -> list[bytes]:
        shelf, room = self.runtime.shelf, self.runtime.mailroom
        value = shelf.look(core)
        if isinstance(value, Defect):
            raise Refusal([missing("session.open.whole", value.words)])
        if not isinstance(value, Tree):
            raise Refusal([rejected("session.open.whole", "the core is not a tree")])
        if defects := self.runtime.store.closure((core,)).defects:
            raise Refusal(defects)
        self._check_away(core, "closed", "gone", "moved", "archived")
        if core in room.heads:
            raise Refusal([rejected(_REFUSED, "it has a head", "live")])
        if not self._is_hosted(core):
            raise Refusal([rejected(_REFUSED, "the agent is not the host", "host")])
        if self.runtime.is_marked(core) or self.runtime.agent.last_sent(core) is not None:
            raise Refusal([rejected(_REFUSED, "it has a mark, or mail of the agent", "busy")])
        return self._victims(at)

    def default_core(self, nonce: bytes) -> bytes:
        """Store the core of a session that a plain text begins, and return its id."""
        shelf = self.runtime.shelf
        code = shelf.put(Blob((("ct", "s"),), b"external:session/1"))
        below = shelf.put(Tree((("host", self._agent), ("nonce", shelf.put(Blob((("ct", "b"),), nonce))))))
        core = shelf.put(Tree((("session", below), ("wit", code), ("wit_query", code))))
        shelf.flush(self.runtime.store)
        return core

    def prepare(self, session: bytes, request: bytes, at: int) -> tuple[bytes, bytes]:
        """Prepare a turn of a session; return its id and its data. Raises Refusal."""
        self._find(session, at)
        step, answer = self.runtime.query(session, "prepare", request)
        value = None if answer is None else self.runtime.shelf.look(answer)
        if not isinstance(value, Blob):
            raise Refusal([rejected(_REFUSED, "the answer is not a blob", "answer")])
        assert answer is not None, "it has a value"
        lease = self.leases.get(session)
        begun = at if lease is None or self._ended(session, lease) else max(at, lease.at)
        cursor = self.runtime.shelf.mail(self.runtime.shelf.step(step).inbox).get(self._agent)
        self.leases[session] = _Lease(begun, cursor)
        self._use(session, at)
        return answer, value.data

    def send(self, session: bytes, headers: Headers, content: bytes, at: int) -> bytes:
        """Send a message to a session and return its id; raises Refusal."""
        self._find(session, at)
        message = self.runtime.agent.inject(session, headers, content, "queue")
        self._use(session, at)
        return message

    def _find(self, session: bytes, at: int) -> None:
        """Raise Refusal for what is no live session, after a restore request if it is archived."""
        try:
            self._check_live(session)
        except Refusal as refusal:
            if refusal.defects[0].code == "archived":
                self._request(session, at)
            raise

    # --- archive, restore, close -----------------------------------------------------------------------

    def sweep(self, at: int) -> list[bytes]:
        """Archive the idle sessions and return them. Spec: :rule:`session.idle.strict`."""
        idle = [one for one in self._candidates(at) if 0 < self.limits.idle_ms < at - self.touched(one)]
        self._archive(idle, at, "idle_timeout")
        return idle

    def archive(self, session: bytes, at: int) -> bytes:
        """Archive a session and return its step; raises Refusal."""
        self._check_live(session)
        if not self.is_quiet(session):
            raise Refusal([rejected(_BUSY, "it is not quiet", "busy")])
        if self.is_leased(session, at):
            raise Refusal([rejected(_BUSY, "it is leased", "leased")])
        self._archive([session], at, "requested")
        return self.runtime.store.references[f"archived/{session.hex()}"]

    def _archive(self, sessions: list[bytes], at: int, reason: str, *others: Notice) -> None:
        """Archive sessions, and send their notices and others after them.

        Spec: :rule:`session.archive.write-ahead`.
        """
        notices = [self._leave(session, at, reason) for session in sessions]
        if notices or others:
            send(self.runtime.agent, at, [*notices, *others])

    def _leave(self, session: bytes, at: int, reason: str) -> Notice:
        room = self.runtime.mailroom
        head = room.heads[session]
        core = self.runtime.shelf.step(head).core
        root = self.runtime.shelf.names(core)["session"].hex()
        members: dict[str, JsonText] = {
            "at": at,
            "reason": reason,
            "root": root,
            "step": head.hex(),
            "touched": self.touched(session),
        }
        room.set_head(session, None)
        self.runtime.store.references[f"archived/{session.hex()}"] = head
        self.asked.pop((session, head), None)
        self._forget(session)
        return json_notice("archived", session, core, **members)

    def _candidates(self, at: int) -> list[bytes]:
        """Return the sessions that can be archived, in the order in which they are.

        Spec: :rule:`session.capacity.victim`.
        """
        free = [one for one in self.live() if self.is_quiet(one) and not self.is_leased(one, at)]
        return sorted(free, key=lambda one: (self.touched(one), one))

    def _victims(self, at: int) -> list[bytes]:
        """Return the sessions to archive for one more; raises Refusal."""
        needed = max(0, len(self.live()) - self.limits.max_live + 1)
        found = self._candidates(at)[:needed]
        if len(found) < needed:
            raise Refusal([Defect("exhausted", "session.capacity.full", "too few can be archived", "sessions")])
        return found

    def restore(self, session: bytes, at: int) -> bytes:
        """Restore a session and return its step; raises Refusal. Spec: :rule:`session.restore.guard`."""
        target = self._check_archived(session)
        step = self._stopped(session, target)
        if step != target and self.runtime.store.closure((step,)).defects:
            raise Refusal([missing("session.restore.outside", "its step is outside", "outside")])
        value = self.runtime.shelf.get(step)
        if not isinstance(value, Step):
            raise Refusal([invalid(_GUARD, "its step was erased", "session")])
        if not self._is_hosted(value.core):
            raise Refusal([rejected(_GUARD, "the agent is not its host", "host")])
        corrections = self._corrections(value)
        victims = self._victims(at)
        self._take(session, step, corrections)
        root = self.runtime.shelf.names(value.core)["session"].hex()
        notice = json_notice("restored", session, at=at, root=root, source="host", step=step.hex())
        self._archive(victims, at, "capacity_pressure", notice)
        self._forget(session)
        self._use(session, at)
        return step

    def _check_archived(self, session: bytes) -> bytes:
        """Return the target of the reference of an archived session; raises Refusal."""
        self._check_away(session, "closed", "gone")
        if session in self.runtime.mailroom.heads:
            raise Refusal([rejected(_GUARD, "it is live", "live")])
        self._check_away(session, "moved")
        target = self._target("archived", session)
        if target is None:
            raise Refusal([missing(_GUARD, "it is not archived", "session")])
        return target

    def _stopped(self, session: bytes, target: bytes) -> bytes:
        """Return the id of the step that a target is or names; raises Refusal."""
        value = self.runtime.shelf.look(target)
        if isinstance(value, Step) and value.actor == session:
            return target
        if isinstance(value, Blob) and value.headers == (("ct", "s"),) and len(value.data) == 64:
            try:
                name = value.data.decode("ascii")
                step = bytes.fromhex(name)
            except ValueError:
                step, name = b"", ""
            found = self.runtime.shelf.look(step)
            if step.hex() == name and name and (isinstance(found, Defect | Tombstone) or _is_step(found, session)):
                return step
        raise Refusal([invalid(_GUARD, "neither a step of it nor the name of one", "session")])

    def _corrections(self, step: Step) -> tuple[bytes | None, bytes | None]:
        """Return the new entries of the agent's outbox and inbox for a session, None for those that stay.

        Spec: :rule:`session.restore.elsewhere`.
        """
        room, shelf = self.runtime.mailroom, self.runtime.shelf
        sent, read = room.outbox(self._agent).get(step.actor), room.inbox(self._agent).get(step.actor)
        cursor, said = shelf.mail(step.inbox).get(self._agent), shelf.mail(step.outbox).get(self._agent)
        is_new = cursor is not None and cursor not in self._chain(sent)
        is_other = is_new and sent is not None and sent not in self._chain(cursor)
        is_older = said is not None and said != read and said in self._chain(read)
        if is_other or is_older:
            raise Refusal([rejected("session.restore.elsewhere", "the mail does not fit", "mail")])
        return cursor if is_new else None, said if said != read else None

    def _chain(self, tip: bytes | None) -> tuple[bytes, ...]:
        return unread(self.runtime.shelf, tip, None).ids

    def _take(self, session: bytes, step: bytes, corrections: tuple[bytes | None, bytes | None]) -> None:
        agent, references = self.runtime.agent, self.runtime.store.references
        sent, read = corrections
        if sent is not None:
            agent.step({session: sent}, {})
        if read is not None:
            agent.step({}, {session: read})
        if sent is not None or read is not None:
            references[f"adopted/{session.hex()}"] = step
        del references[f"archived/{session.hex()}"]
        self.runtime.mailroom.set_head(session, step)

    def close(self, session: bytes, at: int) -> bytes:
        """Close a session and return its step; raises Refusal. Spec: :rule:`session.close.final`."""
        references, room = self.runtime.store.references, self.runtime.mailroom
        closed = self._target("closed", session)
        if closed is not None:
            return self._named(session, closed)
        self._check_away(session, "gone", "moved")
        target = room.heads.get(session)
        if target is not None:
            if self._head(session) is None:
                raise Refusal([missing(_REFUSED, "it is not a session", "session")])
            if not self.is_quiet(session):
                raise Refusal([rejected(_REFUSED, "it is not quiet", "busy")])
            step = target
            room.set_head(session, None)
        else:
            target = self._target("archived", session)
            if target is None:
                raise Refusal([missing(_REFUSED, "there is no such session", "session")])
            step = self._stopped(session, target)
            value = self.runtime.shelf.look(step)
            if isinstance(value, Step) and not self._is_hosted(value.core):
                raise Refusal([rejected(_REFUSED, "the agent is not its host", "host")])
        references.pop(f"archived/{session.hex()}", None)
        references[f"closed/{session.hex()}"] = target
        send(self.runtime.agent, at, [json_notice("closed", session, at=at, step=step.hex())], session)
        self._forget(session)
        return step

    def _named(self, session: bytes, target: bytes) -> bytes:
        try:
            return self._stopped(session, target)
        except Refusal:
            return target

    # --- restore requests ------------------------------------------------------------------------------

    def progress(self, session: bytes, data: bytes, at: int) -> None:
        """Send a notice about a restore; raises Refusal. Spec: :rule:`session.restore.progress`."""
        self._check_archived(session)
        rule, last = "session.restore.progress", self.percents.get(session, 0)
        try:
            value = read_json(data)
        except NotJson:
            value = None
        if not isinstance(value, dict):
            raise Refusal([Defect("malformed", rule, "not an object", "progress")])
        if "percent" in value:
            number = value["percent"]
            percent = number.natural if isinstance(number, Number) else None
            if percent is None or not last <= percent <= 100:
                raise Refusal([invalid(rule, "not a percent", "percent")])
            last = percent
        send(self.runtime.agent, at, [Notice("restore_progress", session, Blob((("ct", "j"),), data))])
        self.percents[session] = last

    def _request(self, session: bytes, at: int) -> None:
        """Send a restore request, unless one was sent since the session was archived.

        Spec: :rule:`session.restore.requested`.
        """
        target = self._target("archived", session)
        assert target is not None, "it is archived"
        if (session, target) not in self.asked or self._is_archived_again(session, self.asked[session, target]):
            send(self.runtime.agent, at, requested(session))
            self.asked[session, target] = self.runtime.agent.last_sent(self._agent)

    def _is_archived_again(self, session: bytes, since: bytes | None) -> bool:
        """Return whether the agent has sent itself, after a message, that a session was archived."""
        shelf = self.runtime.shelf
        sent = unread(shelf, self.runtime.agent.last_sent(self._agent), since).ids
        notices = (dict(shelf.message(one).headers) for one in sent)
        return any(each.get("mt") == f"{PREFIX}archived" and each.get("session") == session.hex() for each in notices)

    def _on_adopted(self, receivers: list[bytes]) -> None:
        """Send restore requests for archived sessions to which an actor sent mail."""
        for session in sorted(receivers):
            there = [space for space in SPACES if self._target(space, session) is not None]
            target = self._target("archived", session)
            if there == ["archived"] and target is not None and self._is_ours(session, target):
                self._request(session, self.latest)

    def _is_ours(self, session: bytes, target: bytes) -> bool:
        try:
            value = self.runtime.shelf.look(self._stopped(session, target))
        except Refusal:
            return False
        return not isinstance(value, Step) or self._is_hosted(value.core)


def _is_step(value: object, session: bytes) -> bool:
    return isinstance(value, Step) and value.actor == session
