"""Modules in the text format of WebAssembly.

A text has one instruction a line and numbers instead of names, so that it assembles to the same module.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from gritstone_conformance.model.wasm.binary import Import, Limits, Module, decode
from gritstone_conformance.model.wasm.bodies import Body, Op
from gritstone_conformance.model.wasm.instructions import TYPE_NAMES

__all__ = ["module_text"]

_KINDS: Final = ("func", "table", "memory", "global")
_OPENING: Final = ("block", "loop", "if")
_PLAIN_ASCII: Final = range(0x20, 0x7F)
_SMALL: Final = 1 << 16
_FLOATS: Final = {"f32.const": ("<f", 4, 23, 8), "f64.const": ("<d", 8, 52, 11)}


def module_text(data: bytes, comment: Sequence[str] = ()) -> str:
    """Return the text of a module. Element segments of expressions have a comment instead of their items.

    Args:
        data: the module; it decodes, but need not be valid.
        comment: lines that stand before it.

    Raises:
        Malformed: it does not decode.
    """
    module = decode(data)
    lines = [*(f";; {line}" for line in comment), "(module", *(f"  {line}" for line in _fields(module))]
    lines += [f"  (@custom {_string(name)} {_string(content)})" for name, content in _customs(module)]
    return "\n".join(lines) + ")\n"


def _fields(module: Module) -> Iterator[str]:
    """Yield the lines of all fields but custom sections."""
    for number, (parameters, results) in enumerate(module.types):
        yield f"(type (;{number};) (func{_types('param', parameters)}{_types('result', results)}))"
    counts = [0, 0, 0, 0]
    for item in module.imports:
        label = f"{_KINDS[item.kind]} (;{counts[item.kind]};)"
        counts[item.kind] += 1
        yield f"(import {_string(item.module)} {_string(item.name)} ({label} {_imported(item)}))"
    yield from _functions(module)
    yield from (f"(table (;{number};) {_limits(limits)} funcref)" for number, limits in enumerate(module.tables))
    yield from (f"(memory (;{number};) {_limits(limits)})" for number, limits in enumerate(module.memories))
    for number, one in enumerate(module.globals):
        yield f"(global (;{number};) {_global(one.kind, one.mutable)} {_expression(one.value)})"
    for export in module.exports:
        yield f"(export {_string(export.name)} ({_KINDS[export.kind]} {export.index}))"
    yield from () if module.start is None else (f"(start {module.start})",)
    yield from _segments(module)


def _imported(item: Import) -> str:
    """Return the type of an import."""
    match item.kind:
        case 0:
            return f"(type {item.what})"
        case 3:
            return _global(*item.what)
    return _limits(item.what) + (" funcref" if item.kind == 1 else "")


def _global(kind: int, mutable: bool) -> str:
    return f"(mut {TYPE_NAMES[kind]})" if mutable else TYPE_NAMES[kind]


def _functions(module: Module) -> Iterator[str]:
    pairs = zip(module.functions, module.bodies, strict=True)
    for number, (kind, body) in enumerate(pairs, len(module.imported(0))):
        yield f"(func (;{number};) (type {kind}){_locals(body)}"
        yield from (f"  {line}" for line in _code(body.code))
        yield ")"


def _segments(module: Module) -> Iterator[str]:
    for segment in module.elements:
        items = "(;expressions;)" if segment.functions is None else " ".join(map(str, segment.functions))
        yield f"(elem {_expression(segment.offset)} func {items})"
    for number, data in enumerate(module.segments):
        memory = f"(memory {data.memory}) " if data.flag == 2 else ""
        offset = f"(offset {_expression(data.offset)}) " if data.flag != 1 else ""
        yield f"(data (;{number};) {memory}{offset}{_string(data.content)})"


def _customs(module: Module) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each custom section."""
    for section in module.sections:
        if section.number == 0:
            size, at = 0, section.start
            for shift in range(0, 35, 7):
                size |= (module.data[at] & 0x7F) << shift
                at += 1
                if module.data[at - 1] < 0x80:
                    break
            yield module.data[at : at + size], module.data[at + size : section.end]


def _types(word: str, kinds: bytes) -> str:
    return f" ({word} {' '.join(TYPE_NAMES[kind] for kind in kinds)})" if kinds else ""


def _locals(body: Body) -> str:
    kinds = [TYPE_NAMES[kind] for count, kind in body.groups for _ in range(count)]
    return f" (local {' '.join(kinds)})" if kinds else ""


def _limits(limits: Limits) -> str:
    least, most = limits
    return str(least) if most is None else f"{least} {most}"


def _expression(code: Sequence[Op]) -> str:
    return " ".join(f"({_instruction(op)})" for op in code[:-1])


def _code(code: Sequence[Op]) -> Iterator[str]:
    """Yield the instructions of a body, indented by the constructs that are open, without the last ``end``."""
    depth = 0
    for op in code[:-1]:
        name = op.instruction.name
        depth -= name in ("end", "else")
        yield "  " * depth + _instruction(op)
        depth += name in (*_OPENING, "else")


def _instruction(op: Op) -> str:
    words = [op.instruction.name]
    given = dict(zip(op.instruction.immediates, op.immediates, strict=True))
    if "offset" in given:
        align = given["align"]
        words += [f"offset={given['offset']}"] if given["offset"] else []
        words += [] if 1 << align == _natural(op.instruction.name) else [f"align={1 << align}"]
        return " ".join(words)
    return " ".join([*words, *(_immediate(op.instruction.name, *item) for item in given.items())]).rstrip()


def _immediate(name: str, kind: str, value: Any) -> str:
    match kind:
        case "blocktype":
            return "" if value is None else _block_type(value)
        case "zero" | "table":
            return ""
        case "type":
            return f"(type {value})"
        case "types":
            return _types("result", bytes(value)).strip()
        case "labels":
            return " ".join(map(str, value))
        case "f32" | "f64":
            return _float(name, value)
    return str(value) if value < _SMALL else f"{value:#x}"


def _block_type(value: int) -> str:
    return f"(result {TYPE_NAMES[-value]})" if value < 0 else f"(type {value})"


def _natural(name: str) -> int:
    kind, action = name.split(".")
    digits = action.removeprefix("load").removeprefix("store").partition("_")[0]
    return int(digits or kind[1:]) // 8


def _float(name: str, bits: int) -> str:
    form, size, fraction, exponent = _FLOATS[name]
    value: Any = struct.unpack(form, bits.to_bytes(size, "little"))[0]
    if not math.isnan(value):
        return float(value).hex()
    sign = "-" if bits >> fraction + exponent else ""
    return f"{sign}nan:{bits & (1 << fraction) - 1:#x}"


def _string(data: bytes) -> str:
    plain = (chr(one) if one in _PLAIN_ASCII and one not in b'"\\' else f"\\{one:02x}" for one in data)
    return f'"{"".join(plain)}"'
