"""Instances between two calls, and their form as bytes.

An instance is a value that never changes, so a snapshot needs no copy and a fork shares all pages with its origin. Only
its tank changes, which it shares with its copies.

The bytes of an instance are its module, its grants, its globals, the fuel that leaves with it, and its pages that are
not all zero, each in ascending order, and at the end a digest of all of it. So equal instances have equal bytes, and a
change of any byte is found. Exports that carry fuel differ by a mark, so that each is an amount of its own.

Spec: :rule:`sandbox.snapshot.fixed`, :rule:`sandbox.export.complete`, :rule:`sandbox.export.same`,
:rule:`sandbox.import.checked`, :rule:`sandbox.import.bounded`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from gritstone.errors import Invalid, Malformed, Refusal
from gritstone.sandbox.modules import MOST_PAGES, admit_probe
from gritstone.sandbox.tanks import Tank
from gritstone.sandbox.world import World, read_world, write_world
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.reader import I32

__all__ = ["MARK_BYTES", "NO_MARK", "Instance", "read_instance", "write_instance"]

MARK_BYTES = 16
NO_MARK = bytes(MARK_BYTES)
"""The mark of an export that carries no fuel."""

_MAGIC = b"gritstone sandbox 2\n"
_DIGEST_BYTES = 32
_U32, _U64 = 4, 8
_NO_LIMIT = 2**64 - 1  # of a tank
_I32_BITS, _I64_BITS = 32, 64
_RULE = "sandbox.import.checked"


@dataclass(frozen=True, slots=True)
class Instance:
    """The state of a module between two calls.

    Attributes:
        module: the bytes of the module.
        globals: the bits of each mutable global, by index.
        size: the number of pages of the memory.
        pages: the pages that are not all zero, by number, ascending.
        world: what is granted.
        tank: the fuel that is left for it and its copies.
    """

    module: bytes
    globals: tuple[int, ...]
    size: int
    pages: Mapping[int, bytes]
    world: World
    tank: Tank = field(default_factory=Tank, compare=False)

    @property
    def weight(self) -> int:
        """Return the bytes of its module, pages and files, as if it shared none of them with another instance."""
        files = (self.world.files or {}).values()
        return len(self.module) + PAGE_BYTES * len(self.pages) + sum(map(len, files))


def write_instance(instance: Instance, fuel: int = 0, mark: bytes = NO_MARK) -> bytes:
    """Return the bytes of an instance.

    Args:
        instance: the instance.
        fuel: the units that the bytes carry; the caller has taken them out of the tank.
        mark: if the bytes carry fuel, 16 bytes that no other export has.
    """
    world = write_world(instance.world)
    carried = _NO_LIMIT if instance.tank.left is None and not fuel else fuel
    parts = [
        _MAGIC,
        _u32(len(instance.module)),
        instance.module,
        _u32(len(world)),
        world,
        _u32(len(instance.globals)),
        *(value.to_bytes(_U64, "little") for value in instance.globals),
        carried.to_bytes(_U64, "little"),
        mark,
        _u32(instance.size),
        _u32(len(instance.pages)),
        *(_u32(number) + page for number, page in instance.pages.items()),
    ]
    content = b"".join(parts)
    return content + hashlib.sha256(content).digest()


def read_instance(data: bytes) -> Instance:
    """Return the instance that these bytes contain.

    Raises:
        Malformed: the bytes are not those of an instance.
        Invalid: they do not fit their module.
    """
    content = data[:-_DIGEST_BYTES]
    if not data.startswith(_MAGIC) or hashlib.sha256(content).digest() != data[-_DIGEST_BYTES:]:
        raise Malformed("no export of an instance, or a damaged one", rule=_RULE)
    reader = _Reader(content, len(_MAGIC))
    module, world = reader.take(reader.u32()), read_world(reader.take(reader.u32()))
    values = tuple(int.from_bytes(reader.take(_U64), "little") for _ in range(reader.count(_U64)))
    carried, _ = int.from_bytes(reader.take(_U64), "little"), reader.take(MARK_BYTES)
    size = reader.u32()
    pages = {reader.u32(): reader.take(PAGE_BYTES) for _ in range(reader.count(_U32 + PAGE_BYTES))}
    if reader.at != len(content):
        raise Malformed("bytes after the last page", rule=_RULE)
    instance = Instance(module, values, size, pages, world, Tank(None if carried == _NO_LIMIT else carried))
    _check(instance)
    return instance


def _check(instance: Instance) -> None:
    """Check that an instance fits its module."""
    try:
        module = admit_probe(instance.module, MOST_PAGES).module
    except Refusal as refusal:
        raise Invalid(f"the module of an export: {refusal}", rule=_RULE) from refusal
    widths = [_I32_BITS if one.type == I32 else _I64_BITS for one in module.globals if one.mutable]
    fits = (
        len(instance.globals) == len(widths)
        and all(value >> width == 0 for value, width in zip(instance.globals, widths, strict=True))
        and module.memories[0].least <= instance.size <= (module.memories[0].most or MOST_PAGES)
        and all(number < instance.size for number in instance.pages)
    )
    if not fits:
        raise Invalid("an instance that does not fit its module", rule=_RULE)


class _Reader:
    """Reads parts of bytes one after the other; a count is not trusted."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > len(self.data) - self.at:
            raise Malformed("the export ends early", rule=_RULE, offset=self.at)
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self) -> int:
        """Return the next number."""
        return int.from_bytes(self.take(_U32), "little")

    def count(self, size: int) -> int:
        """Return the next number, of parts of a size."""
        count = self.u32()
        if count * size > len(self.data) - self.at:
            raise Malformed("the export ends early", rule=_RULE, offset=self.at)
        return count


def _u32(number: int) -> bytes:
    return number.to_bytes(_U32, "little")
