"""The smallest honest adapter: hello, ping, bye and grit.id, everything else unsupported. Claims no profile."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from typing import Any

HELLO = {
    "protocol": 1,
    "implementation": {"name": "honest", "version": "1", "language": "python"},
    "spec": ["0.6"],
    "formats": ["framed-sha256"],
    "profiles": [],
    "features": [],
    "limits": {"window": 64, "frame_bytes": 16 << 20},
}
CANONICAL = re.compile("(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?")


def is_count(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def is_offer(args: dict[str, Any]) -> bool:
    return (
        args.keys() == {"protocol", "suite", "spec", "frame_bytes", "window"}
        and type(args["protocol"]) is list
        and bool(args["protocol"])
        and all(is_count(protocol, 1) for protocol in args["protocol"])
        and isinstance(args["suite"], str)
        and bool(args["suite"])
        and isinstance(args["spec"], str)
        and re.fullmatch(r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)", args["spec"]) is not None
        and is_count(args["frame_bytes"], 4 << 20)
        and is_count(args["window"], 1)
    )


def answer(op: str, args: dict[str, Any]) -> dict[str, Any]:
    match op:
        case "hello":
            return {"ok": HELLO} if is_offer(args) else {"error": {"message": "hello: off schema"}}
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
        if request["op"] == "bye" and "ok" in reply:
            return


if __name__ == "__main__":
    main()
