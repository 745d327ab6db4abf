"""Vectors on a live subject, pipelined across cases.

Decides what is sent together and whom a fault blames. Cases whose arguments are all known go out in large batches, one
after the other on one process: an implementation acts as if requests came one at a time, so cases cannot meet. A step
that needs an earlier answer waits for it, alone with its case.

A fault in a batch blames the case of the oldest unanswered request. That case is asked again alone in a fresh process,
unless it was only late; the cases behind it, which only waited in the window, are sent again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from gritstone_conformance.cases import Case, Step
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import Difference, compare, substitute
from gritstone_conformance.ledger import Answer, Observed
from gritstone_conformance.places import Places, names_in
from gritstone_conformance.plan import Planned
from gritstone_conformance.replies import Json, Reply

__all__ = ["Played", "play_cases", "segments"]

_BATCH_REQUESTS: Final = 512
_BATCH_CHARS: Final = 4_000_000

Request: TypeAlias = tuple[str, dict[str, Json]]


class Played:
    """One vector while it is played.

    Attributes:
        case: the vector.
        difference: the first difference, or None so far.
        step: index of the step that differs.
        reply: the reply that differs.
        fault: what broke, or None.
        reproduced: whether the fault came again when the case was alone.
        requests: how many requests were sent for it.
        seconds: how long it took; for a case in a batch, its share by number of requests.
    """

    def __init__(self, item: Planned, case: Case) -> None:
        self.item = item
        self.case = case
        self.parts = segments(case.steps)
        self.difference: Difference | None = None
        self.step = 0
        self.reply: Reply | None = None
        self.fault: SubjectFault | None = None
        self.reproduced = True
        self.requests = 0
        self.seconds = 0.0
        self._bindings: dict[str, Json] = {}
        self._places = Places()

    def start_over(self) -> None:
        """Forget what was bound and found, for another try."""
        self.finish()
        self._bindings, self.difference, self.reply, self.step, self.fault = {}, None, None, 0, None

    def requests_of(self, part: range) -> list[Request]:
        """Return the requests of one segment; its last segment also closes what the case leaves open."""
        asked: list[Request] = []
        for step in self.case.steps[part.start : part.stop]:
            self._places.provide(step.args, self._bindings)
            asked.append((step.op, substitute(step.args, self._bindings)))
        self.requests += len(asked)
        return asked

    def take(self, part: range, answers: Sequence[Answer]) -> bool:
        """Hold the answers of a segment against the case; only the first difference or fault counts.

        Returns:
            Whether the segment is judged: False when the answers stop before anything was found.
        """
        for index, answer in zip(part, answers, strict=False):
            if isinstance(answer, SubjectFault):
                self.fault = answer
                return True
            self.step, self.reply = index, answer
            self.difference = compare(self.case.steps[index].expect, answer, self._bindings)
            if self.difference is not None:
                return True
        return len(answers) >= len(part)

    def closings(self, until: int) -> list[Request]:
        """Return the requests that close the stores which the steps before ``until`` open and do not close."""
        handles: dict[Json, None] = {}
        for step in self.case.steps[:until]:
            if step.op == "grit.open":
                handles[step.args.get("store")] = None
            elif step.op == "grit.close":
                handles.pop(step.args.get("store"), None)
        return [("grit.close", {"store": handle}) for handle in handles]

    def finish(self) -> None:
        """Remove the places of the case."""
        self._places.remove()


def segments(steps: tuple[Step, ...]) -> tuple[range, ...]:
    """Cut steps into runs that can be sent without waiting for an answer inside the run."""
    cuts = [0]
    bound: set[str] = set()
    for index, step in enumerate(steps):
        if bound.intersection(names_in(step.args)):
            cuts.append(index)
            bound.clear()
        bound.update(name for name in names_in(step.expect) if name != "any" and not Places.is_place(name))
    return tuple(range(start, stop) for start, stop in zip(cuts, [*cuts[1:], len(steps)], strict=True))


def play_cases(items: Iterable[Planned], subject: Observed) -> Iterator[Played]:
    """Play vectors and yield each when it is decided; only after a fault is that not the order of the items."""
    waiting = deque(Played(item, item.source) for item in items if isinstance(item.source, Case))
    while waiting:
        batch = _next_batch(waiting)
        unjudged = _play_batch(batch, subject) if len(batch) > 1 else _play_alone(batch[0], subject)
        for played in reversed(unjudged):
            played.start_over()
            waiting.appendleft(played)
        again = {id(played) for played in unjudged}
        for played in batch:
            if id(played) not in again:
                yield _decided(played, waiting, subject)


def _decided(played: Played, waiting: deque[Played], subject: Observed) -> Played:
    """Return a judged case once its fault is understood; when nothing more is asked, all the rest shares it."""
    fault = played.fault
    if fault is not None and fault.cause == "not-run":
        for rest in waiting:
            rest.parts, rest.fault = (), fault
    elif fault is not None and fault.cause != "late" and played.parts:
        _ask_again(played, subject)
    played.finish()
    return played


def _next_batch(waiting: deque[Played]) -> list[Played]:
    """Take cases off the queue until a batch is full; any but a case of one segment is a batch of its own."""
    batch: list[Played] = []
    requests = chars = 0
    while waiting and requests < _BATCH_REQUESTS and chars < _BATCH_CHARS:
        if len(waiting[0].parts) != 1:
            return batch or [waiting.popleft()]
        played = waiting.popleft()
        batch.append(played)
        requests += len(played.case.steps)
        chars += sum(_chars(step.args) for step in played.case.steps)
    return batch


def _chars(args: dict[str, Json]) -> int:
    return sum(len(value) for value in args.values() if isinstance(value, str))


def _play_batch(batch: list[Played], subject: Observed) -> list[Played]:
    """Play cases of one segment each; returns those that were not judged because the process broke before them."""
    started = time.perf_counter()
    asked: list[Request] = []
    starts: list[int] = []
    for played in batch:
        starts.append(len(asked))
        asked += played.requests_of(played.parts[0])
        asked += played.closings(len(played.case.steps))
    answers = subject.ask_each(asked)
    share = (time.perf_counter() - started) / len(asked)
    unjudged = []
    for played, start, stop in zip(batch, starts, [*starts[1:], len(asked)], strict=True):
        part = played.parts[0]
        if not played.take(part, answers[start : start + len(part)]):
            unjudged.append(played)
        _take_closings(played, answers[start + len(part) : stop])
        played.seconds += share * len(part)
    return unjudged


def _play_alone(played: Played, subject: Observed) -> list[Played]:
    """Play one case segment by segment, close what it left open, and return nothing: it is always judged."""
    started = time.perf_counter()
    sent = 0
    for part in played.parts:
        sent = part.stop
        played.take(part, subject.ask_each(played.requests_of(part)))
        if played.difference is not None or played.fault is not None:
            break
    closings = played.closings(sent) if played.fault is None else []
    if closings:
        _take_closings(played, subject.ask_each(closings))
    played.seconds += time.perf_counter() - started
    return []


def _take_closings(played: Played, answers: Sequence[Answer]) -> None:
    """Blame a fault on closing what a case left open on that case; how the closing is answered does not matter."""
    for answer in answers:
        if isinstance(answer, SubjectFault) and played.fault is None:
            played.fault = answer


def _ask_again(guilty: Played, subject: Observed) -> None:
    """Ask the blamed case again, alone in a fresh process, and keep what then breaks it."""
    first = guilty.fault
    guilty.start_over()
    subject.refresh()
    _play_alone(guilty, subject)
    if guilty.fault is None or guilty.fault.cause == "not-run":
        guilty.reproduced = guilty.fault is not None
        guilty.fault = first
