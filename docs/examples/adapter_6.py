"""An adapter that answers every operation of grit, but validates its arguments loosely."""

import io
import itertools
import json
import sys
import traceback

from spelling import from_hex, from_json, from_text, to_hex, to_json, to_text

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
PIECE_BYTES = 1 << 20


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


# --- stores and references ---

HANDLES = {}


def handle(args):
    if args["store"] not in HANDLES:
        raise errors.Missing("no such handle", rule="harness.reply.total")
    return HANDLES[args["store"]]


def open_store(args):
    if args["store"] in HANDLES:
        raise errors.Rejected("the handle is open already", rule="grit.store.open")
    if not args["create"]:
        raise errors.Missing("a memory store is always new", rule="grit.store.open")
    HANDLES[args["store"]] = grit.Store(grit.MemoryEngine(), grit.FORMATS[args["format"]], GRIT_LIMITS)
    return {}


def close_store(args):
    handle(args)
    for kept in (HANDLES, LEAVING, ARRIVED):
        kept.pop(args["store"], None)
    return {}


def put(args):
    return {"id": to_hex(handle(args).put(from_text(args["bytes"]), from_hex(args.get("id"))))}


def get(args):
    return {"bytes": to_text(handle(args).get(from_hex(args["id"])))}


def has(args):
    return {"has": handle(args).has([from_hex(text) for text in args["ids"]])}


def compare_and_swap(args):
    changes = [grit.Change(one["name"], from_hex(one["old"]), from_hex(one["new"])) for one in args["changes"]]
    handle(args).update_references(changes)
    return {}


def list_references(args):
    found, more = handle(args).list_references(args["prefix"], args["after"], args["limit"])
    return {"refs": [(name, to_hex(target)) for name, target in found], "more": more}


def prune(args):
    return {"removed": handle(args).prune([from_hex(text) for text in args["pins"]])}


# --- bundles ---

LEAVING = {}
ARRIVED = {}
CURSORS = itertools.count()


def export(args):
    store, name, cursor = handle(args), args["store"], args["cursor"]
    if cursor is None:
        LEAVING.pop(name, None)
        with store.snapshot() as snapshot:
            LEAVING[name] = (None, b"".join(grit.export_bundle(snapshot, args.get("names"))))
    if name not in LEAVING or LEAVING[name][0] != cursor:
        raise errors.Rejected("no such cursor", rule="grit.ref.snapshot")
    _, rest = LEAVING.pop(name)
    following = f"piece-{next(CURSORS)}" if len(rest) > PIECE_BYTES else None
    if following is not None:
        LEAVING[name] = (following, rest[PIECE_BYTES:])
    return {"bytes": to_text(rest[:PIECE_BYTES]), "cursor": following}


def import_(args):
    store, name = handle(args), args["store"]
    ARRIVED[name] = ARRIVED.get(name, b"") + from_text(args["bytes"])
    if args["more"]:
        return {"objects": 0, "refs": 0}
    done = grit.import_bundle(store, io.BytesIO(ARRIVED.pop(name)))
    return {"objects": done.objects, "refs": done.references}


OPERATIONS = {
    "hello": lambda _: HELLO,
    "ping": lambda _: {},
    "bye": lambda _: {},
    "grit.id": hash_bytes,
    "grit.encode": encode,
    "grit.decode": decode,
    "grit.open": open_store,
    "grit.close": close_store,
    "grit.put": put,
    "grit.get": get,
    "grit.has": has,
    "grit.cas": compare_and_swap,
    "grit.refs": list_references,
    "grit.prune": prune,
    "grit.export": export,
    "grit.import": import_,
}


def answer(op, args):
    if op not in OPERATIONS:
        return {"unsupported": {"feature": op}}
    if not isinstance(args, dict):
        return {"error": {"message": "args are missing or are not an object"}}
    try:
        return {"ok": OPERATIONS[op](args)}
    except errors.Refusal as refusal:
        code = {"code": refusal.code} if refusal.code else {}
        return {"refused": {"class": refusal.kind, **code, "message": str(refusal)}}
    except Exception as problem:  # noqa: BLE001 - whatever else happens is our fault, and said so
        traceback.print_exc()
        return {"error": {"message": repr(problem)}}


for line in sys.stdin:
    try:
        request = json.loads(line)
    except RecursionError:  # args are nested too deeply: read the line without them
        request = json.loads(line.partition(',"args":')[0] + "}")
    reply = answer(request["op"], request.get("args"))
    print(json.dumps({"seq": request["seq"], **reply}), flush=True)
    if request["op"] == "bye" and "ok" in reply:
        break
