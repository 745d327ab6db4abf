"""A process that serves an ask is killed with SIGKILL; the next one goes on, and ends with the same head.

A helper process appends a line to a log before and after each call of the model and of a tool. It kills itself at the
line that the test chooses. A call whose answer was stored is not repeated.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.grit.store import Store

from .conversing import GUEST

SERVE = """
import json, os, signal, sys
from pathlib import Path
from gritstone.grit.formats import FORMATS
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.grit.store import Store
from gritstone.session import Sessions, Tool

folder, guest, die_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = open(folder / "log", "a")

def note(line):
    log.write(line + "\\n")
    log.flush()
    if len((folder / "log").read_text().splitlines()) == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

def add(a: int, b: int) -> int:
    "Add."
    note("tool begins")
    note("tool ends")
    return a + b

def model(turn):
    note("model begins")
    results = [one["content"] for one in turn.messages if one["role"] == "tool"]
    note("model ends")
    if results:
        return "+".join(results)
    return {"action": "call_tools", "calls": [{"tool": "add", "input": {"a": 1, "b": b}} for b in (2, 3)]}

is_new = not (folder / "store").exists()
store = Store.open(LmdbEngine(folder / "store", create=is_new), FORMATS["framed-sha256"], create=is_new)
module = Path(guest).read_bytes() if guest else None
with Sessions(store, guest=module, clock_s=lambda: 1.0) as sessions:
    if is_new:
        sessions.open(nonce=bytes(32), tools=[Tool(add)]).ask("sum?")
    for answer in sessions.serve(model=model, tools=[Tool(add)]):
        print(json.dumps([answer.action, answer.text]), flush=True)
        note("answer")
store.close()
"""
WHOLE = ["model begins", "model ends", *["tool begins", "tool ends"] * 2, "model begins", "model ends", "answer"]


def serve(folder: Path, guest: str, die_at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SERVE, str(folder), guest, str(die_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def head(folder: Path) -> bytes:
    store = Store.open(LmdbEngine(folder / "store", create=False), FORMATS["framed-sha256"], create=False)
    with store.snapshot() as snapshot:
        agent = snapshot.target("runtime/agent")
        (target,) = [step for name, step in snapshot.references("heads/") if bytes.fromhex(name[6:]) != agent]
    store.close()
    return target


@pytest.mark.parametrize("guest", ["", str(GUEST)], ids=["external", "module"])
def test_killed_serving_goes_on(tmp_path: Path, guest: str) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    done = serve(whole, guest, 0)
    assert (done.returncode, done.stdout) == (0, '["final", "3+4"]\n'), done.stderr
    assert (whole / "log").read_text().splitlines() == WHOLE
    for die_at in (2, 4) if guest else (1, 2, 3, 4, 6, 9):
        folder = tmp_path / str(die_at)
        folder.mkdir()
        killed = serve(folder, guest, die_at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        resumed = serve(folder, guest, 0)
        assert [json.loads(line) for line in resumed.stdout.splitlines()] == [["final", "3+4"]], resumed.stderr
        lines = (folder / "log").read_text().splitlines()
        begun = die_at if WHOLE[die_at - 1] == "answer" else (die_at - 1) // 2 * 2 + 1
        assert lines == WHOLE[:die_at] + WHOLE[begun - 1 :], "only the call that was interrupted is repeated"
        assert head(folder) == head(whole)


def test_kill_during_a_write_loses_nothing(tmp_path: Path) -> None:
    """The process is killed from outside at moments that it does not choose."""
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-c", SERVE, str(folder), "", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and not (folder / "log").exists():
            pass
        while process.poll() is None and len((folder / "log").read_text().splitlines()) < number + 2:
            pass
        os.kill(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        resumed = serve(folder, "", 0)
        assert '["final", "3+4"]' in out.decode() + resumed.stdout, resumed.stderr
        lines = (folder / "log").read_text().splitlines()
        assert lines.count("tool ends") <= 3
