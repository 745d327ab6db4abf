"""One message of the host after the other: which request it is, what it changes, and what is replied.

Spec: ``session/requests``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.proposals import header, message_type
from gritstone_conformance.model.session.asking import Loop, opened
from gritstone_conformance.model.session.committing import commit
from gritstone_conformance.model.session.post import Post
from gritstone_conformance.model.session.preparing import prepare
from gritstone_conformance.model.session.refused import Refused
from gritstone_conformance.model.session.requests import check_headers
from gritstone_conformance.model.session.results import abandon, configure, recorded
from gritstone_conformance.model.session.tree import Session
from gritstone_conformance.model.shelf import Shelf

__all__ = ["ANSWERS", "DAMAGED", "Desk"]

ANSWERS: Final = ("effect.failed", "effect.ok")
"""The types of messages that answer effects; they are no requests and get no reply."""

DAMAGED: Final = Refused("invalid", "state")
"""How every request to a damaged session is refused."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Reads the messages of one transition."""

    shelf: Shelf
    actor: bytes
    post: Post

    def read(self, session: Session, message: bytes) -> Session:
        """Return the session after a message of the host.

        Spec: :rule:`session.reply.one`, :rule:`session.guest.atomic`.
        """
        value = self.shelf.message(message)
        if message_type(value) in ANSWERS:
            return self._loop.answered(session, value)
        try:
            check_headers(value)
            return _REQUESTS[message_type(value)](self, session, message)
        except Refused as refused:
            self.post.reply(message, "refused", refused.to_json())
            return session

    def refuse(self, message: bytes) -> None:
        """Refuse a request to a damaged session."""
        if message_type(self.shelf.message(message)) not in ANSWERS:
            self.post.reply(message, "refused", DAMAGED.to_json())

    @property
    def _loop(self) -> Loop:
        return Loop(self.shelf, self.actor, self.post)

    def _header(self, message: bytes, key: str) -> str:
        return header(self.shelf.message(message), key) or ""

    def _commit(self, session: Session, message: bytes) -> Session:
        content = self.shelf.message(message).content
        made = commit(self.shelf, self.actor, session, self._header(message, "turn"), content)
        self.post.reply(message, "committed", made.result, replayed=made.replayed)
        return made.session

    def _tool_result(self, session: Session, message: bytes) -> Session:
        call, ok = self._header(message, "call"), self._header(message, "ok")
        content = self.shelf.message(message).content
        after, replayed = recorded(self.shelf, session, call, ok, content)
        self.post.reply(message, "recorded", {"call": call}, replayed=replayed)
        return after

    def _abandon(self, session: Session, message: bytes) -> Session:
        after = abandon(self.shelf, session)
        self.post.reply(message, "abandoned", {"count": after.count})
        if session.ask is not None:
            self._loop.close(session, {"action": "abandoned", "count": after.count})
        return after

    def _configure(self, session: Session, message: bytes) -> Session:
        after = configure(self.shelf, session, self.shelf.message(message).content)
        self.post.reply(message, "configured", {"count": after.count})
        return after

    def _ask(self, session: Session, message: bytes) -> Session:
        after, request = opened(self.shelf, session, message)
        prepared = prepare(self.shelf, self.actor, after, request)
        self.post.reply(message, "asked", {"count": after.count})
        return self._loop.request_model(after, prepared)


_REQUESTS: Final[Mapping[str, Callable[[Desk, Session, bytes], Session]]] = {
    "abandon": Desk._abandon,
    "ask": Desk._ask,
    "commit": Desk._commit,
    "configure": Desk._configure,
    "tool-result": Desk._tool_result,
}
"""The types of requests."""
