"""A web server on this machine, at ``http://localhost:PORT`` and no other address.

Browsers connect to either address of ``localhost``, so both are bound, or none. Requests with another ``Host`` or
``Origin`` are rejected before the application sees them, so neither a page of another origin nor a name that resolves
to this machine reaches it. Cookies of ``localhost`` are sent to all ports; an application must not use them.

A connection serves one request and ends after 30 seconds. If 256 are open, a new one replaces the oldest, so clients
that send nothing neither delay others nor accumulate.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import ExitStack
from typing import Final

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["listen", "local_server", "origin_of"]

_HOST: Final = "localhost"
_ADDRESSES: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_ABSENT: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_ATTEMPTS: Final = 16
_LIFE_S: Final = 30.0
_MOST_OPEN: Final = 256
_HEADERS: Final = {
    "cache-control": "no-store",
    "connection": "close",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def listen(port: int) -> list[socket.socket]:
    """Listen on a port of each address of ``localhost`` that this machine has.

    Args:
        port: the port; 0 for one that is free on all of them.

    Raises:
        OSError: the port of an address is in use or not permitted; nothing is bound.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _bound(port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _bound(port: int) -> list[socket.socket]:
    with ExitStack() as stack:
        bound: list[socket.socket] = []
        for family, address in _ADDRESSES:
            try:
                bound.append(stack.enter_context(socket.create_server((address, port), family=family)))
            except OSError as error:
                if error.errno in _ABSENT and (bound or family == socket.AF_INET):
                    continue
                text = (
                    f"port {port} of {address} is not available, and {_HOST} needs it: {os.strerror(error.errno or 0)}"
                )
                raise OSError(error.errno, text) from None
            port = bound[0].getsockname()[1]
        stack.pop_all()
        return bound


def origin_of(sockets: list[socket.socket]) -> str:
    """Return the origin of a server; as in browsers, port 80 is omitted."""
    port = sockets[0].getsockname()[1]
    return f"http://{_HOST}" + (f":{port}" if port != 80 else "")


def local_server(app: ASGIApp, origin: str, policy: str) -> uvicorn.Server:
    """Return a server of an application; its ``run`` serves the sockets that ``listen`` returned.

    Args:
        app: the application.
        origin: the only origin that requests may have; see ``origin_of``.
        policy: the content security policy of each answer.
    """
    headers = {**_HEADERS, "content-security-policy": policy}
    return uvicorn.Server(
        uvicorn.Config(
            _Guard(app, origin),
            loop="asyncio",
            http=_OneRequest,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=128,  # also the number of connections that are accepted at once
            timeout_graceful_shutdown=5,
            headers=list(headers.items()),
        )
    )


class _Guard:
    """Rejects requests with another host or origin."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app, self._origin = app, origin
        self._host = origin.removeprefix("http://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        is_read = scope["method"] in ("GET", "HEAD") and not origins
        if headers.getlist("host") != [self._host]:
            app: ASGIApp = JSONResponse({"error": f"unknown host: expected {self._host}"}, 421)
        elif not is_read and origins != [self._origin]:
            app = JSONResponse({"error": f"unknown origin: expected {self._origin}"}, 403)
        else:
            app = self._app
        await app(scope, receive, send)


class _OneRequest(H11Protocol):
    """A connection with a limited life; if there are too many, the oldest one ends."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Begin the life of the connection."""
        super().connection_made(transport)
        self._end = self.loop.call_later(_LIFE_S, transport.abort)
        if len(self.connections) > _MOST_OPEN:
            open_ = (one for one in self.connections if isinstance(one, _OneRequest))
            oldest = min(open_, key=lambda one: one._end.when())
            self.connections.discard(oldest)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        self._end.cancel()
        super().connection_lost(exc)
