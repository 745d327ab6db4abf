"""Run the same conversation with two guests, and show the summary that each of them makes."""

import sys
from pathlib import Path

from gritstone import grit
from gritstone.session import Sessions

for name in sys.argv[1:]:
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Sessions(store, guest=Path(name).read_bytes()) as sessions:
        chat = sessions.open(config={"keep": 2, "max_messages": 4})
        for prompt in ("I live in Ghent.", "I like rain."):
            chat.run(prompt, model=lambda turn: "Noted.")
        print(name)
        print(chat.prepare("Where do I live?").messages[0]["content"])
