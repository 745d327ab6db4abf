"""Serving asks: the model and the tools are called for the effects that sessions request.

::

    effect.model, effect.tool   call, then one update: the answer, its acknowledgement, and the step that reads it
    answered                    yield, then acknowledge
    anything else               acknowledge: a reply whose reader is gone, or an effect that does not count any more

Each channel is worked off from its oldest message on. After a kill at any moment, the next message is the one that was
being carried out, or the one after it.

Spec: ``session/ask``; :rule:`session.ask.once`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from gritstone.grit.objects import Blob, ObjectId
from gritstone.runtime.letters import Letter, acknowledge, letters, senders
from gritstone.session.channel import answer_effect, open_effects, settle
from gritstone.session.chat import response_blob, turn_of
from gritstone.session.connection import Connection
from gritstone.session.outcomes import Answer, Call, Model
from gritstone.session.tools import Tool, call_tool, error_blob, loads, with_schemas

__all__ = ["serve"]


def serve(connection: Connection, model: Model, functions: Mapping[str, Tool]) -> Iterator[Answer]:
    """Carry out effects until none is open, and yield the answers. See ``Sessions.serve``."""
    is_busy = True
    connection.tidy()
    while is_busy:
        is_busy = False
        connection.refresh()
        connection.wait(connection.runtime.run())
        for session in senders(connection.world):
            letter = _next_letter(connection, session)
            if letter is None:
                continue
            is_busy = True
            if letter.mt == "answered":
                yield _answer(session, letter)
                _acknowledge(connection, session, letter.message_id)
                break  # the caller may have changed other sessions
            _store_answer(connection, session, letter.message_id, _carry_out(connection, letter, model, functions))


def _acknowledge(connection: Connection, session: ObjectId, message: ObjectId) -> None:
    connection.change(lambda world: acknowledge(world, session, message))


def _store_answer(connection: Connection, session: ObjectId, effect: ObjectId, answer: tuple[str, Blob]) -> None:
    world = connection.world
    send = partial(answer_effect, world, session, effect, *answer)
    connection.wait(connection.runtime.exchange(send, lambda sent: None))


def _next_letter(connection: Connection, session: ObjectId) -> Letter | None:
    """Return the oldest message of a session if it is an open effect or the end of an ask."""
    connection.change(lambda world: settle(world, session))
    counts = open_effects(connection.world, session)
    for letter in letters(connection.world, session)[:1]:
        if letter.mt == "answered" or letter.message_id.hex() in counts:
            return letter
    return None


def _carry_out(connection: Connection, letter: Letter, model: Model, functions: Mapping[str, Tool]) -> tuple[str, Blob]:
    """Call the model or a tool; return type and content of the answer."""
    if letter.mt == "effect.tool":
        value = loads(letter.data)
        ok, blob = call_tool(functions, Call(value["call"], value["tool"], value["input"]), connection.finish)
        return ("effect.ok" if ok else "effect.failed"), blob
    try:
        response = connection.finish(model(with_schemas(turn_of(letter.content_id, letter.data), functions)))
    except Exception as error:
        if not getattr(error, "is_final", False):
            raise
        return "effect.failed", error_blob(error)
    return "effect.ok", response_blob(response)


def _answer(session: ObjectId, letter: Letter) -> Answer:
    value = loads(letter.data)
    text = value.get("content", value.get("error", ""))
    ask = bytes.fromhex(letter.headers["reply"])
    return Answer(session, ask, value["action"], text, value["count"], letter.headers.get("corr"))
