"""Planted: replies to hello only, and continues to read requests."""

from __future__ import annotations

import json
import sys

from selftests.fakes.planted.claims import hello

HELLO = hello("hang")

for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO}
    if op != "hello":
        continue
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
    if op == "bye":
        break
