"""Lies: functions that reply to one request of the suite differently from the real adapter.

Each takes the wire and a request and returns the bytes to write; ``liar`` lists the rule that each violates.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

SPOILED_FROM: Final = 2  # the index of the first request that gets a lie: after hello and one more
FRAME_BYTES: Final = 16 << 20

Request = dict[str, Any]


@dataclass(slots=True)
class Wire:
    """The two connections of the proxy.

    Attributes:
        adapter: the real adapter.
        asked: the number of requests read so far.
        held: bytes that a liar keeps back.
    """

    adapter: subprocess.Popen[bytes]
    asked: int = 0
    held: bytes = b""
    last_seq: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    _buffer: bytes = b""

    def read(self) -> Request | None:
        """Return the next request, or None at the end of input."""
        while b"\n" not in self._buffer:
            data = os.read(0, 1 << 16)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.asked += 1
        request: Request = json.loads(line)
        return request

    def more_waits(self, seconds: float) -> bool:
        """Return whether another request has arrived, or arrives in time."""
        return b"\n" in self._buffer or bool(select.select([0], [], [], seconds)[0])

    def answer(self, request: Request) -> bytes:
        """Return the adapter's reply without LF; if the adapter ended, end in the same way."""
        assert self.adapter.stdin is not None
        assert self.adapter.stdout is not None
        self.adapter.stdin.write(json.dumps(request).encode() + b"\n")
        self.adapter.stdin.flush()
        line = self.adapter.stdout.readline()
        if not line:
            code = self.adapter.wait()
            if code < 0:
                os.kill(os.getpid(), -code)
            sys.exit(code)
        return line.rstrip(b"\n")


Lie = Callable[[Wire, Request], bytes]
"""A function that replies to one request: it returns the bytes to write."""


def put(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def edited(change: Callable[[Request, Request], Request | None]) -> Lie:
    """Make a lie that changes the parsed reply; ``change`` gets request and reply and returns None for no change."""

    def lie(wire: Wire, request: Request) -> bytes:
        line = wire.answer(request)
        reply = change(request, json.loads(line))
        return (line if reply is None else json.dumps(reply).encode()) + b"\n"

    return lie


def spelled(change: Callable[[bytes], bytes]) -> Lie:
    """Make a lie that changes the bytes of the line, LF included."""
    return lambda wire, request: change(wire.answer(request) + b"\n")


def forever() -> NoReturn:
    while True:
        time.sleep(3600)


# --- frames ---------------------------------------------------------------------------------------------------------


def no_flush(wire: Wire, request: Request) -> bytes:
    wire.held += wire.answer(request) + b"\n"
    if len(wire.held) < 8192:
        return b""
    ready, wire.held = wire.held, b""
    return ready


def huge_line(wire: Wire, request: Request) -> bytes:
    padding = json.dumps({"padding": "x" * FRAME_BYTES}).encode()
    return wire.answer(request)[:-1] + b',"x":' + padding + b"}\n"


# --- one reply per request, in order --------------------------------------------------------------------------------


def stale_seq(wire: Wire, request: Request) -> bytes:
    reply = json.loads(wire.answer(request)) | {"seq": wire.last_seq}
    return json.dumps(reply).encode() + b"\n"


def swap(wire: Wire, request: Request) -> bytes:
    first = wire.answer(request) + b"\n"
    if request["op"] == "bye" or not wire.more_waits(0.05):
        return first
    second = wire.read()
    return first if second is None else wire.answer(second) + b"\n" + first


def unasked(wire: Wire, request: Request) -> bytes:
    return wire.answer(request) + b'\n{"seq":1,"ok":{}}\n'


def swallow(wire: Wire, request: Request) -> bytes:
    line = wire.answer(request) + b"\n"
    return b"" if wire.asked == SPOILED_FROM + 1 else line


# --- processes ------------------------------------------------------------------------------------------------------


def closes_stdin(_wire: Wire, _request: Request) -> bytes:
    os.close(0)
    forever()


def grandchild(wire: Wire, _request: Request) -> bytes:
    heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"grandchild {heir.pid}", file=sys.stderr, flush=True)
    wire.adapter.kill()
    os._exit(7)


def ignores_term(wire: Wire, request: Request) -> bytes:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line = wire.answer(request) + b"\n"
    if request["op"] == "bye":
        put(line)
        forever()
    return line


def exits_0(_wire: Wire, _request: Request) -> bytes:
    sys.exit(0)


def spins(_wire: Wire, _request: Request) -> bytes:
    while True:
        pass


def blocks(_wire: Wire, _request: Request) -> bytes:
    forever()


def half_line(wire: Wire, request: Request) -> bytes:
    line = wire.answer(request)
    put(line[: len(line) // 2])
    forever()


def segv_in_reject(wire: Wire, request: Request) -> bytes:
    line = wire.answer(request)
    if b'"refused"' in line:
        os.kill(os.getpid(), signal.SIGSEGV)
    return line + b"\n"


def dies_on_unknown(wire: Wire, request: Request) -> bytes:
    line = wire.answer(request)
    if "unsupported" in json.loads(line):
        sys.exit(1)
    return line + b"\n"


def exits_3_at_bye(wire: Wire, request: Request) -> bytes:
    line = wire.answer(request) + b"\n"
    if request["op"] == "bye":
        put(line)
        sys.exit(3)
    return line


def lingers(wire: Wire, request: Request) -> bytes:
    """Leave a process of the group running after bye."""
    if request["op"] == "bye":
        heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"grandchild {heir.pid}", file=sys.stderr, flush=True)
    return wire.answer(request) + b"\n"


# --- contents of replies --------------------------------------------------------------------------------------------


def in_hello(change: Callable[[Request], None]) -> Lie:
    """Make a lie that changes what hello claims."""

    def spoil(request: Request, reply: Request) -> Request | None:
        if request["op"] != "hello" or "ok" not in reply:
            return None
        change(reply["ok"])
        return reply

    return edited(spoil)


def another_version(claims: Request) -> None:
    claims["implementation"]["version"] = str(os.getpid())


def floors(claims: Request) -> None:
    claims["profiles"] = ["grit"]
    claims["limits"] = {"object_bytes": 1 << 20, "tree_depth": 1024, "cas_names": 64, "refs": 10_000} | claims["limits"]


def wit_alone(claims: Request) -> None:
    claims["profiles"] = ["wit"]


def low_limits(claims: Request) -> None:
    floors(claims)
    claims["limits"]["cas_names"] = 63


def modest(claims: Request) -> None:
    claims["limits"]["cas_names"] -= 1


def honest_only_in_hello(request: Request, reply: Request) -> Request | None:
    if request["op"] == "hello":
        floors(reply["ok"])
        return reply
    if not request["op"].startswith("grit."):
        return None
    return {"seq": reply["seq"], "unsupported": {"feature": request["op"]}}


def bad_class(_request: Request, reply: Request) -> Request | None:
    return reply | {"refused": {"class": "bad"}} if "refused" in reply else None


def two_answers(_request: Request, reply: Request) -> Request | None:
    return reply | {"ok": {}} if "refused" in reply else None


def pads(_request: Request, reply: Request) -> Request | None:
    ok = reply.get("ok", {})
    if "id" in ok:
        ok["id"] = ok["id"].upper().replace("0", "O")
    return reply


def mixes(_request: Request, reply: Request) -> Request | None:
    return {"seq": reply["seq"], "refused": {"class": "malformed"}} if "error" in reply else None


def hello_again_is_an_error(wire: Wire, request: Request) -> bytes:
    if request["op"] == "hello" and wire.asked > 1:
        return json.dumps({"seq": request["seq"], "error": {"message": "hello was sent before"}}).encode() + b"\n"
    return wire.answer(request) + b"\n"


def hello_clears(wire: Wire, request: Request) -> bytes:
    """Forget all open stores at a second hello."""
    opened: dict[str, Any] = wire.memory
    if request["op"] == "grit.open":
        opened[request["args"].get("store", "")] = None
    if request["op"] == "hello" and wire.asked > 1:
        for handle in opened:
            wire.answer({"seq": 0, "op": "grit.close", "args": {"store": handle}})
        opened.clear()
    return wire.answer(request) + b"\n"


def leaks_state(wire: Wire, request: Request) -> bytes:
    """Put all memory stores of one format into one that is never closed."""
    op, args = request["op"], request["args"]
    handles: dict[str, str] = wire.memory.setdefault("handles", {})
    stores: set[str] = wire.memory.setdefault("stores", set())
    handle = args.get("store", "")
    if op == "grit.open" and args.get("backend") == "memory" and args.get("create") is True and handle not in handles:
        handles[handle] = f"all-{args['format']}"
        if handles[handle] in stores:
            return done(request)
        stores.add(handles[handle])
    if op == "grit.close" and handle in handles:
        del handles[handle]
        return done(request)
    if handle in handles:
        request = request | {"args": args | {"store": handles[handle]}}
    return wire.answer(request) + b"\n"


def done(request: Request) -> bytes:
    return json.dumps({"seq": request["seq"], "ok": {}}).encode() + b"\n"


def forgets(wire: Wire, request: Request) -> bytes:
    """Use other directories in each process, so that no process reads the stores of another one."""
    args = request["args"]
    if request["op"] == "grit.open" and args.get("backend") == "durable":
        request = request | {"args": args | {"dir": f"{args['dir']}-{os.getpid()}"}}
    return wire.answer(request) + b"\n"


def litters(wire: Wire, request: Request) -> bytes:
    """Write a file next to the directory of a durable store."""
    args = request["args"]
    if request["op"] == "grit.open" and args.get("backend") == "durable":
        with open(f"{args['dir']}.lock", "wb") as file:
            file.write(b"mine")
    return wire.answer(request) + b"\n"


def overtakes(wire: Wire, request: Request) -> bytes:
    """Execute a read before the write that was requested before it, and still reply in order."""
    if request["op"] != "grit.put" or not wire.more_waits(0.02):
        return wire.answer(request) + b"\n"
    second = wire.read()
    if second is None or second["op"] not in ("grit.get", "grit.has"):
        first = wire.answer(request) + b"\n"
        return first if second is None else first + overtakes(wire, second)
    later = wire.answer(second) + b"\n"
    return wire.answer(request) + b"\n" + later
