"""An adapter with one mistake: a banner on stdout."""

import json
import sys

HELLO = {
    "protocol": 1,
    "implementation": {"name": "toy", "version": "0.1", "language": "python"},
    "spec": ["0.6"],
    "formats": ["framed-sha256"],
    "profiles": [],
    "features": [],
    "limits": {"window": 1, "frame_bytes": 4194304},
}

print("toy runtime 0.1 is ready")
for line in sys.stdin:
    request = json.loads(line)
    op = request["op"]
    answer = {"ok": HELLO} if op == "hello" else {"unsupported": {"feature": op}}
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)
