"""The environment of untrusted code: everything that it may use; everything else is denied.

It becomes the manifest of the core, so the grants are transferred with the code and can be audited.

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
    """Return the name of a mount, which may be written with a leading slash.

    Raises:
        ValueError: the mount is not a single name.
    """
    name = mount.removeprefix("/")
    if not name or "/" in name:
        raise ValueError(f"a mount is one name, with or without a slash before it: {mount!r}")
    return name


@dataclass(frozen=True, slots=True)
class Environment:
    """The grants of code. Everything that is not granted is denied.

    Attributes:
        max_memory_mb: the largest memory, in MiB.
        mounts: folders of this machine, by the name under which the code sees a copy, as ``/workspace``; None for an
            empty one.
        network_egress: whether the code may send messages out. The sandbox does nothing with them: the caller reads
            them in the result, decides whether to do what they request, and answers with a message.
        max_fuel: the maximum units that one call may spend.
        on_timeout: what happens when they are spent: ``raise`` an ``OutOfFuel``, or return a result that is a
            ``checkpoint`` to continue from.
        seed: the start of the random stream, as an integer or as 32 bytes; None for no randomness.
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
        """Check the values that can be checked without reading any folder.

        Raises:
            ValueError: a value is out of range.
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
        """Return the manifest.

        Args:
            reads: additional mounts, which the code may only read.
        """
        mounts = {mount_name(one): "rw" for one in self.mounts} | dict.fromkeys(reads, "ro")
        return Manifest(
            fuel=self.max_fuel,
            pages=self.max_memory_mb * _PAGES_A_MB,
            image=self.persistent,
            random=self._key(),
            mounts=MappingProxyType(mounts),
        )
