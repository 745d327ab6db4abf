"""The model's codec against independent values: the golden table, another CBOR reader, and its own round trip."""

from __future__ import annotations

import hashlib
from typing import Any

import blake3
import cbor2
import pytest

from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, FRAMED_SHA256, Format, other_format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Blob, Mailbox, Message, Object, Step, Tree, from_json, to_json
from gritstone_conformance.strategies.bulk import near_valid

A, B = bytes(range(1, 33)), bytes(range(0x65, 0x85))

GOLDEN = [
    (Blob((), b""), "449e9b795420cd16fe60ad5298cf680f", "d9009c5b189873f2997b664c07d8efe3"),
    (Blob((("ct", "s"),), b"hello"), "22878b77b2c12fc26f873116451d3c9d", "dffae06effea754ff3da34ac11f1de16"),
    (
        Blob((("ct", "s"), ("Content-Type", "text/html")), b"x"),
        *("bb11902b6a1813d6c76085c01f0dc624", "4f050f7df6f7658b98333ef4979e6ad8"),
    ),
    (Tree((("a", A),)), "7aba46f03c62f203d869595987bf05c0", "a6cfff4f2ab64e7b9ef7a27195f6236d"),
    (Tree((("b", B), ("a", A))), "3048fd0d5fc394c1d75bd9010ba1d589", "abd7aca2fc81d25735f728dda2b13cda"),
    (Tree((("aa", B), ("b", A))), "1fe7d9ccc29cf1b06b7dbc8e5a0ecf30", "925721f1b06d3703dbc2fd8ee8ee97ce"),
    (Message(None, (), A), "518651b8384c851b7998bace7b879b53", "db545109fc2f532e26f00dae62bf6243"),
    (Message(B, (("mt", "hi"),), A), "d736ee3a42790d9faa9e04b144c071bb", "58d2ae6e32cb7f077007900c7cef6e36"),
    (Mailbox(((A, B),)), "827505136c4688862ff932c19dac055f", "33bffdc055e0d15ff8f1edde20250b5c"),
    (Mailbox(((B, A), (A, B))), "0f838dab43a66a89ea8ce4812c375781", "c46a5832fdf85783cd3bcfc121f5c210"),
    (Step(None, A, None, None, B), "1fe1519361352a0e56ce1faa3abe1cd4", "b9ac27b14e5155eb5ef78273206cc4a5"),
    (Step(A, B, A, B, A), "9a19932282874d6d0f5984a847f5f8ef", "0322ade5b50988f901cc9f9befe4c92d"),
]

FRAMED_MALFORMED = [
    *(
        b"",
        b"blob",
        b"\0blob",
        b"blob1\0\0",
        b"blob  1\0\0",
        b"blob 1 \0\0",
        b"blob \0\0",
        b"blob +1\0\0",
        b"blob -1\0\0",
    ),
    *(b"blob \t1\0\0", b"blob 1_0\0" + bytes(10), b"blob 0x1\0\0", b"blob " + b"1" * 20 + b"\0\0", b"blob 2\0\0"),
    *(b"blob 1\0\0x", b"blob 0\0", b"blob 4\0a\0b\0", b"blob 2\0ab", b"blob 4\0a\0bc", b"tree 33\0a\0" + A[:31]),
    *(b"tree 33\0a" + b"\1" * 32, b"message 66\0" + bytes(33) + A + b"x", b"message 64\0" + bytes(33) + A[:31]),
    *(b"mailbox 63\0" + (A + B)[:63], b"step 159\0" + A * 4 + A[:31], b"step 161\0" + A * 5 + b"x"),
]
FRAMED_INVALID = [
    *(b"blob 01\0\0", b"BLOB 1\0\0", b"commit 1\0\0", b"blob 9\0a\0b\0a\0c\0\0", b"blob 9\0b\0x\0a\0y\0\0"),
    *(b"blob 7\0a b\0c\0\0", b"blob 5\0a\0\x7f\0\0", b"blob 5\0a\0\xc3\0\0", b"tree 0\0", b"mailbox 0\0"),
    *(b"tree 68\0a\0" + A + b"a\0" + B, b"tree 68\0b\0" + A + b"a\0" + B, b"tree 33\0\0" + A, b"tree 36\0a/b\0" + A),
    *(b"tree 34\0.\0" + A, b"tree 35\0..\0" + A, b"tree 34\0\n\0" + A, b"tree 289\0" + b"a" * 256 + b"\0" + A),
    *(b"mailbox 128\0" + B + A + A + B, b"mailbox 128\0" + A + A + A + B, b"tree 34\0a\0" + bytes(32)),
    *(b"mailbox 64\0" + bytes(32) + A, b"message 65\0" + bytes(65), b"step 160\0" + bytes(128) + A),
    b"step 160\0" + A * 4 + bytes(32),
]
CBOR_MALFORMED = ["", "8300a0", "8300a04000", "8300a05a3b9aca00", "831ca040", "ff", "8402f816a040"]
CBOR_INVALID = [
    *("8305a040", "836162a040", "8200a0", "8400a04000", "83f90000a040", "8300f640", "8300a2616261786161617940"),
    *("8300a2616161786161617940", "8300a14161617840", "8300a1616161ff40", "8300a060", "8402f6a0f6", "a0"),
    *(
        "831800a040",
        "8300a0580161",
        "980300a040",
        "9f00a040ff",
        "8300bfff40",
        "8300a05f4161ff",
        "c48300a040",
        "8300f740",
    ),
    *("8201a16161581f" + "01" * 31, "84025820" + "00" * 32 + "a05820" + "01" * 32, "8201a0", "8203a0", "00", "f6"),
]


@pytest.mark.parametrize(("value", "framed", "cbor"), GOLDEN, ids=lambda part: repr(part)[:40])
def test_golden_ids(value: Object, framed: str, cbor: str) -> None:
    for fmt, start in ((FRAMED_SHA256, framed), (CBOR_BLAKE3, cbor)):
        data = fmt.encode(value)
        assert fmt.hash(data).hex()[:32] == start
        assert fmt.encode(fmt.decode(data)) == data


def test_hash_algorithms_are_the_named_ones() -> None:
    assert FRAMED_SHA256.hash(b"abc") == hashlib.sha256(b"abc").digest()
    assert CBOR_BLAKE3.hash(b"abc") == blake3.blake3(b"abc").digest()


@pytest.mark.parametrize("data", FRAMED_MALFORMED, ids=repr)
def test_malformed_framed_bytes_are_rejected(data: bytes) -> None:
    assert classes_of(FRAMED_SHA256, data) == {"malformed"}


@pytest.mark.parametrize("data", FRAMED_INVALID, ids=repr)
def test_invalid_framed_bytes_are_rejected(data: bytes) -> None:
    assert classes_of(FRAMED_SHA256, data) == {"invalid"}


@pytest.mark.parametrize("data", CBOR_MALFORMED)
def test_malformed_cbor_bytes_are_rejected(data: str) -> None:
    assert classes_of(CBOR_BLAKE3, bytes.fromhex(data)) == {"malformed"}


@pytest.mark.parametrize("data", CBOR_INVALID)
def test_invalid_cbor_bytes_are_rejected(data: str) -> None:
    assert classes_of(CBOR_BLAKE3, bytes.fromhex(data)) == {"invalid"}


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (b"commit 2\0\0", {"malformed", "invalid"}),  # the length and the kind
        (b"blob 09\0b\0x\0a\0y", {"malformed", "invalid"}),  # the defects before the missing field
        (b"blob 2\0 b", {"malformed"}),  # an unterminated text has no other defect
        (b"tree 34\0.\0" + A[:31], {"malformed", "invalid"}),
        (b"mailbox 96\0" + B + A + A, {"malformed", "invalid"}),  # checked up to its last complete id
        (b"blob x\0" + b"\0", {"malformed"}),  # decoding stops at an unreadable header
        (b"commit x\0", {"malformed"}),
    ],
    ids=lambda part: repr(sorted(part) if isinstance(part, set) else part),
)
def test_framed_bytes_with_several_defects_report_all(data: bytes, classes: set[str]) -> None:
    assert classes_of(FRAMED_SHA256, data) == classes


@pytest.mark.parametrize(
    ("data", "classes"),
    [("8305a0", {"malformed", "invalid"}), ("8300a0f9", {"malformed"}), ("81" * 100, {"malformed", "invalid"})],
)
def test_cbor_bytes_with_several_defects_report_all(data: str, classes: set[str]) -> None:
    assert classes_of(CBOR_BLAKE3, bytes.fromhex(data)) == classes


def test_twenty_thousand_inputs_are_rejected_or_round_trip(fmt: Format) -> None:
    accepted = 0
    for data in near_valid(7, fmt, 20_000):
        classes = classes_of(fmt, data)
        assert classes <= {"malformed", "invalid"} or classes == {"ok"}
        if classes == {"ok"}:
            accepted += 1
            value = fmt.decode(data)
            assert fmt.encode(value) == data
            assert from_json(to_json(value)) == value
    assert 2_000 < accepted < 18_000


def test_another_cbor_reader_returns_the_same_items() -> None:
    for data in near_valid(11, CBOR_BLAKE3, 3_000):
        try:
            value = CBOR_BLAKE3.decode(data)
        except Refusal:
            continue
        assert cbor2.loads(data) == plain(value)


def test_same_bytes_are_never_an_object_of_both_formats() -> None:
    for fmt in FORMATS.values():
        for data in near_valid(13, fmt, 1_000):
            assert {"ok"} != classes_of(fmt, data) & classes_of(other_format(fmt), data)


def test_deeply_nested_arrays_are_rejected_without_recursion() -> None:
    assert classes_of(CBOR_BLAKE3, b"\x81" * 300_000) == {"malformed", "invalid"}
    assert classes_of(CBOR_BLAKE3, b"\x81" * 300_000 + b"\0") == {"invalid"}


def classes_of(fmt: Format, data: bytes) -> set[str]:
    try:
        fmt.decode(data)
    except Refusal as refusal:
        return set(refusal.kinds)
    return {"ok"}


def plain(value: Object) -> list[Any]:
    match value:
        case Blob(headers, data):
            return [0, dict(headers), data]
        case Tree(entries):
            return [1, dict(entries)]
        case Message(previous, headers, content):
            return [2, previous, dict(headers), content]
        case Mailbox(pairs):
            return [3, dict(pairs)]
        case Step(previous, actor, inbox, outbox, core):
            return [4, previous, actor, inbox, outbox, core]
