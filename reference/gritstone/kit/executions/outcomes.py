"""The outcomes of runs of untrusted code.

::

    Rejected
      Failed                a call ended without a step
        SecurityViolation   it tried something that it was not granted
        OutOfFuel           it needs more fuel than it has
        Trapped             the code trapped, or reported that it failed
        Abandoned           this host could not run it now

Spec: :rule:`wasm.outcome.code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gritstone.errors import Refusal, Rejected

__all__ = [
    "Abandoned",
    "Failed",
    "OutOfFuel",
    "Result",
    "SecurityViolation",
    "SentMessage",
    "Trapped",
    "failed",
]


class Failed(Rejected):
    """An error for a call that ended without a step. The call has no effect.

    Attributes:
        code: the class and the code of the outcome, as ``failed:trap:unreachable``.
        reason: the code alone, as ``trap:unreachable``.
        snapshot_id: the id of the current step of the execution, in hex; None before its first step.
    """

    def __init__(self, message: str, *, rule: str, code: str | None, snapshot_id: str | None) -> None:
        super().__init__(message, rule=rule, code=code)
        self.reason = (code or "").partition(":")[2] or code or ""
        self.snapshot_id = snapshot_id


class SecurityViolation(Failed):
    """An error for code that tried something that it was not granted, or requires something that no host grants."""


class OutOfFuel(Failed):
    """An error for code that needs more fuel than it has; the call can be continued with more."""


class Trapped(Failed):
    """An error for code that trapped, or reported that it failed."""


class Abandoned(Failed):
    """An error for a call that this host could not run now. It is not an outcome of the code; it can be retried."""


_KINDS: Mapping[str, type[Failed]] = {
    "failed:denied": SecurityViolation,
    "unresolved:import": SecurityViolation,
    "exhausted:fuel": OutOfFuel,
    "failed:trap": Trapped,
    "failed:guest": Trapped,
    "host": Abandoned,
}


def failed(refusal: Refusal, snapshot_id: str | None) -> Failed:
    """Return the error of a refused call.

    Args:
        refusal: the refusal.
        snapshot_id: the id of the current step of the execution.
    """
    kind = _KINDS.get(":".join((refusal.code or "").split(":")[:2]), Failed)
    message = str(refusal) if refusal.code is None else f"{refusal.code}: {refusal}"
    return kind(message, rule=refusal.rule, code=refusal.code, snapshot_id=snapshot_id)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the code has sent out.

    Attributes:
        message_id: its id, in hex; the header ``reply`` of an answer contains it.
        headers: its headers.
        content: the data of its content; None if the content is a tree.
    """

    message_id: str
    headers: Mapping[str, str]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run.

    Attributes:
        outcome: ``step``; ``suspended``, if the code waits within the call; ``declined``, if it declined the message;
            or the code of an error that was not raised.
        snapshot_id: the id of the current step of the execution, in hex; None before its first step.
        fuel_spent: the units that the calls spent; None if they are not counted.
        error: the error that was not raised.
        sent: the messages that the code has sent out.
    """

    outcome: str
    snapshot_id: str | None
    fuel_spent: int | None
    error: Failed | None = None
    sent: tuple[SentMessage, ...] = ()
