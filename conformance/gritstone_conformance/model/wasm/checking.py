"""Types of one body: every operand, label and index, dead code included, and how high the stack gets.

Spec: ``wasm/modules``, :ref:`wasm-stack`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.wasm.binary import FunctionType, Module
from gritstone_conformance.model.wasm.bodies import Body, Op
from gritstone_conformance.model.wasm.instructions import I32
from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES, PLAIN

__all__ = ["Invalid", "ModuleContext", "block_type", "check_body", "element"]

_ANY: Final = 0


class Invalid(Exception):  # noqa: N818 - the word of the spec
    """The module is well-formed and not valid."""


@dataclass(slots=True)
class _Frame:
    """A construct that is open: its opcode, its type, and the height of the stack below it."""

    code: int
    kind: FunctionType
    height: int
    unreachable: bool = False

    @property
    def label(self) -> bytes:
        """The types that a branch to it takes."""
        return self.kind[0] if self.code == 0x03 else self.kind[1]


def block_type(module: Module, spelled: int | None) -> FunctionType:
    """Return the type of a construct."""
    if spelled is None:
        return b"", b""
    if spelled < 0:
        return b"", bytes([-spelled])
    kind: FunctionType = element(module.types, spelled, "type")
    return kind


def element(items: Sequence[Any], index: int, what: str) -> Any:
    """Return an item, or find its index invalid."""
    if index >= len(items):
        raise Invalid(f"there is no {what} {index}")
    return items[index]


class ModuleContext:
    """What the bodies of a module refer to: the types of functions and globals, in the order of the indices."""

    __slots__ = ("functions", "globals", "memories", "module", "tables")

    def __init__(self, module: Module) -> None:
        self.module = module
        self.functions = [element(module.types, index, "type") for index in module.type_indices()]
        self.globals = [*module.imported(3), *((item.kind, item.mutable) for item in module.globals)]
        self.tables = module.all_tables()
        self.memories = module.all_memories()


class _Checker:
    """The stacks of operands and constructs while one body is checked."""

    __slots__ = ("frames", "locals", "module", "scope", "stack")

    def __init__(self, scope: ModuleContext, kind: FunctionType, body: Body) -> None:
        self.scope = scope
        self.module = scope.module
        self.locals = kind[0] + b"".join(bytes([one]) * count for count, one in body.groups)
        self.stack: list[int] = []
        self.frames = [_Frame(0x02, (b"", kind[1]), 0)]

    def pop(self, wanted: int = _ANY) -> int:
        frame = self.frames[-1]
        if len(self.stack) == frame.height:
            if not frame.unreachable:
                raise Invalid("the stack is empty")
            return _ANY
        found = self.stack.pop()
        if wanted not in (_ANY, found) and found != _ANY:
            raise Invalid("an operand has the wrong type")
        return found

    def pop_all(self, wanted: bytes) -> None:
        for kind in reversed(wanted):
            self.pop(kind)

    def kill(self) -> None:
        frame = self.frames[-1]
        del self.stack[frame.height :]
        frame.unreachable = True

    def label(self, depth: int) -> bytes:
        if depth >= len(self.frames):
            raise Invalid("there is no such label")
        return self.frames[-1 - depth].label

    def open(self, op: Op) -> None:
        if op.instruction.code == 0x04:
            self.pop(I32)
        kind = block_type(self.module, op.immediates[0])
        self.pop_all(kind[0])
        self.frames.append(_Frame(op.instruction.code, kind, len(self.stack)))
        self.stack.extend(kind[0])

    def close(self) -> _Frame:
        frame = self.frames[-1]
        self.pop_all(frame.kind[1])
        if len(self.stack) != frame.height:
            raise Invalid("operands are left over")
        return self.frames.pop()

    def otherwise(self, op: Op) -> None:
        frame = self.close()
        self.frames.append(_Frame(op.instruction.code, frame.kind, frame.height))
        self.stack.extend(frame.kind[0])

    def end(self, op: Op) -> None:
        del op
        frame = self.close()
        if frame.code == 0x04 and frame.kind[0] != frame.kind[1]:
            raise Invalid("an if without else changes types")
        self.stack.extend(frame.kind[1])

    def branch(self, op: Op) -> None:
        self.pop_all(self.label(op.immediates[0]))
        self.kill()

    def branch_if(self, op: Op) -> None:
        self.pop(I32)
        kinds = self.label(op.immediates[0])
        self.pop_all(kinds)
        self.stack.extend(kinds)

    def branch_table(self, op: Op) -> None:
        self.pop(I32)
        labels, default = op.immediates
        count = len(self.label(default))
        for depth in dict.fromkeys(labels):
            kinds = self.label(depth)
            if len(kinds) != count:
                raise Invalid("the labels have different numbers of operands")
            found = [self.pop(kind) for kind in reversed(kinds)]
            self.stack.extend(reversed(found))
        self.pop_all(self.label(default))
        self.kill()

    def give_back(self, op: Op) -> None:
        del op
        self.pop_all(self.frames[0].label)
        self.kill()

    def stop(self, op: Op) -> None:
        del op
        self.kill()

    def apply(self, kind: FunctionType) -> None:
        self.pop_all(kind[0])
        self.stack.extend(kind[1])

    def call(self, op: Op) -> None:
        self.apply(element(self.scope.functions, op.immediates[0], "function"))

    def call_indirect(self, op: Op) -> None:
        element(self.scope.tables, op.immediates[1], "table")
        kind = element(self.module.types, op.immediates[0], "type")
        self.pop(I32)
        self.apply(kind)

    def drop(self, op: Op) -> None:
        del op
        self.pop()

    def select(self, op: Op) -> None:
        self.pop(I32)
        if op.immediates:
            if len(op.immediates[0]) != 1:
                raise Invalid("select does not have exactly one type")
            wanted = op.immediates[0][0]
            self.apply((bytes([wanted] * 2), bytes([wanted])))
            return
        first = self.pop()
        self.stack.append(self.pop(first) or first)

    def local_get(self, op: Op) -> None:
        self.stack.append(element(self.locals, op.immediates[0], "local"))

    def local_set(self, op: Op) -> None:
        self.pop(element(self.locals, op.immediates[0], "local"))

    def local_tee(self, op: Op) -> None:
        self.local_set(op)
        self.local_get(op)

    def global_get(self, op: Op) -> None:
        self.stack.append(element(self.scope.globals, op.immediates[0], "global")[0])

    def global_set(self, op: Op) -> None:
        kind, mutable = element(self.scope.globals, op.immediates[0], "global")
        if not mutable:
            raise Invalid("the global is immutable")
        self.pop(kind)

    def plain(self, op: Op) -> None:
        row = op.instruction
        if row.code in ACCESS_BYTES and 1 << min(op.immediates[0], 32) > ACCESS_BYTES[row.code]:
            raise Invalid("the alignment exceeds the natural alignment")
        if row.code in ACCESS_BYTES or row.name.startswith("memory."):
            element(self.scope.memories, 0, "memory")
        if row.name == "memory.init":
            element(self.module.segments, op.immediates[0], "data segment")
        self.apply(PLAIN[row.code])


_ACTIONS: Final[dict[int, Callable[[_Checker, Op], None]]] = {
    **dict.fromkeys(PLAIN, _Checker.plain),
    0x00: _Checker.stop,
    0x02: _Checker.open,
    0x03: _Checker.open,
    0x04: _Checker.open,
    0x05: _Checker.otherwise,
    0x0B: _Checker.end,
    0x0C: _Checker.branch,
    0x0D: _Checker.branch_if,
    0x0E: _Checker.branch_table,
    0x0F: _Checker.give_back,
    0x10: _Checker.call,
    0x11: _Checker.call_indirect,
    0x1A: _Checker.drop,
    0x1B: _Checker.select,
    0x1C: _Checker.select,
    0x20: _Checker.local_get,
    0x21: _Checker.local_set,
    0x22: _Checker.local_tee,
    0x23: _Checker.global_get,
    0x24: _Checker.global_set,
}


def check_body(scope: ModuleContext, kind: FunctionType, body: Body, live: tuple[bool, ...]) -> int:
    """Check a body and return the most operands on the stack after a live instruction.

    Raises:
        Invalid: it does not have the type.
    """
    checker = _Checker(scope, kind, body)
    highest = 0
    for op, counts in zip(body.code, live, strict=True):
        _ACTIONS[op.instruction.code](checker, op)
        if counts and not op.instruction.kills:
            highest = max(highest, len(checker.stack))
    return highest
