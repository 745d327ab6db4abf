"""The oracle as a subject: it answers requests by the model, in this process.

With it the properties are tried on an implementation that is right by definition: one that fails there is itself
wrong. Where the text leaves freedom the first of the allowed answers is given. Durable stores live in a
:class:`DurableStores`, which outlives a killed process as a disk does.
"""

from __future__ import annotations

import os.path
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.limits import FLOORS, Limits
from gritstone_conformance.model.refusals import Refusal, ok, refused
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.transcode import transcode
from gritstone_conformance.model.values import from_base64, from_json, to_base64, to_json
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply, Trouble, Unsupported

__all__ = ["FEATURES", "DurableStores", "ModelSubject"]

FEATURES = ("durable", "files", "shared", "erase", "transcode", "damage")
_PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class DurableStores:
    """What outlives a process: the durable stores, by directory.

    Processes that share a world may be asked from several threads. ``turn`` is held for one request at a time.
    """

    stores: dict[str, Store] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class _Handle:
    store: Store
    outgoing: bytes = b""
    cursor: str | None = None
    incoming: list[bytes] = field(default_factory=list)


class ModelSubject:
    """One process of an implementation that is the model."""

    def __init__(self, world: DurableStores | None = None, limits: Limits | None = None) -> None:
        self.world = world if world is not None else DurableStores()
        self.limits = limits if limits is not None else Limits()
        self._handles: dict[str, _Handle] = {}
        self._cursors = 0
        self._struck = False
        declared = {name: getattr(self.limits, name) for name in FLOORS}
        self.claims = Claims(
            name="model",
            version="0",
            language="python",
            formats=tuple(FORMATS),
            profiles=("grit",),
            features=FEATURES,
            limits={**declared, "window": 64, "frame_bytes": 1 << 24},
        )

    def spawn(self) -> ModelSubject:
        """Return another process over the same disk."""
        return ModelSubject(self.world, self.limits)

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Answer one request."""
        try:
            with self.world.turn:
                expectation = self._answer(op, args)
        except Refusal as refusal:
            expectation = refusal.expectation()
        return _first(expectation)

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Answer several requests; raises SubjectFault at the first one after a :meth:`kill_from_thread`."""
        replies: list[Reply] = []
        for op, args in requests:
            if self._struck:
                self.kill()
                raise SubjectFault("dead:signal-KILL", "struck", request=len(replies))
            replies.append(self.ask(op, args))
        return replies

    def allow_guests(self, seconds: float) -> None:
        """Take no notice: there are no deadlines here."""

    def kill(self) -> None:
        """Forget everything that is not on the disk."""
        self._handles.clear()
        self._struck = False

    def kill_from_thread(self) -> None:
        """Die before the next request."""
        self._struck = True

    def close(self) -> None:
        """End the process."""
        self.kill()

    def peak_rss_bytes(self) -> int | None:
        """Return nothing: the model shares its process with the suite."""
        return None

    def reset_peak_rss(self) -> bool:
        """Raise, since the operation is unsupported."""
        return False

    def cpu_seconds(self) -> float | None:
        """Return nothing: the model shares its process with the suite."""
        return None

    def queued_seconds(self) -> float | None:
        """Return nothing: the model shares its process with the suite."""
        return None

    def _answer(self, op: str, args: dict[str, Json]) -> dict[str, Json]:
        name = op.replace("grit.", "_").replace("import", "import_")
        method: Callable[..., dict[str, Json]] | None = getattr(self, name, None) if op.startswith("grit.") else None
        if method is None:
            return {} if op == "ping" else {"unsupported": op}
        if "store" in args and op != "grit.open":
            handle = self._handles.get(args["store"])
            if handle is None:
                return refused("missing")
            return method(handle, **{key: value for key, value in args.items() if key != "store"})
        return method(**{"from_" if key == "from" else key: value for key, value in args.items()})

    def _id(self, format: str, bytes: str) -> dict[str, Json]:  # noqa: A002 - the names of the wire
        data = from_base64(bytes)
        FORMATS[format].check_size(data, self.limits.object_bytes)
        return ok(id=FORMATS[format].hash(data).hex())

    def _encode(self, format: str, object: Any) -> dict[str, Json]:  # noqa: A002
        data = FORMATS[format].encode_within(from_json(object), self.limits.object_bytes)
        return ok(bytes=to_base64(data), id=FORMATS[format].hash(data).hex())

    def _decode(self, format: str, bytes: str) -> dict[str, Json]:  # noqa: A002
        data = from_base64(bytes)
        value = FORMATS[format].decode_within(data, self.limits.object_bytes)
        return ok(object=to_json(value), id=FORMATS[format].hash(data).hex())

    def _transcode(self, from_: str, to: str, bundle: str) -> dict[str, Json]:
        bounds = {"object_bytes": self.limits.object_bytes, "tree_depth": self.limits.tree_depth}
        return ok(bundle=to_base64(transcode(from_base64(bundle), FORMATS[from_], FORMATS[to], **bounds)))

    def _open(
        self,
        store: str,
        format: str,  # noqa: A002
        backend: str,
        create: bool,
        dir: str | None = None,  # noqa: A002
    ) -> dict[str, Json]:
        if store in self._handles:
            return refused("rejected")
        place = os.path.normpath(dir) if dir is not None else None
        found = self.world.stores.get(place) if place is not None else None
        if found is None and not create:
            return refused("missing")
        if found is not None and found.format is not FORMATS[format]:
            return refused("rejected", "format")
        opened = found if found is not None else Store(FORMATS[format], self.limits)
        if place is not None:
            self.world.stores[place] = opened
        self._handles[store] = _Handle(opened)
        return ok()

    def _close(self, handle: _Handle) -> dict[str, Json]:
        self._handles = {name: other for name, other in self._handles.items() if other is not handle}
        return ok()

    def _put(self, handle: _Handle, bytes: str, id: str | None = None) -> dict[str, Json]:  # noqa: A002
        return handle.store.put(from_base64(bytes), None if id is None else _raw(id))

    def _get(self, handle: _Handle, id: str) -> dict[str, Json]:  # noqa: A002
        return handle.store.get(_raw(id))

    def _has(self, handle: _Handle, ids: list[str]) -> dict[str, Json]:
        return handle.store.has(map(_raw, ids))

    def _refs(self, handle: _Handle, prefix: str, after: str | None, limit: int) -> dict[str, Json]:
        return handle.store.refs(prefix, after, limit)

    def _erase(self, handle: _Handle, id: str) -> dict[str, Json]:  # noqa: A002
        return handle.store.erase(_raw(id))

    def _prune(self, handle: _Handle, pins: list[str]) -> dict[str, Json]:
        before = len(handle.store.objects)
        answer = handle.store.prune(map(_raw, pins))
        return ok(removed=before - len(handle.store.objects)) if "ok" in answer else answer

    def _damage(self, handle: _Handle, id: str, offset: int, xor: int) -> dict[str, Json]:  # noqa: A002
        return handle.store.damage(_raw(id), offset, xor)

    def _cas(self, handle: _Handle, changes: list[dict[str, Any]]) -> dict[str, Json]:
        return handle.store.cas([Change(each["name"], _maybe(each["old"]), _maybe(each["new"])) for each in changes])

    def _export(
        self, handle: _Handle, names: list[str] | None = None, to: str | None = None, cursor: str | None = None
    ) -> dict[str, Json]:
        if to is not None:
            data = handle.store.export(names)
            try:
                Path(to).write_bytes(data)
            except OSError:
                return {"error": True}
            return ok(size=len(data), digest=data[-32:].hex())
        if cursor is None:
            handle.outgoing = handle.store.export(names)
        elif cursor != handle.cursor:
            return refused("rejected")
        piece, handle.outgoing = handle.outgoing[:_PIECE_BYTES], handle.outgoing[_PIECE_BYTES:]
        self._cursors += 1
        handle.cursor = f"after-{self._cursors}" if handle.outgoing else None
        return ok(bytes=to_base64(piece), cursor=handle.cursor)

    def _import_(self, handle: _Handle, **args: Any) -> dict[str, Json]:
        if "from" in args:
            path = Path(args["from"])
            if path.is_file():
                return handle.store.import_(path.read_bytes())
            return {"error": True} if path.exists() else refused("missing")
        handle.incoming.append(from_base64(args["bytes"]))
        if args["more"]:
            return ok(objects=0, refs=0)
        data, handle.incoming = b"".join(handle.incoming), []
        answer = handle.store.import_(data)
        handle.store.loose.clear()  # a refused import leaves nothing behind here
        return answer


def _raw(identity: str) -> bytes:
    return bytes.fromhex(identity)


def _maybe(identity: str | None) -> bytes | None:
    return None if identity is None else bytes.fromhex(identity)


def _first(expectation: dict[str, Any]) -> Reply:
    while "any" in expectation:
        expectation = expectation["any"][0]
    if "refused" in expectation:
        return Refused(expectation["refused"], expectation.get("code"))
    if "unsupported" in expectation:
        return Unsupported(expectation["unsupported"])
    if "error" in expectation:
        return Trouble("the file cannot be read or written")
    return Ok(expectation.get("ok", {}))
