"""Suspending a call within ``wait``, and resuming it in a later call.

The guest unwinds and rewinds its own stack; the host only starts and stops this. The code that runs meanwhile is
*winding*: it has a separate allowance and is not charged.

::

    phase        may follow                        host calls
    RUNNING      UNWINDING                         all
    UNWINDING    SUSPENDED                         none
    SUSPENDED                                      the call has ended
    WOUND        REWINDING                         none
    REWINDING    RUNNING                           wait, which ends this phase

Spec: :rule:`wasm.wait.resume`, :rule:`wasm.wait.fuel`, :rule:`wasm.wait.protocol`.
"""

from __future__ import annotations

import enum

from gritstone.errors import Exhausted, Refusal
from gritstone.wasm.engine import Instance, trap
from gritstone.wasm.interface import WAIT_AREA

__all__ = ["WINDING_UNITS", "Suspension"]

WINDING_UNITS = 1 << 24
_UNWINDING, _REWINDING = 1, 2  # results of ``asyncify_get_state``


class _Phase(enum.Enum):
    RUNNING = enum.auto()
    UNWINDING = enum.auto()
    SUSPENDED = enum.auto()
    WOUND = enum.auto()
    REWINDING = enum.auto()


class Suspension:
    """The winding state of one call.

    Attributes:
        is_granted: whether the guest may wait now.
    """

    __slots__ = ("_budget", "_left", "_phase", "is_granted")

    def __init__(self, budget: int) -> None:
        """Create the state of a call that runs and may not wait yet.

        Args:
            budget: the units of the call.
        """
        self.is_granted = False
        self._budget = budget
        self._left = 0
        self._phase = _Phase.RUNNING

    @property
    def is_winding(self) -> bool:
        """Return whether the guest unwinds or rewinds its stack."""
        return self._phase is not _Phase.RUNNING

    @property
    def is_suspended(self) -> bool:
        """Return whether the call ended in ``wait``."""
        return self._phase is _Phase.SUSPENDED

    def left(self, instance: Instance) -> int:
        """Return the units of the call that are left; winding takes none of them.

        Spec: :rule:`wasm.wait.fuel`.
        """
        return self._left if self.is_winding else instance.fuel

    def run(self, instance: Instance, entry: str, *, resumes: bool) -> int:
        """Run an entry until it returns or is suspended.

        Args:
            instance: the instance.
            entry: the name of the entry.
            resumes: whether the instance contains a suspended call.

        Returns:
            The returned value; 0 if the call was suspended.

        Raises:
            Rejected: the call trapped; misuse of ``wait`` is also a trap (code ``failed:trap:wait``).
            Exhausted: the call ran out of fuel.

        Spec: :rule:`wasm.wait.resume`, :rule:`wasm.wait.protocol`.
        """
        if resumes:
            self._left, self._phase = self._budget, _Phase.WOUND
            _call(instance, "asyncify_start_rewind", instance.constant(WAIT_AREA))
            self._phase = _Phase.REWINDING
            instance.fuel = WINDING_UNITS
        try:
            code = instance.run(entry)
        except Exhausted as refusal:
            raise (_spent(refusal) if self.is_winding else refusal) from None
        if self._phase is _Phase.RUNNING:
            return code
        if self._phase is not _Phase.UNWINDING:
            raise trap("wait")  # it returned before it was resumed
        _expect(instance, _UNWINDING)
        _call(instance, "asyncify_stop_unwind")
        instance.fuel = self._left
        self._phase = _Phase.SUSPENDED
        return 0

    def suspend(self, instance: Instance) -> int:
        """Start to unwind the stack, after ``wait`` was charged and granted.

        Spec: :rule:`wasm.wait.fuel`.
        """
        self._left = instance.fuel
        self._phase = _Phase.UNWINDING
        _call(instance, "asyncify_start_unwind", instance.constant(WAIT_AREA))
        instance.fuel = WINDING_UNITS
        return 0

    def resume(self, instance: Instance, name: str) -> int:
        """Serve a host call while the guest winds; only the ``wait`` that it was suspended in is allowed.

        Raises:
            Rejected: it is another call, or the guest is in another phase (code ``failed:trap:wait``).

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


def _call(instance: Instance, export: str, *arguments: int) -> int:
    """Call an export with a separate allowance."""
    instance.fuel = WINDING_UNITS
    try:
        return instance.run(export, *arguments)
    except Exhausted as refusal:
        raise _spent(refusal) from None


def _spent(refusal: Exhausted) -> Refusal:
    """Return the refusal for running out of fuel while winding; other refusals are unchanged."""
    return trap("wait") if refusal.code == "exhausted:fuel" else refusal


def _expect(instance: Instance, state: int) -> None:
    if _call(instance, "asyncify_get_state") != state:
        raise trap("wait")
