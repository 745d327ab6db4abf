"""An adapter that also hashes: ping, bye and grit.id."""

import json
import sys

from spelling import from_text, to_hex

from gritstone import grit

LIMITS = {"object_bytes": 1048576, "tree_depth": 1024, "cas_names": 64, "refs": 10000}
HELLO = {
    "protocol": 1,
    "implementation": {"name": "toy", "version": "0.1", "language": "python"},
    "spec": ["0.6"],
    "formats": ["framed-sha256"],
    "profiles": ["grit"],
    "features": [],
    "limits": {**LIMITS, "window": 64, "frame_bytes": 4194304},
}


def hash_bytes(args):
    return {"id": to_hex(grit.FORMATS[args["format"]].object_id(from_text(args["bytes"])))}


OPERATIONS = {
    "hello": lambda _: HELLO,
    "ping": lambda _: {},
    "bye": lambda _: {},
    "grit.id": hash_bytes,
}


def answer(op, args):
    if op not in OPERATIONS:
        return {"unsupported": {"feature": op}}
    return {"ok": OPERATIONS[op](args)}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"seq": request["seq"], **answer(request["op"], request["args"])}), flush=True)
    if request["op"] == "bye":
        break
