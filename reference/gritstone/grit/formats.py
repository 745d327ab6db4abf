"""The two object formats as values: how each encodes, decodes and hashes.

The format of a store never changes. Code that needs a codec or a hash takes it from the ``Format`` of the store.

Spec: :rule:`grit.id.whole`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from gritstone.grit.cbor import cbor_kind, decode_cbor, encode_cbor
from gritstone.grit.framed import decode_framed, encode_framed, framed_kind
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Kind, Object, ObjectId

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CBOR_BLAKE3", "FORMATS", "FRAMED_SHA256", "Format", "Hasher"]


class Hasher(Protocol):
    """A hash function over bytes that arrive in pieces."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Add the next piece."""

    def digest(self) -> bytes:
        """Return the 32 bytes of the hash of all pieces so far."""


@dataclass(frozen=True, slots=True)
class Format:
    """An object format.

    Attributes:
        name: the name in stores, bundles and requests.
        encode: returns the bytes of an object; see ``encode_framed``.
        decode: returns the object of bytes; see ``decode_framed``.
        kind_of: returns the kind of bytes that are known to be an encoding, without decoding them.
        object_id: hashes one complete encoding.
        hasher: creates a hasher for bytes that arrive in pieces.
    """

    name: str
    encode: Callable[[Object, Limits], bytes]
    decode: Callable[[bytes, Limits], Object]
    kind_of: Callable[[bytes], Kind | None]
    object_id: Callable[[bytes], ObjectId]
    hasher: Callable[[], Hasher]


def _sha256_id(data: bytes) -> ObjectId:
    return hashlib.sha256(data).digest()


@cache
def _blake3() -> Callable[..., Hasher]:
    # Loading the extension takes a large part of the start-up time, so it is loaded only for stores of this format.
    from blake3 import blake3

    return blake3


def _blake3_hasher() -> Hasher:
    return _blake3()()


def _blake3_id(data: bytes) -> ObjectId:
    return _blake3()(data).digest()


FRAMED_SHA256 = Format("framed-sha256", encode_framed, decode_framed, framed_kind, _sha256_id, hashlib.sha256)
CBOR_BLAKE3 = Format("cbor-blake3", encode_cbor, decode_cbor, cbor_kind, _blake3_id, _blake3_hasher)

FORMATS: Mapping[str, Format] = {format_.name: format_ for format_ in (FRAMED_SHA256, CBOR_BLAKE3)}
"""Every format by its name."""
