"""An instance of an admitted module that runs, with fuel, stack units and the traps of the text.

A machine is what one call has: it is made new, or made and restored, and thrown away when the call ends. Values are
unsigned numbers of their bits, floats too. Fuel and depth count as the metered form counts (F and D).

Example::

    module = admit(data, "wit", pages=256)          # or NotAdmitted, with a code
    machine = Machine(module, 256, 10_000, host)    # host(name, arguments) -> result, for each import that is called
    machine.call("_initialize") if machine.has("_initialize") else None
    n = machine.call("wit")                         # or Trapped, OutOfFuel, or what the host raised

Spec: ``wasm/fuel``, ``wasm/determinism``, ``wasm/outcomes``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from gritstone_conformance.model.wasm.binary import Module

__all__ = ["PAGE", "Host", "Machine", "OutOfFuel", "Trapped"]

PAGE: Final = 65_536  # bytes
Host: TypeAlias = Callable[[str, list[int]], int | None]
"""Called for each import with its name and its arguments; an exception of it leaves the machine as it is."""


class Trapped(Exception):  # noqa: N818 - the word of the spec
    """The guest trapped.

    Attributes:
        code: the trap, as ``unreachable``; the outcome is ``failed``, ``trap:<code>``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OutOfFuel(Exception):  # noqa: N818 - the word of the spec
    """A charge found too little: all units are spent, and the outcome is ``exhausted``, ``fuel``."""


class Machine:
    """One instance.

    Attributes:
        memory: all its bytes, whole pages; empty without memory. ``memory.grow`` extends this very object.
        globals: the bits of all globals, in the order of their indices.
        fuel: the units left; a host may set it.
        depth: the stack units in use (D).
    """

    def __init__(self, module: Module, pages: int, fuel: int, host: Host) -> None:
        """Instantiate the module, active segments included, with ``pages`` of the manifest; nothing runs."""
        raise NotImplementedError

    memory: bytearray
    globals: list[int]
    fuel: int
    depth: int

    def has(self, export: str) -> bool:
        """Return whether the module exports a function under this name."""
        raise NotImplementedError

    def mutable(self) -> list[int]:
        """Return the bits of the mutable globals, in the order of their indices."""
        raise NotImplementedError

    def restore(self, memory: bytes, mutable: list[int]) -> None:
        """Put an image into a new machine: all memory, whole pages, and the mutable globals. It costs nothing."""
        raise NotImplementedError

    def charge(self, units: int) -> None:
        """Pay units, or spend all that is left and raise ``OutOfFuel``; 0 is always paid."""
        raise NotImplementedError

    def call(self, export: str, *args: int) -> int | None:
        """Call an exported function; also from within the host, while another call is active.

        Returns:
            Its one result as an unsigned number, or None.

        Raises:
            Trapped: with the code of the trap.
            OutOfFuel: a charge found too little.
        """
        raise NotImplementedError
