"""The handles of instances and snapshots."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from gritstone.errors import Exhausted, Missing
from gritstone.sandbox import Instance, Sandbox, Tank, read_instance

__all__ = ["Sandboxes"]

_MOST_HANDLES = 1_024
_MOST_BYTES = 1 << 30  # of all instances and snapshots together, counted as if they shared none


class Sandboxes:
    """One sandbox, and the handles of a client."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self._instances: dict[str, Instance] = {}
        self._snapshots: dict[str, Instance] = {}
        self._made = 0
        self._tanks: dict[bytes, Tank] = {}  # of imported bytes that carry fuel, by their digest
        self._weight = 0

    def instance(self, handle: str) -> Instance:
        """Return the instance of a handle.

        Raises:
            Missing: the handle is unknown, closed, or that of a snapshot.
        """
        return _found(self._instances, handle, "instance")

    def snapshot(self, handle: str) -> Instance:
        """Return the snapshot of a handle.

        Raises:
            Missing: the handle is unknown, closed, or that of an instance.
        """
        return _found(self._snapshots, handle, "snapshot")

    def add_instance(self, instance: Instance) -> str:
        """Return a new handle of an instance.

        Raises:
            Exhausted: there are too many handles.
        """
        return self._add(self._instances, "i", instance)

    def add_snapshot(self, instance: Instance) -> str:
        """Return a new handle of a snapshot.

        Raises:
            Exhausted: there are too many handles.
        """
        return self._add(self._snapshots, "s", instance)

    def add_import(self, data: bytes) -> str:
        """Return a new handle of the snapshot that some bytes contain.

        The tank of bytes that carry fuel is kept until the end, so that another import of them adds none.

        Raises:
            Malformed: the bytes are not those of an instance.
            Invalid: they do not fit their module.
            Exhausted: there are too many handles.

        Spec: :rule:`sandbox.tank.moved`.
        """
        instance = read_instance(data)
        if instance.tank.left:
            tank = self._tanks.setdefault(hashlib.sha256(data).digest(), instance.tank)
            instance = replace(instance, tank=tank)
        return self.add_snapshot(instance)

    def replace(self, handle: str, instance: Instance) -> bool:
        """Replace the instance of a handle by the state after a call; return whether there is room for it."""
        weight = self._weight + instance.weight - self._instances[handle].weight
        if weight > max(_MOST_BYTES, self._weight):
            return False
        self._weight = weight
        self._instances[handle] = instance
        return True

    def close(self, handle: str) -> None:
        """Drop an instance or a snapshot.

        Raises:
            Missing: the handle is unknown or closed.
        """
        kind = self._snapshots if handle in self._snapshots else self._instances
        self._weight -= _found(kind, handle, "instance or snapshot").weight
        del kind[handle]

    def _add(self, kind: dict[str, Instance], letter: str, instance: Instance) -> str:
        count = len(self._instances) + len(self._snapshots)
        if count >= _MOST_HANDLES or self._weight + instance.weight > _MOST_BYTES:
            raise Exhausted("too many instances and snapshots", rule="sandbox.keep.closed", got=count)
        self._made += 1
        self._weight += instance.weight
        kind[f"{letter}{self._made}"] = instance
        return f"{letter}{self._made}"


def _found(kind: dict[str, Instance], handle: str, what: str) -> Instance:
    if handle not in kind:
        raise Missing(f"no {what} with this handle", rule="sandbox.keep.closed", got=ascii(handle))
    return kind[handle]
