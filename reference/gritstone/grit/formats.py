"""The two object formats as values: how each encodes, decodes and hashes.

A store has one format for life; whoever needs a codec or a hash takes it from the ``Format`` it was given.

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
    """Hash bytes that come in pieces."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Take the next piece."""

    def digest(self) -> bytes:
        """Give the 32 bytes of the hash of all pieces so far."""


@dataclass(frozen=True, slots=True)
class Format:
    """Bundle what makes an object format.

    Attributes:
        name: as it stands in stores, bundles and requests.
        encode: gives the bytes of an object; see ``encode_framed``.
        decode: gives the object of bytes; see ``decode_framed``.
        kind_of: tells the kind of bytes that are known to be an encoding, without decoding them.
        object_id: hashes one whole encoding.
        hasher: makes a hasher for bytes that come in pieces.
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
    # Loading the extension takes a good part of a start; who has stores of the other format only never does.
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
