"""The smallest honest adapter: hello, ping, bye and grit.id, everything else unsupported. Claims no profile."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys

HELLO = {
    "protocol": 1,
    "implementation": {"name": "honest", "version": "1", "language": "python"},
    "spec": ["0.1"],
    "formats": ["framed-sha256"],
    "profiles": [],
    "features": [],
    "limits": {"window": 64, "frame_bytes": 16 << 20},
}
CANONICAL = re.compile("(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?")


def answer(op: str, args: dict[str, object]) -> dict[str, object]:
    match op:
        case "hello":
            return {"ok": HELLO}
        case "ping" | "bye":
            return {"error": {"message": f"{op} takes no arguments"}} if args else {"ok": {}}
        case "grit.id":
            data = args.get("bytes")
            if args.keys() != {"format", "bytes"} or not isinstance(data, str) or not CANONICAL.fullmatch(data):
                return {"error": {"message": "args: off schema"}}
            raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
            return {"ok": {"id": hashlib.sha256(raw).hexdigest()}}
        case _:
            return {"unsupported": {"feature": op}}


def main() -> None:
    for line in sys.stdin.buffer:
        request = json.loads(line)
        reply = {"seq": request["seq"], **answer(request["op"], request["args"])}
        sys.stdout.write(json.dumps(reply, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main()
