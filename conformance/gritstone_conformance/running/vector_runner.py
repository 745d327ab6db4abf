"""Vectors on a live subject, pipelined across cases.

Decides what is sent together and whom a fault blames. Cases whose arguments are all known go out in large batches, one
after the other on one process: an implementation acts as if requests came one by one, so cases cannot meet. A step
that needs an earlier answer waits for it, alone with its case.

A fault in a batch blames the case of the oldest unanswered request. That case is asked again alone in a fresh process,
unless it was only late; the cases behind it, which only waited in the window, are sent again. Whether what the broken
process had seen before poisoned it is found out in ``blame``.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from gritstone_conformance.cases import Case, Step
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import Difference, compare, substitute
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.replies import Json, Reply
from gritstone_conformance.running.ledger import Answer, ObservedSubject
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in

__all__ = ["VectorRun", "next_batch", "open_handles", "run_batch", "run_vectors", "segments"]

_BATCH_REQUESTS: Final = 512
_BATCH_REQUESTS_IN_SPAN: Final = 16  # a search with a span can end between batches only
_BATCH_CHARS: Final = 4_000_000
_NOT_ASKED_AGAIN: Final = ("late", "not-run")  # the process went on; nothing was asked

Request: TypeAlias = tuple[str, dict[str, Json]]


class VectorRun:
    """One vector while it runs.

    Attributes:
        item: the vector as it was planned.
        case: the vector.
        difference: the first difference, or None so far.
        step: index of the step that was looked at last.
        reply: its reply.
        fault: what broke, or None.
        reproduced: whether the fault occurred again when the case was alone.
        earlier: if it did not, what the broken process had been asked before.
        requests: how many requests were sent for it.
        seconds: how long it took; its share of a batch, by number of requests.
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
        """The steps that are sent next, or were sent last."""
        return self._parts[self._next]

    @property
    def is_last_part(self) -> bool:
        """Whether no step waits for the answer to this part."""
        return self._next == len(self._parts) - 1

    @property
    def is_found_out(self) -> bool:
        """Whether a difference or a fault was found, so that nothing more is sent."""
        return self.difference is not None or self.fault is not None

    def start_over(self) -> None:
        """Forget what was bound and found, for another try."""
        self.finish()
        self._bindings, self._next = {}, 0
        self.difference, self.reply, self.step, self.fault = None, None, 0, None

    def requests_now(self) -> list[Request]:
        """Return the requests of this part; the last part also closes what the case leaves open."""
        asked: list[Request] = []
        for index in self.part:
            step, names = self.case.steps[index], self._names[index]
            self._places.provide(names, self._bindings)
            asked.append((step.op, substitute(step.args, self._bindings) if names else step.args))
        self.requests += len(asked)
        return asked + self.closings() if self.is_last_part else asked

    def take(self, answers: Sequence[Answer]) -> bool:
        """Hold the answers to this part's requests against the case; only the first difference or fault counts.

        Returns:
            Whether the part is judged: False when the answers stop before anything was found.
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
        for answer in answers[len(part) :]:  # how a closing is answered does not matter, that it is does
            if isinstance(answer, SubjectFault):
                self.fault = answer
        return self.difference is not None or len(answers) >= len(part)

    def go_on(self) -> bool:
        """Turn to the next part; returns whether there is one to be sent."""
        if self.is_last_part or self.is_found_out:
            return False
        self._next += 1
        return True

    def closings(self) -> list[Request]:
        """Return the requests that close the stores which the steps up to this part open and do not close."""
        return [("grit.close", {"store": handle}) for handle in open_handles(self.case.steps[: self.part.stop])]

    def finish(self) -> None:
        """Remove the places of the case."""
        self._places.remove()


def open_handles(steps: Iterable[Step]) -> list[Json]:
    """Return the handles of the stores that steps open and do not close."""
    handles: dict[Json, None] = {}
    for step in steps:
        if step.op == "grit.open":
            handles[step.args.get("store")] = None
        elif step.op == "grit.close":
            handles.pop(step.args.get("store"), None)
    return list(handles)


def segments(steps: Sequence[Step], names: Sequence[frozenset[str]]) -> tuple[range, ...]:
    """Cut steps into runs that can be sent without waiting for an answer inside the run.

    Args:
        steps: of one case.
        names: of each step, the names that its arguments use.
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
    """Run vectors and yield each when it is decided; only after a fault is that not the order of the items.

    Vectors that are undecided at the time ``until``, when the span of a search is over, are not yielded.
    """
    most = _BATCH_REQUESTS if math.isinf(until) else _BATCH_REQUESTS_IN_SPAN
    waiting = deque(VectorRun(item, item.source) for item in items if isinstance(item.source, Case))
    while waiting and time.monotonic() < until:
        batch = next_batch(waiting, most)
        unjudged = run_batch(batch, subject)
        for played in reversed(unjudged):
            played.start_over()
            waiting.appendleft(played)
        for played in batch[: len(batch) - len(unjudged)]:
            if played.go_on():
                waiting.appendleft(played)
                continue
            yield _decided(played, subject)
            if played.fault is not None and played.fault.cause == "not-run":
                yield from _left_over(waiting, played.fault)
                return
    for played in waiting:
        played.finish()


def next_batch(waiting: deque[VectorRun], most: int = _BATCH_REQUESTS) -> list[VectorRun]:
    """Take cases off the queue until a batch is full, or one has to wait for an answer; its next part comes next."""
    batch: list[VectorRun] = []
    requests = chars = 0
    while waiting and requests < most and chars < _BATCH_CHARS:
        played = waiting.popleft()
        batch.append(played)
        if not played.is_last_part:
            break
        requests += len(played.part)
        chars += sum(_chars(played.case.steps[index].args) for index in played.part)
    return batch


def _chars(args: dict[str, Json]) -> int:
    return sum(len(value) for value in args.values() if isinstance(value, str))


def run_batch(batch: Sequence[VectorRun], subject: ObservedSubject) -> list[VectorRun]:
    """Run one part of each case; returns those that were not judged because the process broke before them."""
    started = time.perf_counter()
    asked: list[Request] = []
    starts: list[int] = []
    for played in batch:
        starts.append(len(asked))
        if played.part.start == 0:
            subject.history.note(played.case)
        asked += played.requests_now()
    answers = subject.ask_each(asked)
    share = (time.perf_counter() - started) / len(asked)
    unjudged = []
    for played, start, stop in zip(batch, starts, [*starts[1:], len(asked)], strict=True):
        played.seconds += share * (stop - start)
        if not played.take(answers[start:stop]):
            unjudged.append(played)
    return unjudged


def _left_over(waiting: Iterable[VectorRun], fault: SubjectFault) -> Iterator[VectorRun]:
    """Yield the cases that are not requested any more."""
    for played in waiting:
        played.fault = fault
        yield played


def _decided(played: VectorRun, subject: ObservedSubject) -> VectorRun:
    """Return a judged case once its fault is understood."""
    fault = played.fault
    if fault is None and not played.is_last_part:
        subject.ask_each(played.closings())
    if fault is not None and fault.cause not in _NOT_ASKED_AGAIN:
        _ask_again(played, subject)
    played.finish()
    return played


def _ask_again(guilty: VectorRun, subject: ObservedSubject) -> None:
    """Ask the blamed case again, alone in a fresh process, and keep what then breaks it."""
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
