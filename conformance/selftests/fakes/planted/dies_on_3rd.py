"""Planted: exits with code 3 when it reads its third request."""

from __future__ import annotations

import json
import sys

from selftests.fakes.planted.claims import hello

HELLO = hello("dies_on_3rd")

for asked, line in enumerate(sys.stdin, start=1):
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO if op == "hello" else {}}
    if op not in ("hello", "ping", "bye"):
        answer = {"refused": {"class": "invalid"}}
    if asked == 3:
        sys.exit(3)
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
    if op == "bye":
        break
