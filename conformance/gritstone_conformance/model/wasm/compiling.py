"""Functions of WebAssembly as Python functions.

Locals are Python variables, operands are expressions that are written where they are needed, and each place where
control meets has its operands in variables by height. What may trap or change something is written at once, in order.
Fuel and stack units are counted as the text says, not as the metered form spells it, so that the two check each other.

Spec: ``wasm/fuel``, ``wasm/determinism``, :ref:`wasm-traps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gritstone_conformance.model.wasm.admission import AdmittedModule, Function
from gritstone_conformance.model.wasm.bodies import Op
from gritstone_conformance.model.wasm.checking import block_type
from gritstone_conformance.model.wasm.instructions import COSTS
from gritstone_conformance.model.wasm.layout import Blocks, Label
from gritstone_conformance.model.wasm.numeric import FUNCTIONS, TEMPLATES, TESTS, called
from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES, PLAIN

__all__ = ["source_of"]

_DEEPEST: Final = 12  # brackets in one expression
_LIMIT: Final[int] = COSTS["frame"]["limit"]


class _Value(NamedTuple):
    """An operand: an expression without effects, the locals it reads, its depth, and its truth if it is a test."""

    text: str
    reads: frozenset[int] = frozenset()
    depth: int = 0
    test: str = ""

    @property
    def condition(self) -> str:
        """What is true if the operand is not 0."""
        return self.test or self.text


@dataclass(slots=True)
class _Construct:
    """An open construct: where its label is, what a branch takes, and the height below it."""

    code: int
    label: Label
    taken: int
    height: int
    parameters: int
    results: int
    otherwise: Label | None = None
    used: bool = False


class _Writer:
    """Writes one function."""

    def __init__(self, admitted: AdmittedModule, function: Function) -> None:
        self.admitted = admitted
        self.function = function
        self.blocks = Blocks()
        self.stack: list[_Value] = []
        self.temporaries = 0
        count = len(function.kind[1])
        self.open = [_Construct(0x02, Label(), count, 0, 0, count)]

    # Operands

    def hold(self, text: str) -> _Value:
        """Write an expression at once, and return the variable that has its value."""
        name = f"t{self.temporaries}"
        self.temporaries += 1
        self.blocks.line(f"{name} = {text}")
        return _Value(name)

    def push(self, text: str, operands: Sequence[_Value] = (), test: str = "") -> None:
        """Push an expression of operands."""
        depth = 1 + max((operand.depth for operand in operands), default=-1)
        value = _Value(text, frozenset[int]().union(*(operand.reads for operand in operands)), depth, test)
        self.stack.append(self.hold(text) if depth > _DEEPEST else value)

    def pop_many(self, count: int) -> list[_Value]:
        """Pop operands, in the order in which they were pushed."""
        at = len(self.stack) - count
        taken, self.stack[at:] = self.stack[at:], []
        return taken

    def settle(self, height: int, values: Sequence[_Value], indent: str = "") -> None:
        """Bring values into the variables of their heights."""
        moves = [(f"s{height + at}", value.text) for at, value in enumerate(values)]
        moves = [move for move in moves if move[0] != move[1]]
        if moves:
            self.blocks.line(f"{indent}{', '.join(name for name, _ in moves)} = {', '.join(text for _, text in moves)}")

    def flush(self) -> None:
        """Bring all operands into the variables of their heights."""
        self.settle(0, self.stack)
        self.heights(len(self.stack))

    def heights(self, count: int) -> None:
        """Take all operands to be in the variables of their heights."""
        self.stack = [_Value(f"s{at}") for at in range(count)]

    # Control

    def begin(self, label: Label, height: int) -> None:
        self.blocks.begin(label)
        self.heights(height)
        self.temporaries = 0

    def open_construct(self, op: Op) -> None:
        condition = self.stack.pop().condition if op.instruction.code == 0x04 else ""
        takes, gives = block_type(self.admitted.module, op.immediates[0])
        self.flush()
        height = len(self.stack) - len(takes)
        loop = op.instruction.code == 0x03
        construct = _Construct(
            op.instruction.code, Label(), len(takes if loop else gives), height, len(takes), len(gives)
        )
        self.open.append(construct)
        if loop:
            self.begin(construct.label, len(self.stack))
        elif condition:
            construct.otherwise = Label()
            self.blocks.jump(construct.otherwise, f"not ({condition})")

    def otherwise(self, op: Op) -> None:
        del op
        construct = self.open[-1]
        if self.blocks.open:
            self.flush()
            self.blocks.jump(construct.label)
            construct.used = True
        assert construct.otherwise is not None
        self.begin(construct.otherwise, construct.height + construct.parameters)
        construct.otherwise = None

    def end(self, op: Op) -> None:
        del op
        construct = self.open.pop()
        height = construct.height + construct.results
        if construct.otherwise is not None:
            self.meet(construct.otherwise, height)
        if construct.used and construct.code != 0x03:
            self.meet(construct.label, height)
        elif not self.blocks.open:
            self.begin(Label(), height)
        if not self.open:
            self.leave()

    def meet(self, label: Label, height: int) -> None:
        """Begin a block that control also falls into."""
        if self.blocks.open:
            self.flush()
        self.begin(label, height)

    def leave(self) -> None:
        values = self.pop_many(len(self.function.kind[1]))
        self.blocks.line(f"m.depth = d - {self.function.frame}")
        self.blocks.line(f"return {', '.join(value.text for value in values)}")
        self.blocks.open = False

    def target(self, depth: int) -> _Construct:
        construct = self.open[-1 - depth]
        construct.used = True
        return construct

    def branch(self, op: Op) -> None:
        construct = self.target(op.immediates[0])
        self.settle(construct.height, self.pop_many(construct.taken))
        self.blocks.jump(construct.label)

    def branch_if(self, op: Op) -> None:
        condition = self.stack.pop().condition
        construct = self.target(op.immediates[0])
        self.blocks.line(f"if {condition}:")
        self.settle(construct.height, self.stack[len(self.stack) - construct.taken :], " ")
        self.blocks.line(" pc = {0}", construct.label)
        self.blocks.line(" continue")

    def branch_table(self, op: Op) -> None:
        chosen = self.hold(self.stack.pop().text).text
        labels, default = op.immediates
        values = self.pop_many(self.open[-1 - default].taken)
        pads: dict[int, Label] = {}
        places = [pads.setdefault(depth, Label()) for depth in (*labels, default)]
        self.settle(len(self.stack), values)
        if len(labels) == 0:
            self.blocks.jump(places[0])
        else:
            numbers = ", ".join(f"{{{at}}}" for at in range(len(places)))
            self.blocks.line(f"pc = ({numbers})[{chosen} if {chosen} < {len(labels)} else {len(labels)}]", *places)
            self.blocks.line("continue")
            self.blocks.open = False
        height = len(self.stack)
        for depth, pad in pads.items():
            construct = self.target(depth)
            self.begin(pad, height + len(values))
            self.settle(construct.height, self.pop_many(construct.taken))
            self.blocks.jump(construct.label)

    def give_back(self, op: Op) -> None:
        del op
        self.leave()

    def stop(self, op: Op) -> None:
        del op
        self.blocks.line('raise Trapped("unreachable")')
        self.blocks.open = False

    # Everything else

    def call_with(self, callee: str, kind: tuple[bytes, bytes]) -> None:
        arguments = ", ".join(value.text for value in self.pop_many(len(kind[0])))
        names = [f"t{self.temporaries + at}" for at in range(len(kind[1]))]
        self.temporaries += len(names)
        self.blocks.line(f"{', '.join(names)} = {callee}({arguments})" if names else f"{callee}({arguments})")
        self.stack += [_Value(name) for name in names]

    def call(self, op: Op) -> None:
        self.call_with(f"F[{op.immediates[0]}]", self.admitted.kinds[op.immediates[0]])

    def call_indirect(self, op: Op) -> None:
        index = self.stack.pop().text
        callee = self.hold(f"m.indirect({op.immediates[0]}, {index})").text
        self.call_with(callee, self.admitted.module.types[op.immediates[0]])

    def drop(self, op: Op) -> None:
        del op
        self.stack.pop()

    def select(self, op: Op) -> None:
        del op
        first, second, chosen = values = self.pop_many(3)
        self.push(f"({first.text} if {chosen.condition} else {second.text})", values)

    def local_get(self, op: Op) -> None:
        index = op.immediates[0]
        self.stack.append(_Value(f"l{index}", frozenset((index,))))

    def local_set(self, op: Op) -> None:
        index = op.immediates[0]
        value = self.stack.pop()
        self.stack = [self.hold(other.text) if index in other.reads else other for other in self.stack]
        self.blocks.line(f"l{index} = {value.text}")

    def local_tee(self, op: Op) -> None:
        self.local_set(op)
        self.local_get(op)

    def global_get(self, op: Op) -> None:
        self.stack.append(self.hold(f"G[{op.immediates[0]}]"))

    def global_set(self, op: Op) -> None:
        self.blocks.line(f"G[{op.immediates[0]}] = {self.stack.pop().text}")

    def plain(self, op: Op) -> None:
        name = op.instruction.name
        kind = PLAIN[op.instruction.code]
        operands = self.pop_many(len(kind[0]))
        texts = [operand.text for operand in operands]
        if name in TEMPLATES:
            self.push(TEMPLATES[name].format(*texts), operands)
        elif name in TESTS:
            test = TESTS[name].format(*texts)
            self.push(f"(1 if {test} else 0)", operands, f"({test})")
        elif name in FUNCTIONS:
            self.stack.append(self.hold(f"{called(name)}({', '.join(texts)})"))
        elif name.endswith(".const"):
            self.push(str(op.immediates[0]))
        elif op.instruction.code in ACCESS_BYTES:
            self.access(op, texts)
        else:
            self.memory(op, texts)

    def access(self, op: Op, texts: list[str]) -> None:
        name, size, offset = op.instruction.name, ACCESS_BYTES[op.instruction.code], op.immediates[1]
        at = f"{texts[0]} + {offset}" if offset else texts[0]
        if ".store" in name:
            value = texts[1] if size == int(name[1:3]) // 8 else f"{texts[1]} & {(1 << 8 * size) - 1}"
            self.blocks.line(f"P{size}(M, {at}, {value})")
        elif name.endswith("_s"):
            self.stack.append(self.hold(f"S{size}(M, {at})[0] & {(1 << int(name[1:3])) - 1}"))
        else:
            self.stack.append(self.hold(f"U{size}(M, {at})[0]"))

    def memory(self, op: Op, texts: list[str]) -> None:
        action = op.instruction.name.rpartition(".")[2]
        match action:
            case "nop":
                pass
            case "size":
                self.stack.append(self.hold("len(M) >> 16"))
            case "grow":
                self.stack.append(self.hold(f"m.grow({texts[0]})"))
            case "init":
                self.blocks.line(f"m.init({op.immediates[0]}, {', '.join(texts)})")
            case _:
                self.blocks.line(f"m.{action}({', '.join(texts)})")

    def charge(self, units: int) -> None:
        self.blocks.line(f"m.fuel = f = m.fuel - {units}")
        self.blocks.line("if f < 0:")
        self.blocks.line(" m.run_dry()")

    def write(self) -> None:
        """Write the live instructions of the body."""
        parts = self.function.parts
        for index, op in enumerate(self.function.body.code):
            if not parts.live[index]:
                continue
            if parts.charges.get(index):
                self.charge(parts.charges[index])
            _ACTIONS[op.instruction.code](self, op)


_ACTIONS: Final[dict[int, Callable[[_Writer, Op], None]]] = {
    **dict.fromkeys(PLAIN, _Writer.plain),
    0x00: _Writer.stop,
    0x02: _Writer.open_construct,
    0x03: _Writer.open_construct,
    0x04: _Writer.open_construct,
    0x05: _Writer.otherwise,
    0x0B: _Writer.end,
    0x0C: _Writer.branch,
    0x0D: _Writer.branch_if,
    0x0E: _Writer.branch_table,
    0x0F: _Writer.give_back,
    0x10: _Writer.call,
    0x11: _Writer.call_indirect,
    0x1A: _Writer.drop,
    0x1B: _Writer.select,
    0x1C: _Writer.select,
    0x20: _Writer.local_get,
    0x21: _Writer.local_set,
    0x22: _Writer.local_tee,
    0x23: _Writer.global_get,
    0x24: _Writer.global_set,
}


def source_of(admitted: AdmittedModule, function: Function) -> str:
    """Return the source of ``make(m, F, G, M)``, which returns the function for one instance."""
    writer = _Writer(admitted, function)
    writer.write()
    parameters = len(function.kind[0])
    lines = ["def make(m, F, G, M):", f" def function({', '.join(f'l{at}' for at in range(parameters))}):"]
    named = {op.immediates[0] for op in function.body.code if op.instruction.immediates == ("local",)}
    lines += [f"  l{index} = 0" for index in sorted(named) if index >= parameters]
    lines += [
        f"  m.depth = d = m.depth + {function.frame}",
        f"  if d > {_LIMIT}:",
        '   raise Trapped("stack-overflow")',
    ]
    lines += [*writer.blocks.render("  "), " return function"]
    return "\n".join(lines)
