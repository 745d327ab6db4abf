"""Journeys of sessions: conversations with the guest ``session/1``, one message a step, for ``gritstone resume``.

The messages name prepared turns and effects by their ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.claims import EXECUTOR, EXECUTORS
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Tree
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.casting import GuestFormat
from gritstone_conformance.strategies.journeys import Itinerary
from gritstone_conformance.strategies.session_guest import session_core
from gritstone_conformance.strategies.talks import Talk

__all__ = ["ADD", "FINAL", "HELLO", "SESSION_JOURNEYS", "TOOLS", "SessionJourney"]

TOOLS: Final = (
    b'[{"description":"Add","name":"add","params":[{"name":"a","required":true,"type":"number"},'
    b'{"name":"b","required":false,"type":"number"}]}]'
)
_CONFIG: Final = b'{"keep":2,"max_messages":4,"max_rounds":2,"summary_chars":60}'
HELLO: Final = b'{"kind":"user","prompt":"sum?"}'
_CONTINUE: Final = b'{"kind":"continue"}'
ADD: Final = b'{"action":"call_tool","input":{"a":1,"b":2},"tool":"add"}'
_TWO: Final = b'{"action":"call_tools","calls":[{"input":{"a":1},"tool":"add"},{"input":{"a":2.50},"tool":"add"}]}'
FINAL: Final = b'{"action":"final","response":"3"}'


class _Conversation(Talk):
    """A conversation with a session."""

    def __init__(self, fmt: Format) -> None:
        super().__init__(fmt)
        entries = {"config": self.blob(_CONFIG), "host": self.host, "nonce": self.blob(bytes(32), "b")}
        session = self.tree(**entries, tools=self.blob(TOOLS))
        self.actor = self.graph.add(Tree(tuple(session_core(self.graph, session).items())))
        self.say("genesis", self.actor, at="1000")

    def commit(self, request: bytes, response: bytes) -> None:
        """Commit a response to the turn that is prepared now."""
        turn = self.query("prepare", request)
        assert turn is not None, "a session answers"
        pair = (("request", self.blob(request)), ("response", self.blob(response)))
        self.say("commit", self.graph.add(Tree(pair)), at="2000", turn=turn.hex())

    def result(self, call: str, data: bytes) -> None:
        """Send the result of a call."""
        self.say("tool-result", self.blob(data), at="2100", call=call, ok="1")

    def answer(self, data: bytes, mt: str = "effect.ok") -> None:
        """Answer the effect that the session sent last."""
        self.say(mt, self.blob(data), reply=self.newest().hex())


def _turns(talk: _Conversation) -> None:
    """Call two tools, finish, condense, send a result again, and give a turn up."""
    talk.commit(HELLO, _TWO)
    talk.result("1.1", b"2.50")
    talk.result("1.0", b'{"sum":3}')
    talk.result("1.0", b'{"sum":3}')
    talk.commit(_CONTINUE, FINAL)
    talk.say("configure", talk.graph.add(Tree((("config", talk.blob(b'{"keep":1,"max_messages":2}')),))), at="2200")
    talk.commit(HELLO, ADD)
    talk.say("abandon", talk.blob(b""), at="2300")


def _ask(talk: _Conversation) -> None:
    """Run the loop of a turn by effects to its end, answer late, and let a second one fail."""
    talk.say("ask", talk.blob(HELLO), at="2000")
    talk.answer(ADD)
    talk.answer(b"3")
    talk.answer(FINAL)
    talk.answer(FINAL)
    talk.say("ask", talk.blob(HELLO), at="2100", corr="again")
    talk.answer(b"no model", "effect.failed")


@dataclass(frozen=True, slots=True)
class SessionJourney:
    """A conversation with a session.

    Attributes:
        name: its name.
        talk: holds the conversation.
        is_module: whether the code is ``session.wasm``.
    """

    name: str
    talk: Callable[[_Conversation], None]
    is_module: bool = False

    def is_claimed_by(self, claims: Claims) -> bool:
        """Return whether an implementation makes the required claims."""
        needed = EXECUTOR if self.is_module else EXECUTORS["session"]
        return needed in claims.features

    def plan(self, fmt: Format) -> Itinerary:
        """Return the journey in a format."""
        talk = _Conversation(GuestFormat.of(fmt) if self.is_module else fmt)
        self.talk(talk)
        return talk.itinerary()


SESSION_JOURNEYS: Final = (
    SessionJourney("session-turns", _turns),
    SessionJourney("session-ask", _ask),
    SessionJourney("session-module", _ask, is_module=True),
)
"""All journeys of sessions."""
