"""Frames: what a host and the process of its guests say to each other.

A frame is a head, which is a JSON object, and a body of bytes. Nothing in it is ever run, so who reads one needs no
trust in who wrote it.

::

    the host says                                the process answers
      admit          a module                      admitted, refusal
      resolve        a node                        resolved, refusal
      step, query    behind resolved               made, draft, refusal
      finish         behind a draft                made, refusal

    the process asks meanwhile                   the host answers
      load           for an object                 object, refusal
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

_LENGTHS = struct.Struct(">QQ")  # of the head and of the body
_ID_BYTES = 32
_MOST_HEAD_BYTES = 64 << 20
_KINDS: Mapping[str, type[Refusal]] = {one.kind: one for one in (Malformed, Invalid, Missing, Rejected, Exhausted)}
_FIELDS = ("message", "rule", "code", "offset", "got", "expected")


class FrameChannel:
    """Send and receive frames."""

    def __init__(self, end: socket.socket, most_bytes: int) -> None:
        """Talk through a socket.

        Args:
            end: one end of a stream.
            most_bytes: how long a body may be that is received.
        """
        self._end = end
        self._most_bytes = most_bytes

    def send(self, head: Head, body: bytes = b"", *, until: float | None = None) -> None:
        """Send a frame.

        Args:
            head: its head.
            body: its body.
            until: when to give up, by the monotonic clock; None for never.

        Raises:
            OSError: nobody is there any more, or the time is over.
        """
        text = json.dumps(head).encode()
        self._end.settimeout(_left(until))
        self._end.sendall(b"".join((_LENGTHS.pack(len(text), len(body)), text, body)))

    def receive(self, *, until: float | None = None) -> Frame:
        """Receive a frame.

        Args:
            until: when to give up, by the monotonic clock; None for never.

        Raises:
            EOFError: nobody is there any more.
            OSError: the same; or the time is over.
            ValueError: this is no frame, or it is too long.
        """
        head_bytes, body_bytes = _LENGTHS.unpack(self._read(_LENGTHS.size, until))
        if head_bytes > _MOST_HEAD_BYTES or body_bytes > self._most_bytes:
            raise ValueError("a frame that is too long")
        head = json.loads(self._read(head_bytes, until))
        if not isinstance(head, dict):
            raise ValueError("a head that is no object")  # noqa: TRY004 - of what was received, not of an argument
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
        TypeError: it is none.
        ValueError: the same.
    """
    object_id = bytes.fromhex(text)
    if len(object_id) != _ID_BYTES:
        raise ValueError("no id")
    return object_id


def join(parts: Iterable[bytes]) -> tuple[list[int], bytes]:
    """Put the encodings of objects into one body; gives how long each is, and the body."""
    listed = list(parts)
    return [len(one) for one in listed], b"".join(listed)


def split(sizes: Iterable[int], body: bytes) -> list[bytes]:
    """Take a body apart.

    Raises:
        ValueError: it is longer or shorter.
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
    """Write a refusal."""
    values = ((name, getattr(refusal, name)) for name in _FIELDS)
    fields = {name: value if isinstance(value, int | str | None) else str(value) for name, value in values}
    return {"op": "refusal", "kind": refusal.kind, **fields}


def read_refusal(head: Head) -> Refusal:
    """Read a refusal.

    Raises:
        LookupError: it is none.
        TypeError: the same.
    """
    fields = {name: head[name] for name in _FIELDS}
    if not isinstance(head["rule"], str) or not isinstance(head["code"], str | None):
        raise TypeError("no refusal")
    return _KINDS[head["kind"]](fields.pop("message"), **fields)
