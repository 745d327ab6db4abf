"""An instance of an admitted module that runs, with fuel, stack units and the traps of the text.

A machine is what one call has: it is made new, or made and restored, and thrown away when the call ends. Values are
unsigned numbers of their bits, floats too. Fuel and depth count as the metered form counts (F and D).

Example::

    module = admit(data, "wit", 256)                # of ``admission``; or NotAdmitted, with a code
    machine = Machine(module, 256, 10_000, host)    # host(name, arguments) -> result, for each import that is called
    if machine.has("_initialize"):
        machine.call("_initialize")
    n = machine.call("wit")                         # or Trapped, OutOfFuel, or what the host raised

Spec: ``wasm/fuel``, ``wasm/determinism``, ``wasm/outcomes``.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.wasm.admission import AdmittedModule
from gritstone_conformance.model.wasm.compiling import source_of
from gritstone_conformance.model.wasm.instructions import COSTS
from gritstone_conformance.model.wasm.numeric import FUNCTIONS, Trapped, called

__all__ = ["PAGE", "Host", "Machine", "OutOfFuel", "Trapped"]

PAGE: Final = 65_536  # bytes
Host: TypeAlias = Callable[[str, list[int]], int | None]
"""Called for each import with its name and its arguments; an exception of it leaves the machine as it is."""

_GROW: Final[int] = COSTS["sizes"]["memory.grow"]["units_per_page"]
_BULK: Final = {name: COSTS["sizes"][f"memory.{name}"]["bytes_per_unit"] for name in ("fill", "copy", "init")}
_FRAMES: Final = 20_000  # Python frames that 65,536 stack units need at most, with room
_MANY: Final = 256  # functions above which nothing is compiled while another function waits
_LETTERS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


class OutOfFuel(Exception):  # noqa: N818 - the word of the spec
    """A charge found too little: all units are spent, and the outcome is ``exhausted``, ``fuel``."""


_NAMES: Final[dict[str, Any]] = {
    "Trapped": Trapped,
    **{called(name): act for name, act in FUNCTIONS.items()},
    **{f"U{size}": struct.Struct(f"<{letter}").unpack_from for size, letter in _LETTERS.items()},
    **{f"S{size}": struct.Struct(f"<{letter.lower()}").unpack_from for size, letter in _LETTERS.items()},
    **{f"P{size}": struct.Struct(f"<{letter}").pack_into for size, letter in _LETTERS.items()},
}
"""What compiled functions call."""


class Machine:
    """One instance.

    Attributes:
        memory: all its bytes, whole pages; empty without memory. ``memory.grow`` extends this very object.
        globals: the bits of all globals, in the order of their indices.
        fuel: the units left; a host may set it.
        depth: the stack units in use (D).
    """

    __slots__ = ("admitted", "depth", "fuel", "functions", "globals", "memory", "most", "table")

    def __init__(self, admitted: AdmittedModule, pages: int, fuel: int, host: Host) -> None:
        """Instantiate an admitted module, active segments included, with ``pages`` of the manifest; nothing runs."""
        module = admitted.module
        least, most = admitted.memory_limits(pages) or (0, 0)
        self.admitted = admitted
        self.fuel = fuel
        self.depth = 0
        self.most = most or 0
        self.globals: list[int] = [item.value[0].immediates[0] for item in module.globals]
        self.memory = bytearray(least * PAGE)
        self.table: list[int | None] = [None] * (module.tables[0][0] if module.tables else 0)
        for segment in module.segments:
            if segment.flag != 1:
                at = segment.offset[0].immediates[0]
                self.memory[at : at + len(segment.content)] = segment.content
        for element in module.elements:
            at = element.offset[0].immediates[0]
            self.table[at : at + len(element.functions or ())] = element.functions or ()
        self.functions: list[Callable[..., Any]] = [self._imported(host, name) for name in admitted.imports]
        self.functions += [self._waiting(len(admitted.imports) + at) for at in range(len(admitted.defined))]

    def has(self, export: str) -> bool:
        """Return whether the module exports a function under this name."""
        return export in self.admitted.exported

    def mutable(self) -> list[int]:
        """Return the bits of the mutable globals, in the order of their indices."""
        items = self.admitted.module.globals
        return [bits for bits, item in zip(self.globals, items, strict=True) if item.mutable]

    def restore(self, memory: bytes, mutable: list[int]) -> None:
        """Put an image into a new machine: all memory, whole pages, and the mutable globals. It costs nothing."""
        self.memory[:] = memory
        places = [index for index, item in enumerate(self.admitted.module.globals) if item.mutable]
        for index, bits in zip(places, mutable, strict=True):
            self.globals[index] = bits

    def charge(self, units: int) -> None:
        """Pay units, or spend all that is left and raise ``OutOfFuel``; 0 is always paid."""
        if units > self.fuel:
            self.run_dry()
        self.fuel -= units

    def run_dry(self) -> None:
        """Spend all that is left."""
        self.fuel = 0
        raise OutOfFuel

    def call(self, export: str, *args: int) -> int | None:
        """Call an exported function; also from within the host, while another call is active.

        Returns:
            Its one result as an unsigned number, or None.

        Raises:
            Trapped: with the code of the trap.
            OutOfFuel: a charge found too little.
        """
        return self._run(self.admitted.exported[export], args)

    def start(self) -> None:
        """Call the start function, if the module has one.

        Raises:
            Trapped: with the code of the trap.
            OutOfFuel: a charge found too little.
        """
        index = self.admitted.module.start
        if index is not None:
            self._run(index, ())

    def _run(self, index: int, args: tuple[int, ...]) -> int | None:
        if len(self.admitted.defined) > _MANY:
            self._compile_reachable(index)
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, _FRAMES))
        try:
            result: int | None = self.functions[index](*args)
        except struct.error as error:
            raise Trapped("memory-bounds") from error
        finally:
            sys.setrecursionlimit(before)
        return result

    # What compiled functions call

    def grow(self, count: int) -> int:
        """Do ``memory.grow``."""
        self.charge(count * _GROW)
        before = len(self.memory) // PAGE
        if before + count > self.most:
            return 0xFFFFFFFF
        self.memory.extend(bytes(count * PAGE))
        return before

    def fill(self, at: int, value: int, count: int) -> None:
        """Do ``memory.fill``."""
        self.charge(count // _BULK["fill"])
        self._check(at, count, len(self.memory))
        self.memory[at : at + count] = bytes([value & 0xFF]) * count

    def copy(self, to: int, source: int, count: int) -> None:
        """Do ``memory.copy``."""
        self.charge(count // _BULK["copy"])
        self._check(source, count, len(self.memory))
        self._check(to, count, len(self.memory))
        self.memory[to : to + count] = self.memory[source : source + count]

    def init(self, segment: int, to: int, source: int, count: int) -> None:
        """Do ``memory.init``; an active segment is empty since it was written."""
        self.charge(count // _BULK["init"])
        item = self.admitted.module.segments[segment]
        content = item.content if item.flag == 1 else b""
        self._check(source, count, len(content))
        self._check(to, count, len(self.memory))
        self.memory[to : to + count] = content[source : source + count]

    def indirect(self, kind: int, index: int) -> Callable[..., Any]:
        """Return the function that ``call_indirect`` calls."""
        if index >= len(self.table):
            raise Trapped("table-bounds")
        function = self.table[index]
        if function is None or self.admitted.kinds[function] != self.admitted.module.types[kind]:
            raise Trapped("indirect-call")
        return self.functions[function]

    def _check(self, at: int, count: int, size: int) -> None:
        if at + count > size:
            raise Trapped("memory-bounds")

    # Making functions

    def _imported(self, host: Host, name: str) -> Callable[..., int | None]:
        """Return what calls the host; its mistakes are not taken for traps."""

        def function(*args: int) -> int | None:
            try:
                return host(name, list(args))
            except struct.error as error:
                raise RuntimeError(f"the host's {name} failed") from error

        return function

    def _waiting(self, index: int) -> Callable[..., Any]:
        """Return a function that compiles the body at the first call, and calls it."""

        def function(*args: int) -> Any:
            return self._compile(index)(*args)

        return function

    def _compile(self, index: int) -> Callable[..., Any]:
        make = _maker(self.admitted, index)
        function: Callable[..., Any] = make(self, self.functions, self.globals, self.memory)
        self.functions[index] = function
        return function

    def _compile_reachable(self, index: int) -> None:
        """Compile all that calls lead to from here, those through the table among them."""
        imported = len(self.admitted.imports)
        seen = {index, *(function for function in self.table if function is not None)}
        todo = list(seen)
        while todo:
            index = todo.pop()
            if index < imported:
                continue
            self._compile(index)
            body = self.admitted.defined[index - imported].body
            called_here = {op.immediates[0] for op in body.code if op.instruction.code == 0x10} - seen
            seen |= called_here
            todo += called_here


def _maker(admitted: AdmittedModule, index: int) -> Callable[..., Any]:
    """Return what makes a function for an instance; it is compiled once for all instances."""
    function = admitted.defined[index - len(admitted.imports)]
    if function.maker is None:
        code = compile(source_of(admitted, function), f"<function {index}>", "exec")
        made: dict[str, Any] = {}
        exec(code, _NAMES, made)  # noqa: S102 - source of our own making, from a validated module
        function.maker = made["make"]
    return function.maker
