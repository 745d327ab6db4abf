"""The state that all processes of one run share: sequence numbers, deadlines, faults and the trace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.seqs import SEQS_OF_A_PROCESS, seq_number
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.trace import Trace
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Json

__all__ = ["SharedState"]


class SharedState:
    """The shared state of all processes of one run, including the additional processes of a property.

    Attributes:
        faults: all faults so far, in order.
        deadlines: the deadlines.
        trace: the trace file, or None.
        hello: the first answer to hello in the run, or None before it.
        log_bytes: how many bytes all ended processes wrote to standard error.
        strays: violations of :rule:`harness.process.group`; they do not fail the case in which they are detected.
        deaths: how many processes ended by SIGKILL, sent by the suite or not.
    """

    def __init__(self, settings: AttachSettings) -> None:
        self.faults: list[SubjectFault] = []
        self.deadlines = Deadlines(settings)
        self.log_bytes = 0
        self.strays: list[SubjectFault] = []
        self.deaths = 0
        self._seed = settings.seed
        self._conversations = itertools.count()
        self.trace = Trace(settings.trace) if settings.trace is not None else None
        self.hello: dict[str, Json] | None = None

    def seqs(self) -> Iterator[int]:
        """Return the sequence numbers of the next process; they do not depend on when another process ended."""
        first = next(self._conversations) * SEQS_OF_A_PROCESS
        # a map, not a generator: several threads send requests at the same time
        return map(partial(seq_number, self._seed), itertools.count(first))
