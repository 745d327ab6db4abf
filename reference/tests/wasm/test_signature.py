"""Signatures of bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gritstone.errors import Invalid, Malformed, Rejected
from gritstone.grit import FORMATS, Change, MemoryEngine, ObjectId, Store
from gritstone.grit.export import export_bundle
from gritstone.wasm.signature import public_key, sign_bundle, signed_text, verify_bundle

SECRET = bytes(range(32))

Plant = Callable[[Store, int], dict[str, ObjectId]]


def bundle_of(store: Store, names: list[str] | None = None) -> bytes:
    with store.snapshot() as snapshot:
        return b"".join(export_bundle(snapshot, names))


@pytest.fixture
def bundle(memory_store: Store, plant: Plant) -> bytes:
    plant(memory_store, 7)
    return bundle_of(memory_store)


def accepts(bundle: bytes, signature: bytes, *keys: bytes) -> bool:
    try:
        verify_bundle(BytesIO(bundle), signature, keys or (public_key(SECRET),))
    except Rejected as refusal:
        return refusal.code != "signature"
    return True


def test_signed_text_of_the_example_is_exact() -> None:
    actor = "693d2be9f7b086e244f5250e20ea63fdd8c6c092b6d7c11c5c5ee68875702b0e"
    step = "96f51088486229d5aac94ddd7c012e6ecc010de892dfca5b229894b4949a4608"
    text = signed_text("framed-sha256", [(f"heads/{actor}", bytes.fromhex(step))])
    assert len(text) == 183
    # The bytes of this signature come from another implementation of RFC 8032.
    expected = (
        "3efb63c943234777f5cfca9ffcb173f66c29f442264a79c70f7063c85559814f"
        "37916d89ffbf6b958332f1b2e2cc0c05b505be0038aad10cd5962c41b1847200"
    )
    assert Ed25519PrivateKey.from_private_bytes(SECRET).sign(text).hex() == expected


def test_signed_bundle_verifies(bundle: bytes) -> None:
    signature = sign_bundle(BytesIO(bundle), SECRET)
    assert verify_bundle(BytesIO(bundle), signature, [b"\0" * 32, public_key(SECRET)]) == public_key(SECRET)
    assert rfc8785.dumps(json.loads(signature)) == signature


def test_changed_reference_or_format_fails_verification(memory_store: Store, bundle: bytes) -> None:
    signature = sign_bundle(BytesIO(bundle), SECRET)
    references = dict(memory_store.list_references()[0])
    names = list(references)
    assert not accepts(bundle_of(memory_store, names[:-1]), signature)
    target = references["tags/all.trees"]
    memory_store.update_references([Change("tags/all-trees", None, target)])
    assert accepts(bundle_of(memory_store, names), signature)
    assert not accepts(bundle_of(memory_store), signature)
    memory_store.update_references([Change("tags/all.trees", target, None)])
    assert not accepts(bundle_of(memory_store), signature), "another name"
    memory_store.update_references([Change("tags/all.trees", None, references["actors/one"])])
    assert not accepts(bundle_of(memory_store, names), signature), "another id"


def test_signature_depends_on_the_format() -> None:
    signatures = set()
    for format_ in FORMATS.values():
        bundle = bundle_of(Store.open(MemoryEngine(), format_))
        signatures.add(sign_bundle(BytesIO(bundle), SECRET))
    assert len(signatures) == 2, "only the format distinguishes two empty bundles"


def test_every_changed_signature_byte_is_rejected(bundle: bytes) -> None:
    signature = sign_bundle(BytesIO(bundle), SECRET)
    for at in range(len(signature)):
        broken = bytearray(signature)
        broken[at] ^= 0x01
        assert not accepts(bundle, bytes(broken)), at


@pytest.mark.parametrize("change", [(b"", b" "), (b"{", b'{"a":1,'), (b'"v":1', b'"v":1.0'), (b"}", b"}\n")])
def test_signature_in_another_form_is_rejected(bundle: bytes, change: tuple[bytes, bytes]) -> None:
    signature = sign_bundle(BytesIO(bundle), SECRET)
    assert accepts(bundle, signature)
    assert not accepts(bundle, signature.replace(*change, 1))
    key = public_key(SECRET).hex().encode()
    assert not accepts(bundle, signature.replace(key, key.upper()))


def test_untrusted_keys_are_rejected(bundle: bytes) -> None:
    other = bytes(range(1, 33))
    signature = sign_bundle(BytesIO(bundle), other)
    assert not accepts(bundle, signature)
    assert accepts(bundle, signature, public_key(other))
    with pytest.raises(Rejected):
        verify_bundle(BytesIO(bundle), signature, [])


def test_invalid_bundles_are_rejected(bundle: bytes) -> None:
    signature = sign_bundle(BytesIO(bundle), SECRET)
    for broken in (b"", bundle[:-1], b"gritstone bundle 2" + bundle[18:]):
        with pytest.raises(Malformed):
            sign_bundle(BytesIO(broken), SECRET)
        with pytest.raises(Malformed):
            verify_bundle(BytesIO(broken), signature, [])
    with pytest.raises(Invalid):
        sign_bundle(BytesIO(bundle[:-1] + bytes((bundle[-1] ^ 1,))), SECRET)
    with pytest.raises(Rejected) as caught:
        sign_bundle(BytesIO(b"gritstone bundle 1\nformat zork\n\n"), SECRET)
    assert caught.value.code == "format"
