"""Notices: the mail of the agent to itself about sessions.

Spec: ``session/notices``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gritstone_conformance.model.agent import Agent
from gritstone_conformance.model.session.json_text import JsonText, write_json
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message, Tree

__all__ = ["PREFIX", "REQUESTED", "Notice", "is_time", "json_notice", "requested", "send"]

PREFIX = "session_"
"""What the type of each notice begins with."""

REQUESTED = b'{"message":"","percent":0,"stage":"requested"}'
"""The progress that follows a restore request."""

_MOST = 2**53 - 1
_DIGITS = re.compile("0|[1-9][0-9]{0,15}")


def is_time(text: str) -> bool:
    """Return whether a text is a time in decimal digits."""
    return _DIGITS.fullmatch(text) is not None and int(text) <= _MOST


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was not sent yet.

    Attributes:
        word: its type, without the prefix.
        session: the session.
        content: its blob.
        core: the core that goes with it, or None.
    """

    word: str
    session: bytes
    content: Blob
    core: bytes | None = None

    def seal(self, shelf: Shelf) -> bytes:
        """Put the content on a shelf and return its id."""
        content = shelf.put(self.content)
        return content if self.core is None else shelf.put(Tree((("core", self.core), ("info", content))))


def json_notice(word: str, session: bytes, core: bytes | None = None, **members: JsonText) -> Notice:
    """Return a notice whose content has these members and the session."""
    return Notice(word, session, json_of({**members, "session": session.hex()}), core)


def json_of(members: dict[str, JsonText]) -> Blob:
    """Return the blob of an object."""
    return Blob((("ct", "j"),), write_json(members))


def requested(session: bytes) -> list[Notice]:
    """Return the two notices of a restore request. Spec: :rule:`session.restore.requested`."""
    progress = Notice("restore_progress", session, Blob((("ct", "j"),), REQUESTED))
    return [Notice("restore_requested", session, Blob((), b"")), progress]


def send(agent: Agent, at: int, notices: Sequence[Notice], dropped: bytes | None = None) -> None:
    """Make one step of the agent that sends notices and drops its entries for an actor.

    Spec: :rule:`session.archive.event`.
    """
    tip = agent.last_sent(agent.identity)
    for notice in notices:
        content = notice.seal(agent.shelf)
        headers = (("at", str(at)), ("mt", PREFIX + notice.word), ("session", notice.session.hex()))
        tip = agent.shelf.put(Message(tip, headers, content))
    assert tip is not None, "there is a notice"
    agent.step({agent.identity: tip}, {}, dropped)
