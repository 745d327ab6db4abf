"""Reading bundles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.errors import Exhausted, Invalid, Malformed, Refusal, Rejected
from gritstone.grit import (
    DEFAULT_LIMITS,
    FRAMED_SHA256,
    Blob,
    Change,
    Limits,
    Object,
    ObjectId,
    Store,
    Tree,
    export_bundle,
)
from gritstone.grit.bundle import BundleReader, Frame

Keep = Callable[[Store, Object], ObjectId]
Plant = Callable[[Store, int], dict[str, ObjectId]]


def read(store: Store, data: bytes, step: int | None = None, limits: Limits = DEFAULT_LIMITS) -> list[Frame]:
    return read_with(BundleReader(store.format, limits), data, step)


def read_with(reader: BundleReader, data: bytes, step: int | None) -> list[Frame]:
    frames: list[Frame] = []
    for start in range(0, max(1, len(data)), step or max(1, len(data))):
        frames += reader.feed(data[start : start + step] if step else data)
    reader.finish()
    return frames


@pytest.fixture
def demo(memory_store: Store, keep: Keep) -> bytes:
    """Return a small bundle: two references, a tree, a blob, a tombstone."""
    blob = keep(memory_store, Blob({"ct": "s"}, b"hello"))
    gone = keep(memory_store, Blob({}, b"gone"))
    tree = keep(memory_store, Tree({"greeting": blob, "gone": gone}))
    memory_store.update_references([Change("tags/a", None, tree), Change("tags/b", None, blob)])
    memory_store.erase(gone)
    with memory_store.snapshot() as snapshot:
        return b"".join(export_bundle(snapshot))


def sealed(store: Store, data: bytes) -> bytes:
    """Make the digest right again."""
    return data[:-32] + store.format.object_id(data[:-32])


@pytest.mark.parametrize("step", [1, 2, 7, 64, None])
def test_reader_returns_the_same_frames_for_any_piece_sizes(memory_store: Store, demo: bytes, step: int | None) -> None:
    frames = read(memory_store, demo, step)
    assert [frame.object_id for frame in frames] == sorted(frame.object_id for frame in frames)
    assert len(frames) == 3
    for frame in frames:
        if frame.data is not None:
            assert demo[frame.offset : frame.offset + len(frame.data)] == frame.data
            assert frame.value == memory_store.format.decode(frame.data, DEFAULT_LIMITS)


def test_references_are_read_with_the_frames(memory_store: Store, demo: bytes) -> None:
    reader = BundleReader(memory_store.format, DEFAULT_LIMITS)
    list(reader.feed(demo))
    reader.finish()
    assert [name for name, _ in reader.references] == ["tags/a", "tags/b"]


def test_every_prefix_is_rejected(memory_store: Store, demo: bytes) -> None:
    for end in range(len(demo)):
        with pytest.raises(Malformed):
            read(memory_store, demo[:end])


def test_every_changed_byte_is_rejected(memory_store: Store, demo: bytes) -> None:
    for at in range(len(demo)):
        changed = bytearray(demo)
        changed[at] ^= 1
        with pytest.raises(Refusal):
            read(memory_store, bytes(changed))


def test_changed_frame_bytes_are_rejected_despite_a_new_digest(memory_store: Store, demo: bytes) -> None:
    for at in range(demo.index(b"\n\n") + 2, len(demo) - 32):
        for flip in (1, 0x80):
            changed = bytearray(demo)
            changed[at] ^= flip
            with pytest.raises(Refusal):
                read(memory_store, sealed(memory_store, bytes(changed)))


def test_wrong_digest_has_the_code_digest(memory_store: Store, demo: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read(memory_store, demo[:-1] + bytes([demo[-1] ^ 1]))
    assert caught.value.code == "digest"


def test_bytes_after_the_end_are_rejected(memory_store: Store, demo: bytes) -> None:
    for step in (None, 1):
        with pytest.raises(Malformed):
            read(memory_store, demo + b"\n", step)


def test_wrong_frame_count_is_rejected(memory_store: Store, demo: bytes) -> None:
    wrong = demo[:-40] + (4).to_bytes(8, "big") + bytes(32)
    with pytest.raises(Invalid):
        read(memory_store, sealed(memory_store, wrong))


HEAD = b"gritstone bundle 1\nformat framed-sha256\n"
HEX = b"1" * 64

LINES = {
    "other-first-line": (b"gritstone bundle 2\nformat framed-sha256\n\n", Malformed),
    "carriage-return": (b"gritstone bundle 1\r\nformat framed-sha256\n\n", Malformed),
    "no-format": (b"gritstone bundle 1\n\n", Malformed),
    "two-blanks": (b"gritstone bundle 1\nformat  framed-sha256\n\n", Malformed),
    "upper-case-format": (b"gritstone bundle 1\nformat Framed\n\n", Malformed),
    "long-format": (b"gritstone bundle 1\nformat " + b"f" * 33 + b"\n\n", Malformed),
    "other-format": (b"gritstone bundle 1\nformat cbor-blake3\n\n", Rejected),
    "unknown-format": (b"gritstone bundle 1\nformat zork\n\n", Rejected),
    "ref-upper-case-hex": (HEAD + b"ref tags/a " + b"A" * 64 + b"\n\n", Malformed),
    "ref-63": (HEAD + b"ref tags/a " + b"1" * 63 + b"\n\n", Malformed),
    "ref-65": (HEAD + b"ref tags/a " + b"1" * 65 + b"\n\n", Malformed),
    "ref-without-name": (HEAD + b"ref  " + HEX + b"\n\n", Malformed),
    "ref-with-space": (HEAD + b"ref tags/a b " + HEX + b"\n\n", Malformed),
    "ref-name-234": (HEAD + b"ref " + b"a" * 234 + b" " + HEX + b"\n\n", Malformed),
    "ref-no-end": (HEAD + b"ref " + b"a" * 1000, Malformed),
    "ref-name-233-bad": (HEAD + b"ref " + b"a" * 233 + b" " + HEX + b"\n\n", Invalid),
    "ref-bad-name": (HEAD + b"ref tags/../x " + HEX + b"\n\n", Invalid),
    "ref-repeated": (HEAD + b"ref a/a " + HEX + b"\nref a/a " + HEX + b"\n\n", Invalid),
    "ref-descending": (HEAD + b"ref a/b " + HEX + b"\nref a/a " + HEX + b"\n\n", Invalid),
    "unknown-frame": (HEAD + b"\ny" + bytes(100), Malformed),
    "long-frame": (HEAD + b"\no" + (1 << 40).to_bytes(8, "big"), Exhausted),
    "bad-object": (HEAD + b"\no" + (4).to_bytes(8, "big") + b"blob" + b"z" + bytes(40), Malformed),
    "zero-tombstone": (HEAD + b"\nx" + bytes(32) + b"z" + bytes(40), Invalid),
    "frames-repeated": (HEAD + b"\n" + (b"x" + b"1" * 32) * 2 + b"z" + bytes(40), Invalid),
    "frames-descending": (HEAD + b"\nx" + b"2" * 32 + b"x" + b"1" * 32, Invalid),
}


@pytest.mark.parametrize(("data", "kind"), [pytest.param(*case, id=name) for name, case in LINES.items()])
def test_invalid_lines_and_frames_are_rejected(data: bytes, kind: type[Refusal]) -> None:
    with pytest.raises(Refusal) as caught:
        read_with(BundleReader(FRAMED_SHA256, DEFAULT_LIMITS), data, 1)
    assert type(caught.value) is kind
    assert caught.value.code == ("format" if kind is Rejected else None)


def test_excessive_claimed_length_is_rejected_at_once() -> None:
    reader = BundleReader(FRAMED_SHA256, Limits(object_bytes=100))
    with pytest.raises(Exhausted):
        list(reader.feed(HEAD + b"\no" + (101).to_bytes(8, "big")))


def test_invalid_graphs_are_rejected(memory_store: Store, plant: Plant) -> None:
    plant(memory_store, 5)
    with memory_store.snapshot() as snapshot:
        data = b"".join(export_bundle(snapshot))
        reached = snapshot.closure([target for _, target in snapshot.references()])
    assert {frame.object_id for frame in read(memory_store, data, 100)} == set(reached)
