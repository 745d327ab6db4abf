"""The page of an image over HTTP, by sockets: sessions, hosts and origins, slow clients and bad bodies."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import CBOR_BLAKE3, MemoryEngine, Store
from gritstone.image import Image, Program, loopback
from gritstone.image.command import main
from gritstone.image.desk import Desk
from gritstone.image.loopback import listen, local_server, origin_of
from gritstone.image.page import POLICY, page_app
from gritstone.image.passkeys import Passkeys

from .authenticator import Authenticator

_PATIENCE_S = 5.0  # less than the old delay of one idle connection


class Served:
    """A page that a thread serves.

    Attributes:
        image: the image.
        passkeys: the sign-in.
        origin: the origin of the page.
        port: its port.
    """

    def __init__(self, image: Image, file: Path, port: int = 0) -> None:
        self.image = image
        sockets = listen(port)
        self.port, self.origin = sockets[0].getsockname()[1], origin_of(sockets)
        desk = Desk(image, image.principal("alice", state={"n": 1}))
        self.passkeys = Passkeys(file, desk.principal.id, "alice", self.origin)
        self._server = local_server(page_app(desk, self.passkeys), self.origin, POLICY)
        self._thread = threading.Thread(target=self._server.run, args=(sockets,))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection((address, self.port), timeout=_PATIENCE_S)

    def ask(self, path: str, body: Any = None, session: str = "", **headers: str) -> tuple[int, Any]:
        """Return status and answer of a request as the page makes it."""
        usual = {"host": self.origin[7:], "origin": self.origin, "authorization": f"Bearer {session}"}
        text = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", path, text, {**usual, **headers})
        reply = connection.getresponse()
        assert "set-cookie" not in reply.headers
        found = reply.read()
        assert b"\n" not in found
        connection.close()
        return reply.status, json.loads(found)

    def raw(self, data: bytes, address: str = "127.0.0.1") -> bytes:
        """Return everything that the server answers to some bytes."""
        with self.connect(address) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def register(self) -> Authenticator:
        owner = Authenticator(self.origin)
        body = {"token": self.passkeys.token, "response": owner.created(self.ask("/begin")[1])}
        assert self.ask("/register", body) == (200, None)
        return owner

    def enter(self, owner: Authenticator) -> str:
        """Return a new session."""
        owner.count += 1
        status, session = self.ask("/signin", {"response": owner.signed(self.ask("/begin")[1])})
        assert status == 200, session
        return str(session)

    def call(self, session: str, tool: str, **arguments: Any) -> tuple[int, Any]:
        return self.ask("/call", {"tool": tool, "arguments": arguments}, session)


@pytest.fixture
def image() -> Iterator[Image]:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as opened:
        yield opened


@contextmanager
def serving(image: Image, file: Path) -> Iterator[Served]:
    served = Served(image, file)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture
def served(image: Image, tmp_path: Path) -> Iterator[Served]:
    with serving(image, tmp_path / "passkeys.sqlite") as made:
        yield made


@pytest.fixture
def session(served: Served) -> str:
    return served.enter(served.register())


# --- sessions ------------------------------------------------------------------------------------------


def test_a_session_works_as_its_principal_only(served: Served, session: str) -> None:
    served.image.principal("bob", code={"x": Program()}, state={"secret": "canary"})
    assert served.call(session, "run", program="add n 41") == (200, {"seq": served.image.seq, "failed": None})
    assert served.call(session, "read", path="n") == (200, "42")
    assert (
        served.call(session, "run", program="send @outside post effect.x empty")[1]["failed"] == "rejected/capability"
    )
    status, found = served.call(session, "run", program="send @bob join x empty")
    assert status == 400
    assert "no actor has this name" in found["error"]
    assert [one["name"] for one in served.call(session, "list")[1]] == ["alice"]
    assert "canary" not in json.dumps(served.call(session, "log")[1])


def test_a_call_without_a_session_is_denied(served: Served, session: str) -> None:
    call, seq = {"tool": "run", "arguments": {"program": "add n 1"}}, served.image.seq
    for headers in (
        {},
        {"cookie": f"session={session}"},
        {"authorization": session},
        {"authorization": f"Basic {session}"},
    ):
        assert served.ask("/call", call, **headers) == (401, {"error": "the session has ended: sign in"})
    assert served.image.seq == seq
    served.ask("/signout", session=session)
    assert served.call(session, "read", path="n")[0] == 401


def test_two_pages_do_not_share_sessions(served: Served, session: str, tmp_path: Path) -> None:
    with Image(Store.open(MemoryEngine(), CBOR_BLAKE3)) as other, serving(other, tmp_path / "other.sqlite") as second:
        assert second.call(session, "read", path="n")[0] == 401
        owner = second.register()
        mine = second.enter(owner)
        assert served.call(mine, "read", path="n")[0] == 401
        assert served.call(session, "read", path="n") == second.call(mine, "read", path="n") == (200, "1")
        stolen = {"response": owner.signed(served.ask("/begin")[1])}
        assert served.ask("/signin", stolen)[0] == 401


def test_a_replaced_key_does_not_come_back_with_a_rollback(served: Served) -> None:
    world = served.image.seq
    old = served.register()
    session = served.enter(old)
    served.call(session, "run", program="add n 1")
    served.passkeys.token = "token"
    new = served.register()
    assert served.call(session, "read", path="n")[0] == 401
    for seq in (world, served.image.seq):
        assert served.image.rollback(seq).failed is None
        old.count += 1
        assert served.ask("/signin", {"response": old.signed(served.ask("/begin")[1])})[0] == 401
        assert served.call(served.enter(new), "read", path="n")[0] == 200


def test_a_restart_keeps_the_key_and_ends_sessions(image: Image, tmp_path: Path) -> None:
    with serving(image, tmp_path / "file") as first:
        owner = first.register()
        session = first.enter(owner)
    with serving(image, tmp_path / "file") as second:
        owner.origin = second.origin
        assert second.call(session, "read", path="n")[0] == 401
        assert second.call(second.enter(owner), "read", path="n") == (200, "1")


def test_a_damaged_file_of_passkeys_is_an_error_of_one_line(
    served: Served, session: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "passkeys.sqlite").write_bytes(b"x" * 4096)
    for status, found in (served.call(session, "read", path="n"), served.ask("/begin")):
        assert status == 500
        assert "not a database" in found["error"]
    assert not caplog.records


def test_one_of_many_registrations_with_one_token_succeeds(served: Served) -> None:
    owners = [Authenticator(served.origin) for _ in range(8)]
    bodies = [{"token": served.passkeys.token, "response": one.created(served.ask("/begin")[1])} for one in owners]
    with ThreadPoolExecutor(8) as pool:
        statuses = [status for status, _ in pool.map(lambda body: served.ask("/register", body), bodies)]
    assert sorted(statuses) == [200] + [401] * 7
    served.enter(owners[statuses.index(200)])


def test_calls_at_the_same_time_are_all_made(served: Served, session: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: served.call(session, "run", program="add n 1"), range(24)))
    assert len({found["seq"] for _, found in made}) == 24
    assert served.call(session, "read", path="n") == (200, "25")


# --- addresses -----------------------------------------------------------------------------------------


def _request(host: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} / HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_both_addresses_of_localhost_are_served(served: Served) -> None:
    for address in ("127.0.0.1", "::1"):
        assert _status(served.raw(_request(f"localhost:{served.port}"), address)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1:PORT",
        "[::1]:PORT",
        "localhost",
        "localhost:1",
        "x.localhost:PORT",
    ],
)
def test_other_hosts_are_rejected(served: Served, host: str) -> None:
    answer = served.raw(_request(host.replace("PORT", str(served.port))), "::1")
    assert _status(answer) == 421
    assert b"<script>" not in answer


def test_repeated_and_missing_hosts_are_rejected(served: Served) -> None:
    good = f"localhost:{served.port}"
    assert _status(served.raw(_request(good, "Host: evil.example"))) == 400
    assert _status(served.raw(b"GET / HTTP/1.1\r\n\r\n")) == 400
    assert _status(served.raw(b"GET / HTTP/1.0\r\n\r\n")) == 421


def test_other_origins_are_rejected(served: Served) -> None:
    host = f"localhost:{served.port}"
    others = [
        "null",
        "http://evil.example",
        "http://localhost",
        "http://localhost:1",
        f"https://{host}",
        f"http://[::1]:{served.port}",
    ]
    for method in ("GET", "POST", "OPTIONS"):
        for origin in others:
            assert _status(served.raw(_request(host, f"Origin: {origin}", method=method))) == 403
        twice = (f"Origin: {served.origin}", "Origin: http://evil.example")
        assert _status(served.raw(_request(host, *twice, method=method))) == 403
    assert _status(served.raw(_request(host, method="POST"))) == 403


def test_the_page_has_a_policy_and_no_other_path(served: Served) -> None:
    answer = served.raw(_request(f"localhost:{served.port}")).decode()
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for"):
        assert part in answer
    assert _status(served.raw(_request(f"localhost:{served.port}").replace(b" / ", b" /x "))) == 404
    assert served.ask("/")[0] == 405


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_neighbour_on_one_address_is_an_error(taken: str) -> None:
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    with socket.create_server((taken, 0), family=family) as neighbour:
        port = neighbour.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of {taken} is not available"):
            listen(port)
        for address, other in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            if address != taken:
                socket.create_server((address, port), family=other).close()


def test_any_port_is_free_on_both_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = [], socket.create_server

    def create(address: tuple[str, int], **more: Any) -> socket.socket:
        made.append(address)
        if len(made) == 2:  # a neighbour has the port that the first address chose
            raise OSError(98, "Address already in use")
        return real(address, **more)

    monkeypatch.setattr(socket, "create_server", create)
    sockets = listen(0)
    assert [one.getsockname()[:2] for one in sockets] == [("127.0.0.1", made[3][1]), ("::1", made[3][1])]
    for one in sockets:
        one.close()


def test_a_machine_without_the_other_protocol_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_server

    def create(address: tuple[str, int], **more: Any) -> socket.socket:
        if address[0] == "::1":
            raise OSError(99, "Cannot assign requested address")
        return real(address, **more)

    monkeypatch.setattr(socket, "create_server", create)
    (only,) = listen(0)
    only.close()


def test_port_80_is_omitted_as_in_browsers(image: Image, tmp_path: Path) -> None:
    try:
        served = Served(image, tmp_path / "file", 80)
    except OSError as error:
        pytest.skip(str(error))
    try:
        assert served.origin == "http://localhost"
        assert _status(served.raw(_request("localhost"))) == 200
        assert served.call(served.enter(served.register()), "read", path="n") == (200, "1")
    finally:
        served.close()


# --- slow clients --------------------------------------------------------------------------------------


def test_slow_clients_delay_nobody(served: Served, session: str) -> None:
    head = _request(f"localhost:{served.port}", f"Origin: {served.origin}", "Content-Length: 9", method="POST")
    idle = [served.connect() for _ in range(20)]
    for at, one in enumerate(idle):
        one.sendall((b"", head[:20], head.replace(b" / ", b" /begin "))[at % 3])
    begun = time.monotonic()
    assert served.call(session, "read", path="n") == (200, "1")
    assert time.monotonic() - begun < _PATIENCE_S
    for one in idle:
        one.close()


def test_connections_do_not_accumulate(served: Served, session: str) -> None:
    idle = [served.connect() for _ in range(300)]
    assert served.call(session, "read", path="n") == (200, "1")
    ended = 0
    for one in idle:
        one.setblocking(False)
        try:
            ended += one.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionError:
            ended += 1
        one.close()
    assert ended >= 300 - 256


def _drip(slow: socket.socket) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        slow.sendall(b"G")
        time.sleep(0.05)


def test_a_connection_ends_though_it_sends_slowly(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_LIFE_S", 0.5)
    with served.connect() as slow, pytest.raises(ConnectionError):
        _drip(slow)


# --- bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"5", 400),
        (b"\xff\xfe", 400),
        (b'{"a":1}{', 400),
        ('{"a":"\\ud800"}'.encode("utf-16"), 400),
        (b'{"a":' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 20_000, 400),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", 400),
        (b'"\\\n' + b"[" * 100_000, 400),
        (b'{"a":"' + b"[" * 1000 + b'\\""}', 200),
        (b'{"a":' + b"[" * 15 + b"]" * 15 + b"}", 200),
        (b" " * 131_070 + b"{}", 200),
        (b" " * 131_071 + b"{}", 413),
        (b"x" * 5_000_000, 413),
    ],
)
def test_bad_bodies_are_errors_of_one_line(
    served: Served, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert served.ask("/begin", body)[0] == status
    assert not caplog.records


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"tool": []},
        {"tool": "\ud800", "arguments": {}},
        {"tool": "run"},
        {"tool": "run", "arguments": []},
        {"tool": "run", "arguments": {}},
        {"tool": "run", "arguments": {"program": 5}},
        {"tool": "run", "arguments": {"program": "x", "\ud800": ""}},
        {"tool": "run", "arguments": {"program": 'write a "\ud800"'}},
        {"tool": "run", "arguments": {"program": "add n\nadd m"}},
        {"tool": "run", "arguments": {"program": "add n 1", "key": "\ud800"}},
        {"tool": "run", "arguments": {"program": "send @\ud800 join x empty"}},
        {"tool": "read", "arguments": {"path": "n", "actor": "\ud800"}},
        {"tool": "log", "arguments": {"after": 1.5}},
        {"tool": "log", "arguments": {"after": True}},
        {"tool": "spawn", "arguments": {"name": "\ud800", "code": {}}},
        {"tool": "spawn", "arguments": {"name": "x", "code": {"y": [[]]}}},
        {"tool": "spawn", "arguments": {"name": "x", "code": {}, "may": ["\ud800"]}},
        {"tool": "spawn", "arguments": {"name": "x", "code": {}, "admit": {"y": "alice"}}},
        {"tool": "install", "arguments": {"mt": "\ud800", "program": ""}},
        {"tool": "__init__", "arguments": {}},
    ],
)
def test_bad_calls_are_errors_of_one_line(
    served: Served, session: str, call: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    status, found = served.ask("/call", call, session)
    assert (status, list(found)) == (400, ["error"])
    assert not caplog.records
    assert served.call(session, "read", path="n") == (200, "1")


def test_broken_requests_log_nothing(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    good = _request(f"localhost:{served.port}", f"Origin: {served.origin}", "Content-Length: 9", method="POST")
    for data in (b"x\r\n\r\n", b"\x16\x03\x01", good.replace(b"9", b"-1"), good.replace(b"9", b"9, 8")):
        assert served.raw(data + b"\r\n\r\n").startswith(b"HTTP/1.1 400")
    with served.connect() as leaving:
        leaving.sendall(good.replace(b" / ", b" /begin ") + b"{")
    time.sleep(0.1)
    served.ask("/begin")
    assert not caplog.records


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> str:
    return str(tmp_path / "world")


def test_a_port_that_is_in_use_is_an_error_of_the_command(world: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["new", world, "alice"])
    capsys.readouterr()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as neighbour:
        port = neighbour.getsockname()[1]
        assert main(["page", world, "alice", "--port", str(port)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"port {port} of ::1" in printed.err
    with pytest.raises(SystemExit):
        main(["page", world, "alice", "--port", "65536"])


def test_the_command_removes_a_passkey_which_a_fork_does_not_have(
    world: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["new", world, "alice"])
    owner = bytes.fromhex(capsys.readouterr().out.split()[-1])
    passkeys = Passkeys(Path(world, "passkeys.sqlite"), owner, "alice", "http://localhost:1")
    passkeys.register(passkeys.token, Authenticator().created(passkeys.begin()))
    main(["fork", world, "1", f"{world}-2"])
    capsys.readouterr()
    for folder, text in (
        (f"{world}-2", "there is no passkey\n"),
        (world, "removed the passkey\n"),
        (world, "there is no passkey\n"),
    ):
        assert main(["page", folder, "alice", "--remove-passkey"]) == 0
        assert capsys.readouterr().out == text
