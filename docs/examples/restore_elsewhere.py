"""Restore an exported session in another implementation, and compare its head and its next turn."""

import json
import subprocess
import sys
from pathlib import Path

from spelling import to_text

from gritstone import grit
from gritstone.session import Sessions

AGENT = "sessions"
REQUEST = b'{"kind":"user","prompt":"And 18 * 24?"}'


class Adapter:
    """An implementation behind its adapter: one line of JSON for each request and each reply."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seq = 0

    def ask(self, op, **args):
        """Return what an operation returns."""
        self.seq += 1
        print(json.dumps({"seq": self.seq, "op": op, "args": args}), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())["ok"]


def restore(command, file, session):
    """Return the name of an implementation, the head of the session in it, and its next turn."""
    adapter = Adapter(command)
    hello = adapter.ask("hello", protocol=[1], suite="docs", spec="0.6", frame_bytes=1 << 24, window=1)
    adapter.ask("grit.open", store="s", format="cbor-blake3", backend="memory", create=True)
    adapter.ask("grit.import", store="s", bytes=to_text(file.read_bytes()), more=False)
    ((moved, step),) = adapter.ask("grit.refs", store="s", prefix="moved/", after=None, limit=2)["refs"]
    names = [(moved, step, None), (f"archived/{session}", None, step)]
    changes = [{"name": name, "old": old, "new": new} for name, old, new in names]
    adapter.ask("grit.cas", store="s", changes=changes)
    limits = {"base_ms": 10, "cap_ms": 100, "max_attempts": 3, "transition_ms": 0}
    adapter.ask("runtime.start", runtime="r", store="s", agent=AGENT, schedule="free", clock="system", **limits)
    head = adapter.ask("session.restore", runtime="r", at=1, session=session)["step"]
    turn = adapter.ask("session.prepare", runtime="r", at=2, session=session, request=to_text(REQUEST))["turn"]
    adapter.ask("bye")
    adapter.process.wait()
    return hello["implementation"]["name"], head, turn


def restore_here(file):
    """Return the session of a file, its head, and its next turn, by the reference."""
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Sessions(store, agent=AGENT) as sessions:
        chat = sessions.load(file)
        chat.restore()
        turn = chat.prepare("And 18 * 24?")
        with store.snapshot() as snapshot:
            head = snapshot.target(f"heads/{chat.session.hex()}")
        return chat.session.hex(), head.hex(), turn.turn_id.hex()


session, *expected = restore_here(Path(sys.argv[1]))
name, *found = restore(sys.argv[2:], Path(sys.argv[1]), session)
print(name, "has", "an equal" if found[0] == expected[0] else "another", "head and", end=" ")
print("an equal" if found[1] == expected[1] else "another", "next turn")
