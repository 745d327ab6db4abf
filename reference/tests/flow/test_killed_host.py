"""A host is killed with SIGKILL before and after each durable write, and before and after each call of a tool.

The next host on the store continues, and the flow ends with the trace that it has without a kill. A driver process
forks one child for each moment, and another one that continues.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

DRIVER = """
import json, os, signal, sys
from pathlib import Path
from gritstone.flow import Call, Host, Policy, Program, Ref, ToolError, call, end, parallel, sub, wait
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.store import Store

folder, format_name = Path(sys.argv[1]), sys.argv[2]
POLICY = Policy.allow({"t": ["n"], "u": {"params": ["to"], "refs": ["to"]}}, events=["go"])
PROGRAM = Program("k", start="p", nodes={
    "p": parallel({
        "a": sub("t", {"n": 1}), "b": sub("t", {"n": 2}, retry=(2, 1)), "c": sub("u", {"to": "$input.to"})}, next="w"),
    "w": wait("go", next="x", timeout_ms=60000),
    "x": call("t", {"n": "$out.w"}, next="e"),
    "e": end(output={"p": "$out.p", "x": "$out.x"}),
})

def life(place, die_at, prefix):
    log = open(place / "log", "a", buffering=1)
    moments = 0
    def moment(word):
        nonlocal moments
        moments += 1
        log.write(f"{prefix} {word}\\n")
        if moments == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
    update, erase = Store.update, Store.erase
    def noted(self, work):
        moment("before write")
        found = update(self, work)
        moment("after write")
        return found
    Store.update = noted
    async def t(call: Call, n):
        moment(f"begin {call.key.hex()[:8]} {call.attempt}")
        if n == 2 and call.attempt == 1:
            raise ToolError("busy", retry=True)
        moment(f"end {call.key.hex()[:8]}")
        return [n]
    async def u(call: Call, to):
        moment(f"begin {call.key.hex()[:8]} {call.attempt}")
        return "erased" if call.refs["r"] is None else call.secret(to).decode()
    store = open_durable(place / "store", FORMATS[format_name])
    with Host(store, tools={"t": t, "u": u}, policy=POLICY) as host:
        flow = host.start(PROGRAM, input={"to": Ref("r")}, refs={"r": b"payload"}, name="x", salt=bytes(16))
        host.run(60)
        flow.deliver("go", 5)
        outcome = flow.result(60)
        flow.erase("r")
        while not any(event["e"] == "gone" for event in flow.trace()):
            pass
        trace, replayed = flow.trace_data(), flow.replay()
        (place / "end").write_text(json.dumps([outcome.status, outcome.output, trace.hex(), replayed.differs, moments]))
    store.close()

def child(place, die_at, prefix):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            life(place, die_at, prefix)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return status

def scenario(name, die_at):
    place = folder / name
    place.mkdir()
    killed = child(place, die_at, "first")
    status = child(place, 0, "second") if die_at else killed
    lines = (place / "log").read_text().splitlines()
    ended = json.loads((place / "end").read_text()) if (place / "end").exists() else None
    return {"killed": killed, "status": status, "end": ended, "log": lines}

whole = scenario("whole", 0)
found = {"whole": whole}
for die_at in range(1, whole["end"][4] + 1):
    found[str(die_at)] = scenario(str(die_at), die_at)
print(json.dumps(found))
"""


@pytest.mark.parametrize("format_name", ["cbor-blake3", "framed-sha256"])
def test_kill_at_every_moment_loses_nothing(tmp_path: Path, format_name: str) -> None:
    command = [sys.executable, "-c", DRIVER, str(tmp_path), format_name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    status, output, trace, differs, moments = found["whole"]["end"]
    assert (status, output["x"], differs) == ("succeeded", [5], None)
    assert output["p"] == {"a": [1], "b": [2], "c": "payload"}
    assert moments > 20
    for name, one in found.items():
        if name == "whole":
            continue
        assert one["status"] == 0, (name, done.stderr[-2000:])
        assert one["end"][:4] == [status, output, trace, None], (name, one["log"])
        performed = [line.split()[2] for line in one["log"] if " end " in line]
        assert all(performed.count(key) <= 2 for key in performed), "a call is repeated at most once for one kill"
        if one["killed"] == 0:
            continue
        repeated = [key for key in set(performed) if performed.count(key) == 2]
        assert len(repeated) <= 3, "only calls whose answers were not stored are repeated"
