"""Messages of the outside: what a request and an injection are refused for, before any step is made.

Spec: ``image/messages``, "Messages of the outside"; :rule:`image.outside.refused`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gritstone_conformance.model.agent import Agent
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.image.types import is_plain, kernel_type
from gritstone_conformance.model.image.validity import check_core
from gritstone_conformance.model.image.views import View, is_principal_core
from gritstone_conformance.model.refusals import Defect, Refusal
from gritstone_conformance.model.values import Headers

__all__ = ["RESERVED_HEADERS", "Request", "check_messages", "check_type"]

RESERVED_HEADERS = ("op", "timer", "fuel", "key", "world")
"""The headers that the outside does not set."""

Request = tuple[bytes, Headers, bytes]
"""Receiver, headers and content."""

_RULE = "image.outside.refused"


def check_messages(agent: Agent, view: View, kernel: bytes, messages: Sequence[Request], mode: str | None) -> None:
    """Check messages, one after another.

    Args:
        agent: R.
        view: the newest world.
        kernel: K.
        messages: receivers, headers and contents.
        mode: that of ``runtime.inject``; None for ``image.request``.

    Raises:
        Refusal: the first condition that holds for the first such message.
    """
    created: dict[bytes, bytes] = {}
    for message in messages:
        defects = agent.message_defects(*message)
        if defects:
            raise Refusal(defects)
        try:
            _check(view, kernel, message, created, mode)
        except Denied as denied:
            raise Refusal([Defect(denied.kind, _RULE, str(denied), denied.code)]) from denied
        if _mt(message) == "genesis":
            created.setdefault(message[0], message[2])


def check_type(to: bytes, mt: str, content: bytes) -> None:
    """Raise Denied for a type that the outside cannot send. Spec: :rule:`image.message.type`."""
    is_known = is_plain(mt) or kernel_type(mt) is not None or mt == "genesis"
    if not is_known or (mt == "genesis") != (content == to):
        raise Denied("malformed", "mt")


def _check(view: View, kernel: bytes, message: Request, created: dict[bytes, bytes], mode: str | None) -> None:
    """Conditions 2 to 8."""
    to, headers, content = message
    mt = _mt(message)
    check_type(to, mt, content)
    is_special = mt == "genesis" or kernel_type(mt) is not None
    if dict(headers).keys() & set(RESERVED_HEADERS) or mode == "signal" or (mode is not None and is_special):
        raise Denied("malformed", "mode")
    is_there = view.head(to) is not None or view.is_gone(to) or to in created
    if mt != "genesis" and not is_there:
        raise Denied("missing", "actor")
    if view.is_gone(to):
        raise Denied("rejected", "gone")
    if to in (view.agent, kernel):
        raise Denied("rejected", "location")
    if mode is None and view.unread(view.agent, to):
        raise Denied("rejected", "order")
    if mt == "genesis" and view.head(to) is None and to not in created:
        principals = {actor for actor, first in created.items() if is_principal_core(view.shelf, first)}
        check_core(view, content, is_first=True, principals=principals)


def _mt(message: Request) -> str:
    return dict(message[1]).get("mt", "")
