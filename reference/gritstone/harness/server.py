"""The transfer of bytes between a client and an adapter: standard input and output, or a socket.

Replies are collected while complete requests are available, and always written before the server waits for input.

Spec: :rule:`harness.frame.flush`, :rule:`harness.process.ends`, :rule:`harness.connect.same`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from gritstone.harness.adapter import Adapter
from gritstone.harness.claims import Claims
from gritstone.harness.wire import ArgumentError

if TYPE_CHECKING:
    import socket

__all__ = ["listen", "serve", "serve_stdio"]

_READ_BYTES = 1 << 20
_WRITE_BYTES = 1 << 20

_Read: TypeAlias = Callable[[], bytes]
_Write: TypeAlias = Callable[[bytes], None]


def serve(adapter: Adapter, read: _Read, write: _Write) -> None:
    """Answer requests until ``bye`` or the end of input.

    Args:
        adapter: answers the requests.
        read: returns at least one byte as soon as there is input, and empty bytes at the end of input.
        write: sends all bytes before it returns.
    """
    pending: list[bytes] = []
    while not adapter.ended:
        chunk = read()
        if not chunk:
            return
        head, found, tail = chunk.rpartition(b"\n")
        if not found:
            pending.append(chunk)
            continue
        lines = b"".join((*pending, head)).split(b"\n")
        pending = [tail] if tail else []
        _send(adapter.answer(lines), write)


def _send(replies: Iterable[bytes], write: _Write) -> None:
    waiting: list[bytes] = []
    size = 0
    try:
        for reply in replies:
            waiting.append(reply)
            size += len(reply)
            if size >= _WRITE_BYTES or (waiting and not reply):
                ready, waiting, size = waiting, [], 0
                write(b"".join(ready))
    finally:
        write(b"".join(waiting))  # also before a line that cannot be answered ends the session


def serve_stdio(claims: Claims) -> None:
    """Serve standard input and output."""
    adapter = Adapter(claims)
    try:
        serve(adapter, lambda: os.read(0, _READ_BYTES), _write_stdout)
    finally:
        adapter.close()


def _write_stdout(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def listen(address: str, claims: Claims) -> None:
    """Serve one client after the other on a socket; never return.

    Args:
        address: ``unix:PATH`` or ``tcp:HOST:PORT``.
        claims: the claims; ``connect`` is added to the features.
    """
    connected = replace(claims, features=(*claims.features, "connect"))
    with _bound(address) as server:
        server.listen(1)
        while True:
            client, _ = server.accept()
            with client:
                _serve_client(client, connected)


def _serve_client(client: socket.socket, claims: Claims) -> None:
    adapter = Adapter(claims)
    try:
        serve(adapter, lambda: client.recv(_READ_BYTES), client.sendall)
    except ConnectionError:
        pass  # the client has disconnected: as at the end of input
    except ArgumentError as error:
        print(f"gritstone.harness: closed a connection: {error}", file=sys.stderr)
    finally:
        adapter.close()


def _bound(address: str) -> socket.socket:
    # Loaded on demand: standard streams do not need it.
    import socket

    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.exists(rest):
            os.unlink(rest)
        server.bind(rest)
        return server
    host, _, port = rest.rpartition(":")
    return socket.create_server((host, int(port)))
