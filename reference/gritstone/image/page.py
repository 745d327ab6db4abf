"""A page on this machine, on which a person with a passkey works in an image as one principal.

The key and its counter are in the image too, with the principal ``passkeys``, so a restart needs nothing else. A
passkey is registered with a token that only the starter of the page sees. The page is reachable from this machine only.

Every call needs a session, which a sign-in begins and the end of the process ends. Requests with another ``Host`` or
``Origin`` are rejected.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from typing import Any, Final

from gritstone.errors import GritstoneError, Refusal
from gritstone.image.actors import Quota
from gritstone.image.builder import Program
from gritstone.image.desk import Desk
from gritstone.image.passkeys import Denied, Party, Passkey, from_base64url, register, to_base64url, verify
from gritstone.image.views import Outcome

__all__ = ["Page", "serve_page"]

PARTY: Final = "localhost"
_KEEPER: Final = "passkeys"
_MOST_BYTES: Final = 131_072
_MOST_OPEN: Final = 64
_PATIENCE_S: Final = 120.0
_SESSION: Final = "session"


class Page:
    """What the page does, without HTTP.

    Attributes:
        desk: the desk of the principal.
        token: allows one registration.
        origin: the origin of the page; set when it is served.
    """

    def __init__(self, desk: Desk, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Begin without a session."""
        self.desk = desk
        self.token = secrets.token_urlsafe(16)
        self.origin = ""
        self._clock_s = clock_s
        self._keeper = desk.image.principal(_KEEPER, quota=Quota(actors=0))
        self._open: dict[bytes, float] = {}
        self._sessions: set[str] = set()
        self._tools: Mapping[str, Callable[..., Any]] = {
            "run": desk.run,
            "read": desk.read,
            "list": desk.list,
            "log": desk.log,
            "install": desk.install,
            "spawn": desk.spawn,
        }

    def begin(self) -> Mapping[str, Any]:
        """Return a new challenge, and what the browser needs."""
        now = self._clock_s()
        self._open = {one: until for one, until in self._open.items() if until > now}
        while len(self._open) >= _MOST_OPEN:
            del self._open[next(iter(self._open))]
        challenge = secrets.token_bytes(32)
        self._open[challenge] = now + _PATIENCE_S
        key, principal = self._key(), self.desk.principal
        return {
            "challenge": to_base64url(challenge),
            "keys": [] if key is None else [to_base64url(key.credential)],
            "name": self.desk.image.name(principal.id),
            "user": to_base64url(principal.id),
        }

    def enroll(self, token: object, client: object, authenticator: object) -> Mapping[str, Any]:
        """Register the passkey of the principal, in place of another one.

        Raises:
            Denied: the token is not that of the page, or a check fails.
        """
        if not self.token or not hmac.compare_digest(str(token).encode(), self.token.encode()):
            raise Denied("token")
        key = register(from_base64url(client), from_base64url(authenticator), self._party())
        self.token = ""
        program = (
            Program().write(self._path("credential"), key.credential.hex()).write(self._path("key"), key.point.hex())
        )
        self._keep(program.write(self._path("count"), str(key.count)))
        return {}

    def sign_in(self, named: object, client: object, authenticator: object, signature: object) -> str:
        """Return a new session.

        Raises:
            Denied: the key is not that of the principal, or a check fails.
        """
        key = self._key()
        if key is None or key.credential != from_base64url(named):
            raise Denied("credential")
        about, data, signed = (from_base64url(one) for one in (client, authenticator, signature))
        count = verify(key, about, data, signed, self._party())
        if count != key.count:
            self._keep(Program().expect(self._path("count"), str(key.count)).write(self._path("count"), str(count)))
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        return session

    def call(self, session: str, tool: object, arguments: object) -> Any:
        """Call a tool of the desk.

        Raises:
            Denied: there is no such session.
            TypeError: there is no such tool, or the arguments are not its own.
        """
        if session not in self._sessions:
            raise Denied("session")
        if tool not in self._tools or not isinstance(arguments, dict):
            raise TypeError("there is no such tool")
        found = self._tools[str(tool)](**arguments)
        return {"seq": found.seq, "failed": found.failed} if isinstance(found, Outcome) else found

    def _party(self) -> Party:
        return Party(PARTY, self.origin, self._take)

    def _take(self, challenge: bytes) -> bool:
        return self._open.pop(challenge, 0.0) > self._clock_s()

    def _path(self, name: str) -> str:
        return f"keys/{self.desk.principal}/{name}"

    def _key(self) -> Passkey | None:
        image = self.desk.image
        found = [image.read(self._keeper, self._path(name)) or "" for name in ("credential", "key", "count")]
        return Passkey(bytes.fromhex(found[0]), bytes.fromhex(found[1]), int(found[2])) if all(found) else None

    def _keep(self, program: Program) -> None:
        if self.desk.image.request(self._keeper.run(program)).failed is not None:
            raise Denied("counter")


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Server
    timeout = 10  # seconds; there is one connection at a time

    def do_GET(self) -> None:
        """Return the page."""
        if self.path != "/" or self.headers.get("host") != self.server.host:
            self._reply(404, b"", "text/plain")
            return
        nonce = secrets.token_urlsafe(16)
        text = files("gritstone.image").joinpath("page.html").read_text("utf-8").replace("NONCE", nonce)
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'"
        self._reply(200, text.encode(), "text/html; charset=utf-8", {"content-security-policy": policy})

    def do_POST(self) -> None:
        """Answer a call of the page."""
        page, status, more = self.server.page, 200, dict[str, str]()
        try:
            body = self._body()
            if self.path == "/begin":
                found: Any = page.begin()
            elif self.path == "/enroll":
                found = page.enroll(body.get("token"), body.get("client"), body.get("authenticator"))
            elif self.path == "/signin":
                given = (body.get(name) for name in ("id", "client", "authenticator", "signature"))
                cookie = f"{_SESSION}={page.sign_in(*given)}; HttpOnly; SameSite=Strict; Path=/"
                found, more = {}, {"set-cookie": cookie}
            else:
                found = page.call(self._session(), body.get("tool"), body.get("arguments"))
        except Denied as denied:
            status, found = 401, {"error": str(denied)}
        except Refusal as refusal:
            status, found = 400, {"error": f"{refusal.kind}/{refusal.code}: {refusal}"}
        except (GritstoneError, TypeError, ValueError, AttributeError) as error:
            status, found = 400, {"error": str(error)}
        self._reply(status, json.dumps(found).encode(), "application/json", more)

    def _body(self) -> Mapping[str, Any]:
        """Return the body of a request of the page.

        Raises:
            Denied: the request comes from elsewhere.
            ValueError: the body is too long or not an object.
        """
        if self.headers.get("host") != self.server.host or self.headers.get("origin") != self.server.page.origin:
            raise Denied("origin")
        size = int(self.headers.get("content-length") or _MOST_BYTES + 1)
        if not 0 <= size <= _MOST_BYTES:
            raise ValueError("the body is too long")
        body = json.loads(self.rfile.read(size))
        if not isinstance(body, dict):
            raise ValueError("the body is not an object")  # noqa: TRY004 - an error of the input
        return body

    def _session(self) -> str:
        cookies = (one.strip().partition("=") for one in (self.headers.get("cookie") or "").split(";"))
        return next((value for name, _, value in cookies if name == _SESSION), "")

    def _reply(self, status: int, data: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        fixed = {"content-type": kind, "content-length": str(len(data)), "cache-control": "no-store"}
        for name, value in {**fixed, "x-content-type-options": "nosniff", **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - a name of the library
        """Print nothing: addresses may have tokens."""


class _Server(HTTPServer):
    """The server of one page; one request after the other, as the image needs it."""

    def __init__(self, page: Page, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.page = page
        self.host = f"{PARTY}:{self.server_port}"
        page.origin = f"http://{self.host}"


def serve_page(desk: Desk, port: int, started: Callable[[str], None]) -> None:
    """Serve the page of a desk until the process is interrupted.

    Args:
        desk: the desk.
        port: the port on this machine; 0 for any.
        started: is called with the address, which has the token of the first registration.
    """
    page = Page(desk)
    with _Server(page, port) as server:
        started(f"{page.origin}/#token={page.token}")
        server.serve_forever()
