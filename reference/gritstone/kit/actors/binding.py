"""The arguments of a handler: chosen by the annotation of each parameter, and for queries also by its name.

::

    Core, Inbox, Outbox, InboxMessage, MessageContext, QueryContext     the object of the context
    anything else in a message handler                                  the content, as that type
    anything else in a query                                            the member of that name of the JSON arguments

A content or argument is passed as ``str``, ``bytes``, ``BlobObject``, ``TreeObject``, a dataclass (created from a JSON
object), or the JSON value that it holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from gritstone.errors import Invalid
from gritstone.foreign import described_by
from gritstone.foreign import parameters_of as signature_of
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox
from gritstone.kit.actors.contexts import MessageContext, QueryContext
from gritstone.kit.actors.values import BlobObject, Core, TreeObject, Value

__all__ = ["Parameters", "parameters_of"]

_CONTEXT: Mapping[type, Callable[[Any], Any]] = {
    Core: lambda context: context.core,
    Inbox: lambda context: context.inbox,
    Outbox: lambda context: context.outbox,
    InboxMessage: lambda context: context.message,
    MessageContext: lambda context: context,
    QueryContext: lambda context: context,
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a handler.

    Attributes:
        from_context: by parameter, a function that gets the argument from the context.
        others: the types of all other parameters, in order; None without annotation.
        needed: those of the other parameters that have no default.
    """

    from_context: Mapping[str, Callable[[Any], Any]]
    others: Mapping[str, Any]
    needed: frozenset[str]

    @property
    def content_type(self) -> str:
        """Return the type of content that a message handler accepts: ``blob``, ``tree`` or ``any``."""
        wanted = next(iter(self.others.values()), None)
        if wanted is None or wanted in (Value, Any):
            return "any"
        return "tree" if wanted is TreeObject else "blob"

    def bind_message(self, context: MessageContext) -> dict[str, Any]:
        """Return the arguments of a message handler.

        Raises:
            Invalid: the content does not have the type that the handler accepts.
        """
        values = {name: get(context) for name, get in self.from_context.items()}
        for name, wanted in self.others.items():
            values[name] = _read(context.message.content, wanted)
        return values

    def bind_query(self, context: QueryContext) -> dict[str, Any]:
        """Return the arguments of a query handler.

        Raises:
            Invalid: the arguments do not have the types that the handler accepts.
        """
        values = {name: get(context) for name, get in self.from_context.items()}
        if not self.others:
            return values
        if list(self.others.values()) == [bytes]:
            return {**values, next(iter(self.others)): context.args}
        given = json.loads(context.args) if context.args else {}
        if not isinstance(given, dict) or not self.needed <= given.keys() <= self.others.keys():
            raise Invalid("other arguments than the query takes", rule="wit.query.answers", got=ascii(given))
        return values | given


def parameters_of(handler: Callable[..., Any]) -> Parameters:
    """Return the parameters of a handler.

    Raises:
        TypeError: the handler has parameters that cannot be passed by name.
    """
    from_context: dict[str, Callable[[Any], Any]] = {}
    others: dict[str, Any] = {}
    needed = set()
    for parameter in signature_of(handler):
        name = parameter.name
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{described_by(handler).__qualname__}: {name} cannot be given by name")
        wanted = None if parameter.annotation is parameter.empty else parameter.annotation
        if isinstance(wanted, type) and wanted in _CONTEXT:
            from_context[name] = _CONTEXT[wanted]
            continue
        others[name] = wanted
        if parameter.default is parameter.empty:
            needed.add(name)
    return Parameters(from_context, others, frozenset(needed))


def _read(content: Value, wanted: Any) -> Any:
    if wanted is None or wanted in (Value, Any) or (isinstance(wanted, type) and isinstance(content, wanted)):
        return content
    if not isinstance(content, BlobObject):
        raise Invalid("a tree where a blob is needed", rule="wit.node.forms")
    if wanted is str:
        return content.get_as_str()
    if wanted is bytes:
        return content.get_as_bytes()
    if wanted in (BlobObject, TreeObject):
        raise Invalid("a blob where a tree is needed", rule="wit.node.forms")
    value = content.get_as_json()
    return wanted(**value) if is_dataclass(wanted) and isinstance(wanted, type) else value
