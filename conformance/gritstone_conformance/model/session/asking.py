"""The loop of an ask: the session requests models and tools by effects, and reads the answers.

Spec: ``session/ask``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.session.committing import Committed, accept
from gritstone_conformance.model.session.json_text import JsonText
from gritstone_conformance.model.session.messages import is_text, tool_entry
from gritstone_conformance.model.session.post import Post
from gritstone_conformance.model.session.preparing import prepare
from gritstone_conformance.model.session.refused import LONGEST_PROMPT, Refused
from gritstone_conformance.model.session.requests import TurnRequest, plain_blob, read_request
from gritstone_conformance.model.session.results import give_up, read_result, store_result
from gritstone_conformance.model.session.rows import CallRow, FinalRow, read_response
from gritstone_conformance.model.session.tree import Ask, Session, json_blob
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message

__all__ = ["MODEL", "Loop", "opened"]

MODEL: Final = "model"
"""The name of the effect that requests a model."""


def opened(shelf: Shelf, session: Session, message: bytes) -> tuple[Session, TurnRequest]:
    """Return the session with an open ask, and the request of its turn; raises Refused."""
    value = shelf.message(message)
    blob = plain_blob(shelf, value.content, "j")
    if blob is None:
        raise Refused("malformed", "request")
    request = read_request(blob.data)
    if request.kind != "user":
        raise Refused("malformed", "request")
    if session.phase != "idle" or session.ask is not None:
        raise Refused("rejected", "phase")
    return session.changed(shelf, ask=Ask(header(value, "corr"), message.hex(), value.content)), request


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop of the ask of one session."""

    shelf: Shelf
    actor: bytes
    post: Post

    def request_model(self, session: Session, prepared: Blob) -> Session:
        """Send the effect that requests a model."""
        effect = self.post.send({"mt": "effect.model"}, self.shelf.put(prepared))
        return replace(session, effects={MODEL: effect})

    def answered(self, session: Session, message: Message) -> Session:
        """Return the session after an answer to an effect; one that names no effect of the ask does nothing.

        Spec: :rule:`session.ask.once`.
        """
        named = header(message, "reply")
        effect = next((name for name, sent in session.effects.items() if sent == named), None)
        if effect is None:
            return session
        failed = header(message, "mt") == "effect.failed"
        if effect != MODEL:
            return self._tool(session, effect, message, failed=failed)
        if failed:
            return self.fail(session, self._failure(message.content))
        return self._model(session, message.content)

    def fail(self, session: Session, error: str) -> Session:
        """End the ask without a response of the model."""
        after = give_up(self.shelf, session)
        self.close(session, {"action": "failed", "count": after.count, "error": error})
        return after

    def close(self, session: Session, result: dict[str, JsonText]) -> None:
        """Answer the ask with a result that is not stored yet."""
        self._answer(session, self.shelf.put(json_blob(result)))

    def _answer(self, session: Session, result: bytes) -> None:
        assert session.ask is not None
        corr = {} if session.ask.corr is None else {"corr": session.ask.corr}
        self.post.send({"mt": "answered", "reply": session.ask.message, **corr}, result)

    def _model(self, session: Session, content: bytes) -> Session:
        try:
            made = self._accepted(session, content)
        except Refused as refused:
            return self._again(session, str(refused))
        match made.row:
            case FinalRow():
                self._answer(session, made.result)
                return made.session
            case CallRow():
                return self._request_tools(made)
            case _:
                return self._again(session, "exhausted/rounds")

    def _accepted(self, session: Session, content: bytes) -> Committed:
        request = self._request(session)
        blob, ct = self._content(content, "j")
        if blob is None:
            raise Refused("malformed", "response")
        return accept(self.shelf, session, request, read_response(blob, ct), None)

    def _again(self, session: Session, error: str) -> Session:
        """Request the model again, or end the ask if all rounds are used.

        Spec: :rule:`session.ask.bound`.
        """
        if session.rounds >= session.config.max_rounds:
            return self.fail(session, error)
        return self._go_on(session.changed(self.shelf, rounds=session.rounds + 1))

    def _go_on(self, session: Session) -> Session:
        """Request the model; a turn that cannot be prepared ends the ask."""
        try:
            prepared = prepare(self.shelf, self.actor, session, self._request(session))
        except Refused as refused:
            return self.fail(session, str(refused))
        return self.request_model(session, prepared)

    def _request(self, session: Session) -> TurnRequest:
        """Return the request of the turn that the ask is at."""
        assert session.ask is not None
        blob = self.shelf.blob(session.ask.request)
        assert blob is not None, "it was checked when the session was read"
        request = read_request(blob.data)
        return request if session.phase == "idle" else TurnRequest("continue", force_json=request.force_json)

    def _request_tools(self, made: Committed) -> Session:
        effects = {}
        for call in made.calls:
            content = json_blob({"call": call.id, "input": call.input, "tool": call.tool})
            effects[call.id] = self.post.send({"mt": "effect.tool", "call": call.id}, self.shelf.put(content))
        return replace(made.session, effects=effects)

    def _tool(self, session: Session, call: str, message: Message, *, failed: bool) -> Session:
        ok, ct, data = "0", "s", b""
        if failed:
            data = self._failure(message.content).encode()
        else:
            blob, form = self._content(message.content, "s")
            try:
                ok, ct, data = "1", form, read_result(blob, form)
            except Refused as refused:
                ok, ct, data = "0", "s", str(refused).encode()
        after = store_result(self.shelf, session, call, tool_entry(call, session.calls[call], ct, ok, data))
        after = replace(after, effects={name: sent for name, sent in after.effects.items() if name != call})
        return after if after.calls else self._go_on(after)

    def _content(self, content: bytes, plain: str) -> tuple[Blob | None, str]:
        """Return the blob of an answer and its ``ct``; a blob without headers has ``plain``."""
        blob = self.shelf.blob(content)
        if blob is not None and not blob.headers:
            return blob, plain
        blob = plain_blob(self.shelf, content, "s", "j")
        return blob, "" if blob is None else dict(blob.headers)["ct"]

    def _failure(self, content: bytes) -> str:
        """Return the text of a failure: the content if it is a text that is not too long, otherwise none."""
        blob = self.shelf.blob(content)
        fits = blob is not None and len(blob.data) <= LONGEST_PROMPT and is_text(blob.data)
        return blob.data.decode() if blob is not None and fits else ""
