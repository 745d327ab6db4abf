"""What a service of models does instead of a usable response.

::

    ProviderFailed
      RateLimited      429; try again later
      ServerFailed     5xx, 408
      RequestRejected  another 4xx, for example a wrong key
      Unreachable      no connection, a connection that was closed, no response in time
      MalformedReply   the reply is not of its shape
      StoppedEarly     the model did not finish, for example because its text was too long   (is_final)
      ModelRefused     the model, or a filter, refused to respond                            (is_final)
      EmptyReply       the model finished without a text and without a call                  (is_final)
      EmptyPrompt      nothing was sent, because the prompt has no text                      (is_final)

Nothing of a session is lost by any of them. The same turn can be sent again.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from gritstone.errors import GritstoneError
from gritstone.foreign import awaited
from gritstone.session.outcomes import Response

__all__ = [
    "EmptyPrompt",
    "EmptyReply",
    "MalformedReply",
    "ModelRefused",
    "ProviderFailed",
    "RateLimited",
    "RequestRejected",
    "ServerFailed",
    "StoppedEarly",
    "Unreachable",
    "respond",
    "typed_errors",
]

_UNREACHABLE = {"APIConnectionError", "TransportError"}
_TOO_MANY = 429
_TIMED_OUT = 408


class ProviderFailed(GritstoneError):  # noqa: N818 - the classes below are events
    """A service of models did not return a usable response.

    Attributes:
        status: the status of HTTP, or None.
        is_final: whether the same request would probably end in the same way, so that an ask fails.
    """

    is_final: ClassVar[bool] = False

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RateLimited(ProviderFailed):
    """The service accepts no more requests for now.

    Attributes:
        retry_after_s: when to try again, in seconds, if the service said so.
    """

    def __init__(self, message: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after_s = retry_after_s


class ServerFailed(ProviderFailed):
    """The service failed."""


class RequestRejected(ProviderFailed):
    """The service rejected the request."""


class Unreachable(ProviderFailed):
    """There was no connection, it was closed, or no response was received in time."""


class MalformedReply(ProviderFailed):
    """The reply of the service is not of its shape."""


class StoppedEarly(ProviderFailed):
    """The model did not finish its response.

    Attributes:
        reason: the reason, as the service names it.
        text: the text so far.
    """

    is_final = True

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"the model stopped early: {reason}")
        self.reason = reason
        self.text = text


class ModelRefused(ProviderFailed):
    """The model, or a filter of the service, refused to respond.

    Attributes:
        text: the explanation, or the text so far.
    """

    is_final = True

    def __init__(self, text: str) -> None:
        super().__init__(f"the model refused: {text}")
        self.text = text


class EmptyReply(ProviderFailed):
    """The model finished its response, which has neither a visible character nor a call of a tool."""

    is_final = True


class EmptyPrompt(ProviderFailed):
    """The prompt has no visible character. No service accepts that, so nothing was sent."""

    is_final = True


@contextmanager
def typed_errors() -> Iterator[None]:
    """Raise the errors of a client for HTTP as those above; other exceptions pass through.

    The clients are recognized by what their exceptions have in common, so that none of them is imported.
    """
    try:
        yield
    except ProviderFailed:
        raise
    except Exception as error:
        found = _typed(error)
        if found is None:
            raise
        raise found from error


def respond(send: Callable[[], object], read: Callable[[object], Response]) -> Response | Coroutine[Any, Any, Response]:
    """Send a request, and read the reply. If that is awaitable, return what awaits and reads it."""
    with typed_errors():
        reply = send()
    return _respond_later(reply, read) if inspect.isawaitable(reply) else read(reply)


async def _respond_later(reply: object, read: Callable[[object], Response]) -> Response:
    with typed_errors():
        found = await awaited(reply)
    return read(found)


def _typed(error: Exception) -> ProviderFailed | None:
    text = f"{type(error).__name__}: {error}"
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if isinstance(status, int):
        return _of_status(status, text, getattr(response, "headers", None))
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return MalformedReply(text)
    if isinstance(error, OSError) or any(kind.__name__ in _UNREACHABLE for kind in type(error).__mro__):
        return Unreachable(text)
    return None


def _of_status(status: int, text: str, headers: Mapping[str, str] | None) -> ProviderFailed:
    if status == _TOO_MANY:
        return RateLimited(text, status, _seconds((headers or {}).get("retry-after")))
    if status >= 500 or status == _TIMED_OUT:
        return ServerFailed(text, status)
    return RequestRejected(text, status) if status >= 400 else MalformedReply(text, status)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
