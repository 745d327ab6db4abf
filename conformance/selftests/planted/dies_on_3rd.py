"""Planted: exits with code 3 when it reads the third request of its life."""

from __future__ import annotations

import json
import sys

HELLO = {
    "protocol": 1,
    "implementation": {"name": "dies_on_3rd", "version": "1", "language": "python"},
    "spec": ["0.1"],
    "formats": ["framed-sha256", "cbor-blake3"],
    "profiles": ["grit"],
    "features": [],
    "limits": {
        "object_bytes": 1 << 20,
        "tree_depth": 1024,
        "cas_names": 64,
        "refs": 10_000,
        "window": 64,
        "frame_bytes": 16 << 20,
    },
}

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
