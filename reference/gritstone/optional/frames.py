"""Frames: the messages between a host and its guest process.

A frame is a head, which is a JSON object, and a body of bytes. A frame is never executed, so the receiver does not have
to trust the sender.

::

    the host sends                               the process answers
      admit          a module                      admitted, refusal
      resolve        a node                        resolved, refusal
      step, query    after resolved                made, draft, refusal
      finish         after a draft                 made, refusal

    the process asks meanwhile                   the host answers
      load           an object                     object, refusal
      ask            another actor                 answer, refusal
      log                                          nothing

Spec: :rule:`wasm.host.alive`.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from gritstone.errors import Exhausted, Invalid, Malformed, Missing, Refusal, Rejected
from gritstone.grit.objects import ObjectId

__all__ = ["Frame", "FrameChannel", "Head", "join", "read_id", "read_refusal", "refusal_head", "split"]

Head: TypeAlias = Mapping[str, Any]
Frame: TypeAlias = tuple[Head, bytes]

_LENGTHS = struct.Struct(">QQ")  # lengths of the head and of the body
_ID_BYTES = 32
_MOST_HEAD_BYTES = 64 << 20
_KINDS: Mapping[str, type[Refusal]] = {one.kind: one for one in (Malformed, Invalid, Missing, Rejected, Exhausted)}
_FIELDS = ("message", "rule", "code", "offset", "got", "expected")


class FrameChannel:
    """A channel that sends and receives frames."""

    def __init__(self, end: socket.socket, most_bytes: int) -> None:
        """Use a socket.

        Args:
            end: one end of a stream socket.
            most_bytes: the maximum length of a received body.
        """
        self._end = end
        self._most_bytes = most_bytes

    def send(self, head: Head, body: bytes = b"", *, until: float | None = None) -> None:
        """Send a frame.

        Args:
            head: the head of the frame.
            body: the body of the frame.
            until: the deadline on the monotonic clock; None for no deadline.

        Raises:
            OSError: the peer has closed the connection, or the deadline has passed.
        """
        text = json.dumps(head).encode()
        self._end.settimeout(_left(until))
        self._end.sendall(b"".join((_LENGTHS.pack(len(text), len(body)), text, body)))

    def receive(self, *, until: float | None = None) -> Frame:
        """Receive a frame.

        Args:
            until: the deadline on the monotonic clock; None for no deadline.

        Raises:
            EOFError: the peer has closed the connection.
            OSError: the connection failed, or the deadline has passed.
            ValueError: the received bytes are not a frame, or the frame is too long.
        """
        head_bytes, body_bytes = _LENGTHS.unpack(self._read(_LENGTHS.size, until))
        if head_bytes > _MOST_HEAD_BYTES or body_bytes > self._most_bytes:
            raise ValueError("a frame that is too long")
        head = json.loads(self._read(head_bytes, until))
        if not isinstance(head, dict):
            raise ValueError("a head that is no object")  # noqa: TRY004 - invalid data, not an invalid argument
        return head, bytes(self._read(body_bytes, until))

    def _read(self, count: int, until: float | None) -> bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            self._end.settimeout(_left(until))
            got = self._end.recv_into(rest)
            if not got:
                raise EOFError
            rest = rest[got:]
        return data


def _left(until: float | None) -> float | None:
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def read_id(text: str) -> ObjectId:
    """Read the id of an object.

    Raises:
        TypeError: the text is not an id.
        ValueError: the text is not an id.
    """
    object_id = bytes.fromhex(text)
    if len(object_id) != _ID_BYTES:
        raise ValueError("no id")
    return object_id


def join(parts: Iterable[bytes]) -> tuple[list[int], bytes]:
    """Join the encodings of objects into one body; return the length of each encoding, and the body."""
    listed = list(parts)
    return [len(one) for one in listed], b"".join(listed)


def split(sizes: Iterable[int], body: bytes) -> list[bytes]:
    """Split a body into parts of the given sizes.

    Raises:
        ValueError: the body is longer or shorter than the sum of the sizes.
    """
    parts = []
    at = 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    if at != len(body) or [len(one) for one in parts] != list(sizes):
        raise ValueError("a body of another length")
    return parts


def refusal_head(refusal: Refusal) -> Head:
    """Return the head of a refusal."""
    values = ((name, getattr(refusal, name)) for name in _FIELDS)
    fields = {name: value if isinstance(value, int | str | None) else str(value) for name, value in values}
    return {"op": "refusal", "kind": refusal.kind, **fields}


def read_refusal(head: Head) -> Refusal:
    """Return the refusal of a head.

    Raises:
        LookupError: the head is not a refusal.
        TypeError: the head is not a refusal.
    """
    fields = {name: head[name] for name in _FIELDS}
    if not isinstance(head["rule"], str) or not isinstance(head["code"], str | None):
        raise TypeError("no refusal")
    return _KINDS[head["kind"]](fields.pop("message"), **fields)
