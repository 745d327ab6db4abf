"""Journeys of sessions: conversations with the guest ``session/1``, one message a step, for ``gritstone resume``.

The messages name prepared turns and effects by their ids. The model makes the steps of the conversation to learn these
ids, and its steps are not compared with anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.claims import EXECUTOR, EXECUTORS
from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.casting import GuestFormat
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.journeys import Itinerary
from gritstone_conformance.strategies.session_guest import session_core

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


class _Conversation:
    """A conversation that is written down while the model carries it out.

    Attributes:
        graph: everything that the conversation needs before the first step.
        actor: the session.
        host: the actor that sends its mail.
        messages: the mail so far.
    """

    def __init__(self, fmt: Format) -> None:
        self.graph = Graph(fmt)
        self.host = self.graph.add(Tree((("name", self.blob(b"traveller", "s")),)))
        entries = {"config": self.blob(_CONFIG), "host": self.host, "nonce": self.blob(bytes(32), "b")}
        session = self.graph.add(Tree(tuple({**entries, "tools": self.blob(TOOLS)}.items())))
        self.actor = self.graph.add(Tree(tuple(session_core(self.graph, session).items())))
        self.messages: list[bytes] = []
        self._executor = Executor(Store(fmt))
        self._head: bytes | None = None
        self._put = 0
        self.say("genesis", self.actor, at="1000")

    def blob(self, data: bytes, ct: str = "j") -> bytes:
        """Add a blob."""
        return self.graph.add(Blob((("ct", ct),), data))

    def say(self, mt: str, content: bytes, **headers: str) -> None:
        """Send a message, and read it."""
        previous = self.messages[-1] if self.messages else None
        pairs = tuple(sorted({"mt": mt, **headers}.items()))
        self.messages.append(self.graph.add(Message(previous, pairs, content)))
        for data in list(self.graph.encodings.values())[self._put :]:
            self._executor.store.put(data)
        self._put = len(self.graph.encodings)
        self._head = self._executor.step(self.actor, self._head, [(self.host, self.messages[-1])])

    def commit(self, request: bytes, response: bytes) -> None:
        """Commit a response to the turn that is prepared now."""
        assert self._head is not None, "it has begun"
        turn = self._executor.query(self._head, "prepare", request)
        assert turn is not None, "a session answers"
        pair = (("request", self.blob(request)), ("response", self.blob(response)))
        self.say("commit", self.graph.add(Tree(pair)), at="2000", turn=turn.hex())

    def result(self, call: str, data: bytes) -> None:
        """Send the result of a call."""
        self.say("tool-result", self.blob(data), at="2100", call=call, ok="1")

    def answer(self, data: bytes, mt: str = "effect.ok") -> None:
        """Answer the effect that the session sent last."""
        assert self._head is not None, "it has begun"
        shelf = self._executor.shelf
        effect = shelf.mail(shelf.step(self._head).outbox)[self.host]
        self.say(mt, self.blob(data), reply=effect.hex())


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
        return Itinerary(talk.graph, talk.actor, talk.host, tuple(talk.messages))


SESSION_JOURNEYS: Final = (
    SessionJourney("session-turns", _turns),
    SessionJourney("session-ask", _ask),
    SessionJourney("session-module", _ask, is_module=True),
)
"""All journeys of sessions."""
