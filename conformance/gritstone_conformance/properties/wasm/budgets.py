"""How guests end that need nothing of the store, with every budget: F* and the outcome.

Spec: :ref:`wasm-fuel-budget`.
"""

from __future__ import annotations

from gritstone_conformance.model.wasm.admission import admit
from gritstone_conformance.model.wasm.machine import Machine, OutOfFuel, Trapped

__all__ = ["ENOUGH", "ending", "least_budget"]

ENOUGH = 2_000_000
"""Units beyond which a drawn guest is taken to run for ever."""

_BASE = 100
_BYTES = 8


def ending(module: bytes, pages: int, budget: int = ENOUGH) -> tuple[str, int]:
    """Return how ``wit`` ends and what it spends; the guest imports ``fuel`` and ``log`` alone."""

    def host(name: str, arguments: list[int]) -> int:
        if name == "fuel":
            machine.charge(_BASE)
            return machine.fuel
        at, length = arguments
        if at + length > len(machine.memory):
            raise Trapped("memory-bounds")
        machine.charge(_BASE - (-length // _BYTES))
        return 0

    machine = Machine(admit(module, "wit", pages), pages, budget, host)
    try:
        if machine.has("_initialize"):
            machine.call("_initialize")
        n = machine.call("wit")
    except Trapped as trap:
        return f"trap:{trap.code}", budget - machine.fuel
    except OutOfFuel:
        return "fuel", budget
    return f"guest:{n}", budget - machine.fuel


def least_budget(module: bytes, pages: int) -> int:
    """Return F*, or ``ENOUGH`` where it is more than that."""
    return ending(module, pages)[1]
