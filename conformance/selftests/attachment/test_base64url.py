"""Base64url: golden values, and one spelling for every value."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes, encode_bytes, is_canonical

GOLDEN = {"": "", "AA": "00", "AAE": "0001", "AAEC": "000102", "-_-_": "fbffbf"}
REFUSED = (
    "AB",
    "AAF",
    "A",
    "AA==",
    "+/+/",
    "AAE=",
    " AA",
    "AA ",
    "AA\n",
    "A\nA",
    "AAAAA",
    "\u0410A",
    "\uff21A",
    "AA\x00",
)


@pytest.mark.parametrize("text", GOLDEN)
def test_golden_values(text: str) -> None:
    assert decode_bytes(text).hex() == GOLDEN[text]
    assert encode_bytes(bytes.fromhex(GOLDEN[text])) == text


@pytest.mark.parametrize("text", REFUSED)
def test_decode_rejects_other_spellings(text: str) -> None:
    assert not is_canonical(text)
    with pytest.raises(NotCanonicalError):
        decode_bytes(text)


@given(st.binary(max_size=200))
def test_decode_inverts_encode(data: bytes) -> None:
    assert decode_bytes(encode_bytes(data)) == data


@given(st.text(alphabet="ABQgwEIM048-_+/= \n", max_size=9))
def test_decode_accepts_exactly_what_encode_returns(text: str) -> None:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = None
    respelt = None if data is None else base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert is_canonical(text) == (respelt == text)
