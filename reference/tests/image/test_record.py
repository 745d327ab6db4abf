"""Records and small texts: what is accepted, and what is refused."""

from __future__ import annotations

import pytest

from gritstone.errors import Malformed
from gritstone.image.record import HeadMove, Record, Root, Undone, decode_record, encode_record
from gritstone.image.refusals import Failure
from gritstone.image.texts import is_kernel_type, is_mt, is_plain_type, read_id, read_number

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
RECORD = Record(
    7,
    1_000,
    (Root(A, B, C), Root(A, C, B)),
    12,
    None,
    (Undone(Root(B, C, A), Failure("rejected", "failed:trap")),),
    (HeadMove(A, None, B), HeadMove(B, C, A)),
    ((C, A),),
    (B,),
)


@pytest.mark.parametrize("failure", [None, Failure("missing", "handler")])
def test_record_survives_its_text(failure: Failure | None) -> None:
    record = Record(RECORD.seq, RECORD.clock, RECORD.roots, RECORD.fuel, failure, RECORD.savepoints, RECORD.heads)
    assert decode_record(encode_record(record).encode()) == record
    assert decode_record(encode_record(RECORD).encode()) == RECORD


TEXT = encode_record(RECORD)
LINES = TEXT.splitlines(keepends=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("image-op 1", "image-op 2"),
        TEXT.replace("seq 7", "seq 07"),
        TEXT.replace("seq 7", "seq 0"),
        TEXT.replace("clock 1000", f"clock {2**63}"),
        TEXT.replace("outcome committed", "outcome genesis"),
        TEXT.replace("outcome committed", "outcome failed why/x"),
        TEXT.replace("outcome committed", "outcome failed rejected/X"),
        TEXT.replace(f"head {A.hex()} -", f"head {A.hex()} +"),
        TEXT.replace(A.hex(), "AB" * 32),
        "".join([*LINES[:8], LINES[9], LINES[8], *LINES[10:]]),
        "".join([*LINES[:9], LINES[8], *LINES[9:]]),
        "".join([*LINES[:3], LINES[-1], *LINES[3:]]),
        TEXT.replace("fuel", "fu\u00e9l"),
    ],
)
def test_malformed_record_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode_record(text.encode())


def test_types() -> None:
    kernel = ["image.grant", "image.emit.e", "image.subscribe.a-b_0", "image.unsubscribe." + "e" * 32]
    plain = ["a", "effect.x", "images", "imagex.grant", "once", "a" * 64, "-", "."]
    others = ["", "A", "a" * 65, "a b", "genesis", "reply", "failed", "update", "cleanup", "receipt", "on.e"]
    wrong = [
        "image.",
        "image.op",
        "image.grant.x",
        "image.emit",
        "image.emit.",
        "image.emit.a.b",
        "image.emit." + "e" * 33,
    ]
    assert [one for one in (*kernel, *plain, *others, *wrong) if is_kernel_type(one)] == kernel
    assert [one for one in (*kernel, *plain, *others, *wrong) if is_plain_type(one)] == plain
    assert [one for one in ("a\n", "a", "\u00e4") if is_mt(one)] == ["a"]


def test_numbers_and_ids() -> None:
    numbers = [
        b"0",
        b"1",
        str(2**63 - 1).encode(),
        str(2**63).encode(),
        b"01",
        b"-1",
        b"+1",
        b"",
        b"1 ",
        b"1\n",
        b"9" * 19,
    ]
    assert [read_number(one) for one in numbers] == [0, 1, 2**63 - 1, *[None] * 8]
    assert read_id(A.hex().encode()) == A
    assert [read_id(one) for one in (b"", b"ab", b"AB" * 32, A.hex().encode() + b"\n")] == [None] * 4
