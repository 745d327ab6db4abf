"""Bytes as JSON text: base64url without padding, in canonical form.

Each byte string has exactly one canonical text. This module rejects every other text: padding, the standard alphabet,
white space, an impossible length, and unused bits that are not zero.

Invariants: ``decode_bytes(encode_bytes(b)) == b``; ``encode_bytes(decode_bytes(t)) == t`` for every accepted ``t``.
"""

from __future__ import annotations

import base64
from typing import Final

__all__ = ["NotCanonicalError", "decode_bytes", "encode_bytes", "is_canonical"]

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The last character of a group of two carries 4 unused bits, of a group of three 2 unused bits.
_LAST_OF_TWO: Final = frozenset("AQgw")
_LAST_OF_THREE: Final = frozenset("AEIMQUYcgkosw048")


class NotCanonicalError(ValueError):
    """The text is not canonical base64url."""


def encode_bytes(data: bytes) -> str:
    """Encode bytes as unpadded base64url.

    Spec: :rule:`harness.bytes.canonical`.
    """
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def is_canonical(text: str) -> bool:
    """Return whether ``text`` is canonical base64url, without decoding it."""
    if not text.isascii() or text.encode("ascii").translate(None, _ALPHABET):
        return False
    match len(text) % 4:
        case 0:
            return True
        case 2:
            return text[-1] in _LAST_OF_TWO
        case 3:
            return text[-1] in _LAST_OF_THREE
        case _:
            return False


def decode_bytes(text: str) -> bytes:
    """Decode canonical base64url.

    Raises:
        NotCanonicalError: the text is not a possible result of :func:`encode_bytes`.

    Spec: :rule:`harness.bytes.canonical`.
    """
    if not is_canonical(text):
        raise NotCanonicalError(f"{text[:40]!r} is not canonical base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
