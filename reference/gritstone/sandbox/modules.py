"""Modules of the sandbox: their admission, and their metered form with functions to inspect dropped segments.

A module has the language of ``wasm``, no imports, and the exports of the ABI ``memory``: the function ``run`` and the
``memory``.

The engine cannot tell which data segments an instance has dropped. So the metered form of a module with passive
segments gets two functions for each of them, which only the host calls: one traps if the segment was dropped, one
drops it.

Spec: :rule:`sandbox.module.unresolved`, :rule:`sandbox.snapshot.tables`.
"""

from __future__ import annotations

from gritstone.wasm.admission import AdmittedModule, admit_language
from gritstone.wasm.binary import MAGIC, FunctionType
from gritstone.wasm.metering import MEMORY, meter_module
from gritstone.wasm.reader import Reader, signed, unsigned
from gritstone.wit.failures import failure

__all__ = ["DROP", "ENTRY", "MOST_PAGES", "TEST", "admit_probe", "passive_segments", "prepare_probe"]

ENTRY = "run"
MOST_PAGES = 65_536
TEST, DROP = "grit:test", "grit:drop"
"""The functions of a passive segment: these names and its index."""

_RULE = "sandbox.module.unresolved"
_ENTRY_TYPE = FunctionType((), ())
_FUNCTION_KIND, _MEMORY_KIND = 0, 2
_TYPES, _FUNCTIONS, _EXPORTS, _CODE, _DATA_COUNT = 1, 3, 7, 10, 12
_ORDER = (1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11)


def admit_probe(data: bytes, pages: int) -> AdmittedModule:
    """Check whether a module may run.

    Args:
        data: the bytes of the module.
        pages: the maximum size of its memory in pages.

    Raises:
        Rejected: the module may not run (codes ``unresolved:module``, ``:import``, ``:export``, ``:limit``).
    """
    admitted = admit_language(data, pages)
    module = admitted.module
    if module.imports:
        raise failure("unresolved", "the ABI has no imports", rule=_RULE, detail="import")
    types = module.function_types()
    entries = [one for one in module.exports if one.name == ENTRY and one.kind == _FUNCTION_KIND]
    if not entries or types[entries[0].index] != _ENTRY_TYPE:
        raise failure("unresolved", "no function with the type of the entry", rule=_RULE, detail="export", got=ENTRY)
    if not any((one.name, one.kind) == ("memory", _MEMORY_KIND) for one in module.exports):
        raise failure("unresolved", "no exported memory", rule=_RULE, detail="export", got="memory")
    if any(one.name.startswith(MEMORY.partition(":")[0] + ":") for one in module.exports):
        raise failure("unresolved", "an export with a name of the host", rule=_RULE, detail="export")
    return admitted


def passive_segments(admitted: AdmittedModule) -> list[int]:
    """Return the indices of the passive data segments that a call can drop."""
    module = admitted.module
    if _DATA_COUNT not in module.sections:  # without it no instruction names a segment
        return []
    return [index for index, one in enumerate(module.segments) if one.offset is None and one.size]


def prepare_probe(admitted: AdmittedModule) -> bytes:
    """Return the metered form with the functions of each passive segment."""
    metered, passive = meter_module(admitted), passive_segments(admitted)
    if not passive:
        return metered
    sections = _sections(metered)
    type_index = _count(sections[_TYPES])
    first = len(admitted.module.functions)
    names = [f"{word}{index}" for index in passive for word in (TEST, DROP)]
    bodies = [body for index in passive for body in (_testing(admitted, index), _dropping(index))]
    sections[_TYPES] = _longer(sections[_TYPES], [b"\x60\0\0"])
    sections[_FUNCTIONS] = _longer(sections[_FUNCTIONS], [unsigned(type_index)] * len(names))
    exports = [_sized(name.encode()) + b"\0" + unsigned(first + number) for number, name in enumerate(names)]
    sections[_EXPORTS] = _longer(sections[_EXPORTS], exports)
    sections[_CODE] = _longer(sections[_CODE], [_sized(b"\0" + body + b"\x0b") for body in bodies])
    return MAGIC + b"".join(bytes((number,)) + _sized(sections[number]) for number in _ORDER if number in sections)


def _testing(admitted: AdmittedModule, index: int) -> bytes:
    """Return code that copies no bytes from behind the segment, which traps if the segment was dropped."""
    size = admitted.module.segments[index].size
    return b"\x41\0\x41" + signed(size) + b"\x41\0\xfc\x08" + unsigned(index) + b"\0"


def _dropping(index: int) -> bytes:
    return b"\xfc\x09" + unsigned(index)


def _sections(module: bytes) -> dict[int, bytes]:
    """Return the contents of the sections of a metered module, which has no custom sections."""
    reader, found = Reader(module, len(MAGIC), len(module)), {}
    while reader.at < len(module):
        number, size = module[reader.at], 0
        reader.at += 1
        size = reader.u32()
        found[number] = module[reader.at : reader.at + size]
        reader.at += size
    return found


def _count(section: bytes) -> int:
    return Reader(section, 0, len(section)).u32()


def _longer(section: bytes, more: list[bytes]) -> bytes:
    """Return a vector with more elements."""
    reader = Reader(section, 0, len(section))
    count = reader.u32()
    return unsigned(count + len(more)) + section[reader.at :] + b"".join(more)


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content
