"""Endings: a process exits on request, and a socket carries exactly the bytes that the pipes carry."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from gritstone_conformance.attachment.protocol import RawArgs, encode_request
from gritstone_conformance.attachment.stream import LineStream
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.cases import Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import answer_of, compare
from gritstone_conformance.properties.harness.probe import DONE, claims_grit, process_of
from gritstone_conformance.properties.harness.samples import blob_of, format_of, opening
from gritstone_conformance.replies import Json, Reply, Trouble
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_LISTEN_S: Final = 0.3  # long enough for a greeting to arrive
_NEXT_S: Final = 5.0
_NOT_SERVED: Final = "the next client was not served after the one before had gone"


def after_bye(trial: Trial) -> None:
    """After its reply to bye the process exits with code 0 within 5 seconds and leaves no other process behind."""
    process = trial.spawn()
    trial.expect_many(_some_state(trial), on=process)
    faults = process_of(process).faults
    seen = len(faults)
    trial.expect("bye", {}, DONE, on=process)
    for fault in faults[seen:]:
        raise fault


def after_eof(trial: Trial) -> None:
    """After the end of its input the process exits within 5 seconds and leaves no other process behind."""
    process = trial.spawn()
    trial.expect_many(_some_state(trial), on=process)
    fault = process_of(process).end_input()
    if fault is not None:
        raise fault


def stays(trial: Trial) -> None:
    """A bye whose arguments do not fit is answered ``error``; the process then has its state and answers.

    Each is sent alone and together with the next request, because an adapter may end as soon as it has no input, or
    ignore the input that it has.
    """
    asked: list[Asked] = _some_state(trial)
    trial.expect_many(asked)
    (op, args, expect, *_) = asked[-1]  # a second time it is answered in the same way, if the state is there
    try:
        for wrong in (*_WRONG_BYES, *(RawArgs(text) for text in _NO_ARGS)):
            replies = trial.observe_apart([("bye", wrong)])
            replies += trial.observe_apart([(op, args)])
            replies += trial.observe_apart([("bye", wrong), (op, args)])
            for bye, after in zip(replies[::2], replies[1::2], strict=True):
                _expect_unharmed(trial, bye, after, expect)
    except SubjectFault as fault:
        if not fault.cause.startswith("dead:"):
            raise
        trial.fail("a reply", fault.cause, words="the process ended after a bye that was not answered ok")


def _expect_unharmed(trial: Trial, bye: Reply, after: Reply, expect: dict[str, Json]) -> None:
    if not isinstance(bye, Trouble):
        trial.fail("error", answer_of(bye), words="expected error in reply to a bye with wrong arguments", rule=_MISFIT)
    if compare(expect, after, {}) is not None:
        trial.fail(expect, answer_of(after), words="the state was lost after a bye that was not answered ok")


_MISFIT: Final = "harness.reply.fault-is-error"
_WRONG_BYES: Final[tuple[dict[str, Json], ...]] = ({"surplus": 1}, {"store": "s"}, {"": None})
_NO_ARGS: Final = (None, "null", "[]")
"""JSON texts in place of the arguments; None: the member is absent."""


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
    soon_s = subject.settings.scaled_s(_NEXT_S)
    subject.kill()  # the suite's own connection makes room
    with ExitStack() as connections:
        first, gone = _connect(subject, connections)
        if _heard(first, _LISTEN_S):
            trial.fail("silence", "bytes", words="bytes were received before the first request")
        first.send(encode_request(0, "hello", subject.settings.hello_args()))
        if not _heard(first, soon_s):
            trial.fail("a reply", "silence", words=_NOT_SERVED)
        first.send(encode_request(1, *opening("s", format_of(trial.claims))))
        second, _ = _connect(subject, connections)
        second.send(encode_request(0, "hello", subject.settings.hello_args()))
        if _heard(second, _LISTEN_S):
            trial.fail("silence", "bytes", words="a second client was answered while the first was there")
        gone()
        if not _heard(second, soon_s):
            trial.fail("a reply", "silence", words=_NOT_SERVED)
    unknown = {"refused": "missing"} if claims_grit(trial) else {"unsupported": "grit.close"}
    trial.expect_many([("ping", {}, DONE), ("grit.close", {"store": "s"}, unknown)])


def connect_claimed(trial: Trial) -> None:
    """The feature connect is claimed on a connection, and not on standard input and output."""
    attached, features = process_of(trial.subject).attached, trial.claims.features
    trial.expect("ping", {}, DONE)
    if attached != ("connect" in features):
        wanted = "claimed" if attached else "not claimed"
        trial.fail(wanted, sorted(features), words=f"expected the feature connect to be {wanted}")


def _connect(subject: Subject, connections: ExitStack) -> tuple[LineStream, Callable[[], object]]:
    """Return the lines of a new connection, and what closes it; it is closed with the others in any case."""
    channel = subject.opener.open()
    connections.callback(channel.kill)
    return LineStream(channel.ends), channel.kill


def _heard(talk: LineStream, seconds: float) -> bool:
    """Return whether anything arrives in time; a whole line is waited for once its first byte is there."""
    until = time.monotonic() + seconds
    while not (talk.lines or talk.eof) and (left := until - time.monotonic()) > 0:
        talk.wait(left)
    return bool(talk.lines or talk.partial_bytes)


PROPERTIES = (
    Property("harness/process/ends-after-bye", ("harness.process.ends",), after_bye, kind="wire"),
    Property("harness/process/stays", ("harness.process.stays", _MISFIT), stays, kind="wire"),
    Property("harness/process/ends-after-eof", ("harness.process.ends",), after_eof, kind="wire"),
    Property("harness/connect/claimed", ("harness.connect.claimed",), connect_claimed, kind="wire"),
    Property(
        "harness/connect/same-bytes",
        ("harness.connect.same",),
        same_bytes,
        requires=Requires(features=("connect",)),
        kind="wire",
    ),
)
