"""Metering: rewriting an admitted module so that it counts its own fuel and stack, and makes NaN canonical.

The module gets two additional globals: F, the remaining units of fuel, and D, the used units of stack. They follow all
others, so no index changes. The module traps if F falls below 0 or D exceeds its limit; the values of F and D then show
the cause. Memory and mutable globals are exported, so that the host can read them.

::

    module       unchanged, except: maximum memory, globals + F D, exports + grit:*, bodies; no custom section
    body         locals + the scratch locals it needs; D check; block; metered code; end; D restored
    segment      F check at its start
    size         the scaled top operand; F check; before grow, fill, copy, init
    NaN          x == x ? x : canonical; after each instruction that may produce one
    return       a branch to the block around the body
    dead code    removed

Spec: :rule:`wasm.meter.exact`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import MAGIC, Body, FunctionType, Module
from gritstone.wasm.instructions import (
    BLOCK,
    BR,
    BR_TABLE,
    COSTS,
    ELSE,
    END,
    IF,
    LOOP,
    MEMORY_GROW,
    NAN_RESULTS,
    RETURN,
    SEGMENT_ENDS,
    SIZED,
    UNREACHABLE,
    read_expression,
)
from gritstone.wasm.reader import F32, F64, I32, Reader, signed, unsigned

__all__ = ["DEPTH", "FUEL", "GLOBAL", "MEMORY", "STACK_UNITS", "meter_module"]

FUEL, DEPTH, MEMORY, GLOBAL = "grit:fuel", "grit:depth", "grit:memory", "grit:g"
"""The names of the additional exports of a metered module; a mutable global is ``grit:g`` and its index."""

STACK_UNITS = 65_536
_FRAME = 8  # units of stack of any frame
_ENTRY = 2  # units of fuel of any first segment
_LOCALS_A_UNIT = 8

_SECTIONS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11)
_TYPES, _MEMORIES, _GLOBALS, _EXPORTS, _CODE = 1, 5, 6, 7, 10
_MEMORY_KIND, _GLOBAL_KIND = 2, 3

_STEPS = {BLOCK: 1, LOOP: 1, IF: 1, END: -1}
_JUMPS = frozenset((BR, BR_TABLE, RETURN, UNREACHABLE))
_SCRATCH = dict(NAN_RESULTS) | dict.fromkeys(SIZED, I32)
_CHANGED = SEGMENT_ENDS | _SCRATCH.keys()
_TRAP = b"\x04\x40\0\x0b"  # if, unreachable, end
_SCALE_PAGES, _SCALE_BYTES = b"\x42\x0d\x86", b"\x42\x03\x88"  # shifted by 13 to the left, by 3 to the right
_NAN = {F32: b"\x43\0\0\xc0\x7f", F64: b"\x44\0\0\0\0\0\0\xf8\x7f"}
_EQUAL = {F32: b"\x5b", F64: b"\x61"}


@dataclass(frozen=True, slots=True)
class _Counters:
    """The encoded indices of F and D.

    Attributes:
        fuel: the index of F.
        depth: the index of D.
    """

    fuel: bytes
    depth: bytes

    def charge(self, amount: bytes) -> bytes:
        """Return code that subtracts from F the i64 that other code computes."""
        return b"".join(
            (b"\x23", self.fuel, amount, b"\x7d\x24", self.fuel, b"\x23", self.fuel, b"\x42\0\x53", _TRAP),
        )

    def enter(self, frame: int) -> bytes:
        """Return code that adds a frame to D."""
        most = b"\x41" + signed(STACK_UNITS) + b"\x4b"
        return b"".join((self._move(frame, b"\x6a"), b"\x23", self.depth, most, _TRAP))

    def leave(self, frame: int) -> bytes:
        """Return code that subtracts a frame from D."""
        return self._move(frame, b"\x6b")

    def _move(self, frame: int, operator: bytes) -> bytes:
        return b"".join((b"\x23", self.depth, b"\x41", signed(frame), operator, b"\x24", self.depth))


def meter_module(admitted: AdmittedModule) -> bytes:
    """Return the metered form of a module.

    Args:
        admitted: the module; its maximum memory is written into the metered form.

    Returns:
        The bytes of the metered form.

    Spec: :rule:`wasm.meter.exact`.
    """
    module = admitted.module
    counters = _Counters(unsigned(len(module.globals)), unsigned(len(module.globals) + 1))
    own = module.function_types()[len(module.imported) :]
    results = list(dict.fromkeys(type_.results for type_ in own if len(type_.results) > 1))
    contents = {number: module.data[start:end] for number, (start, end) in module.sections.items()}
    if results:
        contents[_TYPES] = _longer(module, _TYPES, [_result_type(one) for one in results])
    if module.memories:
        contents[_MEMORIES] = _memory(admitted)
    contents[_GLOBALS] = _longer(module, _GLOBALS, [b"\x7e\1\x42\0\x0b", b"\x7f\1\x41\0\x0b"])
    contents[_EXPORTS] = _longer(module, _EXPORTS, list(_exports(module, counters)))
    if _CODE in contents:
        blocks = {one: signed(index) for index, one in enumerate(results, len(module.types))}
        blocks |= {type_.results: bytes(type_.results) or b"\x40" for type_ in own if len(type_.results) <= 1}
        triples = zip(own, module.bodies, admitted.heights, strict=True)
        bodies = [
            _sized(_meter_body(module.data, counters, type_, blocks[type_.results], body, height))
            for type_, body, height in triples
        ]
        contents[_CODE] = unsigned(len(bodies)) + b"".join(bodies)
    return MAGIC + b"".join(bytes((one,)) + _sized(contents[one]) for one in _SECTIONS if one in contents)


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content


def _longer(module: Module, number: int, more: Sequence[bytes]) -> bytes:
    """Return a vector with additional elements; the existing ones are copied."""
    start, end = module.sections.get(number, (0, 0))
    if start == end:
        return unsigned(len(more)) + b"".join(more)
    reader = Reader(module.data, start, end)
    count = reader.u32()
    return b"".join((unsigned(count + len(more)), module.data[reader.at : end], *more))


def _result_type(results: tuple[int, ...]) -> bytes:
    return b"\x60\0" + _sized(bytes(results))


def _memory(admitted: AdmittedModule) -> bytes:
    """Return the one memory with its maximum size."""
    limits = admitted.module.memories[0]
    most = admitted.pages if limits.most is None else min(limits.most, admitted.pages)
    return b"\1\1" + unsigned(limits.least) + unsigned(most)


def _exports(module: Module, counters: _Counters) -> Iterator[bytes]:
    """Yield the additional exports."""

    def export(name: str, kind: int, index: bytes) -> bytes:
        return _sized(name.encode()) + bytes((kind,)) + index

    yield export(FUEL, _GLOBAL_KIND, counters.fuel)
    yield export(DEPTH, _GLOBAL_KIND, counters.depth)
    if module.memories:
        yield export(MEMORY, _MEMORY_KIND, b"\0")
    for index, one in enumerate(module.globals):
        if one.mutable:
            yield export(f"{GLOBAL}{index}", _GLOBAL_KIND, unsigned(index))


# --- bodies ----------------------------------------------------------------------------------------------


_NOWHERE = -1
_Live = tuple[int, int, int, int]
"""A live instruction: its opcode, its start and end, and the number of enclosing constructs."""


def _meter_body(
    data: bytes, counters: _Counters, type_: FunctionType, block_type: bytes, body: Body, height: int
) -> bytes:
    """Return the metered form of a body."""
    places = len(type_.parameters) + body.declared
    frame = _FRAME + places + height
    live = _live(data, body)
    used = {_SCRATCH[one[0]] for one in live if one[0] in _SCRATCH}
    scratch = [kind for kind in (I32, F32, F64) if kind in used]
    indices = {kind: unsigned(index) for index, kind in enumerate(scratch, places)}
    reader = Reader(data, body.start, body.code)
    groups = unsigned(reader.u32() + len(scratch)) + data[reader.at : body.code]
    groups += b"".join(b"\1" + bytes((kind,)) for kind in scratch)
    code = _meter_code(data, live, counters, indices, _ENTRY + body.declared // _LOCALS_A_UNIT)
    # The last end of the code closes the block.
    return b"".join((groups, counters.enter(frame), b"\x02", block_type, code, counters.leave(frame), b"\x0b"))


def _live(data: bytes, body: Body) -> list[_Live]:
    """Return the live instructions of a body.

    Spec: :rule:`wasm.fuel.segment`.
    """
    code = read_expression(Reader(data, body.code, body.end))
    live: list[_Live] = []
    depth = 0  # the number of open constructs
    dead = 0  # the number of constructs opened since code became dead, plus one; 0 in live code
    for index, (start, opcode, _) in enumerate(code, 1):
        step = _STEPS.get(opcode, 0)
        depth += step
        if dead:
            dead += step
            if dead > 1 or (dead == 1 and opcode != ELSE):
                continue
            dead = 0
        live.append((opcode, start, code[index][0] if index < len(code) else body.end, depth))
        if opcode in _JUMPS:
            dead = 1
    return live


def _meter_code(data: bytes, live: list[_Live], counters: _Counters, scratch: dict[int, bytes], first: int) -> bytes:
    """Return the metered form of the live code of a body.

    The cost of a segment is written before it, so a placeholder is kept for it. Runs of unchanged instructions are
    copied at once.
    """
    parts = [b""]
    place, cost = 0, first
    copied = _NOWHERE  # start of the run that is not copied yet; after a jump, the next instruction starts it
    costs, changed = COSTS, _CHANGED
    for opcode, start, end, depth in live:
        copied = start if copied == _NOWHERE else copied
        cost += costs[opcode]
        if opcode not in changed:
            continue
        parts.append(data[copied:start])
        parts += _meter_instruction(data[start:end], opcode, depth, counters, scratch)
        copied = _NOWHERE if opcode in _JUMPS else end
        if opcode in SEGMENT_ENDS:
            if cost:
                parts[place] = counters.charge(b"\x42" + signed(cost))
            place, cost = len(parts), 0
            parts.append(b"")
    return b"".join(parts)


def _meter_instruction(
    raw: bytes, opcode: int, depth: int, counters: _Counters, scratch: dict[int, bytes]
) -> tuple[bytes, ...]:
    """Write the metered form of one instruction."""
    if opcode == RETURN:
        return b"\x0c", unsigned(depth)
    if opcode in SIZED:
        local = scratch[I32]
        scale = _SCALE_PAGES if opcode == MEMORY_GROW else _SCALE_BYTES
        return b"\x22", local, counters.charge(b"\x20" + local + b"\xad" + scale), raw
    if opcode in NAN_RESULTS:
        kind = NAN_RESULTS[opcode]
        local = scratch[kind]
        get = b"\x20" + local
        return raw, b"\x22", local, _NAN[kind], get, get, _EQUAL[kind], b"\x1b"
    return (raw,)
