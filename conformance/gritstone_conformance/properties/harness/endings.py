"""Endings: a process goes when it is told to, and a socket carries nothing else than the pipes do."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.properties.harness.probe import DONE, claims_grit, process_of
from gritstone_conformance.properties.harness.samples import blob_of, format_of, opening
from gritstone_conformance.protocol import encode_request, parse_reply
from gritstone_conformance.replies import Json, Trouble
from gritstone_conformance.stream import LineStream
from gritstone_conformance.subject import Subject
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_LISTEN_S: Final = 0.3  # long enough for a greeting to arrive
_NEXT_S: Final = 5.0


def after_bye(trial: Trial) -> None:
    """After its reply to bye the process exits with code 0 within 5 seconds and leaves nobody behind."""
    process = trial.spawn()
    trial.expect_many(_some_state(trial), on=process)
    faults = process_of(process).faults
    seen = len(faults)
    trial.expect("bye", {}, DONE, on=process)
    for fault in faults[seen:]:
        raise fault


def after_eof(trial: Trial) -> None:
    """After the end of its input the process exits within 5 seconds and leaves nobody behind."""
    process = trial.spawn()
    trial.expect_many(_some_state(trial), on=process)
    fault = process_of(process).end_input()
    if fault is not None:
        raise fault


def _some_state(trial: Trial) -> list[Asked]:
    """Return requests after which there is something to lose: an open store, where there are any."""
    if not claims_grit(trial):
        return [("ping", {}, DONE)]
    fmt = format_of(trial.claims)
    blob = blob_of(fmt, b"state")
    return [
        (*opening("s", fmt), DONE),
        ("grit.put", {"store": "s", "bytes": blob.bytes}, {"ok": {"id": blob.id}}),
    ]


def same_bytes(trial: Trial) -> None:
    """A connection starts silent, answers as the pipes do, serves one client, and leaves no handle to the next."""
    subject = process_of(trial.subject)
    subject.kill()  # the suite's own connection makes room
    first = subject.opener.open()
    talk = LineStream(first.ends)
    if _heard(talk, _LISTEN_S):
        trial.fail("silence", "bytes", words="bytes came before the first request")
    _say(talk, subject, "hello", subject.terms.hello_args())
    _say(talk, subject, *opening("s", format_of(trial.claims)))
    waiting = subject.opener.open()
    patience = LineStream(waiting.ends)
    patience.send(encode_request(0, "hello", subject.terms.hello_args()))
    if _heard(patience, _LISTEN_S):
        trial.fail("silence", "bytes", words="a second client was answered while the first was there")
    first.kill()
    if not _heard(patience, _NEXT_S):
        trial.fail("a reply", "silence", words="the next client was not served after the first had gone")
    waiting.kill()
    unknown = {"refused": "missing"} if claims_grit(trial) else {"unsupported": "grit.close"}
    trial.expect_many([("ping", {}, DONE), ("grit.close", {"store": "s"}, unknown)])


def _say(talk: LineStream, subject: Subject, op: str, args: dict[str, Json]) -> None:
    talk.send(encode_request(0, op, args))
    deadline = subject.terms.deadline_s(op, 0)
    if not _heard(talk, 60.0 if deadline is None else deadline):
        raise SubjectFault("hung:blocked", f"no reply to {op} on a new connection")
    _, reply = parse_reply(talk.lines.popleft())
    if isinstance(reply, Trouble):
        raise SubjectFault("adapter", reply.message)


def _heard(talk: LineStream, seconds: float) -> bool:
    """Return whether anything arrives in time; a whole line is waited for once its first byte is there."""
    until = time.monotonic() + seconds
    while not (talk.lines or talk.eof) and (left := until - time.monotonic()) > 0:
        talk.wait(left)
    return bool(talk.lines or talk.partial_bytes)


PROPERTIES = (
    Property("harness/process/ends-after-bye", ("harness.process.ends",), after_bye, kind="wire"),
    Property("harness/process/ends-after-eof", ("harness.process.ends",), after_eof, kind="wire"),
    Property(
        "harness/connect/same-bytes",
        ("harness.connect.same",),
        same_bytes,
        requires=Requires(features=("connect",)),
        kind="wire",
    ),
)
