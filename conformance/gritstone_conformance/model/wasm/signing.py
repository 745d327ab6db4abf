"""Signatures of bundles: the text that is signed, the one form, and whether a signature holds.

Spec: "Signature" of ``wasm/migration``; :rule:`wasm.sign.covers`, :rule:`wasm.sign.trust`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from gritstone_conformance.model.wasm import ed25519

__all__ = ["form", "holds", "sign_bundle", "signed_text"]

_FORM: Final = re.compile(rb'\{"alg":"Ed25519","key":"([0-9a-f]{64})","sig":"([0-9a-f]{128})","v":1\}')


def signed_text(format_name: str, references: Mapping[str, bytes]) -> bytes:
    """Return what is signed of a bundle."""
    lines = ["gritstone signature 1", f"format {format_name}"]
    lines += [f"ref {name} {target.hex()}" for name, target in sorted(references.items())]
    return "".join(f"{line}\n" for line in lines).encode()


def form(key: bytes, signature: bytes) -> bytes:
    """Return the text of a signature."""
    return b'{"alg":"Ed25519","key":"%s","sig":"%s","v":1}' % (key.hex().encode(), signature.hex().encode())


def sign_bundle(secret: bytes, format_name: str, references: Mapping[str, bytes]) -> bytes:
    """Return the signature of a bundle by a secret."""
    return form(ed25519.public_key(secret), ed25519.sign(secret, signed_text(format_name, references)))


def holds(signature: bytes, keys: Collection[bytes], format_name: str, references: Mapping[str, bytes]) -> bool:
    """Return whether a signature is of the one form, its key is trusted, and it verifies."""
    match = _FORM.fullmatch(signature)
    if match is None:
        return False
    key, bits = bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode())
    return key in keys and ed25519.verifies(key, signed_text(format_name, references), bits)
