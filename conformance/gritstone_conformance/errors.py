"""Errors of the suite itself, and faults of an implementation.

::

    SuiteError                 the suite, its data or its user is at fault
      UsageError               an option or a file given by the user is wrong          exit 2
      DataError                a rule, vector, report or property is not valid         exit 4
    SubjectFault               the implementation broke instead of answering           verdict ``error``
    Divergence                 the implementation answered wrongly (in ``trial``)      verdict ``fail``
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DataError", "SubjectFault", "SuiteError", "UsageError"]


_BY_SIGKILL: Final = frozenset({"dead:signal-KILL", "dead:exit-137", "dead:exit-247"})
"""Exit codes of a process that SIGKILL ended, also as a launcher passes them on: 128 + 9, or -9 as a byte."""


class SuiteError(Exception):
    """The suite, its data or its user is at fault; never a verdict."""


class UsageError(SuiteError):
    """An option, a file or a command given by the user is wrong; exit code 2."""


class DataError(SuiteError):
    """A rule file, a vector file, a report or a drawn value is invalid; exit code 4."""


@dataclass(slots=True)
class SubjectFault(Exception):  # noqa: N818 - a fault of the subject, not an error of the suite
    """The implementation broke: it was late, hung or died, violated the protocol, or reported an error.

    Attributes:
        cause: one of the causes of the liveness chapter, e.g. ``late``, ``hung:blocked``, ``dead:signal-SEGV``,
            ``dead:exit-1``, ``protocol:not-json``, ``adapter``, ``memory``, ``unharmed``, ``not-run``.
        detail: one readable line: the end of stderr, the invalid bytes, the adapter's own message.
        rule: the harness rule that this violates, or None if the cause alone violates none.
        request: index of the request at fault among those sent together; the oldest one without a reply.
        sent: whether the request was sent; if not, it has the fault of earlier requests of its operation.
    """

    cause: str
    detail: str
    rule: str | None = None
    request: int = 0
    sent: bool = True

    @property
    def is_sigkill(self) -> bool:
        """Whether the process ended by SIGKILL.

        Spec: :rule:`harness.fault.exact`.
        """
        return self.cause in _BY_SIGKILL

    def __str__(self) -> str:
        """Return cause and detail in one line."""
        return f"{self.cause}: {self.detail}" if self.detail else self.cause
