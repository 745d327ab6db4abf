"""Sign-in by passkey: the key of a person, the checks of Web Authentication by ``fido2``, and sessions.

A person has one key. It is in a file of its own and not in the image, so a rollback of the image does not return an
older one. Processes share the file, and it may be removed at any time.

Sessions are in memory. A session ends after eight hours, when 16 newer ones exist, and when its key is replaced or
removed, also by another process.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from fido2.server import Fido2Server, to_descriptor
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    UserVerificationRequirement,
)

from gritstone.errors import GritstoneError, StorageError

__all__ = ["Denied", "Passkeys", "remove_key"]

_CHALLENGE_S: Final = 120
_SESSION_S: Final = 8 * 3600
_MOST_CHALLENGES: Final = 1024
_MOST_SESSIONS: Final = 16
_TABLE: Final = "CREATE TABLE IF NOT EXISTS passkeys (owner BLOB PRIMARY KEY, key BLOB NOT NULL, count INTEGER)"
_VERIFIED: Final = UserVerificationRequirement.REQUIRED


class Denied(GritstoneError):  # noqa: N818 - the name states what happened
    """A registration, a sign-in or a session is not valid; the text names the check."""


class Passkeys:
    """The sign-in of one person at one origin.

    Attributes:
        token: allows one registration.
    """

    def __init__(
        self, file: Path, owner: bytes, name: str, origin: str, clock_s: Callable[[], float] = time.time
    ) -> None:
        """Begin without a session.

        Args:
            file: where the key is, or will be.
            owner: the id of the person.
            name: the name that the browser shows.
            origin: the origin of the page; its host is the relying party.
            clock_s: the time in seconds.
        """
        self.token = secrets.token_urlsafe(16)
        host = origin.partition("//")[2].partition(":")[0]
        party = PublicKeyCredentialRpEntity(id=host, name="gritstone")
        self._server = Fido2Server(party, verify_origin=lambda found: found == origin)
        self._file, self._owner, self._name, self._clock_s = file, owner, name, clock_s
        self._challenges: dict[bytes, float] = {}
        self._sessions: dict[bytes, tuple[bytes, float]] = {}
        self._key()  # a file that cannot be used is reported now

    def begin(self) -> Mapping[str, Any]:
        """Return the name of the person, and the options of the browser for a registration and a sign-in."""
        challenge, key = secrets.token_bytes(32), self._key()
        self._challenges[challenge] = self._clock_s() + _CHALLENGE_S
        _trim(self._challenges, _MOST_CHALLENGES)
        # The id of the user is new each time: with equal ids, an authenticator overwrites the key of another page.
        user = PublicKeyCredentialUserEntity(id=secrets.token_bytes(16), name=self._name, display_name=self._name)
        create, _ = self._server.register_begin(user, user_verification=_VERIFIED, challenge=challenge)
        known = [] if key is None else [to_descriptor(key[0])]
        get, _ = self._server.authenticate_begin(known, user_verification=_VERIFIED, challenge=challenge)
        return {"name": self._name, "create": dict(create.public_key), "get": dict(get.public_key)}

    def register(self, token: object, response: Any) -> None:
        """Register the key of the person, in place of another one; that ends all sessions.

        Raises:
            Denied: the token was used or is not that of this object, or a check fails.
        """
        if not self.token or not hmac.compare_digest(str(token).encode(), self.token.encode()):
            raise Denied("the token of the registration is unknown or was used")
        with _denying():
            given = RegistrationResponse.from_dict(response)
            found = self._server.register_complete(self._state(given.response.client_data), given)
            if found.credential_data is None:
                raise Denied("the data of the authenticator have no key")
            with suppress(InvalidSignature):  # a key that cannot be used raises something else
                found.credential_data.public_key.verify(b"", b"")
        values = (self._owner, bytes(found.credential_data), found.counter)
        _run(self._file, "REPLACE INTO passkeys VALUES (?, ?, ?)", *values)
        self.token = ""

    def sign_in(self, response: Any) -> str:
        """Return a new session.

        Raises:
            Denied: the key is not that of the person, or a check fails.
        """
        key = self._key()
        if key is None:
            raise Denied("no passkey is registered")
        with _denying():
            given = AuthenticationResponse.from_dict(response)
            self._server.authenticate_complete(self._state(given.response.client_data), [key[0]], given)
        data, old, new = bytes(key[0]), key[1], given.response.authenticator_data.counter
        if (old or new) and new <= old:
            raise Denied(f"the counter of the passkey is {new}, expected more than {old}")
        update = "UPDATE passkeys SET count = ? WHERE owner = ? AND key = ? AND count = ?"
        if _run(self._file, update, new, self._owner, data, old)[1] != 1:
            raise Denied("the passkey was used or replaced at the same time")
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = (data, self._clock_s() + _SESSION_S)
        _trim(self._sessions, _MOST_SESSIONS)
        return session

    def check(self, session: str) -> None:
        """Check that a session exists and has not ended.

        Raises:
            Denied: it does not, or it has.
        """
        data, until = self._sessions.get(_digest(session), (b"", 0.0))
        key = self._key() if until > self._clock_s() else None
        if key is None or bytes(key[0]) != data:
            self.sign_out(session)
            raise Denied("the session has ended: sign in")

    def sign_out(self, session: str) -> None:
        """End a session, if it exists."""
        self._sessions.pop(_digest(session), None)

    def _state(self, client: CollectedClientData) -> Mapping[str, Any]:
        """Use up the challenge; return what the library compares, and check what it does not."""
        if self._challenges.pop(client.challenge, 0.0) <= self._clock_s():
            raise Denied("the challenge is unknown, was used or has expired")
        if client.cross_origin:
            raise Denied("the request is from a frame of another origin")
        return {"challenge": websafe_encode(client.challenge), "user_verification": _VERIFIED}

    def _key(self) -> tuple[AttestedCredentialData, int] | None:
        """Return the key of the person and its counter; None if there is none."""
        row, _ = _run(self._file, "SELECT key, count FROM passkeys WHERE owner = ?", self._owner)
        return None if row is None else (AttestedCredentialData(row[0]), row[1])


def remove_key(file: Path, owner: bytes) -> bool:
    """Remove the key of a person from a file, which ends the sessions; return whether there was one."""
    return _run(file, "DELETE FROM passkeys WHERE owner = ?", owner)[1] == 1


def _run(file: Path, statement: str, *values: object) -> tuple[Any, int]:
    """Run a statement on a file of keys; return a row and the number of changed rows when the change is durable."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as opened:
            opened.execute("PRAGMA synchronous = EXTRA")
            opened.execute(_TABLE)
            done = opened.execute(statement, values)
            return done.fetchone(), done.rowcount
    except sqlite3.Error as error:
        raise StorageError(f"{file}: {error}") from error


def _digest(session: str) -> bytes:
    return hashlib.sha256(session.encode()).digest()


def _trim(values: dict[bytes, Any], most: int) -> None:
    """Remove the oldest values."""
    while len(values) > most:
        del values[next(iter(values))]


@contextmanager
def _denying() -> Iterator[None]:
    """Raise ``Denied`` for whatever the parsers of the library raise."""
    try:
        yield
    except Denied:
        raise
    except Exception as error:
        raise Denied(str(error) or type(error).__name__) from error
