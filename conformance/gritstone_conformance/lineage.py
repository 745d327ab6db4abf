"""What all processes of one run have in common, whoever started them: numbers, deadlines, faults, the trace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.pace import Pace
from gritstone_conformance.replies import Json
from gritstone_conformance.seqs import seq_number
from gritstone_conformance.terms import Terms
from gritstone_conformance.trace import Trace

__all__ = ["Lineage"]


class Lineage:
    """What all processes of one run have in common, the extra ones of a property included.

    Attributes:
        faults: everything seen so far, in order.
        pace: the deadlines.
        seqs: the sequence numbers of the run.
        trace: where lines are traced to, or None.
        hello: the first answer to hello in the run, or None before it.
    """

    def __init__(self, terms: Terms) -> None:
        self.faults: list[SubjectFault] = []
        self.pace = Pace(terms)
        # a map, not a generator: processes are driven by several threads at once
        self.seqs: Iterator[int] = map(partial(seq_number, terms.seed), itertools.count())
        self.trace = Trace(terms.trace) if terms.trace is not None else None
        self.hello: dict[str, Json] | None = None
