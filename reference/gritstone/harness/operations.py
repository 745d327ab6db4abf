"""The operations: run each request in gritstone, and encode its result.

An operation accepts decoded arguments and returns the content of ``ok``; ``adapter`` answers what it raises.
It only translates: ``gritstone.grit`` checks all rules about objects and stores.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gritstone.errors import Exhausted, Invalid, Missing, Refusal, Rejected
from gritstone.files import replacing
from gritstone.grit.engine import Batch, Table
from gritstone.grit.export import export_bundle
from gritstone.grit.formats import FORMATS
from gritstone.grit.importing import import_bundle
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.transcode import transcode
from gritstone.harness.arguments import Arguments
from gritstone.harness.claims import Claims
from gritstone.harness.handles import Export, Handle, Handles
from gritstone.harness.wire import Json, write_bytes, write_object

if TYPE_CHECKING:
    from gritstone.grit.store import Store
    from gritstone.harness.runtimes import Runtimes
    from gritstone.harness.sandboxes import Sandboxes

__all__ = ["FEATURE_OF", "OPERATIONS", "Session"]

_AROUND_BYTES = 64  # of a reply line, in addition to one long text

FEATURE_OF = {
    "grit.transcode": "transcode",
    "grit.erase": "erase",
    "grit.damage": "damage",
    "runtime.ready": "schedule",
    "runtime.choose": "schedule",
    "runtime.time": "clock",
    "runtime.effects": "effects",
    "runtime.resolve": "effects",
    "fault.arm": "fault.kill",
    "fault.count": "fault.kill",
    "flow.check": "flow.executor",
    "flow.eval": "flow.executor",
    "flow.render": "flow.executor",
    "flow.replay": "flow.executor",
    "flow.metrics": "flow.metrics",
    "sandbox.again": "sandbox.keep",
    "sandbox.close": "sandbox.keep",
    "sandbox.export": "sandbox.export",
    "sandbox.import": "sandbox.export",
    "sandbox.resume": "sandbox.snapshot",
    "sandbox.snapshot": "sandbox.snapshot",
    "wasm.sign": "wasm.signature",
    "wasm.verify": "wasm.signature",
}
"""Operations that need a feature."""


class Session:
    """The state of one client: claims in force, handles of stores, and runtimes and sandboxes, if there are any."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.greeted = False
        self.handles = Handles()
        self.runtimes: Runtimes | None = None
        self.sandboxes: Sandboxes | None = None

    def removed(self, store: Store) -> None:
        """Notify the runtimes of a store that objects were removed from it."""
        if self.runtimes is not None:
            self.runtimes.forget(store)

    def close(self) -> None:
        """Stop and close everything."""
        if self.runtimes is not None:
            self.runtimes.close()
        self.handles.close_all()


def hello(session: Session, args: Arguments) -> Json:
    agreed = session.claims.within(args["frame_bytes"], args["window"])
    answer = agreed.hello(args)
    if not session.greeted:
        # A later hello is answered, but the claims in force stay.
        session.claims, session.greeted = agreed, True
    return answer


def nothing(session: Session, args: Arguments) -> Json:
    return {}


def grit_id(session: Session, args: Arguments) -> Json:
    data = args["bytes"]
    session.claims.limits.check_object_bytes(len(data))
    return {"id": FORMATS[args["format"]].object_id(data).hex()}


def grit_encode(session: Session, args: Arguments) -> Json:
    value = args["object"]
    if isinstance(value, Invalid):
        raise value
    format_ = FORMATS[args["format"]]
    data = format_.encode(value, session.claims.limits)
    return {"bytes": write_bytes(data), "id": format_.object_id(data).hex()}


def grit_decode(session: Session, args: Arguments) -> Json:
    data = args["bytes"]
    format_ = FORMATS[args["format"]]
    value = format_.decode(data, session.claims.limits)
    return {"object": write_object(value), "id": format_.object_id(data).hex()}


def grit_open(session: Session, args: Arguments) -> Json:
    name, handles, limits = args["store"], session.handles, session.claims.limits
    format_ = FORMATS[args["format"]]
    handles.check_free(name)
    if args["backend"] == "durable":
        handles.open_durable(name, args["dir"], format_, limits, create=args["create"])
    elif args["create"]:
        handles.open_memory(name, format_, limits)
    else:
        raise Missing("a memory store cannot be opened again", rule="grit.store.open")
    return {}


def grit_close(session: Session, args: Arguments) -> Json:
    session.handles[args["store"]]
    if session.runtimes is not None:
        session.runtimes.stop_on(args["store"])
    session.handles.close(args["store"])
    return {}


def grit_put(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    return {"id": store.put(args["bytes"], args.get("id")).hex()}


def grit_get(session: Session, args: Arguments) -> Json:
    return {"bytes": write_bytes(session.handles[args["store"]].store.get(args["id"]))}


def grit_has(session: Session, args: Arguments) -> Json:
    return {"has": session.handles[args["store"]].store.has(args["ids"])}


def grit_refs(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    references, more = store.list_references(args["prefix"], args["after"], args["limit"])
    return {"refs": [(name, target.hex()) for name, target in references], "more": more}


def grit_cas(session: Session, args: Arguments) -> Json:
    session.handles[args["store"]].store.update_references(args["changes"])
    return {}


def grit_erase(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    store.erase(args["id"])
    session.removed(store)
    return {}


def grit_prune(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    pins = args["pins"]
    if session.runtimes is not None:
        pins = [*pins, *session.runtimes.pins(store)]
    removed = store.prune(pins)
    session.removed(store)
    return {"removed": removed}


def grit_damage(session: Session, args: Arguments) -> Json:
    store = session.handles[args["store"]].store
    object_id, offset = args["id"], args["offset"]

    def flip(batch: Batch) -> None:
        data = batch.get(Table.OBJECTS, object_id)
        if data is None:
            Snapshot(batch, store.format, store.limits).get(object_id)
            return
        if offset >= len(data):
            raise Rejected(
                "the offset is outside the object", rule="grit.store.verify", got=offset, expected=f"below {len(data)}"
            )
        altered = bytearray(data)
        altered[offset] ^= args["xor"]
        batch.put(Table.OBJECTS, object_id, bytes(altered))

    store.update(flip)
    session.removed(store)
    return {}


# --- bundles ---------------------------------------------------------------------------------------------


def grit_export(session: Session, args: Arguments) -> Json:
    handle = session.handles[args["store"]]
    if "to" in args:
        return _export_to(handle, args["to"], args.get("names"))
    return _export_piece(handle, args["cursor"], args.get("names"))


def _export_to(handle: Handle, path: str, names: list[str] | None) -> Json:
    size, digest = 0, b""
    with handle.store.snapshot() as snapshot, replacing(path, direct=False) as part:
        for piece in export_bundle(snapshot, names):
            size += part.file.write(piece)
            digest = piece[-32:]
    return {"size": size, "digest": digest.hex()}


def _export_piece(handle: Handle, cursor: str | None, names: list[str] | None) -> Json:
    if cursor is None:
        handle.end_export()
        handle.export = Export(handle.store, names, f"{next(handle.exports)}")
    export = handle.export
    if export is None or (cursor is not None and cursor != export.cursor):
        raise Rejected("the cursor is unknown", rule="grit.ref.snapshot", got=ascii(cursor))
    try:
        piece = export.take()
    except Refusal:
        handle.end_export()
        raise
    following = export.cursor
    if following is None:
        handle.end_export()
    return {"bytes": write_bytes(piece), "cursor": following}


def grit_import(session: Session, args: Arguments) -> Json:
    handle = session.handles[args["store"]]
    if "from" in args:
        return _import_from(handle, args["from"])
    if handle.arrived is None:
        handle.arrived = handle.spool() if args["more"] else io.BytesIO()
    handle.arrived.write(args["bytes"])
    if args["more"]:
        return {"objects": 0, "refs": 0}
    try:
        handle.arrived.seek(0)
        imported = import_bundle(handle.store, handle.arrived)
    finally:
        handle.end_import()
    return {"objects": imported.objects, "refs": imported.references}


def _import_from(handle: Handle, path: str) -> Json:
    try:
        with open(path, "rb") as file:
            imported = import_bundle(handle.store, file)
    except FileNotFoundError:
        raise Missing("the file is absent", rule="grit.bundle.path", got=ascii(path)) from None
    return {"objects": imported.objects, "refs": imported.references}


def grit_transcode(session: Session, args: Arguments) -> Json:
    formats = FORMATS[args["from"]], FORMATS[args["to"]]
    parts = transcode(io.BytesIO(args["bundle"]), io.BytesIO(), formats, session.claims.limits)
    bundle = write_bytes(b"".join(parts))
    if len(bundle) > session.claims.frame_bytes - _AROUND_BYTES:
        raise Exhausted("the new bundle is too long for a frame", rule="harness.frame.limit", got=len(bundle))
    return {"bundle": bundle}


OPERATIONS: Mapping[str, Callable[[Session, Arguments], Json]] = {
    "hello": hello,
    "ping": nothing,
    "bye": nothing,
    "grit.id": grit_id,
    "grit.encode": grit_encode,
    "grit.decode": grit_decode,
    "grit.open": grit_open,
    "grit.close": grit_close,
    "grit.put": grit_put,
    "grit.get": grit_get,
    "grit.has": grit_has,
    "grit.refs": grit_refs,
    "grit.cas": grit_cas,
    "grit.export": grit_export,
    "grit.import": grit_import,
    "grit.transcode": grit_transcode,
    "grit.erase": grit_erase,
    "grit.prune": grit_prune,
    "grit.damage": grit_damage,
}
"""The operations of ``grit``, and those that belong to no profile."""
