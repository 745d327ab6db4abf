"""Residency: which sessions of a runtime are live, and the operations that open, archive, restore and close them.

It works for every actor whose core names the agent as its host, and runs no guest except for first steps and queries.
Every operation is one change of the runtime's world, so one update of references; ``open`` makes the first step before
it. What is known of the use of sessions ends with the runtime.

Spec: ``session/residency``, ``session/archive``, ``session/notices``, ``session/restore``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from gritstone.errors import Invalid, Refusal, Rejected
from gritstone.grit.objects import Blob, ObjectId
from gritstone.runtime.agent_mailbox import inject
from gritstone.runtime.outcomes import last_sent
from gritstone.runtime.runtime import Runtime
from gritstone.session.moving import Leaving, archive, close, fit_mail, restore, stopped_position, too_many
from gritstone.session.notices import RESERVED, progress_notice, read_percent, request_restore, send_notices
from gritstone.session.opening import FirstStep, check_core, default_core, first_step, take_first_step
from gritstone.session.standing import (
    LiveSessions,
    Stopped,
    away_targets,
    check_not_away,
    find_live,
    has_host,
    is_quiet,
    missing_session,
    read_stopped,
)
from gritstone.session.usage import Limits, Usage
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

__all__ = ["Prepared", "Residency"]

_R = TypeVar("_R")

_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared turn.

    Attributes:
        session: the id of the session.
        turn: the id of the answer.
        data: its data.
    """

    session: ObjectId
    turn: ObjectId
    data: bytes


class _Again(Exception):  # noqa: N818 - not an error
    """The world was read again since a first step was made."""


class Residency:
    """The sessions of a runtime.

    Attributes:
        runtime: the runtime.
        limits: the limits in force.
    """

    def __init__(self, runtime: Runtime, limits: Limits = Limits()) -> None:  # noqa: B008 - it is frozen
        """Attach to a runtime, which reserves the types of notices from now on.

        Args:
            runtime: the runtime; its schedule is not chosen by the caller.
            limits: the limits.

        Spec: :rule:`session.notice.reserved`.
        """
        self.runtime = runtime
        self.limits = limits
        self._world = runtime.machine.world
        self._usage = Usage()
        self._live = LiveSessions(self._world)
        runtime.reserved = RESERVED
        self._world.on_away_mail = self._on_away_mail

    def live(self) -> list[ObjectId]:
        """Return the ids of the live sessions, unordered."""
        return [actor.actor_id for actor in self._live.actors()]

    # --- requests about live sessions ------------------------------------------------------------------

    async def open(self, core: ObjectId, at: int) -> tuple[ObjectId, ObjectId]:
        """Open a session; return its id and that of its genesis message.

        Raises:
            Missing: part of the core is absent; or the session is archived.
            Rejected: the core is not a tree, the session exists or ended, the agent is not the host, there is mail for
                it; or the first step failed.
            Exhausted: too few sessions can be archived (code ``sessions``).

        Spec: :rule:`session.open.whole`.
        """
        self._now(at)
        while True:
            await self.runtime.durably(lambda: None)
            self._check_open(core, at)
            first = await first_step(self.runtime, core, at)
            try:
                await self.runtime.durably(lambda first=first: self._take(first, at))  # type: ignore[misc]
            except _Again:
                continue
            self._used(core, at)
            self._forget_archived()
            return core, first.message

    def _check_open(self, core: ObjectId, at: int) -> list[Leaving]:
        """Check whether a session can be opened; return the sessions to archive for it."""
        world = self._world
        tree = check_core(world, core)
        check_not_away(away_targets(world, core), core)
        actor = world.actors.get(core)
        if actor is not None and actor.head is not None:
            raise _refused("the session has a head", "live", core)
        if not has_host(world, tree.entries):
            raise _refused("the agent is not the host", "host", core)
        if (actor is not None and actor.mark is not None) or last_sent(world, core) is not None:
            raise _refused("there is mail for the session, or a mark", "busy", core)
        return self._victims(at)

    def _take(self, first: FirstStep, at: int) -> None:
        if self._world.generation != first.generation:
            raise _Again
        leaving = self._check_open(first.session, at)
        take_first_step(self._world, first)
        archive(self._world, at, leaving)
        receivers = {receiver for receiver, _ in first.admitted.sent}
        for session in sorted(receivers & {one.actor.actor_id for one in leaving}):
            self._on_away_mail(session)

    async def prepare(self, session: ObjectId | None, request: bytes, at: int, nonce: bytes | None = None) -> Prepared:
        """Prepare a turn, of a new session if none is named.

        Args:
            session: the session, or None.
            request: the request of the turn.
            at: the time of the request.
            nonce: 32 bytes for the core of a new session; None for random ones.

        Raises:
            Missing: the session is archived, or there is none.
            Rejected: the session is closed, gone or moved; or the query failed, or its answer is not a blob.
            Exhausted: too few sessions can be archived (code ``sessions``).

        Spec: :rule:`session.open.plain-text`, :rule:`session.prepare.tentative`.
        """
        self._now(at)
        if session is None:
            workspace = Workspace(self._world.objects)
            core = default_core(workspace, self._world.agent, nonce or secrets.token_bytes(_NONCE_BYTES))
            workspace.keep(self.runtime.store)
            session, _ = await self.open(core, at)
        await self._find_or_request(session, at)
        step, answer, workspace = await self.runtime.ask(session, "prepare", request)
        value = None if answer is None else workspace.look(answer)
        if answer is None or not isinstance(value, Blob):
            raise _refused("the answer to the query is not a blob", "answer", session)
        self._lease(session, step, at)
        self._used(session, at)
        return Prepared(session, answer, value.data)

    def _lease(self, session: ObjectId, step: ObjectId, at: int) -> None:
        world = self._world
        actor = world.actors.get(session)
        position = None if actor is None or actor.head != step else world.position(actor)
        position = position or load_position(world.objects, step, session)
        self._usage.is_leased(world, session, position, at, 0)  # forget a lease that has ended
        self._usage.lease(session, at, position.inbox.get(world.agent))

    async def send(self, session: ObjectId, headers: Sequence[tuple[str, str]], content: ObjectId, at: int) -> ObjectId:
        """Send a message to a session; return its id. See ``agent_mailbox.inject``.

        Raises:
            Missing: the session is archived, or there is none; or part of the content is absent.
            Rejected: the session is closed, gone or moved; or the message cannot be sent.
        """
        self._now(at)
        await self._find_or_request(session, at)
        message = await self.runtime.durably(lambda: self._send(session, headers, content, None))
        self._used(session, at)
        return message

    async def exchange(
        self,
        session: ObjectId,
        headers: Sequence[tuple[str, str]],
        content: ObjectId,
        at: int,
        *,
        new: Workspace,
        receive: Callable[[ObjectId], _R | None],
    ) -> _R | None:
        """Send a message as ``send`` does, run until rest, and receive the reply; see ``Runtime.exchange``.

        Args:
            session: the session.
            headers: the headers of the message.
            content: its content.
            at: the time of the request.
            new: the new objects to store with the message.
            receive: takes the reply to the message with the id of its argument.

        Raises:
            Missing, Rejected, Exhausted: as for ``send`` and ``Runtime.run``.
        """
        self._now(at)
        await self._find_or_request(session, at)
        received = await self.runtime.exchange(lambda: self._send(session, headers, content, new), receive)
        self._used(session, at)
        return received

    def _send(
        self, session: ObjectId, headers: Sequence[tuple[str, str]], content: ObjectId, new: Workspace | None
    ) -> ObjectId:
        find_live(self._world, session)
        return inject(self._world, session, list(headers), content, signal=False, new=new)

    async def _find_or_request(self, session: ObjectId, at: int) -> None:
        """Check that a session is live; send a restore request if it is archived.

        Spec: :rule:`session.away.refused`, :rule:`session.restore.requested`.
        """
        with suppress(Refusal):
            find_live(self._world, session)
            return

        def change() -> Refusal | None:
            try:
                find_live(self._world, session)
            except Refusal as refusal:
                if refusal.code == "archived":
                    request_restore(self._world, session, away_targets(self._world, session)["archived"], at)
                return refusal
            return None

        refusal = await self.runtime.durably(change)
        if refusal is not None:
            raise refusal

    # --- archive, restore, close -----------------------------------------------------------------------

    async def sweep(self, at: int) -> list[ObjectId]:
        """Archive idle sessions; return their ids in the order in which they were chosen.

        Spec: :rule:`session.idle.strict`.
        """
        self._now(at)
        idle_ms = self.limits.idle_ms

        def change() -> list[ObjectId]:
            idle = [one for one in self._candidates(at, "idle_timeout") if at - one.touched > idle_ms]
            archive(self._world, at, idle if idle_ms else [])
            return [one.actor.actor_id for one in idle] if idle_ms else []

        archived = await self.runtime.durably(change)
        for session in archived:
            self._usage.forget(session)
        return archived

    async def archive(self, session: ObjectId, at: int) -> ObjectId:
        """Archive a session; return its step.

        Raises:
            Missing: it is archived already, or there is none.
            Rejected: it is not quiet (code ``busy``), or is leased (code ``leased``); or it is closed, gone or moved.

        Spec: :rule:`session.archive.quiet`.
        """
        self._now(at)
        world, usage = self._world, self._usage

        def change() -> ObjectId:
            actor, position = find_live(world, session)
            if not is_quiet(world, actor, position):
                raise _refused("the session is not quiet", "busy", session, "session.archive.quiet")
            if usage.is_leased(world, session, position, at, self.limits.lease_ms):
                raise _refused("the session is leased", "leased", session, "session.archive.quiet")
            touched = usage.touched(world, session, position)
            archive(world, at, [Leaving(actor, position, touched, "requested")])
            return position.step_id

        step = await self.runtime.durably(change)
        usage.forget(session)
        return step

    async def restore(self, session: ObjectId, at: int) -> ObjectId:
        """Make an archived session live again; return its step.

        Raises:
            Missing: it is not archived, or its step is not in the store.
            Invalid: the reference does not lead to a step of it.
            Rejected: it is closed, gone, live or moved; the agent is not its host, or its mail does not fit.
            Exhausted: too few sessions can be archived (code ``sessions``).

        Spec: :rule:`session.restore.guard`.
        """
        self._now(at)

        def change() -> ObjectId:
            stopped = self._stopped(session)
            position = stopped_position(self._world, session, stopped)
            fit_mail(self._world, position)
            restore(self._world, at, session, stopped, self._victims(at))
            return stopped.step

        step = await self.runtime.durably(change)
        self._used(session, at)
        self._world.notes.pop(("percent", session), None)
        self._forget_archived()
        return step

    def _stopped(self, session: ObjectId) -> Stopped:
        """Return where an archived session stopped."""
        world = self._world
        targets = away_targets(world, session)
        check_not_away({space: target for space, target in targets.items() if space in ("closed", "gone")}, session)
        actor = world.actors.get(session)
        if actor is not None and actor.head is not None:
            raise _refused("the session is live", "live", session, "session.restore.guard")
        check_not_away({space: target for space, target in targets.items() if space == "moved"}, session)
        if "archived" not in targets:
            raise missing_session(session)
        return read_stopped(world, session, targets["archived"])

    async def close(self, session: ObjectId, at: int) -> ObjectId:
        """End a session for ever; return its step.

        Raises:
            Missing: there is no such session.
            Invalid: the reference of the archived session does not lead to a step of it.
            Rejected: the session is gone, moved or not quiet; or the agent is not its host.

        Spec: :rule:`session.close.final`.
        """
        self._now(at)
        step = await self.runtime.durably(lambda: self._close(session, at))
        self._usage.forget(session)
        return step

    def _close(self, session: ObjectId, at: int) -> ObjectId:
        world = self._world
        targets = away_targets(world, session)
        if "closed" in targets:
            return self._closed_step(session, targets["closed"])
        check_not_away({space: target for space, target in targets.items() if space != "archived"}, session)
        actor = world.actors.get(session)
        position = None if actor is None or session == world.agent else world.readable_position(actor)
        archived = targets.get("archived")
        if actor is not None and position is not None:
            if not has_host(world, position.core):
                raise missing_session(session)
            if not is_quiet(world, actor, position):
                raise _refused("the session is not quiet", "busy", session)
            stopped = None if archived is None else Stopped(archived, archived, None)
        elif archived is None:
            raise missing_session(session)
        else:
            stopped = read_stopped(world, session, archived)
            if stopped.value is not None:
                self._check_host(stopped)
        return close(world, at, session, stopped)

    def _check_host(self, stopped: Stopped) -> None:
        assert stopped.value is not None, "the step is in the store"
        tree = self._world.objects.look(stopped.value.core)
        if not has_host(self._world, getattr(tree, "entries", {})):
            raise _refused("the agent is not the host", "host", stopped.value.actor)

    def _closed_step(self, session: ObjectId, target: ObjectId) -> ObjectId:
        try:
            return read_stopped(self._world, session, target).step
        except Invalid:
            return target

    async def progress(self, session: ObjectId, data: bytes, at: int) -> None:
        """Send a notice about the restore of an archived session.

        Args:
            session: the session.
            data: a JSON text of an object.
            at: the time of the request.

        Raises:
            Missing: the session is not archived.
            Malformed: the data is not an object (code ``progress``).
            Invalid: ``percent`` is not an integer from the last one to 100 (code ``percent``).
            Rejected: the session is closed, gone, live or moved.

        Spec: :rule:`session.restore.progress`.
        """
        self._now(at)
        world = self._world

        def change() -> None:
            self._check_archived(session)
            key = ("percent", session)
            last = world.batch.notes.get(key, world.notes.get(key, 0))
            assert isinstance(last, int), "it is a percent"
            percent = read_percent(data, last)
            send_notices(world, at, [progress_notice(session, data)], {}, {})
            world.batch.notes[key] = percent

        await self.runtime.durably(change)

    def _check_archived(self, session: ObjectId) -> None:
        try:
            self._stopped(session)
        except Invalid:  # the target matters to a restore only
            return

    # --- restore requests ------------------------------------------------------------------------------

    def _on_away_mail(self, session: ObjectId) -> None:
        """Send a restore request for mail of an actor."""
        targets = away_targets(self._world, session)
        if set(targets) == {"archived"} and self._is_ours(session, targets["archived"]):
            request_restore(self._world, session, targets["archived"], self._usage.latest)

    def _is_ours(self, session: ObjectId, target: ObjectId) -> bool:
        """Return whether an archived actor is a session of the agent; it is if its step is not in the store."""
        try:
            stopped = read_stopped(self._world, session, target)
            if stopped.value is not None:
                self._check_host(stopped)
        except Refusal:
            return False
        return True

    # --- choosing --------------------------------------------------------------------------------------

    def _candidates(self, at: int, reason: str) -> list[Leaving]:
        """Return the sessions that can be archived, ascending by touched time and id."""
        world, usage = self._world, self._usage
        found = []
        for actor in self._live.actors():
            session, position = actor.actor_id, world.readable_position(actor)
            if position is None or not is_quiet(world, actor, position):
                continue
            if not usage.is_leased(world, session, position, at, self.limits.lease_ms):
                found.append(Leaving(actor, position, usage.touched(world, session, position), reason))
        return sorted(found, key=lambda one: (one.touched, one.actor.actor_id))

    def _victims(self, at: int) -> list[Leaving]:
        """Return the sessions to archive so that one more can be live.

        Raises:
            Exhausted: there are too few.

        Spec: :rule:`session.capacity.victim`, :rule:`session.capacity.full`.
        """
        needed = len(self._live.actors()) - self.limits.max_live + 1
        if needed <= 0:
            return []
        found = self._candidates(at, "capacity_pressure")[:needed]
        if len(found) < needed:
            raise too_many(len(found), needed)
        return found

    # --- use -------------------------------------------------------------------------------------------

    def _now(self, at: int) -> None:
        """Record the time of a request, whatever becomes of it."""
        self._usage.latest = max(at, self._usage.latest)

    def _used(self, session: ObjectId, at: int) -> None:
        self._usage.touch(session, at)

    def _forget_archived(self) -> None:
        """Drop what is known of sessions that were archived for another."""
        self._usage.keep_only(lambda session: not self._world.is_away(session))


def _refused(what: str, code: str, session: ObjectId, rule: str = "session.away.refused") -> Rejected:
    return Rejected(what, rule=rule, code=code, got=session.hex())
