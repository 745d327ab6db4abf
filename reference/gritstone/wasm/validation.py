"""Validation of bodies: the types of all operands, and the data that admission and metering need.

This is the algorithm of the WebAssembly core specification: one pass, a stack of types and a stack of open blocks.
After an unconditional branch the operands are unknown until the block's ``else`` or ``end``; code there is *dead*, but
it is validated as well.

Spec: :rule:`wasm.module.language`, :rule:`wasm.stack.depth`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NoReturn

from gritstone.errors import Invalid
from gritstone.wasm.binary import Body, FunctionType, Module
from gritstone.wasm.instructions import (
    BLOCK,
    BR,
    BR_IF,
    BR_TABLE,
    CALL,
    CALL_INDIRECT,
    ELSE,
    END,
    IF,
    LOOP,
    MEMORY_INIT,
    RETURN,
    SHAPES,
    UNREACHABLE,
    Immediate,
    read_expression,
)
from gritstone.wasm.reader import I32, Reader

__all__ = ["validate_body"]

_UNKNOWN = 0


class _Block:
    """An open block.

    Attributes:
        opcode: the opcode that opened it; ``CALL`` for the body itself.
        takes: the types of its parameters.
        gives: the types of its results.
        height: the number of operands below it.
        dead: whether the code is after an unconditional branch.
        dead_outside: whether the block itself is in dead code.
    """

    __slots__ = ("dead", "dead_outside", "gives", "height", "opcode", "takes")

    def __init__(
        self, opcode: int, takes: tuple[int, ...], gives: tuple[int, ...], height: int, *, dead_outside: bool
    ) -> None:
        self.opcode = opcode
        self.takes = takes
        self.gives = gives
        self.height = height
        self.dead = False
        self.dead_outside = dead_outside

    @property
    def label(self) -> tuple[int, ...]:
        """Return the operand types of a branch to it."""
        return self.takes if self.opcode == LOOP else self.gives


class _Runs(Sequence[int]):
    """The types of many locals, stored as runs."""

    def __init__(self, parameters: tuple[int, ...], runs: tuple[tuple[int, int], ...]) -> None:
        pairs = [(1, kind) for kind in parameters] + [run for run in runs if run[0]]
        self._types = [kind for _, kind in pairs]
        self._ends = list(accumulate(count for count, _ in pairs))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: Any) -> Any:
        """Return the type of one local; slices are not supported."""
        return self._types[bisect_right(self._ends, index)]


class _Checker:
    """A validator of one body."""

    def __init__(self, module: Module, functions: Sequence[FunctionType], type_: FunctionType, body: Body) -> None:
        self.module = module
        self.functions = functions
        self.locals = _Runs(type_.parameters, body.locals)
        self.stack: list[int] = []
        self.blocks = [_Block(CALL, (), type_.results, 0, dead_outside=False)]
        self.top = self.blocks[0]
        self.at = body.code
        self.highest = 0

    def run(self, body: Body) -> int:
        """Check all instructions of the body in order."""
        stack = self.stack
        for at, opcode, immediate in read_expression(Reader(self.module.data, body.code, body.end)):
            self.at = at
            shape = SHAPES[opcode]
            if shape.memory and not self.module.memories:
                self.refuse("there is no memory")
            if shape.takes is None:
                _SPECIAL[opcode](self, opcode, immediate)
            else:
                if shape.immediate is Immediate.ACCESS and immediate > shape.align:  # type: ignore[operator]
                    self.refuse("an alignment above the natural one")
                self.pop(shape.takes)
                stack += shape.gives
                if opcode == MEMORY_INIT:
                    self.check_data(immediate)
            if len(stack) > self.highest and not (self.top.dead or self.top.dead_outside):
                self.highest = len(stack)
        return self.highest

    def refuse(self, what: str) -> NoReturn:
        raise Invalid(what, rule="wasm.module.language", offset=self.at)

    # --- operands --------------------------------------------------------------------------------------

    def pop_one(self) -> int:
        """Pop any operand."""
        stack = self.stack
        if len(stack) > self.top.height:
            return stack.pop()
        if self.top.dead:
            return _UNKNOWN
        return self.refuse("an operand is missing")

    def pop(self, types: tuple[int, ...]) -> None:
        """Pop operands of these types, all at once: a call may have many, and dead code may repeat it."""
        stack, top = self.stack, self.top
        at = len(stack) - len(types)
        if at < top.height:
            if not top.dead:
                self.refuse("an operand is missing")
            types = types[top.height - at :]  # the others are unknown
            at = top.height
        found = tuple(stack[at:])
        if found != types and any(one not in (kind, _UNKNOWN) for one, kind in zip(found, types, strict=True)):
            self.refuse("an operand of another type")
        del stack[at:]

    def open(self, opcode: int, takes: tuple[int, ...], gives: tuple[int, ...]) -> None:
        outside = self.top.dead or self.top.dead_outside
        self.top = _Block(opcode, takes, gives, len(self.stack), dead_outside=outside)
        self.blocks.append(self.top)
        self.stack += takes

    def close(self) -> _Block:
        """Close the innermost block."""
        block = self.top
        self.pop(block.gives)
        if len(self.stack) != block.height:
            self.refuse("operands are left at the end of a block")
        self.blocks.pop()
        if self.blocks:
            self.top = self.blocks[-1]
        else:
            block.dead = False  # the caller handles the end of the body
        return block

    def die(self) -> None:
        """Mark the code after an unconditional branch as dead."""
        del self.stack[self.top.height :]
        self.top.dead = True

    def label(self, depth: object) -> tuple[int, ...]:
        assert isinstance(depth, int)
        if depth >= len(self.blocks):
            self.refuse("no such label")
        return self.blocks[-1 - depth].label

    def check_data(self, index: object) -> None:
        assert isinstance(index, int)
        if index >= len(self.module.segments):
            self.refuse("no such data segment")

    # --- instructions that need a closer look ----------------------------------------------------------

    def enter(self, opcode: int, kind: object) -> None:
        if isinstance(kind, int):
            if kind >= len(self.module.types):
                self.refuse("no such type")
            type_ = self.module.types[kind]
            takes, gives = type_.parameters, type_.results
        else:
            assert isinstance(kind, tuple)
            takes, gives = (), kind
        if opcode == IF:
            self.pop((I32,))
        self.pop(takes)
        self.open(opcode, takes, gives)

    def otherwise(self, opcode: int, immediate: object) -> None:
        block = self.close()
        self.open(ELSE, block.takes, block.gives)

    def end(self, opcode: int, immediate: object) -> None:
        block = self.close()
        if block.opcode == IF and block.takes != block.gives:
            self.refuse("an if without else that gives other types than it takes")
        self.stack += block.gives

    def branch(self, opcode: int, depth: object) -> None:
        self.pop(self.label(depth))
        self.die()

    def branch_if(self, opcode: int, depth: object) -> None:
        self.pop((I32,))
        label = self.label(depth)
        self.pop(label)
        self.stack += label

    def branch_table(self, opcode: int, depths: object) -> None:
        assert isinstance(depths, tuple)
        self.pop((I32,))
        arity = len(self.label(depths[-1]))
        for label in {self.label(depth) for depth in depths[:-1]}:
            if len(label) != arity:
                self.refuse("labels of another number of types")
            kept = [self.pop_one() for _ in label][::-1]
            if any(found not in (kind, _UNKNOWN) for found, kind in zip(kept, label, strict=True)):
                self.refuse("an operand of another type")
            self.stack += kept
        self.pop(self.label(depths[-1]))
        self.die()

    def leave(self, opcode: int, immediate: object) -> None:
        self.pop(self.blocks[0].gives)
        self.die()

    def unreachable(self, opcode: int, immediate: object) -> None:
        self.die()

    def nop(self, opcode: int, immediate: object) -> None:
        pass

    def call(self, opcode: int, index: object) -> None:
        assert isinstance(index, int)
        if index >= len(self.functions):
            self.refuse("no such function")
        self.pop(self.functions[index].parameters)
        self.stack += self.functions[index].results

    def call_indirect(self, opcode: int, immediate: object) -> None:
        assert isinstance(immediate, tuple)
        index, table = immediate
        if table >= len(self.module.tables):
            self.refuse("there is no such table")
        if index >= len(self.module.types):
            self.refuse("there is no such type")
        self.pop((I32,))
        self.pop(self.module.types[index].parameters)
        self.stack += self.module.types[index].results

    def drop(self, opcode: int, immediate: object) -> None:
        self.pop_one()

    def select(self, opcode: int, immediate: object) -> None:
        self.pop((I32,))
        first, second = self.pop_one(), self.pop_one()
        if first != second and _UNKNOWN not in (first, second):
            self.refuse("a select between two types")
        self.stack.append(first or second)

    def select_typed(self, opcode: int, types: object) -> None:
        assert isinstance(types, tuple)
        if len(types) != 1:
            self.refuse("a select of another number of types than one")
        self.pop((*types, *types, I32))
        self.stack += types

    def local_get(self, opcode: int, index: object) -> None:
        self.stack.append(self.local(index))

    def local_set(self, opcode: int, index: object) -> None:
        self.pop((self.local(index),))

    def local_tee(self, opcode: int, index: object) -> None:
        kind = self.local(index)
        self.pop((kind,))
        self.stack.append(kind)

    def local(self, index: object) -> int:
        assert isinstance(index, int)
        if index >= len(self.locals):
            self.refuse("no such local")
        kind: int = self.locals[index]
        return kind

    def global_get(self, opcode: int, index: object) -> None:
        self.stack.append(self.global_type(index, mutable=False))

    def global_set(self, opcode: int, index: object) -> None:
        self.pop((self.global_type(index, mutable=True),))

    def global_type(self, index: object, *, mutable: bool) -> int:
        assert isinstance(index, int)
        if index >= len(self.module.globals):
            self.refuse("no such global")
        found = self.module.globals[index]
        if mutable and not found.mutable:
            self.refuse("a global that is constant")
        return found.type


_SPECIAL: dict[int, Callable[[_Checker, int, object], None]] = {
    UNREACHABLE: _Checker.unreachable,
    0x01: _Checker.nop,
    BLOCK: _Checker.enter,
    LOOP: _Checker.enter,
    IF: _Checker.enter,
    ELSE: _Checker.otherwise,
    END: _Checker.end,
    BR: _Checker.branch,
    BR_IF: _Checker.branch_if,
    BR_TABLE: _Checker.branch_table,
    RETURN: _Checker.leave,
    CALL: _Checker.call,
    CALL_INDIRECT: _Checker.call_indirect,
    0x1A: _Checker.drop,
    0x1B: _Checker.select,
    0x1C: _Checker.select_typed,
    0x20: _Checker.local_get,
    0x21: _Checker.local_set,
    0x22: _Checker.local_tee,
    0x23: _Checker.global_get,
    0x24: _Checker.global_set,
}


def validate_body(module: Module, functions: Sequence[FunctionType], type_: FunctionType, body: Body) -> int:
    """Check one body that is well-formed.

    Args:
        module: the module of the body.
        functions: the types of all functions.
        type_: the type of the body.
        body: the location of the body.

    Returns:
        The maximum number of operands after any live instruction.

    Raises:
        Invalid: the body is not valid.

    Spec: :rule:`wasm.module.language`.
    """
    return _Checker(module, functions, type_, body).run(body)
