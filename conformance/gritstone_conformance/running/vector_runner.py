"""Vectors on a subject, pipelined across cases.

This module decides which requests are sent together, and which case is blamed for a fault. Cases without bound
arguments are sent in large batches to one process. An implementation must behave as if requests arrived one by one, so
cases do not affect each other. A step that needs an earlier answer waits for it; its case is then the last one of its
batch.

A fault in a batch is blamed on the case of the oldest unanswered request. Unless its reply was only late, that case
runs again alone in a fresh process. The cases after it, which were only waiting in the window, are sent again.
``blame`` searches for earlier requests that caused the fault.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import Difference, compare, substitute
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.replies import Json, Reply
from gritstone_conformance.running.ledger import Answer, ObservedSubject
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in

__all__ = ["VectorRun", "next_batch", "open_handles", "run_batch", "run_vectors", "segments"]

_BATCH_REQUESTS: Final = 512
_BATCH_REQUESTS_IN_SPAN: Final = 16  # a search with a time limit can only end between batches
_BATCH_CHARS: Final = 4_000_000
_NOT_ASKED_AGAIN: Final = ("late", "not-run")  # the process still runs, or no request was sent

Request: TypeAlias = tuple[str, dict[str, Json]]


class VectorRun:
    """One vector while it runs.

    Attributes:
        item: the planned vector.
        case: the vector.
        difference: the first difference, or None so far.
        step: the index of the last judged step.
        reply: the reply to that step.
        fault: the fault, or None.
        reproduced: whether the fault occurred again when the case ran alone.
        earlier: if it did not, the cases that ran before in the broken process.
        requests: how many requests were sent for it.
        seconds: its share of the duration of its batches, by number of requests.
    """

    def __init__(self, item: Planned, case: Case) -> None:
        self.item = item
        self.case = case
        self.difference: Difference | None = None
        self.step = 0
        self.reply: Reply | None = None
        self.fault: SubjectFault | None = None
        self.reproduced = True
        self.earlier: tuple[Case, ...] = ()
        self.requests = 0
        self.seconds = 0.0
        self._names = tuple(names_in(step.args) for step in case.steps)
        self._parts = segments(case.steps, self._names)
        self._next = 0
        self._bindings: dict[str, Json] = {}
        self._places = TemporaryPaths()

    @property
    def part(self) -> range:
        """The steps that are sent next or were just sent."""
        return self._parts[self._next]

    @property
    def is_last_part(self) -> bool:
        """Whether there is no further part, whose requests need answers to this one."""
        return self._next == len(self._parts) - 1

    @property
    def is_found_out(self) -> bool:
        """Whether there was a difference or a fault, so that no further request is sent."""
        return self.difference is not None or self.fault is not None

    def start_over(self) -> None:
        """Remove bindings and results, to run the case again."""
        self.finish()
        self._bindings, self._next = {}, 0
        self.difference, self.reply, self.step, self.fault = None, None, 0, None

    def requests_now(self) -> list[Request]:
        """Return the requests of this part; the last part also closes the stores that the case leaves open."""
        asked: list[Request] = []
        for index in self.part:
            step, names = self.case.steps[index], self._names[index]
            self._places.provide(names, self._bindings)
            asked.append((step.op, substitute(step.args, self._bindings) if names else step.args))
        self.requests += len(asked)
        return asked + self.closings() if self.is_last_part else asked

    def take(self, answers: Sequence[Answer]) -> bool:
        """Compare the answers to this part with the case, up to the first difference or fault.

        Returns:
            Whether the part is judged: False if the answers end before a difference or a fault.
        """
        part = self.part
        for index, answer in zip(part, answers, strict=False):
            if isinstance(answer, SubjectFault):
                self.fault = answer
                return True
            self.step, self.reply = index, answer
            self.difference = compare(self.case.steps[index].expect, answer, self._bindings)
            if self.difference is not None:
                break
        for answer in answers[len(part) :]:  # the stores must be closed, with any reply
            if isinstance(answer, SubjectFault):
                self.fault = answer
        return self.difference is not None or len(answers) >= len(part)

    def go_on(self) -> bool:
        """Continue with the next part; return whether there is one to send."""
        if self.is_last_part or self.is_found_out:
            return False
        self._next += 1
        return True

    def closings(self) -> list[Request]:
        """Return the requests that close the stores that the steps up to this part leave open."""
        stores = [("grit.close", {"store": handle}) for handle in open_handles(self.case.steps[: self.part.stop])]
        return stores + [("sandbox.close", {"handle": handle}) for handle in self._copies()]

    def _copies(self) -> list[Json]:
        """Return the handles of instances and snapshots that the case has bound and does not close."""
        steps = [step for step in self.case.steps if step.op.startswith("sandbox.")]
        made = [step.expect.get("ok", {}).get(member) for step in steps for member in ("instance", "snapshot")]
        closed = [step.args.get("handle") for step in steps if step.op == "sandbox.close"]
        names = [each["$"] for each in made if isinstance(each, dict) and each not in closed]
        return [self._bindings[name] for name in names if isinstance(self._bindings.get(name), str)]

    def finish(self) -> None:
        """Remove the temporary paths of the case."""
        self._places.remove()


def open_handles(steps: Iterable[CaseStep]) -> list[Json]:
    """Return the handles of the stores that steps open and do not close."""
    handles: dict[Json, None] = {}
    for step in steps:
        if step.op == "grit.open":
            handles[step.args.get("store")] = None
        elif step.op == "grit.close":
            handles.pop(step.args.get("store"), None)
    return list(handles)


def segments(steps: Sequence[CaseStep], names: Sequence[frozenset[str]]) -> tuple[range, ...]:
    """Divide steps into parts that can be sent without waiting for an answer within the part.

    Args:
        steps: the steps of one case.
        names: the names that the arguments of each step use.
    """
    used = {name for some in names for name in some if not TemporaryPaths.is_temporary(name)}
    if not used:
        return (range(len(steps)),)
    cuts = [0]
    bound: set[str] = set()
    for index, step in enumerate(steps):
        if bound & names[index]:
            cuts.append(index)
            bound.clear()
        bound |= used & names_in(step.expect)
    return tuple(range(start, stop) for start, stop in zip(cuts, [*cuts[1:], len(steps)], strict=True))


def run_vectors(items: Iterable[Planned], subject: ObservedSubject, until: float = math.inf) -> Iterator[VectorRun]:
    """Run vectors and yield each when it is judged; in the order of the items, except after a fault.

    Vectors that are not judged at the time ``until``, the end of a search, are not yielded.
    """
    most = _BATCH_REQUESTS if math.isinf(until) else _BATCH_REQUESTS_IN_SPAN
    waiting = deque(VectorRun(item, item.source) for item in items if isinstance(item.source, Case))
    while waiting and time.monotonic() < until:
        batch = next_batch(waiting, most)
        unjudged = run_batch(batch, subject)
        for run in reversed(unjudged):
            run.start_over()
            waiting.appendleft(run)
        for run in (run for run in batch if run not in unjudged):
            if run.go_on():
                waiting.appendleft(run)
                continue
            yield _decided(run, subject)
            if run.fault is not None and run.fault.cause == "not-run":
                yield from _left_over(waiting, run.fault)
                return
    for run in waiting:
        run.finish()


def next_batch(waiting: deque[VectorRun], most: int = _BATCH_REQUESTS) -> list[VectorRun]:
    """Remove cases from the queue until the batch is full, or until a case has to wait for an answer."""
    batch: list[VectorRun] = []
    requests = chars = 0
    while waiting and requests < most and chars < _BATCH_CHARS:
        run = waiting.popleft()
        batch.append(run)
        if not run.is_last_part:
            break
        requests += len(run.part)
        chars += sum(_chars(run.case.steps[index].args) for index in run.part)
    return batch


def _chars(args: dict[str, Json]) -> int:
    return sum(len(value) for value in args.values() if isinstance(value, str))


def run_batch(batch: Sequence[VectorRun], subject: ObservedSubject) -> list[VectorRun]:
    """Run one part of each case; return the cases that were not judged because of an earlier fault."""
    started = time.perf_counter()
    asked: list[Request] = []
    starts: list[int] = []
    batch = [run for run in batch if not _is_given_up(run, subject)]
    if not batch:
        return []
    for run in batch:
        starts.append(len(asked))
        if run.part.start == 0:
            subject.history.note(run.case)
        asked += run.requests_now()
    answers = subject.ask_each(asked)
    share = (time.perf_counter() - started) / len(asked)
    unjudged = []
    for run, start, stop in zip(batch, starts, [*starts[1:], len(asked)], strict=True):
        run.seconds += share * (stop - start)
        if not run.take(answers[start:stop]):
            unjudged.append(run)
    return unjudged


def _is_given_up(run: VectorRun, subject: ObservedSubject) -> bool:
    """Return whether a case needs an operation that is not sent any more; it then gets the fault of that operation."""
    if run.part.start == 0:
        run.fault = next(filter(None, (subject.unsent(step.op) for step in run.case.steps)), None)
    return run.fault is not None


def _left_over(waiting: Iterable[VectorRun], fault: SubjectFault) -> Iterator[VectorRun]:
    """Yield the cases that are not sent any more."""
    for run in waiting:
        run.fault = fault
        yield run


def _decided(run: VectorRun, subject: ObservedSubject) -> VectorRun:
    """Return a judged case; if it has a fault, it first runs again alone."""
    fault = run.fault
    if fault is None and not run.is_last_part:
        subject.ask_each(run.closings())
    if fault is not None and fault.sent and fault.cause not in _NOT_ASKED_AGAIN:
        _ask_again(run, subject)
    run.finish()
    return run


def _ask_again(guilty: VectorRun, subject: ObservedSubject) -> None:
    """Run the blamed case again, alone in a fresh process, and record whether the fault occurs again."""
    first, earlier = guilty.fault, subject.history.before(guilty.case)
    guilty.start_over()
    subject.refresh()
    run_batch([guilty], subject)
    while guilty.go_on():
        run_batch([guilty], subject)
    if guilty.fault is None or guilty.fault.cause == "not-run":
        guilty.reproduced = guilty.fault is not None
        guilty.fault = first
    guilty.earlier = () if guilty.reproduced else earlier
