"""The state that all processes of one run share: numbers, deadlines, faults, the trace."""

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
    """What all processes of one run have in common, the extra ones of a property included.

    Attributes:
        faults: everything seen so far, in order.
        deadlines: the deadlines.
        trace: where lines are traced to, or None.
        hello: the first answer to hello in the run, or None before it.
        log_bytes: how many bytes were received over standard error of all of them that have ended.
        strays: faults of :rule:`harness.process.group`: they break no case in which they come to light.
        deaths: how many processes ended by SIGKILL, of their own or of the suite's.
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
        """Return the sequence numbers of the next process: its own, so that they do not depend on when another died."""
        first = next(self._conversations) * SEQS_OF_A_PROCESS
        # a map, not a generator: processes are driven by several threads at once
        return map(partial(seq_number, self._seed), itertools.count(first))
