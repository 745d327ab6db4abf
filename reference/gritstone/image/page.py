"""A page on this machine, on which a person with a passkey works in an image as one principal.

The page keeps the session, and sends it with each call as a bearer token; there are no cookies. A passkey is registered
with a token that only the starter of the page sees. ``loopback`` has the server, and ``passkeys`` the sign-in. Needs
``pip install gritstone[page]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gritstone.errors import Refusal, StorageError
from gritstone.image.desk import Desk
from gritstone.image.loopback import listen, local_server, origin_of
from gritstone.image.passkeys import Denied, Passkeys
from gritstone.image.tools import call_tool, desk_tools
from gritstone.image.views import Outcome

__all__ = ["POLICY", "page_app", "serve_page"]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_MOST_BYTES: Final = 131_072
_MOST_DEPTH: Final = 16
_MOST_ERROR: Final = 4_096  # characters
_REFUSED: Final = (ClientDisconnect, Denied, HTTPException, Refusal, StorageError, TypeError, ValueError)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def page_app(desk: Desk, passkeys: Passkeys) -> Starlette:
    """Return the application: the page, and what it calls."""
    tools, turn = desk_tools(desk), anyio.Lock()

    async def call(request: Request) -> Response:
        session, body = _session(request), await _body(request)
        async with turn:  # the image is used by one thread at a time
            passkeys.check(session)
            found = await to_thread.run_sync(call_tool, tools, body.get("tool"), body.get("arguments"))
        return JSONResponse({"seq": found.seq, "failed": found.failed} if isinstance(found, Outcome) else found)

    def answer(path: str, function: Callable[[str, Mapping[str, Any]], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(function(_session(request), await _body(request)))

        return Route(path, endpoint, methods=["POST"])

    return Starlette(
        routes=[
            Route("/call", call, methods=["POST"]),
            answer("/begin", lambda _, body: passkeys.begin()),
            answer("/register", lambda _, body: passkeys.register(body.get("token"), body.get("response"))),
            answer("/signin", lambda _, body: passkeys.sign_in(body.get("response"))),
            answer("/signout", lambda session, _: passkeys.sign_out(session)),
            Mount("/", StaticFiles(packages=[("gritstone.image", "web")], html=True)),
        ],
        exception_handlers=dict.fromkeys(_REFUSED, _refuse),
    )


def _session(request: Request) -> str:
    scheme, _, session = request.headers.get("authorization", "").partition(" ")
    return session if scheme.lower() == "bearer" else ""


async def _body(request: Request) -> Mapping[str, Any]:
    """Return the body of a request.

    Raises:
        HTTPException: it is too long.
        ValueError: it is not a JSON object, or nested too deeply.
    """
    data, size = bytearray(), 0
    async for piece in request.stream():  # to its end: a client that still sends may not read the answer
        size += len(piece)
        data += piece if size <= _MOST_BYTES else b""
    if size > _MOST_BYTES:
        raise HTTPException(413, f"the body has {size} bytes, expected at most {_MOST_BYTES}")
    text = data.decode()
    brackets = (one for one in _STRING.sub("", text) if one in "[]{}")
    if max(accumulate(1 if one in "[{" else -1 for one in brackets), default=0) > _MOST_DEPTH:
        raise ValueError(f"the body is nested more than {_MOST_DEPTH} deep")
    body = json.loads(text)
    if not isinstance(body, dict):
        raise ValueError(f"the body is not an object, got {type(body).__name__}")  # noqa: TRY004 - an error of the input
    return body


async def _refuse(_: Request, error: Exception) -> Response:
    """Return the answer to a request that fails: one line."""
    status, text, headers = 400, str(error), None
    if isinstance(error, HTTPException):
        status, text, headers = error.status_code, error.detail, error.headers
    elif isinstance(error, Denied):
        status, headers = 401, {"www-authenticate": "Bearer"}
    elif isinstance(error, Refusal):
        text = f"{error.kind}/{error.code}: {text}"
    elif isinstance(error, StorageError):
        status = 500
    return JSONResponse({"error": " ".join(text.split())[:_MOST_ERROR]}, status, headers)


def serve_page(desk: Desk, file: Path, port: int, started: Callable[[str], None]) -> None:
    """Serve the page of a desk until the process is interrupted.

    Args:
        desk: the desk.
        file: where the passkey is; outside the image, which can be rolled back.
        port: the port on this machine; 0 for any.
        started: is called with the address, which has the token of one registration.

    Raises:
        OSError: the port is not available on each address of this machine.
        StorageError: the file cannot be used.
    """
    sockets = listen(port)
    origin = origin_of(sockets)
    passkeys = Passkeys(file, desk.principal.id, desk.image.name(desk.principal.id), origin)
    server = local_server(page_app(desk, passkeys), origin, POLICY)
    started(f"{origin}/#token={passkeys.token}")
    server.run(sockets)
