"""Refusals of ``framed-sha256``: bytes made by hand, each with the one class that is right."""

from __future__ import annotations

import pytest

from gritstone.errors import Invalid, Malformed, Refusal
from gritstone.grit import DEFAULT_LIMITS
from gritstone.grit.framed import decode_framed, framed_kind

A = bytes(range(1, 33))
B = bytes(range(0x65, 0x85))
Z = bytes(32)


def framed(kind: bytes, body: bytes) -> bytes:
    return b"%b %d\0%b" % (kind, len(body), body)


MALFORMED = {
    "empty": b"",
    "kind-only": b"blob",
    "nul-first": b"\0blob",
    "no-space": b"blob1\0\0",
    "two-spaces": b"blob  1\0\0",
    "space-after": b"blob 1 \0\0",
    "no-digits": b"blob \0\0",
    "plus": b"blob +1\0\0",
    "minus": b"blob -1\0\0",
    "tab": b"blob \t1\0\0",
    "underscore": b"blob 1_0\0" + bytes(10),
    "hexadecimal": b"blob 0x1\0\0",
    "twenty-digits": b"blob 00000000000000000001\0\0",
    "unicode-digit": "blob \u0661\0\0".encode(),
    "one-more": b"blob 2\0\0",
    "one-less": b"blob 1\0\0x",
    "headers-open": b"blob 0\0",
    "headers-open-after-pair": b"blob 4\0a\0b\0",
    "key-open": b"blob 2\0ab",
    "value-open": b"blob 4\0a\0bc",
    "no-nul-at-all": b"blob 7x",
    "tree-short-id": framed(b"tree", b"a\0" + A[:31]),
    "tree-name-open": framed(b"tree", b"a" + b"\1" * 32),
    "message-fill": framed(b"message", Z + b"\0" + A + b"x"),
    "message-short-content": framed(b"message", Z + b"\0" + A[:31]),
    "message-short-previous": framed(b"message", Z[:31]),
    "mailbox-63": framed(b"mailbox", (A + B)[:63]),
    "step-159": framed(b"step", (Z + A + Z + Z + B)[:159]),
    "step-161": framed(b"step", Z + A + Z + Z + B + b"x"),
}
INVALID = {
    "leading-zero": b"blob 01\0\0",
    "upper-case": b"BLOB 1\0\0",
    "commit": b"commit 1\0\0",
    "headers-repeat": b"blob 9\0a\0b\0a\0c\0\0",
    "headers-descend": b"blob 9\0b\0x\0a\0y\0\0",
    "key-space": b"blob 7\0a b\0c\0\0",
    "value-delete": b"blob 5\0a\0\x7f\0\0",
    "value-byte-c3": b"blob 5\0a\0\xc3\0\0",
    "tree-empty": b"tree 0\0",
    "mailbox-empty": b"mailbox 0\0",
    "tree-repeat": framed(b"tree", b"a\0" + A + b"a\0" + B),
    "tree-descend": framed(b"tree", b"b\0" + A + b"a\0" + B),
    "tree-length-first": framed(b"tree", b"b\0" + A + b"aa\0" + B),
    "name-empty": framed(b"tree", b"\0" + A),
    "name-slash": framed(b"tree", b"a/b\0" + A),
    "name-dot": framed(b"tree", b".\0" + A),
    "name-dots": framed(b"tree", b"..\0" + A),
    "name-lf": framed(b"tree", b"a\n\0" + A),
    "name-256": framed(b"tree", b"a" * 256 + b"\0" + A),
    "mailbox-descend": framed(b"mailbox", B + A + A + B),
    "mailbox-repeat": framed(b"mailbox", A + A + A + B),
    "zero-tree-value": framed(b"tree", b"a\0" + Z),
    "zero-mailbox-key": framed(b"mailbox", Z + A),
    "zero-mailbox-value": framed(b"mailbox", A + Z),
    "zero-content": framed(b"message", Z + b"\0" + Z),
    "zero-actor": framed(b"step", Z + Z + Z + Z + A),
    "zero-core": framed(b"step", Z + A + Z + Z + Z),
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in MALFORMED.items()])
def test_decode_rejects_malformed_bytes(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_framed(data, DEFAULT_LIMITS)


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in INVALID.items()])
def test_decode_rejects_invalid_fields(data: bytes) -> None:
    with pytest.raises(Invalid):
        decode_framed(data, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (INVALID["tree-descend"], "grit.tree.key-order"),
        (INVALID["tree-repeat"], "grit.tree.key-unique"),
        (INVALID["mailbox-descend"], "grit.mailbox.key-order"),
        (INVALID["mailbox-repeat"], "grit.mailbox.key-unique"),
        (INVALID["headers-descend"], "grit.header.order"),
        (INVALID["name-dot"], "grit.name.grammar"),
        (INVALID["value-byte-c3"], "grit.framed.ascii"),
        (INVALID["zero-core"], "grit.id.zero"),
        (INVALID["commit"], "grit.object.kinds"),
        (INVALID["leading-zero"], "grit.framed.header"),
        (MALFORMED["one-more"], "grit.framed.length"),
        (MALFORMED["message-fill"], "grit.framed.fill"),
        (MALFORMED["value-open"], "grit.framed.terminator"),
    ],
)
def test_refusal_names_the_violated_rule(data: bytes, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode_framed(data, DEFAULT_LIMITS)
    assert caught.value.rule == rule


def test_decode_of_rubbish_takes_linear_time() -> None:
    size = 4 << 20
    for filler in (b"a", b"ab\0", b"ab\0" + b"\1" * 31):
        body = (filler * size)[:size]
        with pytest.raises(Refusal):
            decode_framed(framed(b"tree", body), DEFAULT_LIMITS)


def test_kind_is_none_for_bytes_that_are_no_object() -> None:
    assert framed_kind(b"commit 1\0\0") is None
    assert framed_kind(b"") is None
