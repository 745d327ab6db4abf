"""Code made of handlers: each message is passed to the handler of its type, in order.

A message without a handler is marked as read. If a handler raises, the whole transition fails and has no effect.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from gritstone.errors import Missing
from gritstone.foreign import awaited, is_stop, text_of
from gritstone.grit.objects import ObjectId, Step
from gritstone.kit.actors.binding import Parameters
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox
from gritstone.kit.actors.bridge import Bridge
from gritstone.kit.actors.contexts import MessageContext, QueryContext
from gritstone.kit.actors.values import BlobObject, Core, TreeObject
from gritstone.wit.canonical import Json
from gritstone.wit.code import CodeRun, Question, Request, Run
from gritstone.wit.failures import failure
from gritstone.wit.proposals import MessageKind
from gritstone.wit.update import merge
from gritstone.wit.workspace import Workspace
from gritstone.wit.wut import wut_blob

__all__ = ["Handled", "HandlerCode"]

_MOST_TEXT = 4_096  # characters of the text of an error


@dataclass(frozen=True, slots=True)
class Handled:
    """A handler, its parameters, and its description in a wut."""

    handler: Callable[..., Any]
    parameters: Parameters
    described: dict[str, Json]


class HandlerCode:
    """Code made of handlers.

    Attributes:
        name: the name of the actor in its ``wut``.
        messages: handlers of ordinary messages, by type.
        queries: handlers of queries, by name.
        controls: handlers of control messages, by kind.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: dict[str, Handled] = {}
        self.queries: dict[str, Handled] = {}
        self.controls: dict[MessageKind, Handled] = {}

    def step(self, run: Run) -> CodeRun:
        """Make a step; see ``Code.step``."""
        workspace, last = run.workspace, run.last
        messages = [InboxMessage(workspace, sender, one) for sender, covered in run.proposal.covered for one in covered]
        core = Core(workspace, run.core_id)
        inbox = Inbox({} if last is None else last.inbox, messages)
        outbox = Outbox(workspace, {} if last is None else last.outbox)
        bridge = Bridge(workspace)
        read = 0
        for message in messages:
            if inbox.is_held(message):
                continue
            context = MessageContext(run.actor, core, inbox, outbox, message, run.attempt, bridge.ask)
            core = yield from self._handle(run, context, bridge)
            if not inbox.is_held(message):
                inbox.read(message)
                read += 1
        if not read and last is not None:
            return last.step_id
        previous = None if last is None or run.proposal.kind is MessageKind.CLEANUP else last.step_id
        boxes = inbox.persist(workspace), outbox.persist(workspace)
        return workspace.put(Step(previous, run.actor, *boxes, core.persist(workspace)))

    def query(self, question: Question) -> CodeRun:
        """Answer a query; see ``Code.query``."""
        workspace, position = question.workspace, question.position
        handled = self.queries.get(question.name)
        if handled is None:
            return self._wut(workspace) if question.name == "wut" else None
        bridge = Bridge(workspace)
        core = Core(workspace, position.step.core)
        context = QueryContext(position.step.actor, position.step_id, core, question.args, bridge.ask)
        answer = yield from _call(handled, handled.parameters.bind_query(context), bridge)
        return _answer_id(workspace, answer)

    def _handle(self, run: Run, context: MessageContext, bridge: Bridge) -> Generator[Request, Any, Core]:
        """Run the handler of one message; return the core after it."""
        kind = run.proposal.kind
        ordinary = kind is MessageKind.ORDINARY
        handled = self.messages.get(context.message.mt) if ordinary else self.controls.get(kind)
        if handled is not None:
            yield from _call(handled, handled.parameters.bind_message(context), bridge)
        elif kind is MessageKind.UPDATE:
            workspace = run.workspace
            return Core(workspace, merge(workspace, context.core.persist(workspace), context.message.content_id))
        return context.core

    def _wut(self, workspace: Workspace) -> ObjectId:
        queries = {name: handled.described for name, handled in self.queries.items()}
        queries["wut"] = {"args": "none", "returns": "blob"}
        messages = {mt: handled.described for mt, handled in self.messages.items()}
        return workspace.put(wut_blob(self.name, messages, queries))


def _call(handled: Handled, arguments: dict[str, Any], bridge: Bridge) -> Generator[Request, Any, Any]:
    """Call a handler, and await what it returns. A missing object is a fault of the handler, not the store."""
    try:
        result = _called(handled, arguments)
        if not inspect.isawaitable(result):
            return result
        try:
            return (yield from bridge.run(_awaited(result)))
        finally:
            if inspect.iscoroutine(result) and inspect.getcoroutinestate(result) == inspect.CORO_CREATED:
                result.close()
    except Missing as refusal:
        raise failure("failed", str(refusal)) from refusal


def _called(handled: Handled, arguments: dict[str, Any]) -> Any:
    """Call a handler. Whatever it raises is a failure of the transition, unless it stops the process."""
    try:
        return handled.handler(**arguments)
    except BaseException as error:
        if isinstance(error, Exception) or is_stop(error):
            raise
        raise failure("failed", text_of(error, _MOST_TEXT)) from error


async def _awaited(result: Any) -> Any:
    """Await the result of a handler; raises as ``_called``."""
    try:
        return await awaited(result)
    except BaseException as error:
        if isinstance(error, Exception) or is_stop(error):
            raise
        raise failure("failed", text_of(error, _MOST_TEXT)) from error


def _answer_id(workspace: Workspace, answer: Any) -> ObjectId | None:
    """Store the result of a query handler as an object; return its id."""
    match answer:
        case None | bytes():
            return answer
        case BlobObject() | TreeObject():
            return answer.persist(workspace)
        case str():
            return BlobObject.from_str(answer).persist(workspace)
        case _:
            return BlobObject.from_json(answer).persist(workspace)
