"""The decorators that assemble the code of an actor from handlers.

A handler is a function or a coroutine function. ``binding`` defines its parameters, and ``handling`` when it is called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from gritstone.foreign import described_by
from gritstone.kit.actors.binding import parameters_of
from gritstone.kit.actors.handling import Handled, HandlerCode
from gritstone.wit.canonical import Json
from gritstone.wit.code import Code
from gritstone.wit.proposals import MessageKind

__all__ = ["Wit"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class Wit:
    """A collection of the handlers of an actor.

    Attributes:
        code: the code that calls the handlers; register it, or let a core lead to the ``Wit`` itself.
    """

    def __init__(self, name: str = "wit") -> None:
        """Create a collection without handlers.

        Args:
            name: the name of the actor in its ``wut``.
        """
        self._code = HandlerCode(name)

    @property
    def code(self) -> Code:
        """Return the code."""
        return self._code

    def message(self, mt: str = "", *, schema: Json = None) -> Callable[[_Handler], _Handler]:
        """Register a handler for messages of a type.

        Args:
            mt: the type; the empty text for messages without one.
            schema: the JSON Schema of the content, for ``wut``.
        """

        def register(handler: _Handler) -> _Handler:
            parameters = parameters_of(handler)
            described = {"content": parameters.content_type, **_notes(handler, schema)}
            self._code.messages[mt] = Handled(handler, parameters, described)
            return handler

        return register

    def query(self, name: str, *, returns: str = "any", schema: Json = None) -> Callable[[_Handler], _Handler]:
        """Register a handler for a query.

        Args:
            name: the name of the query.
            returns: ``blob``, ``tree`` or ``any``, for ``wut``.
            schema: the JSON Schema of the arguments, for ``wut``.
        """

        def register(handler: _Handler) -> _Handler:
            parameters = parameters_of(handler)
            args = "blob" if parameters.others else "none"
            described = {"args": args, "returns": returns, **_notes(handler, schema)}
            self._code.queries[name] = Handled(handler, parameters, described)
            return handler

        return register

    def genesis(self, handler: _Handler) -> _Handler:
        """Register the handler of the message that creates the actor."""
        return self._control(MessageKind.GENESIS, handler)

    def update(self, handler: _Handler) -> _Handler:
        """Register the handler of updates whose node ``wit_update`` leads here. Without it, updates are merged."""
        return self._control(MessageKind.UPDATE, handler)

    def cleanup(self, handler: _Handler) -> _Handler:
        """Register the handler of messages that request a cleanup."""
        return self._control(MessageKind.CLEANUP, handler)

    def _control(self, kind: MessageKind, handler: _Handler) -> _Handler:
        self._code.controls[kind] = Handled(handler, parameters_of(handler), {})
        return handler


def _notes(handler: Callable[..., Any], schema: Json) -> dict[str, Json]:
    """Return the description of a handler in a wut, without its types."""
    notes = {} if schema is None else {"schema": schema}
    summary = inspect.getdoc(described_by(handler))
    return notes if summary is None else {**notes, "summary": summary.partition("\n")[0]}
