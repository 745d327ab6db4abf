"""The metered form, byte for byte.

Spec: ``wasm/metering``; :rule:`wasm.meter.exact`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.wasm.admission import AdmittedModule, Function
from gritstone_conformance.model.wasm.binary import Section
from gritstone_conformance.model.wasm.bodies import Op
from gritstone_conformance.model.wasm.instructions import BY_NAME, COSTS, TYPES

__all__ = ["meter"]

_ORDER: Final = (1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11)
_OPENING: Final = (0x02, 0x03, 0x04)
_LIMIT: Final[int] = COSTS["frame"]["limit"]
_QUIET: Final = {"f32": bytes.fromhex("430000c07f"), "f64": bytes.fromhex("44000000000000f87f")}
_RETURN: Final = 0x0F


def _uleb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _sleb(value: int) -> bytes:
    out = b""
    while not -0x40 <= value < 0x40:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value & 0x7F])


def _code(*items: str | int | bytes) -> bytes:
    """Spell instructions: names as opcodes, unsigned immediates as numbers, all else as bytes."""
    out = b""
    for item in items:
        out += BY_NAME[item].opcode if isinstance(item, str) else _uleb(item) if isinstance(item, int) else item
    return out


_STOP: Final = _code("if", b"\x40", "unreachable", "end")


class _Rewriter:
    """Makes the metered form of one module."""

    def __init__(self, admitted: AdmittedModule, pages: int) -> None:
        self.admitted = admitted
        self.module = admitted.module
        self.pages = pages
        self.fuel = len(self.module.globals)
        self.lists: list[bytes] = []
        """Each list of two or more results of a defined function, in the order of their first."""
        for function in admitted.defined:
            if len(function.kind[1]) > 1 and function.kind[1] not in self.lists:
                self.lists.append(function.kind[1])

    def sections(self) -> bytes:
        found = {section.number: section for section in self.module.sections if section.number}
        contents = {number: self.module.data[section.start : section.end] for number, section in found.items()}
        makers: dict[int, Callable[[Section | None], bytes | None]] = {
            1: self.types,
            5: self.memory,
            6: self.globals,
            7: self.exports,
            10: self.code,
        }
        for number, make in makers.items():
            content = make(found.get(number))
            if content is not None:
                contents[number] = content
        ordered = [(number, contents[number]) for number in _ORDER if number in contents]
        return b"".join(bytes([number]) + _uleb(len(content)) + content for number, content in ordered)

    def longer(self, section: Section | None, count: int, items: list[bytes]) -> bytes:
        """Return a vector with more elements."""
        copied = b"" if section is None else self.module.data[section.items : section.end]
        return _uleb(count + len(items)) + copied + b"".join(items)

    def types(self, section: Section | None) -> bytes | None:
        if not self.lists:
            return None
        items = [b"\x60\0" + _uleb(len(results)) + results for results in self.lists]
        return self.longer(section, len(self.module.types), items)

    def memory(self, section: Section | None) -> bytes | None:
        del section
        limits = self.admitted.memory_limits(self.pages)
        return None if limits is None else b"\1\1" + _uleb(limits[0]) + _uleb(limits[1] or 0)

    def globals(self, section: Section | None) -> bytes:
        items = [bytes.fromhex("7e0142000b"), bytes.fromhex("7f0141000b")]
        return self.longer(section, self.fuel, items)

    def exports(self, section: Section | None) -> bytes:
        named = [("grit:fuel", 3, self.fuel), ("grit:depth", 3, self.fuel + 1)]
        named += [("grit:memory", 2, 0)] if self.module.memories else []
        named += [(f"grit:g{index}", 3, index) for index, item in enumerate(self.module.globals) if item.mutable]
        items = [_uleb(len(name)) + name.encode() + bytes([kind]) + _uleb(index) for name, kind, index in named]
        return self.longer(section, len(self.module.exports), items)

    def code(self, section: Section | None) -> bytes | None:
        if section is None:
            return None
        bodies = [self.body(function) for function in self.admitted.defined]
        return _uleb(len(bodies)) + b"".join(_uleb(len(body)) + body for body in bodies)

    def wrap_type(self, results: bytes) -> bytes:
        if len(results) < 2:
            return results or b"\x40"
        return _sleb(len(self.module.types) + self.lists.index(results))

    def body(self, function: Function) -> bytes:
        depth = self.fuel + 1
        first, behind = function.body.locals_at
        scratch = self.scratch(function)
        groups = b"".join(b"\1" + bytes([TYPES[kind]]) for kind in scratch)
        frame = _sleb(function.frame)
        enter = _code("global.get", depth, "i32.const", frame, "i32.add", "global.set", depth)
        enter += _code("global.get", depth, "i32.const", _sleb(_LIMIT), "i32.gt_u", _STOP)
        leave = _code("global.get", depth, "i32.const", frame, "i32.sub", "global.set", depth, "end")
        return (
            _uleb(len(function.body.groups) + len(scratch))
            + self.module.data[first:behind]
            + groups
            + enter
            + _code("block", self.wrap_type(function.kind[1]))
            + self.instructions(function, scratch)
            + leave
        )

    def scratch(self, function: Function) -> dict[str, int]:
        """Return the inserted locals that are used, by type, with their indices."""
        used = set()
        for op, live in zip(function.body.code, function.parts.live, strict=True):
            if live and op.instruction.shift is not None:
                used.add("i32")
            if live and op.instruction.nan:
                used.add(op.instruction.nan)
        first = len(function.kind[0]) + function.body.declared
        return {kind: first + at for at, kind in enumerate(kind for kind in ("i32", "f32", "f64") if kind in used)}

    def check(self) -> bytes:
        return _code("global.get", self.fuel, "i64.const", b"\0", "i64.lt_s", _STOP)

    def charge(self, units: int) -> bytes:
        if not units:
            return b""
        paid = _code("global.get", self.fuel, "i64.const", _sleb(units), "i64.sub", "global.set", self.fuel)
        return paid + self.check()

    def charge_size(self, shift: int, local: int) -> bytes:
        size = _code("i64.const", _sleb(abs(shift)), "i64.shl" if shift > 0 else "i64.shr_u")
        operand = _code("local.tee", local, "global.get", self.fuel, "local.get", local, "i64.extend_i32_u")
        return operand + size + _code("i64.sub", "global.set", self.fuel) + self.check()

    def instructions(self, function: Function, scratch: dict[str, int]) -> bytes:
        out = bytearray()
        depth = 0
        for index, op in enumerate(function.body.code):
            if not function.parts.live[index]:
                continue
            out += self.charge(function.parts.charges.get(index, 0))
            depth -= op.instruction.code == 0x0B
            out += self.instruction(op, depth, scratch)
            depth += op.instruction.code in _OPENING
        return bytes(out)

    def instruction(self, op: Op, depth: int, scratch: dict[str, int]) -> bytes:
        row = op.instruction
        if row.code == _RETURN:
            return _code("br", depth)
        out = b"" if row.shift is None else self.charge_size(row.shift, scratch["i32"])
        out += self.module.data[op.start : op.end]
        if row.nan:
            local = scratch[row.nan]
            out += _code("local.tee", local, _QUIET[row.nan], "local.get", local, "local.get", local)
            out += _code(f"{row.nan}.eq", "select")
        return out


def meter(admitted: AdmittedModule, pages: int) -> bytes:
    """Return the metered form of an admitted module for a number of pages."""
    return admitted.module.data[:8] + _Rewriter(admitted, pages).sections()
