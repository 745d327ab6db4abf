"""What came of a run, for whoever runs code that they do not trust.

::

    Rejected
      Failed                a call ended without a step
        SecurityViolation   it tried what it was not granted
        OutOfFuel           it needs more fuel than it has
        Trapped             the code itself went wrong
        Abandoned           this host could not carry it out now

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
    """Say that a call ended without a step. Nothing of it is left.

    Attributes:
        code: the class and the code of the outcome, as ``failed:trap:unreachable``.
        reason: the code alone, as ``trap:unreachable``.
        snapshot_id: the step that the execution still stands at, in hex; None before its first one.
    """

    def __init__(self, message: str, *, rule: str, code: str | None, snapshot_id: str | None) -> None:
        super().__init__(message, rule=rule, code=code)
        self.reason = (code or "").partition(":")[2] or code or ""
        self.snapshot_id = snapshot_id


class SecurityViolation(Failed):
    """Say that the code tried what it was not granted, or asks for what nobody has."""


class OutOfFuel(Failed):
    """Say that the code needs more fuel than it has; it can go on with more."""


class Trapped(Failed):
    """Say that the code itself went wrong: it trapped, or said that it failed."""


class Abandoned(Failed):
    """Say that this host could not carry the call out now. It is no outcome of the code: it can be called again."""


_KINDS: Mapping[str, type[Failed]] = {
    "failed:denied": SecurityViolation,
    "unresolved:import": SecurityViolation,
    "exhausted:fuel": OutOfFuel,
    "failed:trap": Trapped,
    "failed:guest": Trapped,
    "host": Abandoned,
}


def failed(refusal: Refusal, snapshot_id: str | None) -> Failed:
    """Make the error of a refused call.

    Args:
        refusal: why.
        snapshot_id: where the execution stands.
    """
    kind = _KINDS.get(":".join((refusal.code or "").split(":")[:2]), Failed)
    message = str(refusal) if refusal.code is None else f"{refusal.code}: {refusal}"
    return kind(message, rule=refusal.rule, code=refusal.code, snapshot_id=snapshot_id)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """Be a message that the code has sent out.

    Attributes:
        message_id: its id, in hex; an answer names it in the header ``reply``.
        headers: its headers.
        content: the data of its content; None if that is a tree.
    """

    message_id: str
    headers: Mapping[str, str]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Result:
    """Say what came of a run.

    Attributes:
        outcome: ``step``; ``suspended``, if the code waits inside of the call; ``declined``, if it did not want the
            message; or the code of an error that was not raised.
        snapshot_id: the step that the execution stands at, in hex; None before its first one.
        fuel_spent: units that the calls spent; None if the core keeps no count.
        error: what was not raised.
        sent: what the code has sent out.
    """

    outcome: str
    snapshot_id: str | None
    fuel_spent: int | None
    error: Failed | None = None
    sent: tuple[SentMessage, ...] = ()
