"""An adapter that distinguishes a refusal from its own fault."""

import json
import sys
import traceback

from spelling import from_json, from_text, to_hex, to_json, to_text

from gritstone import errors, grit

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
GRIT_LIMITS = grit.Limits(**LIMITS)


def hash_bytes(args):
    data = from_text(args["bytes"])
    GRIT_LIMITS.check_object_bytes(len(data))
    return {"id": to_hex(grit.FORMATS[args["format"]].object_id(data))}


def encode(args):
    fmt = grit.FORMATS[args["format"]]
    data = fmt.encode(from_json(args["object"]), GRIT_LIMITS)
    return {"bytes": to_text(data), "id": to_hex(fmt.object_id(data))}


def decode(args):
    fmt = grit.FORMATS[args["format"]]
    data = from_text(args["bytes"])
    return {"object": to_json(fmt.decode(data, GRIT_LIMITS)), "id": to_hex(fmt.object_id(data))}


OPERATIONS = {
    "hello": lambda _: HELLO,
    "ping": lambda _: {},
    "bye": lambda _: {},
    "grit.id": hash_bytes,
    "grit.encode": encode,
    "grit.decode": decode,
}


def answer(op, args):
    if op not in OPERATIONS:
        return {"unsupported": {"feature": op}}
    try:
        return {"ok": OPERATIONS[op](args)}
    except errors.Refusal as refusal:
        code = {"code": refusal.code} if refusal.code else {}
        return {"refused": {"class": refusal.kind, **code, "message": str(refusal)}}
    except Exception as problem:  # noqa: BLE001 - whatever else happens is our fault, and said so
        traceback.print_exc()
        return {"error": {"message": repr(problem)}}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"seq": request["seq"], **answer(request["op"], request["args"])}), flush=True)
    if request["op"] == "bye":
        break
