"""The adapter: accepts request lines and returns reply lines, in order, without I/O.

::

    known operation?   no: unsupported
    arguments fit?     no: error
    claimed?           no: unsupported
    the operation      a Refusal: refused;  anything else that it raises: error

Consecutive ``grit.put`` requests on one durable store that arrive together are stored in one update. Their
replies and the effects on later requests are the same as for separate puts, but they cost one commit.

Spec: :rule:`harness.reply.order`, :rule:`harness.reply.total`, :rule:`harness.state.sequential`,
:rule:`harness.process.stays`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gritstone.errors import Refusal
from gritstone.harness.arguments import ARGUMENTS, Arguments, read_arguments
from gritstone.harness.claims import Claims
from gritstone.harness.operations import FEATURE_OF, Session
from gritstone.harness.table import operation
from gritstone.harness.wire import ArgumentError, Json, read_frame, write_frame

__all__ = ["Adapter"]

_Request: TypeAlias = tuple[int, str, Json]
_GROUP_BYTES = 8 << 20
_SLOW = ("wit.", "runtime.", "wasm.", "flow.", "image.", "sandbox.")
_LOADED = ("wasm", "image", "sandbox")
_CHOSEN = (("backend", "durable", "durable"), ("schedule", "chosen", "schedule"), ("clock", "suite", "clock"))
"""Members whose value needs a feature."""

_GRANTS = {
    "args": "sandbox.env",
    "env": "sandbox.env",
    "random": "sandbox.random",
    "clock": "sandbox.clock",
    "files": "sandbox.files",
}
"""Grants of a sandbox, each with its feature."""


class Adapter:
    """The session of one client.

    Attributes:
        ended: whether ``bye`` was answered with ``ok``; the caller must not read further input.
    """

    def __init__(self, claims: Claims) -> None:
        self.ended = False
        self._session = Session(claims)

    def answer(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        """Answer lines that have arrived together.

        Args:
            lines: whole request lines, without their LF.

        Yields:
            For each request, in order, its reply line with its LF, until ``bye``. Before a request that may take long,
            empty bytes: the caller should send the earlier replies first.

        Raises:
            ArgumentError: a line cannot be answered; every line before it was.
        """
        at = 0
        while at < len(lines) and not self.ended:
            request = read_frame(lines[at])
            at += 1
            if request[1] == "grit.put" and at < len(lines) and self._is_durable(request):
                group = [request]
                at = self._gather(group, lines, at)
                yield from self._answer_puts(group)
            else:
                if request[1].startswith(_SLOW):
                    yield b""
                yield self._answer(request)

    def close(self) -> None:
        """Stop all runtimes and close all handles of the client."""
        self._session.close()

    # --- one request -----------------------------------------------------------------------------------

    def _answer(self, request: _Request) -> bytes:
        seq, op, args = request
        if not op:
            return write_frame(seq, "error", {"message": "the request has no operation"})
        if op not in ARGUMENTS:
            return write_frame(seq, "unsupported", {"feature": op})
        try:
            values = read_arguments(op, args)
            lacking = self._unclaimed(op, values)
            if lacking is not None:
                return write_frame(seq, "unsupported", {"feature": lacking})
            reply = write_frame(seq, "ok", operation(op)(self._session, values))
        except Refusal as refusal:
            return write_frame(seq, "refused", _refusal(refusal))
        except ArgumentError as error:
            return write_frame(seq, "error", {"message": str(error)})
        except Exception as error:  # noqa: BLE001 - defects of gritstone are answered too, as errors
            return write_frame(seq, "error", _fault(error))
        if len(reply) > self._session.claims.frame_bytes:
            return write_frame(seq, "error", {"message": f"the reply is too long for a frame: {len(reply)} bytes"})
        if op == "bye":
            self.ended = True
        return reply

    def _unclaimed(self, op: str, values: Arguments) -> str | None:
        """Return the profile, feature or format that a request needs and that is not claimed."""
        claims = self._session.claims
        profile = op.partition(".")[0]
        if profile in _LOADED and profile not in claims.profiles:
            return profile
        needed = [FEATURE_OF[op]] if op in FEATURE_OF else []
        if op in ("grit.export", "grit.import") and ("to" in values or "from" in values):
            needed.append("files")
        needed += [feature for member, value, feature in _CHOSEN if values.get(member) == value]
        needed += [_GRANTS[name] for name in values.get("grants", ())]
        if values.get("keep"):
            needed.append("sandbox.keep")
        if op == "sandbox.export" and "fuel" in values:
            needed.append("sandbox.tank")
        if "suspend" in values:
            needed.append("sandbox.suspend")
        if values.get("workers", 1) > 1:
            needed.append("threads")
        for feature in needed:
            if feature not in claims.features:
                return feature
        formats = (values["from"], values["to"]) if op == "grit.transcode" else (values.get("format"),)
        return next((name for name in formats if name is not None and name not in claims.formats), None)

    # --- a group of puts -------------------------------------------------------------------------------

    def _is_durable(self, request: _Request) -> bool:
        args = request[2]
        return type(args) is dict and self._session.handles.is_durable(args.get("store"))

    def _gather(self, group: list[_Request], lines: Sequence[bytes], at: int) -> int:
        """Append further puts on the same handle to a group; return the index of the first line that is not one."""
        store = group[0][2].get("store")
        size = len(lines[at - 1])
        while at < len(lines) and size < _GROUP_BYTES:
            try:
                request = read_frame(lines[at])
            except ArgumentError:
                break  # the group is answered first
            if request[1] != "grit.put" or type(request[2]) is not dict or request[2].get("store") != store:
                break
            size += len(lines[at])
            group.append(request)
            at += 1
        return at

    def _answer_puts(self, group: list[_Request]) -> Iterator[bytes]:
        try:
            values = [read_arguments(op, args) for _, op, args in group]
            store = self._session.handles[values[0]["store"]].store
            answers = store.put_group([(one["bytes"], one.get("id")) for one in values])
        except Exception:  # noqa: BLE001 - each put is then answered separately, and its error with it
            yield from map(self._answer, group)
            return
        for (seq, _, _), answer in zip(group, answers, strict=True):
            if isinstance(answer, Refusal):
                yield write_frame(seq, "refused", _refusal(answer))
            else:
                yield write_frame(seq, "ok", {"id": answer.hex()})


def _refusal(refusal: Refusal) -> Json:
    content = {"class": refusal.kind, "rule": refusal.rule, "message": str(refusal)}
    if refusal.code is not None:
        content["code"] = refusal.code
    return content


def _fault(error: Exception) -> Json:
    # Loaded on demand: it takes a large part of a start.
    import traceback

    traceback.print_exception(error, file=sys.stderr)
    return {"message": f"{type(error).__name__}: {error}"}
