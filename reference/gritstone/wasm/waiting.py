"""Suspending a call inside of ``wait``, and going on with it in a later one.

The guest unwinds and winds its own stack; the host only says when. What runs meanwhile is *winding*: it has an
allowance of its own and costs nothing.

::

    phase        may follow                        host calls
    RUNNING      UNWINDING                         all
    UNWINDING    SUSPENDED                         none
    SUSPENDED                                      the call has ended
    WOUND        REWINDING                         none
    REWINDING    RUNNING                           wait, which ends it

Spec: :rule:`wasm.wait.resume`, :rule:`wasm.wait.fuel`, :rule:`wasm.wait.protocol`.
"""

from __future__ import annotations

import enum

from gritstone.errors import Exhausted, Refusal
from gritstone.wasm.engine import Instance, trap
from gritstone.wasm.interface import WAIT_AREA

__all__ = ["WINDING_UNITS", "Suspension"]

WINDING_UNITS = 1 << 24
_UNWINDING, _REWINDING = 1, 2  # what ``asyncify_get_state`` gives


class _Phase(enum.Enum):
    RUNNING = enum.auto()
    UNWINDING = enum.auto()
    SUSPENDED = enum.auto()
    WOUND = enum.auto()
    REWINDING = enum.auto()


class Suspension:
    """Know how far one call is with its winding.

    Attributes:
        is_granted: whether the guest may wait now.
    """

    __slots__ = ("_budget", "_left", "_phase", "is_granted")

    def __init__(self, budget: int) -> None:
        """Begin with a call that runs and may not wait yet.

        Args:
            budget: its units.
        """
        self.is_granted = False
        self._budget = budget
        self._left = 0
        self._phase = _Phase.RUNNING

    @property
    def is_winding(self) -> bool:
        """Tell whether the guest unwinds or winds its stack."""
        return self._phase is not _Phase.RUNNING

    @property
    def is_suspended(self) -> bool:
        """Tell whether the call ended in ``wait``."""
        return self._phase is _Phase.SUSPENDED

    def run(self, instance: Instance, entry: str, *, resumes: bool) -> int:
        """Run an entry to its end, or until it is suspended.

        Args:
            instance: whose.
            entry: its name.
            resumes: whether the instance holds a call that was suspended.

        Returns:
            What it returned; 0 if it was suspended.

        Raises:
            Rejected: it trapped, a misuse of ``wait`` among it (code ``failed:trap:wait``).
            Exhausted: it has no fuel left.

        Spec: :rule:`wasm.wait.resume`, :rule:`wasm.wait.protocol`.
        """
        if resumes:
            self._phase = _Phase.WOUND
            _call(instance, "asyncify_start_rewind", instance.constant(WAIT_AREA))
            self._phase = _Phase.REWINDING
            instance.fuel = WINDING_UNITS
        code = self._enter(instance, entry)
        if self._phase is _Phase.RUNNING:
            return code
        if self._phase is not _Phase.UNWINDING:
            raise trap("wait")  # it returned before it was resumed
        _expect(instance, _UNWINDING)
        _call(instance, "asyncify_stop_unwind")
        instance.fuel = self._left
        self._phase = _Phase.SUSPENDED
        return 0

    def _enter(self, instance: Instance, entry: str) -> int:
        try:
            code = instance.run(entry)
        except Exhausted as refusal:
            raise (_spent(refusal) if self.is_winding else refusal) from None
        assert code is not None, "an entry has a result"
        return code

    def suspend(self, instance: Instance) -> int:
        """Begin to unwind: ``wait``, once it is charged and granted.

        Spec: :rule:`wasm.wait.fuel`.
        """
        self._left = instance.fuel
        self._phase = _Phase.UNWINDING
        _call(instance, "asyncify_start_unwind", instance.constant(WAIT_AREA))
        instance.fuel = WINDING_UNITS
        return 0

    def resume(self, instance: Instance, name: str) -> int:
        """Serve a host call while the guest winds: the ``wait`` that it stopped in, and no other.

        Raises:
            Rejected: it is another one, or the guest is not as far (code ``failed:trap:wait``).

        Spec: :rule:`wasm.wait.protocol`.
        """
        if self._phase is not _Phase.REWINDING or name != "wait":
            raise trap("wait")
        self._phase = _Phase.WOUND
        _expect(instance, _REWINDING)
        _call(instance, "asyncify_stop_rewind")
        self._phase = _Phase.RUNNING
        instance.fuel = self._budget
        return 0


def _call(instance: Instance, export: str, *arguments: int) -> int | None:
    """Call an export with an allowance of its own."""
    instance.fuel = WINDING_UNITS
    try:
        return instance.run(export, *arguments)
    except Exhausted as refusal:
        raise _spent(refusal) from None


def _spent(refusal: Exhausted) -> Refusal:
    """Say what it is to have no fuel left while winding; whatever else ran out is what it always is."""
    return trap("wait") if refusal.code == "exhausted:fuel" else refusal


def _expect(instance: Instance, state: int) -> None:
    if _call(instance, "asyncify_get_state") != state:
        raise trap("wait")
