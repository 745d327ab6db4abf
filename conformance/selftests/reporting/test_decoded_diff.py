"""Differences between expected and actual bytes are described in words, object by object.

Spec: :rule:`suite.message.explains`.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import CBOR_BLAKE3, FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.values import Blob, Object, Tree
from gritstone_conformance.running.decoded_diff import decoded_difference

FRAMED = FRAMED_SHA256
LEAF = Blob((), b"leaf")


def difference_of(path: str, expected: bytes, got: bytes) -> str | None:
    return decoded_difference(path, encode_bytes(expected), encode_bytes(got))


def bundle(
    *values: Object, fmt: Format = FRAMED, target: Object | None = None, erased: tuple[bytes, ...] = ()
) -> bytes:
    """Return a bundle of some values; ``tags/top`` leads to the target, else to the last of them."""
    encodings = {fmt.hash(data): data for data in map(fmt.encode, values)}
    top = fmt.hash(fmt.encode(target or values[-1]))
    return write(fmt, {"tags/top": top}, {**encodings, **dict.fromkeys(erased)})


def tree(*leaves: Object, fmt: Format = FRAMED) -> Tree:
    return Tree(tuple((chr(0x61 + at), fmt.hash(fmt.encode(leaf))) for at, leaf in enumerate(leaves)))


@pytest.mark.rule("suite.message.explains")
def test_object_is_described_by_the_field_that_differs(fmt: Format) -> None:
    expected = fmt.encode(Blob((("a", "1"),), b"x"))
    words = difference_of("/bytes", expected, fmt.encode(Blob((("a", "2"),), b"x")))
    assert words == "these bytes are a blob: /headers/0/1 differs: 1 expected, 2 got"
    words = difference_of("/bytes", expected, fmt.encode(tree(LEAF, fmt=fmt)))
    assert words is not None
    assert words.startswith("these bytes are a tree: ")


@pytest.mark.rule("suite.message.explains")
def test_invalid_bytes_are_described_by_their_defect() -> None:
    low, high = bytes([1]) * 32, bytes([2]) * 32
    expected = FRAMED.encode(Tree((("a", low), ("b", high))))
    turned = expected[:8] + expected[8 + 34 :] + expected[8 : 8 + 34]
    words = difference_of("/bytes", expected, turned)
    assert words is not None
    assert words.startswith("these bytes are not an object of framed-sha256: ")
    assert words.endswith("(grit.tree.key-order)")
    words = difference_of("/bytes", expected, CBOR_BLAKE3.encode(Tree((("a", low), ("b", high)))))
    assert words == "these bytes are an object of cbor-blake3, not of framed-sha256"


@pytest.mark.rule("suite.message.explains")
def test_bundle_is_described_by_the_deepest_differing_object() -> None:
    other = Blob((), b"reef")
    small, wrong = tree(LEAF), tree(other)
    words = difference_of("/bundle", bundle(LEAF, small, tree(small)), bundle(other, wrong, tree(wrong)))
    one, its = (FRAMED.hash(FRAMED.encode(value)).hex()[:12] for value in (LEAF, other))
    assert words == (
        f"the first object that differs is the blob {one}…, the bundle has {its}… instead: "
        '/data differs: at byte 0: "leaf" expected, "reef" got'
    )


def test_missing_and_extra_objects_of_a_bundle_are_listed() -> None:
    expected = bundle(LEAF, tree(LEAF))
    words = difference_of("/bundle", expected, bundle(tree(LEAF)))
    assert words is not None
    assert words.startswith("the first object that differs is the blob ")
    assert words.endswith(", which is missing")
    words = difference_of("/bundle", expected, bundle(LEAF, Blob((), b""), tree(LEAF)))
    assert words is not None
    assert words.startswith("the bundle has an unexpected object, the ")
    identity = FRAMED.hash(FRAMED.encode(LEAF))
    words = difference_of("/bundle", expected, bundle(tree(LEAF), erased=(identity,)))
    assert words is not None
    assert words.endswith("…, which is a tombstone in the received bundle")


def test_format_reference_and_trailer_of_a_bundle_are_described() -> None:
    expected = bundle(LEAF, tree(LEAF))
    words = difference_of("/bundle", expected, bundle(LEAF, tree(LEAF, fmt=CBOR_BLAKE3), fmt=CBOR_BLAKE3))
    assert words == "this is a bundle of cbor-blake3, not of framed-sha256"
    words = difference_of("/bundle", expected, bundle(LEAF, tree(LEAF), target=LEAF))
    assert words is not None
    assert words.startswith("the reference tags/top differs: ")
    words = difference_of("/bundle", expected, expected[:-1] + bytes([expected[-1] ^ 1]))
    assert words is not None
    assert words.endswith("(grit.bundle.verify)")
    words = difference_of("/bundle", expected, b"no bundle")
    assert words is not None
    assert words.startswith("these bytes are not a bundle: malformed, ")


def test_only_objects_and_bundles_have_a_decoded_diff() -> None:
    assert decoded_difference("/id", "AAAA", "AAAB") is None
    assert decoded_difference("/bytes", "AAAA", None) is None
    assert decoded_difference("/bytes", "AAAA", "AAAB") is None
    assert decoded_difference("", {"ok": {"bytes": "AAAA"}}, {"refused": "invalid"}) is None
    long = encode_bytes(FRAMED.encode(Blob((), bytes(1 << 20))))
    assert decoded_difference("/bytes", long, encode_bytes(FRAMED.encode(LEAF))) is None


EXPECTED = [bundle(LEAF, tree(LEAF)), *(fmt.encode(tree(LEAF)) for fmt in FORMATS.values())]


@given(st.sampled_from(EXPECTED), st.data())
def test_any_bytes_get_a_description_or_none(expected: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(expected)))
    got = expected[:at] + data.draw(st.binary(max_size=40)) + expected[data.draw(st.integers(at, len(expected))) :]
    words = difference_of("/bytes", expected, got)
    assert words is None or words.isprintable()
