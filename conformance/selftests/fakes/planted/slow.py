"""Planted: takes some seconds (first argument, default 6) for every request except hello and bye."""

from __future__ import annotations

import json
import sys
import time

from selftests.fakes.planted.claims import hello

HELLO = hello("slow")

SECONDS = next((float(word) for word in sys.argv[1:] if word[0].isdigit()), 6.0)

for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO if op == "hello" else {}}
    if op not in ("hello", "bye"):
        time.sleep(SECONDS)
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
    if op == "bye":
        break
