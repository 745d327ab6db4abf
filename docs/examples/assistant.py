"""An assistant that survives the end of its process: ask, then serve until there is an answer."""

import os
import signal
import sys
from pathlib import Path

from conversation import model, multiply

from gritstone import grit
from gritstone.grit.lmdb_store import open_durable
from gritstone.session import Sessions, Tool

GUEST = Path("vectors/session/guests/session.wasm").read_bytes()


def slow_multiply(a: int, b: int) -> int:
    """Multiply two integers."""
    print("the tool is called", flush=True)
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return multiply(a, b)


def loud_model(turn):
    print("the model is called", flush=True)
    return model(turn)


tools = [Tool(slow_multiply, name="multiply")]
store = open_durable("chats", grit.CBOR_BLAKE3)
with Sessions(store, guest=GUEST) as sessions:
    if "ask" in sys.argv:
        chat = sessions.open(system="Be brief.", tools=tools, nonce=bytes(32))
        chat.ask("What is 17 * 24?")
    for answer in sessions.serve(model=loud_model, tools=tools):
        print(answer.action, answer.text)
