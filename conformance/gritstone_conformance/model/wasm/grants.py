"""The audit of a result: what a step may have changed and sent under the manifest before it.

Spec: ``wasm/capabilities``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from gritstone_conformance.model.cores import find
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.module_nodes import module_path
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message, Step
from gritstone_conformance.model.wasm.documents import Manifest
from gritstone_conformance.model.wasm.image import manifest_at

__all__ = ["AuditedStep", "keeps_host_nodes"]

_SEND: Final = (None, "reply", "any")
_SPAWN: Final = (None, "wasm", "any")
_BOOLEANS: Final = ("attempt", "query", "code", "raw", "update")
_HOST_NODES: Final = ("state", "module", "memory", "fork", "creator")


def keeps_host_nodes(shelf: Shelf, before: bytes, after: bytes) -> bool:
    """Return whether ``wasm`` is a tree or absent after, and each entry but manifest and peers is kept."""
    found = find(shelf, after, ("wasm",))
    if found is not None and not shelf.is_tree(found):
        return False
    names = _names(shelf, before, "wasm").keys() | _names(shelf, after, "wasm").keys()
    return all(_keeps(shelf, before, after, ("wasm", name)) for name in names - {"manifest", "peers"})


@dataclass
class AuditedStep:
    """One step that is audited.

    Attributes:
        before: the core before.
        manifest: the manifest of that.
        outbox: the outbox before.
        known: the senders whose messages were read, now or before.
        step: the step.
        updates: whether code of an update made it.
    """

    shelf: Shelf
    before: bytes
    manifest: Manifest
    outbox: dict[bytes, bytes]
    known: frozenset[bytes]
    step: Step
    updates: bool = False

    def check(self) -> None:
        """Raise Failure with the first grant that is lacking; tanks are looked at apart."""
        checks = (
            ("host", "wasm.grant.host", self._host),
            ("code", "wasm.grant.stays-guest", self._stays),
            ("code", "wasm.grant.code", self._code),
            ("mount", "wasm.grant.mount", self._mount),
            ("send", "wasm.grant.send", self._send),
            ("spawn", "wasm.grant.update-guests", self._updates_guests),
            ("spawn", "wasm.grant.spawn", self._spawn),
        )
        for grant, rule, passes in checks:
            if not passes():
                raise Failure("failed", f"the step does what {grant} does not allow", rule, f"denied:{grant}")

    def tanks(self) -> int:
        """Return the tanks of the cores of all births.

        Spec: :rule:`wasm.grant.spawn-tank`.
        """
        total = 0
        for to, message in self.new_messages:
            if message.content == to:
                manifest = manifest_at(self.shelf, to)
                total += 0 if manifest is None else manifest.tank or 0
        return total

    @cached_property
    def sent(self) -> dict[bytes, bytes]:
        """The entries of the outbox that are new or changed."""
        return {to: tip for to, tip in self.shelf.mail(self.step.outbox).items() if self.outbox.get(to) != tip}

    @cached_property
    def new_messages(self) -> list[tuple[bytes, Message]]:
        """Receivers and messages that were sent."""
        return [(to, message) for to, tip in self.sent.items() for message in self._since(to, tip)]

    def _since(self, to: bytes, tip: bytes) -> Iterator[Message]:
        at: bytes | None = tip
        while at is not None and at != self.outbox.get(to):
            message = self.shelf.message(at)
            yield message
            at = message.previous

    def _host(self) -> bool:
        if self.updates:
            return keeps_host_nodes(self.shelf, self.before, self.step.core)
        return self._keeps(("wasm",))

    def _stays(self) -> bool:
        """Return whether an actor that was a guest still is one.

        Spec: :rule:`wasm.grant.stays-guest`.
        """
        was, stays = (module_path(self.shelf, core, "wit") is not None for core in (self.before, self.step.core))
        return stays or not was

    def _code(self) -> bool:
        if self.manifest.code or self.updates:
            return True
        nodes = [(name,) for name in ("wit", "wit_query", "wit_update", "frozen")]
        paths = [module_path(self.shelf, self.before, node) for node in ("wit", "wit_query")]
        return all(map(self._keeps, (*nodes, *(tuple(path) for path in paths if path is not None))))

    def _mount(self) -> bool:
        if self._keeps(("fs",)):
            return True
        found = find(self.shelf, self.step.core, ("fs",))
        if found is not None and not self.shelf.is_tree(found):
            return False
        names = _names(self.shelf, self.before, "fs").keys() | _names(self.shelf, self.step.core, "fs").keys()
        free = {name for name, mode in (self.manifest.mounts or {}).items() if mode == "rw"}
        return all(self._keeps(("fs", name)) for name in names - free)

    def _send(self) -> bool:
        return all(map(self._is_recipient, self.sent))

    def _is_recipient(self, actor: bytes) -> bool:
        if actor in self._peers or self.manifest.send == "any":
            return True
        if self.manifest.send == "reply" and actor in self.known:
            return True
        return self.manifest.spawn is not None and (actor in self.outbox or actor in self._born)

    @cached_property
    def _peers(self) -> frozenset[bytes]:
        found = find(self.shelf, self.before, ("wasm", "peers"))
        is_tree = found is not None and self.shelf.is_tree(found)
        return frozenset(self.shelf.names(found).values()) if found is not None and is_tree else frozenset()

    @cached_property
    def _born(self) -> frozenset[bytes]:
        return frozenset(to for to, message in self.new_messages if message.content == to)

    def _updates_guests(self) -> bool:
        """Return whether all updates go to actors that were born as guests.

        Spec: :rule:`wasm.grant.update-guests`.
        """
        updated = {to for to, message in self.new_messages if message_type(message) == "update"}
        return all(module_path(self.shelf, to, "wit") is not None for to in updated)

    def _spawn(self) -> bool:
        return self.manifest.spawn == "any" or all(self._passes(to, message) for to, message in self.new_messages)

    def _passes(self, to: bytes, message: Message) -> bool:
        if message.content == to and not (self.manifest.spawn == "wasm" and self._is_narrower(to)):
            return False
        if message_type(message) == "update" and self.shelf.is_tree(message.content):
            return self._is_modest(message.content)
        return True

    def _is_modest(self, content: bytes) -> bool:
        """Return whether the content of an update raises no rights.

        Spec: :rule:`wasm.grant.send-update`.
        """
        names = self.shelf.names(content)
        if "wasm" in names or "wit_update" in names:
            return False
        return all(module_path(self.shelf, content, node) is not None for node in ("wit", "wit_query") if node in names)

    def _is_narrower(self, core: bytes) -> bool:
        """Return whether a core is narrower than that of the actor.

        Spec: :rule:`wasm.grant.spawn`.
        """
        manifest = manifest_at(self.shelf, core)
        nodes = ["wit", *(node for node in ("wit_query",) if node in self.shelf.names(core))]
        if manifest is None or any(module_path(self.shelf, core, node) is None for node in nodes):
            return False
        if any(find(self.shelf, core, ("wasm", name)) is not None for name in _HOST_NODES):
            return False
        return self._grants_less(manifest) and self._peers_are_recipients(core)

    def _grants_less(self, manifest: Manifest) -> bool:
        own = self.manifest
        return (
            manifest.fuel <= own.fuel
            and manifest.pages <= own.pages
            and all(getattr(own, name) or not getattr(manifest, name) for name in _BOOLEANS)
            and _SEND.index(manifest.send) <= _SEND.index(own.send)
            and _SPAWN.index(manifest.spawn) <= _SPAWN.index(own.spawn)
            and (own.tank is None or manifest.tank is not None)
        )

    def _peers_are_recipients(self, core: bytes) -> bool:
        peers = find(self.shelf, core, ("wasm", "peers"))
        if peers is None:
            return True
        return self.shelf.is_tree(peers) and all(map(self._is_recipient, self.shelf.names(peers).values()))

    def _keeps(self, path: tuple[str, ...]) -> bool:
        return _keeps(self.shelf, self.before, self.step.core, path)


def _keeps(shelf: Shelf, before: bytes, after: bytes, path: tuple[str, ...]) -> bool:
    return find(shelf, before, path) == find(shelf, after, path)


def _names(shelf: Shelf, core: bytes, name: str) -> dict[str, bytes]:
    found = find(shelf, core, (name,))
    return shelf.names(found) if found is not None and shelf.is_tree(found) else {}
