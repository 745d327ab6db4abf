"""Drawing guests: complete modules that are admitted, with all features of the language.

A drawn guest computes, and then answers a number, or makes the step of a program that covers what it is given. It
imports what costs little and knows nothing of the core: ``fuel`` and ``log``, next to what makes the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code
from gritstone_conformance.strategies.guest_code import Coder
from gritstone_conformance.strategies.guest_numbers import KINDS, draw_constant
from gritstone_conformance.strategies.guest_scope import CodeScope
from gritstone_conformance.strategies.tape import Tape

__all__ = ["TAPE", "DrawnGuest", "draw_guest", "making_step", "wiping"]

TAPE: Final = 700  # bytes
_STEP_IMPORTS: Final = ("input", "step", "result")
_SCRATCH: Final = 1024


@dataclass(frozen=True, slots=True)
class DrawnGuest:
    """A drawn guest.

    Attributes:
        module: the module.
        steps: whether it makes a step where nothing ends it before.
        pages: of the manifest it is meant for.
    """

    module: bytes
    steps: bool
    pages: int


def making_step(imports: dict[str, int], at: int = _SCRATCH) -> Code:
    """Return code that makes the step that covers everything and changes nothing, and results in 0.

    The module imports ``input``, ``step`` and ``result`` and has a page of memory; 192 bytes from ``at`` on are used.
    """
    places = [at + 32 * place for place in range(6)]
    wanted = (1, 0, 5, 4, 2)
    code: list[Any] = [("memory.fill", ("i32.const", at), ("i32.const", 0), ("i32.const", 192))]
    for which, place in zip(wanted, places, strict=False):
        code.append(("drop", ("call", imports["input"], ("i32.const", which), ("i32.const", place))))
    code.append(("drop", ("call", imports["step"], *(("i32.const", place) for place in places))))
    code.append(("drop", ("call", imports["result"], ("i32.const", places[5]))))
    return [*code, ("i32.const", 0)]


def wiping() -> bytes:
    """Return a guest that makes steps, and whose memory is all zero after the first of them and every other one."""
    guest = Assembly()
    imports = {name: guest.grit(name) for name in ("input", "step", "result")}
    guest.memory(1)
    turn = guest.global_("i32", 0, mutable=True)
    wipe = ("memory.fill", ("i32.const", 0), ("i32.const", 0), ("i32.const", 65_536))
    guest.entry(
        [
            ("global.set", turn, ("i32.xor", ("global.get", turn), ("i32.const", 1))),
            *making_step(imports),
            "drop",
            ("if", None, ("global.get", turn), [wipe]),
            ("i32.const", 0),
        ]
    )
    return guest.binary()


def _draw_kinds(tape: Tape, most: int) -> tuple[str, ...]:
    return tuple(tape.pick(KINDS) for _ in range(tape.below(most + 1)))


def _draw_data(tape: Tape, guest: Assembly, pages: int) -> None:
    guest.data_count = True
    for _ in range(tape.below(3)):
        content = tape.take(tape.below(12))
        if tape.below(2) or not pages:
            guest.data(None, content)
        else:
            guest.data(tape.pick((0, 8, 65_536 * pages - len(content))), content)


def _draw_table(tape: Tape, guest: Assembly, functions: list[int]) -> int:
    """Add a table whose elements are partly null, and return its size."""
    size = tape.within(1, 6)
    guest.table(size, tape.pick((None, size, size + 3)))
    taken = [tape.pick(functions) for _ in range(tape.within(1, size))]
    guest.elements(tape.below(size - len(taken) + 1), taken)
    return size


def _draw_globals(tape: Tape, guest: Assembly) -> list[tuple[int, str, bool]]:
    found = []
    for _ in range(tape.below(5)):
        kind = tape.pick(KINDS)
        mutable = kind[0] == "i" and tape.below(3) > 0
        found.append((guest.global_(kind, draw_constant(tape, kind)[1], mutable), kind, mutable))
    return found


def draw_guest(tape: Tape, entry: str = "wit", size: int = 60, *, stepping: bool = True) -> DrawnGuest:
    """Draw a guest; ``size`` is about the number of instructions of each function.

    Args:
        tape: decisions.
        entry: the export.
        size: about the number of instructions of each function.
        stepping: whether it may make steps; else it answers a number.
    """
    guest = Assembly()
    pages = tape.pick((1, 2, 0, 1))
    steps = pages > 0 and tape.below(4) < 3 and stepping
    names = ("fuel", "log", *(_STEP_IMPORTS if steps else ())) if pages else ("fuel",)
    imports = {name: guest.grit(name) for name in names}
    if pages or tape.below(2):
        guest.memory(pages, tape.pick((None, pages, pages + 1, pages + 3, 65_536)))
    has_memory = bool(guest.memories)
    shapes = [(_draw_kinds(tape, 3), _draw_kinds(tape, 2)) for _ in range(tape.below(4))]
    declared = [(guest.declare(*shape), *shape) for shape in shapes]
    main = guest.declare([], ["i32"])
    scope = CodeScope(memory=has_memory, type_of=guest.type, recursive=declared)
    scope.functions = [(imports["fuel"], (), ("i64",))]
    if "log" in imports:
        scope.functions.append((imports["log"], ("i32", "i32"), ("i32",)))
    if declared and tape.below(3):
        scope.table = _draw_table(tape, guest, [imports["fuel"], *(index for index, *_ in declared)])
        scope.types = [(guest.type(*shape), *shape) for shape in dict.fromkeys([*shapes, ((), ("i32",))])]
    scope.globals = _draw_globals(tape, guest)
    if has_memory:
        _draw_data(tape, guest, pages)
        scope.segments = len(guest.segments)
    for index, parameters, results in declared:
        coder = Coder(tape, scope, parameters, results, size // 2)
        code = coder.body()
        guest.define(index, coder.declared(len(parameters)), code)
        scope.functions = [*scope.functions, (index, parameters, results)]
    _define_main(tape, guest, scope, main, imports if steps else None, size)
    if tape.once_in(6):
        coder = Coder(tape, scope, (), (), 8)
        code = coder.body()
        guest.function([], [], coder.declared(0), code, "_initialize")
    guest.export(entry, main)
    if tape.once_in(5):
        guest.custom("name", tape.take(5))
    return DrawnGuest(guest.binary(), steps, tape.pick((4, 2, 256, 2)))


def _define_main(
    tape: Tape, guest: Assembly, scope: CodeScope, main: int, imports: dict[str, int] | None, size: int
) -> None:
    """Define the entry: drawn statements, and then the step or a number."""
    coder = Coder(tape, scope, (), ("i32",), size)
    code = coder.statements()
    for index, parameters, results in scope.recursive:
        if tape.below(3):
            arguments = (coder.value(kind) for kind in parameters)
            code += [("call", index, *arguments), *(["drop"] * len(results))]
    code += coder.statements()
    if imports is None:
        code.append(coder.value("i32"))
    else:
        if tape.once_in(4):
            number = coder.value("i32")
            code.append(("if", None, coder.value("i32"), [number, "return"]))
        code += making_step(imports)
    guest.define(main, coder.declared(0), code)
