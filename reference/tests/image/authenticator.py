"""An authenticator in software, for tests of passkeys."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256, CoseKey
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

__all__ = ["ORIGIN", "Authenticator"]

ORIGIN = "http://localhost:1"


class Authenticator:
    """An authenticator with one key; each attribute is what it sends.

    Attributes:
        origin: the origin that the client reports.
        party: the relying party.
        flags: user present, user verified.
        count: the counter.
        credential: the id of the key.
        key: the private key.
        frame: whether the client reports a frame of another origin.
    """

    def __init__(self, origin: str = ORIGIN) -> None:
        self.origin, self.party, self.flags, self.count, self.frame = origin, "localhost", 0x05, 1, False
        self.credential = secrets.token_bytes(16)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def client(self, kind: str, challenge: str) -> CollectedClientData:
        """Return the data of the client."""
        return CollectedClientData.create(kind, challenge, self.origin, self.frame)

    def head(self, flags: int, key: bytes = b"") -> AuthenticatorData:
        """Return the data of the authenticator."""
        party = sha256(self.party.encode())
        data: AuthenticatorData = AuthenticatorData.create(party, AuthenticatorData.FLAG(flags), self.count, key)
        return data

    def created(self, begun: Mapping[str, Any], cose: CoseKey | None = None) -> dict[str, Any]:
        """Return the response to the options of a registration, with the key or another public key."""
        public = cose or ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        data = self.head(self.flags | 0x40, AttestedCredentialData.create(Aaguid.NONE, self.credential, public))
        client = self.client("webauthn.create", begun["create"]["challenge"])
        return self._response(client, attestationObject=AttestationObject.create("none", data, {}))

    def signed(self, begun: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to the options of a sign-in."""
        client, data = self.client("webauthn.get", begun["get"]["challenge"]), self.head(self.flags)
        signature = self.key.sign(data + client.hash, ec.ECDSA(SHA256()))
        return self._response(client, authenticatorData=data, signature=signature)

    def _response(self, client: bytes, **parts: bytes) -> dict[str, Any]:
        name = websafe_encode(self.credential)
        response = {part: websafe_encode(value) for part, value in {"clientDataJSON": client, **parts}.items()}
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
