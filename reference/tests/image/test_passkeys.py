"""Passkeys without a browser: an authenticator in software signs, and each check is violated once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256, CoseKey
from fido2.utils import websafe_encode

from gritstone.errors import StorageError
from gritstone.image.passkeys import Denied, Passkeys, remove_key

from .authenticator import ORIGIN, Authenticator

ALICE, BOB = b"alice", b"bob"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys #1?.sqlite"


@pytest.fixture
def begin(file: Path, clock: Clock) -> Callable[[bytes], Passkeys]:
    """Return what begins the sign-in of a person, as a process does."""
    return lambda owner: Passkeys(file, owner, owner.decode(), ORIGIN, clock)


@pytest.fixture
def passkeys(begin: Callable[[bytes], Passkeys]) -> Passkeys:
    return begin(ALICE)


@pytest.fixture
def owner(passkeys: Passkeys) -> Authenticator:
    """Return the authenticator whose key is registered."""
    return register(passkeys)


def register(passkeys: Passkeys) -> Authenticator:
    made = Authenticator()
    passkeys.register(passkeys.token, made.created(passkeys.begin()))
    return made


def enter(passkeys: Passkeys, owner: Authenticator) -> str:
    owner.count += 1
    return passkeys.sign_in(owner.signed(passkeys.begin()))


def test_a_registered_key_signs_in(passkeys: Passkeys, owner: Authenticator) -> None:
    session = enter(passkeys, owner)
    passkeys.check(session)
    for other in ("", "guess", session[:-1], "é"):
        with pytest.raises(Denied, match="session"):
            passkeys.check(other)
    passkeys.sign_out(session)
    with pytest.raises(Denied, match="session"):
        passkeys.check(session)


def test_a_registration_needs_the_token_once(passkeys: Passkeys) -> None:
    first, second = passkeys.begin(), passkeys.begin()
    for token in ("", "guess", None, ["x"]):
        with pytest.raises(Denied, match="token"):
            passkeys.register(token, Authenticator().created(first))
    token = passkeys.token
    passkeys.register(token, Authenticator().created(first))
    for used in (token, ""):
        with pytest.raises(Denied, match="token"):
            passkeys.register(used, Authenticator().created(second))


def test_a_challenge_is_used_once_and_in_time(passkeys: Passkeys, owner: Authenticator, clock: Clock) -> None:
    owner.count += 1
    begun = passkeys.begin()
    passkeys.sign_in(owner.signed(begun))
    owner.count += 1
    late, unknown = passkeys.begin(), {"get": {"challenge": websafe_encode(bytes(32))}}
    clock.now += 120
    for bad in (begun, late, unknown):
        with pytest.raises(Denied, match="challenge"):
            passkeys.sign_in(owner.signed(bad))


def test_challenges_do_not_grow_without_bound(passkeys: Passkeys, owner: Authenticator) -> None:
    begun = [passkeys.begin() for _ in range(1025)]
    with pytest.raises(Denied, match="challenge"):
        passkeys.sign_in(owner.signed(begun[0]))
    owner.count += 1
    passkeys.sign_in(owner.signed(begun[1]))


@pytest.mark.parametrize(
    ("name", "value", "denied"),
    [
        ("origin", "http://localhost:2", "origin"),
        ("origin", "http://localhost", "origin"),
        ("origin", "https://localhost:1", "origin"),
        ("origin", "https://evil.example", "origin"),
        ("frame", True, "frame"),
        ("party", "evil.example", "RP ID"),
        ("flags", 0x01, "verif"),
        ("flags", 0x04, "[Pp]resent"),
        ("count", 0, "counter"),
        ("count", -1, "counter"),
        ("credential", b"other", "credential"),
        ("key", ec.generate_private_key(ec.SECP256R1()), "signature"),
    ],
)
def test_each_check_denies_a_sign_in(
    passkeys: Passkeys, owner: Authenticator, name: str, value: Any, denied: str
) -> None:
    owner.count += 1
    enter(passkeys, owner)
    setattr(owner, name, owner.count + value if name == "count" else value)
    with pytest.raises(Denied, match=denied):
        passkeys.sign_in(owner.signed(passkeys.begin()))


@pytest.mark.parametrize(
    ("name", "value"), [("origin", "http://localhost:2"), ("frame", True), ("party", "x"), ("flags", 1), ("flags", 4)]
)
def test_each_check_denies_a_registration(passkeys: Passkeys, owner: Authenticator, name: str, value: Any) -> None:
    passkeys.token = "token"
    other = Authenticator()
    setattr(other, name, value)
    with pytest.raises(Denied):
        passkeys.register("token", other.created(passkeys.begin()))
    enter(passkeys, owner)


def test_a_registration_is_no_sign_in(passkeys: Passkeys, owner: Authenticator) -> None:
    begun = passkeys.begin()
    created, signed = owner.created(begun), owner.signed(begun)
    signed["response"]["clientDataJSON"] = created["response"]["clientDataJSON"]
    with pytest.raises(Denied, match="type"):
        passkeys.sign_in(signed)


@pytest.mark.parametrize(
    "key",
    [
        CoseKey({1: 2, 3: -65535, -1: 1}),
        ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}),
        ES256({1: 2, 3: -7, -1: 1, -2: bytes(31), -3: bytes(32)}),
        ES256({1: 2, 3: -7}),
    ],
)
def test_a_key_that_cannot_be_used_replaces_nothing(passkeys: Passkeys, owner: Authenticator, key: CoseKey) -> None:
    passkeys.token = "token"
    with pytest.raises(Denied):
        passkeys.register("token", Authenticator().created(passkeys.begin(), key))
    enter(passkeys, owner)
    register(passkeys)  # the token is still valid


def test_responses_of_another_form_are_denied(passkeys: Passkeys, owner: Authenticator) -> None:
    nested = "[" * 3000 + "]" * 3000
    forms: list[Any] = [None, 5, "x", [], {}, {"rawId": 5}, {"rawId": "", "response": 5}, {"rawId": "", "response": {}}]
    for part in ("clientDataJSON", "authenticatorData", "signature", "attestationObject"):
        for text in (b"", b"[]", b"5", b'{"challenge":5}', b"\xff", b"\x81" * 5000, nested.encode()):
            make = owner.created if part == "attestationObject" else owner.signed
            form = make(passkeys.begin())
            form["response"][part] = websafe_encode(text)
            forms.append(form)
    for form in forms:
        with pytest.raises(Denied):
            passkeys.sign_in(form)
        passkeys.token = "token"
        with pytest.raises(Denied):
            passkeys.register("token", form)
    enter(passkeys, owner)


def test_a_session_ends_after_eight_hours(passkeys: Passkeys, owner: Authenticator, clock: Clock) -> None:
    session = enter(passkeys, owner)
    clock.now += 8 * 3600 - 1
    passkeys.check(session)
    clock.now += 1
    with pytest.raises(Denied, match="session"):
        passkeys.check(session)


def test_sixteen_newer_sessions_end_one(passkeys: Passkeys, owner: Authenticator) -> None:
    sessions = [enter(passkeys, owner) for _ in range(17)]
    with pytest.raises(Denied, match="session"):
        passkeys.check(sessions[0])
    for session in sessions[1:]:
        passkeys.check(session)


@pytest.mark.parametrize("how", ["replaced here", "replaced elsewhere", "removed", "without a file"])
def test_sessions_end_with_their_key(
    passkeys: Passkeys, owner: Authenticator, begin: Callable[[bytes], Passkeys], file: Path, how: str
) -> None:
    session, second = enter(passkeys, owner), enter(passkeys, owner)
    passkeys.check(session)
    if how == "removed":
        assert remove_key(file, ALICE)
        assert not remove_key(file, ALICE)
    elif how == "without a file":
        file.unlink()
    else:
        other = passkeys if how == "replaced here" else begin(ALICE)
        other.token = "token"
        register(other)
    for ended in (session, second):
        with pytest.raises(Denied, match="session"):
            passkeys.check(ended)
    with pytest.raises(Denied):
        enter(passkeys, owner)


def test_keys_of_two_people_are_independent(begin: Callable[[bytes], Passkeys], file: Path) -> None:
    alice, bob = begin(ALICE), begin(BOB)
    keys = register(alice), register(bob)
    session = enter(bob, keys[1])
    with pytest.raises(Denied, match="session"):
        alice.check(session)
    with pytest.raises(Denied, match="credential"):
        enter(alice, keys[1])
    assert remove_key(file, ALICE)
    bob.check(session)
    assert alice.begin()["create"]["user"]["id"] != bob.begin()["create"]["user"]["id"]


def test_the_key_and_its_counter_survive_a_restart_and_sessions_do_not(
    passkeys: Passkeys, owner: Authenticator, begin: Callable[[bytes], Passkeys]
) -> None:
    session = enter(passkeys, owner)
    later = begin(ALICE)
    with pytest.raises(Denied, match="session"):
        later.check(session)
    with pytest.raises(Denied, match="counter"):
        later.sign_in(owner.signed(later.begin()))
    later.check(enter(later, owner))
    passkeys.check(session)  # of the other process, with the same key


def test_two_sign_ins_with_one_counter_do_not_both_succeed(
    passkeys: Passkeys, owner: Authenticator, begin: Callable[[bytes], Passkeys]
) -> None:
    later = begin(ALICE)
    owner.count += 1
    signed = owner.signed(passkeys.begin()), owner.signed(later.begin())
    passkeys.sign_in(signed[0])
    with pytest.raises(Denied, match="counter"):
        later.sign_in(signed[1])


def test_an_authenticator_without_a_counter_signs_in_again(passkeys: Passkeys) -> None:
    owner = Authenticator()
    owner.count = 0
    passkeys.register(passkeys.token, owner.created(passkeys.begin()))
    for _ in range(2):
        passkeys.check(passkeys.sign_in(owner.signed(passkeys.begin())))


def test_only_the_user_can_access_the_file(passkeys: Passkeys, owner: Authenticator, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_is_an_error(begin: Callable[[bytes], Passkeys], file: Path) -> None:
    file.write_bytes(b"x" * 4096)
    with pytest.raises(StorageError, match="not a database"):
        begin(ALICE)
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError, match="unable to open"):
        begin(ALICE)
