"""Planted: claims grit and replies ``unsupported`` to each of its operations."""

from __future__ import annotations

import json
import sys

from selftests.fakes.planted.claims import hello

HELLO = hello("unsupported")

for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO if op == "hello" else {}}
    if op not in ("hello", "ping", "bye"):
        answer = {"unsupported": {"feature": op}}
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
    if op == "bye":
        break
