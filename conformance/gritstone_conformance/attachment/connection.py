"""A socket to an implementation that the suite did not start: the same protocol, without a process to start or kill.

A new connection replaces a restart.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.stream import Ends
from gritstone_conformance.errors import UsageError

__all__ = ["Address", "Connection"]

_CONNECT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """The address at which an implementation listens.

    Attributes:
        host: the host of a TCP address; None for a Unix socket.
        port: the port of a TCP address.
        path: the path of a Unix socket.
    """

    host: str | None = None
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Build from ``unix:PATH`` or ``tcp:HOST:PORT``; raises UsageError on anything else."""
        scheme, _, rest = text.partition(":")
        if scheme == "unix" and rest:
            return cls(path=rest)
        host, _, port = rest.rpartition(":")
        if scheme == "tcp" and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))
        raise UsageError(f"address {text!r} is neither unix:PATH nor tcp:HOST:PORT")

    def open(self) -> Connection:
        """Connect; raises UsageError if no process listens at the address."""
        return Connection(self)

    def __str__(self) -> str:
        """Return the address in the form that :meth:`parse` accepts."""
        return f"unix:{self.path}" if self.host is None else f"tcp:{self.host}:{self.port}"


class Connection:
    """An open socket, with the interface of :class:`~gritstone_conformance.attachment.process.Process`."""

    attached = True
    pid: int | None = None
    strays = 0

    def __init__(self, address: Address) -> None:
        try:
            self._socket = _connect(address)
        except OSError as problem:
            raise UsageError(f"cannot connect to {address}: {problem.strerror or problem}") from problem
        self.ends = Ends(self._socket.fileno(), self._socket.fileno(), None, None)

    def wait_exit(self, seconds: float) -> bool:
        """Return False at once: the process at the other end is unknown."""
        del seconds
        return False

    def outside(self) -> set[int]:
        """Return the empty set: the processes at the other end are unknown."""
        return set()

    def end_input(self) -> None:
        """Close the suite's direction of the socket; nothing may be written afterwards."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def kill_from_thread(self) -> None:
        """Do nothing: the suite did not start the process."""

    def kill(self) -> str:
        """Close the connection; returns ``closed``."""
        with contextlib.suppress(OSError):
            self._socket.close()
        return "closed"

    def end(self, patience_s: float) -> str:
        """Close the connection; returns ``closed``."""
        del patience_s
        return self.kill()


def _connect(address: Address) -> socket.socket:
    if address.host is not None:
        link = socket.create_connection((address.host, address.port), _CONNECT_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(_CONNECT_S)
        link.connect(address.path)
    except OSError:
        link.close()
        raise
    return link
