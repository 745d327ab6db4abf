"""Passkeys: the checks of a registration and of an assertion with ES256, as Web Authentication defines them.

Only what a page of one machine needs: one algorithm, no attestation, user verification required. The functions are
pure; the caller keeps challenges, keys and counters.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gritstone.errors import GritstoneError

__all__ = ["Denied", "Party", "Passkey", "from_base64url", "register", "to_base64url", "verify"]

_HEAD_BYTES: Final = 37  # hash of the relying party, flags, counter
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40
_KEY: Final = (bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820"))  # COSE: EC2, ES256, P-256, x and y
_HALF: Final = 32


class Denied(GritstoneError):  # noqa: N818 - the name states what happened
    """A registration or an assertion is not valid; the text names the check."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A registered key.

    Attributes:
        credential: the id that the authenticator chose.
        point: the public key, x and y.
        count: the newest counter of the authenticator.
    """

    credential: bytes
    point: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Party:
    """The relying party.

    Attributes:
        name: its id, the host of the page.
        origin: the origin of the page.
        take: uses up a challenge; returns whether it was open.
    """

    name: str
    origin: str
    take: Callable[[bytes], bool]


def to_base64url(data: bytes) -> str:
    """Return data as base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: object) -> bytes:
    """Return the data of a text in base64url.

    Raises:
        Denied: it is not such a text.
    """
    try:
        return urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
    except ValueError:
        raise Denied("encoding") from None


def register(client: bytes, authenticator: bytes, party: Party) -> Passkey:
    """Return the key of a registration.

    Args:
        client: the data of the client, JSON.
        authenticator: the data of the authenticator.
        party: the relying party.

    Raises:
        Denied: a check fails.
    """
    _check_client(client, "webauthn.create", party)
    flags, count = _read_head(authenticator, party)
    rest = authenticator[_HEAD_BYTES + 16 :]
    size = int.from_bytes(rest[:2], "big")
    credential, key = rest[2 : 2 + size], rest[2 + size :]
    begin, middle = _KEY
    x = key[len(begin) : len(begin) + _HALF]
    y = key[len(begin) + _HALF + len(middle) :][:_HALF]
    if not flags & _ATTESTED or not credential or key != begin + x + middle + y or len(x + y) != 2 * _HALF:
        raise Denied("key")
    _public_key(x + y)
    return Passkey(credential, x + y, count)


def verify(key: Passkey, client: bytes, authenticator: bytes, signature: bytes, party: Party) -> int:
    """Return the counter of an assertion that is valid; see ``register``.

    Raises:
        Denied: a check fails, for example because the counter did not increase.
    """
    _check_client(client, "webauthn.get", party)
    count = _read_head(authenticator, party)[1]
    try:
        _public_key(key.point).verify(signature, authenticator + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise Denied("signature") from None
    if (count or key.count) and count <= key.count:
        raise Denied("counter")
    return count


def _check_client(data: bytes, kind: str, party: Party) -> None:
    try:
        client = json.loads(data)
    except ValueError:
        raise Denied("client") from None
    if not isinstance(client, dict):
        raise Denied("client")
    is_open = party.take(from_base64url(client.get("challenge")))
    if client.get("type") != kind:
        raise Denied("type")
    if client.get("origin") != party.origin or client.get("crossOrigin"):
        raise Denied("origin")
    if not is_open:
        raise Denied("challenge")


def _read_head(data: bytes, party: Party) -> tuple[int, int]:
    """Return the flags and the counter in the data of an authenticator."""
    if len(data) < _HEAD_BYTES or data[:32] != hashlib.sha256(party.name.encode()).digest():
        raise Denied("party")
    if not data[32] & _PRESENT or not data[32] & _VERIFIED:
        raise Denied("user")
    return data[32], int.from_bytes(data[33:_HEAD_BYTES], "big")


def _public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    except ValueError:
        raise Denied("key") from None
