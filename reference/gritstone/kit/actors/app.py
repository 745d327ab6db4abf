"""The decorators that put an actor's code together from handlers.

A handler is a function or a coroutine function. What it gets is said in ``binding``, what is done with it in
``handling``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from gritstone.kit.actors.binding import parameters_of
from gritstone.kit.actors.handling import Handled, HandlerCode
from gritstone.wit.canonical import Json
from gritstone.wit.code import Code
from gritstone.wit.proposals import MessageKind

__all__ = ["Wit"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class Wit:
    """Gather the handlers of an actor.

    Attributes:
        code: what the handlers make up; register it, or let a core lead to the ``Wit`` itself.
    """

    def __init__(self, name: str = "wit") -> None:
        """Begin without handlers.

        Args:
            name: what the actor is called in its ``wut``.
        """
        self._code = HandlerCode(name)

    @property
    def code(self) -> Code:
        """Give the code."""
        return self._code

    def message(self, mt: str = "", *, schema: Json = None) -> Callable[[_Handler], _Handler]:
        """Handle messages of a type.

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
        """Answer a query.

        Args:
            name: its name.
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
        """Handle the message that creates the actor."""
        return self._control(MessageKind.GENESIS, handler)

    def update(self, handler: _Handler) -> _Handler:
        """Handle an update whose node ``wit_update`` leads here. Without such a handler it is merged."""
        return self._control(MessageKind.UPDATE, handler)

    def cleanup(self, handler: _Handler) -> _Handler:
        """Handle a message that asks to let the past go."""
        return self._control(MessageKind.CLEANUP, handler)

    def _control(self, kind: MessageKind, handler: _Handler) -> _Handler:
        self._code.controls[kind] = Handled(handler, parameters_of(handler), {})
        return handler


def _notes(handler: Callable[..., Any], schema: Json) -> dict[str, Json]:
    """Give what a wut says of a handler besides its types."""
    notes = {} if schema is None else {"schema": schema}
    summary = inspect.getdoc(handler)
    return notes if summary is None else {**notes, "summary": summary.partition("\n")[0]}
