"""Moving bytes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.grit import Store
from gritstone.harness import Adapter, Claims
from gritstone.harness.arguments import ARGUMENTS
from gritstone.harness.server import serve
from gritstone.harness.wire import ArgumentError

HELLO = {"protocol": [1], "suite": "s", "spec": "0.6", "frame_bytes": 16_777_216, "window": 64}


def line(seq: int, op: str, args: dict[str, Any] | None = None) -> bytes:
    return json.dumps({"seq": seq, "op": op, "args": args or {}}).encode() + b"\n"


def served(*chunks: bytes) -> list[bytes]:
    """Serve chunks of input; give what was written before each further read."""
    written: list[bytes] = []
    waiting = iter([*chunks, b""])
    rounds: list[bytes] = []

    def read() -> bytes:
        rounds.append(b"".join(written))
        written.clear()
        return next(waiting)

    serve(Adapter(Claims()), read, written.append)
    return [*rounds[1:], b"".join(written)] if written else rounds[1:]


def seqs(data: bytes) -> list[int]:
    return [json.loads(one)["seq"] for one in data.splitlines()]


def test_replies_are_written_before_waiting() -> None:
    rounds = served(line(1, "ping"), line(2, "ping") + line(3, "ping"), line(4, "ping"))
    assert [seqs(one) for one in rounds] == [[1], [2, 3], [4]]


def test_lines_may_arrive_in_pieces() -> None:
    text = line(1, "ping") + line(2, "ping")
    rounds = served(*(text[at : at + 7] for at in range(0, len(text), 7)))
    assert [seqs(one) for one in rounds if one] == [[1], [2]]


def test_nothing_is_read_after_bye() -> None:
    rounds = served(line(1, "bye") + line(2, "ping"), line(3, "ping"))
    assert [seqs(one) for one in rounds if one] == [[1]]


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    text = line(1, "grit.id", {"format": "framed-sha256", "bytes": "AAAA" * 1_000_000})
    begin = time.process_time()
    (reply,) = [one for one in served(*(text[at : at + 4_096] for at in range(0, len(text), 4_096))) if one]
    assert "ok" in json.loads(reply)
    assert time.process_time() - begin < 5


# --- bad requests ----------------------------------------------------------------------------------------

DEEP = b'{"store":' + b"[" * 2_000 + b"]" * 2_000 + b"}"
BAD_ARGS = [b"null", b"[]", b"0", b'"{}"', b"true", DEEP, b"9" * 5_000, b"{", b'"\xff"']
PUT = line(9, "grit.put", {"store": "s", "bytes": "AA"})


def durable(directory: Path) -> dict[str, Any]:
    return {"store": "s", "format": "framed-sha256", "backend": "durable", "dir": str(directory), "create": True}


def raw(seq: int, op: str, args: bytes) -> bytes:
    return b'{"seq":%d,"op":"%s","args":%s}\n' % (seq, op.encode(), args)


@pytest.mark.parametrize("op", ["ping", "grit.put", "grit.open"])
@pytest.mark.parametrize("args", BAD_ARGS)
def test_bad_args_are_answered_with_error_in_order(op: str, args: bytes) -> None:
    (written,) = served(line(1, "ping") + raw(2, op, args) + raw(3, op, args) + line(4, "ping"))
    replies = [json.loads(one) for one in written.splitlines()]
    assert [one["seq"] for one in replies] == [1, 2, 3, 4]
    assert ["error" in one for one in replies] == [False, True, True, False]


def test_bad_args_in_a_group_of_puts_are_answered_with_error(tmp_path: Path) -> None:
    bad = [raw(2, "grit.put", args) for args in BAD_ARGS] + [b'{"seq":2,"op":"grit.put"}\n', b'{"seq":2,"args":{}}\n']
    for number, one in enumerate(bad):
        first = line(1, "grit.open", durable(tmp_path / f"{number}"))
        (written,) = served(first + PUT + PUT + one + PUT + PUT)
        replies = [json.loads(one) for one in written.splitlines()]
        assert [reply["seq"] for reply in replies] == [1, 9, 9, 2, 9, 9]
        assert [next(iter(reply.keys() - {"seq"})) for reply in replies] == [
            *("ok", "refused", "refused", "error", "refused", "refused")
        ]


def test_replies_before_a_line_without_seq_are_written() -> None:
    written: list[bytes] = []
    chunks = iter([PUT + PUT + b"hello?\n" + PUT, b""])
    with pytest.raises(ArgumentError):
        serve(Adapter(Claims()), lambda: next(chunks), written.append)
    assert seqs(b"".join(written)) == [9, 9]


def test_a_fault_in_a_group_of_puts_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(store: Store, *args: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Store, "put_group", fail)
    monkeypatch.setattr(Store, "put", fail)
    (written,) = served(line(1, "grit.open", durable(tmp_path / "s")) + PUT + PUT + line(2, "ping"))
    replies = [json.loads(one) for one in written.splitlines()]
    assert [next(iter(reply.keys() - {"seq"})) for reply in replies] == ["ok", "error", "error", "ok"]


PARTS = st.sampled_from(
    [
        *(b'{}[]",:\\\x00\xff\r '[n : n + 1] for n in range(13)),
        b"null",
        b"-1",
        b"1e999",
        b"NaN",
        b'"\\ud800"',
        b"[" * 1_500,
    ]
)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 9), PARTS), min_size=1, max_size=3), st.data())
def test_hostile_lines_do_not_lose_replies(edits: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    op = data.draw(st.sampled_from(sorted(set(ARGUMENTS) - {"bye"})))
    start, rest = b'{"seq":7,"op":"%s",' % op.encode(), b'"args":{"store":"s","ids":[],"bytes":"AA"}}'
    for place, length, part in edits:
        at = place % len(rest)
        rest = rest[:at] + part + rest[at + length :]
    (written,) = served(line(1, "ping") + start + rest + b"\n" + line(2, "ping"))
    assert seqs(written) == [1, 7, 2]


# --- the process -----------------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "gritstone.harness"]


def start(*options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_session_ends_with_bye() -> None:
    process = start()
    out, err = process.communicate(line(5, "hello", HELLO) + line(6, "bye"), timeout=10)
    assert seqs(out) == [5, 6]
    assert err == b""
    assert process.returncode == 0


def test_end_of_input_ends_the_session() -> None:
    process = start("--object-bytes", "1048576", "--without", "erase", "--format", "cbor-blake3")
    out, _ = process.communicate(line(5, "hello", HELLO), timeout=10)
    ok = json.loads(out)["ok"]
    assert ok["limits"]["object_bytes"] == 1_048_576
    assert ok["formats"] == ["cbor-blake3"]
    assert "erase" not in ok["features"]
    assert "connect" not in ok["features"]
    assert process.returncode == 0


def test_unreadable_request_ends_the_session() -> None:
    process = start()
    out, err = process.communicate(b"hello?\n", timeout=10)
    assert out == b""
    assert b"request line is not JSON" in err
    assert process.returncode == 2


def test_invalid_options_are_reported() -> None:
    for options in (["--object-bytes", "5"], ["--listen", "zork"], ["--format", "zork"], ["--nope"]):
        process = start(*options)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 2
        assert err.splitlines()[-1].startswith(b"python -m gritstone.harness: error: ")


@pytest.fixture(params=["unix", "tcp"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Start a listening adapter; give a function that connects to it."""
    if request.param == "unix":
        address: Any = str(tmp_path / "socket")
        option = f"unix:{address}"
    else:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = probe.getsockname()
        option = f"tcp:127.0.0.1:{address[1]}"
    process = start("--listen", option)

    def connect() -> socket.socket:
        deadline = time.monotonic() + 10
        while True:
            client = socket.socket(socket.AF_UNIX if request.param == "unix" else socket.AF_INET)
            try:
                client.connect(address)
            except OSError:
                client.close()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                client.settimeout(10)
                return client

    yield connect
    process.kill()
    process.communicate()


def asked(client: socket.socket, data: bytes, replies: int) -> list[Any]:
    client.sendall(data)
    received = b""
    while received.count(b"\n") < replies:
        chunk = client.recv(65_536)
        assert chunk
        received += chunk
    return [json.loads(one) for one in received.splitlines()]


def test_socket_serves_clients_in_turn(listening: Any) -> None:
    opening = {"store": "s", "format": "framed-sha256", "backend": "memory", "create": True}
    for end in ("bye", "close", "bye"):
        with listening() as client:
            hello, opened = asked(client, line(1, "hello", HELLO) + line(2, "grit.open", opening), 2)
            assert "connect" in hello["ok"]["features"]
            assert opened == {"seq": 2, "ok": {}}
            if end == "bye":
                asked(client, line(3, "bye"), 1)
                assert client.recv(10) == b""
