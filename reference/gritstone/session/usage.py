"""The use of sessions: when each was used last, and which are leased. It is known in memory only.

Spec: ``session/residency``; :rule:`session.lease.pins`, :rule:`session.clock.backward`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gritstone.errors import Missing
from gritstone.grit.objects import ObjectId
from gritstone.runtime.world import World
from gritstone.session.forms import is_number
from gritstone.wit.channels import load_message, unread
from gritstone.wit.position import Position

__all__ = ["Limits", "Usage"]

_ENDS = ("commit", "abandon")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a runtime with sessions.

    Attributes:
        max_live: how many sessions are live after one was opened or restored.
        idle_ms: after which time a sweep archives a session; 0 for never.
        lease_ms: after which time a lease ends; 0 for never.
    """

    max_live: int = 128
    idle_ms: int = 300_000
    lease_ms: int = 600_000


@dataclass(slots=True)
class _Lease:
    """A lease.

    Attributes:
        at: the largest time of the preparations.
        cursor: the last message of the agent that the session had read when it was queried last.
    """

    at: int
    cursor: ObjectId | None


class Usage:
    """The times and leases of the sessions of a runtime.

    Attributes:
        latest: the largest time of all requests.
    """

    def __init__(self) -> None:
        self.latest = 0
        self._touched: dict[ObjectId, int] = {}
        self._leases: dict[ObjectId, _Lease] = {}

    def touch(self, session: ObjectId, at: int) -> None:
        """Record a request for a session."""
        self._touched[session] = max(at, self._touched.get(session, 0))

    def lease(self, session: ObjectId, at: int, cursor: ObjectId | None) -> None:
        """Begin or renew a lease.

        Args:
            session: the session.
            at: the time of the request.
            cursor: the last message of the agent that the queried step has read.
        """
        before = self._leases.get(session)
        self._leases[session] = _Lease(at if before is None else max(at, before.at), cursor)

    def forget(self, session: ObjectId) -> None:
        """Drop what is known of a session."""
        self._touched.pop(session, None)
        self._leases.pop(session, None)

    def keep_only(self, keeps: Callable[[ObjectId], bool]) -> None:
        """Drop what is known of the sessions that are not to be kept."""
        for session in [one for one in self._touched.keys() | self._leases.keys() if not keeps(one)]:
            self.forget(session)

    def touched(self, world: World, session: ObjectId, position: Position) -> int:
        """Return when a live session was used last."""
        return max(self._touched.get(session, 0), _time_of(world, position.inbox.get(world.agent)))

    def is_leased(self, world: World, session: ObjectId, position: Position, at: int, lease_ms: int) -> bool:
        """Return whether a session is leased at a time; forget a lease that a message ended.

        Spec: :rule:`session.lease.pins`.
        """
        lease = self._leases.get(session)
        if lease is None:
            return False
        if lease_ms and at - lease.at > lease_ms:
            return False
        tip = position.inbox.get(world.agent)
        if _has_ended(world, tip, lease):
            del self._leases[session]
            return False
        lease.cursor = tip
        return True


def _has_ended(world: World, tip: ObjectId | None, lease: _Lease) -> bool:
    """Return whether a message up to this one ends a lease; a damaged one does not."""
    try:
        read, _ = unread(world.objects.load, tip, lease.cursor)
        return any(load_message(world.objects.load, one).headers.get("mt") in _ENDS for one in read)
    except Missing:
        return False


def _time_of(world: World, message: ObjectId | None) -> int:
    """Return the time in the headers of a message, or 0."""
    if message is None:
        return 0
    try:
        at = load_message(world.objects.load, message).headers.get("at")
    except Missing:
        return 0
    return int(at) if at is not None and is_number(at) else 0
