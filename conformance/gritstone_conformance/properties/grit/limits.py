"""Limits: each is exact, and what bytes claim reserves nothing."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import CBOR_BLAKE3, Format
from gritstone_conformance.model.limits import FLOORS, Limits
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.store import Change
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.grit.asking import decoding, encoding
from gritstone_conformance.properties.grit.pair import Pair, open_memory
from gritstone_conformance.properties.grit.references import blobs
from gritstone_conformance.properties.grit.registry import each_format, is_first
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES", "blob_of"]

_CLAIMED_BYTES: Final = 67_108_864  # what a small input may raise the peak by
_CHANGE_BYTES: Final = 256  # of a request, for one change; a limit whose update fits no frame is not tried
_MOST_IDS: Final = 4_096  # of one ``grit.has``
_MOST_LISTED: Final = 4_096  # references in one reply
_MANY_REFERENCES: Final = 32_768  # beyond it, making ``refs`` references takes too long for a gate


def whole_object(trial: Trial, fmt: Format) -> None:
    """An object of ``object_bytes`` is accepted by put, decoding and encoding; one byte more is ``exhausted``."""
    pair = open_memory(trial, fmt)
    limits = pair.model.limits
    if limits.object_bytes < FLOORS["object_bytes"]:
        trial.fail("at least the floor", limits.object_bytes, words="the limit object_bytes is below its floor")
    at, over = blob_of(fmt, limits.object_bytes), blob_of(fmt, limits.object_bytes + 1)
    data, junk = fmt.encode(at), bytes(limits.object_bytes + 1)
    for asked in (pair.put(data), pair.put(junk)):
        pair.expect(asked)
    pair.expect(pair.has([fmt.hash(data), fmt.hash(junk)]))
    if is_first(trial, fmt):
        for asked in (encoding(fmt, at, limits), decoding(fmt, data, limits)):
            pair.expect(asked)
        for asked in (encoding(fmt, over, limits), decoding(fmt, junk, limits)):
            pair.expect(asked)


def blob_of(fmt: Format, size: int) -> Blob:
    """Return the blob whose encoding has exactly so many bytes."""
    length = size - len(fmt.encode(Blob((), bytes(size // 2)))) + size // 2
    while len(fmt.encode(Blob((), bytes(length)))) > size:
        length -= 1
    blob = Blob((), bytes(length))
    assert len(fmt.encode(blob)) == size
    return blob


def names_in_one_update(trial: Trial, fmt: Format) -> None:
    """An update of ``cas_names`` changes is accepted as one; one more makes it ``exhausted`` and changes nothing."""
    pair = open_memory(trial, fmt)
    limit = pair.model.limits.cas_names
    if limit < FLOORS["cas_names"]:
        trial.fail("at least the floor", limit, words="the limit cas_names is below its floor")
    exact = limit <= trial.claims.limits["frame_bytes"] // _CHANGE_BYTES
    limit = limit if exact else FLOORS["cas_names"]
    (target,) = blobs(pair, 1)
    room = min(limit, pair.model.limits.refs)
    names = [f"tags/{number}" for number in range(limit + 1)]
    over = [Change(name, None, target if number < room else None) for number, name in enumerate(names)]
    if exact:
        pair.expect(pair.cas(*over), pair.refs())
    pair.expect(pair.cas(*over[:limit]), pair.refs())
    checks = [Change(name, pair.model.references.get(name), pair.model.references.get(name)) for name in names]
    pair.expect(pair.cas(*checks[:limit]), *([pair.cas(*checks)] if exact else []))
    removed = Change(names[0], target, None)
    if exact:
        pair.expect(pair.cas(removed, *checks[1:]), pair.refs(names[0], None, 1))
    pair.expect(pair.cas(removed, *checks[1:limit]), pair.refs(names[0], None, 1))
    pair.expect(pair.cas(*checks[1:limit], Change(names[0], None, target)), pair.refs())


def names_in_one_import(trial: Trial, fmt: Format) -> None:
    """An import sets more references than ``cas_names`` at once."""
    pair = open_memory(trial, fmt)
    count = min(pair.model.limits.cas_names, _MANY_REFERENCES) + 1
    if count > pair.model.limits.refs:
        trial.remark = "not tried: as many references as that are beyond the limit refs"
        return
    graph = Graph(fmt)
    graph.references = dict.fromkeys((f"tags/{number}" for number in range(count)), graph.add(Blob((), b"leaf")))
    pair.expect(*pair.take(graph.bundle()), pair.refs("tags/", None, 1))
    pair.expect(*pair.take(graph.bundle()), pair.refs("tags/", f"tags/{count - 2}", 2))


def references_in_one_store(trial: Trial, fmt: Format) -> None:
    """An update after which a store has ``refs`` references is accepted; with one more it is ``exhausted``."""
    pair = open_memory(trial, fmt)
    limits = pair.model.limits
    if limits.refs < FLOORS["refs"]:
        trial.fail("at least the floor", limits.refs, words="the limit refs is below its floor")
    exact = limits.refs <= _MANY_REFERENCES
    count = limits.refs if exact else FLOORS["refs"]
    target, other = blobs(pair, 2)
    width = min(limits.cas_names, 4096)
    for start in range(0, count, width):
        names = [f"t/{number}" for number in range(start, min(start + width, count))]
        pair.expect(_create(pair, names, target))
    if exact:
        one_more = Change("t/more", None, target)
        moved, back = Change("t/0", target, other), Change("t/0", other, target)
        pair.expect(pair.cas(moved, one_more), pair.refs("t/0", None, 1), pair.cas(moved), pair.refs("t/0", None, 1))
        pair.expect(pair.cas(back, Change("t/1", target, other)), pair.cas(Change("t/1", other, target)))
        pair.expect(pair.cas(one_more), pair.refs("t/m"), pair.cas(Change("t/0", target, None), one_more))
        pair.expect(pair.cas(Change("t/0", None, target)), pair.refs("t/m"), pair.cas(Change("t/more", target, None)))
        pair.expect(pair.cas(Change("t/0", None, target)), pair.cas(Change("t/1", target, target)))
        frames = {target: pair.model.objects[target]}
        pair.expect(*pair.take(write(fmt, {"t/0": target, "t/more": target}, frames)), pair.refs("t/m"))
        pair.expect(*pair.take(write(fmt, {"t/0": target, "t/1": target}, frames)))
    pair.expect(pair.refs("t/", None, 2), pair.refs("t/", f"t/{count - 1}", 2), rule="grit.ref.list")
    pair.expect(*(pair.refs("t/", None, limit) for limit in (_MOST_LISTED - 1, _MOST_LISTED)), rule="grit.ref.list")


def references_of_a_bundle(trial: Trial, fmt: Format) -> None:
    """An import after which a store has ``refs`` references is accepted; with one more it is ``exhausted``."""
    pair = open_memory(trial, fmt)
    limit = pair.model.limits.refs
    if limit > _MANY_REFERENCES:
        trial.remark = f"not tried: the limit is above {_MANY_REFERENCES}"
        return
    (target,) = blobs(pair, 1)
    width = min(pair.model.limits.cas_names, 4096)
    names = [f"t/{number}" for number in range(limit - 2)]
    for start in range(0, len(names), width):
        pair.expect(_create(pair, names[start : start + width], target))

    def take(*chosen: str) -> list[Asked]:
        graph = Graph(fmt)
        leaf = graph.add(Blob((), bytes(3)))
        graph.references = dict.fromkeys(chosen, leaf)
        assert leaf == target
        return [*pair.take(graph.bundle()), pair.refs("u/")]

    pair.expect(*take("u/a", "u/b", "u/c"), *take("t/0", "u/a"), *take("u/b", "u/c"), *take("t/1", "u/a", "u/b"))
    pair.expect(*take("t/0", "t/1", "u/a", "u/b"), *take("u/b"), *take(), *take("u/c"), *take("t/0", "u/c"))
    pair.expect(pair.point("u/a", None), *take("u/c", "u/d"), *take("t/0", "u/c"), *take("u/d"))


def _create(pair: Pair, names: list[str], target: bytes) -> Asked:
    """Return the update that creates references, without asking the model about each: that would be quadratic."""
    changes = [Change(name, None, target) for name in names]
    pair.model.references |= dict.fromkeys(names, target)
    return "grit.cas", {"store": pair.handle, "changes": [change.to_json() for change in changes]}, ok()


def ids_in_one_question(trial: Trial, fmt: Format) -> None:
    """``grit.has`` answers up to 4,096 ids, each in its place; the same id may occur again."""
    pair = open_memory(trial, fmt)
    encodings = [fmt.encode(Blob((), number.to_bytes(2))) for number in range(_MOST_IDS // 2)]
    pair.expect(*(pair.put(data) for data in encodings))
    mixed = [fmt.hash(data if number % 2 else data + b"absent") for data in encodings for number in range(2)]
    last = fmt.hash(encodings[-1])
    pair.expect(pair.has(mixed), pair.has(mixed[: _MOST_IDS - 1]), pair.has([last] * _MOST_IDS), pair.has([]))


def far_offsets(trial: Trial, fmt: Format) -> None:
    """A damage at an offset past the encoding is ``rejected`` and changes nothing, also past 32 bits."""
    pair = open_memory(trial, fmt)
    data = fmt.encode(Blob((), b"whole"))
    identity = fmt.hash(data)
    pair.expect(pair.put(data))
    for offset in (len(data), 1 << 31, 1 << 32, (1 << 32) + 1, (1 << 53) - 1):
        pair.expect(pair.damage(identity, offset, 1), pair.get(identity), rule="grit.store.verify")


def claimed_lengths(trial: Trial, fmt: Format) -> None:
    """Decoding up to 1,024 bytes, whatever lengths they state, raises the peak of memory by at most 64 MiB."""
    limits = Limits.of(trial.claims.limits)
    inputs = _cbor_claims() if fmt is CBOR_BLAKE3 else _framed_claims()
    warm = decoding(fmt, fmt.encode(Blob((), b"warm")), limits, "grit.object.round-trip")
    trial.expect_many([warm, decoding(fmt, inputs[0][:1], limits)])
    trial.subject.reset_peak_rss()
    before = trial.subject.peak_rss_bytes()
    trial.expect_many([decoding(fmt, data, limits) for data in inputs])
    after = trial.subject.peak_rss_bytes()
    if before is not None and after is not None and after - before > _CLAIMED_BYTES:
        trial.fail(f"at most {_CLAIMED_BYTES}", after - before, words="peak memory grew with a claimed length")


def _cbor_claims() -> list[bytes]:
    """Return inputs that claim up to 2^64 - 1 bytes, items or pairs, at each place that has a length."""
    maps = (b"\x82\x01", b"\x82\x01\xa1", b"\x82\x03", b"\x82\x03\xa1", b"\x83\x00\xa1", b"\x83\x00\xa1\x61a")
    places = (b"", b"\x83\x00", b"\x83\x00\xa0", *maps)
    sizes = [b"\x1a\x08\x00\x00\x00", b"\x1a\x3b\x9a\xca\x00", b"\x1a\xff\xff\xff\xff", b"\x1b" + b"\xff" * 8]
    sizes += [b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00", b"\x1b\x7f" + b"\xff" * 7]
    majors = (2, 3, 4, 5)
    heads = [bytes((major << 5 | size[0],)) + size[1:] for major in majors for size in sizes]
    whole = [place + head for place in places for head in heads]
    return [*whole, b"\x9b\x00\x00\x00\x00\x10" * 100, b"\x9a\x08\x00\x00\x00" * 200, b"\x81" * 1024]


def _framed_claims() -> list[bytes]:
    words = (b"blob", b"tree", b"message", b"mailbox", b"step")
    numbers = (b"134217728", b"1000000000", b"4294967296", b"9223372036854775807", b"9999999999999999999")
    return [
        word + b" " + number + b"\0" + tail for word in words for number in numbers for tail in (b"", b"\0", b"a\0b")
    ]


PROPERTIES: Final = (
    *each_format("object/size-limit", whole_object, "grit.object.size-limit", cost=700),
    *each_format("object/claimed-lengths", claimed_lengths, "grit.object.memory", "grit.object.round-trip"),
    *each_format("damage/far-offsets", far_offsets, "grit.store.verify", features=("damage",)),
    *each_format("ref/names-limit", names_in_one_update, "grit.ref.limit"),
    *each_format("ref/names-of-an-import", names_in_one_import, "grit.ref.limit"),
    *each_format("store/most-ids", ids_in_one_question, "grit.store.has"),
    *each_format("ref/count-limit", references_in_one_store, "grit.ref.limit", "grit.ref.list"),
    *each_format("ref/import-limit", references_of_a_bundle, "grit.ref.limit"),
)
