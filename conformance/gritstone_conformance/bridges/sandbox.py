"""The profile ``sandbox`` through ``grit.*`` and ``wit.step``: an implementation of ``wasm.executor`` as a sandbox.

A run is the genesis of an actor in a store of its own, whose core has the module and a manifest with the limits.
Another call is the step of one message; if its limits differ, an update of the manifest by the creator comes first. A
step is a value, so a snapshot is the id of a step, and two calls that begin with one id are a fork. An export is a
bundle.

A store for each run keeps the fuel equal: calls of the host cost by the size of the objects.

Spec: ``sandbox/index``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from gritstone_conformance.model.formats import FORMATS, Format
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.values import Blob, Message, Object, Step, Tree, from_base64, to_base64
from gritstone_conformance.model.wasm.documents import read_state
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import add_manifest, guest_core

__all__ = ["BridgeError", "Executor", "RefusedError", "SandboxBridge"]

_NODE: Final = b"wasm:code/main.wasm"
_MOST_FUEL: Final = 2**53 - 1
_MOST_COPIES: Final = 1_024
_STEP, _TIP = "tags/step", "tags/tip"


class Executor(Protocol):
    """The implementation that the bridge asks."""

    claims: Claims

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request and return its reply."""


class RefusedError(Exception):
    """A request of the suite is refused.

    Attributes:
        kind: the class of the refusal.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class BridgeError(Exception):
    """The implementation did not answer as a correct one does."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """An instance or a snapshot.

    Attributes:
        store: the handle of its store.
        actor: the id of the actor.
        head: its step, or None if its first call failed.
        tip: the newest message to it.
        limits: those of its manifest: fuel and pages.
        used: the units that it has used so far.
    """

    store: str
    actor: bytes
    head: bytes | None
    tip: bytes | None
    limits: tuple[int, int]
    used: int


class SandboxBridge:
    """The operations of ``sandbox``; each takes the arguments of its request and returns the content of ``ok``."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._format: Format = FORMATS[executor.claims.formats[0]]
        self._names = itertools.count(1)
        self._instances: dict[str, _Copy] = {}
        self._snapshots: dict[str, _Copy] = {}
        self._graphs: dict[str, Graph] = {}
        self._put: dict[str, int] = {}

    def operations(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Json]]]:
        """Return the operations by name."""
        return {
            "sandbox.run": self._run,
            "sandbox.again": self._again,
            "sandbox.snapshot": self._snapshot,
            "sandbox.resume": self._resume,
            "sandbox.export": self._export,
            "sandbox.import": self._import,
            "sandbox.close": self._close,
        }

    # --- operations ------------------------------------------------------------------------------------

    def _run(self, args: dict[str, Any]) -> dict[str, Json]:
        store = self._open()
        graph, limits = self._graphs[store], _limits(args["limits"])
        core = guest_core(graph, b"probe", from_base64(args["module"]), _manifest(limits), wit=_node(graph))
        before = _Copy(store, core, None, None, limits, 0)
        report, after = self._call(before, "genesis")
        if args["keep"] and not report["outcome"].startswith("unresolved"):
            with self._closing_on_refusal(store):
                return {**report, "instance": self._add(self._instances, "i", after)}
        self._drop(store)
        return {**report, "instance": None}

    def _again(self, args: dict[str, Any]) -> dict[str, Json]:
        handle = args["instance"]
        before = _found(self._instances, handle)
        limits = _limits(args["limits"])
        if limits != before.limits:
            before = self._limited(before, limits)
        report, after = self._call(before, "" if before.head else "genesis")
        self._instances[handle] = after
        return report

    def _snapshot(self, args: dict[str, Any]) -> dict[str, Json]:
        copy = _found(self._instances, args["instance"])
        if copy.head is None:  # its first call failed: there is no step to name
            raise RefusedError("rejected")
        return {"snapshot": self._add(self._snapshots, "s", copy)}

    def _resume(self, args: dict[str, Any]) -> dict[str, Json]:
        return {"instance": self._add(self._instances, "i", _found(self._snapshots, args["snapshot"]))}

    def _export(self, args: dict[str, Any]) -> dict[str, Json]:
        copy = _found(self._snapshots, args["snapshot"])
        assert copy.head is not None, "a snapshot has a step"
        assert copy.tip is not None, "a step has read a message"
        targets = {_STEP: copy.head, _TIP: copy.tip}
        self._point(copy.store, dict.fromkeys(targets), targets)
        pieces, cursor = [], None
        while True:
            names = [_STEP, _TIP]
            piece = self._ask("grit.export", {"store": copy.store, "names": names, "cursor": cursor})
            pieces.append(from_base64(piece["bytes"]))
            cursor = piece["cursor"]
            if cursor is None:
                break
        self._point(copy.store, targets, dict.fromkeys(targets))
        return {"bytes": to_base64(b"".join(pieces))}

    def _import(self, args: dict[str, Any]) -> dict[str, Json]:
        store = self._open()
        with self._closing_on_refusal(store):
            return {"snapshot": self._imported(store, args["bytes"])}

    def _imported(self, store: str, data: str) -> str:
        """Import a bundle into a store, and return the handle of the snapshot that it contains."""
        reply = self._executor.ask("grit.import", {"store": store, "bytes": data, "more": False})
        if isinstance(reply, Refused):
            raise RefusedError(reply.kind if reply.kind in ("malformed", "invalid", "exhausted") else "rejected")
        listed = self._ask("grit.refs", {"store": store, "prefix": "tags/", "after": None, "limit": 10})["refs"]
        targets = {name: bytes.fromhex(target) for name, target in listed}
        if targets.keys() != {_STEP, _TIP}:
            raise RefusedError("invalid")
        self._point(store, targets, dict.fromkeys(targets))
        copy = self._read(_Copy(store, b"", targets[_STEP], targets[_TIP], (0, 0), 0))
        return self._add(self._snapshots, "s", copy)

    def _close(self, args: dict[str, Any]) -> dict[str, Json]:
        handle = args["handle"]
        kind = self._snapshots if handle in self._snapshots else self._instances
        store = _found(kind, handle).store
        del kind[handle]
        if all(copy.store != store for copy in (*self._instances.values(), *self._snapshots.values())):
            self._drop(store)
        return {}

    # --- steps -----------------------------------------------------------------------------------------

    def _call(self, before: _Copy, kind: str) -> tuple[dict[str, Json], _Copy]:
        """Make the step of one message; return the report, and the state after it."""
        reply, message = self._step(before, kind, before.actor if kind else None)
        if isinstance(reply, Refused):
            return {"outcome": _outcome(reply), "output": "", "used": _spent(reply, before)}, before
        head = bytes.fromhex(self._ok("wit.step", reply)["step"])
        after = self._read(replace(before, head=head, tip=message))
        output = self._blob(after.store, self._core(after)["out"]).data
        return {"outcome": "done", "output": to_base64(output), "used": after.used - before.used}, after

    def _limited(self, before: _Copy, limits: tuple[int, int]) -> _Copy:
        """Return the instance with other limits."""
        graph = self._graphs[before.store]
        manifest = add_manifest(graph, _manifest(limits))
        if before.head is None:  # its first call failed: the actor with other limits is another one
            core = graph.values[before.actor]
            assert isinstance(core, Tree)
            wasm = graph.add(Tree((("manifest", manifest),)))
            entries = {**dict(core.entries), "wasm": wasm}
            return replace(before, actor=graph.add(Tree(tuple(entries.items()))), limits=limits)
        update = graph.add(Tree((("wasm", graph.add(Tree((("manifest", manifest),)))),)))
        reply, message = self._step(before, "update", update)
        head = bytes.fromhex(self._ok("wit.step", reply)["step"])
        return replace(before, head=head, tip=message, limits=limits)

    def _step(self, before: _Copy, kind: str, content: bytes | None) -> tuple[Reply, bytes]:
        """Ask for the step that reads one message from the creator."""
        graph = self._graphs[before.store]
        creator = graph.add(Tree((("name", graph.add(Blob((("ct", "s"),), b"creator"))),)))
        target = creator if content is None else content
        message = graph.add(Message(before.tip, (("mt", kind),) if kind else (), target))
        self._fill(before.store)
        args: dict[str, Json] = {
            "store": before.store,
            "actor": before.actor.hex(),
            "head": None if before.head is None else before.head.hex(),
            "inbox": [[creator.hex(), message.hex()]],
            "attempt": 1,
        }
        return self._executor.ask("wit.step", args), message

    # --- objects ---------------------------------------------------------------------------------------

    def _open(self) -> str:
        store = f"sandbox-{next(self._names)}"
        args = {"store": store, "format": self._format.name, "backend": "memory", "create": True}
        self._ask("grit.open", args)
        self._graphs[store], self._put[store] = Graph(self._format), 0
        return store

    def _drop(self, store: str) -> None:
        self._ask("grit.close", {"store": store})
        del self._graphs[store], self._put[store]

    @contextmanager
    def _closing_on_refusal(self, store: str) -> Iterator[None]:
        """Close a store if the body refuses the request for which it was opened."""
        try:
            yield
        except RefusedError:
            self._drop(store)
            raise

    def _fill(self, store: str) -> None:
        """Put the objects that are not in the store yet."""
        encodings = [*self._graphs[store].encodings.values()][self._put[store] :]
        self._put[store] += len(encodings)
        for data in encodings:
            self._ask("grit.put", {"store": store, "bytes": to_base64(data)})

    def _point(self, store: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        changes = [
            {"name": name, "old": None if old[name] is None else old[name].hex(), "new": new[name] and new[name].hex()}
            for name in new
        ]
        self._ask("grit.cas", {"store": store, "changes": changes})

    def _read(self, copy: _Copy) -> _Copy:
        """Return a copy with the actor, the limits and the units that its step has."""
        assert copy.head is not None
        step = self._get(copy.store, copy.head)
        if not isinstance(step, Step):
            raise RefusedError("invalid")
        core = self._tree(copy.store, step.core)
        wasm = self._tree(copy.store, core["wasm"])
        state = read_state(self._blob(copy.store, wasm["state"]).data)
        return replace(copy, actor=step.actor, used=state.used)

    def _core(self, copy: _Copy) -> dict[str, bytes]:
        assert copy.head is not None
        step = self._get(copy.store, copy.head)
        assert isinstance(step, Step)
        return self._tree(copy.store, step.core)

    def _tree(self, store: str, identity: bytes) -> dict[str, bytes]:
        value = self._get(store, identity)
        if not isinstance(value, Tree):
            raise RefusedError("invalid")
        return dict(value.entries)

    def _blob(self, store: str, identity: bytes) -> Blob:
        value = self._get(store, identity)
        if not isinstance(value, Blob):
            raise RefusedError("invalid")
        return value

    def _get(self, store: str, identity: bytes) -> Object:
        known = self._graphs[store].values.get(identity)
        if known is not None:
            return known
        data = from_base64(self._ask("grit.get", {"store": store, "id": identity.hex()})["bytes"])
        try:
            return self._format.decode(data)
        except Refusal as refusal:
            raise BridgeError(f"an object cannot be decoded: {identity.hex()}") from refusal

    # --- replies ---------------------------------------------------------------------------------------

    def _ask(self, op: str, args: dict[str, Json]) -> dict[str, Any]:
        return self._ok(op, self._executor.ask(op, args))

    @staticmethod
    def _ok(op: str, reply: Reply) -> dict[str, Any]:
        if not isinstance(reply, Ok):
            raise BridgeError(f"{op}: {reply}")
        return reply.value

    def _add(self, kind: dict[str, _Copy], letter: str, copy: _Copy) -> str:
        if len(self._instances) + len(self._snapshots) >= _MOST_COPIES:
            raise RefusedError("exhausted")
        handle = f"{letter}{next(self._names)}"
        kind[handle] = copy
        return handle


def _found(kind: dict[str, _Copy], handle: str) -> _Copy:
    if handle not in kind:
        raise RefusedError("missing")
    return kind[handle]


def _limits(limits: dict[str, Any]) -> tuple[int, int]:
    return limits["fuel"] or _MOST_FUEL, limits["pages"]


def _manifest(limits: tuple[int, int]) -> dict[str, Json]:
    fuel, pages = limits
    return {"fuel": fuel, "pages": pages, "image": True}


def _node(graph: Graph) -> bytes:
    return graph.add(Blob((("ct", "s"),), _NODE))


def _outcome(reply: Refused) -> str:
    """Return the outcome that the code of a refusal means."""
    code = reply.code or ""
    if code.startswith("failed:denied"):
        return "failed:denied"
    if code == "unresolved:image":  # the memory of the instance is larger than the limit
        return "exhausted:memory"
    return code


def _spent(reply: Refused, before: _Copy) -> int:
    """Return the units of a call that failed: all of them if they were spent, else nothing is known."""
    return before.limits[0] if reply.code == "exhausted:fuel" else 0
