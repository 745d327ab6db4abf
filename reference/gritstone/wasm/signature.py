"""Signatures of bundles: a small JSON text that is stored next to a bundle.

The format and the references are signed. Since ids are hashes of everything that they reach, a signature covers every
byte of the bundle. The trusted keys are supplied by the verifier, never by the bundle.

Spec: :rule:`wasm.sign.covers`, :rule:`wasm.sign.trust`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gritstone.errors import Malformed, Rejected
from gritstone.grit.bundle import BundleReader
from gritstone.grit.formats import FORMATS
from gritstone.grit.limits import DEFAULT_LIMITS, Limits
from gritstone.grit.objects import ObjectId

__all__ = ["public_key", "read_references", "sign_bundle", "signed_text", "verify_bundle"]

_PIECE_BYTES = 1 << 20
_FORMAT = re.compile(rb"gritstone bundle 1\nformat ([a-z][a-z0-9-]{0,31})\n")
_FORM = re.compile(rb'\{"alg":"Ed25519","key":"([0-9a-f]{64})","sig":"([0-9a-f]{128})","v":1\}')
_FIRST_BYTES = 64  # the first two lines are shorter


def public_key(secret: bytes) -> bytes:
    """Return the public key of a secret of 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sign_bundle(source: BinaryIO, secret: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Sign a bundle.

    Args:
        source: the bundle from its first to its last byte; it must be seekable.
        secret: an Ed25519 secret of 32 bytes.
        limits: ``object_bytes`` and ``tree_depth`` apply.

    Returns:
        The signature in its only form, to be stored next to the bundle.

    Raises:
        Malformed: as import.
        Invalid: as import.
        Rejected: the format is unknown (code ``format``).
        Exhausted: as import.

    Spec: :rule:`wasm.sign.covers`.
    """
    key = Ed25519PrivateKey.from_private_bytes(secret)
    signature = key.sign(signed_text(*read_references(source, limits)))
    # The form of RFC 8785: members in order of name, no white space; nothing here needs escaping.
    return f'{{"alg":"Ed25519","key":"{public_key(secret).hex()}","sig":"{signature.hex()}","v":1}}'.encode()


def verify_bundle(
    source: BinaryIO, signature: bytes, keys: Collection[bytes], limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Verify the signature of a bundle. Nothing is stored.

    Args:
        source: the bundle; see ``sign_bundle``.
        signature: the signature that is stored next to it.
        keys: the trusted public keys.
        limits: see ``sign_bundle``.

    Returns:
        The key that made the signature.

    Raises:
        Malformed: the data is not a bundle, as import reports.
        Invalid: as import.
        Exhausted: as import.
        Rejected: the signature is invalid (code ``signature``), or the format is unknown (code ``format``).

    Spec: :rule:`wasm.sign.trust`, :rule:`wasm.sign.covers`.
    """
    text = signed_text(*read_references(source, limits))
    match = _FORM.fullmatch(signature)
    if match is None:
        raise _refusal("it is not of the one form")
    key = bytes.fromhex(match[1].decode())
    if key not in keys:
        raise _refusal("its key is not trusted")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(match[2].decode()), text)
    except (InvalidSignature, ValueError):
        raise _refusal("it is not that of these references") from None
    return key


def signed_text(format_name: str, references: Sequence[tuple[str, ObjectId]]) -> bytes:
    """Return the text to be signed.

    Args:
        format_name: the format of the bundle.
        references: names and targets, ascending by name.
    """
    lines = [f"ref {name} {target.hex()}\n" for name, target in references]
    return f"gritstone signature 1\nformat {format_name}\n{''.join(lines)}".encode()


def read_references(source: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> tuple[str, list[tuple[str, ObjectId]]]:
    """Read a bundle to its end without storing anything.

    Returns:
        The name of its format, and the names and targets of its references, ascending by name.

    Raises:
        Malformed: as import.
        Invalid: as import.
        Rejected: the format is unknown (code ``format``).
        Exhausted: as import.
    """
    begin = source.tell()
    match = _FORMAT.match(source.read(_FIRST_BYTES))
    if match is None:
        raise Malformed("no bundle", rule="grit.bundle.conditions", offset=0)
    name = match[1].decode()
    if name not in FORMATS:
        raise Rejected("unknown format of the bundle", rule="grit.bundle.format", code="format", got=name)
    source.seek(begin)
    reader = BundleReader(FORMATS[name], limits)
    for piece in iter(lambda: source.read(_PIECE_BYTES), b""):
        for _ in reader.feed(piece):
            pass
    reader.finish()
    return name, reader.references


def _refusal(what: str) -> Rejected:
    return Rejected(f"the signature does not hold: {what}", rule="wasm.sign.trust", code="signature")
