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
from gritstone.wasm.binary import PAGE_BYTES, Module
from gritstone.wasm.reader import I32

__all__ = ["MARK_BYTES", "NO_MARK", "Instance", "Suspended", "read_instance", "write_instance"]

MARK_BYTES = 16
NO_MARK = bytes(MARK_BYTES)
"""The mark of an export that carries no fuel."""

_MAGIC = b"gritstone sandbox 2\n"
_DIGEST_BYTES = 32
_U32, _U64 = 4, 8
_NO_LIMIT = 2**64 - 1  # of a tank
_FUNCTION_KIND = 0
_MOST_SPENT = 2**62  # by the parts of a call
_I32_BITS, _I64_BITS = 32, 64
_RULE = "sandbox.import.checked"


@dataclass(frozen=True, slots=True)
class Suspended:
    """A call whose fuel is spent. The instance has the state before it, from which it is repeated.

    Attributes:
        spent: the units that its parts used.
        pages: its limit of pages.
        table: its limit of table elements.
        start: the export that runs before the entry, if the first call of a module with a start function is suspended.
    """

    spent: int
    pages: int
    table: int | None
    start: str | None = None


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
        suspended: its suspended call, or None.
    """

    module: bytes
    globals: tuple[int, ...]
    size: int
    pages: Mapping[int, bytes]
    world: World
    tank: Tank = field(default_factory=Tank, compare=False)
    suspended: Suspended | None = None

    @property
    def weight(self) -> int:
        """Return the bytes of its module, pages and files, as if it shared none of them with another instance."""
        files = (self.world.files or {}).values()
        return len(self.module) + PAGE_BYTES * len(self.pages) + sum(map(len, files))


def write_instance(instance: Instance, fuel: int | None = None, mark: bytes = NO_MARK) -> bytes:
    """Return the bytes of an instance.

    Args:
        instance: the instance.
        fuel: the units that the bytes carry; the caller has taken them out of the tank. None: the client chose none, so
            the bytes carry 0 units, or no limit if the tank has none.
        mark: if the bytes carry fuel, 16 bytes that no other export has.
    """
    world = write_world(instance.world)
    if fuel is None:
        fuel = _NO_LIMIT if instance.tank.left is None else 0
    parts = [
        _MAGIC,
        _u32(len(instance.module)),
        instance.module,
        _u32(len(world)),
        world,
        _u32(len(instance.globals)),
        *(value.to_bytes(_U64, "little") for value in instance.globals),
        fuel.to_bytes(_U64, "little"),
        mark,
        *_write_suspended(instance.suspended),
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
    suspended = _read_suspended(reader)
    size = reader.u32()
    pages = {reader.u32(): reader.take(PAGE_BYTES) for _ in range(reader.count(_U32 + PAGE_BYTES))}
    if reader.at != len(content):
        raise Malformed("bytes after the last page", rule=_RULE)
    tank = Tank(None if carried == _NO_LIMIT else carried)
    instance = Instance(module, values, size, pages, world, tank, suspended)
    _check(instance)
    return instance


def _write_suspended(call: Suspended | None) -> list[bytes]:
    """Return the parts of a suspended call; zeros for none."""
    if call is None:
        return [bytes(_U64 + 3 * _U32)]
    table, name = 0 if call.table is None else call.table + 1, (call.start or "").encode()
    return [(call.spent + 1).to_bytes(_U64, "little"), _u32(call.pages), _u32(table), _u32(len(name)), name]


def _read_suspended(reader: _Reader) -> Suspended | None:
    spent, pages, table = int.from_bytes(reader.take(_U64), "little"), reader.u32(), reader.u32()
    try:
        name = reader.take(reader.u32()).decode()
    except UnicodeDecodeError as error:
        raise Malformed("the name of a start function is not text", rule=_RULE) from error
    return Suspended(spent - 1, pages, table - 1 if table else None, name or None) if spent else None


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
        and (instance.suspended is None or _can_continue(instance.suspended, instance.size, module))
    )
    if not fits:
        raise Invalid("an instance that does not fit its module", rule=_RULE)


def _can_continue(call: Suspended, size: int, module: Module) -> bool:
    """Return whether a suspended call is possible in an instance with so many pages."""
    names = [one.name for one in module.exports if one.kind == _FUNCTION_KIND]
    is_known = call.start is None or call.start in names
    return is_known and size <= call.pages <= MOST_PAGES and call.spent <= _MOST_SPENT


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
