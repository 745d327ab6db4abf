"""A guest that runs: new or restored, suspended or resumed, to its end.

Spec: steps 5 to 7 of "One call" in ``wasm/transition``, ``wasm/continuation``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.puppet import Context
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.abi import CannotTell, Host, Inputs, Reply
from gritstone_conformance.model.wasm.admission import AdmittedModule
from gritstone_conformance.model.wasm.documents import Manifest, State
from gritstone_conformance.model.wasm.image import Image
from gritstone_conformance.model.wasm.instructions import COSTS
from gritstone_conformance.model.wasm.machine import PAGE, Machine, OutOfFuel, Trapped
from gritstone_conformance.model.wasm.making import MAKING
from gritstone_conformance.model.wasm.reading import READING

__all__ = ["MOST_UNITS", "Guest", "Left", "run_guest"]

MOST_UNITS: Final = 50_000_000
"""Units that the suite counts in one call of a history; what takes more is not run to its end here."""

_WINDING: Final[int] = COSTS["winding"]
_FUNCTIONS: Final[dict[str, Callable[..., Reply]]] = {**READING, **MAKING}


@dataclass(frozen=True, slots=True)
class Guest:
    """What is to run.

    Attributes:
        data: the bytes of the module.
        image: what to restore, or None for a new instance.
        entry: the export.
        given: the inputs 0 to 7.
        covered: senders and messages.
        query: the name of the query, or None.
        is_confined: whether it runs within an operation of an image, where it cannot wait.
    """

    context: Context
    manifest: Manifest
    state: State
    module: AdmittedModule
    data: bytes
    image: Image | None
    budget: int
    entry: str
    given: tuple[bytes | None, ...]
    covered: tuple[tuple[bytes, bytes], ...] = ()
    query: str | None = None
    is_confined: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What a call that returned 0 leaves.

    Attributes:
        result: the answer, or None.
        spent: the units that it took.
        state: with randomness and clock moved on.
    """

    result: bytes | None
    spent: int
    state: State
    memory: bytes = b""
    mutable: tuple[int, ...] = ()
    suspended: bool = False

    @property
    def pages(self) -> int:
        """The size of the memory in pages."""
        return len(self.memory) // PAGE


def run_guest(shelf: Shelf, guest: Guest) -> Left:
    """Run a guest to its end.

    Raises:
        Failure: it did not return 0.
        CannotTell: it cannot be followed here.
    """
    return _Call(shelf, guest).run()


@dataclass(slots=True)
class _Call:
    shelf: Shelf
    guest: Guest
    host: Host = field(init=False)
    machine: Machine = field(init=False)
    left_at_wait: int | None = None
    resuming: bool = False

    def __post_init__(self) -> None:
        guest = self.guest
        inputs = Inputs(guest.given, guest.covered, guest.query)
        self.host = Host(self.shelf, guest.context, guest.manifest, guest.state, inputs, _FUNCTIONS, guest.entry)
        is_bounded = guest.context.is_past or guest.is_confined
        fuel = min(guest.budget, MOST_UNITS) if is_bounded else guest.budget
        self.host.hidden = guest.budget - fuel
        self.machine = Machine(guest.module, guest.manifest.pages, fuel, self.host)
        self.host.machine = self.machine
        waits = guest.manifest.image and guest.entry == "wit" and self.shelf.limits.continuation
        self.host.suspend = self._suspend if waits and not guest.is_confined else None

    def run(self) -> Left:
        """Run to the end."""
        start = self.machine.fuel
        try:
            self._run()
        except Failure as failure:
            failure.spent = start - self._left(start)
            raise
        suspended = self.left_at_wait is not None
        memory, mutable = bytes(self.machine.memory), tuple(self.machine.mutable())
        return Left(self.host.result, start - self.machine.fuel, self.host.state, memory, mutable, suspended)

    def _left(self, start: int) -> int:
        """Return the units that are left; winding takes none of them. Spec: :rule:`wasm.wait.fuel`."""
        if not self.host.winding:
            return self.machine.fuel
        return start if self.left_at_wait is None else self.left_at_wait

    def _run(self) -> None:
        """Run the entry; raises Failure where it does not end by returning 0."""
        try:
            n = self._enter()
        except Trapped as trap:
            raise Failure(
                "failed", f"the guest trapped: {trap.code}", "wasm.outcome.code", f"trap:{trap.code}"
            ) from trap
        except OutOfFuel as problem:
            if self.host.winding:
                raise _misuse() from problem
            if self.host.hidden:
                raise CannotTell from problem
            raise Failure("exhausted", "no fuel is left", "wasm.fuel.exact", "fuel") from problem
        if n:
            raise Failure("failed", f"the entry returned {n}", "wasm.outcome.guest", f"guest:{n}")

    def _enter(self) -> int:
        """Run the entry; return its result, 0 if it is suspended."""
        guest, machine = self.guest, self.machine
        if guest.image is not None:
            machine.restore(guest.image.memory, list(guest.image.mutable))
        elif machine.has("_initialize"):
            self.host.entry = "_initialize"
            machine.call("_initialize")
            self.host.entry = guest.entry
        if guest.image is not None and guest.state.suspended and guest.entry == "wit":
            self._rewind()
        n = machine.call(guest.entry)
        assert n is not None
        if self.resuming:
            raise _misuse()
        if self.left_at_wait is None:
            return n
        self._wind("asyncify_get_state", 1)
        self._wind("asyncify_stop_unwind")
        machine.fuel = self.left_at_wait
        if self.host.result is None:
            raise _misuse()
        return 0

    def _wind(self, export: str, wanted: int | None = None, *args: int) -> None:
        """Call an export of winding, within the allowance; raises Failure where it gives another state."""
        self.machine.fuel = _WINDING
        if self.machine.call(export, *args) != wanted:
            raise _misuse()

    def _suspend(self) -> None:
        """Begin to unwind the stack.

        Spec: "Suspending" in ``wasm/continuation``.
        """
        self.left_at_wait = self.machine.fuel
        self.host.winding, self.host.rewind = True, None
        self._wind("asyncify_start_unwind", None, self._area())
        self.machine.fuel = _WINDING

    def _rewind(self) -> None:
        """Begin to wind the stack up again.

        Spec: "Resuming" in ``wasm/continuation``.
        """
        budget = self.machine.fuel
        self.resuming = self.host.winding = True

        def resume() -> None:
            self._wind("asyncify_get_state", 2)
            self._wind("asyncify_stop_rewind")
            self.machine.fuel = budget
            self.resuming = self.host.winding = False

        self.host.rewind = resume
        self._wind("asyncify_start_rewind", None, self._area())
        self.machine.fuel = _WINDING

    def _area(self) -> int:
        exports = {item.name: item.index for item in self.guest.module.module.exports if item.kind == 3}
        return self.machine.globals[exports[b"grit_wait_area"]]


def _misuse() -> Failure:
    return Failure("failed", "wait is misused", "wasm.wait.protocol", "trap:wait")
