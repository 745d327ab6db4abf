"""Long lists in few bytes, and the index of the frames of a bundle: what they refuse."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.bundle import scan, write
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.frame_index import FrameIndex, Places, Shapes, held_frames, index_frames
from gritstone_conformance.model.packed import Ids, ReadList
from selftests.fakes.staging import ball_game, run_lowest


@pytest.mark.parametrize("at", [3, 4, -4, -5])
def test_positions_beyond_the_ends_of_a_packed_list_are_refused(at: int) -> None:
    ids = Ids(bytes([each]) * 32 for each in range(3))
    squares = ReadList(3, lambda position: position * position)
    for packed in (ids, squares):
        with pytest.raises(IndexError):
            packed[at]


def test_packed_list_equals_a_plain_one() -> None:
    plain = [bytes([each]) * 32 for each in range(7)]
    ids, read = Ids(plain), ReadList(7, plain.__getitem__)
    for packed in (ids, read):
        assert [packed[at] for at in range(-7, 7)] == plain * 2
        assert packed[2:6:2] == plain[2:6:2]
        assert list(packed) == plain


def test_read_list_keeps_what_it_read() -> None:
    asked: list[int] = []

    def read(at: int) -> int:
        asked.append(at)
        return at

    squares = ReadList(3, read)
    assert squares[1] == squares[1] == 1
    assert asked == [1]


RAW = run_lowest(ball_game(FRAMED_SHA256)).store.export()
BEGIN = RAW.index(b"\n\n") + 2
FRAME = 9 + int.from_bytes(RAW[BEGIN + 1 : BEGIN + 9])
IRREGULAR = {
    "a longer frame than the file": RAW[: BEGIN + 1] + bytes([255] * 8) + RAW[BEGIN + 9 :],
    "a frame twice": RAW[: BEGIN + FRAME] + RAW[BEGIN:],
    "another tag": RAW[:BEGIN] + b"q" + RAW[BEGIN + 1 :],
    "another end": RAW[:-41] + b"y" + RAW[-40:],
    "another count": RAW[:-33] + bytes([RAW[-33] ^ 1]) + RAW[-32:],
    "bytes before the end": RAW[:-41] + b"o" + RAW[-41:],
    "an earlier end": RAW[:-42] + RAW[-41:],
}


def test_regular_frames_are_read() -> None:
    held = held_frames(RAW, FRAMED_SHA256, BEGIN)
    assert held is not None
    assert held.places == scan(RAW).places


@pytest.mark.parametrize("name", IRREGULAR)
def test_irregular_frames_are_left_to_the_other_reader(name: str) -> None:
    assert held_frames(IRREGULAR[name], FRAMED_SHA256, BEGIN) is None
    assert index_frames(IRREGULAR[name], FRAMED_SHA256, BEGIN) is None


@pytest.mark.parametrize(
    "extra", [RAW[BEGIN : BEGIN + FRAME], b"q" + bytes(31) + b"\1"], ids=["a frame twice", "another tag"]
)
def test_extra_frame_that_is_counted_is_irregular(extra: bytes) -> None:
    """The count is right; the order of the ids or the tag is not."""
    count = int.from_bytes(RAW[-40:-32]) + 1
    longer = RAW[:BEGIN] + extra + RAW[BEGIN:-40] + count.to_bytes(8) + RAW[-32:]
    assert held_frames(longer, FRAMED_SHA256, BEGIN) is None
    tombstone = b"x" + bytes(31) + b"\1"
    assert held_frames(longer.replace(extra, tombstone, 1), FRAMED_SHA256, BEGIN) is not None


def test_index_refuses_other_ids() -> None:
    index = FrameIndex(RAW, FRAMED_SHA256, BEGIN)
    for mapping in (Shapes(index), Places(index)):
        with pytest.raises(KeyError):
            mapping[bytes(32)]
        assert bytes(32) not in mapping


def test_bundle_without_frames_has_no_index() -> None:
    empty = write(FRAMED_SHA256, {}, {})
    assert index_frames(empty, FRAMED_SHA256, empty.index(b"\n\n") + 2) is None
