"""The two object formats as data: what each brings, and nothing about either beyond its two modules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import blake3

from gritstone_conformance.model import cbor, framed
from gritstone_conformance.model.grammar import CBOR, FRAMED
from gritstone_conformance.model.refusals import Refusal, exhausted
from gritstone_conformance.model.values import Object

__all__ = ["CBOR_BLAKE3", "FORMATS", "FRAMED_SHA256", "Format", "other_format"]


@dataclass(frozen=True, slots=True)
class Format:
    """One object format.

    Attributes:
        name: its name on the wire.
        encode: the one encoding of a value; raises Refusal.
        decode: the value that bytes spell; raises Refusal.
        hasher: a new hash with ``update`` and ``digest``, of bytes if they are given.
        in_order: a map's pairs of text and anything, in the format's order.
    """

    name: str
    encode: Callable[[Object], bytes]
    decode: Callable[[bytes], Object]
    hasher: Callable[..., Any]
    in_order: Callable[[tuple[tuple[str, Any], ...]], list[tuple[str, Any]]]

    def hash(self, data: bytes) -> bytes:
        """Return the format's hash of any bytes: 32 bytes.

        Spec: :rule:`grit.id.whole`.
        """
        digest: bytes = self.hasher(data).digest()
        return digest

    def decode_within(self, data: bytes, object_bytes: int) -> Object:
        """Decode with a limit, which is checked before anything else.

        Spec: :rule:`grit.object.size-limit`.
        """
        self.check_size(data, object_bytes)
        return self.decode(data)

    def encode_within(self, value: Object, object_bytes: int) -> bytes:
        """Encode with a limit."""
        data = self.encode(value)
        self.check_size(data, object_bytes)
        return data

    @staticmethod
    def check_size(data: bytes, object_bytes: int) -> None:
        """Raise Refusal if the bytes are more than an object may have."""
        if len(data) > object_bytes:
            raise Refusal([exhausted("grit.object.size-limit", f"{len(data)} bytes, the limit is {object_bytes}")])


FRAMED_SHA256: Final = Format(FRAMED, framed.encode, framed.decode, hashlib.sha256, framed.in_order)
CBOR_BLAKE3: Final = Format(CBOR, cbor.encode, cbor.decode, blake3.blake3, cbor.in_order)

FORMATS: Final = {FRAMED: FRAMED_SHA256, CBOR: CBOR_BLAKE3}
"""The formats by name."""


def other_format(fmt: Format) -> Format:
    """Return the format that is not this one."""
    return CBOR_BLAKE3 if fmt is FRAMED_SHA256 else FRAMED_SHA256
