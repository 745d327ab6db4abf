"""Greetings: hello is answered first and again, alike by all processes, and what it says is true."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.attachment.claims import FLOORS, read_hello
from gritstone_conformance.attachment.conversation import Conversation
from gritstone_conformance.cases import Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import compare
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, FRAMED_SHA256
from gritstone_conformance.model.values import Blob, Message, Tree
from gritstone_conformance.properties.harness.probe import DONE, ERROR, claims_grit, process_of
from gritstone_conformance.properties.harness.samples import (
    blob_of,
    empty_bundle,
    exact_blob,
    format_of,
    opening,
    tree_of,
)
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.scenarios import Stage
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_DEEP: Final = 20_000  # a larger tree_depth is not walked to its end: it would take minutes
_MANY: Final = 50_000  # a larger number of references is not filled up
_BATCH: Final = 1_000
_CHANGE_BYTES: Final = 160  # of a line for each change of a reference
_SHORT_LINE: Final = 256  # bytes of a line around an object
_GRIT: Final = Requires(profiles=("grit",))
_RUNTIME: Final = Requires(profiles=("grit", "wit", "runtime"))
_SANDBOX: Final = Requires(profiles=("sandbox",))
_HALF_PIECE: Final = 1 << 19  # bytes; an export of four of them takes several pieces
_MOST_PIECES: Final = 64
_ENTRIES: Final = 20_000  # of a tree that is 40,000 bytes longer in cbor-blake3
_PADDING: Final = 801_000  # bytes; three of these and the tree are a little less than the least line carries
_EFFECT: Final = "effect.x"
_REQUESTS, _REQUEST_BYTES = 6, 700_000  # in base64url, four of these fit into the least line
_EFFECTS: Final = Requires(features=("external", "effects"), profiles=("grit", "wit", "runtime"))
_TRANSCODE: Final = Requires((FRAMED_SHA256.name, CBOR_BLAKE3.name), ("transcode",), ("grit",))


def any_time(trial: Trial) -> None:
    """A later hello is answered in the same way and changes no state: handles, stores, transfers stay."""
    hello = process_of(trial.subject).settings.hello_args()
    again: Asked = ("hello", hello, {"ok": trial.claims.raw})
    if not claims_grit(trial):
        trial.expect_many([again, ("ping", {}, DONE), again, ("ping", {}, DONE)])
        return
    fmt = format_of(trial.claims)
    blob, bundle = blob_of(fmt, b"hello"), empty_bundle(fmt)
    change = {"name": "tags/a", "old": None, "new": blob.id}
    nothing = {"ok": {"objects": 0, "refs": 0}}
    first, rest = encode_bytes(bundle[:30]), encode_bytes(bundle[30:])
    asked: list[Asked] = [
        (*opening("s", fmt), DONE),
        ("grit.put", {"store": "s", "bytes": blob.bytes}, {"ok": {"id": blob.id}}),
        ("grit.cas", {"store": "s", "changes": [change]}, DONE),
        ("grit.import", {"store": "s", "bytes": first, "more": True}, nothing),
        again,
        ("grit.import", {"store": "s", "bytes": rest, "more": False}, nothing),
        ("grit.get", {"store": "s", "id": blob.id}, {"ok": {"bytes": blob.bytes}}),
        again,
        (
            "grit.refs",
            {"store": "s", "prefix": "", "after": None, "limit": 9},
            {"ok": {"refs": [["tags/a", blob.id]], "more": False}},
        ),
        ("grit.close", {"store": "s"}, DONE),
    ]
    for request in asked:  # one at a time: the trace ends where it goes wrong
        trial.expect_many([request])


def in_force(trial: Trial) -> None:
    """Frame and window of the first hello hold after one that offers the same, and after one that offers the least."""
    fmt, offer, limits = format_of(trial.claims), process_of(trial.subject).settings.hello_args(), trial.claims.limits
    beside_least = FLOORS["frame_bytes"] * 3 // 4 - _SHORT_LINE  # as one line it fits even into the least frame
    objects = [exact_blob(fmt, min(size, limits["object_bytes"])) for size in (beside_least, limits["object_bytes"])]
    trial.expect(*opening("s", fmt), DONE)
    for later in (offer, {**offer, "frame_bytes": FLOORS["frame_bytes"], "window": 1}):
        trial.expect("hello", later, {"ok": {"$": "any"}})
        for value in objects:
            trial.expect("grit.id", {"format": fmt.name, "bytes": value.bytes}, {"ok": {"id": value.id}})
            trial.expect("grit.put", {"store": "s", "bytes": value.bytes}, {"ok": {"id": value.id}})
            trial.expect("grit.get", {"store": "s", "id": value.id}, {"ok": {"bytes": value.bytes}})
        trial.expect_many([("ping", {}, DONE)] * limits["window"])
    trial.expect("grit.close", {"store": "s"}, DONE)


def later_offers(trial: Trial) -> None:
    """After a later hello that is refused, or that offers more, what the first put in force still holds."""
    fmt, offer, limits = format_of(trial.claims), process_of(trial.subject).settings.hello_args(), trial.claims.limits
    at, above = (exact_blob(fmt, limits["object_bytes"] + more) for more in (0, 1))
    trial.expect(*opening("s", fmt), DONE)
    least = {**offer, "frame_bytes": FLOORS["frame_bytes"], "window": 1}
    most = {**offer, "frame_bytes": 1 << 40, "window": 1 << 20}
    refused = {"refused": "rejected"}
    for later, reply in (
        ({**least, "protocol": [2]}, refused),
        (most, {"ok": {"$": "any"}}),
        ({**most, "protocol": [2]}, refused),
        (least, {"ok": {"$": "any"}}),
    ):
        trial.expect("hello", later, reply)
        trial.expect("grit.id", {"format": fmt.name, "bytes": at.bytes}, {"ok": {"id": at.id}})
        trial.expect("grit.id", {"format": fmt.name, "bytes": above.bytes}, {"refused": "exhausted"})
        trial.expect_many([("ping", {}, DONE)] * limits["window"])
    trial.expect("grit.close", {"store": "s"}, DONE)


def refused_first(trial: Trial) -> None:
    """After a first hello that is refused or answered ``error``, the next one is answered as if it were the first."""
    offer = process_of(trial.subject).settings.hello_args()
    least = {**offer, "frame_bytes": FLOORS["frame_bytes"], "window": 1}
    asked: list[Asked] = [
        ("hello", {**least, "protocol": [2]}, {"refused": "rejected"}),
        ("hello", {**least, "protocol": []}, {"error": True}),
        ("hello", offer, {"ok": trial.claims.raw}),
        ("hello", {**least, "protocol": [3]}, {"refused": "rejected"}),
        ("hello", offer, {"ok": trial.claims.raw}),
    ]
    if claims_grit(trial):
        fmt = format_of(trial.claims)
        largest = exact_blob(fmt, trial.claims.limits["object_bytes"])
        asked.append(("grit.id", {"format": fmt.name, "bytes": largest.bytes}, {"ok": {"id": largest.id}}))
    _converse(trial, asked, "after a hello that was not accepted")


def _converse(trial: Trial, asked: Sequence[Asked], when: str) -> None:
    """Send requests and ``bye`` to a process of their own, which was not greeted."""
    subject = process_of(trial.subject)
    if subject.attached:
        subject.kill()  # a server may serve one client at a time; the next request connects again
    conversation = Conversation(subject.opener.open(), subject.settings, subject.deadlines, itertools.count())
    try:
        for op, args, expect, *_ in (*asked, ("bye", {}, DONE)):
            (answer,) = conversation.exchange([(op, args)])
            words = f"the reply to {op} is not as expected {when}"
            if isinstance(answer, SubjectFault):
                trial.fail("a reply", answer.cause, words=words)
            difference = compare(expect, answer, {})
            if difference is not None:
                trial.fail(difference.expected, difference.got, path=difference.path, words=words)
        fault = conversation.finish("bye")
        if fault is not None:
            raise fault
    finally:
        conversation.kill()


def exports_stay(trial: Trial) -> None:
    """An export in progress goes on after a later hello."""
    fmt, hello = format_of(trial.claims), process_of(trial.subject).settings.hello_args()
    again: Asked = ("hello", hello, {"ok": trial.claims.raw})
    trial.expect(*opening("s", fmt), DONE)
    blobs = [exact_blob(fmt, _HALF_PIECE + number) for number in range(4)]
    for number, blob in enumerate(blobs):
        change = {"name": f"tags/n{number}", "old": None, "new": blob.id}
        trial.expect("grit.put", {"store": "s", "bytes": blob.bytes}, {"ok": {"id": blob.id}})
        trial.expect("grit.cas", {"store": "s", "changes": [change]}, DONE)
    reply: dict[str, Json] = {"ok": {"bytes": {"$": "any"}, "cursor": {"$": "any"}}}
    cursor: Json = None
    for _ in range(_MOST_PIECES):
        cursor = trial.expect("grit.export", {"store": "s", "cursor": cursor}, reply)["cursor"]
        trial.expect_many([again])
        if cursor is None:
            break
    trial.expect("grit.close", {"store": "s"}, DONE)


def runtimes_stay(trial: Trial) -> None:
    """A runtime that was started goes on after a later hello."""
    fmt, hello = format_of(trial.claims), process_of(trial.subject).settings.hello_args()
    trial.expect(*opening("s", fmt), DONE)
    settings = {"schedule": "free", "clock": "system", "base_ms": 1, "cap_ms": 1, "max_attempts": 1, "transition_ms": 0}
    args = {"runtime": "r", "store": "s", "agent": "a", **settings}
    trial.expect("runtime.start", args, {"ok": {"agent": {"$": "any"}}})
    for _ in range(2):
        trial.expect("hello", hello, {"ok": trial.claims.raw})
        trial.expect("runtime.mail", {"runtime": "r"}, {"ok": {"mail": []}})
    trial.expect("runtime.stop", {"runtime": "r", "how": "now"}, DONE)
    trial.expect("grit.close", {"store": "s"}, DONE)


def stable(trial: Trial) -> None:
    """Each process of the command answers the same hello alike."""
    subject = process_of(trial.subject)
    for _ in range(2):
        if subject.attached:
            subject.kill()  # the next request connects again
        process = trial.subject if subject.attached else trial.spawn()
        trial.expect("hello", subject.settings.hello_args(), {"ok": trial.claims.raw}, on=process)
        if not subject.attached:
            process.close()


def independent(trial: Trial) -> None:
    """The reply to hello is the same for each suite, and for each version of the specification that the suite knows."""
    offer = process_of(trial.subject).settings.hello_args()
    for other in ({"suite": "client 1.0"}, {"spec": "10.20"}):
        _converse(trial, [("hello", {**offer, **other}, {"ok": trial.claims.raw})], "from another suite")


def offers(trial: Trial) -> None:
    """A protocol that the adapter supports is chosen among others, wherever it is in the list."""
    hello = process_of(trial.subject).settings.hello_args()
    known: Json = hello["protocol"][0]
    for offered in ([known, _OTHER_PROTOCOL], [_OTHER_PROTOCOL, known], [_OTHER_PROTOCOL, known, 1 << 32], [known] * 2):
        _converse(trial, [("hello", {**hello, "protocol": offered}, {"ok": trial.claims.raw})], "to several protocols")


_OTHER_PROTOCOL: Final = 2


def transcoded(trial: Trial) -> None:
    """A bundle that fits into the least line, and whose transcoding does not, is exhausted; a shorter one is not."""
    least = {**process_of(trial.subject).settings.hello_args(), "frame_bytes": FLOORS["frame_bytes"]}
    graph = Graph(FRAMED_SHA256)
    leaf = graph.add(Blob((), b"leaf"))
    tree = graph.add(Tree(tuple((f"{number:04x}", leaf) for number in range(_ENTRIES))))
    asked: list[Asked] = [("hello", least, {"ok": {"$": "any"}})]
    for blobs, reply in ((0, {"ok": {"bundle": {"$": "any"}}}), (3, {"refused": "exhausted"})):
        padding = {f"tags/n{number}": graph.add(Blob((), bytes([number]) * _PADDING)) for number in range(blobs)}
        graph.references = {"tags/tree": tree, **padding}
        formats = {"from": FRAMED_SHA256.name, "to": CBOR_BLAKE3.name}
        asked.append(("grit.transcode", {**formats, "bundle": encode_bytes(graph.bundle())}, reply))
    _converse(trial, asked, "in the least line")


def listed(trial: Trial) -> None:
    """A list of effects longer than the least line is an error; the effects stay open and are listed when it fits."""
    least = {**process_of(trial.subject).settings.hello_args(), "frame_bytes": FLOORS["frame_bytes"]}
    fmt = next(each for each in FORMATS.values() if each.name in trial.claims.formats)
    stage = Stage(Graph(fmt))
    requests = [bytes([number]) * _REQUEST_BYTES for number in range(_REQUESTS)]
    blobs = [stage.blob(data) for data in requests]
    actor = stage.core(b"a")
    content = stage.program(b"".join(programs.send(programs.SENDER, at, _EFFECT) for at in range(_REQUESTS)), *blobs)
    messages: list[bytes | None] = [None]
    for blob in blobs:
        messages.append(Graph(fmt).add(Message(messages[-1], (("mt", _EFFECT),), blob)))
    settings = {"schedule": "free", "clock": "system", "base_ms": 1, "cap_ms": 1, "max_attempts": 1, "transition_ms": 0}
    asked: list[Asked] = [
        ("hello", least, {"ok": {"$": "any"}}),
        (*opening("s", fmt), DONE),
        *(
            ("grit.put", {"store": "s", "bytes": encode_bytes(data)}, {"ok": {"id": identity.hex()}})
            for identity, data in stage.graph.encodings.items()
        ),
        ("runtime.start", {"runtime": "r", "store": "s", "agent": "a", **settings}, {"ok": {"agent": {"$": "any"}}}),
    ]
    for headers, told in (([["mt", "genesis"]], actor), ([], content)):
        about = {"to": actor.hex(), "headers": headers, "content": told.hex(), "mode": "queue"}
        asked.append(("runtime.inject", {"runtime": "r", **about}, {"ok": {"message": {"$": "any"}}}))
    asked.append(("runtime.run", {"runtime": "r", "max_steps": 1 << 20}, {"ok": {"$": "any"}}))
    open_effects = [
        {
            "effect": f"{actor.hex()}.{message.hex()}",
            "actor": actor.hex(),
            "message": message.hex(),
            "kind": _EFFECT.removeprefix("effect."),
            "request": encode_bytes(data),
        }
        for message, data in zip(filter(None, messages), requests, strict=True)
    ]
    for read in range(_REQUESTS + 1):
        rest = open_effects[read:]
        is_long = sum(len(each["request"]) for each in rest) > FLOORS["frame_bytes"]
        asked += [("runtime.effects", {"runtime": "r"}, ERROR if is_long else {"ok": {"effects": rest}})] * 2
        if rest:
            args = {"runtime": "r", "sender": actor.hex(), "message": rest[0]["message"]}
            asked.append(("runtime.ack", args, DONE))
    _converse(trial, asked, "in the least line")


def closed(trial: Trial) -> None:
    """What is claimed comes with everything that it builds on."""
    _hold_hello_against(trial, "harness.hello.closed")


def floor(trial: Trial) -> None:
    """A sandbox claims an ABI, and a limit that ends an endless loop."""
    _hold_hello_against(trial, "sandbox.hello.floor")


def declared(trial: Trial) -> None:
    """Each limit is at least its floor and within its bounds."""
    _hold_hello_against(trial, "harness.hello.limits")


def _hold_hello_against(trial: Trial, rule: str) -> None:
    settings = process_of(trial.subject).settings
    reply = trial.expect("hello", settings.hello_args(), {"ok": trial.claims.raw}, rule="harness.hello.any-time")
    for breach in read_hello(reply, settings).breaches:
        if breach.rule == rule:
            trial.fail(rule, breach.detail, words=breach.cause, rule=rule)


def object_bytes(trial: Trial) -> None:
    """The limit ``object_bytes`` is real: at it an object is taken, one byte above it is exhausted."""
    fmt, limit = format_of(trial.claims), trial.claims.limits["object_bytes"]
    at, above = exact_blob(fmt, limit), exact_blob(fmt, limit + 1)
    trial.expect(*opening("s", fmt), DONE)
    trial.expect("grit.put", {"store": "s", "bytes": at.bytes}, {"ok": {"id": at.id}})
    trial.expect("grit.put", {"store": "s", "bytes": above.bytes}, {"refused": "exhausted"})
    trial.expect("grit.id", {"format": fmt.name, "bytes": above.bytes}, {"refused": "exhausted"})
    trial.expect("grit.close", {"store": "s"}, DONE)


def counts(trial: Trial) -> None:
    """The limits ``cas_names`` and ``refs`` are real: at them an update is made, one name above is exhausted."""
    fmt, limits = format_of(trial.claims), trial.claims.limits
    at_once = limits["frame_bytes"] // _CHANGE_BYTES  # more changes than this do not fit into a request
    most, total = min(limits["cas_names"], at_once), limits["refs"]
    total = total if total <= _MANY else most
    blob = blob_of(fmt, b"target")
    names = [f"tags/n{number}" for number in range(max(most, total) + 1)]
    trial.expect(*opening("s", fmt), DONE)
    trial.expect("grit.put", {"store": "s", "bytes": blob.bytes}, {"ok": {"id": blob.id}})
    if most == limits["cas_names"]:
        trial.expect(*_update(names[: most + 1], blob.id), {"refused": "exhausted"})
    trial.expect(*_update(names[: min(most, total)], blob.id), DONE)
    step = min(most, _BATCH)
    for start in range(most, total, step):
        trial.expect(*_update(names[start : min(start + step, total)], blob.id), DONE)
    if total == limits["refs"]:
        trial.expect(*_update(names[total : total + 1], blob.id), {"refused": "exhausted"})
    trial.expect("grit.close", {"store": "s"}, DONE)


def _update(names: list[str], target: str) -> tuple[str, dict[str, object]]:
    return "grit.cas", {"store": "s", "changes": [{"name": name, "old": None, "new": target} for name in names]}


def depth(trial: Trial) -> None:
    """The limit ``tree_depth`` is real: trees nested so deep are exported, one more is exhausted."""
    fmt, limit = format_of(trial.claims), min(trial.claims.limits["tree_depth"], _DEEP)
    trial.expect(*opening("s", fmt), DONE)
    below = blob_of(fmt, b"leaf")
    puts: list[Asked] = [("grit.put", {"store": "s", "bytes": below.bytes}, {"ok": {"id": below.id}})]
    chain = [below]
    for _ in range(limit + 1):
        chain.append(tree_of(fmt, "a", chain[-1]))
        puts.append(("grit.put", {"store": "s", "bytes": chain[-1].bytes}, {"ok": {"id": chain[-1].id}}))
    trial.expect_many(puts)
    for name, target in (("tags/at", chain[limit]), ("tags/above", chain[limit + 1])):
        trial.expect("grit.cas", {"store": "s", "changes": [{"name": name, "old": None, "new": target.id}]}, DONE)
    whole = {"ok": {"bytes": {"$": "any"}, "cursor": {"$": "any"}}}
    trial.expect("grit.export", {"store": "s", "names": ["tags/at"], "cursor": None}, whole)
    if limit == trial.claims.limits["tree_depth"]:
        above = {"store": "s", "names": ["tags/above"], "cursor": None}
        trial.expect("grit.export", above, {"refused": "exhausted"})
    trial.expect("grit.close", {"store": "s"}, DONE)


_LIMITS = ("harness.hello.limits",)
PROPERTIES = (
    Property("harness/hello/any-time", ("harness.hello.any-time",), any_time, kind="wire"),
    Property("harness/hello/in-force", ("harness.hello.in-force",), in_force, requires=_GRIT, kind="wire"),
    Property("harness/hello/later-offers", ("harness.hello.in-force",), later_offers, requires=_GRIT, kind="wire"),
    Property("harness/hello/refused-first", ("harness.hello.refused",), refused_first, kind="wire"),
    Property("harness/hello/exports-stay", ("harness.hello.any-time",), exports_stay, requires=_GRIT, kind="wire"),
    Property("harness/hello/runtimes-stay", ("harness.hello.any-time",), runtimes_stay, requires=_RUNTIME, kind="wire"),
    Property("harness/hello/stable", ("harness.hello.stable",), stable, kind="wire"),
    Property("harness/hello/offers", ("harness.hello.any-time",), offers, kind="wire"),
    Property("harness/hello/independent", ("harness.hello.stable",), independent, kind="wire"),
    Property(
        *("harness/frame/transcoded", ("harness.frame.transcoded",), transcoded), requires=_TRANSCODE, kind="wire"
    ),
    Property("harness/frame/list", ("harness.frame.list",), listed, requires=_EFFECTS, kind="wire"),
    Property("harness/hello/closed", ("harness.hello.closed", "harness.hello.any-time"), closed, kind="wire"),
    Property("sandbox/hello/floor", ("sandbox.hello.floor",), floor, requires=_SANDBOX, kind="wire"),
    Property("harness/hello/limits-declared", (*_LIMITS, "harness.hello.any-time"), declared, kind="wire"),
    Property("harness/hello/limits-object-bytes", _LIMITS, object_bytes, requires=_GRIT, kind="wire"),
    Property("harness/hello/limits-counts", _LIMITS, counts, requires=_GRIT, kind="wire"),
    Property("harness/hello/limits-tree-depth", _LIMITS, depth, requires=_GRIT, kind="wire"),
)
