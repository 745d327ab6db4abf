"""Drawing code of guests: typed by construction, with control flow, calls, memory, floats, traps and dead code.

What is drawn first is simplest, so that an exhausted tape ends every construct with a constant. Loops count a local of
their own up to a small number; about one in thirty never ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES
from gritstone_conformance.strategies.assembler import sleb, uleb
from gritstone_conformance.strategies.guest_numbers import KINDS, draw_constant
from gritstone_conformance.strategies.guest_scope import LOADS, SAFE, STORES, UNSAFE, CodeScope
from gritstone_conformance.strategies.tape import Tape

__all__ = ["Coder"]

_Code: TypeAlias = list[Any]
_SHOWING: Final = ("reinterpret_f32", "reinterpret_f64", "copysign")
Item: TypeAlias = Any
"""One instruction, in the form that the assembler accepts."""


class Coder:
    """Draws the body of one function.

    Attributes:
        local_types: the types of parameters and declared locals; loops add more.
        labels: what a branch to each open construct takes, outermost first; None for a loop.
    """

    def __init__(
        self, tape: Tape, scope: CodeScope, parameters: Sequence[str], results: Sequence[str], size: int
    ) -> None:
        self.tape = tape
        self.scope = scope
        self.results = tuple(results)
        self.size = size
        self.local_types = [*parameters, *(tape.pick(KINDS) for _ in range(tape.below(5)))]
        self.own = len(self.local_types)
        self.labels: list[tuple[str, ...] | None] = [self.results]

    def body(self) -> _Code:
        """Draw the complete body."""
        return self.statements() + [self.value(kind) for kind in self.results]

    def declared(self, parameters: int) -> list[str]:
        """Return the types of the declared locals."""
        return self.local_types[parameters:]

    def _spent(self) -> bool:
        """Subtract one from the remaining size; return whether it is zero."""
        self.size -= 1
        return self.size < 0

    def _padded(self, opcode: int, index: int) -> Item:
        """Spell an instruction with an index, one in eight times longer than needed."""
        if self.tape.once_in(8):
            return bytes([opcode]) + uleb(index, 3)
        return bytes([opcode]) + uleb(index)

    # Values

    def value(self, kind: str) -> Item:
        """Draw an instruction with a result."""
        if self._spent():
            return (f"{kind}.const", 0)
        match self.tape.below(16):
            case 0 | 1:
                return draw_constant(self.tape, kind)
            case 2 | 3 | 4:
                return self._read_local(kind)
            case 5 | 6 | 7 | 8:
                return self._numeric(kind)
            case 9 | 10:
                return self._load(kind)
            case 11:
                return self._construct((kind,))
            case 12:
                return self._call(kind)
            case 13:
                return self._chosen(kind)
            case 14:
                return self._read_global(kind)
            case _:
                return self._special(kind)

    def _read_local(self, kind: str) -> Item:
        found = [index for index, one in enumerate(self.local_types[: self.own]) if one == kind]
        if not found:
            return draw_constant(self.tape, kind)
        index = self.tape.pick(found)
        if self.tape.once_in(4):
            return ("local.tee", index, self.value(kind))
        return self._padded(0x20, index)

    def _numeric(self, kind: str) -> Item:
        table = UNSAFE if kind[0] == "i" and self.tape.once_in(10) else SAFE
        rows = table[kind] if self.scope.shows_nan else [row for row in table[kind] if not row[0].endswith(_SHOWING)]
        name, takes = self.tape.pick(rows)
        return (name, *(self.value(one) for one in takes))

    def _address(self) -> Item:
        """Draw an address, mostly inside the first page."""
        if self.tape.once_in(30):
            return self.value("i32")
        if self.tape.below(2):
            return ("i32.and", self.value("i32"), ("i32.const", 0x7FFF))
        return ("i32.const", self.tape.pick((0, 8, 64, 1024, 5000, 65_528)))

    def _access(self, name: str, natural: int, *operands: Item) -> Item:
        align = self.tape.below(natural.bit_length())
        offset = self.tape.pick((1, 9, 65_535, 0xFFFFFFFF)) if self.tape.once_in(20) else self.tape.pick((0, 0, 4, 300))
        return (name, align, offset, *operands)

    def _load(self, kind: str) -> Item:
        if not self.scope.memory:
            return self._numeric(kind)
        row = self.tape.pick(LOADS[kind])
        return self._access(row.name, ACCESS_BYTES[row.code], self._address())

    def _chosen(self, kind: str) -> Item:
        operands = [self.value(kind), self.value(kind), self.value("i32")]
        return ("select", [kind], *operands) if self.tape.below(2) else ("select", *operands)

    def _read_global(self, kind: str) -> Item:
        found = [index for index, one, _ in self.scope.globals if one == kind]
        return self._padded(0x23, self.tape.pick(found)) if found else draw_constant(self.tape, kind)

    def _call(self, kind: str) -> Item:
        """Draw a call with this one result, if there is any function of that kind."""
        if self.tape.once_in(3):
            found = [item for item in self.scope.types if item[2] == (kind,)]
            if found and self.scope.table:
                return self._call_indirect(self.tape.pick(found))
        pool = self.scope.recursive if self.tape.once_in(8) else self.scope.functions
        callable_ = [item for item in pool if item[2] == (kind,)]
        if not callable_:
            return self._numeric(kind)
        index, parameters, _ = self.tape.pick(callable_)
        return ("call", index, *(self.value(one) for one in parameters))

    def _call_indirect(self, item: tuple[int, tuple[str, ...], tuple[str, ...]]) -> Item:
        index, parameters, _ = item
        size = self.scope.table
        place = self.value("i32") if self.tape.once_in(8) else ("i32.const", self.tape.below(size + self.tape.below(2)))
        return ("call_indirect", index, *(self.value(one) for one in parameters), place)

    def _special(self, kind: str) -> Item:
        if kind == "i32" and self.scope.memory and self.tape.below(2):
            pages = ("i32.const", self.tape.pick((0, 1, 2, 5, 65_536)))
            return ("memory.grow", pages) if self.tape.below(2) else "memory.size"
        return self._branching(kind)

    def _branching(self, kind: str) -> Item:
        """Draw a ``br_if`` with the value as operand, if a label accepts it."""
        found = [depth for depth, takes in enumerate(reversed(self.labels)) if takes == (kind,)]
        if not found:
            return self._construct((kind,))
        return ("br_if", self.tape.pick(found), self.value(kind), self.value("i32"))

    # Statements

    def statements(self) -> _Code:
        """Draw some statements."""
        found: _Code = []
        for _ in range(self.tape.below(6)):
            if self.size > 0:
                found += self._statement()
        return found

    def _statement(self) -> _Code:
        """Draw a statement: it leaves the stack as it was."""
        self.size -= 1
        match self.tape.below(16):
            case 0:
                return ["nop"]
            case 1 | 2 | 3:
                return self._write_local()
            case 4 | 5:
                return self._store()
            case 6:
                return self._write_global()
            case 7 | 8:
                return [self._construct(())]
            case 9 | 10:
                return self._counting()
            case 11:
                return self._bulk()
            case 12:
                return self._call_statement()
            case 13 | 14:
                return self._conditional()
            case _:
                return [("drop", self.value(self.tape.pick(KINDS)))]

    def _write_local(self) -> _Code:
        if not self.own:
            return ["nop"]
        index = self.tape.below(self.own)
        return [self.value(self.local_types[index]), self._padded(0x21, index)]

    def _write_global(self) -> _Code:
        found = [(index, kind) for index, kind, mutable in self.scope.globals if mutable]
        if not found:
            return ["nop"]
        index, kind = self.tape.pick(found)
        return [("global.set", index, self.value(kind))]

    def _store(self) -> _Code:
        if not self.scope.memory:
            return self._write_local()
        rows = STORES if self.scope.shows_nan else [row for row in STORES if row.name[0] == "i"]
        row = self.tape.pick(rows)
        return [self._access(row.name, ACCESS_BYTES[row.code], self._address(), self.value(row.name[:3]))]

    def _bulk(self) -> _Code:
        if not self.scope.memory:
            return self._write_local()
        count = (
            self.value("i32") if self.tape.once_in(12) else ("i32.const", self.tape.pick((0, 1, 7, 8, 9, 100, 5000)))
        )
        match self.tape.below(3):
            case 0:
                return [("memory.fill", self._address(), self.value("i32"), count)]
            case 1:
                return [("memory.copy", self._address(), self._address(), count)]
            case _ if self.scope.segments:
                number = self.tape.below(self.scope.segments)
                few = count if self.tape.once_in(8) else ("i32.const", self.tape.below(3))
                return [("memory.init", number, self._address(), ("i32.const", self.tape.below(2)), few)]
            case _:
                return ["nop"]

    def _call_statement(self) -> _Code:
        """Draw a call of anything, its results dropped."""
        if not self.scope.functions:
            return ["nop"]
        pool = self.scope.recursive if self.tape.once_in(6) else self.scope.functions
        index, parameters, results = self.tape.pick(pool or self.scope.functions)
        return [("call", index, *(self.value(one) for one in parameters)), *(["drop"] * len(results))]

    def _counting(self) -> _Code:
        """Draw a loop that counts a local of its own."""
        if self.tape.once_in(30):
            self.labels.append(None)
            body = self.statements()
            self.labels.pop()
            return [("loop", None, [*body, ("br", 0)])]
        index = len(self.local_types)
        self.local_types.append("i32")
        self.labels.append(None)
        body = self.statements()
        self.labels.pop()
        following = ("local.tee", index, ("i32.add", ("local.get", index), ("i32.const", 1)))
        rounds = ("i32.lt_u", following, ("i32.const", self.tape.within(2, 9)))
        return [("local.set", index, ("i32.const", 0)), ("loop", None, [*body, ("br_if", 0, rounds)])]

    def _conditional(self) -> _Code:
        """Draw a jump that is made or not."""
        condition = self.value("i32")
        self.labels.append(())
        arm = [*self.statements(), *self._jump(), *self._dead()]
        self.labels.pop()
        return [("if", None, condition, arm)]

    def _depths(self) -> list[int]:
        """Return the labels to jump to; loops are seldom among them."""
        loops = self.tape.once_in(12)
        return [depth for depth, takes in enumerate(reversed(self.labels)) if takes is not None or loops]

    def _takes(self, depth: int) -> tuple[str, ...]:
        return self.labels[-1 - depth] or ()

    def _jump(self) -> _Code:
        """Draw an instruction that does not return."""
        match self.tape.below(5):
            case 0 | 1:
                return self._jump_to(self.tape.pick(self._depths()))
            case 2:
                return [*(self.value(kind) for kind in self.results), "return"]
            case 3:
                return ["unreachable"] if self.tape.once_in(3) else self._jump_to(self.tape.pick(self._depths()))
            case _:
                return self._jump_by_table(self._depths())

    def _jump_to(self, depth: int) -> _Code:
        return [*(self.value(kind) for kind in self._takes(depth)), ("br", depth)]

    def _jump_by_table(self, depths: list[int]) -> _Code:
        default = self.tape.pick(depths)
        alike = [depth for depth in depths if self._takes(depth) == self._takes(default)]
        labels = [self.tape.pick(alike) for _ in range(self.tape.below(4))]
        operands = [*(self.value(kind) for kind in self._takes(default)), self.value("i32")]
        return [*operands, ("br_table", labels, default)]

    def _dead(self) -> _Code:
        """Draw code that is never live: typed on a stack of anything."""
        found: _Code = []
        for _ in range(self.tape.below(3)):
            found += self.tape.pick(
                (
                    ["nop"],
                    [("drop", self.value(self.tape.pick(KINDS)))],
                    ["i32.add", "drop"],
                    ["select", "drop"],
                    ["return"],
                    [("block", "i64", ["unreachable"]), "drop"],
                    [("if", None, [("loop", None, [("br", 0)])], ["nop"])],
                    ["f32.sqrt", "drop"],
                    [("br_table", [0], 0)],
                )
            )
        return found

    def _construct(self, results: tuple[str, ...]) -> Item:
        """Draw a block, loop or if with these results."""
        shape = self.tape.below(4)
        if shape == 3:
            return self._with_parameters(results)
        condition = [] if shape != 2 else [self.value("i32")]
        self.labels.append(None if shape == 1 else results)
        arms = [self._arm(results) for _ in range(2 if shape == 2 else 1)]
        self.labels.pop()
        return (("block", "loop", "if")[shape], results[0] if results else None, *condition, *arms)

    def _arm(self, results: tuple[str, ...]) -> _Code:
        if self.tape.once_in(10):
            return [*self.statements(), *self._jump_to(self.tape.pick(self._depths())), *self._dead()]
        return [*self.statements(), *(self.value(kind) for kind in results)]

    def _with_parameters(self, results: tuple[str, ...]) -> Item:
        """Draw a construct with operands and, if several results are possible, with more results than needed."""
        takes = tuple(self.tape.pick(KINDS) for _ in range(self.tape.within(1, 2)))
        more = tuple(self.tape.pick(KINDS) for _ in range(self.tape.below(2)))
        operands = [self.value(kind) for kind in takes]
        kind = self.scope.type_of(takes, results + more)
        self.labels.append(results + more)
        body = [*(["drop"] * len(takes)), *self._arm(results + more)]
        self.labels.pop()
        spelled = b"\x02" + sleb(kind, self.tape.pick((1, 1, 2)))
        return ("seq", *operands, spelled, *body, "end", *(["drop"] * len(more)))
