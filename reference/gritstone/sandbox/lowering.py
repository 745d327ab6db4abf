"""Lowering: a wide module becomes one of the language of ``wasm`` that does the same.

A wide module may have a start function and mutable globals of type f32 and f64. In the lowered module

- there is no start section; the start function is exported, so that the host calls it once, under its limits;
- a mutable global of a float type is one of the integer type with the same bits, and each ``global.get`` and
  ``global.set`` of it converts the bits. So the host reads and writes the bits, and never a float, which may lose those
  of a NaN.

Any other module is returned unchanged, and a defective one is found by admission.

Spec: :rule:`sandbox.module.wide`, :rule:`sandbox.snapshot.globals`, :rule:`sandbox.snapshot.quiet`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone.errors import Malformed
from gritstone.wasm.binary import MAGIC, FunctionType, Global, Module, read_module
from gritstone.wasm.instructions import read_expression
from gritstone.wasm.reader import F32, F64, I32, I64, Reader, signed, unsigned

__all__ = ["lower"]

_GLOBALS, _EXPORTS, _START, _CODE = 6, 7, 8, 10
_GET, _SET, _END = 0x23, 0x24, 0x0B
_CONSTANTS = {F32: (0x43, 4, 32), F64: (0x44, 8, 64)}  # opcode, bytes, bits
_INTEGERS = {F32: (I32, b"\x41", b"\xbe", b"\xbc"), F64: (I64, b"\x42", b"\xbf", b"\xbd")}
"""The integer type, its constant, and the instructions that convert its bits to the float and back."""

_START_TYPE = FunctionType((), ())


def lower(data: bytes) -> tuple[bytes, str | None]:
    """Return a module in the language of ``wasm``, and the name of the export that is its start function.

    Args:
        data: the bytes of a module.

    Returns:
        The bytes, unchanged unless the module is wide; and the name, None if it has no start function.
    """
    if not _may_be_wide(data):
        return data, None
    try:
        module = read_module(data)
    except Malformed:
        return data, None
    floats = {index: one.type for index, one in enumerate(module.globals) if one.mutable and one.type in _INTEGERS}
    if not (floats or module.start is not None) or not _is_sound(module, floats):
        return data, None
    contents = {number: data[start:end] for number, (start, end) in module.sections.items() if number != _START}
    if floats:
        contents[_GLOBALS] = _vector([_global(data, one) for one in module.globals])
        contents[_CODE] = _vector([_body(data, code.start, code.code, code.end, floats) for code in module.bodies])
    name = None
    if module.start is not None:
        name = _unused([one.name for one in module.exports])
        contents[_EXPORTS] = _with_export(contents.get(_EXPORTS, b"\0"), name, module.start)
    order = [number for number in (*range(1, _CODE), 12, _CODE, 11) if number in contents]
    return MAGIC + b"".join(bytes((number,)) + _sized(contents[number]) for number in order), name


def _may_be_wide(data: bytes) -> bool:
    """Return whether a module has a start section or globals, without reading anything else."""
    reader = Reader(data, len(MAGIC), len(data))
    try:
        while reader.at < reader.end:
            if reader.byte() in (_START, _GLOBALS):
                return True
            reader.skip(reader.u32())
    except Malformed:
        pass
    return False


def _is_sound(module: Module, floats: dict[int, int]) -> bool:
    """Return whether what lowering removes is valid; admission checks the rest."""
    if module.imported_globals:
        return False
    for index in floats:
        opcode, size, _ = _CONSTANTS[floats[index]]
        at = module.globals[index].start + 2
        if module.data[at] != opcode or module.data[at + 1 + size] != _END:
            return False
    if module.start is None:
        return True
    types = [*module.imported, *module.functions]
    if module.start >= len(types) or types[module.start] >= len(module.types):
        return False
    return module.types[types[module.start]] == _START_TYPE


def _global(data: bytes, one: Global) -> bytes:
    """Return the entry of a global, with an integer type if it is a mutable float."""
    if not one.mutable or one.type not in _INTEGERS:
        return data[one.start : one.end]
    _, size, bits = _CONSTANTS[one.type]
    kind, constant, *_ = _INTEGERS[one.type]
    value = int.from_bytes(data[one.start + 3 : one.start + 3 + size], "little")
    return bytes((kind, 1)) + constant + signed(value - (value >> bits - 1 << bits)) + bytes((_END,))


def _body(data: bytes, start: int, code: int, end: int, floats: dict[int, int]) -> bytes:
    """Return a body in which each access to a float global converts its bits."""
    return _sized(data[start:code] + b"".join(_converted(data, code, end, floats)))


def _converted(data: bytes, code: int, end: int, floats: dict[int, int]) -> Iterator[bytes]:
    copied = code
    for at, opcode, immediate in read_expression(Reader(data, code, end)):
        if opcode not in (_GET, _SET) or immediate not in floats:
            continue
        assert isinstance(immediate, int)
        _, _, to_float, to_bits = _INTEGERS[floats[immediate]]
        reader = Reader(data, at + 1, end)
        reader.u32()
        yield data[copied:at]
        yield to_bits + data[at : reader.at] if opcode == _SET else data[at : reader.at] + to_float
        copied = reader.at
    yield data[copied:end]


def _unused(names: list[str]) -> str:
    """Return a name that no export has."""
    name = "start"
    while name in names:
        name += "'"
    return name


def _with_export(content: bytes, name: str, function: int) -> bytes:
    reader = Reader(content, 0, len(content))
    count = reader.u32()
    return unsigned(count + 1) + content[reader.at :] + _sized(name.encode()) + b"\0" + unsigned(function)


def _vector(items: list[bytes]) -> bytes:
    return unsigned(len(items)) + b"".join(items)


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content
