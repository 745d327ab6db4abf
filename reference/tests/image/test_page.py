"""The page with a passkey, without a browser: an authenticator in software signs, and each check is violated once."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store
from gritstone.image import Image, Program
from gritstone.image.desk import Desk
from gritstone.image.page import Page, _Server
from gritstone.image.passkeys import Denied, from_base64url, to_base64url

ORIGIN = "http://localhost:1"


class Authenticator:
    """An authenticator with one key; each attribute is what it sends.

    Attributes:
        origin: the origin that the client reports.
        party: the relying party.
        flags: user present, user verified.
        count: the counter.
    """

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = b"credential"
        self.origin, self.party, self.flags, self.count = ORIGIN, "localhost", 0x05, 1

    def client(self, kind: str, challenge: str, **more: Any) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, **more}).encode()

    def head(self, flags: int) -> bytes:
        return hashlib.sha256(self.party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def created(self, challenge: str) -> Mapping[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (one.to_bytes(32, "big") for one in (numbers.x, numbers.y))
        cose = bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y
        data = self.head(self.flags | 0x40) + bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential
        client = self.client("webauthn.create", challenge)
        return {"client": to_base64url(client), "authenticator": to_base64url(data + cose)}

    def signed(self, challenge: str, **more: Any) -> Mapping[str, str]:
        client, data = self.client("webauthn.get", challenge, **more), self.head(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"client": client, "authenticator": data, "signature": signature, "named": self.credential}
        return {name: to_base64url(part) for name, part in parts.items()}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def image() -> Iterator[Image]:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def page(image: Image, clock: Clock) -> Page:
    made = Page(Desk(image, image.principal("alice", state={"n": 1})), clock)
    made.origin = ORIGIN
    return made


@pytest.fixture
def owner(page: Page) -> Authenticator:
    """Return the authenticator whose key is registered."""
    made = Authenticator()
    page.enroll(page.token, **made.created(page.begin()["challenge"]))
    made.count += 1
    return made


def enter(page: Page, owner: Authenticator, **more: Any) -> str:
    return page.sign_in(**owner.signed(page.begin()["challenge"], **more))


def test_a_registered_key_signs_in_and_works(page: Page, owner: Authenticator) -> None:
    session = enter(page, owner)
    assert page.call(session, "run", {"program": "add n 41"})["failed"] is None
    assert page.call(session, "read", {"path": "n"}) == "42"
    assert [one["name"] for one in page.call(session, "list", {})] == ["alice"]


def test_a_call_without_a_session_is_denied(page: Page, owner: Authenticator) -> None:
    seq = page.desk.image.seq
    for session in ("", "guess"):
        with pytest.raises(Denied, match="session"):
            page.call(session, "run", {"program": "add n 1"})
    assert page.desk.image.seq == seq


def test_a_registration_needs_the_token_once(page: Page) -> None:
    for token in ("", "guess", None):
        with pytest.raises(Denied, match="token"):
            page.enroll(token, **Authenticator().created(page.begin()["challenge"]))
    token = page.token
    page.enroll(token, **Authenticator().created(page.begin()["challenge"]))
    with pytest.raises(Denied, match="token"):
        page.enroll(token, **Authenticator().created(page.begin()["challenge"]))


def test_a_challenge_is_used_once_and_in_time(page: Page, owner: Authenticator, clock: Clock) -> None:
    challenge = page.begin()["challenge"]
    page.sign_in(**owner.signed(challenge))
    owner.count += 1
    with pytest.raises(Denied, match="challenge"):
        page.sign_in(**owner.signed(challenge))
    late = page.begin()["challenge"]
    clock.now += 121
    with pytest.raises(Denied, match="challenge"):
        page.sign_in(**owner.signed(late))
    with pytest.raises(Denied, match="challenge"):
        page.sign_in(**owner.signed(to_base64url(bytes(32))))


def test_challenges_do_not_grow_without_bound(page: Page, owner: Authenticator) -> None:
    first = page.begin()["challenge"]
    for _ in range(64):
        page.begin()
    with pytest.raises(Denied, match="challenge"):
        page.sign_in(**owner.signed(first))


@pytest.mark.parametrize(
    ("name", "value", "denied"),
    [
        ("origin", "http://localhost:2", "origin"),
        ("origin", "https://evil.example", "origin"),
        ("party", "evil.example", "party"),
        ("flags", 0x01, "user"),
        ("flags", 0x04, "user"),
        ("count", 0, "counter"),
        ("count", 1, "counter"),
        ("credential", b"other", "credential"),
        ("key", ec.generate_private_key(ec.SECP256R1()), "signature"),
    ],
)
def test_each_check_denies_a_sign_in(page: Page, owner: Authenticator, name: str, value: Any, denied: str) -> None:
    setattr(owner, name, value)
    with pytest.raises(Denied, match=denied):
        enter(page, owner)


def test_a_frame_of_another_site_is_denied(page: Page, owner: Authenticator) -> None:
    with pytest.raises(Denied, match="origin"):
        enter(page, owner, crossOrigin=True)


def test_a_registration_is_no_sign_in(page: Page, owner: Authenticator) -> None:
    challenge = page.begin()["challenge"]
    created = owner.created(challenge)
    signed = owner.signed(challenge)
    with pytest.raises(Denied, match="type"):
        page.sign_in(signed["named"], created["client"], signed["authenticator"], signed["signature"])


def test_a_key_of_another_form_is_denied(page: Page) -> None:
    made = Authenticator().created(page.begin()["challenge"])
    data = from_base64url(made["authenticator"])
    for changed in (data[:-1], data + b"\0", data[:-32] + bytes(32), data[:20], data[:60]):
        challenge = page.begin()["challenge"]
        client = Authenticator().created(challenge)["client"]
        with pytest.raises(Denied):
            page.enroll(page.token, client, to_base64url(changed))


@pytest.mark.parametrize("client", [b"", b"[]", b"5", b'{"challenge":5}', b"\xff"])
def test_client_data_of_another_form_is_denied(page: Page, owner: Authenticator, client: bytes) -> None:
    signed = dict(owner.signed(page.begin()["challenge"]))
    with pytest.raises(Denied):
        page.sign_in(**{**signed, "client": to_base64url(client)})


def test_the_key_and_its_counter_survive_a_restart(page: Page, owner: Authenticator) -> None:
    enter(page, owner)
    later = Page(Desk(page.desk.image, page.desk.principal))
    later.origin = ORIGIN
    root = page.desk.image.world().root
    with pytest.raises(Denied, match="counter"):
        enter(later, owner)
    assert page.desk.image.world().root == root
    owner.count += 1
    assert later.call(enter(later, owner), "read", {"path": "n"}) == "1"


def test_the_page_acts_as_its_principal_only(page: Page, owner: Authenticator, image: Image) -> None:
    image.principal("bob", code={"x": Program()}, state={"secret": "canary"})
    session = enter(page, owner)
    for program in ("send @bob join x empty", "send @passkeys join x empty"):
        with pytest.raises(Exception, match="no actor has this name"):
            page.call(session, "run", {"program": program})
    assert "canary" not in json.dumps(page.call(session, "list", {}))


# --- over HTTP -----------------------------------------------------------------------------------------


@pytest.fixture
def served(page: Page) -> Iterator[_Server]:
    server = _Server(page, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sent(served: _Server, path: str, body: Any, **headers: str) -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=10)
    usual = {"host": served.host, "origin": served.page.origin, "content-type": "application/json"}
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, text, {**usual, **headers})
    reply = connection.getresponse()
    found = json.loads(reply.read())
    connection.close()
    return reply.status, found, reply.headers.get("set-cookie") or ""


def test_a_session_is_a_cookie(served: _Server) -> None:
    owner = Authenticator()
    owner.origin = served.page.origin
    begun = sent(served, "/begin", {})[1]
    enrolled = {"token": served.page.token, **owner.created(begun["challenge"])}
    assert sent(served, "/enroll", enrolled)[0] == 200
    owner.count += 1
    signed = dict(owner.signed(sent(served, "/begin", {})[1]["challenge"]))
    status, _, cookie = sent(served, "/signin", {**signed, "id": signed["named"]})
    assert status == 200
    assert cookie.endswith("HttpOnly; SameSite=Strict; Path=/")
    call = {"tool": "run", "arguments": {"program": "add n 1"}}
    assert sent(served, "/call", call)[0] == 401
    assert sent(served, "/call", call, cookie=cookie.partition(";")[0])[1]["failed"] is None
    wrong = {"tool": "run", "arguments": {"program": "add n"}}
    status, found, _ = sent(served, "/call", wrong, cookie=cookie.partition(";")[0])
    assert status == 400
    assert found["error"].startswith("malformed/program: line 1")


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_requests_of_other_pages_are_denied(served: _Server, headers: dict[str, str]) -> None:
    assert sent(served, "/begin", {}, **headers)[:2] == (401, {"error": "origin"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"x" * 131_073])
def test_bad_bodies_are_errors(served: _Server, body: bytes) -> None:
    assert sent(served, "/begin", body)[0] == 400


def test_the_page_has_a_policy_and_no_other_path(served: _Server) -> None:
    for path, host, status in (("/", served.host, 200), ("/x", served.host, 404), ("/", "evil.example", 404)):
        connection = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=10)
        connection.request("GET", path, headers={"host": host})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        assert reply.status == status
        if status == 200:
            assert "default-src 'none'" in (reply.headers["content-security-policy"] or "")
            assert "NONCE" not in text
