"""Planted: claims grit and answers every request with an empty ok."""

from __future__ import annotations

import json
import sys

from selftests.fakes.planted.claims import hello

HELLO = hello("always_ok")

for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO if op == "hello" else {}}
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
    if op == "bye":
        break
