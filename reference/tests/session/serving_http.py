"""A local HTTP server that gives scripted replies, in place of a service of models."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Scripted:
    """The state of the server.

    Attributes:
        url: where it listens.
        replies: what it replies, one after the other: an object, or bytes that are sent as they are after the headers;
            with a status and headers before them; or None to close the connection.
        requests: the bodies that it received.
        check: returns why the service rejects a request, or None. A rejected request uses no reply.
    """

    url: str = ""
    replies: list[Any] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    check: Callable[[Any], str | None] = lambda body: None


@contextmanager
def scripted_server() -> Iterator[Scripted]:
    """Run a server."""
    state = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests.append(json.loads(body))
            problem = state.check(state.requests[-1])
            reply = state.replies.pop(0) if problem is None else (400, {}, {"error": {"message": problem}})
            if reply is None:
                self.close_connection = True
                return
            status, headers, content = reply if isinstance(reply, tuple) else (200, {}, reply)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": len(data), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
