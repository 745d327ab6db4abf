"""What holds for both formats: golden values, and properties of encode and decode."""

from __future__ import annotations

import hashlib
from typing import Any

import cbor2
import pytest
from blake3 import blake3
from hypothesis import example, given
from hypothesis import strategies as st

from gritstone.errors import Exhausted, Invalid, Malformed
from gritstone.grit import (
    CBOR_BLAKE3,
    DEFAULT_LIMITS,
    FORMATS,
    FRAMED_SHA256,
    Blob,
    Format,
    Kind,
    Limits,
    Mailbox,
    Message,
    Object,
    Step,
    Tree,
)

A = bytes(range(1, 33))
B = bytes(range(0x65, 0x85))

GOLDEN: list[tuple[str, Object, str, str]] = [
    (
        "blob-empty",
        Blob({}, b""),
        "449e9b795420cd16fe60ad5298cf680f15a7cd2ac9b44adaf7ed3edc0d08dd78",
        "d9009c5b189873f2997b664c07d8efe3e2efa4308c99107fa3174afdd47e6ebd",
    ),
    (
        "blob-hello",
        Blob({"ct": "s"}, b"hello"),
        "22878b77b2c12fc26f873116451d3c9d5092ccf77441cf80ad761422b28aa759",
        "dffae06effea754ff3da34ac11f1de16010774f77315bc1e1a5d333ab90874d1",
    ),
    (
        "blob-two-headers",
        Blob({"ct": "s", "Content-Type": "text/html"}, b"x"),
        "bb11902b6a1813d6c76085c01f0dc6245422747a5d79a266a4150245febe0f38",
        "4f050f7df6f7658b98333ef4979e6ad8a50f4b20166188e3a95a4c415cb97a3c",
    ),
    (
        "tree-one",
        Tree({"a": A}),
        "7aba46f03c62f203d869595987bf05c0c1aa03bd83b440662da9515b6c63a65f",
        "a6cfff4f2ab64e7b9ef7a27195f6236d6815f85fe79fe5f75c6e4d8149377d3d",
    ),
    (
        "tree-two",
        Tree({"b": B, "a": A}),
        "3048fd0d5fc394c1d75bd9010ba1d58953270a35ef852c3c61247152b37b58f0",
        "abd7aca2fc81d25735f728dda2b13cda4c3f2979c1e79c313f68441f7eda3da8",
    ),
    (
        "tree-order-differs",
        Tree({"b": A, "aa": B}),
        "1fe7d9ccc29cf1b06b7dbc8e5a0ecf3037d45aba1e9e1175af64df8198b75f54",
        "925721f1b06d3703dbc2fd8ee8ee97ce9b0192982d33414289e327daabe681e9",
    ),
    (
        "message-first",
        Message(None, {}, A),
        "518651b8384c851b7998bace7b879b53dd992c529a4b001fd70e745c9f6ea6e3",
        "db545109fc2f532e26f00dae62bf62433a9c0c7ee40096dd39c479aa68428ab1",
    ),
    (
        "message-next",
        Message(B, {"mt": "hi"}, A),
        "d736ee3a42790d9faa9e04b144c071bb03c64bf89680cb25c737a12324216203",
        "58d2ae6e32cb7f077007900c7cef6e3601be6e14c06234909f186a1abdee8265",
    ),
    (
        "mailbox-one",
        Mailbox({A: B}),
        "827505136c4688862ff932c19dac055fd9d728bed09a965cd2c8208d304b4ba2",
        "33bffdc055e0d15ff8f1edde20250b5c87564b8d84dcb593b5a788459c95d1b5",
    ),
    (
        "mailbox-two",
        Mailbox({B: A, A: B}),
        "0f838dab43a66a89ea8ce4812c3757813d914ff72011807ee4c27ec3a350a20b",
        "c46a5832fdf85783cd3bcfc121f5c210de931f184c8649344c435fb2c159bb63",
    ),
    (
        "step-first",
        Step(None, A, None, None, B),
        "1fe1519361352a0e56ce1faa3abe1cd4ee0201f6d2f6bc255dcdc8512812878a",
        "b9ac27b14e5155eb5ef78273206cc4a5f31c54fa814af30523b184b9490f5dbf",
    ),
    (
        "step-full",
        Step(A, B, A, B, A),
        "9a19932282874d6d0f5984a847f5f8ef104f68ccce1dcb39b3681e1e020877e8",
        "0322ade5b50988f901cc9f9befe4c92dcb93188e3eccd52aada21ee0a30584cb",
    ),
]
CBOR_GOLDEN: list[tuple[str, Object, str]] = [
    ("tree-composed", Tree({"\u00e9": A}), "b764121f456d86d24f789c11afaae25d4ed7c733a0891b89e111c650d840a0a1"),
    ("tree-decomposed", Tree({"e\u0301": A}), "b482f0f38b945ec2113e568a18f37fbf9d90b99cf176e8f5c91fbe8428122f8b"),
]


@pytest.mark.parametrize(("value", "framed_id"), [pytest.param(v, f, id=n) for n, v, f, _ in GOLDEN])
def test_framed_matches_golden_bytes(value: Object, framed_id: str) -> None:
    data = FRAMED_SHA256.encode(value, DEFAULT_LIMITS)
    assert hashlib.sha256(data).hexdigest() == framed_id == FRAMED_SHA256.object_id(data).hex()
    assert FRAMED_SHA256.decode(data, DEFAULT_LIMITS) == value


@pytest.mark.parametrize(
    ("value", "cbor_id"),
    [pytest.param(v, c, id=n) for n, v, _, c in GOLDEN] + [pytest.param(v, c, id=n) for n, v, c in CBOR_GOLDEN],
)
def test_cbor_matches_golden_bytes(value: Object, cbor_id: str) -> None:
    data = CBOR_BLAKE3.encode(value, DEFAULT_LIMITS)
    assert blake3(data).hexdigest() == cbor_id == CBOR_BLAKE3.object_id(data).hex()
    assert CBOR_BLAKE3.decode(data, DEFAULT_LIMITS) == value
    assert cbor2.loads(data) == _plain(value)


def _plain(value: Object) -> list[Any]:
    match value:
        case Blob():
            return [0, dict(value.headers), value.data]
        case Tree():
            return [1, dict(value.entries)]
        case Message():
            return [2, value.previous, dict(value.headers), value.content]
        case Mailbox():
            return [3, dict(value.entries)]
        case Step():
            return [4, value.previous, value.actor, value.inbox, value.outbox, value.core]


# --- drawn objects ---------------------------------------------------------------------------------------

ids = st.binary(min_size=32, max_size=32).filter(any)
links = st.none() | ids
data = st.binary(max_size=300)
keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
ascii_names = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="/"), min_size=1, max_size=255
).filter(lambda name: name not in (".", ".."))
ascii_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300)
_wide = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
wide_names = st.text(_wide, min_size=1, max_size=60).filter(lambda name: name not in (".", "..") and "/" not in name)
wide_values = st.text(_wide, max_size=300)


def objects(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Object]:
    headers = st.dictionaries(keys, values, max_size=5)
    return st.one_of(
        st.builds(Blob, headers, data),
        st.builds(Tree, st.dictionaries(names, ids, min_size=1, max_size=8)),
        st.builds(Message, links, headers, ids),
        st.builds(Mailbox, st.dictionaries(ids, ids, min_size=1, max_size=8)),
        st.builds(Step, links, ids, links, links, ids),
    )


ascii_objects = objects(ascii_names, ascii_values)
wide_objects = objects(wide_names, wide_values)


@given(value=ascii_objects)
def test_framed_object_decodes_to_the_encoded_value(value: Object) -> None:
    encoded = FRAMED_SHA256.encode(value, DEFAULT_LIMITS)
    decoded = FRAMED_SHA256.decode(encoded, DEFAULT_LIMITS)
    assert decoded == value
    assert FRAMED_SHA256.encode(decoded, DEFAULT_LIMITS) == encoded
    assert FRAMED_SHA256.kind_of(encoded) is value.kind


@given(value=wide_objects)
def test_cbor_object_decodes_to_the_encoded_value(value: Object) -> None:
    encoded = CBOR_BLAKE3.encode(value, DEFAULT_LIMITS)
    decoded = CBOR_BLAKE3.decode(encoded, DEFAULT_LIMITS)
    assert decoded == value
    assert CBOR_BLAKE3.encode(decoded, DEFAULT_LIMITS) == encoded
    assert CBOR_BLAKE3.kind_of(encoded) is value.kind
    assert cbor2.loads(encoded) == _plain(value)
    assert cbor2.dumps(_plain(value), canonical=True) == encoded


@given(value=ascii_objects, seed=st.randoms(use_true_random=False))
def test_decoded_bytes_encode_to_themselves(value: Object, seed: Any) -> None:
    for attribute in ("headers", "entries"):
        pairs = list(getattr(value, attribute, {}).items())
        if pairs:
            seed.shuffle(pairs)
            other = type(value)(**{name: getattr(value, name) for name in value.__slots__} | {attribute: dict(pairs)})
            for one in FORMATS.values():
                assert one.encode(other, DEFAULT_LIMITS) == one.encode(value, DEFAULT_LIMITS)


def _decode_totally(format_: Format, encoded: bytes) -> None:
    """Accepted bytes come back; refused ones are refused in one of three ways."""
    try:
        value = format_.decode(encoded, DEFAULT_LIMITS)
    except (Malformed, Invalid):
        return
    assert format_.encode(value, DEFAULT_LIMITS) == encoded


@given(junk=st.binary(max_size=200))
@example(b"blob 7x")
@example(b"")
def test_any_bytes_decode_or_are_rejected(format_: Format, junk: bytes) -> None:
    _decode_totally(format_, junk)
    for kind in Kind:
        _decode_totally(FRAMED_SHA256, b"%b %d\0%b" % (kind.word.encode(), len(junk), junk))
        _decode_totally(CBOR_BLAKE3, bytes([0x80 + (3, 2, 4, 2, 6)[kind.value], kind.value]) + junk)


@st.composite
def edited(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    encoded = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(encoded)))
        match draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
            case "flip" if at < len(encoded):
                encoded[at] ^= draw(st.integers(1, 255))
            case "cut":
                del encoded[at : at + draw(st.integers(1, 4))]
            case "insert":
                encoded[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                encoded[at:at] = encoded[at : at + draw(st.integers(1, 70))]
    return bytes(encoded)


@given(near=edited(ascii_objects.map(lambda value: FRAMED_SHA256.encode(value, DEFAULT_LIMITS))))
def test_framed_near_valid_bytes_are_judged_exactly(near: bytes) -> None:
    _decode_totally(FRAMED_SHA256, near)


@given(near=edited(wide_objects.map(lambda value: CBOR_BLAKE3.encode(value, DEFAULT_LIMITS))))
def test_cbor_near_valid_bytes_are_judged_exactly(near: bytes) -> None:
    _decode_totally(CBOR_BLAKE3, near)


BAD_VALUES: list[tuple[str, Object]] = [
    ("name-slash", Tree({"a/b": A})),
    ("name-empty", Tree({"": A})),
    ("name-dot", Tree({".": A})),
    ("name-dots", Tree({"..": A, "a": B})),
    ("name-long", Tree({"a" * 256: A})),
    ("name-nul", Tree({"a\0b": A})),
    ("name-lf", Tree({"a\n": A})),
    ("name-delete", Tree({"a\x7f": A})),
    ("name-surrogate", Tree({"\ud800": A})),
    ("tree-empty", Tree({})),
    ("tree-zero", Tree({"a": bytes(32)})),
    ("tree-short-id", Tree({"a": A[:31]})),
    ("tree-mixed-ids", Tree({"a": A[:31], "b": A + b"x"})),
    ("key-empty", Blob({"": "x"}, b"")),
    ("key-space", Blob({"a b": "x"}, b"")),
    ("key-long", Blob({"a" * 65: "x"}, b"")),
    ("key-wide", Blob({"\u00e9": "x"}, b"")),
    ("value-nul", Blob({"a": "\0"}, b"")),
    ("value-long", Message(None, {"a": "x" * 65_536}, A)),
    ("value-control", Message(None, {"a": "\x9f"}, A)),
    ("content-zero", Message(None, {}, bytes(32))),
    ("previous-zero", Message(bytes(32), {}, A)),
    ("mailbox-empty", Mailbox({})),
    ("mailbox-zero-key", Mailbox({bytes(32): A})),
    ("mailbox-zero-value", Mailbox({A: bytes(32)})),
    ("mailbox-short-key", Mailbox({A[:31]: A})),
    ("step-zero-actor", Step(None, bytes(32), None, None, A)),
    ("step-zero-inbox", Step(None, A, bytes(32), None, A)),
    ("step-short-core", Step(None, A, None, None, A[:5])),
]


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in BAD_VALUES])
def test_encode_rejects_invalid_values(format_: Format, value: Object) -> None:
    with pytest.raises(Invalid):
        format_.encode(value, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    "value",
    [Tree({"\u00e9": A}), Blob({"a": "\u00e9"}, b"")],
    ids=["name", "header-value"],
)
def test_framed_rejects_non_ascii_texts(value: Object) -> None:
    with pytest.raises(Invalid) as caught:
        FRAMED_SHA256.encode(value, DEFAULT_LIMITS)
    assert caught.value.rule == "grit.framed.ascii"
    CBOR_BLAKE3.encode(value, DEFAULT_LIMITS)


@pytest.mark.parametrize("name", ["...", " ", "a..b", ".a", "a.", "-", "a" * 255, "A b"])
def test_unusual_names_are_accepted(format_: Format, name: str) -> None:
    encoded = format_.encode(Tree({name: A, "other": B}), DEFAULT_LIMITS)
    assert format_.decode(encoded, DEFAULT_LIMITS) == Tree({name: A, "other": B})


def test_encoding_of_limit_bytes_passes_and_one_byte_more_fails(format_: Format) -> None:
    value = Blob({}, bytes(5_000))
    size = len(format_.encode(value, DEFAULT_LIMITS))
    encoded = format_.encode(value, Limits(object_bytes=size))
    assert format_.decode(encoded, Limits(object_bytes=size)) == value
    with pytest.raises(Exhausted):
        format_.encode(value, Limits(object_bytes=size - 1))
    with pytest.raises(Exhausted):
        format_.decode(encoded, Limits(object_bytes=size - 1))
    with pytest.raises(Exhausted):
        format_.decode(b"junk" * size, Limits(object_bytes=size))


@pytest.mark.parametrize("count", [23, 24, 255, 256, 70_000])
def test_large_maps_decode_to_the_encoded_value(format_: Format, count: int) -> None:
    tree = Tree({f"{n:x}": n.to_bytes(32, "big") for n in range(1, count + 1)})
    encoded = format_.encode(tree, DEFAULT_LIMITS)
    assert format_.decode(encoded, DEFAULT_LIMITS) == tree
    mailbox = Mailbox({n.to_bytes(32, "little"): A for n in range(1, count + 1)})
    assert format_.decode(format_.encode(mailbox, DEFAULT_LIMITS), DEFAULT_LIMITS) == mailbox


@pytest.mark.parametrize("length", [1, 23, 24, 63, 64, 254, 255])
def test_names_of_all_head_lengths_round_trip(format_: Format, length: int) -> None:
    tree = Tree({"n" * length: A, "m" * length: B, "z": A})
    assert format_.decode(format_.encode(tree, DEFAULT_LIMITS), DEFAULT_LIMITS) == tree


def test_hasher_agrees_with_object_id(format_: Format) -> None:
    hasher = format_.hasher()
    hasher.update(b"ab")
    hasher.update(b"c")
    assert hasher.digest() == format_.object_id(b"abc")
