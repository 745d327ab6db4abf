"""Manifests and states, read strictly."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Refusal, Rejected
from gritstone.grit.grammar import ASCII, UNICODE
from gritstone.grit.objects import NO_HEADERS, Blob, Tree
from gritstone.wasm.documents import (
    DEFAULT_MANIFEST,
    Clock,
    GuestState,
    Manifest,
    decode_item,
    encode_item,
    read_manifest,
    read_state,
    state_blob,
)

_CT = {"ct": "cbor"}
_ITEMS = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20) | st.just(value=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=30), inner, max_size=3),
    max_leaves=4,
)


def _manifest(**members: Any) -> Manifest:
    return read_manifest(Blob(_CT, encode_item({"v": 1} | members)), UNICODE.name)


@given(_ITEMS)
def test_items_equal_those_of_another_codec(item: Any) -> None:
    assert encode_item(item) == cbor2.dumps(item, canonical=True)


@given(st.binary(max_size=12))
def test_decoded_documents_encode_to_themselves(data: bytes) -> None:
    try:
        item = decode_item(data)
    except Refusal:
        return
    assert encode_item(item) == data


@pytest.mark.parametrize(
    "text",
    [
        "1800",
        "a2616200616100",
        "a2616100616100",
        "9f00ff",
        "f4",
        "f6",
        "20",
        "c100",
        "61ff",
        "0000",
        "",
        "a1f5f5",
        "81" * 9 + "00",
    ],
)
def test_other_items_are_rejected(text: str) -> None:
    with pytest.raises(Refusal):
        decode_item(bytes.fromhex(text))


def test_valid_manifest_is_read() -> None:
    assert _manifest() == DEFAULT_MANIFEST
    assert not DEFAULT_MANIFEST.keeps_state
    full = _manifest(
        fuel=1, tank=0, pages=0, image=True, random=bytes(32), clock={"start": 3, "tick": 4}, attempt=True, query=True,
        send="reply", spawn="wasm", code=True, update="any", raw=True, mounts={"a b": "ro", "é": "rw"},
    )  # fmt: skip
    assert (full.fuel, full.tank, full.clock) == (1, 0, Clock(3, 4))
    assert full.mounts == {"a b": "ro", "é": "rw"}
    assert _manifest(tank=5).keeps_state


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"fuel": 0},
        {"fuel": 2**63},
        {"fuel": True},
        {"pages": 65_537},
        {"image": 1},
        {"random": bytes(31)},
        {"clock": {"start": 0}},
        {"clock": {"start": 0, "tick": 2**63}},
        {"send": "all"},
        {"spawn": "reply"},
        {"update": True},
        {"mounts": {"..": "ro"}},
        {"mounts": {"a": "wr"}},
        {"mounts": ["a"]},
        {"other": 1},
    ],
)
def test_invalid_manifests_are_rejected(members: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        _manifest(**members)
    assert caught.value.code == "unresolved:manifest"


def test_document_blob_has_no_other_content() -> None:
    good = encode_item({"v": 1})
    mounts = encode_item({"v": 1, "mounts": {"é": "ro"}})
    for value in (
        None,
        Tree({"a": b"a" * 32}),
        Blob(NO_HEADERS, good),
        Blob(_CT | {"mt": "x"}, good),
        Blob(_CT, good + b"\0"),
    ):
        with pytest.raises(Rejected):
            read_manifest(value, UNICODE.name)
    with pytest.raises(Rejected):
        read_manifest(Blob(_CT, mounts), ASCII.name)


@pytest.mark.parametrize(
    "state",
    [
        GuestState(),
        GuestState(used=2**63 - 1, pages=2, globals=()),
        GuestState(pages=0, globals=(2**64 - 1, 0), random=(bytes(32), 7), clock=0, call="wit"),
    ],
)
def test_states_round_trip(state: GuestState) -> None:
    assert read_state(state_blob(state)) == state


def test_counter_state_after_three_steps_has_golden_bytes() -> None:
    text = "a46176016475736564192cc765706167657302" + "67676c6f62616c7380"
    assert state_blob(GuestState(used=11_463, pages=2, globals=())).data.hex() == text


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"used": 2**63},
        {"used": 0, "pages": 1},
        {"used": 0, "globals": []},
        {"used": 0, "call": "wit"},
        {"used": 0, "pages": 1, "globals": [], "call": "wit_query"},
        {"used": 0, "random": [bytes(32)]},
        {"used": 0, "random": [bytes(32), -1]},
        {"used": 0, "clock": 2**63},
    ],
)
def test_invalid_states_are_rejected(members: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        read_state(Blob(_CT, cbor2.dumps({"v": 1} | members, canonical=True)))
    assert caught.value.code == "unresolved:image"
