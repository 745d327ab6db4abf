"""What SHOULD not grow: time with the number of objects, memory with the size of a bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.bundle import write, write_file
from gritstone_conformance.model.formats import CBOR_BLAKE3, Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.properties.grit.pair import PIECE_BYTES, Pair, open_memory
from gritstone_conformance.properties.grit.registry import each_format, is_first
from gritstone_conformance.timing import Stopwatch
from gritstone_conformance.trial import Asked, Trial

__all__ = ["PROPERTIES"]

_FEW, _MANY = 1_000, 25_000  # objects; what grows too much by 25,000 has grown too much by 100,000
_TIMES: Final = 3  # how much longer an operation may take
_BATCH: Final = 64  # operations of one measurement
_ROUNDS: Final = 7  # measurements, of which the fastest counts
_TRIES: Final = 3  # how often what took too long is measured again
_NOISE_S: Final = 30e-6  # seconds per operation: below it the pipe is measured, not the store
_BLOB_BYTES: Final = 1_000_000  # fits every implementation
_STREAMED: Final = 260  # blobs: with a process of its own about the allowance, so that holding them shows
_ALLOWED_BYTES: Final = 256 << 20

_Operation = Callable[[Pair, list[bytes], int], list[Asked]]


def flat(trial: Trial, fmt: Format) -> None:
    """With 100,000 small objects in a store, put, get, has and cas take less than three times as long as with 1,000."""
    small, large = open_memory(trial, fmt, "s"), open_memory(trial, fmt, "t")
    counts = ((small, _FEW), (large, _MANY if is_first(trial, fmt) else _FEW * 4))
    identities = {pair: _populate(pair, count) for pair, count in counts}
    for operation in (_puts, _gets, _asks, _updates):
        few = many = float("inf")
        for attempt in range(_TRIES):
            few = min(few, _fastest(small, operation, identities[small], attempt))
            many = min(many, _fastest(large, operation, identities[large], attempt))
            if many <= _TIMES * few or many - few <= _NOISE_S * _BATCH:
                break
        else:
            words = f"{operation.__name__[1:]} take more than three times as long with many objects"
            trial.fail_slow(_TIMES, few / _BATCH, many / _BATCH, words=words)


def _populate(pair: Pair, count: int) -> list[bytes]:
    """Import a tree over so many blobs, outside the model; returns their ids."""
    fmt = pair.model.format
    before, after = fmt.encode(Blob((), b"\xee" * 4)).split(b"\xee" * 4)
    frames: dict[bytes, bytes | None] = {}
    for number in range(count):
        data = before + number.to_bytes(4) + after
        frames[fmt.hash(data)] = data
    identities = list(frames)
    top = fmt.encode(Tree(tuple((f"{number:06}", identity) for number, identity in enumerate(identities))))
    frames[fmt.hash(top)] = top
    data = write(fmt, {"tags/all": fmt.hash(top)}, frames)
    requests: list[Asked] = []
    for at in range(0, len(data), PIECE_BYTES):
        more = at + PIECE_BYTES < len(data)
        expect = ok(objects=0, refs=0) if more else ok(objects=len(frames), refs=1)
        requests.append(pair.piece(data[at : at + PIECE_BYTES], more=more, expect=expect))
    pair.expect(*requests)
    return identities


def _fastest(pair: Pair, operation: _Operation, ids: list[bytes], attempt: int) -> float:
    """Return the seconds of processor time of the fastest of some rounds; no round of another attempt did the same."""
    return min(_measure(pair, operation, ids, attempt * _ROUNDS + number) for number in range(_ROUNDS))


def _measure(pair: Pair, operation: _Operation, ids: list[bytes], at: int) -> float:
    requests = operation(pair, ids, at)
    watch = Stopwatch(pair.trial)
    pair.expect(*requests)
    return watch.worked_s()


def _spread(identities: list[bytes], number: int) -> list[bytes]:
    return [identities[(number + 7 + at * 9973) % len(identities)] for at in range(_BATCH)]


def _puts(pair: Pair, identities: list[bytes], number: int) -> list[Asked]:
    encodings = [pair.model.format.encode(Blob((), bytes((number, at, 1)))) for at in range(_BATCH)]
    return [pair.put(data) for data in encodings]


def _gets(pair: Pair, identities: list[bytes], number: int) -> list[Asked]:
    any_bytes = ok(bytes={"$": "any"})
    chosen = _spread(identities, number)
    return [("grit.get", {"store": pair.handle, "id": identity.hex()}, any_bytes) for identity in chosen]


def _asks(pair: Pair, identities: list[bytes], number: int) -> list[Asked]:
    chosen = _spread(identities, number)
    return [("grit.has", {"store": pair.handle, "ids": [each.hex()]}, ok(has=[True])) for each in chosen]


def _updates(pair: Pair, identities: list[bytes], number: int) -> list[Asked]:
    chosen = _spread(identities, number)
    requests: list[Asked] = []
    for at, identity in enumerate(chosen):
        change = {"name": f"m/{number}-{at}", "old": None, "new": identity.hex()}
        requests.append(("grit.cas", {"store": pair.handle, "changes": [change]}, ok()))
    return requests


def streamed(trial: Trial, fmt: Format) -> None:
    """Importing a bundle from a path and exporting it to one needs memory for the ids and one object only."""
    directory, source, target = trial.directory(), trial.path(), trial.path()
    # one large import is enough, and BLAKE3 is the cheaper hash
    large = fmt is CBOR_BLAKE3 or CBOR_BLAKE3.name not in trial.claims.formats
    count = _STREAMED if large else 16
    identities = sorted((fmt.hash(_blob(fmt, number)), number) for number in range(count))
    top = fmt.encode(Tree(tuple((f"{number:04}", identity) for identity, number in identities)))
    places = dict(sorted([*identities, (fmt.hash(top), -1)]))
    frames = ((identity, top if number < 0 else _blob(fmt, number)) for identity, number in places.items())
    size = write_file(source, fmt, {"tags/all": fmt.hash(top)}, frames)
    backend = {"backend": "durable", "dir": directory, "create": True}
    process = trial.spawn()  # the memory of one that has done other things before says nothing
    trial.expect("grit.open", {"store": "s", "format": fmt.name, **backend}, ok(), on=process)
    process.reset_peak_rss()
    trial.expect("grit.import", {"store": "s", "from": source}, ok(objects=count + 1, refs=1), on=process)
    trial.expect("grit.export", {"store": "s", "to": target}, ok(size=size, digest={"$": "any"}), on=process)
    peak = process.peak_rss_bytes()
    allowed = _ALLOWED_BYTES + trial.claims.limits["object_bytes"]
    if peak is not None and peak > allowed:
        trial.fail(f"at most {allowed}", peak, words="peak memory grew with the size of a bundle")


def _blob(fmt: Format, number: int) -> bytes:
    return fmt.encode(Blob((), number.to_bytes(4) * (_BLOB_BYTES // 4)))


PROPERTIES: Final = (
    *each_format("scale/flat", flat, "grit.store.flat", cost=700),
    *each_format("scale/streamed", streamed, "grit.bundle.stream", features=("durable", "files"), search_only=True),
)
