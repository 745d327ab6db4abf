"""Encoding and decoding: what every object and any bytes must give."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.grammar import CBOR
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, Message, Object, Step, to_base64
from gritstone_conformance.properties.grit import draws
from gritstone_conformance.properties.grit.asking import decoding, encoding, hashing, judged_by
from gritstone_conformance.properties.grit.registry import Given, each_format
from gritstone_conformance.replies import Ok
from gritstone_conformance.strategies import objects
from gritstone_conformance.strategies.bulk import near_valid
from gritstone_conformance.strategies.edits import edit
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Asked, Property, Trial

__all__ = ["PROPERTIES"]

_BULK_INPUTS: Final = 64  # in one example


def round_trip(trial: Trial, fmt: Format, value: Object) -> None:
    """Whenever decoding accepts bytes, encoding the object gives back these bytes; the id is the hash of the whole."""
    limits = Limits.of(trial.claims.limits)
    data = fmt.encode(value)
    decoded = decoding(fmt, data, limits), encoding(fmt, fmt.decode(data), limits)
    trial.expect_many([*decoded, hashing(fmt, data, "grit.id.whole")])
    trial.reach("an object that refers to others", not isinstance(value, Blob))


def whole_hash(trial: Trial, fmt: Format, value: Object) -> None:
    """The id of an object is the format's hash of its whole encoding, from the first to the last byte."""
    data = fmt.encode(value)
    limits = Limits.of(trial.claims.limits)
    identity, anything = fmt.hash(data).hex(), {"$": "any"}
    op, args, *_ = encoding(fmt, value, limits)
    given = trial.expect(op, args, ok(bytes=anything, id=anything))
    trial.expect("grit.id", {"format": fmt.name, "bytes": given.get("bytes", "")}, ok(id=given.get("id", "")))
    op, args, *_ = decoding(fmt, data, limits)
    trial.expect(op, args, ok(object=anything, id=identity))
    trial.expect_many([hashing(fmt, each) for each in (data, b"", data[1:], data[:-1])])


def in_order(trial: Trial, fmt: Format, value: Object, tape: Tape) -> None:
    """The headers of an object and its entries are written in the format's order, however they were given."""
    limits = Limits.of(trial.claims.limits)
    shuffled = [objects.shuffled(tape, value) for _ in range(2)]
    trial.reach("given in another order", any(each != value for each in shuffled))
    given = [encoding(fmt, each, limits) for each in shuffled]
    trial.expect_many([*given, decoding(fmt, fmt.encode(value), limits)])


def one_spelling(trial: Trial, fmt: Format, value: Object, tape: Tape) -> None:
    """Encoding equal objects gives equal bytes and ids, in whatever order their headers or entries were given."""
    limits = Limits.of(trial.claims.limits)
    shuffled = [objects.shuffled(tape, value) for _ in range(3)]
    trial.reach("given in different orders", any(each != shuffled[0] for each in shuffled))
    trial.expect_many([encoding(fmt, each, limits) for each in shuffled])


def no_headers(trial: Trial, fmt: Format, value: Blob | Message) -> None:
    """A blob or message without headers has one encoding, in which the list or map of headers is empty."""
    limits = Limits.of(trial.claims.limits)
    trial.reach("a blob" if isinstance(value, Blob) else "a message")
    bare = Blob((), value.data) if isinstance(value, Blob) else Message(value.previous, (), value.content)
    trial.expect_many([encoding(fmt, bare, limits), decoding(fmt, fmt.encode(bare), limits)])


def absent_fields(trial: Trial, fmt: Format, ids: list[bytes]) -> None:
    """Previous, inbox and outbox of a step may each be none, in every combination; actor and core are there."""
    limits = Limits.of(trial.claims.limits)
    requests: list[Asked] = []
    for absent in range(8):
        previous, inbox, outbox = (None if absent >> bit & 1 else ids[bit] for bit in range(3))
        value = Step(previous, ids[3], inbox, outbox, ids[4])
        requests += [encoding(fmt, value, limits), decoding(fmt, fmt.encode(value), limits)]
    trial.expect_many(requests)


def first_message(trial: Trial, fmt: Format, value: Message) -> None:
    """The absence of a previous message is 32 zero bytes in one format, null in the other, and decodes to none."""
    limits = Limits.of(trial.claims.limits)
    requests: list[Asked] = []
    for previous in (None, value.previous or value.content):
        message = Message(previous, value.headers, value.content)
        requests += [encoding(fmt, message, limits), decoding(fmt, fmt.encode(message), limits)]
    trial.expect_many(requests)


def accepted_means_equal(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whenever decoding accepts bytes, right or wrong, encoding the object that it gave gives back these bytes."""
    good = fmt.encode(objects.build(tape, fmt.name))
    trial.expect_many([decoding(fmt, good, Limits.of(trial.claims.limits))])
    for data in (good, *(edit(tape.turned(at), good) for at in (16, 32, 48))):
        reply = trial.observe("grit.decode", {"format": fmt.name, "bytes": to_base64(data)})
        if isinstance(reply, Ok):
            given = {"format": fmt.name, "object": reply.value.get("object")}
            trial.expect("grit.encode", given, ok(bytes=to_base64(data), id=reply.value.get("id")))


def edited(trial: Trial, fmt: Format, tape: Tape) -> None:
    """For every byte string decoding ends with one object or a refusal, of a class that is true of the bytes."""
    limits = Limits.of(trial.claims.limits)
    good = fmt.encode(objects.build(tape, fmt.name))
    asked = [decoding(fmt, data, limits) for data in (good, edit(tape, good))]
    trial.expect_many([(*each[:3], judged_by(each)) for each in asked])


def bulk(trial: Trial, fmt: Format, seed: int) -> None:
    """For every byte string decoding ends with exactly one object or a refusal of a class that is true of it."""
    limits = Limits.of(trial.claims.limits)
    asked = [decoding(fmt, data, limits) for data in near_valid(seed, fmt, _BULK_INPUTS)]
    trial.expect_many([(*each[:3], judged_by(each)) for each in asked])


def _object_and_tape(fmt: Format) -> Mapping[str, st.SearchStrategy[Any]]:
    return {"value": objects.objects(fmt), "tape": from_tape(lambda tape: tape, 16)}


def _five_ids(fmt: Format) -> Mapping[str, st.SearchStrategy[Any]]:
    return {"ids": from_tape(lambda tape: [objects.identity(tape) for _ in range(5)], 5)}


def _several(*kinds: str) -> Given:
    """Draw an object with three headers or entries, and a tape to shuffle them."""

    def build(fmt: Format, tape: Tape) -> Object:
        return objects.build(tape, fmt.name, tape.pick(kinds), least=3)

    return lambda fmt: {"value": from_tape(partial(build, fmt), 64), "tape": from_tape(lambda tape: tape, 8)}


def _keeping_order(name: str, rule: str, *kinds: str, **more: Any) -> tuple[Property, ...]:
    """Return the properties that an object of these kinds is encoded in order, however it was given."""
    reach = {"given in another order": 0.2}
    return each_format(name, in_order, rule, reach=reach, given=_several(*kinds), examples=15, **more)


PROPERTIES: Final = (
    *each_format(
        "object/round-trip",
        round_trip,
        "grit.object.round-trip",
        "grit.id.whole",
        reach={"an object that refers to others": 0.3},
        given=draws.value(),
        examples=36,
    ),
    *each_format("object/accepted", accepted_means_equal, "grit.object.round-trip", given=draws.tape(96), examples=36),
    *each_format("id/whole", whole_hash, "grit.id.whole", given=draws.value(), examples=15),
    *_keeping_order("tree/key-order-encoded", "grit.tree.key-order", "tree"),
    *_keeping_order("mailbox/key-order-encoded", "grit.mailbox.key-order", "mailbox"),
    *_keeping_order("header/order-encoded", "grit.header.order", "blob", "message"),
    *_keeping_order("cbor/map-order-encoded", "grit.cbor.map-order", "tree", "blob", "message", formats=(CBOR,)),
    *each_format("object/one-spelling", one_spelling, "grit.object.one-spelling", given=_object_and_tape, examples=30),
    *each_format(
        "header/none",
        no_headers,
        "grit.header.empty",
        reach={"a blob": 0.1},
        given=draws.value("blob", "message"),
        examples=18,
    ),
    *each_format("step/absent-fields", absent_fields, "grit.step.fields", given=_five_ids, examples=12),
    *each_format("message/first", first_message, "grit.message.previous", given=draws.value("message"), examples=18),
    *each_format(
        *("object/edited", edited, "grit.object.total", "grit.object.class", "grit.object.round-trip"),
        reach={"grit.decode refused": 0.15},
        given=draws.tape(96),
        examples=72,
    ),
    *each_format(
        *("object/bulk", bulk, "grit.object.total", "grit.object.class", "grit.object.round-trip"),
        given=draws.seed,
        examples=12,
    ),
)
