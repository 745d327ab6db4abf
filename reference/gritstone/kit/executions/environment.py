"""The environment of code that is not trusted: what it may have, said once, and denied otherwise.

It becomes the manifest of the core, so what was granted travels with the code, and can be audited.

Spec: :rule:`wasm.manifest.deny`, :rule:`wasm.manifest.not-lowered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from types import MappingProxyType

from gritstone.wasm.documents import Manifest

__all__ = ["Environment", "mount_name"]

_PAGES_A_MB = 16
_MOST_MB = 4_096
_MOST_FUEL = 2**63 - 1
_SEED_BYTES = 32


def mount_name(mount: str) -> str:
    """Give the name of a mount, which may be written with a slash before it.

    Raises:
        ValueError: it is no one name.
    """
    name = mount.removeprefix("/")
    if not name or "/" in name:
        raise ValueError(f"a mount is one name, with or without a slash before it: {mount!r}")
    return name


@dataclass(frozen=True, slots=True)
class Environment:
    """Say what code may have. What is not said here it does not get.

    Attributes:
        max_memory_mb: the largest memory, in MiB.
        mounts: folders of this machine by the name under which the code sees a copy of them, as ``/workspace``; None
            for one that is empty.
        network_egress: whether the code may send messages out. Nothing is done with them here: who runs the code reads
            them in the result, does what they ask or does not, and answers with a message.
        max_fuel: units that one call may spend.
        on_timeout: what happens when they are spent: ``raise`` an ``OutOfFuel``, or give a result that is a
            ``checkpoint`` to continue from.
        seed: where the random stream begins, as an integer or as 32 bytes; None for no randomness.
        persistent: whether memory and globals are kept from call to call.
    """

    max_memory_mb: int = 16  # MiB
    mounts: Mapping[str, str | PathLike[str] | None] = field(default_factory=lambda: MappingProxyType({}))
    network_egress: bool = False
    max_fuel: int = 10_000_000  # units
    on_timeout: str = "raise"
    seed: int | bytes | None = None
    persistent: bool = True

    def __post_init__(self) -> None:
        """Judge what can be judged without looking at any folder.

        Raises:
            ValueError: a value is out of bounds.
        """
        if not 1 <= self.max_memory_mb <= _MOST_MB:
            raise ValueError(f"max_memory_mb: from 1 to {_MOST_MB}")
        if not 1 <= self.max_fuel <= _MOST_FUEL:
            raise ValueError(f"max_fuel: from 1 to {_MOST_FUEL}")
        if self.on_timeout not in ("raise", "checkpoint"):
            raise ValueError("on_timeout: raise or checkpoint")
        self._key()
        if len({mount_name(mount) for mount in self.mounts}) != len(self.mounts):
            raise ValueError("mounts: one name twice")

    def _key(self) -> bytes | None:
        if self.seed is None:
            return None
        if isinstance(self.seed, int):
            if not 0 <= self.seed < 256**_SEED_BYTES:
                raise ValueError("seed: an integer of at most 32 bytes")
            return self.seed.to_bytes(_SEED_BYTES, "big")
        if len(self.seed) != _SEED_BYTES:
            raise ValueError("seed: 32 bytes")
        return self.seed

    def manifest(self, *, reads: tuple[str, ...] = ()) -> Manifest:
        """Give the manifest.

        Args:
            reads: mounts more, that the code may read only.
        """
        mounts = {mount_name(one): "rw" for one in self.mounts} | dict.fromkeys(reads, "ro")
        return Manifest(
            fuel=self.max_fuel,
            pages=self.max_memory_mb * _PAGES_A_MB,
            image=self.persistent,
            random=self._key(),
            mounts=MappingProxyType(mounts),
        )
