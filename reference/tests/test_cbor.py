"""Refusals of ``cbor-blake3``: bytes made by hand, each with the one class that is right."""

from __future__ import annotations

import pytest

from gritstone.errors import Invalid, Malformed, Refusal
from gritstone.grit import DEFAULT_LIMITS
from gritstone.grit.cbor import cbor_kind, decode_cbor

ID_A = "5820" + bytes(range(1, 33)).hex()
ID_B = "5820" + bytes(range(0x65, 0x85)).hex()
ZERO = "5820" + "00" * 32

MALFORMED = {
    "empty": "",
    "cut-blob": "8300a0",
    "trailing": "8300a04000",
    "claimed-length": "8300a05a3b9aca00",
    "reserved-head": "831ca040",
    "reserved-head-in-map": "8300bd",
    "break": "ff",
    "break-in-array": "8300a0ff",
    "cut-head": "8300a058",
    "cut-id": "8201a161615820" + "01" * 31,
    "indefinite-integer": "831fa040",
    "long-simple": "8300f818",
    "cut-text": "8300a16261",
}
INVALID = {
    "long-head-kind": "831800a040",
    "long-head-length": "8300a0580161",
    "long-head-array": "980300a040",
    "long-head-map": "8300b80040",
    "indefinite-array": "9f00a040ff",
    "indefinite-map": "8300bfff40",
    "indefinite-bytes": "8300a05f4161ff",
    "order-by-text": "8201a2626161" + ID_A + "6162" + ID_B,
    "tag": "c48300a040",
    "undefined": "8300f740",
    "float": "83f90000a040",
    "null-headers": "8300f640",
    "kind-5": "8305a040",
    "kind-24": "831818a040",
    "arity-message": "8402f6a0f6",
    "elements-of-tree": "836162a040",
    "tree-empty": "8201a0",
    "mailbox-empty": "8203a0",
    "elements-too-few": "8200a0",
    "elements-too-many": "8400a04000",
    "headers-repeat": "8300a261616178616161 7940",
    "headers-descend": "8300a2616261786161617940",
    "value-is-bytes": "8300a14161617840",
    "value-ff": "8300a1616161ff40",
    "value-surrogate": "8300a1616163eda08040",
    "value-overlong": "8300a1616162c0af40",
    "value-control": "8300a161616109 40",
    "data-is-text": "8300a060",
    "map-as-object": "a0",
    "text-as-object": "6161",
    "empty-array": "80",
    "id-31": "8201a16161581f" + "01" * 31,
    "id-33": "8201a161615821" + "01" * 33,
    "name-31-apart": "8201a2" + "6162" + ID_A + "6161" + ID_B,
    "name-repeat": "8201a2" + "6161" + ID_A + "6161" + ID_B,
    "name-slash": "8201a1" + "612f" + ID_A,
    "name-nul": "8201a2" + "6100" + ID_A + "6161" + ID_B,
    "name-dots": "8201a1" + "622e2e" + ID_A,
    "name-256": "8201a1" + "790100" + "61" * 256 + ID_A,
    "zero-value": "8201a16161" + ZERO,
    "zero-previous": "8402" + ZERO + "a0" + ID_A,
    "zero-content": "8402f6a0" + ZERO,
    "zero-key": "8203a1" + ZERO + ID_A,
    "null-content": "8402f6a0f6",
    "null-actor": "8604f6f6f6f6" + ID_A,
    "mailbox-descend": "8203a2" + ID_B + ID_A + ID_A + ID_B,
    "mailbox-repeat": "8203a2" + ID_A + ID_A + ID_A + ID_B,
    "mailbox-text-key": "8203a1" + "6161" + ID_A,
    "count-as-negative": "8320a040",
}


@pytest.mark.parametrize("data", [pytest.param(bytes.fromhex(text), id=name) for name, text in MALFORMED.items()])
def test_decode_rejects_malformed_bytes(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_cbor(data, DEFAULT_LIMITS)


@pytest.mark.parametrize("data", [pytest.param(bytes.fromhex(text), id=name) for name, text in INVALID.items()])
def test_decode_rejects_invalid_items(data: bytes) -> None:
    with pytest.raises(Invalid):
        decode_cbor(data, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (INVALID["long-head-length"], "grit.cbor.shortest"),
        (INVALID["indefinite-bytes"], "grit.cbor.definite"),
        (INVALID["tag"], "grit.cbor.plain"),
        (INVALID["undefined"], "grit.cbor.plain"),
        (INVALID["value-surrogate"], "grit.cbor.utf8"),
        (INVALID["data-is-text"], "grit.cbor.shape"),
        (INVALID["kind-5"], "grit.object.kinds"),
        (INVALID["order-by-text"], "grit.tree.key-order"),
        (INVALID["name-repeat"], "grit.tree.key-unique"),
        (INVALID["mailbox-descend"], "grit.mailbox.key-order"),
        (INVALID["mailbox-repeat"], "grit.mailbox.key-unique"),
        (INVALID["headers-descend"], "grit.header.order"),
        (INVALID["zero-previous"], "grit.id.zero"),
        (MALFORMED["trailing"], "grit.cbor.one-item"),
    ],
)
def test_refusal_names_the_violated_rule(text: str, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode_cbor(bytes.fromhex(text), DEFAULT_LIMITS)
    assert caught.value.rule == rule


@pytest.mark.parametrize("head", [b"\x81", b"\x82", b"\xa1", b"\xc1", b"\x9f", b"\x83\x00", b"\x5f"])
def test_decode_rejects_nesting_without_recursion(head: bytes) -> None:
    with pytest.raises(Refusal):
        decode_cbor(head * 1_000_000, DEFAULT_LIMITS)


def test_decode_of_rubbish_takes_linear_time() -> None:
    size = 4 << 20
    for filler in (b"a", b"x\x3f", b"aX "):
        with pytest.raises(Refusal):
            decode_cbor(b"\x82\x01\xba" + (size // 40).to_bytes(4, "big") + (filler * size)[:size], DEFAULT_LIMITS)


def test_kind_is_none_for_bytes_that_are_no_object() -> None:
    assert cbor_kind(b"\x83\x05\xa0\x40") is None
    assert cbor_kind(b"") is None
