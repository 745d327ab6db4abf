"""Frames: what a line is, that it comes at once, and how long it may be."""

from __future__ import annotations

from gritstone_conformance.cases import Requires
from gritstone_conformance.properties.harness.probe import DONE, ERROR, claims_grit, process_of
from gritstone_conformance.properties.harness.samples import blob_of, exact_blob, format_of, opening
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]


def flush(trial: Trial) -> None:
    """Each reply is flushed before further input is awaited: one request at a time, nothing follows it."""
    fmt = format_of(trial.claims)
    blob = blob_of(fmt, b"flush")
    for _ in range(3):
        trial.expect("ping", {}, DONE)
        trial.expect("grit.nothing", {}, {"unsupported": "grit.nothing"})
        if claims_grit(trial):
            trial.expect("grit.id", {"format": fmt.name, "bytes": blob.bytes}, {"ok": {"id": blob.id}})


def conversation(trial: Trial) -> None:
    """Every line of a conversation is one plain JSON object with one answer, in a fresh process from its first byte."""
    if not process_of(trial.subject).attached:
        fresh = trial.spawn()
        trial.expect_many(_all_answers(trial), on=fresh)
        fresh.close()
    trial.expect_many(_all_answers(trial))


def _all_answers(trial: Trial) -> list[Asked]:
    """Return requests that get all four answers, among them text that a careless writer spoils."""
    asked: list[Asked] = [
        ("ping", {}, DONE),
        ("grit.nothing", {"text": '\u2028 \u00e9 \U0001f600 \\ " \x00 \x7f'}, {"unsupported": "grit.nothing"}),
        ("ping", {"surplus": 1}, ERROR, "harness.reply.fault-is-error"),
        ("grit.other-thing", {}, {"unsupported": "grit.other-thing"}),
    ]
    if not claims_grit(trial):
        return asked
    fmt = format_of(trial.claims)
    blob = blob_of(fmt, bytes(range(256)))
    return [
        *asked,
        ("grit.encode", {"format": fmt.name, "object": blob.object}, {"ok": {"bytes": blob.bytes, "id": blob.id}}),
        ("grit.decode", {"format": fmt.name, "bytes": blob.bytes}, {"ok": {"object": blob.object, "id": blob.id}}),
        ("grit.close", {"store": "never-opened"}, {"refused": "missing"}),
    ]


def limit(trial: Trial) -> None:
    """A reply to a request within the declared limits fits into a frame: here the largest object there may be."""
    fmt = format_of(trial.claims)
    largest = exact_blob(fmt, trial.claims.limits["object_bytes"])
    trial.expect(*opening("s", fmt), DONE)
    trial.expect("grit.put", {"store": "s", "bytes": largest.bytes}, {"ok": {"id": largest.id}})
    trial.expect("grit.get", {"store": "s", "id": largest.id}, {"ok": {"bytes": largest.bytes}})
    decoded = {"ok": {"object": largest.object, "id": largest.id}}
    trial.expect("grit.decode", {"format": fmt.name, "bytes": largest.bytes}, decoded)
    trial.expect("grit.close", {"store": "s"}, DONE)


PROPERTIES = (
    Property("harness/frame/flush", ("harness.frame.flush",), flush, kind="wire"),
    Property(
        "harness/frame/conversation",
        (
            "harness.frame.line",
            "harness.frame.stdout-clean",
            "harness.json.plain",
            "harness.reply.one",
            "harness.reply.one-answer",
            "harness.reply.class-closed",
            "harness.reply.fault-is-error",
        ),
        conversation,
        kind="wire",
    ),
    Property(
        "harness/frame/limit", ("harness.frame.limit",), limit, requires=Requires(profiles=("grit",)), kind="wire"
    ),
)
